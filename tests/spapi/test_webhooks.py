"""Webhooks: what arrives, how it is signed, in what order, how long it is tried, and where nothing ever goes."""

import base64
import hashlib
import hmac
import json
import threading
from datetime import datetime, timedelta

import pytest
from django.db import connection

from accounts.actors import Actor, Door, Role
from cancellations.policy import Reason
from events.models import Delivery
from spapi import webhooks
from spapi.actions import Refused, add_webhook, end_webhook, mark_of, renew_secret, replay, set_topics
from spapi.models import Destination, Subscription
from spapi.pushing import push_due
from spapi.rules import Topic
from spapi.webhooks import Network, NotTaken, Unreachable, addresses_of, is_public, send
from tests import factories
from tests.cast import LATER, Cast, lines_of
from tests.listening import HOST, PUBLIC, Listener, listening

URL = f"https://{HOST}/orders?shop=1"
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def listener(tmp_path, monkeypatch):
    """A server that every address of the public network is."""
    with listening(tmp_path) as found:
        monkeypatch.setattr(webhooks, "INTERNET", found.network())
        yield found


def webhook(cast: Cast, *topics: Topic, address: str = URL, now: datetime = LATER) -> tuple[Destination, str]:
    return add_webhook(
        seller=cast.shop, name="在庫", address=address, topics=topics or tuple(Topic), by=cast.seller, now=now
    )


def push(now: datetime = LATER) -> int:
    return push_due(clock=lambda: now)


def told(listener: Listener) -> list[dict]:
    return [json.loads(each.body) for each in listener.received]


def changes(listener: Listener) -> list[tuple[str, str]]:
    found = [each["Payload"]["OrderChangeNotification"] for each in told(listener)]
    return [(each["OrderChangeType"], each["OrderChangeTrigger"]["ChangeReason"]) for each in found]


# --- what arrives -------------------------------------------------------------------------------------------


def test_a_request_arrives_with_the_flag_of_each_item(cast: Cast, listener):
    webhook(cast)
    order = cast.order(2, 1)
    first, _ = lines_of(order)
    cast.request(order, {first: 1})
    assert push() == 1
    (message,) = told(listener)
    body = message["Payload"]["OrderChangeNotification"]
    assert message["NotificationType"] == "ORDER_CHANGE"
    assert body["AmazonOrderId"] == order.number
    assert (body["OrderChangeType"], body["OrderChangeTrigger"]["ChangeReason"]) == (
        "BuyerRequestedChange",
        "Buyer Requested Cancel",
    )
    assert [item["IsBuyerRequestedCancel"] for item in body["Summary"]["OrderItems"]] == [True, False]
    order.refresh_from_db()
    assert body["Summary"]["CancelNotifyDate"] == order.auto_cancel_due_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert listener.received[0].path == "/orders?shop=1"


def test_nothing_of_the_buyer_but_the_postal_code_is_in_a_message(cast: Cast, listener):
    webhook(cast)
    order = cast.order(1)
    cast.request(order)
    push()
    said = listener.received[0].body.decode()
    recipient = order.recipient
    hidden = [recipient.name, recipient.line1, cast.dora.name, cast.dora.email]
    assert all(hidden)
    assert [each for each in hidden if each in said] == []


def test_each_act_arrives_under_its_reason_in_the_order_of_the_acts(cast: Cast, listener):
    webhook(cast)
    order = cast.order(1)
    cast.request(order)
    cast.withdraw(order)
    cast.confirm(order)
    by_shop, by_buyer = cast.order(1), cast.order(1, verified=False)
    cast.cancel(by_shop, reason=Reason.NO_INVENTORY)
    cast.cancel_alone(by_buyer)
    assert push() == 5
    numbers = [each["Payload"]["OrderChangeNotification"]["AmazonOrderId"] for each in told(listener)]
    place = [order.number, by_shop.number, by_buyer.number].index
    found = sorted(zip(numbers, changes(listener), strict=True), key=lambda each: place(each[0]))
    assert [change for _, change in found] == [
        ("BuyerRequestedChange", "Buyer Requested Cancel"),
        ("BuyerRequestedChange", "Buyer Withdrew Request"),
        ("OrderStatusChange", "Shipped"),
        ("OrderStatusChange", "Canceled by Seller"),
        ("OrderStatusChange", "Canceled by Buyer"),
    ]


