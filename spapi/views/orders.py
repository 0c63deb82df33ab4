"""Orders v0: the shop's orders and items as software reads them, and shipments as it confirms them (sp-api 3)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings

from accounts.rules import Scope
from cancellations.policy import Refusal
from cancellations.queries import requested_items, rules_at
from orders import polling
from orders.outcomes import Refused, Result, sole
from orders.polling import PLACED, UPDATED, Poll, Polled
from orders.queries import local_day, order_of_seller
from shipments.actions import ConfirmTarget, confirm_shipment
from spapi import problems, shapes
from spapi.door import Answer, Call, by_method, operation
from spapi.paging import next_token, state_of
from spapi.params import moment_of
from spapi.problems import Problem, invalid

MOST_ORDERS = 100
# Late commits are behind the moment up to which a list reaches by itself (D-35).
SAFETY = timedelta(minutes=2)
OLDEST = timedelta(days=2 * 365)
KIND = "orders.v0"
ORDER_STATUSES = (
    "PendingAvailability",
    "Pending",
    "Unshipped",
    "PartiallyShipped",
    "Shipped",
    "InvoiceUnconfirmed",
    "Canceled",
    "Unfulfillable",
)
_STATUS_OF = {wire: own for own, wire in shapes.STATUSES.items()}
_CHANNEL_OF = {wire: own for own, wire in shapes.CHANNELS.items()}
# What no order of this marketplace is: lists that ask for nothing else are empty.
NEVER = (
    "EasyShipShipmentStatuses",
    "ElectronicInvoiceStatuses",
    "ActualFulfillmentSupplySourceId",
    "StoreChainStoreId",
)
EXCLUDED_BY_SELLER_ORDER_ID = (
    "FulfillmentChannels",
    "OrderStatuses",
    "PaymentMethods",
    "LastUpdatedAfter",
    "LastUpdatedBefore",
    "BuyerEmail",
)


def marketplaces(call: Call, name: str = "MarketplaceIds") -> None:
    """Require that the portal's own marketplace is among those asked for (sp-api 1.4)."""
    asked = call.query.texts(name, most=50)
    if not asked:
        raise invalid(f"{name}: required.")
    if settings.MARKETPLACE_ID not in asked:
        raise problems.denied(problems.FOREIGN_MARKETPLACE)


@operation("getOrders", rate=0.0167, burst=20, scope=Scope.ORDERS_READ)
def get_orders(call: Call) -> dict[str, Any]:
    """Orders that were placed or changed since a moment, earliest first, up to 100 a page."""
    query, state = call.query, {}
    if token := query.text("NextToken"):
        state = state_of(token, KIND, call.seller_id, now=call.now)
        wish, limit = _wish_of(state), state["limit"]
    else:
        marketplaces(call)
        wish = _wish(call)
        limit = query.number("MaxResultsPerPage", least=1, most=MOST_ORDERS, default=MOST_ORDERS)
    found: list[Polled] = []
    if not any(query.has(*NEVER)) and not query.truth("IsISPU"):
        behind = (moment_of("NextToken", state["moment"]), state["key"]) if state else None
        found = polling.poll(call.seller_id, wish, behind=behind, limit=limit + 1)
    payload: dict[str, Any] = {"Orders": [_shape(call, order) for order in found[:limit]]}
    if len(found) > limit:
        last = found[limit - 1]
        kept = _kept(wish) | {"limit": limit, "key": last.pk, "moment": last.moment(wish.column).isoformat()}
        payload["NextToken"] = next_token(KIND, call.seller_id, kept, now=call.now)
    if wish.before:
        name = "CreatedBefore" if wish.column == PLACED else "LastUpdatedBefore"
        payload[name] = shapes.moment(wish.before)
    return {"payload": payload}


def _shape(call: Call, order: Polled) -> dict[str, Any]:
    return shapes.order_shape(order, with_address=call.sees("shippingAddress"), with_buyer=call.sees("buyerInfo"))


def _wish(call: Call) -> Poll:
    query = call.query
    numbers = query.texts("AmazonOrderIds", most=50)
    if (number := query.text("SellerOrderId", longest=60)) and query.has(*EXCLUDED_BY_SELLER_ORDER_ID):
        raise invalid(f"SellerOrderId: not together with {', '.join(EXCLUDED_BY_SELLER_ORDER_ID)}.")
    starts = query.has("CreatedAfter", "LastUpdatedAfter")
    if len(starts) > 1 or not (starts or numbers):
        raise invalid("Send exactly one of CreatedAfter and LastUpdatedAfter.")
    column, prefix = (PLACED, "Created") if starts == ["CreatedAfter"] else (UPDATED, "LastUpdated")
    for other in query.has("CreatedBefore", "LastUpdatedBefore"):
        if not starts or other != f"{prefix}Before":
            raise invalid(f"{other}: only together with its own …After.")
    after, before = query.moment(f"{prefix}After"), query.moment(f"{prefix}Before")
    latest = call.now - SAFETY
    _require_period(prefix, after, before, latest, call.now)
    return _filtered(
        call, column, after, before or (latest if starts else None), [*numbers, *([number] if number else [])]
    )


