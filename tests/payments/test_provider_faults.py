"""The provider fails, loses answers, answers late or twice (F-61 … F-63): retried, visible, never doubled."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from events.actions import retry
from events.models import Delivery, Event
from orders.models import Order
from orders.queries import lock_orders
from payments import tasks
from payments.incoming import place_unknown_notices, take_notice
from payments.models import Authorization, Charge, ProviderNotice, Refund
from payments.providers import provider, test
from payments.providers.base import About, Notice
from payments.queries import sold_of
from payments.refunds import RefundTarget, refund
from payments.rules import RefundReason
from tests import factories
from tests.books import checksums, nothing_changes, offences
from tests.cast import LATER, Cast, deliver, lines_of
from tests.factories import NOON

pytestmark = pytest.mark.usefixtures("no_mails")
DOOR = "/payments/notices/test/"


def order_paid_by(cast: Cast, method: str, **fields) -> Order:
    order = cast.order(**{"payment_method": method} | fields)
    deliver(NOON)
    return order


def give(cast: Cast, order: Order) -> Refund:
    target = RefundTarget(order.pk, RefundReason.RETURN, beside=Decimal(500))
    refund(targets=[target], by=cast.seller, now=LATER)
    return Refund.objects.latest("pk")


def told(
    client: Client, about: About, key: str, *, number: str = "n-1", reference: str = "", succeeded: bool = True
):
    """Send the test provider's notice to its door."""
    body, signature = provider("test").notice(
        number=number, about=about, key=key, reference=reference or f"test-{key}", succeeded=succeeded
    )
    return client.post(DOOR, body, content_type="application/json", headers={"Test-Signature": signature})


def test_f61_a_charge_and_a_refund_whose_answers_were_lost_are_made_once(cast: Cast):
    order = order_paid_by(cast, test.LOSES_ANSWERS)
    cast.confirm(order)
    deliver()
    assert Charge.objects.get().state == "PENDING"
    deliver(LATER + timedelta(hours=2))
    assert Charge.objects.get().state == "SUCCEEDED"
    give(cast, order)
    deliver(LATER + timedelta(hours=2))
    assert Refund.objects.get().state == "PENDING"
    deliver(LATER + timedelta(hours=4))
    assert (Refund.objects.get().state, Refund.objects.count()) == ("SUCCEEDED", 1)
    assert offences() == {}


def test_f62_a_provider_that_is_down_leaves_the_order_cancelled_the_buyer_told_once_and_all_of_it_visible(
    cast: Cast, client: Client
):  # E30
    order = order_paid_by(cast, test.DOWN)
    cast.cancel(order)
    for hours in range(4):
        deliver(LATER + timedelta(hours=hours))
    waiting = Delivery.objects.get(listener="release_authorization")
    assert (waiting.state, waiting.attempts) == ("PENDING", 4)
    assert (Order.objects.get().status, Authorization.objects.get().state) == ("CANCELED", "HELD")
    mails = Event.objects.get(name="order.cancelled").deliveries.filter(listener="mail_buyer")
    assert mails.get().attempts == 1
    client.force_login(cast.alice)
    assert "お支払いの確保を解除中" in client.get(f"/seller/orders/{order.number}/").content.decode()
    olga = factories.person(
        "olga@operator.example", "運営", is_staff=True, operator_role="ADMIN", is_superuser=True
    )
    client.force_login(olga)
    listed = client.get(reverse("admin:events_delivery_changelist"), {"state": "RETRIED"})
    assert order.number in listed.content.decode()
    assert offences() == {}


def test_f62_after_twelve_attempts_a_person_is_asked(cast: Cast):
    order = order_paid_by(cast, test.DOWN)
    cast.confirm(order)
    for hours in range(15):
        deliver(LATER + timedelta(hours=hours * 2))
    waiting = Delivery.objects.get(listener="charge")
    assert (waiting.state, waiting.attempts) == ("FAILED", 12)
    assert Charge.objects.get().state == "PENDING"


def test_a_refund_refused_for_good_is_failed_and_its_money_may_go_back_another_way(cast: Cast, client: Client):
    order = order_paid_by(cast, test.REFUSES_REFUNDS)
    cast.confirm(order)
    deliver()
    row = give(cast, order)
    deliver()
    row.refresh_from_db()
    assert row.state == "FAILED"
    assert Delivery.objects.get(listener="refund", event__name="payment.refunded").state == "FAILED"
    client.force_login(cast.dora)
    assert "失敗" in client.get(f"/account/orders/{order.number}/").content.decode()
    assert give(cast, order).pk != row.pk
    assert offences() == {}


