"""What the lines of a feed do: they become targets of the batch acts, and each gets its answer (domain 14.2 to 14.4).

A chunk of lines is one transaction. Its orders are locked first, so that what a line finds is what the act finds.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from accounts.actors import Actor
from cancellations.actions import CancelTarget, cancel
from cancellations.policy import Interlock, Reason, Refusal
from cancellations.queries import asked_of
from feeds.parsers import AcknowledgeRow, AdjustRow, BadRow, CancelRow, Kind, Row, ShipRow
from orders import queries as order_queries
from orders.files.rows import ORDER_NUMBER
from orders.models import Order, OrderItem
from orders.outcomes import Outcome, Result
from orders.rules import why_not_shipped_on
from payments.queries import sold_of
from payments.refunds import RefundTarget, refund
from payments.rules import RefundReason, Sold
from shipments.actions import ConfirmTarget, confirm_shipment

CONFLICTING = "CONFLICTING_DUPLICATE"
ACKNOWLEDGED = "ACKNOWLEDGED"
NO_SHIP_METHOD = "SHIP_METHOD"
DATE_FORMAT = "DATE_FORMAT"
CURRENCY = "CURRENCY"
BEYOND_REQUEST = "BEYOND_REQUEST"
AMOUNT_COMPUTED = "AMOUNT_COMPUTED"
# Reasons that speak of goods that had left.
OF_SHIPPED_GOODS = frozenset({RefundReason.RETURN, RefundReason.REFUSED, RefundReason.NOT_SHIPPED})


@dataclass(slots=True)
class Answer:
    """What became of one line, and how its order stands afterwards; counted only of a cancellation."""

    row: Row | BadRow
    result: Result
    code: str = ""
    detail: str = ""
    status: str = ""
    counted: bool | None = None
    # Units that it took, by item.
    units: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_acted(self) -> bool:
        """Whether the line was carried out."""
        return self.result in {Result.DONE, Result.WARNING} and self.code != CONFLICTING


@dataclass(slots=True)
class Before:
    """What earlier lines of the same feed have done: lines by what they say, and by order and item the reason of a
    cancellation and the units that were taken.
    """

    rows: set[Row] = field(default_factory=set)
    reasons: dict[tuple[str, str], Reason] = field(default_factory=dict)
    units: dict[tuple[str, str], int] = field(default_factory=dict)

    def note(self, answer: Answer) -> None:
        """A line was answered; what it did is kept."""
        row = answer.row
        if not answer.has_acted or isinstance(row, BadRow):
            return
        self.rows.add(row)
        if isinstance(row, CancelRow):
            own = dict(row.others)
            self.reasons[row.number, row.item_id] = row.reason
            self.reasons |= {(row.number, item): own.get(item, row.reason) for item in answer.units}
        for item, quantity in answer.units.items():
            self.units[row.number, item] = self.units.get((row.number, item), 0) + quantity

    def reason_of(self, number: str, item_id: str) -> Reason | None:
        """What an item was cancelled for, by a line about it or about its whole order."""
        return self.reasons.get((number, item_id)) or self.reasons.get((number, ""))

    def copy(self) -> "Before":
        """The same, to be added to by lines that may yet be taken back."""
        return Before(set(self.rows), dict(self.reasons), dict(self.units))


@dataclass(slots=True)
class Chunk:
    """Lines that are carried out together, their orders under lock, and the answers found so far by place.

    An item is one line's for a pass: whatever else is said of it waits for the next one, which finds it as the first
    line has left it.
    """

    rows: Mapping[int, Row | BadRow]
    orders: dict[str, Order]
    before: Before
    by: Actor
    now: datetime
    interlock: Interlock
    # Units that earlier steps of a dry run took, and that were given back with them.
    given_back: Mapping[tuple[str, str], int]
    answers: dict[int, Answer] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)

    def say(
        self, place: int, result: Result, code: str = "", detail: str = "", counted: bool | None = None
    ) -> None:
        """Answer a line; its order's status is read once all is done."""
        self.answers[place] = Answer(self.rows[place], result, code, detail, counted=counted)

    def refuse(self, place: int, code: str, detail: str = "") -> None:
        """A line that does nothing because it cannot."""
        self.say(place, Result.ERROR, code, detail)

    def open_of(self, row: Row, item: OrderItem) -> int:
        """Open units of an item of the row's order, as they are once all earlier lines are carried out."""
        return max(item.quantity_open - self.given_back.get((row.number, item.item_id), 0), 0)

    def items_of(self, row: Row) -> list[OrderItem] | None:
        """The items that a line is about; None if one is not of its order."""
        lines = self.orders[row.number].lines
        found = [item for item in lines if item.item_id == row.item_id] if row.item_id else lines
        return list(found) or None

    def takes(self, items: Sequence[OrderItem]) -> bool:
        """Whether a line has these items for this pass; False if another one has some of them."""
        keys = {item.pk for item in items}
        if keys & self.taken:
            return False
        self.taken |= keys
        return True