def test_a_webhook_is_told_of_its_topics_of_its_shop_only(cast: Cast, listener):
    webhook(cast, Topic.FEED_PROCESSING_FINISHED)
    add_webhook(
        seller=cast.other_shop,
        name="他店",
        address=URL,
        topics=[Topic.ORDER_CHANGE],
        by=factories.seller_actor(cast.charlie),
        now=LATER,
    )
    cast.request(cast.order(1))
    assert push() == 0
    assert listener.received == []


def test_an_import_tells_no_software(cast: Cast, listener):
    webhook(cast)
    cast.cancel(cast.order(1), reason=Reason.IMPORTED, by=Actor(Role.SYSTEM, Door.IMPORT))
    assert push() == 0


# --- how it is signed (S-27) --------------------------------------------------------------------------------


def verified(secret: str, received) -> bool:
    """As the scheme's own description checks it: id, time stamp and body."""
    headers = received.headers
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + received.body
    made = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}" in headers["webhook-signature"].split()


def test_s27_a_message_is_signed_with_its_id_and_time_stamp(cast: Cast, listener):
    _, secret = webhook(cast)
    cast.request(cast.order(1))
    push()
    (received,) = listener.received
    assert verified(secret, received)
    assert received.headers["webhook-timestamp"] == str(int(LATER.timestamp()))
    assert received.headers["webhook-id"] == told(listener)[0]["NotificationMetadata"]["NotificationId"]
    received.body += b" "
    assert not verified(secret, received)


def test_s27_both_secrets_sign_for_seven_days_then_the_new_one_alone(cast: Cast, listener):
    made, former = webhook(cast)
    secret = renew_secret(
        seller_id=cast.shop.pk, destination_id=made.pk, seen=mark_of(made), by=cast.seller, now=LATER
    )
    assert secret
    cast.request(cast.order(1))
    push(LATER + timedelta(days=7) - MINUTE)
    cast.request(cast.order(1))
    push(LATER + timedelta(days=7))
    during, after = listener.received
    assert [verified(each, during) for each in (former, secret)] == [True, True]
    assert [verified(each, after) for each in (former, secret)] == [False, True]


def test_a_page_that_is_sent_once_more_renews_no_secret(cast: Cast):
    made, _ = webhook(cast)
    wish = {"seller_id": cast.shop.pk, "destination_id": made.pk, "seen": mark_of(made), "by": cast.seller}
    assert renew_secret(**wish, now=LATER)
    with pytest.raises(Refused):
        renew_secret(**wish, now=LATER)


def test_s20_the_secret_lies_nowhere_in_plain_text(cast: Cast):
    made, secret = webhook(cast)
    renew_secret(seller_id=cast.shop.pk, destination_id=made.pk, seen=mark_of(made), by=cast.seller, now=LATER)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d::text FROM spapi_destination AS d UNION ALL SELECT a::text FROM events_auditentry AS a"
        )
        rows = cursor.fetchall()
    assert rows
    assert not [row for (row,) in rows if secret.removeprefix("whsec_") in row]


# --- in what order, how often, for how long -----------------------------------------------------------------


def test_what_is_refused_comes_again_under_the_same_id_and_holds_up_its_own_order_only(cast: Cast, listener):
    webhook(cast)
    listener.answers = [500, 200]
    refused, other = cast.order(1), cast.order(1)
    cast.request(refused)
    cast.withdraw(refused)
    cast.request(other)
    assert push() == 2
    assert push(LATER + timedelta(hours=1)) == 2
    numbers = [each["Payload"]["OrderChangeNotification"]["AmazonOrderId"] for each in told(listener)]
    assert numbers == [refused.number, other.number, refused.number, refused.number]
    ids = [each.headers["webhook-id"] for each in listener.received]
    assert ids[0] == ids[2]
    assert len(set(ids)) == 3
    assert changes(listener)[2:] == [
        ("BuyerRequestedChange", "Buyer Requested Cancel"),
        ("BuyerRequestedChange", "Buyer Withdrew Request"),
    ]


@pytest.mark.parametrize("status", [199, 301, 302, 307, 400, 404, 410, 429, 500])
def test_no_answer_but_2xx_takes_a_message_and_no_redirect_is_followed(cast: Cast, listener, status):
    webhook(cast)
    listener.answers = [status if status != 199 else 300]
    cast.request(cast.order(1))
    push()
    assert Delivery.objects.filter(subscription__isnull=False).get().state == "PENDING"
    assert [each.path for each in listener.received] == ["/orders?shop=1"]


