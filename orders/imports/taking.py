"""What the lines of a file mean for its orders: place the new ones, bring the known ones up to date.

An order is taken over whole: if one of its lines is refused, a new order is not placed. Items are never added to
a known order. They are recognised by their number, or by SKU and position where the file has no number or the
portal drew its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from accounts.actions import buyers_for
from accounts.actors import Actor
from accounts.models import Seller
from cancellations.actions import CancelTarget, cancel
from cancellations.policy import Reason
from orders import queries, rules
from orders.actions import MONEY_LISTENERS, NEWS_LISTENERS, ItemDraft, OrderDraft, place_orders, set_ship_by
from orders.files import BadLine, Layout, Row, Said
from orders.models import Order, OrderItem
from orders.outcomes import Outcome, Result
from payments.actions import book_imported, end_imported, verify_payment
from shipments.actions import ConfirmTarget, take_over_shipments

# An order of tomorrow is a clock that is a little off, or another zone; any later it is a mistake.
GREATEST_LEAD = timedelta(days=1)
MUTED = NEWS_LISTENERS | MONEY_LISTENERS


@dataclass(slots=True)
class Answers:
    """What became of the orders and lines of a chunk. A line is refused once, whatever else is said of it."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: dict[int, BadLine] = field(default_factory=dict)
    warned: list[BadLine] = field(default_factory=list)

    def refuse(self, line: int, number: str, code: str, detail: str = "") -> None:
        """Say why a line was not taken over; the first reason stands."""
        self.refused.setdefault(line, BadLine(line, number, code, detail))

    def warn(self, row: Row, code: str, detail: str = "") -> None:
        """Say something about a line that was taken over."""
        self.warned.append(BadLine(row.line, row.number, code, detail))

    def add(self, other: "Answers") -> None:
        """Take in what was said of other orders."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.refused |= other.refused
        self.warned += other.warned


# --- taking over ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taking:
    """What is the same for all orders of one import."""

    seller: Seller
    layout: Layout
    by: Actor
    now: datetime
    auto_cancel_days: int


Pairs = list[tuple[OrderItem, Row]]


def take_over(orders: Sequence[list[Row]], broken: set[str], taking: Taking, answers: Answers) -> None:
    """Place the new orders, update the known ones."""
    known = queries.known_orders(rows[0].number for rows in orders)
    queries.attach_lines(order for order in known.values() if order.seller_id == taking.seller.pk)
    taken = queries.orders_of_items(row.item_id for rows in orders for row in rows if row.item_id)
    new: list[list[Row]] = []
    updated: list[tuple[Order, Pairs]] = []
    for rows in orders:
        order = known.get(rows[0].number)
        rows = _without_repeats(rows, taking.layout, answers)
        if order is None:
            if _may_be_placed(rows, taken, broken, taking, answers):
                new.append(rows)
        elif order.seller_id != taking.seller.pk:
            for row in rows:
                answers.refuse(row.line, row.number, "ORDER_NOT_FOUND")
        elif pairs := _matched(order, rows, taken, answers):
            updated.append((order, pairs))
    answers.created += len(new)
    _place(new, taking, answers)
    _update(updated, taking, answers)


def _without_repeats(rows: list[Row], layout: Layout, answers: Answers) -> list[Row]:
    """One row per item. Of an order that the file describes at several moments, the latest description counts."""
    if layout == Layout.ALL_ORDERS:
        latest = max((row.reported_at for row in rows if row.reported_at), default=None)
        return [row for row in rows if row.reported_at == latest] if latest else rows
    once: dict[str, Row] = {}
    for row in rows:
        first = once.setdefault(row.item_id, row)
        if first is row:
            continue
        if first == row:
            answers.warn(row, "DUPLICATE_LINE", str(first.line))
        else:
            answers.refuse(row.line, row.number, "CONFLICTING_DUPLICATE", str(first.line))
    return list(once.values())


def _may_be_placed(
    rows: Sequence[Row], taken: dict[str, int], broken: set[str], taking: Taking, answers: Answers
) -> bool:
    """Whether a new order is complete and none of its items belongs to another one; else its lines are refused."""
    refused: dict[int, tuple[str, str]] = {}
    for row in rows:
        if row.item_id in taken:
            refused[row.line] = ("ITEM_NOT_FOUND", f"order-item-id: {row.item_id}")
        elif row.placed_at > taking.now + GREATEST_LEAD:
            refused[row.line] = ("DATE_FORMAT", f"purchase-date: {row.placed_at.isoformat()}")
        elif row.currency != rows[0].currency:
            refused[row.line] = ("CURRENCY", f"{row.currency} / {rows[0].currency}")
    if not refused and rows[0].number not in broken:
        taken.update((row.item_id, 0) for row in rows if row.item_id)
        return True
    for row in rows:
        answers.refuse(row.line, row.number, *refused.get(row.line, ("ORDER_INCOMPLETE",)))
    return False


def _matched(order: Order, rows: Sequence[Row], taken: dict[str, int], answers: Answers) -> Pairs:
    """The items of a known order that rows speak of; rows of anything else are refused."""
    by_id = {item.item_id: item for item in order.lines}
    left = [row for row in rows if row.item_id not in by_id]
    pairs = [(by_id[row.item_id], row) for row in rows if row.item_id in by_id]
    spoken_of = {item.pk for item, _ in pairs}
    by_sku: dict[str, list[OrderItem]] = defaultdict(list)
    for item in order.lines:
        if item.pk not in spoken_of:
            by_sku[item.sku].append(item)
    for row in left:
        if by_sku[row.sku] and row.item_id not in taken:
            pairs.append((by_sku[row.sku].pop(0), row))
        else:
            answers.refuse(row.line, row.number, "ITEM_NOT_FOUND", row.item_id or row.sku)
    return pairs


# --- new orders -------------------------------------------------------------------------------------------


def _place(orders: Sequence[list[Row]], taking: Taking, answers: Answers) -> None:
    if not orders:
        return
    buyer_ids = buyers_for({rows[0].buyer_email: rows[0].buyer_name for rows in orders if rows[0].buyer_email})
    placed = place_orders(
        drafts=[_draft(rows, buyer_ids, taking) for rows in orders],
        auto_cancel_days=taking.auto_cancel_days,
        by=taking.by,
        now=taking.now,
        mute=MUTED,
    )
    pairs = [
        (order, list(zip(order.lines, rows, strict=True))) for order, rows in zip(placed, orders, strict=True)
    ]
    book_imported([order for order, of_order in pairs if not _is_finished_by(of_order)])
    _cancel_and_ship(pairs, taking, answers)


def _draft(rows: Sequence[Row], buyer_ids: dict[str, int], taking: Taking) -> OrderDraft:
    first = rows[0]
    paid_at = None if _is_pending(rows) else first.paid_at or first.placed_at
    return OrderDraft(
        seller_id=taking.seller.pk,
        buyer_id=buyer_ids.get(first.buyer_email),
        placed_at=first.placed_at,
        items=[
            ItemDraft(
                sku=row.sku,
                title=row.title,
                quantity=row.quantity,
                item_price=row.item_price,
                item_tax=row.item_tax,
                shipping_price=row.shipping_price,
                shipping_tax=row.shipping_tax,
                discount=row.discount,
                item_id=row.item_id,
            )
            for row in rows
        ],
        recipient=first.recipient,
        number=first.number,
        payment_verified_at=paid_at,
        ship_by_date=_ship_by(rows),
        service_level=first.service_level,
        payment_method=first.payment_method,
        currency=first.currency,
        fulfillment_channel=Order.Channel.MARKETPLACE if first.by_marketplace else Order.Channel.SELLER,
    )


def _is_pending(rows: Iterable[Row]) -> bool:
    """Whether payment is still awaited: the file says so of a line, and nothing of the order was shipped."""
    said = {row.said for row in rows}
    return Said.PENDING in said and Said.SHIPPED not in said


def _ship_by(rows: Iterable[Row]) -> date | None:
    """The earliest promise of an order's lines, as a local day."""
    promised = [
        queries.local_day(row.ship_by) if isinstance(row.ship_by, datetime) else row.ship_by
        for row in rows
        if row.ship_by
    ]
    return min(promised, default=None)


