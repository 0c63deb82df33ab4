"""What the lines of a feed do: they become targets of the batch acts, and each gets its answer (domain 14.2 to 14.4).

A chunk of lines is one transaction. Its orders are locked first, so that what a line finds is what the act finds.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from accounts.actors import Actor
from cancellations.actions import CancelTarget, cancel
from cancellations.policy import Interlock, Reason, Refusal
from feeds.parsers import AcknowledgeRow, AdjustRow, BadRow, CancelRow, Kind, Row, ShipRow
from orders import queries as order_queries
from orders.models import Order, OrderItem
from orders.outcomes import Outcome, Result
from payments.refunds import RefundTarget, refund
from shipments.actions import ConfirmTarget, confirm_shipment

CONFLICTING = "CONFLICTING_DUPLICATE"
ACKNOWLEDGED = "ACKNOWLEDGED"
NO_SHIP_METHOD = "SHIP_METHOD"
DATE_FORMAT = "DATE_FORMAT"
CURRENCY = "CURRENCY"


@dataclass(slots=True)
class Answer:
    """What became of one line, and how its order stands afterwards; counted only of a cancellation."""

    row: Row | BadRow
    result: Result
    code: str = ""
    detail: str = ""
    status: str = ""
    counted: bool | None = None

    @property
    def has_acted(self) -> bool:
        """Whether the line was carried out."""
        return self.result in {Result.DONE, Result.WARNING} and self.code != CONFLICTING


@dataclass(slots=True)
class Before:
    """What earlier lines of the same feed have done: lines by what they say, and the reason by order and item."""

    rows: set[Row] = field(default_factory=set)
    reasons: dict[tuple[str, str], Reason] = field(default_factory=dict)

    def note(self, row: Row) -> None:
        """This line was carried out."""
        self.rows.add(row)
        if isinstance(row, CancelRow):
            self.reasons[row.number, row.item_id] = row.reason

    def reason_of(self, number: str, item_id: str) -> Reason | None:
        """What an item was cancelled for, by a line about it or about its whole order."""
        return self.reasons.get((number, item_id)) or self.reasons.get((number, ""))


@dataclass(slots=True)
class Chunk:
    """Lines that are carried out together, their orders under lock, and the answers found so far by place."""

    rows: Sequence[Row | BadRow]
    orders: dict[str, Order]
    before: Before
    by: Actor
    now: datetime
    interlock: Interlock
    answers: dict[int, Answer] = field(default_factory=dict)
    # Units that earlier lines of this chunk will take, by key of the item.
    taken: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def say(
        self, place: int, result: Result, code: str = "", detail: str = "", counted: bool | None = None
    ) -> None:
        """Answer a line; its order's status is read once all is done."""
        self.answers[place] = Answer(self.rows[place], result, code, detail, counted=counted)

    def refuse(self, place: int, code: str, detail: str = "") -> None:
        """A line that does nothing because it cannot."""
        self.say(place, Result.ERROR, code, detail)

    def open_of(self, item: OrderItem) -> int:
        """Units of an item that are open and not spoken for."""
        return item.quantity_open - self.taken[item.pk]

    def items_of(self, row: Row) -> list[OrderItem] | None:
        """The items that a line is about; None if one is not of its order."""
        lines = self.orders[row.number].lines
        found = [item for item in lines if item.item_id == row.item_id] if row.item_id else lines
        return list(found) or None


def carry_out(
    kind: Kind,
    rows: Sequence[Row | BadRow],
    before: Before,
    *,
    seller_id: int,
    interlock: Interlock,
    by: Actor,
    now: datetime,
    busy_is_skipped: bool = False,
) -> list[Answer]:
    """Do what lines ask for, in one transaction that the caller has begun; one answer per line, in their order.

    `busy_is_skipped`: lines of orders that somebody else holds are answered ORDER_BUSY instead of waiting.

    Raises OperationalError if an order is held for longer than the database lets us wait.
    """
    numbers = {row.number for row in rows if isinstance(row, Row)}
    keys = order_queries.keys_by_number(seller_id, numbers)
    locked = order_queries.lock_orders(keys.values(), skip_locked=busy_is_skipped)
    orders = {order.number: order for order in locked.values()}
    chunk = Chunk(rows, orders, before, by, now, interlock)
    for place, row in enumerate(rows):
        if isinstance(row, BadRow):
            chunk.refuse(place, row.code, row.detail)
        elif row.number not in keys:
            chunk.refuse(place, Refusal.ORDER_NOT_FOUND)
        elif row.number not in orders:
            chunk.refuse(place, Refusal.ORDER_BUSY)
        elif chunk.items_of(row) is None:
            chunk.refuse(place, Refusal.ITEM_NOT_FOUND)
    {Kind.CANCELLATION: _cancel, Kind.ADJUSTMENT: _adjust, Kind.SHIPMENT: _ship}[kind](chunk)
    return _answers(chunk, keys)


