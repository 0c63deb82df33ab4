"""The lists of orders: 注文管理 for a shop, 注文履歴 for a buyer. They cost the same at 10 orders and 10 million.

Pages are cut by key, never by OFFSET; a list that sorts by something only some orders have runs through *lanes*,
one after the other, each with an index of its own. Counts stop at a cap.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.core import signing
from django.db import connection
from django.db.models import F, OuterRef, Q, QuerySet
from django.db.models.functions import JSONObject, Lower

from . import rules
from .models import Order, OrderItem, Recipient
from .queries import local_day, zone

PAGE_SIZE = 25
TAB_CAP = 1000
CHIP_CAP = 100
# A search looks at no more matches than this: the page says so and asks for a narrower one.
SEARCH_CAP = 500
# Orders that the sweep will cancel within this time are 自動キャンセル間近 (domain 10, forecast).
CANCEL_SOON = timedelta(hours=72)

SORT_ANSWER, SORT_SHIP_BY, SORT_NEWEST = "answer", "ship_by", "newest"
SORTS = (SORT_ANSWER, SORT_SHIP_BY, SORT_NEWEST)

OPEN = sorted(rules.OPEN_STATUSES)
_NUMBER = re.compile(r"([0-9]{3})-?([0-9]{7})-?([0-9]{7})")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants to see: filters, search, sort."""

    status: str = ""
    requested: bool = False
    due: bool = False
    late: bool = False
    q: str = ""
    placed_from: date | None = None
    placed_to: date | None = None
    sort: str = SORT_ANSWER


@dataclass(frozen=True, slots=True)
class Line:
    """One item in a row of a list."""

    key: int
    sku: str
    title: str
    ordered: int
    shipped: int
    cancelled: int
    amount: Decimal | None

    @property
    def open(self) -> int:
        return self.ordered - self.shipped - self.cancelled


@dataclass(frozen=True, slots=True)
class Row:
    """One order in a list."""

    pk: int
    number: str
    status: str
    placed_at: datetime
    payment_verified_at: datetime | None
    ship_by_date: date | None
    auto_cancel_due_at: datetime | None
    answer_due_at: datetime | None
    cancelled_at: datetime | None
    on_hold: bool
    fulfillment_channel: str
    service_level: str
    currency: str
    total: Decimal | None
    version: int
    seller_name: str
    recipient_name: str
    recipient_state: str
    lines: tuple[Line, ...]

    @property
    def ordered(self) -> int:
        return sum(line.ordered for line in self.lines)

    @property
    def shipped(self) -> int:
        return sum(line.shipped for line in self.lines)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, the cursors of the neighbouring pages ("" where there is none), and whether the search was cut off."""

    rows: Sequence[Row]
    next_cursor: str = ""
    previous_cursor: str = ""
    search_capped: bool = False


class BadCursor(Exception):
    """A cursor that was altered, or belongs to another list."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One stretch of a list: which orders, in which order. `keys` are (field, descending); id is always last."""

    only: Q
    keys: tuple[tuple[str, bool], ...]

    def ordering(self, *, backwards: bool) -> list[str]:
        return [f"{'-' if descending != backwards else ''}{name}" for name, descending in self.keys]

    def beyond(self, values: Sequence[Any], *, backwards: bool) -> Q:
        """Rows behind (or before) a key; all fields of a lane run the same way, so this is a row comparison."""
        (first, descending), (second, _) = self.keys
        operator = "lt" if descending != backwards else "gt"
        # The first half is implied by the second; it is what lets the index be entered at the right place.
        return Q(**{f"{first}__{operator}e": values[0]}) & (
            Q(**{f"{first}__{operator}": values[0]}) | Q(**{first: values[0], f"{second}__{operator}": values[1]})
        )


_NEWEST = (("placed_at", True), ("id", True))
_LANES = {
    SORT_NEWEST: (Lane(Q(), _NEWEST),),
    SORT_ANSWER: (
        Lane(Q(answer_due_at__isnull=False), (("answer_due_at", False), ("id", False))),
        Lane(Q(answer_due_at__isnull=True), _NEWEST),
    ),
    SORT_SHIP_BY: (
        Lane(Q(ship_by_date__isnull=False), (("ship_by_date", False), ("id", False))),
        Lane(Q(ship_by_date__isnull=True), _NEWEST),
    ),
}


# --- 注文管理 ---------------------------------------------------------------------------------------------


