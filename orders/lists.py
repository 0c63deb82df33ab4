"""The lists of orders: 注文管理 for a shop, 注文履歴 for a buyer. They cost the same at 10 orders and 10 million.

Pages are cut by key, never by OFFSET; a list that sorts by something only some orders have runs through *lanes*,
one after the other, each with an index of its own. Counts stop at a cap.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core import signing
from django.db import connection
from django.db.models import QuerySet

from . import rules
from .models import Order, OrderItem
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

_SIGNS_OF_LIKE, _ESCAPED = re.compile(r"[%_\\]"), r"\\\g<0>"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants to see: filters, search, sort."""

    status: str = ""
    requested: bool = False
    due: bool = False
    late: bool = False
    # Late, but not so late that the sweep takes the order soon.
    only_late: bool = False
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
    """Rows, the cursors of the neighbouring pages ("" where there is none), and whether the search was cut off.

    `stands_by` is the column that the list stands by, if a filter made it stand otherwise than was asked for.
    """

    rows: Sequence[Row]
    next_cursor: str = ""
    previous_cursor: str = ""
    search_capped: bool = False
    stands_by: str = ""


class BadCursor(Exception):
    """A cursor that was altered, or belongs to another list."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One stretch of a list: which orders, in the order of one column and then of their keys, up or down."""

    only: str
    column: str
    down: bool = False

    def ordering(self, *, backwards: bool) -> str:
        """What follows ORDER BY."""
        way = "DESC" if self.down != backwards else "ASC"
        return f"{self.column} {way}, id {way}"

    def beyond(self, *, backwards: bool) -> str:
        """Orders behind (or before) the key of a cursor: a row comparison, which enters the index at its place."""
        return f"({self.column}, id) {'<' if self.down != backwards else '>'} (%(edge)s, %(edge_id)s)"


_NEWEST = Lane("true", "placed_at", down=True)
_LANES = {
    SORT_NEWEST: (_NEWEST,),
    SORT_ANSWER: (
        Lane("answer_due_at IS NOT NULL", "answer_due_at"),
        Lane("answer_due_at IS NULL", "placed_at", down=True),
    ),
    SORT_SHIP_BY: (
        Lane("ship_by_date IS NOT NULL", "ship_by_date"),
        Lane("ship_by_date IS NULL", "placed_at", down=True),
    ),
}
# As a subquery, so that the plan is not made for how common the status is: most orders are shipped, but not those at
# the head of a list, which would be thrown away by the thousand.
_HAS_STATUS = "status = (SELECT %(status)s)"
_IS_OPEN = "status IN ('PARTIALLY_SHIPPED', 'UNSHIPPED')"
# What the marketplace sends, or holds back, is no late work of the shop's, and no sweep takes it (domain 10).
# A subquery again: else the plan may go by the sweep's own index, through the due orders of all shops.
_IS_SHOPS_TURN = "on_hold = (SELECT false) AND fulfillment_channel = 'SELLER'"


# --- 注文管理 ---------------------------------------------------------------------------------------------