def _answers(chunk: Chunk, keys: dict[str, int]) -> list[Answer]:
    """The answers in the order of the lines, each with its order's status as it is now."""
    statuses = order_queries.statuses_of(keys.values())
    answers = [chunk.answers[place] for place in range(len(chunk.rows))]
    for answer in answers:
        answer.status = statuses.get(keys.get(answer.row.number, 0), "")
    return answers


# --- cancellation -------------------------------------------------------------------------------------------


def _cancel(chunk: Chunk) -> None:
    """Lines of one order and one reason are one cancellation: the buyer gets one mail, the history one entry."""
    groups: dict[tuple[str, Reason], dict[int, int]] = {}
    places: dict[tuple[str, Reason], list[int]] = defaultdict(list)
    reasons: dict[int, Reason] = {}
    for place, row in enumerate(chunk.rows):
        if place in chunk.answers:
            continue
        if isinstance(row, AcknowledgeRow):
            chunk.say(place, Result.DONE, ACKNOWLEDGED)
        if not isinstance(row, CancelRow) or _is_refused(chunk, place, row):
            continue
        items, own = chunk.items_of(row) or [], dict(row.others)
        is_open = [item for item in items if chunk.open_of(item) > 0]
        if not is_open:
            _say_nothing_open(chunk, place, row, items, reasons)
        for item in is_open:
            reason = own.get(item.item_id, row.reason)
            groups.setdefault((row.number, reason), {})[item.pk] = chunk.open_of(item)
            places[row.number, reason].append(place)
            reasons[item.pk] = reason
            chunk.taken[item.pk] += chunk.open_of(item)
    targets = [
        CancelTarget(chunk.orders[number].pk, reason, units=units) for (number, reason), units in groups.items()
    ]
    asked = {number for number, order in chunk.orders.items() if order.answer_due_at is not None}
    outcomes = cancel(targets=targets, by=chunk.by, now=chunk.now, unattended=True)
    for (number, reason), outcome in zip(groups, outcomes, strict=True):
        overtook = outcome.result == Result.DONE and number in asked and reason != Reason.BUYER_CANCELED
        for place in dict.fromkeys(places[number, reason]):
            if place in chunk.answers and chunk.answers[place].result != Result.DONE:
                continue  # of several reasons in one line the first trouble is told
            if overtook:
                chunk.say(place, Result.WARNING, Refusal.OPEN_CANCELLATION_REQUEST, counted=outcome.counted)
            else:
                _say(chunk, place, outcome)


def _is_refused(chunk: Chunk, place: int, row: CancelRow) -> bool:
    """A line about the whole order names no item of another one, and comes before anything was shipped."""
    lines = chunk.orders[row.number].lines
    if {item for item, _ in row.others} - {item.item_id for item in lines}:
        chunk.refuse(place, Refusal.ITEM_NOT_FOUND)
    elif row.whole and any(item.quantity_shipped for item in lines):
        chunk.refuse(place, Refusal.ORDER_NOT_CANCELABLE, "SHIPPED")
    return place in chunk.answers


def _say_nothing_open(
    chunk: Chunk, place: int, row: CancelRow, items: Sequence[OrderItem], reasons: dict[int, Reason]
) -> None:
    """A line whose units were cancelled before is no change, if this file did not say something else of them."""
    said = [reasons.get(item.pk) or chunk.before.reason_of(row.number, item.item_id) for item in items]
    if any(each is not None and each != row.reason for each in said):
        chunk.say(place, Result.WARNING, CONFLICTING)
    elif all(item.quantity_shipped for item in items):
        chunk.refuse(place, Refusal.ORDER_NOT_CANCELABLE, "SHIPPED")
    else:
        chunk.say(place, Result.NO_CHANGE, Result.NO_CHANGE)


def _say(chunk: Chunk, place: int, outcome: Outcome) -> None:
    code = outcome.code or (Result.NO_CHANGE if outcome.result == Result.NO_CHANGE else "")
    chunk.say(place, outcome.result, code, counted=outcome.counted)


# --- adjustment ---------------------------------------------------------------------------------------------


