"""One line of a feed: its cells read into a row, or the first reason why not. Rules and the standard library."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from cancellations.words import Reason
from orders.files.rows import ORDER_NUMBER, BadCell, Cells, plain, shown
from orders.rules import WHOLE_CURRENCIES
from payments.rules import RefundReason


class Kind(StrEnum):
    """What the lines of a feed ask for."""

    CANCELLATION = "ORDER_CANCELLATION"
    ADJUSTMENT = "ORDER_ADJUSTMENT"
    SHIPMENT = "ORDER_SHIPMENT"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is refused, and why; `detail` names the column and quotes what stood there."""

    line: int
    number: str
    item_id: str
    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line, read; two lines that say the same are equal. `item_id` is empty if the whole order is meant."""

    line: int = field(compare=False)
    number: str
    item_id: str


@dataclass(frozen=True, slots=True)
class AcknowledgeRow(Row):
    """Say that an order was seen; it changes nothing."""


@dataclass(frozen=True, slots=True)
class CancelRow(Row):
    """Cancel what is open of an order, or of one item of it.

    `whole` only while nothing of the order was shipped; `others` are items with reasons of their own.
    """

    reason: Reason
    whole: bool = False
    others: tuple[tuple[str, Reason], ...] = ()


@dataclass(frozen=True, slots=True)
class AdjustRow(Row):
    """Cancel units of an item, or give money of it back.

    `quantity` units are cancelled if they are open, and refunded if they were charged; without any, `amount` of
    `currency` goes back. `reason` is what a cancellation is for, `refund_reason` what a refund is for.
    """

    reason: Reason
    refund_reason: RefundReason
    quantity: int
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ShipRow(Row):
    """Confirm that units left: `quantity` of the item, or all that is open (None)."""

    quantity: int | None
    shipped_on: date
    carrier: str
    tracking_number: str
    has_method: bool
    acknowledges_request: bool


# --- reasons ----------------------------------------------------------------------------------------------

_CANCEL_REASONS: Mapping[str, Reason] = {
    "BuyerCanceled": Reason.BUYER_CANCELED,
    "NoInventory": Reason.NO_INVENTORY,
    "ShippingAddressUndeliverable": Reason.ADDRESS_UNDELIVERABLE,
    "BuyerNotReplying": Reason.BUYER_NOT_REPLYING,
    "PricingError": Reason.PRICING_ERROR,
    "CustomerExchange": Reason.CUSTOMER_EXCHANGE,
    "GeneralAdjustment": Reason.OTHER,
    "CustomerReturn": Reason.OTHER,
    "MerchandiseNotReceived": Reason.OTHER,
    "CarrierCreditDecision": Reason.OTHER,
    "RiskAssessmentInformationNotValid": Reason.OTHER,
    "CarrierCoverageFailure": Reason.OTHER,
}
# The first code that stands for a reason.
CODES: dict[Reason, str] = {reason: code for code, reason in reversed([*_CANCEL_REASONS.items()])}
# The form's own words and codes say the same (domain 14.2).
_LABELS: Mapping[str, Reason] = {
    "購入者によるキャンセル": Reason.BUYER_CANCELED,
    "在庫切れ": Reason.NO_INVENTORY,
    "配送不可の住所": Reason.ADDRESS_UNDELIVERABLE,
    "購入者から返信がない": Reason.BUYER_NOT_REPLYING,
    "価格設定の誤り": Reason.PRICING_ERROR,
    "購入者からの交換依頼": Reason.CUSTOMER_EXCHANGE,
    "その他": Reason.OTHER,
}
_ADJUST_REASONS: Mapping[str, tuple[Reason, RefundReason]] = {
    "CustomerCancel": (Reason.BUYER_CANCELED, RefundReason.CUSTOMER_CANCEL),
    "NoInventory": (Reason.NO_INVENTORY, RefundReason.NO_INVENTORY),
    "PriceError": (Reason.PRICING_ERROR, RefundReason.PRICE_ADJUSTMENT),
    "CustomerReturn": (Reason.OTHER, RefundReason.RETURN),
    "CouldNotShip": (Reason.OTHER, RefundReason.NOT_SHIPPED),
    "RefusedDelivery": (Reason.OTHER, RefundReason.REFUSED),
} | dict.fromkeys(
    [
        "GeneralAdjustment",
        "DifferentItem",
        "Abandoned",
        "ProductOutofStock",
        "CustomerAddressIncorrect",
        "Exchange",
        "Other",
        "CarrierCreditDecision",
        "RiskAssessmentInformationNotValid",
        "CarrierCoverageFailure",
        "TransactionRecord",
        "Undeliverable",
    ],
    (Reason.OTHER, RefundReason.OTHER),
)
_BY_WORD = {
    word.casefold(): reason
    for word, reason in [
        *_CANCEL_REASONS.items(),
        *_LABELS.items(),
        *((each.value, each) for each in _LABELS.values()),
    ]
}
_ADJUST_BY_WORD = {word.casefold(): reasons for word, reasons in _ADJUST_REASONS.items()}


def codes_of(kind: Kind) -> list[str]:
    """The codes that a template offers for a kind of feed, the usual ones first: reasons, or carriers."""
    return {
        Kind.CANCELLATION: list(_CANCEL_REASONS),
        Kind.ADJUSTMENT: list(_ADJUST_REASONS),
        Kind.SHIPMENT: [*CARRIERS, "Other"],
    }[kind]


def cancel_reason(text: str) -> Reason:
    """The reason that a word stands for. Raises BadCell REASON_REQUIRED or REASON_UNKNOWN."""
    return _reason(text, "cancellation-reason-code", _BY_WORD)


def adjust_reason(text: str) -> tuple[Reason, RefundReason]:
    """What a word stands for in a cancellation, and in a refund. Raises BadCell REASON_REQUIRED or REASON_UNKNOWN."""
    return _reason(text, "adjustment-reason-code", _ADJUST_BY_WORD)


Found = TypeVar("Found")


def _reason(text: str, column: str, known: Mapping[str, Found]) -> Found:
    word = plain(text)
    if not word:
        raise BadCell("REASON_REQUIRED", column)
    if word.casefold() not in known:
        raise BadCell("REASON_UNKNOWN", f"{column}: {shown(word, 60)}")
    return known[word.casefold()]


# --- carriers ---------------------------------------------------------------------------------------------

# The codes of Japan, and what the portal calls these carriers.
CARRIERS = {
    "YamatoTransport": "ヤマト運輸",
    "YAMATO": "ヤマト運輸",
    "SagawaExpress": "佐川急便",
    "SAGAWA": "佐川急便",
    "JP_EXPRESS": "日本郵便",
    "NipponExpress": "日本通運",
    "NITTSU": "日本通運",
    "FEDEX_JP": "FedEx",
}
_CARRIERS = {code.casefold(): name for code, name in CARRIERS.items()} | {
    code.casefold(): code
    for code in ("UPS", "USPS", "FedEx", "DHL", "TNT", "EMS", "SF Express", "Seino", "Fukuyama")
}
LONGEST_CARRIER = LONGEST_TRACKING = 60


def carrier_of(code: str, name: str) -> str:
    """How the portal calls a carrier. Raises BadCell CARRIER for no code, an unknown one, or Other without a name."""
    word = plain(code)
    if name and (not word or word.casefold() in {"other", name.casefold()}):
        return name
    if not word or word.casefold() not in _CARRIERS:
        raise BadCell("CARRIER", f"carrier-code: {shown(word, 60)}")
    return _CARRIERS[word.casefold()]


# --- cells of the rows ------------------------------------------------------------------------------------

_ITEM_ID = re.compile(r"[0-9]{11,14}")
_DAY = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})")
_REWRITTEN = re.compile(r"[0-9]+(?:\.[0-9]+)?E\+?[0-9]+", re.IGNORECASE)
_YES = frozenset({"true", "yes", "1"})
MONEY = (
    "item-price-adj",
    "item-tax-adj",
    "shipping-price-adj",
    "shipping-tax-adj",
    "gift-wrap-price-adj",
    "gift-wrap-tax-adj",
)
TAKEN_OFF = ("item-promotion-adj", "ship-promotion-adj")


def order_number(cells: Cells) -> str:
    """The order a line is about."""
    number = plain(cells.raw("order-id"))
    if not ORDER_NUMBER.fullmatch(number):
        code = "ORDER_ID_NOT_TEXT" if "E+" in number.upper() else "ORDER_ID_FORMAT"
        raise BadCell(code, f"order-id: {shown(number, 60)}")
    return number


def not_a_number(text: str, column: str) -> None:
    """Raises BadCell NUMBER_NOT_TEXT for what a spreadsheet has made of a long number."""
    if _REWRITTEN.fullmatch(plain(text)):
        raise BadCell("NUMBER_NOT_TEXT", f"{column}: {shown(plain(text), 60)}")


def item_id(cells: Cells, *, required: bool = False) -> str:
    """The item a line is about, with its fourteen digits; empty for the whole order."""
    not_a_number(cells.raw("order-item-id"), "order-item-id")
    found = cells.matched("order-item-id", _ITEM_ID, "ITEM_ID_FORMAT")
    if required and not found:
        raise BadCell("VALUE_MISSING", "order-item-id")
    return found.zfill(14) if found else ""


def shipped_on(text: str, zone: ZoneInfo) -> date:
    """The day on which a parcel left: a date, also as spreadsheets write it, or the local day of a moment.

    Raises BadCell DATE_FORMAT.
    """
    value = plain(text)
    try:
        if found := _DAY.fullmatch(value):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if value[4:5] == "-" and "T" in value:
            moment = datetime.fromisoformat(value)
            return (moment.astimezone(zone) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError):
        pass  # the thirtieth of February has the right form, too
    raise BadCell("DATE_FORMAT", f"ship-date: {shown(value, 60)}")


def currency_of(text: str) -> str:
    """A currency's code. Raises BadCell CURRENCY."""
    currency = plain(text).upper()
    if not re.fullmatch("[A-Z]{3}", currency):
        raise BadCell("CURRENCY", f"currency: {shown(currency, 60)}")
    return currency


