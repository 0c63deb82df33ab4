"""One line of an order file: its cells read into a row, or the first reason why not. Rules and the standard library."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from orders.rules import WHOLE_CURRENCIES


class Layout(StrEnum):
    """Which report it is."""

    UNSHIPPED = "unshipped"
    ACTIONABLE = "actionable"
    ALL_ORDERS = "all-orders"


class Said(StrEnum):
    """What a line says about its units; the quantity shipped says more where there is one."""

    PENDING = "PENDING"
    OPEN = "OPEN"
    SHIPPED = "SHIPPED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is refused, and why; `detail` names the column and quotes what stood there."""

    line: int
    number: str
    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line, read. Money is of the whole line; `item_price` None means unknown.

    `item_id` is empty in the layout that has none. `reported_at` is when the file says it looked.
    """

    line: int = field(compare=False)
    number: str
    item_id: str
    sku: str
    title: str
    quantity: int
    said: Said
    shipped: int
    placed_at: datetime
    paid_at: datetime | None
    ship_by: datetime | date | None
    reported_at: datetime | None = field(compare=False)
    buyer_email: str
    buyer_name: str
    recipient: Mapping[str, str]
    service_level: str
    payment_method: str
    by_marketplace: bool
    currency: str
    item_price: Decimal | None
    item_tax: Decimal
    shipping_price: Decimal
    shipping_tax: Decimal
    discount: Decimal


# --- columns ----------------------------------------------------------------------------------------------

_ADDRESS = {
    "recipient-name": ("name", 100),
    "ship-phone-number": ("phone", 40),
    "ship-postal-code": ("postal_code", 20),
    "ship-state": ("state", 60),
    "ship-city": ("city", 100),
    "ship-address-1": ("line1", 200),
    "ship-address-2": ("line2", 200),
    "ship-address-3": ("line3", 200),
}
# Columns of the layouts that say nothing the portal keeps: ignored without a word.
PASSED_OVER = frozenset(
    [
        "days-past-promise",
        "quantity-to-ship",
        "cod-collectible-amount",
        "already-paid",
        "payment-method-fee",
        "scheduled-delivery-start-date",
        "scheduled-delivery-end-date",
        "points-granted",
        "is-prime",
        "sales-channel",
        "delivery-start-date",
        "delivery-end-date",
        "delivery-time-zone",
        "delivery-instructions",
        "is-business-order",
        "purchase-order-number",
        "price-designation",
        "buyer-company-name",
        "is-iba",
        "is-buyer-requested-cancellation",
        "is-buyer-requested-cancelation",
        "buyer-requested-cancel-reason",
        "verge-of-cancellation",
        "verge-of-lateshipment",
        "merchant-order-id",
        "order-channel",
        "asin",
        "gift-wrap-price",
        "gift-wrap-tax",
        "promotion-ids",
        "is-transparency",
        "ioss-number",
        "order-invoice-type",
    ]
)
READ = frozenset(
    [
        "purchase-date",
        "sku",
        "product-name",
        "payments-date",
        "reporting-date",
        "promise-date",
        "buyer-email",
        "buyer-name",
        "buyer-phone-number",
        "quantity-shipped",
        "ship-service-level",
        "ship-country",
        "payment-method",
        "fulfillment-channel",
        "currency",
        "item-price",
        "item-tax",
        "shipping-price",
        "shipping-tax",
        "item-promotion-discount",
        "ship-promotion-discount",
        "last-updated-date",
        "item-status",
        "order-id",
        "order-item-id",
        "quantity-purchased",
        "amazon-order-id",
        "order-status",
        "quantity",
    ]
) | set(_ADDRESS)
REQUIRED = {
    Layout.UNSHIPPED: ("order-id", "order-item-id", "purchase-date", "sku", "product-name", "quantity-purchased"),
    Layout.ALL_ORDERS: ("amazon-order-id", "purchase-date", "order-status", "product-name", "sku", "quantity"),
}
REQUIRED[Layout.ACTIONABLE] = REQUIRED[Layout.UNSHIPPED]
ONLY_ACTIONABLE = frozenset({"promise-date", "quantity-shipped", "quantity-to-ship", "days-past-promise"})

# --- cells ------------------------------------------------------------------------------------------------

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Private use and the replacement character: whatever stood there was lost before.
_LOST = re.compile("[\ue000-\uf8ff\ufffd]")
STRANGE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ue000-\uf8ff\ufeff\ufffd]"
)
# Marks that nobody sees and that turn text around are left out; separators of lines become spaces.
_MARKS = dict.fromkeys([0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF])
_MARKS |= dict.fromkeys([0x2028, 0x2029], " ")
_DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xFF0D], "-")

ORDER_NUMBER = re.compile(r"[0-9]{3}-[0-9]{7}-[0-9]{7}")
_ITEM_ID = re.compile(r"[0-9]{11,14}")
_QUANTITY = re.compile(r"[0-9]{1,6}")
_AMOUNT = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,2})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)*")
_MOMENT = re.compile(
    r"([0-9]{4})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})"
)
_DAY = re.compile(r"([0-9]{4})-[0-9]{2}-[0-9]{2}")
_YEARS = range(2000, 2100)
_SHIELDED = ("'=", "'+", "'-", "'@")
_NOTHING = Decimal(0)

# Status words of the all-orders layout, and of its longer spellings the part before the dash.
_WORDS = {
    "pending": Said.PENDING,
    "pendingavailability": Said.PENDING,
    "unshipped": Said.OPEN,
    "shipping": Said.OPEN,
    "partiallyshipped": Said.OPEN,
    "invoiceunconfirmed": Said.OPEN,
    "unfulfillable": Said.OPEN,
    "shipped": Said.SHIPPED,
    "complete": Said.SHIPPED,
    "cancelled": Said.CANCELLED,
    "canceled": Said.CANCELLED,
}


class BadCell(Exception):
    """A cell that cannot be read; caught where the line is known."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def shown(text: str, longest: int) -> str:
    """A piece of somebody's file, short and without anything that moves a cursor."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def plain(text: str) -> str:
    """Full-width letters and digits made plain, invisible marks left out: for names, ids and numbers."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_MARKS)).translate(_DASHES)
    return text.strip()