def test_f63_an_answer_that_comes_later_is_taken_from_its_notice_and_only_once(cast: Cast, client: Client):
    order = order_paid_by(cast, test.ANSWERS_LATER)
    cast.confirm(order)
    deliver()
    charge = Charge.objects.get()
    assert charge.state == "PENDING"
    assert told(client, About.CHARGE, f"charge-{charge.pk}").json() == {"state": "APPLIED"}
    assert Charge.objects.get().state == "SUCCEEDED"
    assert told(client, About.CHARGE, f"charge-{charge.pk}").json() == {"state": "NO_CHANGE"}
    assert told(client, About.CHARGE, f"charge-{charge.pk}", number="n-2", succeeded=False).json() == {
        "state": "NO_CHANGE"
    }
    assert Charge.objects.get().state == "SUCCEEDED"
    assert offences() == {}


def test_f63_a_second_answer_after_our_own_changes_nothing(cast: Cast, client: Client):
    order = order_paid_by(cast, "")
    cast.confirm(order)
    deliver()
    row = give(cast, order)
    deliver()
    before = checksums()
    assert told(client, About.REFUND, row.idempotency_key).json() == {"state": "NO_CHANGE"}
    after = checksums()
    assert {table for table in after if after[table] != before[table]} == {"payments_providernotice"}


def test_f63_a_notice_ahead_of_our_own_answer_is_the_answer(cast: Cast, client: Client):
    order = order_paid_by(cast, "")
    cast.confirm(order)
    deliver()
    row = give(cast, order)
    assert told(client, About.REFUND, row.idempotency_key).json() == {"state": "APPLIED"}
    deliver()
    row.refresh_from_db()
    assert (row.state, row.refunded_at is not None) == ("SUCCEEDED", True)
    assert Delivery.objects.filter(listener="refund", event__name="payment.refunded").get().state == "DELIVERED"


def test_f63_a_notice_of_an_unknown_order_is_kept_tried_again_for_a_day_and_then_listed(
    cast: Cast, client: Client
):
    said = Notice("n-9", About.REFUND, "refund-of-nobody", "test-refund-of-nobody", succeeded=True)
    assert take_notice(said, provider="test", now=LATER) == "UNKNOWN"
    assert place_unknown_notices(now=LATER) == 0
    order = order_paid_by(cast, "")
    cast.confirm(order)
    deliver()
    row = give(cast, order)
    Refund.objects.filter(pk=row.pk).update(idempotency_key="refund-of-nobody")
    assert place_unknown_notices(now=LATER + timedelta(hours=25)) == 0
    assert place_unknown_notices(now=LATER + timedelta(hours=23)) == 1
    kept = ProviderNotice.objects.get()
    assert (kept.state, kept.order_id) == ("APPLIED", order.pk)
    assert Refund.objects.get().state == "SUCCEEDED"


def test_f63_operators_find_what_nobody_could_place(cast: Cast, client: Client, time_machine):
    said = Notice("n-9", About.CHARGE, "charge-99", "test-charge-99", succeeded=True)
    take_notice(said, provider="test", now=LATER)
    olga = factories.person(
        "olga@operator.example", "運営", is_staff=True, operator_role="ADMIN", is_superuser=True
    )
    time_machine.move_to(LATER + timedelta(hours=25), tick=False)
    client.force_login(olga)
    assert "照合できない決済会社からの通知" in client.get("/admin/").content.decode()
    listed = client.get(reverse("admin:payments_providernotice_changelist"), {"unplaced": "yes"})
    assert "test-charge-99" in listed.content.decode()
    assert tasks.place_unknown_notices() == 0


def test_a_payment_verified_later_by_a_notice_lets_the_seller_begin_and_one_refused_cancels(
    cast: Cast, client: Client
):
    paid, unpaid = (order_paid_by(cast, "CVS", verified=False) for _ in range(2))
    told(client, About.RESERVATION, f"reserve-{paid.number}")
    told(client, About.RESERVATION, f"reserve-{unpaid.number}", number="n-2", succeeded=False)
    paid.refresh_from_db()
    unpaid.refresh_from_db()
    assert (paid.status, unpaid.status) == ("UNSHIPPED", "CANCELED")
    assert unpaid.cancellations.get().code == "MKT-3"


def test_a_notice_about_an_order_that_was_cancelled_meanwhile_changes_no_order(cast: Cast, client: Client):  # E20
    order = order_paid_by(cast, "CVS", verified=False)
    cast.cancel_alone(order, now=LATER)
    deliver()
    version = Order.objects.get().version
    told(client, About.RESERVATION, f"reserve-{order.number}", succeeded=False)
    assert Order.objects.get().version == version
    assert order.cancellations.count() == 1


