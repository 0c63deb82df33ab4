"""Orders v0: the shop's orders and items as software reads them, and shipments as it confirms them (sp-api 3)."""

from typing import Any

import msgspec
from django.conf import settings

from accounts.rules import Scope
from cancellations.policy import Refusal
from cancellations.polling import PolledItem, items_of_order
from cancellations.queries import rules_at
from feeds.parsers.rows import CARRIERS, LONGEST_CARRIER, LONGEST_TRACKING, carrier_of
from orders import polling
from orders.files.rows import BadCell
from orders.outcomes import Refused, Result, sole
from orders.polling import PLACED, Polled
from orders.queries import local_day, order_of_seller
from orders.rules import why_not_shipped_on
from shipments.actions import ConfirmTarget, confirm_shipment
from spapi import problems, shapes
from spapi.door import Answer, Call, by_method, operation
from spapi.params import moment_of
from spapi.polls import QUERY, page_of
from spapi.problems import Problem, invalid


@operation("getOrders", rate=0.0167, burst=20, scope=Scope.ORDERS_READ, query=QUERY)
def get_orders(call: Call) -> dict[str, Any]:
    """Orders that were placed or changed since a moment, earliest first, up to 100 a page."""
    page = page_of(call.query, call.seller_id, now=call.now)
    payload: dict[str, Any] = {"Orders": [_shape(call, order) for order in page.orders]}
    if page.token:
        payload["NextToken"] = page.token
    if page.before:
        payload["CreatedBefore" if page.column == PLACED else "LastUpdatedBefore"] = shapes.moment(page.before)
    return {"payload": payload}


def _shape(call: Call, order: Polled) -> dict[str, Any]:
    return shapes.order_shape(order, with_address=call.sees("shippingAddress"), with_buyer=call.sees("buyerInfo"))


def _order(call: Call, number: str) -> Polled:
    order = polling.polled_order(call.seller_id, number)
    if order is None:
        raise problems.not_found(number[:60])
    return order


@operation("getOrder", rate=0.5, burst=30, scope=Scope.ORDERS_READ)
def get_order(call: Call, number: str) -> dict[str, Any]:
    """One order."""
    return {"payload": _shape(call, _order(call, number))}


@operation("getOrderBuyerInfo", rate=0.5, burst=30, scope=Scope.ORDERS_READ)
def get_order_buyer_info(call: Call, number: str) -> dict[str, Any]:
    """Who bought."""
    order = _order(call, number)
    buyer = shapes.buyer_shape(order, whole=_opened(call))
    return {"payload": {"AmazonOrderId": order.number, **buyer}}


@operation("getOrderAddress", rate=0.5, burst=30, scope=Scope.ORDERS_READ)
def get_order_address(call: Call, number: str) -> dict[str, Any]:
    """Where the parcel goes."""
    order = _order(call, number)
    payload: dict[str, Any] = {"AmazonOrderId": order.number}
    if order.status in shapes.WITH_ADDRESS:
        payload["ShippingAddress"] = shapes.address_shape(order, whole=_opened(call))
    return {"payload": payload}


def _opened(call: Call) -> bool:
    """Whether a restricted token is used on an address that is about the buyer's data and nothing else."""
    return bool(call.holder.resources)


@operation("getOrderItems", rate=0.5, burst=30, scope=Scope.ORDERS_READ)
def get_order_items(call: Call, number: str) -> dict[str, Any]:
    """The items of an order, each with the buyer's request to cancel it (D-16)."""
    items = [
        shapes.item_shape(item, status=item.status, currency=item.currency, requested=item.requested)
        for item in _items(call, number)
    ]
    return {"payload": {"AmazonOrderId": number, "OrderItems": items}}


def _items(call: Call, number: str) -> list[PolledItem]:
    items = items_of_order(call.seller_id, number)
    if not items:
        raise problems.not_found(number[:60])
    return items


@operation("getOrderItemsBuyerInfo", rate=0.5, burst=30, scope=Scope.ORDERS_READ)
def get_order_items_buyer_info(call: Call, number: str) -> dict[str, Any]:
    """What the buyer said of each item: nothing, at this marketplace."""
    items = [{"OrderItemId": item.item_id} for item in _items(call, number)]
    return {"payload": {"AmazonOrderId": number, "OrderItems": items}}


# --- shipments ----------------------------------------------------------------------------------------------


class ShippedItem(msgspec.Struct, rename="camel"):
    """Units of an item in a package."""

    order_item_id: str
    quantity: int


