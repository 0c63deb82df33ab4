"""Jobs of the import: uploaded order files, taken over by a worker."""

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone

from . import imports

# A million lines take minutes. Still shorter than the broker waits before it hands the task out again.
SOFT_LIMIT, HARD_LIMIT = 780, 840


@shared_task(soft_time_limit=SOFT_LIMIT, time_limit=HARD_LIMIT)
def import_file(import_id: int) -> None:
    """Take over one uploaded file. Harmless beside itself; goes on where an interrupted run stopped."""
    try:
        imports.run_uploaded(import_id=import_id, clock=timezone.now)
    except SoftTimeLimitExceeded:
        imports.enqueue(import_id)


@shared_task
def start_waiting_imports() -> int:
    """Enqueue uploaded files that nobody works at, because a message or a worker was lost."""
    waiting = imports.waiting_imports()
    for import_id in waiting:
        imports.enqueue(import_id)
    return len(waiting)
