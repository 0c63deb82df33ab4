"""Jobs of the outbox."""

import time

from celery import shared_task
from django.utils import timezone

from . import actions, idempotency

BATCH = 50
# Well below the task's time limit; what is left then is the next task's.
SECONDS_PER_TASK = 20.0


@shared_task
def deliver_due() -> int:
    """Tell whoever is due, for some seconds at most. Harmless beside itself and when run twice."""
    total, began = 0, time.monotonic()
    while claimed := actions.deliver_due(clock=timezone.now, limit=BATCH):
        total += claimed
        if time.monotonic() - began > SECONDS_PER_TASK:
            actions.nudge()
            break
    return total


@shared_task
def forget_old_keys() -> int:
    """Drop idempotency keys nobody can repeat any more."""
    return idempotency.forget_old_keys(now=timezone.now())
