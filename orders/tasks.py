"""Jobs of the import: uploaded order files, taken over by a worker."""

import logging

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError
from django.utils import timezone

from . import imports

logger = logging.getLogger(__name__)

# A million lines take minutes. Still shorter than the broker waits before it hands the task out again.
SOFT_LIMIT, HARD_LIMIT = 780, 840


@shared_task(soft_time_limit=SOFT_LIMIT, time_limit=HARD_LIMIT)
def import_file(import_id: int) -> None:
    """Take over one uploaded file. Harmless beside itself; goes on where an interrupted run stopped."""
    try:
        imports.run_uploaded(import_id=import_id, clock=timezone.now)
    except SoftTimeLimitExceeded:
        imports.enqueue(import_id)
    except OperationalError:
        logger.warning("The database stopped import %s; the timetable begins it again", import_id, exc_info=True)
    except Exception:
        # Whatever else it is would be the same next time.
        logger.exception("Import %s failed", import_id)
        imports.give_up(import_id=import_id, clock=timezone.now)


@shared_task
def start_waiting_imports() -> int:
    """Enqueue uploaded files that nobody works at, because a message or a worker was lost."""
    waiting = imports.waiting_imports()
    for import_id in waiting:
        imports.enqueue(import_id)
    return len(waiting)
