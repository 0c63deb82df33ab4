"""The Celery application and its timetable.

A message is only a hint: all work to do is rows in PostgreSQL, and the sweeps below find it by query.
"""

import os

from celery import Celery
from celery.schedules import crontab
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sellercentral.settings")
os.environ.setdefault("PORTAL_PROCESS", "worker")

app = Celery("sellercentral")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# A tick that could not start before the next one is due is dropped: late ticks must not queue up.
app.conf.beat_schedule = {
    "cancel-overdue-orders": {
        "task": "cancellations.tasks.cancel_overdue_orders",
        "schedule": settings.SWEEP_SECONDS,
        "options": {"expires": settings.SWEEP_SECONDS},
    },
    "apply-closures": {
        "task": "cancellations.tasks.apply_closures",
        "schedule": 60,
        "options": {"expires": 60},
    },
    # Warnings begin at nine o'clock; whichever run comes first after it tells them.
    "warn-of-late-orders": {
        "task": "cancellations.tasks.warn_of_late_orders",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 300},
    },
    # A shop gets one digest per run: seldom enough not to be a nuisance.
    "remind-of-requests": {
        "task": "cancellations.tasks.remind_of_requests",
        "schedule": crontab(minute="*/15"),
        "options": {"expires": 900},
    },
    "approve-unanswered-requests": {
        "task": "cancellations.tasks.approve_unanswered_requests",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "deliver-due": {
        "task": "events.tasks.deliver_due",
        "schedule": settings.DELIVER_SECONDS,
        "options": {"expires": settings.DELIVER_SECONDS},
    },
    "push-due": {
        "task": "spapi.tasks.push_due",
        "schedule": settings.DELIVER_SECONDS,
        "options": {"expires": settings.DELIVER_SECONDS},
    },
    "start-waiting-imports": {
        "task": "orders.tasks.start_waiting_imports",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "start-waiting-bulk-cancellations": {
        "task": "cancellations.tasks.start_waiting_bulk_cancellations",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "start-waiting-feeds": {
        "task": "feeds.tasks.start_waiting_feeds",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "start-waiting-reports": {
        "task": "reports.tasks.start_waiting_reports",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "order-scheduled-reports": {
        "task": "reports.tasks.order_scheduled_reports",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "forget-feeds": {
        "task": "feeds.tasks.forget_documents",
        "schedule": crontab(minute="40"),
        "options": {"expires": 3600},
    },
    "forget-reports": {
        "task": "reports.tasks.forget_documents",
        "schedule": crontab(minute="45"),
        "options": {"expires": 3600},
    },
    # Every hour, so that a day whose first run was missed is made up for soon; a second run finds nothing to do.
    "take-snapshots": {
        "task": "metrics.tasks.take_snapshots",
        "schedule": crontab(minute=10),
        "options": {"expires": 3600},
    },
    "look-at-states": {
        "task": "metrics.tasks.look_at_states",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "place-unknown-notices": {
        "task": "payments.tasks.place_unknown_notices",
        "schedule": 300,
        "options": {"expires": 300},
    },
    "forget-old-keys": {
        "task": "events.tasks.forget_old_keys",
        "schedule": crontab(hour=4, minute=10),
        "options": {"expires": 3600},
    },
    "forget-tokens": {
        "task": "accounts.tasks.forget_tokens",
        "schedule": crontab(minute=50),
        "options": {"expires": 3600},
    },
    "forget-files": {
        "task": "messaging.tasks.forget_files",
        "schedule": crontab(hour=4, minute=20),
        "options": {"expires": 3600},
    },
}


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Log as the settings say; Celery sets up its own logging only where nobody answers this signal."""
    from logging.config import dictConfig

    dictConfig(settings.LOGGING)
