"""The lists of orders: 注文管理 of a shop and 注文履歴 of a buyer.

Pages are cut by key, never by number: a deep page costs what the first one costs. A sorting is one or two
segments, each served by its own index, read together in one statement (performance, lists).
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.core import signing
from django.db import connection
from django.db.models import IntegerField, Q, QuerySet, Value
from django.db.models.functions import Lower

from . import rules
from .models import Order, OrderItem, Recipient
from .queries import attach_lines, zone

PAGE_SIZE = 25
SOON = timedelta(hours=72)
TAB_CAP = 999
CHIP_CAP = 99
OPEN_STATUSES = sorted(rules.OPEN_STATUSES)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a list that one index serves: which rows, by which columns, which way."""

    rows: Q
    columns: tuple[str, ...]
    descending: bool = False


SORTS: Mapping[str, tuple[Segment, ...]] = {
    "due": (
        Segment(Q(answer_due_at__isnull=False), ("answer_due_at", "id")),
        Segment(Q(answer_due_at__isnull=True), ("placed_at", "id"), descending=True),
    ),
    "ship-by": (
        Segment(Q(ship_by_date__isnull=False), ("ship_by_date", "id")),
        Segment(Q(ship_by_date__isnull=True), ("id",)),
    ),
    "newest": (Segment(Q(), ("placed_at", "id"), descending=True),),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a shop's list is narrowed to."""

    status: str = ""
    requested: bool = False
    due_soon: bool = False
    late: bool = False
    search: str = ""
    placed_from: date | None = None
    placed_to: date | None = None

    @property
    def any(self) -> bool:
        """Whether anything is left out."""
        return self != Filters()


@dataclass(slots=True)
class Page:
    """A stretch of a list, and the cursors to its neighbours (empty where there is none)."""

    orders: list[Order] = field(default_factory=list)
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Waiting work of a shop; each count stops one above its cap."""

    pending: int = 0
    unshipped: int = 0
    partially_shipped: int = 0
    requested: int = 0
    due_soon: int = 0
    late: int = 0


def orders_of_seller(
    seller_id: int, filters: Filters, *, sort: str, cursor: str, now: datetime, size: int = PAGE_SIZE
) -> Page:
    """One page of the shop's orders with items and recipient. An unreadable cursor gives the first page."""
    found = Order.objects.filter(_narrowed(seller_id, filters, now), seller_id=seller_id).select_related("recipient")
    return _page(found, sort, cursor, size)


def orders_of_buyer(user_id: int, *, search: str, cursor: str, size: int = 10) -> Page:
    """One page of the buyer's orders, newest first, with items and seller."""
    found = Order.objects.filter(buyer_id=user_id).select_related("seller")
    if text := _plain(search):
        if number := _as_number(text):
            found = found.filter(number__startswith=number)
        else:
            found = found.filter(
                pk__in=OrderItem.objects.filter(order__buyer_id=user_id, title__icontains=text).values("order_id")
            )
    return _page(found, "newest", cursor, size)


def counts_of_seller(seller_id: int, now: datetime) -> Counts:
    """All capped counts in one statement: none grows with the shop's orders."""
    capped = "(SELECT count(*) FROM (SELECT 1 FROM orders_order WHERE seller_id = %s AND {} LIMIT {}) AS s)"
    is_open = "status IN ('PARTIALLY_SHIPPED', 'UNSHIPPED')"
    conditions = [
        ("status = 'PENDING'", TAB_CAP, []),
        ("status = 'UNSHIPPED'", TAB_CAP, []),
        ("status = 'PARTIALLY_SHIPPED'", TAB_CAP, []),
        ("answer_due_at IS NOT NULL", CHIP_CAP, []),
        (f"{is_open} AND NOT on_hold AND auto_cancel_due_at <= %s", CHIP_CAP, [now + SOON]),
        (f"{is_open} AND ship_by_date < %s", CHIP_CAP, [now.astimezone(zone()).date()]),
    ]
    columns = ", ".join(capped.format(condition, cap + 1) for condition, cap, _ in conditions)
    parameters = [value for _, _, values in conditions for value in (seller_id, *values)]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns}", parameters)  # noqa: S608  built from constants above
        return Counts(*cursor.fetchone())


def requests_waiting(seller_id: int) -> int:
    """How many open requests a shop has, stopping above the cap: the number on the menu."""
    return Order.objects.filter(seller_id=seller_id, answer_due_at__isnull=False)[: CHIP_CAP + 1].count()


# --- narrowing --------------------------------------------------------------------------------------------