def test_f60_a_destination_that_does_not_answer_rests_and_holds_up_nobody(cast: Cast, listener, monkeypatch):
    def connect(address: str, seconds: float):
        if address == "93.184.216.99":
            dead.append(address)
            raise TimeoutError("nobody")
        return listener.network().connect(address, seconds)

    dead: list[str] = []
    resolve = {HOST: [PUBLIC], "away.shop.example": ["93.184.216.99"]}.__getitem__
    monkeypatch.setattr(webhooks, "INTERNET", Network(resolve, connect, lambda: listener.context))
    away, _ = webhook(cast, address="https://away.shop.example/")
    webhook(cast)
    for _ in range(10):
        cast.request(cast.order(1))
    push()
    assert len(dead) == 1
    assert len(listener.received) == 10
    away.refresh_from_db()
    assert away.failures == 1
    assert away.rests_until >= LATER
    push(away.rests_until - timedelta(microseconds=1))
    assert len(dead) == 1
    push(LATER + timedelta(hours=1))
    assert len(dead) == 2


def test_a_destination_that_is_back_gets_everything(cast: Cast, listener, monkeypatch):
    def nobody(address: str, seconds: float):
        raise ConnectionRefusedError

    monkeypatch.setattr(webhooks, "INTERNET", Network(lambda host: [PUBLIC], nobody))
    made, _ = webhook(cast)
    for _ in range(3):
        cast.request(cast.order(1))
    push()
    monkeypatch.setattr(webhooks, "INTERNET", listener.network())
    assert push(LATER + timedelta(hours=1)) == 3
    made.refresh_from_db()
    assert (made.failures, made.rests_until, made.last_error) == (0, None, "")


@pytest.mark.parametrize("answers", ["nobody", "no"])
def test_a_message_is_tried_for_24_hours_after_it_happened(cast: Cast, listener, monkeypatch, answers):
    def nobody(address: str, seconds: float):
        raise ConnectionRefusedError

    if answers == "nobody":
        monkeypatch.setattr(webhooks, "INTERNET", Network(lambda host: [PUBLIC], nobody))
    listener.answers = [500]
    webhook(cast)
    cast.request(cast.order(1))
    cast.request(cast.order(1))
    end = LATER + timedelta(hours=24)
    push(end - timedelta(seconds=1))
    pushes = Delivery.objects.filter(subscription__isnull=False)
    assert set(pushes.values_list("state", flat=True)) == {"PENDING"}
    for _ in range(3):
        push(end + timedelta(hours=2))
    assert set(pushes.values_list("state", flat=True)) == {"FAILED"}


def test_a_message_can_be_sent_again_once_it_was_sent_or_given_up(cast: Cast, listener):
    made, _ = webhook(cast)
    cast.request(cast.order(1))
    delivery = Delivery.objects.get(subscription__isnull=False)
    wish = {
        "seller_id": cast.shop.pk,
        "destination_id": made.pk,
        "delivery_id": delivery.pk,
        "by": cast.seller,
        "now": LATER,
    }
    assert not replay(**wish)
    push()
    assert not replay(**wish | {"seller_id": cast.other_shop.pk})
    assert replay(**wish)
    push()
    assert listener.received[0].headers["webhook-id"] == listener.received[1].headers["webhook-id"]


def test_two_workers_never_serve_a_destination_at_once(cast: Cast, listener, monkeypatch):
    webhook(cast)
    cast.request(cast.order(1))
    seen: list[int] = []
    send_it = webhooks.send
    monkeypatch.setattr(webhooks, "send", lambda *args: (seen.append(push()), send_it(*args))[1])
    assert push() == 1
    assert seen == [0]
    assert len(listener.received) == 1


def test_a_worker_that_died_leaves_its_destination_to_others_after_two_minutes(cast: Cast, listener):
    made, _ = webhook(cast)
    Destination.objects.filter(pk=made.pk).update(claimed_until=LATER + timedelta(seconds=120))
    cast.request(cast.order(1))
    assert push() == 0
    assert push(LATER + timedelta(seconds=120)) == 1


def test_what_a_webhook_is_told_of_changes_at_once(cast: Cast, listener):
    made, _ = webhook(cast, Topic.ORDER_CHANGE)
    cast.request(cast.order(1))
    wish = {"seller_id": cast.shop.pk, "destination_id": made.pk, "by": cast.seller, "now": LATER}
    assert set_topics(**wish, topics=[Topic.METRIC_STATE_CHANGED])
    assert not set_topics(**wish, topics=[Topic.METRIC_STATE_CHANGED])
    assert push() == 0
    assert end_webhook(**wish)
    assert not Subscription.objects.exists()