def without_marks(text: str) -> str:
    if found := _CONTROL.search(text):
        raise BadCell("CONTROL_CHARACTER", f"U+{ord(found[0]):04X}")
    if found := _LOST.search(text):
        raise BadCell("UNREADABLE_CHARACTER", f"U+{ord(found[0]):04X}")
    return text.translate(_MARKS)


class Cells:
    """The cells of one line by column name; a column that is not in the file is an empty cell."""

    __slots__ = ("_at", "_cells")

    def __init__(self, at: Mapping[str, int], cells: Sequence[str]) -> None:
        self._at, self._cells = at, cells

    def has(self, name: str) -> bool:
        """Whether the file has this column."""
        return name in self._at

    def raw(self, name: str) -> str:
        """The cell as it stands there, without the spaces around it."""
        index = self._at.get(name)
        return "" if index is None else self._cells[index]

    def text(self, name: str, longest: int, *, required: bool = False) -> str:
        """A text that fits, without the mark by which reports keep spreadsheets from running it (domain 13)."""
        value = self.raw(name)
        if value.startswith(_SHIELDED):
            value = value[1:]
        if len(value) > longest:
            raise BadCell("TEXT_TOO_LONG", f"{name}: {len(value)} > {longest}")
        if required and not value:
            raise BadCell("VALUE_MISSING", name)
        return value

    def matched(self, name: str, pattern: re.Pattern[str], code: str) -> str:
        """An id or a number in its form; empty stays empty."""
        value = self.raw(name)
        if value and not pattern.fullmatch(value := plain(value)):
            raise BadCell(code, f"{name}: {shown(value, 60)}")
        return value

    def quantity(self, name: str) -> int | None:
        """A whole number of units, or None for an empty cell."""
        value = self.matched(name, _QUANTITY, "QUANTITY_FORMAT")
        return int(value) if value else None

    def amount(self, name: str, currency: str) -> Decimal | None:
        """Money, or None for an empty cell."""
        value = self.matched(name, _AMOUNT, "AMOUNT_FORMAT")
        if not value:
            return None
        amount = Decimal(value)
        if currency in WHOLE_CURRENCIES and amount % 1:
            raise BadCell("AMOUNT_FORMAT", f"{name}: {value} {currency}")
        return amount

    def reduction(self, name: str, currency: str) -> Decimal:
        """Money taken off; some reports write it with a minus."""
        if not self.raw(name):
            return _NOTHING
        unsigned = Cells({name: 0}, [plain(self.raw(name)).removeprefix("-")])
        return unsigned.amount(name, currency) or _NOTHING

    def moment(self, name: str) -> datetime | None:
        """A moment with its offset, or None for an empty cell."""
        return self._time(name, _MOMENT, datetime.fromisoformat)

    def day_or_moment(self, name: str) -> datetime | date | None:
        """A day, or the moment at which it ends; None for an empty cell."""
        if len(self.raw(name)) == len("2026-01-01"):
            return self._time(name, _DAY, date.fromisoformat)
        return self.moment(name)

    def _time(self, name: str, pattern: re.Pattern[str], read: Callable):
        value = self.raw(name)
        if not value:
            return None
        found = pattern.fullmatch(value := plain(value))
        try:
            if found and int(found[1]) in _YEARS:
                return read(value)
        except ValueError:
            pass  # the thirtieth of February has the right form, too
        raise BadCell("DATE_FORMAT", f"{name}: {shown(value, 60)}")


# --- rows -------------------------------------------------------------------------------------------------


