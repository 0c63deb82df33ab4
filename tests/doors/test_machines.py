"""The same cases through the doors for machines: partner API, older web service, our own operations (wall 6)."""

from datetime import datetime, timedelta

import pytest
import time_machine

from cancellations import actions as cancelling
from cancellations.actions import CancelTarget, DeclineTarget
from cancellations.models import CancellationRequest
from cancellations.policy import DeclineReason, Interlock, Reason
from events.models import Event
from feeds.actions import run_feeds
from orders.models import Order
from shipments.actions import ConfirmTarget, confirm_shipment
from tests.cast import LATER, NOON, Cast
from tests.mws.conftest import FEEDS, signer_for
from tests.spapi.conftest import software_of
from tests.spapi.test_documents import fed

from .books_of import books_of

WIRE = {
    Reason.NO_INVENTORY: "NoInventory",
    Reason.BUYER_CANCELED: "BuyerCanceled",
    Reason.OTHER: "GeneralAdjustment",
}
OWN = "/cancellations/v1"


@pytest.fixture(autouse=True)
def still(settings, tmp_path, monkeypatch, no_mails):
    """The clock stands still, nobody is limited, files lie in a folder of their own, and no broker is asked."""
    settings.SPAPI_RATE_LIMITS = False
    settings.STORAGES = {
        **settings.STORAGES,
        "documents": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "documents"},
        },
    }
    monkeypatch.setattr("feeds.actions.submitting.enqueue", lambda seller_id: None)
    with time_machine.travel(LATER, tick=False):
        yield


@pytest.fixture
def software(cast: Cast):
    return software_of(cast.shop, cast.alice)


@pytest.fixture
def signer(cast: Cast):
    return signer_for(cast.shop, cast.alice)


def lines(order: Order, reason: Reason) -> bytes:
    return f"order-id\tcancellation-reason-code\n{order.number}\t{WIRE[reason]}\n".encode()


def carried_out(cast: Cast) -> None:
    run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)


def same(*orders: Order, doors: tuple[str, ...]) -> None:
    """Require that all orders' books say the same, and that each came in by its own door."""
    first, *others = (books_of(order, by_door=False) for order in orders)
    for other in others:
        assert other == first
    latest = [Event.objects.filter(order=order).latest("order_version").door for order in orders]
    assert latest == list(doors)


@pytest.mark.parametrize("reason", WIRE)
@pytest.mark.parametrize("asked", [False, True], ids=["nobody asked", "the buyer asked"])
def test_a_shop_cancels_alike_by_action_own_operation_and_both_feeds(
    cast: Cast, software, signer, reason: Reason, asked: bool
):
    by_action, by_own, by_spapi, by_mws = orders = [cast.order(2, 1) for _ in range(4)]
    if asked:
        for order in orders:
            cast.request(order, now=NOON + timedelta(minutes=10))
    cancelling.cancel(targets=[CancelTarget(by_action.pk, reason)], by=cast.seller, now=LATER)
    body = {"reasonCode": reason.value}
    assert software.ask("POST", f"{OWN}/orders/{by_own.number}/cancellations", body).status_code == 200
    fed(software, lines(by_spapi, reason))
    sent = signer.ask(
        FEEDS,
        "SubmitFeed",
        method="POST",
        body=lines(by_mws, reason),
        FeedType="_POST_FLAT_FILE_ORDER_ACKNOWLEDGEMENT_DATA_",
    )
    assert sent.status_code == 200
    carried_out(cast)
    same(*orders, doors=("PAGE", "API", "FEED", "FEED"))


def test_a_shop_approves_alike_by_action_and_own_operation(cast: Cast, software):
    by_action, by_own = orders = [cast.order(2, 1) for _ in range(2)]
    for order in orders:
        cast.request(order, now=NOON + timedelta(minutes=10))
    cancelling.cancel(targets=[CancelTarget(by_action.pk, Reason.BUYER_CANCELED)], by=cast.seller, now=LATER)
    request = CancellationRequest.objects.get(order=by_own)
    assert software.ask("POST", f"{OWN}/requests/{request.pk}/approval", {}).status_code == 200
    same(*orders, doors=("PAGE", "API"))


def test_a_shop_declines_alike_by_action_and_own_operation(cast: Cast, software):
    by_action, by_own = orders = [cast.order(2) for _ in range(2)]
    for order in orders:
        cast.request(order, now=NOON + timedelta(minutes=10))
    target = DeclineTarget(by_action.pk, DeclineReason.OTHER, "お届け済みです", "1234")
    cancelling.decline(targets=[target], by=cast.seller, now=LATER)
    request = CancellationRequest.objects.get(order=by_own)
    body = {"reasonCode": "OTHER", "text": "お届け済みです", "trackingNumber": "1234"}
    assert software.ask("POST", f"{OWN}/requests/{request.pk}/decline", body).status_code == 200
    same(*orders, doors=("PAGE", "API"))


@pytest.mark.parametrize("asked", [False, True], ids=["nobody asked", "the buyer asked"])
def test_a_shop_confirms_shipments_alike_by_action_partner_api_and_feed(cast: Cast, software, asked: bool):
    by_action, by_spapi, by_feed = orders = [cast.order(2) for _ in range(3)]
    if asked:
        for order in orders:
            cast.request(order, now=NOON + timedelta(minutes=10))
    day: datetime = LATER
    target = ConfirmTarget(by_action.pk, day.date(), carrier="ヤマト運輸", tracking_number="1234")
    confirm_shipment(targets=[target], interlock=Interlock.WARN, by=cast.seller, now=LATER)
    package = {
        "packageReferenceId": "1",
        "carrierCode": "YamatoTransport",
        "trackingNumber": "1234",
        "shipDate": LATER.isoformat(),
        "orderItems": [{"orderItemId": by_spapi.items.get().item_id, "quantity": 2}],
    }
    body = {"marketplaceId": "A1VC38T7YXB528", "packageDetail": package}
    answer = software.ask("POST", f"/orders/v0/orders/{by_spapi.number}/shipmentConfirmation", body)
    assert answer.status_code == 204
    head = "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\ttracking-number\tship-method\n"
    line = f"{by_feed.number}\t{by_feed.items.get().item_id}\t2\t{day.date()}\tYamatoTransport\t1234\t宅急便\n"
    fed(software, (head + line).encode(), feed_type="POST_FLAT_FILE_FULFILLMENT_DATA")
    carried_out(cast)
    same(*orders, doors=("PAGE", "API", "FEED"))
