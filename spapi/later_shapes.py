"""Orders in the names and types of version 2026-01-01 (sp-api 4): the same facts, chosen by `includedData`."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings

from cancellations.policy import Reason
from feeds.parsers.rows import CODES
from orders.models import OrderItem
from orders.polling import Polled

from .shapes import SALES_CHANNEL, address_shape, item_shape, moment, order_shape

STATUSES = {
    "PENDING": "PENDING",
    "UNSHIPPED": "UNSHIPPED",
    "PARTIALLY_SHIPPED": "PARTIALLY_SHIPPED",
    "SHIPPED": "SHIPPED",
    "CANCELED": "CANCELLED",
}
CANCELLED_BY = {"BUYER": "BUYER", "SELLER": "MERCHANT", "MARKETPLACE": "AMAZON", "SYSTEM": "AMAZON"}
# The codes of the cancelling feed, by reason (flat-files 3.1); reasons that it has no code for are of the marketplace.
REASON_CODES = CODES | {Reason.BUYER_DIRECT: CODES[Reason.BUYER_CANCELED]}
_ADDRESS = {
    "Name": "name",
    "AddressLine1": "addressLine1",
    "AddressLine2": "addressLine2",
    "AddressLine3": "addressLine3",
    "City": "city",
    "StateOrRegion": "stateOrRegion",
    "PostalCode": "postalCode",
    "CountryCode": "countryCode",
    "Phone": "phone",
    "AddressType": "addressType",
}


def money(shape: Mapping[str, str]) -> dict[str, str]:
    """Money in this version's names."""
    return {"amount": shape["Amount"], "currencyCode": shape["CurrencyCode"]}


def order_parts(
    order: Polled,
    items: Sequence[OrderItem],
    requested: Mapping[int, str],
    executed: Mapping[int, tuple[str, str]],
    included: Collection[str],
) -> dict[str, Any]:
    """One `Order` with the data that was asked for; what is nobody's to know yet is left out (sp-api 3.4)."""
    earlier = order_shape(order)
    shape: dict[str, Any] = {
        "orderId": order.number,
        "createdTime": moment(order.placed_at),
        "lastUpdatedTime": moment(order.last_updated_at),
        "programs": [],
        "salesChannel": {
            "channelName": "AMAZON",
            "marketplaceId": settings.MARKETPLACE_ID,
            "marketplaceName": SALES_CHANNEL,
        },
        "orderItems": [item_parts(item, order, requested, executed, included) for item in items],
    }
    is_told = order.status != "PENDING"
    if "BUYER" in included and is_told:
        names = {"buyerName": order.buyer_name, "buyerEmail": order.buyer_email}
        shape["buyer"] = {name: value for name, value in names.items() if value}
    if "RECIPIENT" in included and "ShippingAddress" in earlier:
        whole = address_shape(order, whole=True)
        shape["recipient"] = {
            "deliveryAddress": {_ADDRESS[name]: value for name, value in whole.items()},
        }
    if "PROCEEDS" in included and "OrderTotal" in earlier:
        shape["proceeds"] = {"grandTotal": money(earlier["OrderTotal"])}
    if "PAYMENT" in included and is_told:
        shape["payment"] = {"paymentExecutions": [{"paymentMethod": earlier["PaymentMethod"]}]}
    if "FULFILLMENT" in included:
        window = {"earliestDateTime": earlier["EarliestShipDate"]}
        if "LatestShipDate" in earlier:
            window["latestDateTime"] = earlier["LatestShipDate"]
        shape["fulfillment"] = {
            "fulfillmentStatus": STATUSES[order.status],
            "fulfilledBy": "MERCHANT" if order.fulfillment_channel == "SELLER" else "AMAZON",
            "fulfillmentServiceLevel": order.service_level,
            "shipByWindow": window,
        }
    return shape


def item_parts(
    item: OrderItem,
    order: Polled,
    requested: Mapping[int, str],
    executed: Mapping[int, tuple[str, str]],
    included: Collection[str],
) -> dict[str, Any]:
    """One item. The presence of `cancellationRequest` is the request (sp-api 4.3)."""
    earlier = item_shape(item, status=order.status, currency=order.currency, requested=requested.get(item.pk))
    product: dict[str, Any] = {"title": item.title, "sellerSku": item.sku}
    left = earlier["QuantityOrdered"]
    if "ItemPrice" in earlier and left:
        price = Decimal(earlier["ItemPrice"]["Amount"]) / left
        amount = f"{price:f}" if price % 1 else f"{price:.0f}"
        product["price"] = {"unitPrice": {"amount": amount, "currencyCode": order.currency}}
    shape: dict[str, Any] = {
        "orderItemId": item.item_id,
        "quantityOrdered": left,
        "programs": [],
        "product": product,
    }
    if "PROCEEDS" in included and "ItemPrice" in earlier:
        names = {
            "ITEM": "ItemPrice",
            "TAX": "ItemTax",
            "SHIPPING": "ShippingPrice",
            "DISCOUNT": "PromotionDiscount",
        }
        shape["proceeds"] = {
            "proceedsTotal": money(earlier["ItemPrice"]),
            "breakdowns": [{"type": kind, "subtotal": money(earlier[name])} for kind, name in names.items()],
        }
    if "FULFILLMENT" in included:
        shape["fulfillment"] = {
            "quantityFulfilled": item.quantity_shipped,
            "quantityUnfulfilled": item.quantity_open,
        }
    if "CANCELLATION" in included and (cancellation := _cancellation(item, requested, executed)):
        shape["cancellation"] = cancellation
    return shape


def _cancellation(
    item: OrderItem, requested: Mapping[int, str], executed: Mapping[int, tuple[str, str]]
) -> dict[str, Any]:
    shape: dict[str, Any] = {}
    if item.pk in requested:
        shape["cancellationRequest"] = {"requester": "BUYER", "cancelReason": requested[item.pk]}
    if item.pk in executed:
        role, reason = executed[item.pk]
        code = REASON_CODES.get(Reason(reason), REASON_CODES[Reason.OTHER])
        shape["cancellationExecution"] = {"cancelledBy": CANCELLED_BY[role], "cancelReason": code}
    return shape