@pytest.mark.parametrize(
    ("body", "signature"),
    [(b"{}", ""), (b"{}", "é"), (b"\xff\x00", "x"), (b"[1]", None), (b'{"number": 1}', None), (b"not json", None)],
)
def test_what_the_provider_did_not_sign_or_cannot_have_said_is_refused(db, client: Client, body, signature):
    sign = test._signature(body) if signature is None else signature
    with nothing_changes():
        answer = client.post(DOOR, body, content_type="application/json", headers={"Test-Signature": sign})
    assert (answer.status_code, answer.json()) == (400, {"error": "UNREADABLE_NOTICE"})


def test_the_door_takes_posts_of_known_providers_and_of_a_notices_size(db, client: Client):
    assert client.get(DOOR).status_code == 405
    assert client.post("/payments/notices/abacus/").status_code == 404
    assert client.post("/payments/notices/stripe/").status_code == 404
    assert client.post(DOOR, b"x" * 300_000, content_type="application/json").status_code == 413


def test_a_person_can_try_the_faults_with_a_test_order(cast: Cast, client: Client, settings):
    settings.DEMO = True
    client.force_login(cast.dora)
    page = client.get("/account/test-order/").content.decode()
    assert "返金を拒否する" in page
    sent = {
        "key": "k",
        "seller": cast.shop.pk,
        "goods": "CAN-S12",
        "quantity": "1",
        "payment": test.REFUSES_REFUNDS,
    }
    assert client.post("/account/test-order/", sent).status_code == 302
    assert Order.objects.get().payment_method == test.REFUSES_REFUNDS


def test_trying_a_refused_refund_again_says_so_again(cast: Cast):
    order = order_paid_by(cast, test.REFUSES_REFUNDS)
    cast.confirm(order)
    deliver()
    give(cast, order)
    deliver()
    sent = Delivery.objects.get(listener="refund", event__name="payment.refunded")
    retry(delivery_ids=[sent.pk], now=LATER)
    deliver(LATER + timedelta(hours=1))
    sent.refresh_from_db()
    assert (sent.state, Refund.objects.get().state) == ("FAILED", "FAILED")


def test_a_refund_that_gave_up_waiting_goes_when_its_charge_is_told(cast: Cast):
    order = order_paid_by(cast, test.ANSWERS_LATER)
    cast.confirm(order)
    deliver()
    give(cast, order)
    for hours in range(15):
        deliver(LATER + timedelta(hours=hours))
    sent = Delivery.objects.get(listener="refund", event__name="payment.refunded")
    assert sent.state == "FAILED"
    said = Notice("n", About.CHARGE, f"charge-{Charge.objects.get().pk}", "test-TEST_LATER-x", succeeded=True)
    take_notice(said, provider="test", now=LATER + timedelta(hours=20))
    deliver(LATER + timedelta(hours=20))
    sent.refresh_from_db()
    assert (sent.state, Refund.objects.get().provider_ref is not None) == ("DELIVERED", True)


def test_units_whose_refund_was_refused_are_not_called_shipping(cast: Cast):
    order = cast.order(2, payment_method=test.REFUSES_REFUNDS)
    deliver(NOON)
    (pot,) = lines_of(order)
    cast.confirm(order, {pot: 1})
    deliver()
    cast.cancel(order, units={pot: 1})
    deliver()
    assert Refund.objects.get().state == "FAILED"
    with transaction.atomic():
        sold = sold_of(lock_orders([order.pk]).values())[order.pk]
    assert (sold.left, sold.beside) == (2300, 300)


def test_a_notices_key_goes_before_its_reference(cast: Cast):
    order = order_paid_by(cast, "")
    cast.confirm(order)
    deliver()
    first, second = give(cast, order), give(cast, order)
    deliver()
    Refund.objects.filter(pk=second.pk).update(state="PENDING", provider_ref=None)
    first.refresh_from_db()
    said = Notice("n-2", About.REFUND, second.idempotency_key, first.provider_ref, succeeded=False)
    assert take_notice(said, provider="test", now=LATER) == "APPLIED"
    assert Refund.objects.get(pk=second.pk).state == "FAILED"


def test_notices_of_others_do_not_keep_ours_waiting(cast: Cast):
    for number in range(120):
        said = Notice(f"x{number}", About.REFUND, f"foreign{number}", f"re_{number}", succeeded=True)
        take_notice(said, provider="test", now=LATER)
    order = order_paid_by(cast, "")
    cast.confirm(order)
    deliver()
    ours = Notice("ours", About.REFUND, "late", "re_ours", succeeded=True)
    take_notice(ours, provider="test", now=LATER + timedelta(minutes=1))
    row = give(cast, order)
    Refund.objects.filter(pk=row.pk).update(idempotency_key="late")
    assert place_unknown_notices(now=LATER + timedelta(hours=1)) == 1
