"""Orders in the names and types of Orders v0 (sp-api 3). Only a restricted token shows whom a parcel goes to."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from cancellations.polling import PolledItem
from orders.models import OrderItem
from orders.polling import Polled
from orders.queries import zone
from orders.rules import WHOLE_CURRENCIES, share, start_of_day

STATUSES = {
    "PENDING": "Pending",
    "UNSHIPPED": "Unshipped",
    "PARTIALLY_SHIPPED": "PartiallyShipped",
    "SHIPPED": "Shipped",
    "CANCELED": "Canceled",
}
CHANNELS = {"SELLER": "MFN", "MARKETPLACE": "AFN"}
# Ways of paying that have a word of their own on the wire; all others are `Other`.
PAYMENTS = {"COD": ("COD", "代金引換", "代引き"), "CVS": ("CVS", "コンビニ", "コンビニ決済", "コンビニ払い")}
_PAYMENT_OF = {words: name for name, all_words in PAYMENTS.items() for words in all_words}
WITH_ADDRESS = frozenset({"UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED"})
SALES_CHANNEL = "Amazon.co.jp"
# What the wires say of the marketplace; the names of its parts are the later one's.
MARKETPLACE = {
    "id": settings.MARKETPLACE_ID,
    "name": SALES_CHANNEL,
    "countryCode": "JP",
    "defaultCurrencyCode": "JPY",
    "defaultLanguageCode": "ja_JP",
    "domainName": "www.amazon.co.jp",
}
_HIDDEN = {
    "Name": "name",
    "AddressLine1": "line1",
    "AddressLine2": "line2",
    "AddressLine3": "line3",
    "Phone": "phone",
}


def moment(value: datetime) -> str:
    """A moment as the wire writes it: UTC, whole seconds."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def end_of(day: date) -> datetime:
    """The last second of a day of the marketplace."""
    return start_of_day(day + timedelta(days=1), zone()) - timedelta(seconds=1)


def money(amount: Decimal, currency: str) -> dict[str, str]:
    """Money as the wire writes it: a string, yen without decimals (sp-api 1.8)."""
    places = 0 if currency in WHOLE_CURRENCIES else 2
    return {"CurrencyCode": currency, "Amount": f"{amount:.{places}f}"}


def order_shape(order: Polled, *, with_address: bool = False, with_buyer: bool = False) -> dict[str, Any]:
    """One `Order`; what is nobody's to know before the payment is verified is left out (sp-api 3.4)."""
    shape: dict[str, Any] = {
        "AmazonOrderId": order.number,
        "SellerOrderId": order.number,
        "PurchaseDate": moment(order.placed_at),
        "LastUpdateDate": moment(order.last_updated_at),
        "OrderStatus": STATUSES[order.status],
        "FulfillmentChannel": CHANNELS[order.fulfillment_channel],
        "SalesChannel": SALES_CHANNEL,
        "ShipServiceLevel": order.service_level,
        "NumberOfItemsShipped": order.shipped,
        "NumberOfItemsUnshipped": order.open,
        "PaymentMethod": _PAYMENT_OF.get(order.payment_method, "Other"),
        "PaymentMethodDetails": [order.payment_method or "Other"],
        "MarketplaceId": settings.MARKETPLACE_ID,
        "ShipmentServiceLevelCategory": "Standard",
        "OrderType": "StandardOrder",
        "EarliestShipDate": moment(order.placed_at),
        "IsBusinessOrder": False,
        "IsPrime": False,
        "IsPremiumOrder": False,
        "IsGlobalExpressEnabled": False,
        "IsReplacementOrder": False,
        "IsSoldByAB": False,
        "IsISPU": False,
        "IsAccessPointOrder": False,
        "HasRegulatedItems": False,
        "BuyerInfo": buyer_shape(order, whole=with_buyer),
    }
    if order.ship_by_date:
        shape["LatestShipDate"] = moment(end_of(order.ship_by_date))
    if order.total is not None and order.status != "PENDING":
        shape["OrderTotal"] = money(order.total, order.currency)
    if order.status in WITH_ADDRESS:
        shape["ShippingAddress"] = address_shape(order, whole=with_address)
    return shape


def buyer_shape(order: Polled, *, whole: bool) -> dict[str, str]:
    """`BuyerInfo`: the address for mails, and the name with a restricted token."""
    shape = {"BuyerEmail": order.buyer_email} if order.buyer_email else {}
    if whole and order.buyer_name and order.status != "PENDING":
        shape["BuyerName"] = order.buyer_name
    return shape


def address_shape(order: Polled, *, whole: bool) -> dict[str, str]:
    """`ShippingAddress`: the place, and person and street with a restricted token."""
    place = order.recipient
    shape = {
        "StateOrRegion": place["state"],
        "City": place["city"],
        "PostalCode": place["postal_code"],
        "CountryCode": place["country"] or "JP",
    }
    if whole:
        shape |= {name: place[key] for name, key in _HIDDEN.items() if place[key]}
        shape["AddressType"] = "Residential"
    return shape


def item_shape(
    item: OrderItem | PolledItem, *, status: str, currency: str, requested: str | None
) -> dict[str, Any]:
    """One `OrderItem` of an order in this status; `requested` is the reason of the buyer's request, if any (D-16)."""
    left = item.quantity_ordered - item.quantity_cancelled
    shape: dict[str, Any] = {
        "ASIN": "",
        "SellerSKU": item.sku,
        "OrderItemId": item.item_id,
        "Title": item.title,
        "QuantityOrdered": left,
        "QuantityShipped": item.quantity_shipped,
        "ProductInfo": {"NumberOfItems": "1"},
        "IsGift": "false",
        "ConditionId": "New",
        "ConditionSubtypeId": "New",
        "IsTransparency": False,
        "SerialNumberRequired": False,
        "BuyerInfo": {},
        "BuyerRequestedCancel": {
            "IsBuyerRequestedCancel": "false" if requested is None else "true",
            "BuyerCancelReason": requested or "",
        },
    }
    if status != "PENDING" and item.item_price is not None:
        shape |= _prices(item, currency)
    return shape


def _prices(item: OrderItem | PolledItem, currency: str) -> dict[str, Any]:
    """Money of the units that were not cancelled; sending stays whole until none is left (D-30)."""

    def left_of(amount: Decimal) -> dict[str, str]:
        gone = share(
            amount=amount,
            units=item.quantity_ordered,
            before=0,
            taken=item.quantity_cancelled,
            currency=currency,
        )
        return money(amount - gone, currency)

    none_left = item.quantity_cancelled == item.quantity_ordered
    sending = Decimal(0) if none_left else item.shipping_price
    return {
        "ItemPrice": left_of(item.item_price or Decimal(0)),
        "ItemTax": left_of(item.item_tax),
        "PromotionDiscount": left_of(item.discount),
        "ShippingPrice": money(sending, currency),
        "ShippingTax": money(Decimal(0) if none_left else item.shipping_tax, currency),
    }
