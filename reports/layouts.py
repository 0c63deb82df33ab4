"""The layouts of reports, column by column, as the database writes them (flat-files 2, domain 13).

One statement makes a whole report, so that each row is of one snapshot (reliability R-24), and PostgreSQL writes the
cells: no row passes through Python.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orders.rules import WHOLE_CURRENCIES

from .rules import Kind

# Optional columns by their switch, in the order in which layouts append them.
OPTIONAL = {
    "buyer_requested": "is-buyer-requested-cancellation",
    "request_reason": "buyer-requested-cancel-reason",
    "verge_of_cancellation": "verge-of-cancellation",
    "verge_of_late_shipment": "verge-of-lateShipment",
}

# A column that software asks for with its report, behind the country.
SALES_CHANNEL = "sales_channel"


def _text(value: str) -> str:
    """A cell of text: no tab or line break in it, and nothing that a spreadsheet would run."""
    clean = f"translate({value}, E'\\t\\r\\n', '   ')"
    return f"nullif(CASE WHEN left({value}, 1) IN ('=', '+', '-', '@') THEN '''' ELSE '' END || {clean}, '')"


def _moment(value: str) -> str:
    """A moment with the marketplace's offset; the statement's session is set to its zone."""
    return f"to_char({value}, 'YYYY-MM-DD\"T\"HH24:MI:SSTZH:TZM')"


def _utc(value: str) -> str:
    return f"to_char({value} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"')"


_WHOLE = ", ".join(f"'{currency}'" for currency in sorted(WHOLE_CURRENCIES))
_DECIMALS = f"CASE WHEN o.currency IN ({_WHOLE}) THEN 0 ELSE 2 END"


def _money(value: str) -> str:
    """Yen without decimals."""
    return f"round({value}, {_DECIMALS})::text"


def _truth(value: str) -> str:
    return f"CASE WHEN {value} THEN 'true' ELSE 'false' END"


_IS_OPEN = "o.status IN ('UNSHIPPED', 'PARTIALLY_SHIPPED')"
_LEFT = "(i.quantity_ordered - i.quantity_cancelled)"
_HAS_OPEN_UNITS = "i.quantity_shipped + i.quantity_cancelled < i.quantity_ordered"
_ALL_CANCELLED = "i.quantity_cancelled = i.quantity_ordered"


def _remaining(value: str) -> str:
    """Money of the units that were not cancelled, as `orders.rules.share` left it; empty once all were."""
    gone = f"trunc({value} * i.quantity_cancelled / i.quantity_ordered, {_DECIMALS})"
    return f"CASE WHEN NOT {_ALL_CANCELLED} THEN {_money(f'{value} - {gone}')} END"


def _unless_cancelled(value: str) -> str:
    """Money of sending a line: it stays whole until nothing of the line is left."""
    return f"CASE WHEN NOT {_ALL_CANCELLED} THEN {_money(value)} END"


def _place(value: str) -> str:
    """Where a parcel goes is nobody's to know before the payment is verified."""
    return f"CASE WHEN o.payment_verified_at IS NOT NULL THEN {_text(value)} END"


