"""The same cases through the doors for machines: partner API, older web service, our own operations (wall 6)."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.test import Client

from cancellations import actions as cancelling
from cancellations.actions import CancelTarget, DeclineTarget
from cancellations.models import CancellationRequest
from cancellations.policy import DeclineReason, Interlock, Reason
from events.models import Delivery, Event
from feeds.actions import run_feeds
from feeds.parsers import Kind
from orders.models import Order
from reports.actions import add_columns
from reports.rules import Kind as ReportKind
from shipments.actions import ConfirmTarget, confirm_shipment
from spapi.messages import order_change
from spapi.models import Destination
from tests.cast import LATER, NOON, Cast
from tests.mws.conftest import FEEDS, ORDERS, Signer, signer_for, texts
from tests.reports.conftest import made, own_store, rows_of
from tests.spapi.conftest import Software, software_of
from tests.spapi.test_documents import fed
from tests.spapi.test_notifications import destination, subscribe

from .books_of import books_of
from .hands import by_file, envelope, operate, send

__all__ = ["made", "own_store"]

WIRE = {
    Reason.NO_INVENTORY: "NoInventory",
    Reason.BUYER_CANCELED: "BuyerCanceled",
    Reason.OTHER: "GeneralAdjustment",
}
OWN = "/cancellations/v1"


@pytest.fixture(autouse=True)
def still(settings, monkeypatch, no_mails, own_store):
    """The clock stands still, nobody is limited, and no broker is asked; files lie in a folder of their own."""
    settings.SPAPI_RATE_LIMITS = False
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


def by_older_service(signer: Signer, kind: str, content: bytes) -> None:
    """Send a feed through the older web service."""
    sent = signer.ask(FEEDS, "SubmitFeed", method="POST", body=content, FeedType=kind)
    assert sent.status_code == 200, sent.content


def same(*orders: Order, doors: tuple[str, ...]) -> None:
    """Require that all orders' books say the same, and that each came in by its own door.

    What an operator does for a shop has a note, which nobody else may write.
    """
    first, *others = (books_of(order, by_door=False) for order in orders)
    for other, door in zip(others, doors[1:], strict=True):
        if door == "ADMIN":
            assert other["events"][-1][-1].pop("note")
        assert other == first
    latest = [Event.objects.filter(order=order).latest("order_version").door for order in orders]
    assert latest == list(doors)


@pytest.mark.parametrize("reason", WIRE)
@pytest.mark.parametrize("asked", [False, True], ids=["nobody asked", "the buyer asked"])
def test_a_shop_cancels_alike_through_all_doors(
    cast: Cast, software, signer, alice: Client, olga: Client, reason: Reason, asked: bool
):
    by_page, by_admin, by_own, by_spapi, by_mws, by_flat, by_xml = orders = [cast.order(2, 1) for _ in range(7)]
    if asked:
        for order in orders:
            cast.request(order, now=NOON + timedelta(minutes=10))
    restock = {} if reason == Reason.NO_INVENTORY else {"restock": "on"}
    fields = {"reason": reason.value, "restock_for": reason.value, "seller_memo": "", "confirmed": reason.value}
    send(alice, "seller:order-cancel", by_page, **fields, **restock)
    operate(olga, by_admin, "cancel-for-seller", reason=reason.value, note="電話で頼まれた")
    body = {"reasonCode": reason.value}
    assert software.ask("POST", f"{OWN}/orders/{by_own.number}/cancellations", body).status_code == 200
    fed(software, lines(by_spapi, reason))
    by_older_service(signer, "_POST_FLAT_FILE_ORDER_ACKNOWLEDGEMENT_DATA_", lines(by_mws, reason))
    by_file(cast, Kind.CANCELLATION, lines(by_flat, reason).decode())
    items = "".join(
        f"<Item><AmazonOrderItemCode>{line.item_id}</AmazonOrderItemCode>"
        f"<CancelReason>{WIRE[reason]}</CancelReason></Item>"
        for line in by_xml.items.order_by("pk")
    )
    body = f"<AmazonOrderID>{by_xml.number}</AmazonOrderID><StatusCode>Failure</StatusCode>{items}"
    by_file(cast, Kind.CANCELLATION, envelope(cast, "OrderAcknowledgement", body))
    carried_out(cast)
    same(*orders, doors=("PAGE", "ADMIN", "API", "FEED", "FEED", "FEED", "FEED"))


def test_a_shop_cancels_units_alike_through_all_doors(cast: Cast, software, signer, alice: Client):
    by_page, by_own, by_spapi, by_mws, by_flat, by_xml = orders = [cast.order(2, 1) for _ in range(6)]
    first = {order.pk: order.items.order_by("pk")[0].item_id for order in orders}
    wanted = {f"quantity-{first[by_page.pk]}": "1", f"reason-{first[by_page.pk]}": "PRICING_ERROR"}
    confirmed = f"{first[by_page.pk]}:1:PRICING_ERROR"
    send(alice, "seller:order-cancel-items", by_page, seller_memo="", confirmed=confirmed, **wanted)
    body = {"reasonCode": "PRICING_ERROR", "items": [{"orderItemId": first[by_own.pk], "quantity": 1}]}
    answer = software.ask("POST", f"{OWN}/orders/{by_own.number}/cancellations", body)
    assert answer.status_code == 200, answer.content

    def line(order: Order) -> bytes:
        head = "order-id order-item-id adjustment-reason-code currency quantity-cancelled".replace(" ", "\t")
        return f"{head}\n{order.number}\t{first[order.pk]}\tPriceError\tJPY\t1\n".encode()

    fed(software, line(by_spapi), feed_type="POST_FLAT_FILE_PAYMENT_ADJUSTMENT_DATA")
    by_older_service(signer, "_POST_FLAT_FILE_PAYMENT_ADJUSTMENT_DATA_", line(by_mws))
    by_file(cast, Kind.ADJUSTMENT, line(by_flat).decode())
    item = (
        f"<AmazonOrderItemCode>{first[by_xml.pk]}</AmazonOrderItemCode>"
        "<AdjustmentReason>PriceError</AdjustmentReason><QuantityCancelled>1</QuantityCancelled>"
    )
    body = (
        f"<AmazonOrderID>{by_xml.number}</AmazonOrderID><ActionType>Cancel</ActionType>"
        f"<AdjustedItem>{item}</AdjustedItem>"
    )
    by_file(cast, Kind.ADJUSTMENT, envelope(cast, "OrderAdjustment", body))
    carried_out(cast)
    same(*orders, doors=("PAGE", "API", "FEED", "FEED", "FEED", "FEED"))


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


# --- the flag (INV-31) --------------------------------------------------------------------------------------


def by_orders_v0(software: Software, order: Order) -> list[bool]:
    items = software.payload(f"/orders/v0/orders/{order.number}/orderItems")["OrderItems"]
    return [each["BuyerRequestedCancel"]["IsBuyerRequestedCancel"] == "true" for each in items]


def by_orders_2026(software: Software, order: Order) -> list[bool]:
    answer = software.get(f"/orders/2026-01-01/orders/{order.number}", includedData="CANCELLATION")
    items = answer.json()["order"]["orderItems"]
    return ["cancellationRequest" in each.get("cancellation", {}) for each in items]


def by_orders_2013(signer: Signer, order: Order) -> list[bool]:
    answer = signer.ask(ORDERS, "ListOrderItems", AmazonOrderId=order.number)
    return [each == "true" for each in texts(answer, "IsBuyerRequestedCancel")]


def by_message(order: Order) -> list[bool] | None:
    """What the latest message about an order says; None if none is due."""
    latest = Delivery.objects.filter(event__order=order, subscription__isnull=False).order_by("pk").last()
    if latest is None:
        return None
    summary = order_change(latest, now=LATER)["Payload"]["OrderChangeNotification"]["Summary"]
    return [each["IsBuyerRequestedCancel"] for each in summary["OrderItems"]]


def test_every_machine_door_shows_the_flag_of_exactly_the_items_that_are_asked_for(
    cast: Cast, software: Software, signer: Signer, made
):
    """D-16: true while the request for the item is open, and when it was approved; the same in all generations."""
    destination(software)
    queue = Destination.objects.get()
    subscribe(software, "ORDER_CHANGE", str(queue.key))
    set_columns = dict.fromkeys(("buyer_requested",), True)
    add_columns(seller_id=cast.shop.pk, wished=set_columns, by=cast.seller, now=LATER)
    names = ("quiet", "asked", "part", "withdrawn", "declined", "approved", "shipped", "out of stock")
    orders = {name: cast.order(2, 1) for name in names}
    asked_at = NOON + timedelta(minutes=10)
    for name in set(names) - {"quiet", "part"}:
        cast.request(orders[name], now=asked_at)
    cast.request(orders["part"], {orders["part"].items.order_by("pk")[0].pk: 1}, now=asked_at)
    cast.withdraw(orders["withdrawn"])
    cast.decline(orders["declined"])
    cast.cancel(orders["approved"], Reason.BUYER_CANCELED)
    cast.confirm(orders["shipped"])
    cast.cancel(orders["out of stock"], Reason.NO_INVENTORY)
    shown = {name: [False, False] for name in names}
    shown |= {"asked": [True, True], "part": [True, False], "approved": [True, True]}
    report: dict[str, list[bool]] = {}
    for row in rows_of(made(ReportKind.ALL_BY_ORDER_DATE)):
        report.setdefault(row["amazon-order-id"], []).append(row["is-buyer-requested-cancellation"] == "TRUE")
    for name, order in orders.items():
        assert by_orders_v0(software, order) == shown[name], name
        assert by_orders_2026(software, order) == shown[name], name
        assert by_orders_2013(signer, order) == shown[name], name
        assert report[order.number] == shown[name], name
        assert by_message(order) == (None if name == "quiet" else shown[name]), name