def _is_finished_by(pairs: Pairs) -> bool:
    return all(not item.quantity_open - to_cancel - to_ship for item, to_cancel, to_ship in map(_missing, pairs))


# --- known orders -----------------------------------------------------------------------------------------


def _update(known: Sequence[tuple[Order, Pairs]], taking: Taking, answers: Answers) -> None:
    """Catch up with what the file says more than the portal knows; the rest is no change."""
    behind = [(order, pairs) for order, pairs in known if _is_behind(order, pairs)]
    if behind:
        behind = _under_lock(behind)
    changed: set[int] = set()
    to_verify = [order.pk for order, pairs in behind if _is_newly_verified(order, pairs)]
    changed |= _done(verify_payment(order_ids=to_verify, by=taking.by, now=taking.now), behind, answers)
    by_day: dict[date, list[int]] = defaultdict(list)
    for order, pairs in behind:
        if day := _new_ship_by(order, pairs):
            by_day[day].append(order.pk)
    for day, order_ids in by_day.items():
        outcomes = set_ship_by(
            order_ids=order_ids,
            ship_by_date=day,
            auto_cancel_days=taking.auto_cancel_days,
            note="",
            by=taking.by,
            now=taking.now,
            may_be_past=True,
        )
        changed |= _done(outcomes, behind, answers)
    changed |= _cancel_and_ship(behind, taking, answers)
    answers.updated += len(changed)
    for order, pairs in known:
        if order.pk in changed:
            continue
        if all(row.line in answers.refused for _, row in pairs):
            continue
        answers.unchanged += 1
        for item, row in pairs:
            _warn_of_contradiction(item, row, answers)