_STATUS = (
    "CASE o.status WHEN 'PENDING' THEN 'Pending' WHEN 'UNSHIPPED' THEN 'Unshipped' WHEN 'PARTIALLY_SHIPPED'"
    " THEN 'Shipping' WHEN 'SHIPPED' THEN 'Shipped' ELSE 'Cancelled' END"
)
_ITEM_STATUS = (
    f"CASE WHEN {_ALL_CANCELLED} THEN 'Cancelled' WHEN o.status = 'PENDING' THEN 'Pending'"
    f" WHEN i.quantity_shipped = {_LEFT} THEN 'Shipped' ELSE 'Unshipped' END"
)
_ADDRESS = {
    "recipient-name": _text("r.name"),
    "ship-address-1": _text("r.line1"),
    "ship-address-2": _text("r.line2"),
    "ship-address-3": _text("r.line3"),
    "ship-city": _text("r.city"),
    "ship-state": _text("r.state"),
    "ship-postal-code": _text("r.postal_code"),
    "ship-country": _text("r.country"),
}
_HEAD = {
    "order-id": "o.number",
    "order-item-id": "i.item_id",
    "purchase-date": _moment("o.placed_at"),
    "payments-date": _moment("o.payment_verified_at"),
}
_BUYER = {
    "buyer-email": _text("b.email"),
    "buyer-name": _text("b.name"),
    "buyer-phone-number": _text("r.phone"),
}
_ACTIONABLE: Mapping[str, str] = {
    **_HEAD,
    "reporting-date": _moment("%(now)s::timestamptz"),
    "promise-date": _moment("((o.ship_by_date + 1)::timestamp - interval '1 second') AT TIME ZONE %(zone)s"),
    "days-past-promise": "(%(today)s::date - o.ship_by_date)::text",
    **_BUYER,
    "sku": _text("i.sku"),
    "product-name": _text("i.title"),
    "quantity-purchased": "i.quantity_ordered::text",
    "quantity-shipped": "i.quantity_shipped::text",
    "quantity-to-ship": "(i.quantity_ordered - i.quantity_shipped - i.quantity_cancelled)::text",
    "ship-service-level": _text("o.service_level"),
    **_ADDRESS,
    "payment-method": _text("o.payment_method"),
    "cod-collectible-amount": "NULL",
    "already-paid": "NULL",
    "payment-method-fee": "NULL",
    "scheduled-delivery-start-date": "NULL",
    "scheduled-delivery-end-date": "NULL",
    "points-granted": "NULL",
    "is-prime": "'false'",
}
_UNSHIPPED: Mapping[str, str] = {
    **_HEAD,
    **_BUYER,
    "sku": _text("i.sku"),
    "product-name": _text("i.title"),
    "quantity-purchased": f"{_LEFT}::text",
    "currency": "o.currency",
    "item-price": _remaining("i.item_price"),
    "item-tax": _remaining("i.item_tax"),
    "shipping-price": _unless_cancelled("i.shipping_price"),
    "shipping-tax": _unless_cancelled("i.shipping_tax"),
    "ship-service-level": _text("o.service_level"),
    **_ADDRESS,
    "ship-phone-number": _text("r.phone"),
    "delivery-start-date": "NULL",
    "delivery-end-date": "NULL",
    "delivery-time-zone": "NULL",
    "delivery-Instructions": "NULL",
}
_CHANNEL = "'Amazon.co.jp'"
_ALL_ORDERS: Mapping[str, str] = {
    "amazon-order-id": "o.number",
    "merchant-order-id": "NULL",
    "purchase-date": _utc("o.placed_at"),
    "last-updated-date": _utc("o.last_updated_at"),
    "order-status": _STATUS,
    "fulfillment-channel": "CASE o.fulfillment_channel WHEN 'SELLER' THEN 'Merchant' ELSE 'Amazon' END",
    "sales-channel": _CHANNEL,
    "order-channel": "NULL",
    "ship-service-level": _text("o.service_level"),
    "product-name": _text("i.title"),
    "sku": _text("i.sku"),
    "asin": "NULL",
    "item-status": _ITEM_STATUS,
    "quantity": f"{_LEFT}::text",
    "currency": f"CASE WHEN NOT {_ALL_CANCELLED} THEN o.currency END",
    "item-price": _remaining("i.item_price"),
    "item-tax": _remaining("i.item_tax"),
    "shipping-price": _unless_cancelled("i.shipping_price"),
    "shipping-tax": _unless_cancelled("i.shipping_tax"),
    "gift-wrap-price": "NULL",
    "gift-wrap-tax": "NULL",
    "item-promotion-discount": _remaining("i.discount"),
    "ship-promotion-discount": "NULL",
    "ship-city": _place("r.city"),
    "ship-state": _place("r.state"),
    "ship-postal-code": _place("r.postal_code"),
    "ship-country": _place("r.country"),
    "promotion-ids": "NULL",
    "is-business-order": "'false'",
    "purchase-order-number": "NULL",
    "price-designation": "NULL",
}
_CANCELLATIONS: Mapping[str, str] = {
    "order-id": "o.number",
    "order-item-id": "i.item_id",
    "sku": _text("i.sku"),
    "product-name": _text("i.title"),
    "quantity-cancelled": "ci.quantity::text",
    "cancelled-at": _moment("c.cancelled_at"),
    "cancelled-by": "c.role",
    "reason": "c.reason",
    "code": "c.code",
    "counted": "upper(c.counted::text)",
    "excluded": "upper(c.excluded::text)",
    "request-date": _moment("q.requested_at"),
    "buyer-requested-cancel-reason": _text("q.reason_label"),
}
_OPTIONAL_CELLS: Mapping[str, str] = {
    "buyer_requested": "CASE WHEN f.reason_label IS NOT NULL THEN 'TRUE' ELSE 'FALSE' END",
    "request_reason": _text("f.reason_label"),
    "verge_of_cancellation": _truth(
        f"{_IS_OPEN} AND NOT o.on_hold AND o.ship_by_date + %(second_warning_days)s <= %(today)s::date"
    ),
    "verge_of_late_shipment": _truth(f"{_IS_OPEN} AND o.ship_by_date <= %(today)s::date"),
}