def page_of_seller(seller_id: int, wish: Wish, *, cursor: str, now: datetime, size: int = PAGE_SIZE) -> Page:
    """One page of a shop's orders.

    Raises BadCursor if `cursor` was altered or was made for another shop or other filters.
    """
    orders = Order.objects.filter(seller_id=seller_id)
    if wish.status:
        orders = orders.filter(status=wish.status)
    if wish.placed_from:
        orders = orders.filter(placed_at__gte=rules.start_of_day(wish.placed_from, zone()))
    if wish.placed_to and wish.placed_to < date.max:
        orders = orders.filter(placed_at__lt=rules.start_of_day(wish.placed_to + timedelta(days=1), zone()))
    capped = False
    if wish.q:
        found = _search(seller_id, wish.q)
        capped = len(found) > SEARCH_CAP
        orders = orders.filter(pk__in=found[:SEARCH_CAP])
    scope = f"seller {seller_id} {wish}"
    rows, following, preceding = _cut(orders, _lanes_for(wish, now), cursor, scope, size)
    return Page(rows, following, preceding, capped)


def _lanes_for(wish: Wish, now: datetime) -> tuple[Lane, ...]:
    """The stretches of the list. A filter for urgent orders sorts by what is urgent about them."""
    conditions = Q()
    lanes = _LANES[wish.sort]
    if wish.late:
        conditions &= Q(status__in=OPEN, ship_by_date__lt=local_day(now))
        lanes = _LANES[SORT_SHIP_BY][:1]
    if wish.due:
        conditions &= Q(status__in=OPEN, auto_cancel_due_at__lte=now + CANCEL_SOON)
        lanes = (Lane(Q(auto_cancel_due_at__isnull=False), (("auto_cancel_due_at", False), ("id", False))),)
    if wish.requested:
        lanes = _LANES[SORT_ANSWER][:1]
    return tuple(Lane(lane.only & conditions, lane.keys) for lane in lanes)


def counts_of_seller(seller_id: int, *, now: datetime) -> dict[str, int]:
    """How many orders stand behind each tab and chip, in one statement; each stops at its cap."""
    tab = (
        "SELECT count(*) FROM (SELECT 1 FROM orders_order WHERE seller_id = %(seller)s AND {} LIMIT {}) AS capped"
    )
    parts = {
        "PENDING": tab.format("status = 'PENDING'", TAB_CAP),
        "UNSHIPPED": tab.format("status = 'UNSHIPPED'", TAB_CAP),
        "PARTIALLY_SHIPPED": tab.format("status = 'PARTIALLY_SHIPPED'", TAB_CAP),
        "requested": tab.format("answer_due_at IS NOT NULL", CHIP_CAP),
        "due": tab.format(
            "status IN ('PARTIALLY_SHIPPED', 'UNSHIPPED') AND auto_cancel_due_at <= %(soon)s", CHIP_CAP
        ),
        "late": tab.format("status IN ('PARTIALLY_SHIPPED', 'UNSHIPPED') AND ship_by_date < %(today)s", CHIP_CAP),
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + ", ".join(f"({part})" for part in parts.values()),
            {"seller": seller_id, "soon": now + CANCEL_SOON, "today": local_day(now)},
        )
        return dict(zip(parts, cursor.fetchone(), strict=True))


def open_requests_count(seller_id: int) -> int:
    """How many orders wait for the shop's answer, up to the cap: the number in the menu."""
    return Order.objects.filter(seller_id=seller_id, answer_due_at__isnull=False)[:CHIP_CAP].count()


def _search(seller_id: int, text: str) -> list[int]:
    """Keys of the shop's orders that match, at most one more than the cap; the text's form picks the index."""
    wanted = unicodedata.normalize("NFKC", text).replace("\u200b", "").strip()
    if match := _NUMBER.fullmatch(wanted.replace(" ", "")):
        return list(
            Order.objects.filter(number="-".join(match.groups()), seller_id=seller_id).values_list("pk", flat=True)
        )
    if "@" in wanted:
        by_mail = Order.objects.filter(seller_id=seller_id, buyer__email=wanted.lower())
        return list(by_mail.order_by("-placed_at", "-pk").values_list("pk", flat=True)[: SEARCH_CAP + 1])
    found: list[int] = []
    for model, column in ((OrderItem, "sku"), (Recipient, "name")):
        matches = (
            model.objects.filter(seller_id=seller_id)
            .annotate(folded=Lower(column))
            .filter(folded__startswith=wanted.lower())
        )
        found += matches.values_list("order_id", flat=True)[: SEARCH_CAP + 1 - len(found)]
    return found


# --- 注文履歴 ---------------------------------------------------------------------------------------------


