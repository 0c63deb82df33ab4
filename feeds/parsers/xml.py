"""XML feeds: an envelope of messages, each of which becomes rows (flat-files 3.2, 4.2, 5.2, 6; reliability 4.4).

No document type, no entity, no other encoding than UTF-8: what a parser could be led astray by is refused before it
reads. The depth is limited by counting, so that no nesting meets a recursion of ours.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import BinaryIO
from zoneinfo import ZoneInfo

from lxml import etree

from orders.files.encoding import Unreadable
from orders.files.rows import BadCell, Cells, plain, shown
from orders.rules import WHOLE_CURRENCIES

from .flat import MOST_LINES, SHOWN_ID
from .rows import (
    LONGEST_CARRIER,
    LONGEST_TRACKING,
    AcknowledgeRow,
    AdjustRow,
    BadRow,
    CancelRow,
    Kind,
    Row,
    ShipRow,
    adjust_reason,
    cancel_reason,
    carrier_of,
    currency_of,
    item_id,
    order_number,
    shipped_on,
)

DEEPEST = 50
# More than so many lines could need, and few enough to be held at once.
MOST_ELEMENTS = 40 * MOST_LINES
MESSAGES = {
    Kind.CANCELLATION: "OrderAcknowledgement",
    Kind.ADJUSTMENT: "OrderAdjustment",
    Kind.SHIPMENT: "OrderFulfillment",
}
_FORBIDDEN = re.compile(r"<!(?:DOCTYPE|ENTITY)|<\?xml-stylesheet|XInclude", re.IGNORECASE)
_DECLARED = re.compile(r"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_MESSAGE_ID = re.compile(r"[1-9][0-9]{0,19}")
_NUMBER = re.compile(r"[0-9]{1,6}")
_AMOUNT = re.compile(r"-?[0-9]{1,8}(?:\.[0-9]{1,2})?")
# Components of a refund that the shop keeps instead of giving.
_KEPT = frozenset({"RestockingFee", "RestockingFeeTax", "ReturnShipping"})


def is_xml(content: BinaryIO) -> bool:
    """Whether a file begins as XML does; it is left at its beginning."""
    content.seek(0)
    head = content.read(512)
    content.seek(0)
    return bool(re.match(rb"(?:\xef\xbb\xbf)?\s*<\??[A-Za-z]", head)) and b"<html" not in head.lower()


class XmlFeed:
    """An XML feed whose envelope was understood; `rows` are those of its messages in their order.

    A row's `line` is the place of its message, `records` gives the message's own id by that place. `merchant` is whose
    feed it says it is. Raises Unreadable if the file as a whole cannot be read.
    """

    encoding = "utf-8"

    def __init__(self, content: BinaryIO, kind: Kind, *, zone: ZoneInfo) -> None:
        root = _root_of(content)
        self.ignored: list[str] = []
        try:
            self.merchant = _text(_child(root, "Header"), "MerchantIdentifier")
            found = _text(root, "MessageType")
        except BadCell as refused:
            raise Unreadable("INVALID_XML", says=f"{refused.code} {refused.detail}") from refused
        if _name(root) != "AmazonEnvelope" or found != MESSAGES[kind]:
            raise Unreadable("FEED_TYPE", found=shown(found or _name(root), 60), expected=MESSAGES[kind])
        self.records: dict[int, str] = {}
        self.rows: list[Row | BadRow] = []
        seen: set[str] = set()
        for place, message in enumerate((each for each in root if _name(each) == "Message"), start=1):
            ids = ["".join(each.itertext()).strip() for each in _children(message, "MessageID")]
            record = ids[0] if len(ids) == 1 and _MESSAGE_ID.fullmatch(ids[0]) else ""
            self.records[place] = record or "0"
            if not record or record in seen:
                self.rows.append(BadRow(place, "", "", "MESSAGE_ID", f"MessageID: {shown(' '.join(ids), 60)}"))
            else:
                self.rows += _rows_of(place, message, kind, zone)
            seen.add(record)
            if len(self.rows) > MOST_LINES:
                raise Unreadable("FEED_TOO_MANY_LINES", limit=MOST_LINES)
        if not self.rows:
            raise Unreadable("FEED_EMPTY")


def _root_of(content: BinaryIO) -> etree._Element:
    """The parsed document. Raises Unreadable INVALID_XML, with what the parser says."""
    content.seek(0)
    raw = content.read()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("FEED_ENCODING", position=error.start) from error
    declared = _DECLARED.match(text.lstrip())
    if declared and declared[1].casefold() not in {"utf-8", "utf8"}:
        raise Unreadable("INVALID_XML", says=f"encoding {shown(declared[1], 40)}")
    if found := _CONTROL.search(text) or _FORBIDDEN.search(text):
        raise Unreadable("INVALID_XML", says=shown(found[0], 40))
    reader = etree.iterparse(
        io.BytesIO(text.encode()),
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    depth = elements = 0
    try:
        for event, _ in reader:
            depth += 1 if event == "start" else -1
            elements += event == "start"
            if depth > DEEPEST:
                raise Unreadable("INVALID_XML", says=f"depth > {DEEPEST}")
            if elements > MOST_ELEMENTS:
                raise Unreadable("FEED_TOO_MANY_LINES", limit=MOST_LINES)
    except etree.XMLSyntaxError as error:
        raise Unreadable("INVALID_XML", says=shown(str(error), 120)) from error
    return reader.root


# --- elements ---------------------------------------------------------------------------------------------


def _name(element: etree._Element) -> str:
    """An element's name, whatever its namespace."""
    return str(etree.QName(element).localname)


def _children(element: etree._Element | None, name: str) -> list[etree._Element]:
    return [] if element is None else [each for each in element if _name(each) == name]


