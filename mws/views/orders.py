"""Orders 2013-09-01: what sellers' older software polls and reads (mws 5). The buyer's request stands on the item."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import QueryDict

from cancellations.polling import PolledItem, items_of_order
from mws.documents import Part
from mws.door import Call
from mws.problems import Problem, invalid
from orders import polling
from orders.files.rows import ORDER_NUMBER
from orders.polling import PLACED, Polled
from spapi import shapes
from spapi.params import Query
from spapi.polls import Page, page_of

# Ours on the left: how the list parameters of this wire are called in the later one, whose reader serves both.
LISTS = {
    "MarketplaceIds": "MarketplaceId.Id",
    "OrderStatuses": "OrderStatus.Status",
    "FulfillmentChannels": "FulfillmentChannel.Channel",
    "PaymentMethods": "PaymentMethod.Method",
}
PLAIN = (
    "CreatedAfter",
    "CreatedBefore",
    "LastUpdatedAfter",
    "LastUpdatedBefore",
    "BuyerEmail",
    "SellerOrderId",
    "MaxResultsPerPage",
)
EXCLUDES_BY_EMAIL = (
    "FulfillmentChannels",
    "OrderStatuses",
    "PaymentMethods",
    "LastUpdatedAfter",
    "LastUpdatedBefore",
)
TOGETHER = {"Unshipped", "PartiallyShipped"}


def list_orders(call: Call) -> list[Part]:
    """Orders that were placed or changed since a moment."""
    query = QueryDict(mutable=True)
    for name, wire in LISTS.items():
        query.setlist(name, call.listed(wire, most=50))
    for name in PLAIN:
        if call.text(name):
            query[name] = call.text(name)
    statuses = set(query.getlist("OrderStatuses"))
    if len(statuses & TOGETHER) == 1:
        raise invalid("OrderStatus: Unshipped and PartiallyShipped must be given together")
    if query.get("BuyerEmail") and any(query.getlist(name) for name in EXCLUDES_BY_EMAIL):
        raise invalid(f"BuyerEmail: not together with {', '.join(EXCLUDES_BY_EMAIL)}")
    return _page(page_of(Query(query), call.seller_id, now=call.now))


def list_orders_by_next_token(call: Call) -> list[Part]:
    """The next page."""
    query = QueryDict(mutable=True)
    query["NextToken"] = call.text("NextToken", required=True)
    return _page(page_of(Query(query), call.seller_id, now=call.now))


def _page(page: Page) -> list[Part]:
    before = page.before and shapes.moment(page.before)
    return [
        ("NextToken", page.token or None),
        ("CreatedBefore" if page.column == PLACED else "LastUpdatedBefore", before),
        ("Orders", [("Order", order_parts(order)) for order in page.orders]),
    ]


def get_order(call: Call) -> list[Part]:
    """Orders by their numbers; those that are not the shop's are left out."""
    numbers = call.listed("AmazonOrderId.Id", most=50)
    if not numbers:
        raise invalid("AmazonOrderId must be specified")
    for number in numbers:
        _require_number(number)
    found = polling.poll(call.seller_id, polling.Poll(numbers=numbers), limit=len(numbers))
    return [("Orders", [("Order", order_parts(order)) for order in found])]


def _require_number(number: str) -> None:
    if not ORDER_NUMBER.fullmatch(number):
        raise invalid(f"Invalid AmazonOrderId: {number[:60]}")


def list_order_items(call: Call) -> list[Part]:
    """The items of an order, each with the buyer's request to cancel it (D-16)."""
    number = call.text("AmazonOrderId", required=True)
    _require_number(number)
    items = items_of_order(call.seller_id, number)
    if not items:
        raise invalid(f"Invalid AmazonOrderId: {number}")
    return [("AmazonOrderId", number), ("OrderItems", [("OrderItem", item_parts(item)) for item in items])]


def list_order_items_by_next_token(call: Call) -> list[Part]:
    """No list of items is so long that it has a next page."""
    call.text("NextToken", required=True)
    raise Problem(400, "NextTokenCorrupted", "NextToken: not a token of this list.")


