"""Tidying up of talks."""

from celery import shared_task
from django.utils import timezone

from . import actions


@shared_task
def forget_files() -> int:
    """Delete files that were added to messages nobody sent. Harmless beside itself, and late."""
    return actions.forget_files(now=timezone.now())