def test_a_message_that_is_sent_again_is_tried_for_24_hours_from_then(cast: Cast, listener, monkeypatch):
    made, _ = webhook(cast)
    cast.request(cast.order(1))
    push()
    delivery = Delivery.objects.get(subscription__isnull=False)
    later = LATER + timedelta(days=3)
    wish = {"seller_id": cast.shop.pk, "destination_id": made.pk, "delivery_id": delivery.pk, "by": cast.seller}
    assert replay(**wish, now=later)
    listener.answers = [500]
    push(later + timedelta(hours=23))
    delivery.refresh_from_db()
    assert delivery.state == "PENDING"
    push(later + timedelta(hours=26))
    delivery.refresh_from_db()
    assert delivery.state == "FAILED"


def test_however_often_a_message_is_refused_nothing_else_stops(cast: Cast, listener):
    made, _ = webhook(cast)
    cast.request(cast.order(1))
    Delivery.objects.filter(subscription__isnull=False).update(attempts=2000)
    listener.answers = [500]
    assert push() == 1
    made.refresh_from_db()
    assert made.claimed_until <= LATER


def test_a_destination_that_refuses_three_times_in_a_row_is_left_alone(cast: Cast, listener):
    made, _ = webhook(cast)
    for _ in range(10):
        cast.request(cast.order(1))
    listener.answers = [500]
    assert push() == 3
    made.refresh_from_db()
    assert (made.failures, made.last_error) == (1, "REFUSES")


def test_a_destination_that_goes_on_refusing_rests_longer_each_time(cast: Cast, listener):
    made, _ = webhook(cast)
    for _ in range(10):
        cast.request(cast.order(1))
    listener.answers = [500]
    for times in (1, 2, 3):
        push(LATER + times * timedelta(hours=2))
        made.refresh_from_db()
        assert made.failures == times
    listener.answers = [200]
    push(LATER + timedelta(hours=10))
    made.refresh_from_db()
    assert made.failures == 0


def test_a_slow_destination_lets_the_others_go_on_before_its_next_message(cast: Cast, listener, monkeypatch):
    webhook(cast, address=f"https://{HOST}/slow")
    webhook(cast, address=f"https://{HOST}/quick")
    for _ in range(3):
        cast.request(cast.order(1))
    now = [LATER]
    send_it = webhooks.send

    def taking_long(url, *args):
        now[0] += timedelta(seconds=9 if url.endswith("slow") else 0)
        send_it(url, *args)

    monkeypatch.setattr(webhooks, "send", taking_long)
    push_due(clock=lambda: now[0])
    assert [each.path for each in listener.received] == ["/slow", "/quick", "/quick", "/quick"]


def test_a_message_that_is_sent_again_holds_up_no_later_one(cast: Cast, listener):
    made, _ = webhook(cast)
    order = cast.order(1)
    cast.request(order)
    push()
    old = Delivery.objects.get(subscription__isnull=False)
    replay(seller_id=cast.shop.pk, destination_id=made.pk, delivery_id=old.pk, by=cast.seller, now=LATER)
    cast.withdraw(order)
    listener.answers = [500, 200]
    push()
    assert changes(listener)[-1] == ("BuyerRequestedChange", "Buyer Withdrew Request")


def test_a_webhook_that_ends_while_it_is_served_stops_nothing(cast: Cast, listener, monkeypatch):
    made, _ = webhook(cast)
    cast.request(cast.order(1))

    def ending(*args):
        end_webhook(seller_id=cast.shop.pk, destination_id=made.pk, by=cast.seller, now=LATER)
        raise Unreachable("NO_CONNECTION")

    monkeypatch.setattr(webhooks, "send", ending)
    assert push() == 1
    assert not Destination.objects.exists()


def test_an_order_that_was_never_paid_gives_no_postal_code_away(cast: Cast, listener):
    webhook(cast)
    cast.cancel_alone(cast.order(1, verified=False))
    push()
    assert told(listener)[0]["Payload"]["OrderChangeNotification"]["Summary"]["DestinationPostalCode"] is None


@pytest.mark.parametrize(
    ("door", "reason"),
    [
        (Door.SWEEP, "Auto Canceled"),
        (Door.PAYMENT, "Canceled by Marketplace"),
        (Door.RULES, "Canceled by Seller"),
    ],
)
def test_what_the_portal_cancels_is_told_by_whose_wish_it_is(cast: Cast, listener, door, reason):
    webhook(cast)
    order = cast.order(1)
    cast.request(order)
    cast.cancel(order, reason=Reason.BUYER_CANCELED, by=Actor(Role.SYSTEM, door))
    push()
    assert changes(listener)[-1] == ("OrderStatusChange", reason)


