"""What all tests share: the servers' names in the first lines, transactions that nothing leaves, a browser,
a console that must stay empty, and a real Celery worker."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from celery.app.task import Task
from django.apps import apps
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.test import TransactionTestCase

from sellercentral.celery import app
from tests import processes


def pytest_sessionstart(session: pytest.Session) -> None:
    """Say which servers this run uses, however quiet it is told to be: never a silent choice."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and not hasattr(session.config, "workerinput"):
        reporter.write_line(f"servers: {os.environ.get('PORTAL_TEST_SERVERS', 'none')}")


def pytest_sessionfinish() -> None:
    """Remove what this process left in a Redis that others may use, too."""
    client = redis.Redis.from_url(settings.REDIS_URL, **settings.REDIS_CLIENT_OPTIONS)
    try:
        for key in client.scan_iter(f"{settings.REDIS_PREFIX}*", count=1000):
            client.delete(key)
    except redis.RedisError:
        pass  # a test may have taken it away for good
    finally:
        client.close()


# --- rows that migrations write -----------------------------------------------------------------------------


# Tables that refuse to lose rows, and the triggers by which they do: one by one, and all at once.
REFUSE = {
    "events_event": ("history_is_append_only", "history_is_not_emptied"),
    "events_auditentry": ("audit_is_append_only", "audit_is_not_emptied"),
}
# What Django itself writes with the migrations.
OF_DJANGO = {"django_migrations", "django_content_type", "auth_permission"}
# Rows that are deleted leave their room behind; larger tables are emptied whole, which takes longer.
LARGE = 256 * 1024


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Empty the tables after tests that really commit by deleting rows, and bring back what migrations have written.

    Django would empty all of them and tell each application so, which takes longer than most of these tests. The
    database refuses to empty history and audit; a test of its own shows that.
    """
    with django_db_blocker.unblock():
        tables = [name for name in connection.introspection.django_table_names() if name not in OF_DJANGO]
        models = [model for model in apps.get_models() if model._meta.db_table in tables]
        written = {model: rows for model in models if (rows := list(model._base_manager.all()))}
    filled = " UNION ALL ".join(
        f"SELECT '{name}', pg_relation_size('{name}') WHERE EXISTS (SELECT FROM {name})"  # noqa: S608 - our own names
        for name in tables
    )

    def empty(_: TransactionTestCase) -> None:
        triggers = [(table, trigger) for table, both in REFUSE.items() for trigger in both]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(filled)
            sizes = dict(cursor.fetchall())
            for table, trigger in triggers:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
            if large := [table for table, size in sizes.items() if size > LARGE]:
                cursor.execute(f"TRUNCATE {', '.join(large)} CASCADE")
            for table in sizes:
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table, trigger in triggers:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")
            for model, rows in written.items():
                model._base_manager.bulk_create(rows)

    TransactionTestCase._fixture_teardown = empty


@pytest.fixture(scope="module")
def rows_of_module(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Let a module's tests share what one of their fixtures has written; it is taken back after the last of them."""
    of_tests = transaction.atomic()
    of_tests._from_testcase = True  # as Django marks the one of each test
    with django_db_blocker.unblock(), of_tests:
        yield
        transaction.set_rollback(True)


# --- transactions -------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def nothing_leaves_inside_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse mail, HTTP and broker messages while a transaction is open: a rollback could not take them back.

    The transaction that a test itself is wrapped in does not count.
    """

    def guarded(owner: type, name: str) -> None:
        original = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if any(not block._from_testcase for block in connection.atomic_blocks):
                raise AssertionError(f"{owner.__name__}.{name} inside a transaction")
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    guarded(EmailMessage, "send")
    guarded(Task, "apply_async")
    guarded(Celery, "send_task")
    guarded(HTTPConnection, "connect")


# --- browser ------------------------------------------------------------------------------------------------

# Chromium heeds the last such list only: what Playwright leaves out and matters here, then the menus of the address
# bar, which else are drawn anew for every window and cost half a second each.
LEFT_OUT = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "MediaRouter",
    "OptimizationHints",
    "PaintHolding",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxPopup",
)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the machine's Chromium, quiet on the network; root has no sandbox to offer."""
    arguments = [
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--disable-features={','.join(LEFT_OUT)}",
    ]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    chosen = {**browser_type_launch_args, "args": arguments}
    if browser := os.environ.get("CHROMIUM"):
        chosen["executable_path"] = browser
    return chosen


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """Look at pages as a reader in Japan does."""
    return {**browser_context_args, "locale": "ja-JP", "timezone_id": "Asia/Tokyo"}


def _failure(request: Any) -> list[str]:
    """A request that failed; not one that the browser dropped because its page was left meanwhile."""
    return [] if request.failure == "net::ERR_ABORTED" else [f"failed: {request.url} {request.failure}"]


@pytest.fixture
def console() -> Iterator[Callable[[Any], Any]]:
    """Watch pages: `console(page)`. At the end of the test none may have logged a word or raised an error."""
    said: list[str] = []

    def watch(page: Any) -> Any:
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("requestfailed", lambda request: said.extend(_failure(request)))
        return page

    yield watch
    assert said == []


# --- background work ----------------------------------------------------------------------------------------


@pytest.fixture
def celery_worker(transactional_db: None, tmp_path: Path) -> Iterator[processes.Process]:
    """Run a real worker on this process's own queue and database, for one test.

    It ends before the database is emptied for the next one: both would wait for each other's locks.
    """
    app.control.purge()  # what earlier tests sent, about rows that are gone
    env = processes.environment_of_test(PORTAL_PROCESS="worker")
    with processes.running(processes.worker_command(), output=tmp_path / "worker.log", env=env) as worker:
        worker.wait_for("ready.")
        yield worker


@pytest.fixture
def celery_beat(celery_worker: processes.Process, tmp_path: Path) -> Iterator[processes.Process]:
    """Run a real beat that ticks every second, beside the worker."""
    env = processes.environment_of_test(PORTAL_PROCESS="command", SWEEP_SECONDS="1", DELIVER_SECONDS="1")
    command = processes.beat_command(tmp_path / "schedule")
    with processes.running(command, output=tmp_path / "beat.log", env=env) as beat:
        beat.wait_for("beat: Starting")
        yield beat