def carry_out(
    kind: Kind,
    rows: Sequence[Row | BadRow],
    before: Before,
    *,
    seller_id: int,
    interlock: Interlock,
    by: Actor,
    now: datetime,
    is_dry_run: bool = False,
    busy_is_skipped: bool = False,
) -> list[Answer]:
    """Do what lines ask for, in one transaction that the caller has begun; one answer per line, in their order.

    `busy_is_skipped`: lines of orders that somebody else holds are answered ORDER_BUSY instead of waiting.

    Raises OperationalError if an order is held for longer than the database lets us wait.
    """
    numbers = {row.number for row in rows if ORDER_NUMBER.fullmatch(row.number)}
    keys = order_queries.keys_by_number(seller_id, numbers)
    left: dict[int, Row | BadRow] = dict(enumerate(rows))
    answers: dict[int, Answer] = {}
    done = before.copy()
    while left:
        locked = order_queries.lock_orders(keys.values(), skip_locked=busy_is_skipped)
        orders = {order.number: order for order in locked.values()}
        chunk = Chunk(left, orders, done, by, now, interlock, before.units if is_dry_run else {})
        _refuse_unknown(chunk, keys)
        {Kind.CANCELLATION: _cancel, Kind.ADJUSTMENT: _adjust, Kind.SHIPMENT: _ship}[kind](chunk)
        for place in sorted(chunk.answers):
            done.note(chunk.answers[place])
        answers |= chunk.answers
        left = {place: row for place, row in left.items() if place not in answers}
    statuses = order_queries.statuses_of(keys.values())
    for answer in answers.values():
        answer.status = statuses.get(keys.get(answer.row.number, 0), "")
    return [answers[place] for place in range(len(rows))]


def _refuse_unknown(chunk: Chunk, keys: Mapping[str, int]) -> None:
    """Lines that name no order of the shop, or no item of their order."""
    for place, row in chunk.rows.items():
        if isinstance(row, BadRow):
            chunk.refuse(place, row.code, row.detail)
        elif row.number not in keys:
            chunk.refuse(place, Refusal.ORDER_NOT_FOUND)
        elif row.number not in chunk.orders:
            chunk.refuse(place, Refusal.ORDER_BUSY)
        elif chunk.items_of(row) is None:
            chunk.refuse(place, Refusal.ITEM_NOT_FOUND)


# --- cancellation -------------------------------------------------------------------------------------------


def _cancel(chunk: Chunk) -> None:
    """Lines of one order and one reason are one cancellation: the buyer gets one mail, the history one entry."""
    groups: dict[tuple[str, Reason], dict[int, int]] = {}
    places: dict[tuple[str, Reason], list[int]] = defaultdict(list)
    units: dict[int, dict[str, int]] = defaultdict(dict)
    for place, row in chunk.rows.items():
        if place in chunk.answers:
            continue
        if isinstance(row, AcknowledgeRow):
            chunk.say(place, Result.DONE, ACKNOWLEDGED)
        if not isinstance(row, CancelRow) or _is_refused(chunk, place, row):
            continue
        items, own = chunk.items_of(row) or [], dict(row.others)
        if not chunk.takes(items):
            continue
        is_open = [item for item in items if chunk.open_of(row, item)]
        if not is_open:
            _say_nothing_open(chunk, place, row, items)
        for item in is_open:
            reason = own.get(item.item_id, row.reason)
            groups.setdefault((row.number, reason), {})[item.pk] = chunk.open_of(row, item)
            places[row.number, reason].append(place)
            units[place][item.item_id] = chunk.open_of(row, item)
    requested = _requested_items(chunk.orders.values())
    targets = [
        CancelTarget(chunk.orders[number].pk, reason, units=some) for (number, reason), some in groups.items()
    ]
    outcomes = cancel(targets=targets, by=chunk.by, now=chunk.now, unattended=True)
    for ((number, reason), some), outcome in zip(groups.items(), outcomes, strict=True):
        overtook = outcome.result == Result.DONE and requested & set(some) and reason != Reason.BUYER_CANCELED
        for place in dict.fromkeys(places[number, reason]):
            if place in chunk.answers and chunk.answers[place].result != Result.DONE:
                continue  # of several reasons in one line the first trouble is told
            if (
                outcome.counted
                and reason == Reason.BUYER_CANCELED
                and requested & {item.pk for item in chunk.orders[number].lines}
            ):
                chunk.say(place, Result.WARNING, BEYOND_REQUEST, counted=True)
            elif overtook:
                chunk.say(place, Result.WARNING, Refusal.OPEN_CANCELLATION_REQUEST, counted=outcome.counted)
            else:
                _say(chunk, place, outcome)
            chunk.answers[place].units = units[place]