# --- where nothing ever goes (S-28) -------------------------------------------------------------------------

NOT_PUBLIC = [
    "127.0.0.1", "127.1", "127.0.0.2", "0x7f000001", "0x7f.1", "0177.0.0.1", "2130706433", "017700000001",
    "127.000.000.001", "0.0.0.0", "0",  # noqa: S104 - nothing is bound to it
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1",
    "169.254.169.254", "100.64.0.1", "100.127.255.254", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[fc00::1]",
    "[fd12:3456::1]", "[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]", "[ff02::1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::1]", "[2002:7f00:1::1]", "[2001::1]", "[2001:db8::1]", "[100::1]", "93.184.216.34",
    "localhost", "localhost.", "shop", "a@127.0.0.1", "hooks.shop.example@127.0.0.1", "hooks.shop.example:444",
    "hooks.shop.example:80", "hooks..example", "-a.example", "例え.jp", "hooks.shop.example\\@127.0.0.1",
    "hooks.shop.example#@127.0.0.1", "hooks.shop.example ", "%31%32%37.0.0.1", "①②⑦.0.0.1", "127。0。0。1",
]  # fmt: skip


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_s28_no_connection_to_an_address_that_is_not_a_name_of_the_public_network(listener, host):
    # What these spell for the system's own resolver; the names among them are private, too.
    network = listener.network(resolve=lambda name: ["127.0.0.1"])
    for path in ("/", ""):
        with pytest.raises(Unreachable):
            send(f"https://{host}{path}", b"{}", {}, network=network)
    assert listener.connections == 0


NOT_HTTPS = [
    f"http://{HOST}/", f"ftp://{HOST}/", f"//{HOST}/", "file:///etc/passwd", HOST, "", f"https://{HOST}/\r\nX: 1",
    f"HTTPS//{HOST}", f"https:{HOST}",
]  # fmt: skip


@pytest.mark.parametrize("url", NOT_HTTPS)
def test_s28_only_https(listener, url):
    with pytest.raises(Unreachable):
        send(url, b"{}", {}, network=listener.network())
    assert listener.connections == 0


@pytest.mark.parametrize(
    "address",
    [each.strip("[]").replace("%25", "%") for each in NOT_PUBLIC[:46] if not each.startswith(("0x", "01", "21"))],
)
def test_s28_a_name_with_one_address_that_is_not_public_is_refused(listener, address):
    with pytest.raises(Unreachable):
        send(URL, b"{}", {}, network=listener.network(resolve=lambda host: [PUBLIC, address]))
    assert listener.connections == 0


def test_s28_the_name_is_resolved_once_and_the_connection_goes_to_that_address(tmp_path):
    with listening(tmp_path) as found:
        answers, reached = [[PUBLIC], ["127.0.0.1"]], []

        def connect(address: str, seconds: float):
            reached.append(address)
            return found.network().connect(address, seconds)

        network = Network(lambda host: answers.pop(0), connect, lambda: found.context)
        send(URL, b"{}", {}, network=network)
        assert reached == [PUBLIC]
        with pytest.raises(Unreachable):
            send(URL, b"{}", {}, network=network)
        assert reached == [PUBLIC]


def test_s28_a_certificate_of_another_name_gets_nothing(tmp_path):
    with listening(tmp_path, host="other.example") as found:
        with pytest.raises(Unreachable):
            send(URL, b"{}", {}, network=found.network())
        assert found.received == []


def test_a_host_that_drips_its_answer_is_left_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(webhooks, "WHOLE_SECONDS", 0.3)
    with listening(tmp_path) as found:
        monkeypatch.setattr("tests.listening._Handler.do_POST", drip)
        with pytest.raises(Unreachable, match="TOO_SLOW"):
            send(URL, b"{}", {}, network=found.network())


def drip(handler) -> None:
    """Say a little now and then, and never come to an end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(200):
        try:
            handler.wfile.write(b".")
            handler.wfile.flush()
        except OSError:
            return
        threading.Event().wait(0.05)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", PUBLIC])
def test_public_addresses_are_public(address):
    assert is_public(address)


def test_addresses_are_looked_at_when_a_webhook_is_saved():
    assert addresses_of(URL, network=Network(lambda host: [PUBLIC]))[0] == HOST
    with pytest.raises(Unreachable):
        addresses_of(URL, network=Network(lambda host: ["10.0.0.1"]))


def test_a_refusal_says_the_status(listener):
    listener.answers = [503]
    with pytest.raises(NotTaken, match="503"):
        send(URL, b"{}", {}, network=listener.network())
