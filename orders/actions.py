"""Acts on orders, and the writers of status and quantities that the rooms above call under the lock.

`changed_orders` and `changed_lines` hold the only conditions under which a state column of an order or a quantity
of an item is written. Everything else changes the locked rows in memory and hands them over.
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction

from accounts.actors import Actor
from events.actions import Entry, record
from events.setwise import Change, insert_all, update

from . import queries, rules
from .models import Order, OrderItem, Recipient
from .outcomes import FAILED, Outcome, Result

logger = logging.getLogger(__name__)

Target = TypeVar("Target")

MONEY_LISTENERS = frozenset({"reserve", "charge", "release_authorization", "refund"})
NEWS_LISTENERS = frozenset({"mail_buyer", "mail_seller", "push"})


# --- notes ------------------------------------------------------------------------------------------------


def note_slips_printed(order_ids: Iterable[int], *, now: datetime) -> None:
    """Keep when packing slips were first printed: no change of the orders, though it waits for one under way."""
    fresh = Order.objects.filter(pk__in=list(order_ids), slip_printed_at__isnull=True)
    with transaction.atomic():
        locked = list(fresh.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
        Order.objects.filter(pk__in=locked).update(slip_printed_at=now)


# --- batches ----------------------------------------------------------------------------------------------


def in_batches(
    targets: Sequence[Target],
    act: Callable[[Sequence[Target]], list[Outcome]],
    *,
    order_id: Callable[[Target], int],
    unattended: bool = False,
    size: int = queries.ORDERS_PER_BATCH,
) -> list[Outcome]:
    """Run a batch act over targets in transactions of at most `size`, answers in the order asked (wall 2).

    An error splits the batch until the one bad order is alone: it becomes an ERROR, the rest are done. With a
    single target asked for, the error is the door's to answer, unless nobody waits for it (`unattended`). A lost
    connection or a lock that could not be had is never the order's fault and is raised.
    """
    alone = len(targets) == 1 and not unattended
    outcomes: list[Outcome] = []
    for start in range(0, len(targets), size):
        outcomes += _split_on_error(targets[start : start + size], act, order_id, alone=alone)
    return outcomes


def _split_on_error(
    targets: Sequence[Target],
    act: Callable[[Sequence[Target]], list[Outcome]],
    order_id: Callable[[Target], int],
    *,
    alone: bool,
) -> list[Outcome]:
    try:
        with transaction.atomic():
            return act(targets)
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        raise
    except Exception:
        if alone:
            raise
        if len(targets) == 1:
            logger.exception("Order %s was left out of a batch", order_id(targets[0]))
            return [Outcome(order_id(targets[0]), Result.ERROR, FAILED)]
    middle = len(targets) // 2
    return [
        *_split_on_error(targets[:middle], act, order_id, alone=False),
        *_split_on_error(targets[middle:], act, order_id, alone=False),
    ]


def outcome(order: Order, result: Result, code: str = "", *, counted: bool | None = None) -> Outcome:
    """The answer about one order as it stands in memory."""
    return Outcome(order.pk, result, code, order.status, order.version, counted, order.number)


# --- writers, called under the lock -----------------------------------------------------------------------


def change(order: Order, *, now: datetime) -> None:
    """Give a locked order its next version, moment and derived status, in memory (domain 3.1, 14.8).

    `last_updated_at` never steps back, even if the clock does.
    """
    order.version += 1
    order.last_updated_at = max(now, order.last_updated_at + timedelta(microseconds=1))
    order.status = rules.derive_status(
        is_verified=order.payment_verified_at is not None,
        ordered=sum(line.quantity_ordered for line in order.lines),
        shipped=sum(line.quantity_shipped for line in order.lines),
        cancelled=sum(line.quantity_cancelled for line in order.lines),
    )
    if order.status == rules.Status.CANCELED:
        order.cancelled_at = now
    if order.status in rules.FINAL_STATUSES:
        order.on_hold, order.held_at = False, None


def save_orders(orders: Iterable[Order]) -> None:
    """Write the changed columns of locked orders in one statement."""
    update(changed_orders(orders))


_WRITTEN = (
    "id",
    "status",
    "version",
    "last_updated_at",
    "cancelled_at",
    "payment_verified_at",
    "answer_due_at",
    "on_hold",
    "held_at",
    "ship_by_date",
    "auto_cancel_due_at",
)


def save_versions(orders: Iterable[Order]) -> None:
    """Write the next version and moment of locked orders, finished ones too: of what is no state of theirs."""
    rows = list(orders)
    names = ("id", "version", "last_updated_at")
    update(
        Change(
            Order,
            {name: [getattr(row, name) for row in rows] for name in names},
            only="o.version < n.version",
            otherwise="an order was changed although it was locked",
        )
    )


def changed_orders(orders: Iterable[Order]) -> Change:
    """Locked orders as they stand in memory, to be written: the only line that writes `status`."""
    rows = list(orders)
    return Change(
        Order,
        {name: [getattr(row, name) for row in rows] for name in _WRITTEN},
        only="o.version < n.version AND o.status NOT IN ('SHIPPED', 'CANCELED')",
        otherwise="an order was finished or changed although it was locked",
    )


def changed_lines(lines: Iterable[OrderItem]) -> Change:
    """Items of locked orders, to be written: the only line that writes shipped and cancelled quantities."""
    rows = list(lines)
    return Change(
        OrderItem,
        {name: [getattr(row, name) for row in rows] for name in ("id", "quantity_shipped", "quantity_cancelled")},
        only="o.quantity_shipped <= n.quantity_shipped AND o.quantity_cancelled <= n.quantity_cancelled",
        otherwise="units came back from shipped or cancelled",
    )


# --- place ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """One line to be placed. Money is of the whole line; `item_price` None means unknown."""

    sku: str
    title: str
    quantity: int
    item_price: Decimal | None
    item_tax: Decimal = Decimal(0)
    shipping_price: Decimal = Decimal(0)
    shipping_tax: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    item_id: str = ""
    buyer_cancelable: bool = True
    not_cancelable_reason: str = ""


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """An order to be placed. Without `number` one is drawn; verified if `payment_verified_at` is given."""

    seller_id: int
    buyer_id: int | None
    placed_at: datetime
    items: Sequence[ItemDraft]
    recipient: Mapping[str, str] = field(default_factory=dict)
    number: str = ""
    payment_verified_at: datetime | None = None
    ship_by_date: date | None = None
    service_level: str = ""
    payment_method: str = ""
    currency: str = "JPY"
    fulfillment_channel: str = Order.Channel.SELLER


def place_orders(
    *,
    drafts: Sequence[OrderDraft],
    auto_cancel_days: int,
    by: Actor,
    now: datetime,
    mute: frozenset[str] = frozenset(),
) -> list[Order]:
    """Place orders, at most 1,000 in a transaction; reservations follow by delivery.

    `auto_cancel_days` of the policy in force fixes each due moment (domain 10); `mute` names listeners that are
    not told. The orders come back with their items as `.lines`.

    Raises IntegrityError if a given number or item id is taken.
    """
    placed: list[Order] = []
    for start in range(0, len(drafts), queries.ORDERS_PER_BATCH):
        with transaction.atomic():
            placed += _place(drafts[start : start + queries.ORDERS_PER_BATCH], auto_cancel_days, by, now, mute)
    return placed


def _place(
    drafts: Sequence[OrderDraft], auto_cancel_days: int, by: Actor, now: datetime, mute: frozenset[str]
) -> list[Order]:
    zone = queries.zone()
    numbers = iter(_free_numbers(sum(1 for draft in drafts if not draft.number)))
    orders = [
        Order(
            number=draft.number or next(numbers),
            seller_id=draft.seller_id,
            buyer_id=draft.buyer_id,
            fulfillment_channel=draft.fulfillment_channel,
            status=rules.Status.UNSHIPPED if draft.payment_verified_at else rules.Status.PENDING,
            placed_at=draft.placed_at,
            payment_verified_at=draft.payment_verified_at,
            ship_by_date=draft.ship_by_date,
            auto_cancel_due_at=rules.auto_cancel_due_at(
                ship_by_date=draft.ship_by_date, days=auto_cancel_days, zone=zone
            ),
            service_level=draft.service_level,
            payment_method=draft.payment_method,
            currency=draft.currency,
            version=1,
            last_updated_at=now,
        )
        for draft in drafts
    ]
    for order, draft in zip(orders, drafts, strict=True):
        order.lines = [
            OrderItem(
                item_id=item.item_id or _draw_item_id(),
                seller_id=draft.seller_id,
                sku=item.sku,
                title=item.title,
                quantity_ordered=item.quantity,
                item_price=item.item_price,
                item_tax=item.item_tax,
                shipping_price=item.shipping_price,
                shipping_tax=item.shipping_tax,
                discount=item.discount,
                buyer_cancelable=item.buyer_cancelable,
                not_cancelable_reason=item.not_cancelable_reason,
            )
            for item in draft.items
        ]
        goods = rules.sum_or_none(line.goods_amount for line in order.lines)
        order.total = None if goods is None else goods + sum(line.shipping_amount for line in order.lines)
    insert_all(orders)
    for order in orders:
        for line in order.lines:
            line.order_id = order.pk
    insert_all([line for order in orders for line in order.lines])
    insert_all(
        [
            Recipient(order_id=order.pk, seller_id=order.seller_id, **draft.recipient)
            for order, draft in zip(orders, drafts, strict=True)
            if draft.recipient
        ]
    )
    record(
        [
            Entry(
                "order.placed",
                order,
                payload={"verified": order.payment_verified_at is not None, "total": _text(order.total)},
                mute=mute if order.total else mute | MONEY_LISTENERS,
            )
            for order in orders
        ],
        by=by,
        now=now,
    )
    return orders


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _free_numbers(count: int) -> list[str]:
    """Draw order numbers that nobody has; the unique constraint is the second net."""
    drawn: set[str] = set()
    while len(drawn) < count:
        drawn |= {_draw_number() for _ in range(count - len(drawn))}
        drawn -= set(Order.objects.filter(number__in=drawn).values_list("number", flat=True))
    return list(drawn)


def _draw_number() -> str:
    return f"250-{secrets.randbelow(10**7):07d}-{secrets.randbelow(10**7):07d}"


def _draw_item_id() -> str:
    return f"{secrets.randbelow(9 * 10**13) + 10**13:014d}"


# --- hold, release, extend --------------------------------------------------------------------------------


def hold(*, order_ids: Sequence[int], note: str, by: Actor, now: datetime) -> list[Outcome]:
    """Stop seller and sweep from touching orders until they are released (domain 5.3)."""

    def start(order: Order) -> str | None:
        if order.on_hold:
            return None
        order.on_hold, order.held_at = True, now
        return "order.held"

    return _operate(order_ids, start, note=note, by=by, now=now)


def release(*, order_ids: Sequence[int], note: str, by: Actor, now: datetime) -> list[Outcome]:
    """End a hold; the automatic cancellation moves by exactly the time on hold (domain 10, E18)."""

    def end(order: Order) -> str | None:
        if not order.on_hold:
            return None
        if order.auto_cancel_due_at and order.held_at:
            order.auto_cancel_due_at += now - order.held_at
        order.on_hold, order.held_at = False, None
        return "order.released"

    return _operate(order_ids, end, note=note, by=by, now=now)


def set_ship_by(
    *,
    order_ids: Sequence[int],
    ship_by_date: date,
    auto_cancel_days: int,
    note: str,
    by: Actor,
    now: datetime,
    may_be_past: bool = False,
) -> list[Outcome]:
    """Give open orders a ship-by date, and the due moment that follows from it (domain 3.2, 5.3).

    What the due moment was moved by holds before is kept. A day already past is refused, unless `may_be_past`: an
    import takes over what another system says.
    """
    why_not = rules.why_not_ship_by(ship_by_date, today=queries.local_day(now))
    if why_not and not may_be_past:
        return [Outcome(order_id, Result.ERROR, why_not) for order_id in order_ids]

    def due(day: date | None) -> datetime | None:
        return rules.auto_cancel_due_at(ship_by_date=day, days=auto_cancel_days, zone=queries.zone())

    def extend(order: Order) -> str | None:
        due_at, usual = due(ship_by_date), due(order.ship_by_date)
        if due_at and usual and order.auto_cancel_due_at:
            due_at += order.auto_cancel_due_at - usual  # time on hold stays granted
        if order.ship_by_date == ship_by_date and order.auto_cancel_due_at == due_at:
            return None
        order.ship_by_date, order.auto_cancel_due_at = ship_by_date, due_at
        return "order.extended"

    return _operate(order_ids, extend, note=note, by=by, now=now)


def grant_days(*, days: Mapping[int, tuple[int, int]], note: str, by: Actor, now: datetime) -> list[Outcome]:
    """Move open orders' ship-by dates and automatic cancellations by whole days, each by its own (domain 21, B16).

    `days` has, by order, the days of its ship-by date and those of its cancellation.
    """

    def grant(order: Order) -> str | None:
        ship_by, due = days[order.pk]
        if order.ship_by_date is None or order.auto_cancel_due_at is None:
            return None
        order.ship_by_date += timedelta(days=ship_by)
        order.auto_cancel_due_at = rules.moved_by_days(order.auto_cancel_due_at, due, queries.zone())
        return "order.extended"

    return _operate(list(days), grant, note=note, by=by, now=now)


def _operate(
    order_ids: Sequence[int],
    alter: Callable[[Order], str | None],
    *,
    note: str,
    by: Actor,
    now: datetime,
) -> list[Outcome]:
    """Alter unfinished orders; `alter` returns the event's name, or None if nothing was to do."""

    def act(batch: Sequence[int]) -> list[Outcome]:
        locked = queries.lock_orders(batch)
        outcomes: list[Outcome] = []
        changed: list[Order] = []
        entries: list[Entry] = []
        for order_id in batch:
            order = locked.get(order_id)
            if order is None:
                outcomes.append(Outcome(order_id, Result.ERROR, "ORDER_NOT_FOUND"))
            elif order.status in rules.FINAL_STATUSES:
                outcomes.append(outcome(order, Result.ERROR, "ORDER_NOT_CANCELABLE"))
            elif name := alter(order):
                change(order, now=now)
                changed.append(order)
                entries.append(Entry(name, order, payload={"note": note} if note else {}))
                outcomes.append(outcome(order, Result.DONE))
            else:
                outcomes.append(outcome(order, Result.NO_CHANGE))
        record(entries, by=by, now=now)
        save_orders(changed)
        return outcomes

    return in_batches(order_ids, act, order_id=lambda order_id: order_id)