def page_of_seller(seller_id: int, wish: Wish, *, cursor: str, now: datetime, size: int = PAGE_SIZE) -> Page:
    """One page of a shop's orders.

    Raises BadCursor if `cursor` was altered or was made for another shop or other filters.
    """
    asked = ["seller_id = %(seller)s"]
    values: dict[str, Any] = {
        "seller": seller_id,
        "today": local_day(now),
        "soon": now + CANCEL_SOON,
    }
    lanes = _lanes_for(wish)
    if wish.status:
        asked.append(_HAS_STATUS)
        values["status"] = wish.status
    if wish.placed_from:
        asked.append("placed_at >= %(since)s")
        values["since"] = rules.start_of_day(wish.placed_from, zone())
    if wish.placed_to and wish.placed_to < date.max:
        asked.append("placed_at < %(until)s")
        values["until"] = rules.start_of_day(wish.placed_to + timedelta(days=1), zone())
    capped = False
    if wish.q:
        wanted = unicodedata.normalize("NFKC", wish.q).replace("\u200b", "").strip()
        if number := rules.order_number(wanted):
            asked.append("number = %(number)s")
            values["number"] = number
        elif "@" in wanted:
            # A shop never learns who bought what is not paid for (domain 3.1).
            asked.append("payment_verified_at IS NOT NULL")
            asked.append("buyer_id = (SELECT id FROM accounts_user WHERE email = %(email)s)")
            values["email"] = wanted.lower()
        else:
            found = _starting_with(seller_id, wanted.lower())
            capped = len(found) > SEARCH_CAP
            asked.append("(payment_verified_at IS NOT NULL OR id = ANY(%(by_sku)s::bigint[]))")
            values["found"] = [key for key, _ in found[:SEARCH_CAP]]
            values["by_sku"] = [key for key, by_sku in found[:SEARCH_CAP] if by_sku]
    if not lanes:
        return Page([])
    source = _FOUND if "found" in values else _ALL
    rows, following, preceding = _cut(
        asked, values, lanes, cursor, f"seller {seller_id} {wish}", size, source=source
    )
    stands_by, asked_for = (stretches[0].column for stretches in (lanes, _LANES[wish.sort]))
    # Without requests the answer due first is the newest first.
    is_as_asked = stands_by == asked_for or (wish.sort == SORT_ANSWER and lanes == (_NEWEST,))
    return Page(rows, following, preceding, capped, "" if is_as_asked else stands_by)


def _lanes_for(wish: Wish) -> tuple[Lane, ...]:
    """The stretches of the list. A filter for urgent orders sorts by what is urgent about them; without any lane
    there is nothing that could be found.
    """
    conditions: list[str] = []
    lanes = _LANES[wish.sort]
    if wish.status in rules.FINAL_STATUSES:
        if wish.requested:
            return ()
        # None of them has an open request.
        lanes = (_NEWEST,) if wish.sort == SORT_ANSWER else lanes
    if (wish.late or wish.due) and wish.status and wish.status not in rules.OPEN_STATUSES:
        return ()
    if wish.sort == SORT_SHIP_BY and (wish.placed_from or wish.placed_to):
        # No index gives the days of one column in the order of another.
        lanes = (_NEWEST,)
    if wish.late or wish.only_late or wish.due:
        # An order with an open request is not finished: all that is left to say keeps to the index of requests.
        conditions.append("status <> 'PENDING'" if wish.requested else _IS_OPEN)
        conditions.append(_IS_SHOPS_TURN)
    if wish.due:
        conditions.append("auto_cancel_due_at <= %(soon)s")
        lanes = (Lane("auto_cancel_due_at IS NOT NULL", "auto_cancel_due_at"),)
    if wish.late:
        conditions.append("ship_by_date < %(today)s")
        lanes = _LANES[SORT_SHIP_BY][:1]
    if wish.only_late:
        # The latest ship-by date first: those that the sweep takes soon have the earliest ones, and are not met
        # before all others.
        conditions.append("ship_by_date < %(today)s AND auto_cancel_due_at > %(soon)s")
        lanes = (Lane("ship_by_date IS NOT NULL", "ship_by_date", down=True),)
    if wish.requested:
        lanes = _LANES[SORT_ANSWER][:1]
    return tuple(replace(lane, only=" AND ".join([lane.only, *conditions])) for lane in lanes)


@dataclass(frozen=True, slots=True)
class Besides:
    """Numbers of another room that are asked for in the same statement: their SQL by name, and its values.

    The shop is %(seller)s in it.
    """

    parts: Mapping[str, str]
    given: Mapping[str, Any]