def _narrowed(seller_id: int, filters: Filters, now: datetime) -> Q:
    condition = Q()
    if filters.status:
        condition &= Q(status=filters.status)
    if filters.requested:
        condition &= Q(answer_due_at__isnull=False)
    if filters.due_soon:
        condition &= Q(status__in=OPEN_STATUSES, on_hold=False, auto_cancel_due_at__lte=now + SOON)
    if filters.late:
        condition &= Q(status__in=OPEN_STATUSES, ship_by_date__lt=now.astimezone(zone()).date())
    if filters.placed_from:
        condition &= Q(placed_at__gte=rules.start_of_day(filters.placed_from, zone()))
    if filters.placed_to:
        condition &= Q(placed_at__lt=rules.start_of_day(filters.placed_to + timedelta(days=1), zone()))
    if text := _plain(filters.search):
        condition &= _found(seller_id, text)
    return condition


def _found(seller_id: int, text: str) -> Q:
    """The form of the input decides which index is asked: a number, or the beginning of a SKU or a name.

    A buyer whose payment is not verified stays hidden: such an order is not found by its name.
    """
    if number := _as_number(text):
        return Q(number__startswith=number)
    by_sku = (
        OrderItem.objects.alias(lower_sku=Lower("sku"))
        .filter(seller_id=seller_id, lower_sku__startswith=text.lower())
        .values("order_id")
    )
    by_name = (
        Recipient.objects.alias(lower_name=Lower("name"))
        .filter(seller_id=seller_id, lower_name__startswith=text.lower())
        .exclude(order__status=rules.Status.PENDING)
        .values("order_id")
    )
    return Q(pk__in=by_sku.union(by_name))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()[:100]


def _as_number(text: str) -> str:
    """An order number or its beginning, as numbers are written: 3-7-7 digits. Empty if it is none."""
    dense = re.sub(r"[\s‐-―−ー]", "-", text)
    digits = dense.replace("-", "")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 17 or len(digits) < 3:
        return ""
    return "-".join(part for part in (digits[:3], digits[3:10], digits[10:]) if part)


# --- cutting pages ----------------------------------------------------------------------------------------

_SALT = "orders.listing"


def _page(found: QuerySet[Order], sort: str, cursor: str, size: int) -> Page:
    segments = SORTS[sort]
    place = _read_cursor(cursor, sort)
    backwards = bool(place and place["way"] == "before")
    start = place["segment"] if place else 0
    numbers = range(start, -1, -1) if backwards else range(start, len(segments))
    parts = []
    for number in numbers:
        segment = segments[number]
        rows = found.filter(segment.rows)
        if place and number == start:
            rows = rows.filter(_beyond(segment, place["values"], backwards=backwards))
        falling = segment.descending != backwards
        order_by = [f"-{column}" if falling else column for column in segment.columns]
        parts.append(
            rows.annotate(segment=Value(number, IntegerField())).order_by(*order_by)[: size + 1]
        )
    rows = list(parts[0] if len(parts) == 1 else parts[0].union(*parts[1:], all=True))
    # The statement may return the segments in any order; within two pages of rows sorting costs nothing.
    rows = [
        row
        for number in numbers
        for row in _sorted([row for row in rows if row.segment == number], segments[number], backwards=backwards)
    ]
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    attach_lines(rows)
    page = Page(rows)
    if rows and (more if backwards else place is not None):
        page.before = _write_cursor(rows[0], sort, segments, "before")
    if rows and (more or backwards):
        page.after = _write_cursor(rows[-1], sort, segments, "after")
    return page


def _sorted(rows: list[Order], segment: Segment, *, backwards: bool) -> list[Order]:
    return sorted(
        rows,
        key=lambda row: [getattr(row, column) for column in segment.columns],
        reverse=segment.descending != backwards,
    )


def _beyond(segment: Segment, values: Sequence[Any], *, backwards: bool) -> Q:
    """Rows after (or before) the values, as a row comparison that an index can answer."""
    way = "lt" if segment.descending != backwards else "gt"
    if len(segment.columns) == 1:
        return Q(**{f"{segment.columns[0]}__{way}": values[0]})
    first, second = segment.columns
    return Q(**{f"{first}__{way}e": values[0]}) & (
        Q(**{f"{first}__{way}": values[0]}) | Q(**{f"{second}__{way}": values[1]})
    )


def _write_cursor(row: Order, sort: str, segments: Sequence[Segment], way: str) -> str:
    values = [getattr(row, column) for column in segments[row.segment].columns]
    return signing.dumps(
        [sort, way, row.segment, *(value if isinstance(value, int) else value.isoformat() for value in values)],
        salt=_SALT,
    )


def _read_cursor(cursor: str, sort: str) -> dict[str, Any] | None:
    """The place a cursor names; None without one, or if it was tampered with or belongs to another sorting."""
    if not cursor:
        return None
    try:
        of_sort, way, number, *values = signing.loads(cursor, salt=_SALT)
    except signing.BadSignature:
        return None
    if of_sort != sort:
        return None
    return {"way": way, "segment": number, "values": [_as_key(value) for value in values]}


def _as_key(value: int | str) -> int | date | datetime:
    if isinstance(value, int):
        return value
    return datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
