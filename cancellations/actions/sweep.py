"""The automatic cancellation of orders that nobody confirmed in time (domain 10)."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction

from accounts.actors import SWEEP
from cancellations import queries
from cancellations.models import SweepRun
from cancellations.policy import Reason
from orders import queries as order_queries
from orders.outcomes import Outcome, Result

from .cancelling import cancel, cancel_locked
from .targets import CancelTarget

logger = logging.getLogger(__name__)


# A worker whose clock is further off the database's than this cancels nothing (reliability F-81).
GREATEST_SKEW = timedelta(seconds=60)
# Half of the largest batch: the orders of one are locked for well below a second, also on a busy machine.
ORDERS_AT_ONCE = order_queries.ORDERS_PER_BATCH // 2


def cancel_overdue(*, now: datetime, limit: int = ORDERS_AT_ONCE, leave_out: Sequence[int] = ()) -> list[Outcome]:
    """Cancel up to `limit` of the longest overdue orders in one short transaction; none left → an empty list.

    Orders that somebody else holds are skipped, so two sweeps share the work and never meet. The conditions are
    asked again under the lock. `leave_out` names orders that failed before in this run.
    """
    rules = queries.rules_at(now)
    picked: list[int] = []
    try:
        with transaction.atomic():
            locked = order_queries.lock_overdue(now=now, limit=limit, leave_out=leave_out)
            picked = list(locked)
            return cancel_locked(_overdue_targets(picked), locked, rules, SWEEP, now)
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        raise
    except Exception:  # noqa: BLE001 - whatever one order raises, it must not stop the others
        # It cannot be judged or written: halving finds it, the rest are done.
        return cancel(targets=_overdue_targets(picked), by=SWEEP, now=now, unattended=True)


def _overdue_targets(order_ids: Sequence[int]) -> list[CancelTarget]:
    return [CancelTarget(order_id, Reason.AUTO_NOT_CONFIRMED) for order_id in order_ids]


def run_sweep(*, now: datetime, process_now: datetime | None = None) -> SweepRun:
    """Cancel everything overdue at `now`, batch by batch, and keep how it went.

    `process_now` is the caller's own clock; if it is off the database's by over a minute, nothing is cancelled.
    """
    oldest = order_queries.overdue(now).first()
    run = SweepRun.objects.create(started_at=now, oldest_due_at=oldest.auto_cancel_due_at if oldest else None)
    if process_now is not None and abs(process_now - now) > GREATEST_SKEW:
        run.refusal = f"clock skew of {abs(process_now - now)}"
        logger.error("The sweep cancels nothing: %s", run.refusal)
    else:
        failed: list[int] = []
        while outcomes := cancel_overdue(now=now, leave_out=failed):
            run.cancelled += sum(one.result == Result.DONE for one in outcomes)
            failed += [one.order_id for one in outcomes if one.result == Result.ERROR]
        run.failed = len(failed)
    run.finished_at = now + (queries.database_now() - now if process_now else timedelta(0))
    run.save(update_fields=["cancelled", "failed", "refusal", "finished_at"])
    return run
