"""Days on which shops cannot send give open orders more time, each order once per closure (domain 21, B16)."""

from datetime import datetime, timedelta

from django.db import transaction

from accounts.actors import SWEEP
from cancellations import closure_queries, policy
from cancellations.models import Closure, ClosureGrant
from orders import queries as order_queries
from orders.actions import grant_days

# Half of the largest batch, as the sweep takes.
ORDERS_AT_ONCE = order_queries.ORDERS_PER_BATCH // 2


def apply_closures(*, now: datetime) -> int:
    """Give the orders that a closure reaches its days; return how many got them.

    Orders that came in since are found by the next run. Two runs at once share the work.
    """
    return sum(_apply(closure, now) for closure in closure_queries.closures_to_apply(order_queries.local_day(now)))


def _apply(closure: Closure, now: datetime) -> int:
    granted = 0
    closed = policy.Closed(closure.first_day, closure.last_day)
    while True:
        with transaction.atomic():
            locked = closure_queries.lock_reached(closure, limit=ORDERS_AT_ONCE)
            days = {
                order.pk: policy.days_granted(
                    closed,
                    ship_by=order.ship_by_date,
                    last_day=order_queries.local_day(order.auto_cancel_due_at - timedelta(microseconds=1)),
                )
                for order in locked.values()
                if order.ship_by_date and order.auto_cancel_due_at
            }
            ClosureGrant.objects.bulk_create(ClosureGrant(closure=closure, order_id=key) for key in days)
            grant_days(days=days, note=closure.reason_ja, by=SWEEP, now=now)
        granted += len(days)
        if not days:
            return granted
