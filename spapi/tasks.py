"""Jobs of notifications."""

from celery import shared_task
from django.utils import timezone

from events.actions import nudge_pushes

from .pushing import push_due as push


@shared_task
def push_due() -> int:
    """Send messages that are due, for some seconds at most. Harmless beside itself and when run twice."""
    tried = push(clock=timezone.now)
    if tried:
        # What became due meanwhile is the next task's.
        nudge_pushes()
    return tried
