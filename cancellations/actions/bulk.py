"""Cancel several orders in one go: what was asked is kept first, then done step by step (domain 7.4)."""

from collections.abc import Callable, Sequence
from datetime import datetime

from celery import current_app
from django.db import transaction

from accounts.actors import Actor, Door, Role
from accounts.queries import acts_for
from cancellations import bulk_queries
from cancellations.models import BulkCancellation, BulkCancellationLine
from cancellations.policy import Reason, Refusal
from orders.outcomes import Outcome, Result

from .cancelling import cancel
from .targets import CancelTarget

# So many at most in one go; so many are done while the page waits, more of them by a worker.
ORDERS_PER_BULK = 1000
ORDERS_AT_ONCE = 50
# One step is one transaction: short locks, and a progress that moves.
ORDERS_PER_STEP = 100


def start_bulk(*, seller_id: int, targets: Sequence[CancelTarget], by: Actor, now: datetime) -> BulkCancellation:
    """Keep which of the shop's orders a person wants cancelled, each once, with the version that was seen.

    Nothing is cancelled yet: `run_bulk` does it. A worker is asked to if there are more than ORDERS_AT_ONCE; if
    the broker is away, the timetable finds the bulk waiting.

    Raises ValueError if nobody starts it, or an order comes without its version.
    """
    if by.user_id is None:
        raise ValueError("a person starts a bulk")
    with transaction.atomic():
        bulk = BulkCancellation.objects.create(
            seller_id=seller_id, started_by_id=by.user_id, started_at=now, orders_in_all=len(targets)
        )
        BulkCancellationLine.objects.bulk_create(
            BulkCancellationLine(
                bulk=bulk,
                position=position,
                order_id=target.order_id,
                reason=target.reason,
                seller_memo=target.memo,
                expected_version=_version_seen(target),
            )
            for position, target in enumerate(targets)
        )
        if len(targets) > ORDERS_AT_ONCE:
            transaction.on_commit(lambda: enqueue_bulk(bulk.pk), robust=True)
    return bulk


def _version_seen(target: CancelTarget) -> int:
    if target.expected_version is None:
        raise ValueError("an order of a bulk comes with the version that was seen")
    return target.expected_version


def enqueue_bulk(bulk_id: int) -> None:
    """Ask a worker to run a bulk."""
    current_app.send_task("cancellations.tasks.run_bulk_cancellation", args=[bulk_id])


def run_bulk(*, bulk_id: int, clock: Callable[[], datetime]) -> None:
    """Cancel the orders of a bulk that have no answer yet, in the name of whoever started it.

    The answers are kept in the transaction that cancels, so a run that was killed goes on where it stopped and
    nothing is done twice. An order that cannot be cancelled, or was changed since it was looked at, gets its
    refusal; the others go on. If that person was taken out of the shop meanwhile, or may only look now, whatever
    is left is refused. Harmless beside itself, and when run again.
    """
    while _run_step(bulk_id, clock):
        pass


@transaction.atomic
def _run_step(bulk_id: int, clock: Callable[[], datetime]) -> bool:
    """Answer the next lines; say whether there is more to do here."""
    bulk = bulk_queries.lock_bulk(bulk_id)
    if bulk is None:
        return False
    lines = bulk_queries.lines_to_do(bulk, limit=ORDERS_PER_STEP)
    if acts_for(user_id=bulk.started_by_id, seller_id=bulk.seller_id):
        outcomes = _cancel(bulk, lines, clock())
    else:
        outcomes = [Outcome(line.order_id, Result.ERROR, Refusal.PERMISSION_DENIED) for line in lines]
    for line, outcome in zip(lines, outcomes, strict=True):
        line.result, line.code, line.counted = outcome.result, outcome.code, outcome.counted
    BulkCancellationLine.objects.bulk_update(lines, ["result", "code", "counted"])
    bulk.orders_done += len(lines)
    if bulk.orders_done == bulk.orders_in_all:
        bulk.state, bulk.finished_at = BulkCancellation.State.DONE, clock()
    bulk.save(update_fields=["orders_done", "state", "finished_at"])
    return bulk.state != BulkCancellation.State.DONE


def _cancel(bulk: BulkCancellation, lines: Sequence[BulkCancellationLine], now: datetime) -> list[Outcome]:
    return cancel(
        targets=[
            CancelTarget(
                line.order_id,
                Reason(line.reason),
                memo=line.seller_memo,
                expected_version=line.expected_version,
            )
            for line in lines
        ],
        by=Actor(Role.SELLER, Door.PAGE, bulk.started_by_id, bulk.started_by.name),
        now=now,
        unattended=True,
    )