def page_of_buyer(user_id: int, *, q: str, cursor: str, size: int = 10) -> Page:
    """One page of a buyer's own orders, newest first; `q` is part of a title, or an order number.

    Raises BadCursor if `cursor` was altered or was made for another person or search.
    """
    orders = Order.objects.filter(buyer_id=user_id)
    wanted = unicodedata.normalize("NFKC", q).strip()
    if match := _NUMBER.fullmatch(wanted.replace(" ", "")):
        orders = orders.filter(number="-".join(match.groups()))
    elif wanted:
        titled = OrderItem.objects.filter(order__buyer_id=user_id, title__icontains=wanted)
        orders = orders.filter(pk__in=titled.values("order_id"))
    rows, following, preceding = _cut(orders, _LANES[SORT_NEWEST], cursor, f"buyer {user_id} {wanted}", size)
    return Page(rows, following, preceding)


# --- cutting by key ---------------------------------------------------------------------------------------

_COLUMNS = (
    "pk",
    "number",
    "status",
    "placed_at",
    "payment_verified_at",
    "ship_by_date",
    "auto_cancel_due_at",
    "answer_due_at",
    "cancelled_at",
    "on_hold",
    "fulfillment_channel",
    "service_level",
    "currency",
    "total",
    "version",
)


def _rows(orders: QuerySet[Order]) -> list[Row]:
    lines = (
        OrderItem.objects.filter(order_id=OuterRef("pk"))
        .order_by("pk")
        .values(
            json=JSONObject(
                key="pk",
                sku="sku",
                title="title",
                ordered="quantity_ordered",
                shipped="quantity_shipped",
                cancelled="quantity_cancelled",
                amount=F("item_price") + F("item_tax") - F("discount"),
            )
        )
    )
    values = orders.values_list(
        *_COLUMNS, "seller__name", "recipient__name", "recipient__state", ArraySubquery(lines)
    )
    return [_row(*found) for found in values]


def _row(*found: Any) -> Row:
    *columns, seller_name, recipient_name, recipient_state, lines = found
    return Row(
        *columns,
        seller_name,
        recipient_name or "",
        recipient_state or "",
        tuple(Line(**line) for line in lines),
    )


def _cut(
    orders: QuerySet[Order], lanes: Sequence[Lane], cursor: str, scope: str, size: int
) -> tuple[list[Row], str, str]:
    """Rows of one page, and the cursors of the pages after and before it."""
    lane_index, key, backwards = _read_cursor(cursor, scope)
    if lane_index >= len(lanes):
        raise BadCursor
    rows: list[tuple[int, Row]] = []
    step = -1 if backwards else 1
    for index in range(lane_index, -1 if backwards else len(lanes), step):
        lane = lanes[index]
        stretch = orders.filter(lane.only)
        if key and index == lane_index:
            stretch = stretch.filter(lane.beyond(key, backwards=backwards))
        wanted = size + 1 - len(rows)
        found = _rows(stretch.order_by(*lane.ordering(backwards=backwards))[:wanted])
        rows += [(index, row) for row in found]
        if len(rows) > size:
            break
    has_more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    has_next, has_previous = (bool(key), has_more) if backwards else (has_more, bool(key))
    following = _write_cursor(lanes, *rows[-1], scope, backwards=False) if rows and has_next else ""
    preceding = _write_cursor(lanes, *rows[0], scope, backwards=True) if rows and has_previous else ""
    return [row for _, row in rows], following, preceding


_SALT = "orders.lists"


def _write_cursor(lanes: Sequence[Lane], index: int, row: Row, scope: str, *, backwards: bool) -> str:
    (first, _), _ = lanes[index].keys
    edge: Mapping[str, Any] = {
        "lane": index,
        "key": [getattr(row, first).isoformat(), row.pk],
        "back": backwards,
    }
    return signing.dumps(edge, salt=f"{_SALT}:{scope}")


def _read_cursor(cursor: str, scope: str) -> tuple[int, list[Any], bool]:
    if not cursor:
        return 0, [], False
    try:
        edge = signing.loads(cursor, salt=f"{_SALT}:{scope}")
    except signing.BadSignature as error:
        raise BadCursor from error
    moment, pk = edge["key"]
    key = datetime.fromisoformat(moment) if "T" in moment else date.fromisoformat(moment)
    return edge["lane"], [key, pk], edge["back"]


def not_cancelable_in(order_ids: Sequence[int]) -> dict[int, str]:
    """Why items of these orders cannot be cancelled on the buyer's request, by item; others are left out."""
    kept = OrderItem.objects.filter(order_id__in=order_ids, buyer_cancelable=False)
    return dict(kept.values_list("pk", "not_cancelable_reason"))