def _requested_items(orders: Iterable[Order]) -> set[int]:
    """The items that open requests of these orders still cover."""
    asked = asked_of([order.pk for order in orders if order.answer_due_at is not None])
    return {line.item_id for each in asked.values() if each.open for line in each.lines if line.quantity_open}


def _is_refused(chunk: Chunk, place: int, row: CancelRow) -> bool:
    """A line about the whole order names no item of another one, and comes before anything was shipped."""
    lines = chunk.orders[row.number].lines
    if {item for item, _ in row.others} - {item.item_id for item in lines}:
        chunk.refuse(place, Refusal.ITEM_NOT_FOUND)
    elif row.whole and any(item.quantity_shipped for item in lines):
        chunk.refuse(place, Refusal.ORDER_NOT_CANCELABLE, "SHIPPED")
    return place in chunk.answers


def _say_nothing_open(chunk: Chunk, place: int, row: CancelRow, items: Sequence[OrderItem]) -> None:
    """A line whose units were cancelled before is no change, if this file did not say something else of them."""
    own = dict(row.others)
    for item in items:
        said = chunk.before.reason_of(row.number, item.item_id)
        if said is not None and said != own.get(item.item_id, row.reason):
            chunk.say(place, Result.WARNING, CONFLICTING)
            return
    is_cancelled = any(
        item.quantity_cancelled or (row.number, item.item_id) in chunk.before.units for item in items
    )
    if any(item.quantity_shipped for item in items) and not is_cancelled:
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
    sold = sold_of(chunk.orders.values())
    computed: set[int] = set()
    for place, row in chunk.rows.items():
        if place in chunk.answers or not isinstance(row, AdjustRow):
            continue
        (item,) = chunk.items_of(row) or []
        if not chunk.takes([item]):
            continue
        order = chunk.orders[row.number]
        money = sold.get(order.pk)
        of_units = money.money_of({item.pk: row.quantity}, money.left).get(item.pk) if money else None
        if row in chunk.before.rows:
            chunk.say(place, Result.NO_CHANGE, Result.NO_CHANGE)
        elif row.currency != order.currency:
            chunk.refuse(place, CURRENCY, f"currency: {row.currency} / {order.currency}")
        elif row.quantity and (row.number, row.item_id) in chunk.before.units:
            chunk.say(place, Result.WARNING, CONFLICTING)
        elif row.quantity and row.quantity <= chunk.open_of(row, item):
            cancels[place] = CancelTarget(order.pk, row.reason, units={item.pk: row.quantity})
            if row.amount and of_units is not None and row.amount != of_units:
                computed.add(place)
        elif row.quantity and _is_done_before(item, row):
            chunk.say(place, Result.NO_CHANGE, Result.NO_CHANGE)
        elif row.quantity and (chunk.open_of(row, item) or row.quantity > item.quantity_shipped):
            chunk.refuse(place, Refusal.QUANTITY_EXCEEDS_OPEN, f"quantity-cancelled: {row.quantity}")
        elif money and row.amount > _most(money, item):
            chunk.refuse(place, Refusal.REFUND_EXCEEDS_CHARGE, f"{row.amount} {row.currency}")
        else:
            refunds[place] = _refund_of(order, item, row, of_units)
    outcomes = cancel(targets=list(cancels.values()), by=chunk.by, now=chunk.now, unattended=True)
    outcomes += refund(targets=list(refunds.values()), by=chunk.by, now=chunk.now, unattended=True)
    for place, outcome in zip([*cancels, *refunds], outcomes, strict=True):
        _say(chunk, place, outcome)
        row = chunk.rows[place]
        if outcome.result == Result.DONE and place in computed:
            chunk.say(place, Result.WARNING, AMOUNT_COMPUTED, counted=outcome.counted)
        if isinstance(row, AdjustRow) and row.quantity:
            chunk.answers[place].units = {row.item_id: row.quantity}