def counts_of_seller(
    seller_id: int,
    *,
    now: datetime,
    besides: Mapping[str, QuerySet[Any]] | None = None,
    also: Besides | None = None,
) -> dict[str, int]:
    """How many orders stand behind each tab and chip, in one statement; each stops at its cap.

    `besides` are rows of other rooms to count in the same statement, each cut off at a cap of its own; `also` are
    numbers that other rooms ask for in words of their own.
    """
    # In the order of an index, so that it is left as soon as the cap is reached.
    capped = (
        "SELECT count(*) FROM (SELECT 1 FROM orders_order WHERE seller_id = %(seller)s AND {} ORDER BY {} LIMIT {})"
        " AS capped"
    )
    tab, soon, late = "placed_at DESC, id DESC", "auto_cancel_due_at, id", "ship_by_date, id"
    is_shops_turn = f"{_IS_OPEN} AND {_IS_SHOPS_TURN}"
    parts = {
        "PENDING": capped.format("status = (SELECT 'PENDING')", tab, TAB_CAP),
        "UNSHIPPED": capped.format("status = (SELECT 'UNSHIPPED')", tab, TAB_CAP),
        "PARTIALLY_SHIPPED": capped.format("status = (SELECT 'PARTIALLY_SHIPPED')", tab, TAB_CAP),
        "requested": capped.format("answer_due_at IS NOT NULL", "answer_due_at, id", CHIP_CAP),
        "due": capped.format(f"{is_shops_turn} AND auto_cancel_due_at <= %(soon)s", soon, CHIP_CAP),
        "late": capped.format(f"{is_shops_turn} AND ship_by_date < %(today)s", late, CHIP_CAP),
    }
    given: dict[str, Any] = {"soon": now + CANCEL_SOON, "today": local_day(now)}
    for name, rows in (besides or {}).items():
        statement, values = rows.values("pk").query.sql_with_params()
        named = {f"{name}_{place}": value for place, value in enumerate(values)}
        given |= named
        parts[name] = f"SELECT count(*) FROM ({statement % tuple(f'%({key})s' for key in named)}) AS capped"  # noqa: S608 - Django's own text
    if also:
        parts |= also.parts
        given |= also.given
    return numbers_of(seller_id, Besides(parts, given))


def numbers_of(seller_id: int, asked: Besides) -> dict[str, int]:
    """The numbers that are asked for, by name, in one statement."""
    with connection.cursor() as cursor:
        words = ", ".join(f"({part})" for part in asked.parts.values())
        cursor.execute(f"SELECT {words}", {"seller": seller_id, **asked.given})
        return dict(zip(asked.parts, cursor.fetchone(), strict=True))


def open_requests_count(seller_id: int) -> int:
    """How many orders wait for the shop's answer, up to the cap: the number in the menu."""
    waiting = Order.objects.filter(seller_id=seller_id, answer_due_at__isnull=False)
    return waiting.order_by("answer_due_at", "pk")[:CHIP_CAP].count()


# In the order of the index, so that it is left as soon as the cap is reached.
_STARTING_WITH = """
(SELECT order_id, true FROM orders_orderitem
 WHERE seller_id = %(seller)s AND lower(sku) LIKE %(start)s ORDER BY lower(sku) USING ~<~ LIMIT %(limit)s)
UNION ALL
(SELECT order_id, false FROM orders_recipient
 WHERE seller_id = %(seller)s AND lower(name) LIKE %(start)s ORDER BY lower(name) USING ~<~ LIMIT %(limit)s)
LIMIT %(limit)s
"""


def _starting_with(seller_id: int, wanted: str) -> list[tuple[int, bool]]:
    """Keys of the shop's orders with such a SKU or recipient, at most one more than the cap, and whether by SKU.

    Asked before the page, so that the page's own statement is planned for so few keys. A shop never learns who
    bought what is not paid for (domain 3.1): of those found by recipient alone, the page leaves such orders out.
    """
    start = f"{_SIGNS_OF_LIKE.sub(_ESCAPED, wanted)}%"
    with connection.cursor() as cursor:
        cursor.execute(_STARTING_WITH, {"seller": seller_id, "start": start, "limit": SEARCH_CAP + 1})
        return cursor.fetchall()


# --- 注文履歴 ---------------------------------------------------------------------------------------------


def page_of_buyer(user_id: int, *, q: str, cursor: str, size: int = 10) -> Page:
    """One page of a buyer's own orders, newest first; `q` is part of a title, or an order number.

    Raises BadCursor if `cursor` was altered or was made for another person or search.
    """
    asked = ["buyer_id = %(buyer)s"]
    values: dict[str, Any] = {"buyer": user_id}
    wanted = unicodedata.normalize("NFKC", q).strip()
    if number := rules.order_number(wanted):
        asked.append("number = %(number)s")
        values["number"] = number
    elif wanted:
        asked.append(
            "EXISTS (SELECT FROM orders_orderitem AS i"
            " WHERE i.order_id = orders_order.id AND upper(i.title) LIKE upper(%(title)s))"
        )
        values["title"] = f"%{_SIGNS_OF_LIKE.sub(_ESCAPED, wanted)}%"
    rows, following, preceding = _cut(asked, values, (_NEWEST,), cursor, f"buyer {user_id} {wanted}", size)
    return Page(rows, following, preceding)


