"""Requests that nobody answers: reminders, and what the policy does once the answer is due (domain 8)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Case, F, Value, When

from accounts.actors import SWEEP
from cancellations import queries, warning_queries
from cancellations.models import CancellationRequest
from events.actions import Entry, record
from orders import queries as order_queries
from orders.outcomes import Outcome, Result

from .cancelling import cancel, cancel_locked
from .targets import CancelTarget, approval_of

# A digest is one transaction; whatever more there is is told in the next one.
REQUESTS_AT_ONCE = 10_000
# Half of the largest batch, as the sweep's.
REQUESTS_PER_BATCH = order_queries.ORDERS_PER_BATCH // 2


def remind_of_requests(*, now: datetime) -> int:
    """Remind shops of requests that nobody answered, at half of the time and when the answer is due (domain 8).

    One digest per shop (M-14). Two runs at once share the work. Returns how many requests were told of.
    """
    told = 0
    while reminded := _remind(now):
        told += reminded
    return told


def _remind(now: datetime) -> int:
    with transaction.atomic():
        due = warning_queries.lock_requests_to_remind_of(now=now, limit=REQUESTS_AT_ONCE)
        by_shop: dict[int, list[int]] = defaultdict(list)
        for request_id, seller_id in due:
            by_shop[seller_id].append(request_id)
        CancellationRequest.objects.filter(pk__in=[request_id for request_id, _ in due]).update(
            remind_at=Case(When(response_due_at__gt=now, then=F("response_due_at")), default=Value(None))
        )
        record(
            [
                Entry(
                    "cancellation.unanswered",
                    subject=f"seller:{seller_id}",
                    payload={"requests": request_ids},
                    seller_id=seller_id,
                    may_silence="M-14",
                )
                for seller_id, request_ids in by_shop.items()
            ],
            by=SWEEP,
            now=now,
        )
    return len(due)


def approve_unanswered(*, now: datetime) -> int:
    """Approve the requests whose answer fell due while the policy approved such requests (domain 8, 17).

    Each is cancelled as the shop's approval would be and never counts; the hand is the system's. Whoever answered
    first wins. A request that cannot be approved, for its order is on hold or changes just now, stays open for the
    next run. Returns how many were approved.
    """
    approved = 0
    for period in queries.periods_of_automatic_approval(until=now):
        after: tuple[datetime, int] | None = None
        while overdue := queries.overdue_requests(period, after=after, limit=REQUESTS_PER_BATCH):
            outcomes = _approve([approval_of(request) for request in overdue], now)
            approved += sum(one.result == Result.DONE for one in outcomes)
            after = (overdue[-1].response_due_at, overdue[-1].pk)
    return approved


def _approve(targets: Sequence[CancelTarget], now: datetime) -> list[Outcome]:
    """Cancel what these ask for; orders that somebody else holds are passed by."""
    rules = queries.rules_at(now)
    try:
        with transaction.atomic():
            locked = order_queries.lock_orders((target.order_id for target in targets), skip_locked=True)
            free = [target for target in targets if target.order_id in locked]
            return cancel_locked(free, locked, rules, SWEEP, now)
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        raise
    except Exception:  # noqa: BLE001 - whatever one order raises, it must not stop the others
        return cancel(targets=targets, by=SWEEP, now=now, unattended=True)
