"""Carrying out feeds, and forgetting their files."""

import logging

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from . import actions, queries

logger = logging.getLogger(__name__)


@shared_task(soft_time_limit=540, time_limit=600)
def run_feeds_of(seller_id: int) -> None:
    """Carry out a shop's feeds. Harmless beside itself; goes on where an interrupted run stopped."""
    try:
        actions.run_feeds(seller_id=seller_id, clock=timezone.now)
    except (OperationalError, InterfaceError, OSError, SoftTimeLimitExceeded):
        raise  # the database, the store or the time: the next run goes on
    except Exception:
        actions.give_up(seller_id=seller_id, clock=timezone.now)
        raise


@shared_task
def start_waiting_feeds() -> int:
    """Enqueue shops whose feeds wait: a message or a worker was lost, or one is at it just now and stays alone."""
    waiting = queries.shops_with_feeds_to_do()
    for seller_id in waiting:
        actions.enqueue(seller_id)
    return len(waiting)


@shared_task
def forget_documents() -> int:
    """Take old files out of the store."""
    return actions.forget_documents(now=timezone.now())