_ORDERS = """
    FROM orders_order AS o
    JOIN orders_orderitem AS i ON i.order_id = o.id
"""
_PEOPLE = """
    LEFT JOIN orders_recipient AS r ON r.order_id = o.id
    LEFT JOIN accounts_user AS b ON b.id = o.buyer_id
"""
# The request that makes an item show as requested: open for it, or approved (D-16).
_REQUESTED = """
    LEFT JOIN LATERAL (
        SELECT q.reason_label FROM cancellations_requestitem AS ri
        JOIN cancellations_cancellationrequest AS q ON q.id = ri.request_id
        WHERE ri.item_id = i.id AND ri.state IN ('OPEN', 'APPROVED') ORDER BY q.id DESC LIMIT 1
    ) AS f ON true
"""
_OF_SHOP = " WHERE o.seller_id = %(seller)s AND o.{column} >= %(start)s AND o.{column} < %(end)s"
# Units that the shop still has to send.
_TO_SEND = f" AND {_IS_OPEN} AND o.fulfillment_channel = 'SELLER' AND {_HAS_OPEN_UNITS}"
_CANCELLED = """
    FROM cancellations_cancellation AS c
    JOIN cancellations_cancellationitem AS ci ON ci.cancellation_id = c.id
    JOIN orders_orderitem AS i ON i.id = ci.item_id
    JOIN orders_order AS o ON o.id = c.order_id
    LEFT JOIN cancellations_cancellationrequest AS q ON q.id = c.request_id
    WHERE c.seller_id = %(seller)s AND c.cancelled_at >= %(start)s AND c.cancelled_at < %(end)s
"""
_CANCELLED_ORDER = " ORDER BY c.cancelled_at, c.id, ci.id"


# --- XML ----------------------------------------------------------------------------------------------------

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<AmazonEnvelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xsi:noNamespaceSchemaLocation="amzn-envelope.xsd">'
    "<Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>{merchant_id}</MerchantIdentifier></Header>"
    "<MessageType>OrderReport</MessageType>"
)


def _words(value: str) -> str:
    """Text as XML writes it; signs that XML does not have become blanks."""
    clean = f"regexp_replace({value}, E'[\\x01-\\x1f\\ufffe\\uffff]', ' ', 'g')"
    return f"replace(replace(replace({clean}, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')"


# As text, since not every PostgreSQL is built with its own functions for XML.
def _element(name: str, *content: str) -> str:
    """An element of what stands in it; without its content, nothing."""
    return f"('<{name}>' || {' || '.join(content)} || '</{name}>')"


def _elements(**texts: str) -> str:
    """Elements one after the other, those without a value left out."""
    return " || ".join(f"coalesce({_element(name, value)}, '')" for name, value in texts.items())


def _amount(value: str) -> str:
    return f"""('<Amount currency="' || o.currency || '">' || {value} || '</Amount>')"""


