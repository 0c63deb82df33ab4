"""Daily snapshots of all rates, and looks at their states."""

from celery import shared_task
from django.utils import timezone

from . import actions


@shared_task(soft_time_limit=540, time_limit=600)
def take_snapshots() -> int:
    """Keep the rates of the days that are over; their shops are looked at next. Harmless beside itself, and late."""
    return actions.take_missing_snapshots(now=timezone.now())


@shared_task
def look_at_states() -> int:
    """Tell shops whose state got worse, of those that were named. Harmless beside itself, and late."""
    return actions.look_at_states(now=timezone.now())