def _child(element: etree._Element | None, name: str) -> etree._Element | None:
    """The one child of a name; None without it. Raises BadCell for two, of which either could be meant."""
    found = _children(element, name)
    if len(found) > 1:
        raise BadCell("ELEMENT_TWICE", name)
    return found[0] if found else None


def _text(element: etree._Element | None, name: str) -> str:
    child = _child(element, name)
    return "" if child is None else "".join(child.itertext()).strip()


def _cells(values: Mapping[str, str]) -> Cells:
    """Values as the cells of a line, so that the rules of flat feeds read them."""
    return Cells({name: index for index, name in enumerate(values)}, list(values.values()))


def _rows_of(place: int, message: etree._Element, kind: Kind, zone: ZoneInfo) -> list[Row | BadRow]:
    """The rows of one message; one bad row if it cannot be read."""
    number = ""
    try:
        body = _child(message, MESSAGES[kind])
        if body is None:
            raise BadCell("VALUE_MISSING", MESSAGES[kind])
        number = _text(body, "AmazonOrderID")
        cells = _cells({"order-id": number, "order-item-id": ""})
        return list(_READERS[kind](place, order_number(cells), body, zone))
    except BadCell as refused:
        return [BadRow(place, shown(plain(number), SHOWN_ID), "", refused.code, refused.detail)]


def _item(element: etree._Element, *, required: bool = True) -> str:
    code = _text(element, "AmazonOrderItemCode")
    return item_id(_cells({"order-item-id": code}), required=required)


def _cancel(place: int, number: str, body: etree._Element, zone: ZoneInfo) -> Sequence[Row]:
    """`Failure` cancels the whole order, its items carry the reasons; `Success` only acknowledges."""
    status = _text(body, "StatusCode")
    if status == "Success":
        return [AcknowledgeRow(place, number, "")]
    if status != "Failure":
        raise BadCell("VALUE_MISSING", f"StatusCode: {shown(status, 40)}")
    items = tuple((_item(each), cancel_reason(_text(each, "CancelReason"))) for each in _children(body, "Item"))
    first = items[0][1] if items else cancel_reason("GeneralAdjustment")
    return [CancelRow(place, number, "", first, whole=True, others=items)]


def _adjust(place: int, number: str, body: etree._Element, zone: ZoneInfo) -> Sequence[Row]:
    is_cancel = (_text(body, "ActionType") or "Refund") == "Cancel"
    rows: list[Row] = []
    for each in _children(body, "AdjustedItem"):
        reason, refund_reason = adjust_reason(_text(each, "AdjustmentReason"))
        currency, amount = _money(each)
        quantity = _quantity(each, "QuantityCancelled") if is_cancel else 0
        if not quantity and (is_cancel or not amount):
            raise BadCell("VALUE_MISSING", "QuantityCancelled" if is_cancel else "ItemPriceAdjustments")
        rows.append(AdjustRow(place, number, _item(each), reason, refund_reason, quantity, currency, amount))
    if not rows:
        raise BadCell("VALUE_MISSING", "AdjustedItem")
    return rows


def _ship(place: int, number: str, body: etree._Element, zone: ZoneInfo) -> Sequence[Row]:
    data = _child(body, "FulfillmentData")
    texts = _cells(
        {"carrier-name": _text(data, "CarrierName"), "tracking-number": _text(data, "ShipperTrackingNumber")}
    )
    carrier = carrier_of(_text(data, "CarrierCode"), texts.text("carrier-name", LONGEST_CARRIER))
    tracking = texts.text("tracking-number", LONGEST_TRACKING)
    day, has_method = shipped_on(_text(body, "FulfillmentDate"), zone), bool(_text(data, "ShippingMethod"))

    def row(item: str, quantity: int | None) -> ShipRow:
        return ShipRow(
            place, number, item, quantity, day, carrier, tracking, has_method, acknowledges_request=False
        )

    items = [row(_item(each), _quantity(each, "Quantity") or None) for each in _children(body, "Item")]
    return items or [row("", None)]


def _quantity(element: etree._Element, name: str) -> int:
    value = plain(_text(element, name))
    if value and not _NUMBER.fullmatch(value):
        raise BadCell("QUANTITY_FORMAT", f"{name}: {shown(value, 60)}")
    return int(value or 0)


def _money(item: etree._Element) -> tuple[str, Decimal]:
    """Currency and what goes back in all: the components of the price, less what promotions had taken off."""
    given, currency = Decimal(0), ""
    for group, sign in (("ItemPriceAdjustments", 1), ("PromotionAdjustments", -1)):
        for holder in _children(item, group):
            for component in _children(holder, "Component"):
                amount = _child(component, "Amount")
                of = currency_of("" if amount is None else str(amount.get("currency") or ""))
                if currency and of != currency:
                    raise BadCell("CURRENCY", f"{currency} / {of}")
                currency = of
                value = "" if amount is None else "".join(amount.itertext()).strip()
                if not _AMOUNT.fullmatch(value) or (currency in WHOLE_CURRENCIES and Decimal(value) % 1):
                    raise BadCell("AMOUNT_FORMAT", f"Amount: {shown(value, 60)}")
                kept = _text(component, "Type") in _KEPT
                given += abs(Decimal(value)) * (-sign if kept else sign)
    if given < 0:
        raise BadCell("AMOUNT_FORMAT", f"Amount: {given}")
    return currency or "JPY", given


_READERS: Mapping[Kind, Callable[[int, str, etree._Element, ZoneInfo], Sequence[Row]]] = {
    Kind.CANCELLATION: _cancel,
    Kind.ADJUSTMENT: _adjust,
    Kind.SHIPMENT: _ship,
}