class PackageDetail(msgspec.Struct, rename="camel"):
    """A package that left."""

    package_reference_id: str
    carrier_code: str
    tracking_number: str
    ship_date: str
    order_items: list[ShippedItem]
    carrier_name: str = ""
    shipping_method: str = ""


class ConfirmShipmentRequest(msgspec.Struct, rename="camel"):
    """The body of confirmShipment (sp-api 3.5)."""

    marketplace_id: str
    package_detail: PackageDetail


def _refused(details: str) -> Problem:
    """confirmShipment spells its code with a space."""
    return Problem(400, "Invalid Input", "Invalid Input", details)


@operation("confirmShipment", rate=2, burst=10, scope=Scope.ORDERS_SHIP, body=ConfirmShipmentRequest, success=204)
def confirm(call: Call, number: str) -> Answer:
    """Confirm that units of an order left; an open request of the buyer is warned of in a header (domain 7.6)."""
    body = call.body(ConfirmShipmentRequest)
    if body.marketplace_id != settings.MARKETPLACE_ID:
        raise problems.denied(problems.FOREIGN_MARKETPLACE)
    order = order_of_seller(call.seller_id, number)
    if order is None:
        raise problems.not_found(number[:60])
    package = body.package_detail
    try:
        carrier = carrier_of(package.carrier_code, package.carrier_name)
    except BadCell:
        raise _refused(
            f"packageDetail.carrierCode: one of {', '.join(CARRIERS)}, or Other with its carrierName."
        ) from None
    day = local_day(moment_of("packageDetail.shipDate", package.ship_date))
    if why_not_shipped_on(day, placed_on=local_day(order.placed_at), today=local_day(call.now)):
        raise _refused("packageDetail.shipDate: from the day of the order to today.")
    if len(carrier) > LONGEST_CARRIER:
        raise _refused(f"packageDetail.carrierName: at most {LONGEST_CARRIER} characters.")
    if len(package.tracking_number) > LONGEST_TRACKING:
        raise _refused(f"packageDetail.trackingNumber: at most {LONGEST_TRACKING} characters.")
    keys = {item.item_id: item.pk for item in order.lines}
    units: dict[int, int] = {}
    for item in package.order_items:
        if item.order_item_id not in keys or keys[item.order_item_id] in units or item.quantity < 1:
            raise _refused(
                f"packageDetail.orderItems: {item.order_item_id[:20]!r} is no item of the order to ship."
            )
        units[keys[item.order_item_id]] = item.quantity
    if not units:
        raise _refused("packageDetail.orderItems: required.")
    target = ConfirmTarget(
        order.pk,
        day,
        units,
        carrier=carrier,
        tracking_number=package.tracking_number,
    )
    try:
        outcome = sole(
            confirm_shipment(
                targets=[target],
                interlock=rules_at(call.now).ship_interlock_api,
                by=call.holder.actor,
                now=call.now,
            )
        )
    except Refused as refused:
        raise _refused(refused.code) from None
    warns = outcome.result == Result.WARNING and outcome.code == Refusal.OPEN_CANCELLATION_REQUEST
    return Answer(
        status=204, headers={"x-portal-warning": Refusal.OPEN_CANCELLATION_REQUEST.value} if warns else {}
    )


class ShipmentStatusRequest(msgspec.Struct, rename="camel"):
    """The body of updateShipmentStatus (sp-api 3.6)."""

    marketplace_id: str
    shipment_status: str


@operation(
    "updateShipmentStatus", rate=5, burst=15, scope=Scope.ORDERS_SHIP, body=ShipmentStatusRequest, success=204
)
def update_shipment_status(call: Call, number: str) -> Answer:
    """For orders that buyers pick up in a store: this marketplace has none, so nothing changes."""
    body = call.body(ShipmentStatusRequest)
    if body.marketplace_id != settings.MARKETPLACE_ID:
        raise Problem(400, "InvalidInput", "Marketplace ID is not defined", "1001")
    if body.shipment_status not in {"ReadyForPickup", "PickedUp", "RefusedPickup"}:
        raise invalid("shipmentStatus: ReadyForPickup, PickedUp or RefusedPickup.")
    _order(call, number)
    raise invalid("The order is not picked up in a store.")


orders = by_method(get=get_orders)
order = by_method(get=get_order)
buyer_info = by_method(get=get_order_buyer_info)
address = by_method(get=get_order_address)
items = by_method(get=get_order_items)
items_buyer_info = by_method(get=get_order_items_buyer_info)
shipment = by_method(post=update_shipment_status)
shipment_confirmation = by_method(post=confirm)