def _adjust(chunk: Chunk) -> None:
    """Open units are cancelled; units that were charged, and amounts, are refunded."""
    cancels: dict[int, CancelTarget] = {}
    refunds: dict[int, RefundTarget] = {}
    seen: set[Row] = set()
    for place, row in enumerate(chunk.rows):
        if place in chunk.answers or not isinstance(row, AdjustRow):
            continue
        (item,) = chunk.items_of(row) or []
        order = chunk.orders[row.number]
        if row in chunk.before.rows or row in seen:
            chunk.say(place, Result.NO_CHANGE, Result.NO_CHANGE)
        elif row.currency != order.currency:
            chunk.refuse(place, CURRENCY, f"currency: {row.currency} / {order.currency}")
        elif row.quantity and row.quantity <= chunk.open_of(item):
            chunk.taken[item.pk] += row.quantity
            cancels[place] = CancelTarget(order.pk, row.reason, units={item.pk: row.quantity})
            seen.add(row)
        elif row.quantity and item.quantity_cancelled == item.quantity_ordered:
            chunk.say(place, Result.NO_CHANGE, Result.NO_CHANGE)
        elif row.quantity and (chunk.open_of(item) or row.quantity > item.quantity_shipped):
            chunk.refuse(place, Refusal.QUANTITY_EXCEEDS_OPEN, f"quantity-cancelled: {row.quantity}")
        else:
            units = {item.pk: row.quantity} if row.quantity and not row.amount else {}
            refunds[place] = RefundTarget(order.pk, row.refund_reason, units=units, beside=row.amount)
            seen.add(row)
    outcomes = cancel(targets=list(cancels.values()), by=chunk.by, now=chunk.now, unattended=True)
    outcomes += refund(targets=list(refunds.values()), by=chunk.by, now=chunk.now, unattended=True)
    for place, outcome in zip([*cancels, *refunds], outcomes, strict=True):
        _say(chunk, place, outcome)


# --- shipment -----------------------------------------------------------------------------------------------


def _ship(chunk: Chunk) -> None:
    """Lines of one order that name one parcel are one confirmation."""
    groups: dict[tuple, dict[int, int]] = {}
    places: dict[tuple, list[tuple[int, ShipRow]]] = defaultdict(list)
    seen: set[Row] = set()
    today = order_queries.local_day(chunk.now)
    for place, row in enumerate(chunk.rows):
        if place in chunk.answers or not isinstance(row, ShipRow):
            continue
        order, items = chunk.orders[row.number], chunk.items_of(row) or []
        units = {item.pk: chunk.open_of(item) for item in items if chunk.open_of(item) > 0}
        if row in chunk.before.rows or row in seen:
            chunk.say(place, Result.NO_CHANGE, Result.NO_CHANGE)
        elif not order_queries.local_day(order.placed_at) <= row.shipped_on <= today:
            chunk.refuse(place, DATE_FORMAT, f"ship-date: {row.shipped_on}")
        elif row.quantity is not None and row.quantity > sum(units.values()):
            chunk.refuse(place, Refusal.QUANTITY_EXCEEDS_OPEN, f"quantity: {row.quantity}")
        elif not units and any(item.quantity_shipped for item in items):
            chunk.say(place, Result.NO_CHANGE, Result.NO_CHANGE)
        elif not units:
            chunk.refuse(place, Refusal.ORDER_NOT_SHIPPABLE)
        else:
            if row.quantity is not None:
                units = dict.fromkeys(units, row.quantity)
            parcel = (row.number, row.shipped_on, row.carrier, row.tracking_number, row.acknowledges_request)
            for key, quantity in units.items():
                chunk.taken[key] += quantity
            shipped = groups.setdefault(parcel, {})
            for key, quantity in units.items():
                shipped[key] = shipped.get(key, 0) + quantity
            places[parcel].append((place, row))
            seen.add(row)
    targets = [
        ConfirmTarget(
            chunk.orders[number].pk,
            shipped_on,
            units=units,
            carrier=carrier,
            tracking_number=tracking,
            says_already_shipped=acknowledges,
        )
        for (number, shipped_on, carrier, tracking, acknowledges), units in groups.items()
    ]
    outcomes = confirm_shipment(
        targets=targets, interlock=chunk.interlock, by=chunk.by, now=chunk.now, unattended=True
    )
    for parcel, outcome in zip(groups, outcomes, strict=True):
        for place, row in places[parcel]:
            _say_shipped(chunk, place, row, outcome)


def _say_shipped(chunk: Chunk, place: int, row: ShipRow, outcome: Outcome) -> None:
    """A shipper who says that the request is known is not warned of it; an empty ship-method is warned of."""
    if outcome.result == Result.WARNING and not row.acknowledges_request:
        _say(chunk, place, outcome)
    elif outcome.result in {Result.DONE, Result.WARNING} and not row.has_method:
        chunk.say(place, Result.WARNING, NO_SHIP_METHOD)
    elif outcome.result == Result.WARNING:
        chunk.say(place, Result.DONE)
    else:
        _say(chunk, place, outcome)
