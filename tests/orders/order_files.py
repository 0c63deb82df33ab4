"""Order files written by hand, a line at a time, for tests of reading and taking over."""

from collections.abc import Sequence

UNSHIPPED = [
    "order-id",
    "order-item-id",
    "purchase-date",
    "buyer-email",
    "buyer-name",
    "sku",
    "product-name",
    "quantity-purchased",
    "currency",
    "item-price",
    "shipping-price",
    "recipient-name",
    "ship-address-1",
    "ship-city",
    "ship-state",
    "ship-postal-code",
    "ship-country",
]
ACTIONABLE = [
    "order-id",
    "order-item-id",
    "purchase-date",
    "reporting-date",
    "promise-date",
    "buyer-email",
    "buyer-name",
    "sku",
    "product-name",
    "quantity-purchased",
    "quantity-shipped",
    "quantity-to-ship",
    "recipient-name",
    "payment-method",
]
ALL_ORDERS = [
    "amazon-order-id",
    "purchase-date",
    "last-updated-date",
    "order-status",
    "fulfillment-channel",
    "product-name",
    "sku",
    "item-status",
    "quantity",
    "currency",
    "item-price",
    "item-promotion-discount",
]

NUMBER = "249-0000001-0000001"
USUAL = {
    "order-id": NUMBER,
    "amazon-order-id": NUMBER,
    "order-item-id": "00000000000011",
    "purchase-date": "2026-06-30T10:00:00+09:00",
    "last-updated-date": "2026-06-30T12:00:00+00:00",
    "reporting-date": "2026-07-01T09:00:00+09:00",
    "promise-date": "2026-07-03T23:59:59+09:00",
    "buyer-email": "haruka@buyer.example",
    "buyer-name": "森下 遥",
    "sku": "POT-T5",
    "product-name": "素焼き鉢 5号",
    "quantity-purchased": "2",
    "quantity-shipped": "0",
    "quantity": "2",
    "currency": "JPY",
    "item-price": "2000",
    "shipping-price": "300",
    "order-status": "Unshipped",
    "item-status": "Unshipped",
    "fulfillment-channel": "Merchant",
    "recipient-name": "森下 遥",
    "ship-address-1": "見本町12-3",
    "ship-city": "京都市",
    "ship-state": "京都府",
    "ship-postal-code": "604-0000",
    "ship-country": "JP",
}
SECOND = {"order-item-id": "00000000000012", "sku": "TRAY-R5", "product-name": "受け皿 5号", "item-price": "500"}


def text(columns: Sequence[str], *lines: dict[str, str]) -> str:
    """A file of these columns; each line says only where it differs from the usual one."""
    rows = ["\t".join(columns)]
    rows += ["\t".join((USUAL | line).get(column, "") for column in columns) for line in lines]
    return "\n".join(rows) + "\n"


def unshipped(*lines: dict[str, str]) -> bytes:
    """The layout with prices."""
    return text(UNSHIPPED, *lines).encode()


def actionable(*lines: dict[str, str]) -> bytes:
    """The layout with promise dates and shipped quantities."""
    return text(ACTIONABLE, *lines).encode()


def all_orders(*lines: dict[str, str]) -> bytes:
    """The layout of every status."""
    return text(ALL_ORDERS, *lines).encode()
