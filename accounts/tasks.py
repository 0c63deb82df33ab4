"""Jobs of registered developers."""

from celery import shared_task
from django.utils import timezone

from . import tokens


@shared_task
def forget_tokens() -> int:
    """Drop tokens that ran out long ago."""
    return tokens.forget_tokens(now=timezone.now())