def _component(kind: str, value: str) -> str:
    """One part of a price, left out if nobody knows it."""
    named = _elements(Type=f"'{kind}'")
    return f"coalesce({_element('Component', named, _amount(value))}, '')"


_PRICES = {
    "Principal": _remaining("i.item_price"),
    "Shipping": _unless_cancelled("i.shipping_price"),
    "Tax": _remaining("i.item_tax"),
    "ShippingTax": _unless_cancelled("i.shipping_tax"),
}
# The portal takes no fee of its own, but an item must name one.
_FEES = _element("Fee", _elements(Type="'Commission'"), _amount("'0'"))
_ITEM = _element(
    "Item",
    _elements(
        AmazonOrderItemCode="i.item_id", SKU=_words("i.sku"), Title=_words("i.title"), Quantity=f"{_LEFT}::text"
    ),
    _element("ItemPrice", *(_component(kind, value) for kind, value in _PRICES.items())),
    _element("ItemFees", _FEES),
)
_SERVICES = "('Standard', 'Expedited', 'Scheduled', 'NextDay', 'SecondDay', 'Next', 'Second', 'Priority')"
_BILLED = _elements(
    BuyerEmailAddress=f"coalesce({_words('b.email')}, '')",
    BuyerName=f"coalesce({_words('b.name')}, '')",
    BuyerPhoneNumber=f"nullif({_words('r.phone')}, '')",
)
_SENT_TO = _elements(
    Name=f"coalesce({_words('r.name')}, '')",
    AddressFieldOne=f"coalesce({_words('r.line1')}, '')",
    AddressFieldTwo=f"nullif({_words('r.line2')}, '')",
    AddressFieldThree=f"nullif({_words('r.line3')}, '')",
    City=f"nullif({_words('r.city')}, '')",
    StateOrRegion=f"nullif({_words('r.state')}, '')",
    PostalCode=f"nullif({_words('r.postal_code')}, '')",
    CountryCode=f"coalesce(nullif({_words('r.country')}, ''), 'JP')",
    PhoneNumber=f"nullif({_words('r.phone')}, '')",
)
_ORDER_REPORT = _element(
    "OrderReport",
    _elements(
        AmazonOrderID="o.number",
        AmazonSessionID="o.number",
        OrderDate=_moment("o.placed_at"),
        OrderPostedDate=_moment("o.payment_verified_at"),
    ),
    "asked.pairs",
    _element("BillingData", _BILLED),
    _element(
        "FulfillmentData",
        _elements(
            FulfillmentMethod="'Ship'",
            FulfillmentServiceLevel=(
                f"CASE WHEN o.service_level IN {_SERVICES} THEN o.service_level ELSE 'Standard' END"
            ),
        ),
        _element("Address", _SENT_TO),
    ),
    _elements(IsPrime="'false'"),
    "sent.items",
)
# Orders that the shop can send and that no report of new orders has listed; this one lists them from now on. Those that
# somebody acts on just now are the next one's, so that neither waits for the other.
LIST_NEW = f"""
    INSERT INTO reports_listedorder (order_id, report_id)
    SELECT o.id, %(report)s FROM orders_order AS o
    WHERE o.seller_id = %(seller)s AND {_IS_OPEN} AND NOT o.on_hold AND o.fulfillment_channel = 'SELLER'
      AND NOT EXISTS (SELECT FROM reports_listedorder AS l WHERE l.order_id = o.id)
    FOR KEY SHARE OF o SKIP LOCKED
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - made of constants
_LISTED = " JOIN reports_listedorder AS l ON l.order_id = o.id AND l.report_id = %(report)s"
_STILL_TO_SEND = (
    f"{_IS_OPEN} AND EXISTS (SELECT FROM orders_orderitem AS i WHERE i.order_id = o.id AND {_HAS_OPEN_UNITS})"
)
# The wire has no element for the buyer's request: free pairs say it, of which an order may have ten; that an item is
# asked for matters more than why (flat-files 2.3).
_MESSAGES = f"""
    SELECT {_element("Message", _elements(MessageID="(row_number() OVER latest)::text"), _ORDER_REPORT)}
    FROM orders_order AS o {_LISTED} {_PEOPLE}
    CROSS JOIN LATERAL (
        SELECT string_agg({_ITEM}, '' ORDER BY i.id) AS items FROM orders_orderitem AS i
        WHERE i.order_id = o.id AND {_HAS_OPEN_UNITS}
    ) AS sent
    CROSS JOIN LATERAL (
        SELECT coalesce(string_agg(
            {_element("CustomerOrderInfo", _elements(Type="pair.name", Value="pair.value"))},
            '' ORDER BY pair.place, pair.name
        ), '') AS pairs
        FROM (
            SELECT told.place, told.name || '.' || i.item_id AS name, told.value
            FROM orders_orderitem AS i {_REQUESTED}
            CROSS JOIN LATERAL (VALUES
                (1, 'IsBuyerRequestedCancellation', 'true'),
                (2, 'BuyerRequestedCancelReason', {_words("f.reason_label")})
            ) AS told (place, name, value)
            WHERE i.order_id = o.id AND f.reason_label IS NOT NULL ORDER BY 1, 2 LIMIT 10
        ) AS pair
    ) AS asked
    WHERE {_STILL_TO_SEND} WINDOW latest AS (ORDER BY o.placed_at, o.id) ORDER BY o.placed_at, o.id
