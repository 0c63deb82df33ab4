"""A real worker and a real beat do what the timetable says."""

import re

import pytest

from sellercentral.celery import app
from tests.processes import eventually

SWEEPS = {
    "cancellations.tasks.cancel_overdue_orders": "SWEEP_SECONDS",
    "events.tasks.deliver_due": "DELIVER_SECONDS",
}


@pytest.mark.parametrize(("task", "period"), SWEEPS.items())
def test_sweeps_are_on_the_timetable(settings, task, period):
    (entry,) = (entry for entry in app.conf.beat_schedule.values() if entry["task"] == task)
    assert entry["schedule"] == getattr(settings, period)


def test_late_ticks_do_not_queue_up():
    assert [name for name, entry in app.conf.beat_schedule.items() if not entry["options"]["expires"]] == []


def test_every_task_of_the_timetable_exists():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)


def test_beat_ticks_and_the_worker_works(celery_worker, celery_beat):
    def done():
        said = celery_worker.said()
        return all(re.search(rf"Task {task}\[[^]]+\] succeeded", said) for task in SWEEPS)

    eventually(done, what="both sweeps run by the worker")
    assert "Traceback" not in celery_worker.said()