def get_service_status(call: Call) -> list[Part]:
    """The service works."""
    return [("Status", "GREEN"), ("Timestamp", shapes.moment(call.now))]


# --- parts --------------------------------------------------------------------------------------------------


def money(shape: dict[str, str] | None) -> list[Part] | None:
    """Money, which this wire writes with two decimals (sp-api 1.8)."""
    if shape is None:
        return None
    return [("CurrencyCode", shape["CurrencyCode"]), ("Amount", f"{Decimal(shape['Amount']):.2f}")]


def order_parts(order: Polled) -> list[Part]:
    """One `Order`: the later wire's facts, person and place inline, in this wire's order (mws 5.1)."""
    shape = shapes.order_shape(order, with_address=True, with_buyer=True)
    address: dict[str, Any] | None = shape.get("ShippingAddress")
    is_told = order.status in shapes.WITH_ADDRESS
    return [
        ("AmazonOrderId", order.number),
        ("SellerOrderId", order.number),
        ("PurchaseDate", shape["PurchaseDate"]),
        ("LastUpdateDate", shape["LastUpdateDate"]),
        ("OrderStatus", shape["OrderStatus"]),
        ("FulfillmentChannel", shape["FulfillmentChannel"]),
        ("SalesChannel", shape["SalesChannel"]),
        ("ShipServiceLevel", shape["ShipServiceLevel"]),
        ("ShippingAddress", address and _address(address)),
        ("OrderTotal", money(shape.get("OrderTotal"))),
        ("NumberOfItemsShipped", order.shipped),
        ("NumberOfItemsUnshipped", order.open),
        ("PaymentMethod", shape["PaymentMethod"]),
        ("PaymentMethodDetails", [("PaymentMethodDetail", each) for each in shape["PaymentMethodDetails"]]),
        ("IsReplacementOrder", False),
        ("MarketplaceId", settings.MARKETPLACE_ID),
        ("BuyerEmail", order.buyer_email if is_told else None),
        ("BuyerName", order.buyer_name if is_told else None),
        ("ShipmentServiceLevelCategory", shape["ShipmentServiceLevelCategory"]),
        ("OrderType", shape["OrderType"]),
        ("EarliestShipDate", shape["EarliestShipDate"]),
        ("LatestShipDate", shape.get("LatestShipDate")),
        ("IsBusinessOrder", False),
        ("IsPrime", False),
        ("IsPremiumOrder", False),
        ("IsGlobalExpressEnabled", False),
    ]


ADDRESS = (
    "Name",
    "AddressLine1",
    "AddressLine2",
    "AddressLine3",
    "City",
    "StateOrRegion",
    "PostalCode",
    "CountryCode",
    "Phone",
)


def _address(address: dict[str, Any]) -> list[Part]:
    return [(name, address.get(name, "" if name == "Name" else None)) for name in ADDRESS]


def item_parts(item: PolledItem) -> list[Part]:
    """One `OrderItem`, in this wire's order (mws 5.3)."""
    shape = shapes.item_shape(item, status=item.status, currency=item.currency, requested=item.requested)
    return [
        ("ASIN", shape["ASIN"]),
        ("OrderItemId", item.item_id),
        ("SellerSKU", item.sku),
        ("BuyerRequestedCancel", list(shape["BuyerRequestedCancel"].items())),
        ("Title", item.title),
        ("QuantityOrdered", shape["QuantityOrdered"]),
        ("QuantityShipped", shape["QuantityShipped"]),
        ("ProductInfo", [("NumberOfItems", "1")]),
        ("ItemPrice", money(shape.get("ItemPrice"))),
        ("ShippingPrice", money(shape.get("ShippingPrice"))),
        ("ItemTax", money(shape.get("ItemTax"))),
        ("ShippingTax", money(shape.get("ShippingTax"))),
        ("PromotionDiscount", money(shape.get("PromotionDiscount"))),
        ("IsGift", False),
        ("ConditionId", shape["ConditionId"]),
        ("ConditionSubtypeId", shape["ConditionSubtypeId"]),
        ("IsTransparency", False),
        ("SerialNumberRequired", False),
    ]
