"""Making reports, ordering those of timetables, and forgetting old files."""

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from psycopg2.errors import QueryCanceled

from . import actions, queries


@shared_task(soft_time_limit=540, time_limit=600)
def make_report(report_id: int) -> None:
    """Make a report. Harmless beside itself; one that was interrupted is begun anew."""
    try:
        actions.make_report(report_id=report_id, clock=timezone.now)
    except (OperationalError, InterfaceError, OSError) as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise  # the database or the store: the next run tries again
        actions.give_up(report_id=report_id, now=timezone.now())
        raise
    except (Exception, SoftTimeLimitExceeded):
        actions.give_up(report_id=report_id, now=timezone.now())
        raise


@shared_task
def start_waiting_reports() -> int:
    """Enqueue reports that nobody has made: a message or a worker was lost, or one is at it and stays alone."""
    waiting = queries.unfinished_reports()
    for report_id in waiting:
        actions.enqueue(report_id)
    return len(waiting)


@shared_task
def order_scheduled_reports() -> int:
    """Order the reports of timetables that are due. Harmless beside itself, and late."""
    return actions.order_scheduled(now=timezone.now())


@shared_task
def forget_documents() -> int:
    """Take old files out of the store."""
    return actions.forget_documents(now=timezone.now())