def money(cells: Cells, currency: str) -> Decimal:
    """What a line gives back in all: price, tax, shipping, wrapping, less what promotions had taken off."""
    given = sum((cells.amount(name, currency) or Decimal(0) for name in MONEY), Decimal(0))
    taken = sum((cells.reduction(name, currency) for name in TAKEN_OFF), Decimal(0))
    if taken > given:
        raise BadCell("AMOUNT_FORMAT", f"item-promotion-adj: {taken} > {given}")
    return given - taken


def cancel_row(line: int, cells: Cells, zone: ZoneInfo) -> CancelRow:
    """A line of the cancellation feed (domain 14.2)."""
    number, item = order_number(cells), item_id(cells)
    return CancelRow(line, number, item, cancel_reason(cells.raw("cancellation-reason-code")))


def adjust_row(line: int, cells: Cells, zone: ZoneInfo) -> AdjustRow:
    """A line of the adjustment feed (domain 14.3): units to cancel, or money to give back."""
    number, item = order_number(cells), item_id(cells, required=True)
    reason, refund_reason = adjust_reason(cells.raw("adjustment-reason-code"))
    currency = currency_of(cells.raw("currency"))
    quantity = cells.quantity("quantity-cancelled") or 0
    amount = money(cells, currency)
    if not quantity and not amount:
        raise BadCell("VALUE_MISSING", "quantity-cancelled, item-price-adj")
    if currency in WHOLE_CURRENCIES and amount % 1:
        raise BadCell("AMOUNT_FORMAT", f"item-price-adj: {amount} {currency}")
    return AdjustRow(line, number, item, reason, refund_reason, quantity, currency, amount)


def ship_row(line: int, cells: Cells, zone: ZoneInfo) -> ShipRow:
    """A line of the shipment feed (domain 14.4)."""
    number, item = order_number(cells), item_id(cells)
    quantity = cells.quantity("quantity")
    not_a_number(cells.raw("tracking-number"), "tracking-number")
    if quantity == 0 or (quantity and not item):
        raise BadCell(
            "QUANTITY_FORMAT" if quantity == 0 else "VALUE_MISSING", "quantity" if item else "order-item-id"
        )
    return ShipRow(
        line,
        number,
        item,
        quantity,
        shipped_on(cells.raw("ship-date"), zone),
        carrier_of(cells.text("carrier-code", 60), cells.text("carrier-name", LONGEST_CARRIER)),
        cells.text("tracking-number", LONGEST_TRACKING),
        bool(cells.raw("ship-method")),
        plain(cells.raw("acknowledge-cancellation-request")).casefold() in _YES,
    )