def _require_period(
    prefix: str, after: datetime | None, before: datetime | None, latest: datetime, now: datetime
) -> None:
    if after and after < now - OLDEST:
        raise invalid(f"{prefix}After: at most two years ago.")
    if before and after and before < after:
        raise invalid(f"{prefix}Before: earlier than {prefix}After.")
    if before and before > latest:
        raise invalid(f"{prefix}Before: at least two minutes before now.")


def _filtered(
    call: Call, column: str, after: datetime | None, before: datetime | None, numbers: Sequence[str]
) -> Poll:
    query = call.query
    asked = query.texts("OrderStatuses", known=ORDER_STATUSES)
    statuses = [_STATUS_OF[each] for each in asked if each in _STATUS_OF]
    channels = [_CHANNEL_OF[each] for each in query.texts("FulfillmentChannels", known=tuple(_CHANNEL_OF))]
    ways = query.texts("PaymentMethods", known=("COD", "CVS", "Other"))
    named = [words for name in ("COD", "CVS") if name in ways for words in shapes.PAYMENTS[name]]
    others = [words for name in ("COD", "CVS") if name not in ways for words in shapes.PAYMENTS[name]]
    return Poll(
        column=column,
        after=after,
        before=before,
        # Statuses that no order of ours has leave nothing.
        statuses=statuses or (["none"] if asked else []),
        channels=channels,
        payments=named if ways and "Other" not in ways else [],
        not_payments=others if "Other" in ways and len(ways) < 3 else [],
        buyer_email=query.text("BuyerEmail", longest=254),
        numbers=numbers,
    )


def _kept(wish: Poll) -> dict[str, Any]:
    """A wish as a token keeps it."""
    return {
        "wish": {
            "column": wish.column,
            "after": wish.after and wish.after.isoformat(),
            "before": wish.before and wish.before.isoformat(),
            "statuses": wish.statuses,
            "channels": wish.channels,
            "payments": wish.payments,
            "not_payments": wish.not_payments,
            "buyer_email": wish.buyer_email,
            "numbers": wish.numbers,
        }
    }


def _wish_of(state: dict[str, Any]) -> Poll:
    kept = dict(state["wish"])
    for name in ("after", "before"):
        kept[name] = datetime.fromisoformat(kept[name]) if kept[name] else None
    return Poll(**kept)


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
    order = _order(call, number)
    requested = requested_items([order.pk])
    items = polling.items_of([order])[order.pk]
    return {
        "payload": {
            "AmazonOrderId": order.number,
            "OrderItems": [shapes.item_shape(item, order, requested) for item in items],
        }
    }


@operation("getOrderItemsBuyerInfo", rate=0.5, burst=30, scope=Scope.ORDERS_READ)
def get_order_items_buyer_info(call: Call, number: str) -> dict[str, Any]:
    """What the buyer said of each item: nothing, at this marketplace."""
    order = _order(call, number)
    items = [{"OrderItemId": item.item_id} for item in polling.items_of([order])[order.pk]]
    return {"payload": {"AmazonOrderId": order.number, "OrderItems": items}}


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


@operation("confirmShipment", rate=2, burst=10, scope=Scope.ORDERS_SHIP)
def confirm(call: Call, number: str) -> Answer:
    """Confirm that units of an order left; an open request of the buyer is warned of in a header (domain 7.6)."""
    body = call.body(ConfirmShipmentRequest)
    if body.marketplace_id != settings.MARKETPLACE_ID:
        raise problems.denied(problems.FOREIGN_MARKETPLACE)
    order = order_of_seller(call.seller_id, number)
    if order is None:
        raise problems.not_found(number[:60])
    package = body.package_detail
    if package.carrier_code == "Other" and not package.carrier_name:
        raise _refused("packageDetail.carrierName: required for the carrier Other.")
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
        local_day(moment_of("packageDetail.shipDate", package.ship_date)),
        units,
        carrier=(package.carrier_name if package.carrier_code == "Other" else package.carrier_code)[:60],
        tracking_number=package.tracking_number[:60],
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
    return Answer(status=204, headers={"x-portal-warning": Refusal.OPEN_CANCELLATION_REQUEST.value} if warns else {})


class ShipmentStatusRequest(msgspec.Struct, rename="camel"):
    """The body of updateShipmentStatus (sp-api 3.6)."""

    marketplace_id: str
    shipment_status: str


@operation("updateShipmentStatus", rate=5, burst=15, scope=Scope.ORDERS_SHIP)
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
