"""出荷通知の送信, and what leads there: what a seller says has left is answered by its confirmation."""

import pytest
from django.test import Client

from cancellations.policy import Refusal
from cancellations.wording import refusal
from orders import actions
from orders.models import Order
from tests.cast import LATER, Cast
from tests.security.cast import take_all, versioned

pytestmark = pytest.mark.django_db
TRACKING = "4421-9987-0012"


@pytest.fixture(autouse=True)
def clock(time_machine):
    """An hour after the orders were placed."""
    time_machine.move_to(LATER, tick=False)


@pytest.fixture
def alice(cast: Cast, client: Client) -> Client:
    """alice at her desk."""
    client.force_login(cast.alice)
    return client


def decline_as_shipped(alice: Client, order: Order):
    """リクエストを断る because the goods have left."""
    fields = versioned(order, reason="ALREADY_SHIPPED", tracking=TRACKING, text="")
    return alice.post(f"/seller/orders/{order.number}/decline/", fields)


def confirm(alice: Client, order: Order, **fields: str):
    """出荷通知の送信 of everything, today."""
    sent = {"shipped_on": "2026-07-01", "carrier": "", "tracking_number": TRACKING}
    path = f"/seller/orders/{order.number}/confirm-shipment/?declining=1"
    return alice.post(path, versioned(order, **take_all(order), **sent | fields))


def test_declining_what_has_left_leads_to_its_shipment_confirmation(cast: Cast, alice: Client):
    order = cast.order()
    cast.request(order)
    answer = decline_as_shipped(alice, order)
    assert answer.status_code == 302
    assert answer.url.startswith(f"/seller/orders/{order.number}/confirm-shipment/?declining=1")
    request = order.requests.get()
    assert (request.status, request.decline_reason) == ("OPEN", "")
    page = alice.get(answer.url).content.decode()
    assert "まだリクエストへの回答は完了していません" in page
    assert f'value="{TRACKING}"' in page


def test_the_confirmation_ends_the_request_and_says_so(cast: Cast, alice: Client):
    order = cast.order()
    cast.request(order)
    answer = confirm(alice, order, already_shipped="on")
    assert answer.status_code == 302
    assert "キャンセルリクエストは終了しました" in alice.get(answer.url).content.decode()
    order.refresh_from_db()
    request = order.requests.get()
    assert (order.status, request.status, request.close_reason) == ("SHIPPED", "CLOSED", "SHIPPED")
    assert order.shipments.get().tracking_number == TRACKING
    assert order.events.get(name="shipment.confirmed").payload == {"overtook_request": True}


def test_the_way_through_declining_asks_once_more_too(cast: Cast, alice: Client):
    order = cast.order()
    cast.request(order)
    page = confirm(alice, order).content.decode()
    assert "まだリクエストへの回答は完了していません" in page
    assert "すでに商品を発送済みの場合のみ、チェックを入れて送信してください。" in page
    assert order.requests.get().status == "OPEN"


def test_without_a_request_nothing_is_said_of_one(cast: Cast, alice: Client):
    order = cast.order()
    answer = confirm(alice, order)
    assert "リクエストは終了" not in alice.get(answer.url).content.decode()


def test_on_hold_nothing_can_be_confirmed_so_the_request_is_declined(cast: Cast, alice: Client):
    order = cast.order()
    cast.request(order)
    actions.hold(order_ids=[order.pk], note="", by=cast.operator, now=LATER)
    assert decline_as_shipped(alice, order).url.startswith(f"/seller/orders/{order.number}/#")
    request = order.requests.get()
    assert (request.status, request.decline_tracking) == ("DECLINED", TRACKING)


def test_another_item_under_a_key_that_was_used_is_not_called_sent(cast: Cast, alice: Client):
    order = cast.order(1, 1)
    path = f"/seller/orders/{order.number}/confirm-shipment/"
    first, second = order.items.order_by("pk")
    said = versioned(order, shipped_on="2026-07-01", carrier="", tracking_number="")
    bodies = [said | {f"take-{line.item_id}": "on", f"quantity-{line.item_id}": "1"} for line in (first, second)]
    assert alice.post(path, bodies[0]).status_code == 302
    page = alice.post(path, bodies[1])
    assert page.status_code == 200
    assert refusal(Refusal.IDEMPOTENCY_MISMATCH) in page.content.decode()
    # The very same once more is what a double click sends, although its item is not in the form any more.
    assert alice.post(path, bodies[0]).status_code == 302
    second.refresh_from_db()
    assert (second.quantity_shipped, order.shipments.count()) == (0, 1)