def row_of(line: int, cells: Cells, layout: Layout) -> Row:
    number = _order_number(cells, REQUIRED[layout][0])
    said, quantity, shipped = (_status if layout == Layout.ALL_ORDERS else _units)(cells)
    currency = cells.matched("currency", _CURRENCY, "CURRENCY") or "JPY"
    item_price = cells.amount("item-price", currency)
    if item_price is None and said == Said.CANCELLED and cells.has("item-price"):
        item_price = _NOTHING  # the layout empties the prices of what was cancelled
    item_tax = cells.amount("item-tax", currency) or _NOTHING
    discount = cells.reduction("item-promotion-discount", currency)
    shipping_price = cells.amount("shipping-price", currency) or _NOTHING
    shipping_price -= cells.reduction("ship-promotion-discount", currency)
    if shipping_price < 0 or (item_price is not None and item_price + item_tax < discount):
        raise BadCell("AMOUNT_FORMAT", "promotion-discount")
    placed_at = cells.moment("purchase-date")
    if placed_at is None:
        raise BadCell("VALUE_MISSING", "purchase-date")
    item_id = cells.matched("order-item-id", _ITEM_ID, "ITEM_ID_FORMAT")
    if not item_id and layout != Layout.ALL_ORDERS:
        raise BadCell("VALUE_MISSING", "order-item-id")
    return Row(
        line=line,
        number=number,
        item_id=item_id.zfill(14) if item_id else "",
        sku=cells.text("sku", 80, required=True),
        title=cells.text("product-name", 500, required=True),
        quantity=quantity,
        said=said,
        shipped=shipped,
        placed_at=placed_at,
        paid_at=cells.moment("payments-date"),
        ship_by=cells.day_or_moment("promise-date"),
        reported_at=cells.moment("last-updated-date") or cells.moment("reporting-date"),
        buyer_email=_email(cells),
        buyer_name=cells.text("buyer-name", 100),
        recipient=_recipient(cells),
        service_level=cells.text("ship-service-level", 60),
        payment_method=cells.text("payment-method", 40),
        by_marketplace=cells.raw("fulfillment-channel").casefold() in {"amazon", "afn"},
        currency=currency,
        item_price=item_price,
        item_tax=item_tax,
        shipping_price=shipping_price,
        shipping_tax=cells.amount("shipping-tax", currency) or _NOTHING,
        discount=discount,
    )


def _order_number(cells: Cells, name: str) -> str:
    number = plain(cells.raw(name))
    if not number:
        raise BadCell("VALUE_MISSING", name)
    if not ORDER_NUMBER.fullmatch(number):
        raise BadCell("ORDER_ID_NOT_TEXT" if "E+" in number else "ORDER_ID_FORMAT", f"{name}: {shown(number, 60)}")
    return number


def _units(cells: Cells) -> tuple[Said, int, int]:
    """What the layouts by item say: ordered and already shipped units."""
    quantity = cells.quantity("quantity-purchased")
    shipped = cells.quantity("quantity-shipped") or 0
    if not quantity:
        raise BadCell("QUANTITY_FORMAT", f"quantity-purchased: {shown(cells.raw('quantity-purchased'), 60)}")
    if shipped > quantity:
        raise BadCell("QUANTITY_EXCEEDS_OPEN", f"quantity-shipped: {shipped} > {quantity}")
    return Said.OPEN, quantity, shipped


def _status(cells: Cells) -> tuple[Said, int, int]:
    """What the all-orders layout says: the item's own status before the order's; 0 units may be cancelled."""
    name = "item-status" if cells.raw("item-status") else "order-status"
    word = plain(cells.raw(name)).casefold().partition(" - ")[0].replace(" ", "")
    if word not in _WORDS:
        raise BadCell("STATUS_UNKNOWN", f"{name}: {shown(cells.raw(name), 60)}")
    said = _WORDS[word]
    order_word = plain(cells.raw("order-status")).casefold().partition(" - ")[0]
    if said == Said.OPEN and _WORDS.get(order_word) == Said.PENDING:
        said = Said.PENDING
    quantity = cells.quantity("quantity")
    if said == Said.CANCELLED:
        return said, quantity or 1, 0
    if not quantity:
        raise BadCell("QUANTITY_FORMAT", f"quantity: {shown(cells.raw('quantity'), 60)}")
    return said, quantity, quantity if said == Said.SHIPPED else 0


def _email(cells: Cells) -> str:
    address = plain(cells.text("buyer-email", 254)).lower()
    if address and not _EMAIL.fullmatch(address):
        raise BadCell("EMAIL_FORMAT", f"buyer-email: {shown(address, 60)}")
    return address


def _recipient(cells: Cells) -> dict[str, str]:
    """Who gets the parcel; nothing at all if the layout names neither person nor place."""
    found = {key: value for column, (key, longest) in _ADDRESS.items() if (value := cells.text(column, longest))}
    if not found:
        return found
    if "phone" not in found and (phone := cells.text("buyer-phone-number", 40)):
        found["phone"] = phone
    country = plain(cells.raw("ship-country")).upper() or "JP"
    if len(country) != 2 or not country.isascii():
        raise BadCell("COUNTRY_FORMAT", f"ship-country: {shown(country, 60)}")
    return found | {"country": country}