# --- cutting by key ---------------------------------------------------------------------------------------

# In the order of Row's fields. Only the orders of one page are looked up in other tables; a lane is not even entered
# if those before it fill the page.
_COLUMNS = """
    id, number, status, placed_at, payment_verified_at, ship_by_date, auto_cancel_due_at, answer_due_at, cancelled_at,
    on_hold, fulfillment_channel, service_level, currency, total, version
"""
_COLUMNS_OF_ORDER = ", ".join(f"o.{column.strip()}" for column in _COLUMNS.split(","))
_ALL = "orders_order"
_LANE = """
lane_{lane} AS (
    SELECT {columns}, seller_id, {lane} AS lane, row_number() OVER (ORDER BY {ordering}) AS place
    FROM {source} WHERE {asked} ORDER BY {ordering} LIMIT %(size)s + 1
)
"""
# OFFSET keeps the few keys that a search found apart: their orders are fetched first, however long the list is that
# they would be met in.
_FOUND = "(SELECT * FROM orders_order WHERE id = ANY(%(found)s::bigint[]) OFFSET 0) AS found"
_NOT_FULL = "(SELECT count(*) FROM lane_{lane}) <= %(size)s"
_PAGE = """
WITH {lanes}
SELECT o.lane, {columns}, s.name, coalesce(r.name, ''), coalesce(r.state, ''), (
    SELECT json_agg(json_build_array(i.id, i.sku, i.title, i.quantity_ordered, i.quantity_shipped,
                                     i.quantity_cancelled, i.item_price + i.item_tax - i.discount) ORDER BY i.id)::text
    FROM orders_orderitem AS i WHERE i.order_id = o.id
)
FROM ({union}) AS o
JOIN accounts_seller AS s ON s.id = o.seller_id LEFT JOIN orders_recipient AS r ON r.order_id = o.id
ORDER BY abs(o.lane - %(from_lane)s), o.place LIMIT %(size)s + 1
"""


def _row(*found: Any) -> Row:
    *columns, lines = found
    columns.append(tuple(Line(*line) for line in json.loads(lines or "[]", parse_float=Decimal)))
    return Row(*columns)


def _cut(
    asked: Sequence[str],
    values: Mapping[str, Any],
    lanes: Sequence[Lane],
    cursor: str,
    scope: str,
    size: int,
    *,
    source: str = _ALL,
) -> tuple[list[Row], str, str]:
    """Rows of one page, in one statement whatever lanes they come from, and the cursors of its neighbours."""
    lane_index, key, backwards = _read_cursor(cursor, scope)
    if lane_index >= len(lanes):
        raise BadCursor
    ways = range(lane_index, -1, -1) if backwards else range(lane_index, len(lanes))
    stretches = []
    for index in ways:
        conditions = [*asked, lanes[index].only]
        if key and index == lane_index:
            conditions.append(lanes[index].beyond(backwards=backwards))
        if index != lane_index:
            conditions.append(_NOT_FULL.format(lane=index + 1 if backwards else index - 1))
        stretches.append(
            _LANE.format(
                lane=index,
                source=source,
                columns=_COLUMNS,
                ordering=lanes[index].ordering(backwards=backwards),
                asked=" AND ".join(conditions),
            )
        )
    statement = _PAGE.format(
        lanes=", ".join(stretches),
        columns=_COLUMNS_OF_ORDER,
        union=" UNION ALL ".join(f"SELECT * FROM lane_{index}" for index in ways),  # noqa: S608 - numbers
    )
    moment, edge_id = key or (None, None)
    with connection.cursor() as found:
        found.execute(
            statement, {**values, "size": size, "from_lane": lane_index, "edge": moment, "edge_id": edge_id}
        )
        rows = [(lane, _row(*columns)) for lane, *columns in found.fetchall()]
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
    edge: Mapping[str, Any] = {
        "lane": index,
        "key": [getattr(row, lanes[index].column).isoformat(), row.pk],
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
