"""The automatic cancellation, started by Celery beat."""

from celery import shared_task
from django.utils import timezone

from . import actions, queries


# After a long outage there is much to do: longer limits than usual, still below the broker's visibility timeout.
@shared_task(soft_time_limit=540, time_limit=600)
def cancel_overdue_orders() -> int:
    """Cancel every order nobody confirmed in time, by the database's clock. Harmless beside itself, and late."""
    return actions.run_sweep(now=queries.database_now(), process_now=timezone.now()).cancelled
