"""Jobs of the outbox."""

from celery import shared_task
from django.utils import timezone

from . import actions

BATCH = 50


@shared_task
def deliver_due() -> int:
    """Tell whoever is due until nobody is. Harmless beside itself and when run twice."""
    total = 0
    while claimed := actions.deliver_due(clock=timezone.now, limit=BATCH):
        total += claimed
    return total


@shared_task
def forget_old_keys() -> int:
    """Drop idempotency keys nobody can repeat any more."""
    return actions.forget_old_keys(now=timezone.now())
