"""Real processes for tests: the portal's own commands, run against the test's database, ended for certain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any, TypeVar
from urllib.parse import quote

from sellercentral.bootstrap import ROOT

# A machine under load may be slow; a test waits for what it wants to see, never for a fixed time.
PATIENCE_SECONDS = 60

SET_BY_THE_RUN = (
    "CELERY_QUEUE",
    "DATABASE_URL",
    "DEMO",
    "DJANGO_ALLOW_ASYNC_UNSAFE",
    "DJANGO_SETTINGS_MODULE",
    "REDIS_PREFIX",
    "REDIS_URL",
    "SECRET_KEY",
)

T = TypeVar("T")


def eventually(look: Callable[[], T], *, within: float = PATIENCE_SECONDS, what: str = "") -> T:
    """Ask again until `look` returns something true; return that."""
    deadline = time.monotonic() + within
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what or look}; last seen: {seen!r}")
        Event().wait(0.05)
    return seen


def database_url(settings: Mapping[str, Any]) -> str:
    """Spell Django's settings of a database as DATABASE_URL."""
    user, password = quote(settings["USER"] or ""), quote(settings["PASSWORD"] or "", safe="")
    where = f"host={quote(settings['HOST'] or '', safe='')}&port={settings['PORT'] or ''}".removesuffix("&port=")
    return f"postgresql://{user}{':' + password if password else ''}@/{settings['NAME']}?{where}"


def environment_of_test(**more: str) -> dict[str, str]:
    """Return the environment for a process that shall see what the test sees: its database, its queue."""
    from django.db import connection

    return {
        **os.environ,
        "PORTAL_TEST_CHILD": "on",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(connection.settings_dict),
        "LOG_LEVEL": "INFO",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def environment_of_stranger(**more: str) -> dict[str, str]:
    """Return the environment of somebody who has just cloned the project: nothing of this run is set."""
    strange = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    for name in SET_BY_THE_RUN:
        strange.pop(name, None)
    return {**strange, "PORTAL_ENV_FILE": os.devnull, "PYTHONUNBUFFERED": "1", **more}


class Process:
    """One running command in a group of its own, with its output in a file."""

    def __init__(self, command: Sequence[str], *, output: Path, env: Mapping[str, str], cwd: Path = ROOT) -> None:
        """Start it."""
        self.output = output
        with output.open("ab") as log:
            self.popen = subprocess.Popen(
                command,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Return the process's number."""
        return self.popen.pid

    def said(self) -> str:
        """Return everything that it has printed so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str, *, within: float = PATIENCE_SECONDS) -> None:
        """Wait until it prints `text`; its early end is an error."""

        def seen() -> bool:
            return text in self.said() or self.popen.poll() is not None

        eventually(seen, within=within, what=f"{text!r} in the output:\n{self.said()[-3000:]}")
        assert text in self.said(), f"ended with {self.popen.returncode}:\n{self.said()[-3000:]}"

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self.popen.send_signal(number)

    def end(self, *, within: float = 30) -> int:
        """Ask it to stop; return its exit status."""
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            return self.popen.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop within {within} s:\n{self.said()[-3000:]}") from None

    def kill(self) -> None:
        """Kill it and all of its group, as a crash of the machine would."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def finish(self) -> None:
        """End it in whichever way works: orderly, so that it clears up after itself, else by force."""
        if self.popen.poll() is None:
            self.popen.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.popen.wait(10)
        self.kill()


@contextmanager
def running(
    command: Sequence[str], *, output: Path, env: Mapping[str, str], cwd: Path = ROOT
) -> Iterator[Process]:
    """Run a command for the length of the block."""
    process = Process(command, output=output, env=env, cwd=cwd)
    try:
        yield process
    finally:
        process.finish()


def celery(*arguments: str) -> list[str]:
    """Return the command line of a Celery program of ours."""
    return [sys.executable, "-m", "celery", "-A", "sellercentral.celery", *arguments]


def worker_command(*, pool: str = "solo", concurrency: int = 1) -> list[str]:
    """Return the command of a worker on the test's own queue."""
    flags = ["--without-gossip", "--without-mingle", "--loglevel=INFO"]
    return celery("worker", "-P", pool, "-c", str(concurrency), "-Q", os.environ["CELERY_QUEUE"], *flags)


def beat_command(schedule: Path) -> list[str]:
    """Return the command of a beat with its memory in `schedule`."""
    return celery("beat", "--pidfile=", f"--schedule={schedule}", "--loglevel=INFO")


def children_of(pid: int) -> set[int]:
    """Return all descendants of a process."""
    found: set[int] = set()
    parents = {pid}
    listing = parents_now()
    while parents := {child for child, parent in listing.items() if parent in parents} - found:
        found |= parents
    return found


def alive(pids: set[int]) -> set[int]:
    """Return those that still run; zombies do not."""
    return {pid for pid in pids if pid in parents_now()}


def parents_now() -> dict[int, int]:
    """Return every running process with its parent."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if after_name[0] != "Z":
            found[int(stat.parent.name)] = int(after_name[1])
    return found
