"""Give money of charged orders back: all that is left, units of items, or an amount (domain 11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from accounts.actors import Actor
from cancellations.words import Refusal
from events.actions import Entry, record
from orders import queries as order_queries
from orders.actions import change, in_batches, outcome, save_versions
from orders.models import Order
from orders.outcomes import Outcome, Result

from . import queries
from .models import Refund, RefundItem
from .rules import Back, RefundReason, Sold, what_goes_back, why_not_refund

# What a person of the shop may leave out (domain 12.2).
SELLERS_MAIL = "M-12"


@dataclass(frozen=True, slots=True)
class RefundTarget:
    """Give money of one order back: `units` by item and an amount `beside` them, or all that is left.

    `memo` is the seller's own; `expected_version` refuses if the order changed since it was looked at.
    """

    order_id: int
    reason: RefundReason
    units: Mapping[int, int] = field(default_factory=dict)
    beside: Decimal = Decimal(0)
    whole: bool = False
    memo: str = ""
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    """One refund decided under the lock, before it is written."""

    target: RefundTarget
    order: Order
    back: Back
    charge_id: int
    version: int


def refund(
    *, targets: Sequence[RefundTarget], by: Actor, now: datetime, unattended: bool = False
) -> list[Outcome]:
    """Write refunds of charged orders; the provider is called by the delivery `refund` (domain 11).

    Never above what was charged less earlier refunds, those under way included: all are counted under the order's
    lock. No refund touches the cancellation rate (D-31). `unattended`: no door waits, so even the only order's error
    becomes an answer.
    """

    def act(batch: Sequence[RefundTarget]) -> list[Outcome]:
        locked = order_queries.lock_orders(target.order_id for target in batch)
        sold, charges = queries.sold_of(locked.values()), queries.charges_of(locked)
        done: list[_Done] = []
        outcomes: list[Outcome] = []
        for target in batch:
            order = locked.get(target.order_id)
            back = _decide(target, order, sold)
            if order is None or isinstance(back, Refusal):
                outcomes.append(_refused(target, order, back))
                continue
            change(order, now=now)
            sold[order.pk] = sold[order.pk].less(back)
            done.append(_Done(target, order, back, charges[order.pk].pk, order.version))
            outcomes.append(outcome(order, Result.DONE))
        _write(done, by, now)
        return outcomes

    return in_batches(targets, act, order_id=lambda target: target.order_id, unattended=unattended)


def _decide(target: RefundTarget, order: Order | None, sold: Mapping[int, Sold]) -> Back | Refusal:
    """What goes back of one order, or why nothing does."""
    if order is None:
        return Refusal.ORDER_NOT_FOUND
    if target.expected_version is not None and target.expected_version != order.version:
        return Refusal.VERSION_CONFLICT
    if order.pk not in sold:
        return Refusal.ORDER_NOT_CHARGED
    back = what_goes_back(sold[order.pk], units=target.units, beside=target.beside, whole=target.whole)
    return why_not_refund(sold[order.pk], target.reason, back, beside=target.beside) or back


def _refused(target: RefundTarget, order: Order | None, refusal: object) -> Outcome:
    if order is None:
        return Outcome(target.order_id, Result.ERROR, Refusal.ORDER_NOT_FOUND)
    return outcome(order, Result.ERROR, str(refusal))


def _write(done: Sequence[_Done], by: Actor, now: datetime) -> None:
    """Write refunds set-wise: one statement per table, whatever their number."""
    if not done:
        return
    event_ids = record(
        [
            Entry(
                "payment.refunded",
                one.order,
                version=one.version,
                payload={"reason": one.target.reason, "amount": str(one.back.amount)},
                may_silence=SELLERS_MAIL,
            )
            for one in done
        ],
        by=by,
        now=now,
    )
    rows = [
        Refund(
            order=one.order,
            charge_id=one.charge_id,
            idempotency_key=queries.refund_key(event_id, cancels=False),
            amount=one.back.amount,
            currency=one.order.currency,
            reason=one.target.reason,
            memo=one.target.memo,
            requested_at=now,
        )
        for one, event_id in zip(done, event_ids, strict=True)
    ]
    Refund.objects.bulk_create(rows)
    RefundItem.objects.bulk_create(
        RefundItem(refund=row, item_id=item_id, quantity=one.back.units[item_id], amount=amount)
        for row, one in zip(rows, done, strict=True)
        for item_id, amount in one.back.amounts.items()
    )
    save_versions({one.order.pk: one.order for one in done}.values())
