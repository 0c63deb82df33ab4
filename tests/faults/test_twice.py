"""Whatever runs in the background bears being run twice: the second time changes no row (reliability M5)."""

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts.actors import Actor, Door, Role
from cancellations.policy import Reason
from events.actions import once, subscriptions
from events.models import Delivery
from orders import imports
from sellercentral.celery import app
from tests.books import checksums
from tests.cast import Cast, lines_of
from tests.orders.order_files import SECOND, unshipped

# Tasks of rooms that nobody imported so far are found as a worker finds them.
app.loader.import_default_modules()
OURS = ("accounts", "events", "orders", "payments", "cancellations", "shipments", "sellercentral")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch, settings, tmp_path):
    """No broker, and a folder of its own for uploads."""
    monkeypatch.setattr("events.actions.nudge", lambda: None)
    monkeypatch.setattr("orders.imports.enqueue", lambda _import_id: None)
    settings.VAR_DIR = tmp_path


def a_story(cast: Cast) -> None:
    """Orders that bring about every event that anybody listens to."""
    now = timezone.now()
    early = now - timedelta(hours=2)
    for ending in ("withdraw", "decline"):
        order = cast.order(2, placed_at=early)
        cast.request(order, now=early + timedelta(minutes=30))
        getattr(cast, ending)(order, now=early + timedelta(hours=1))
    cast.cancel(cast.order(2, placed_at=early), now=now)
    cast.order(2, placed_at=early, verified=False)
    partly = cast.order(3, placed_at=early)
    cast.confirm(partly, {lines_of(partly)[0]: 1}, now=early + timedelta(hours=1))
    cast.cancel(partly, Reason.NO_INVENTORY, {lines_of(partly)[0]: 1}, now=now)
    cast.order(2, placed_at=now - timedelta(days=40))


def an_upload(cast: Cast) -> int:
    """An uploaded order file that nobody took over yet."""
    by = Actor(Role.MARKETPLACE, Door.IMPORT, None, "")
    file = io.BytesIO(unshipped({}, SECOND))
    return imports.start_import(
        seller=cast.shop, file_name="orders.txt", content=file, by=by, now=timezone.now()
    ).pk


def nothing(cast: Cast) -> tuple:
    """A task without arguments, with a story to work on."""
    a_story(cast)
    once(owner="user:1", key="old", content=[], now=timezone.now() - timedelta(days=2), act=lambda: {"a": 1})
    return ()


TASKS: dict[str, Callable[[Cast], tuple]] = {
    "cancellations.tasks.cancel_overdue_orders": nothing,
    "events.tasks.deliver_due": nothing,
    "events.tasks.forget_old_keys": nothing,
    "orders.tasks.start_waiting_imports": lambda cast: (an_upload(cast), ())[1],
    "orders.tasks.import_file": lambda cast: (an_upload(cast),),
}
# A sweep notes each of its runs: how it went, also when there was nothing to do.
NOTES_ITS_RUNS = {"cancellations.tasks.cancel_overdue_orders": {"cancellations_sweeprun"}}


def changed_since(before: dict[str, str]) -> set[str]:
    """The tables that differ now."""
    return {table for table, value in checksums().items() if before[table] != value}


def test_every_task_of_ours_is_run_twice_here():
    assert set(TASKS) == {name for name in app.tasks if name.startswith(OURS)}


@pytest.mark.parametrize("name", TASKS)
def test_m5_a_task_that_comes_twice_changes_nothing_the_second_time(cast: Cast, name: str):
    arguments = TASKS[name](cast)
    before = checksums()
    app.tasks[name](*arguments)
    assert changed_since(before) or name == "orders.tasks.start_waiting_imports", "the first run does its work"
    between = checksums()
    app.tasks[name](*arguments)
    assert changed_since(between) <= NOTES_ITS_RUNS.get(name, set())


def test_m5_every_listener_that_is_called_twice_changes_nothing_the_second_time(cast: Cast, mailoutbox):
    """Called again by a worker that died before it could mark the delivery as done."""
    a_story(cast)
    tasks = app.tasks
    while tasks["events.tasks.deliver_due"]():
        pass
    deliveries = list(Delivery.objects.select_related("event__order", "recipient").order_by("pk"))
    assert {delivery.state for delivery in deliveries} == {Delivery.State.DELIVERED}
    before, sent = checksums(), len(mailoutbox)
    called = set()
    for delivery in deliveries:
        listener = subscriptions()[delivery.event.name][delivery.listener]
        import_string(listener.path)(delivery, now=timezone.now())
        called.add((delivery.event.name, delivery.listener))
        assert changed_since(before) == set(), delivery.key
    assert len(mailoutbox) == sent
    assert called == {(event, name) for event, listeners in subscriptions().items() for name in listeners}