def _most(money: Sold, item: OrderItem) -> Decimal:
    """What may go back for one item: its own money, and what is left of shipping."""
    return min((money.money_left(item.pk) if item.pk in money.items else money.left) + money.beside, money.left)


def _is_done_before(item: OrderItem, row: AdjustRow) -> bool:
    """Whether units of an item without open ones were cancelled already: the same line in another file, most likely.

    A reason that speaks of goods that had left means units that were shipped.
    """
    return (
        item.quantity_cancelled > 0
        and not item.quantity_open
        and (not item.quantity_shipped or row.refund_reason not in OF_SHIPPED_GOODS)
    )


def _refund_of(order: Order, item: OrderItem, row: AdjustRow, of_units: Decimal | None) -> RefundTarget:
    """Units with their money, and beside it what the line gives more; an amount below theirs is given alone."""
    units = {item.pk: row.quantity} if row.quantity else {}
    if row.amount and units and of_units is not None:
        if row.amount < of_units:
            return RefundTarget(order.pk, row.refund_reason, beside=row.amount)
        return RefundTarget(order.pk, row.refund_reason, units=units, beside=row.amount - of_units)
    return RefundTarget(order.pk, row.refund_reason, units=units, beside=Decimal(0) if units else row.amount)


# --- shipment -----------------------------------------------------------------------------------------------


def _ship(chunk: Chunk) -> None:
    """Lines of one order that name one parcel are one confirmation."""
    groups: dict[tuple, dict[int, int]] = {}
    places: dict[tuple, list[tuple[int, ShipRow]]] = defaultdict(list)
    units: dict[int, dict[str, int]] = {}
    today = order_queries.local_day(chunk.now)
    for place, row in chunk.rows.items():
        if place in chunk.answers or not isinstance(row, ShipRow):
            continue
        order, items = chunk.orders[row.number], chunk.items_of(row) or []
        if not chunk.takes(items):
            continue
        is_open = {item.item_id: chunk.open_of(row, item) for item in items if chunk.open_of(row, item)}
        if row in chunk.before.rows:
            chunk.say(place, Result.NO_CHANGE, Result.NO_CHANGE)
        elif why_not_shipped_on(row.shipped_on, placed_on=order_queries.local_day(order.placed_at), today=today):
            chunk.refuse(place, DATE_FORMAT, f"ship-date: {row.shipped_on}")
        elif not is_open and (row.quantity is None and any(item.quantity_shipped for item in items)):
            chunk.say(place, Result.NO_CHANGE, Result.NO_CHANGE)
        elif not is_open and not any(item.quantity_shipped for item in items):
            chunk.refuse(place, Refusal.ORDER_NOT_SHIPPABLE)
        elif row.quantity is not None and row.quantity > sum(is_open.values()):
            chunk.refuse(place, Refusal.QUANTITY_EXCEEDS_OPEN, f"quantity: {row.quantity}")
        else:
            units[place] = is_open if row.quantity is None else dict.fromkeys(is_open, row.quantity)
            parcel = (row.number, row.shipped_on, row.carrier, row.tracking_number, row.acknowledges_request)
            places[parcel].append((place, row))
            by_key = {item.pk: units[place][item.item_id] for item in items if item.item_id in units[place]}
            groups.setdefault(parcel, {}).update(by_key)
    targets = [
        ConfirmTarget(
            chunk.orders[number].pk,
            shipped_on,
            units=some,
            carrier=carrier,
            tracking_number=tracking,
            says_already_shipped=acknowledges,
        )
        for (number, shipped_on, carrier, tracking, acknowledges), some in groups.items()
    ]
    outcomes = confirm_shipment(
        targets=targets, interlock=chunk.interlock, by=chunk.by, now=chunk.now, unattended=True
    )
    for parcel, outcome in zip(groups, outcomes, strict=True):
        for place, row in places[parcel]:
            _say_shipped(chunk, place, row, outcome)
            chunk.answers[place].units = units[place]


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
