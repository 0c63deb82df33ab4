"""Jobs about money."""

from celery import shared_task
from django.utils import timezone

from . import incoming


@shared_task
def place_unknown_notices() -> int:
    """Try again to place what providers told of money that nobody knew. Harmless beside itself, and late."""
    return incoming.place_unknown_notices(now=timezone.now())