def _is_behind(order: Order, pairs: Pairs) -> bool:
    if order.status in {rules.Status.SHIPPED, rules.Status.CANCELED}:
        return False
    if _is_newly_verified(order, pairs) or _new_ship_by(order, pairs):
        return True
    return any(to_cancel or to_ship for _, to_cancel, to_ship in map(_missing, pairs))


def _under_lock(known: Sequence[tuple[Order, Pairs]]) -> list[tuple[Order, Pairs]]:
    """The same orders as they stand once nobody else can change them."""
    locked = queries.lock_orders(order.pk for order, _ in known)
    fresh: list[tuple[Order, Pairs]] = []
    for order, pairs in known:
        items = {item.pk: item for item in locked[order.pk].lines}
        fresh.append((locked[order.pk], [(items[item.pk], row) for item, row in pairs]))
    return fresh


def _is_newly_verified(order: Order, pairs: Pairs) -> bool:
    rows = [row for _, row in pairs]
    is_awaited = order.status == rules.Status.PENDING
    return is_awaited and not _is_pending(rows) and any(row.said != Said.CANCELLED for row in rows)


def _new_ship_by(order: Order, pairs: Pairs) -> date | None:
    """The day a file gives to an order that has none and goes on."""
    if order.ship_by_date or _is_finished_by(pairs):
        return None
    return _ship_by(row for _, row in pairs)


def _warn_of_contradiction(item: OrderItem, row: Row, answers: Answers) -> None:
    """Say where file and portal differ for good: nothing is un-shipped or un-cancelled."""
    if row.said == Said.CANCELLED and not item.quantity_cancelled:
        answers.warn(row, "KEPT_SHIPPED", str(item.quantity_shipped))
    elif row.shipped > item.quantity_shipped:
        answers.warn(row, "KEPT_CANCELLED", str(item.quantity_cancelled))


# --- units ------------------------------------------------------------------------------------------------


def _missing(pair: tuple[OrderItem, Row]) -> tuple[OrderItem, int, int]:
    """How many units of an item the file calls cancelled, and how many shipped, beyond what the portal knows."""
    item, row = pair
    if row.said == Said.CANCELLED:
        return item, item.quantity_open, 0
    return item, 0, max(0, min(row.shipped - item.quantity_shipped, item.quantity_open))


def _cancel_and_ship(orders: Sequence[tuple[Order, Pairs]], taking: Taking, answers: Answers) -> set[int]:
    """Book what the file says was cancelled and shipped; return the orders changed."""
    cancels: list[CancelTarget] = []
    ships: list[ConfirmTarget] = []
    today = queries.local_day(taking.now)
    for order, pairs in orders:
        missing = [_missing(pair) for pair in pairs]
        if cancelled := {item.pk: to_cancel for item, to_cancel, _ in missing if to_cancel}:
            cancels.append(CancelTarget(order.pk, Reason.IMPORTED, cancelled))
        if shipped := {item.pk: to_ship for item, _, to_ship in missing if to_ship}:
            looked_at = max((row.reported_at for _, row in pairs if row.reported_at), default=None)
            shipped_on = min(queries.local_day(looked_at), today) if looked_at else today
            ships.append(ConfirmTarget(order.pk, max(shipped_on, queries.local_day(order.placed_at)), shipped))
    changed = _done(cancel(targets=cancels, by=taking.by, now=taking.now), orders, answers)
    end_imported(changed)
    return changed | _done(take_over_shipments(targets=ships, by=taking.by, now=taking.now), orders, answers)


def _done(outcomes: Sequence[Outcome], orders: Sequence[tuple[Order, Pairs]], answers: Answers) -> set[int]:
    """The orders an act changed; refusals and warnings of it go to the order's lines."""
    said = [outcome for outcome in outcomes if outcome.code]
    rows = {order.pk: [row for _, row in pairs] for order, pairs in orders} if said else {}
    for outcome in said:
        if outcome.result == Result.ERROR:
            for row in rows[outcome.order_id]:
                answers.refuse(row.line, row.number, outcome.code)
        else:
            answers.warn(rows[outcome.order_id][0], outcome.code)
    return {outcome.order_id for outcome in outcomes if outcome.result in {Result.DONE, Result.WARNING}}