"""  # noqa: S608 - made of constants
_COUNT_MESSAGES = f"SELECT count(*) FROM orders_order AS o {_LISTED} WHERE {_STILL_TO_SEND}"  # noqa: S608 - as above


@dataclass(frozen=True, slots=True)
class Layout:
    """A report's first line, the statement that gives its rows, the one that counts them, and its last line if any."""

    head: str
    sql: str
    count: str
    foot: str = ""


def layout_of(kind: Kind, added: Sequence[str], *, merchant_id: str, only_new: bool = False) -> Layout:
    """How a report of this kind is written, with the columns that the shop of this id has added.

    `only_new`: of the orders that `LIST_NEW` has noted for it. The statements take `seller`, `report`, `start`, `end`,
    `now`, `today`, `zone` and `second_warning_days`.
    """
    if kind == Kind.CANCELLATIONS:
        return _layout(_CANCELLATIONS, _CANCELLED, _CANCELLED_ORDER, counted=_CANCELLED)
    if kind == Kind.UNSHIPPED_XML:
        return Layout(_ENVELOPE.format(merchant_id=merchant_id), _MESSAGES, _COUNT_MESSAGES, "</AmazonEnvelope>")
    columns, column, more = {
        Kind.UNSHIPPED: (_UNSHIPPED, "placed_at", _TO_SEND),
        Kind.ACTIONABLE: (_ACTIONABLE, "placed_at", _TO_SEND),
        Kind.ALL_BY_ORDER_DATE: (_ALL_ORDERS, "placed_at", ""),
        Kind.ALL_BY_LAST_UPDATE: (_ALL_ORDERS, "last_updated_at", ""),
    }[kind]
    if SALES_CHANNEL in added:
        columns = _behind(columns, "ship-country", {"sales-channel": _CHANNEL})
    optional = {OPTIONAL[name]: _OPTIONAL_CELLS[name] for name in OPTIONAL if name in added}
    requested = _REQUESTED if {"buyer_requested", "request_reason"} & set(added) else ""
    which = f"{_LISTED} WHERE true{more}" if only_new else _OF_SHOP.format(column=column) + more
    source = _ORDERS + _PEOPLE + requested + which
    return _layout({**columns, **optional}, source, f" ORDER BY o.{column}, o.id, i.id", counted=_ORDERS + which)


def _layout(columns: Mapping[str, str], source: str, order: str, *, counted: str) -> Layout:
    cells = f"SELECT {', '.join(columns.values())}{source}{order}"
    return Layout("\t".join(columns), cells, f"SELECT count(*){counted}")


def _behind(columns: Mapping[str, str], name: str, more: Mapping[str, str]) -> dict[str, str]:
    """Columns with more of them behind one."""
    found: dict[str, str] = {}
    for each, cell in columns.items():
        found |= {each: cell, **(more if each == name else {})}
    return found
