"""The automatic cancellation, its warnings, reminders of requests; cancellations of many orders in one go."""

from celery import shared_task
from django.utils import timezone

from . import actions, bulk_queries, queries


# After a long outage there is much to do: longer limits than usual, still below the broker's visibility timeout.
@shared_task(soft_time_limit=540, time_limit=600)
def cancel_overdue_orders() -> int:
    """Cancel every order nobody confirmed in time, by the database's clock. Harmless beside itself, and late."""
    return actions.run_sweep(now=queries.database_now(), process_now=timezone.now()).cancelled


@shared_task(soft_time_limit=540, time_limit=600)
def warn_of_late_orders() -> int:
    """Warn shops of orders that will be cancelled automatically. Harmless beside itself, and late."""
    return actions.warn_late(now=queries.database_now())


@shared_task(soft_time_limit=540, time_limit=600)
def apply_closures() -> int:
    """Give orders the days of the closures that reach them. Harmless beside itself, and late."""
    return actions.apply_closures(now=queries.database_now())


@shared_task
def remind_of_requests() -> int:
    """Remind shops of requests that wait for an answer. Harmless beside itself, and late."""
    now = queries.database_now()
    actions.approve_unanswered(now=now)  # nobody is asked to answer what approves itself
    return actions.remind_of_requests(now=now)


@shared_task(soft_time_limit=540, time_limit=600)
def approve_unanswered_requests() -> int:
    """Approve requests that nobody answered in time, where the policy says so. Harmless beside itself, and late."""
    return actions.approve_unanswered(now=queries.database_now())


@shared_task
def run_bulk_cancellation(bulk_id: int) -> None:
    """Cancel the orders of a bulk. Harmless beside itself; goes on where an interrupted run stopped."""
    actions.run_bulk(bulk_id=bulk_id, clock=timezone.now)


@shared_task
def start_waiting_bulk_cancellations() -> int:
    """Enqueue bulks that are not done: a message or a worker was lost, or one is at it just now and stays alone."""
    waiting = bulk_queries.waiting_bulks()
    for bulk_id in waiting:
        actions.enqueue_bulk(bulk_id)
    return len(waiting)
