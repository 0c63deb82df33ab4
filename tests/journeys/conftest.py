"""A stage for whole stories: worker and beat as real processes on a queue of their own, mail over real SMTP."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email import message_from_bytes, policy
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from aiosmtpd.controller import Controller
from django.conf import settings

from tests import processes
from tests.processes import Process

PERIOD_SECONDS = 2


class Sink(Controller):
    """An SMTP server that keeps what it is given; it can stand still in the middle of a mail."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []
        self.stands = threading.Event()
        self._stand_at: tuple[int, bool] | None = None
        self._go_on = asyncio.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        super().__init__(self, hostname="127.0.0.1", port=self._socket.getsockname()[1], ready_timeout=30)

    def _create_server(self):
        return self.loop.create_server(self._factory_invoker, sock=self._socket)

    def stand_still_at(self, number: int, *, stored: bool) -> None:
        """Give no answer to this mail, whether it was stored or not, until `go_on`."""
        self.stands.clear()
        self._go_on.clear()
        self._stand_at = (number, stored)

    def go_on(self) -> None:
        """Answer again."""
        self._stand_at = None
        self.loop.call_soon_threadsafe(self._go_on.set)

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802 - the server's name for it
        standing = self._stand_at and len(self.mails) + 1 == self._stand_at[0]
        if standing and not self._stand_at[1]:
            self.stands.set()
            await self._go_on.wait()
            return "451 try again"
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append((message["Message-ID"], message["To"].addresses[0].addr_spec))
        if standing:
            self.stands.set()
            await self._go_on.wait()
        return "250 kept"

    @property
    def copies(self) -> Counter[str]:
        """How often each mail arrived, by its Message-ID."""
        return Counter(message_id for message_id, _ in self.mails)


class Stage:
    """Starts workers and beats, takes Redis away, and looks at what is left of it."""

    def __init__(self, sink: Sink, folder: Path, stack: ExitStack) -> None:
        self.sink, self.folder, self.stack = sink, folder, stack
        self.name = f"journey-{uuid4().hex[:12]}"
        self.started = 0

    def environment(self, **more: str) -> dict[str, str]:
        """What every process of this stage is told."""
        return processes.environment_of_test(
            **{
                "REDIS_PREFIX": f"{self.name}:",
                "CELERY_QUEUE": self.name,
                "EMAIL_URL": f"smtp://127.0.0.1:{self.sink.port}",
                "SWEEP_SECONDS": str(PERIOD_SECONDS),
                "DELIVER_SECONDS": "1",
                **more,
            }
        )

    def start(self, command: list[str], *, says: str, **more: str) -> Process:
        """Start a process and wait until it is there."""
        self.started += 1
        output = self.folder / f"{self.started}.log"
        process = self.stack.enter_context(processes.running(command, output=output, env=self.environment(**more)))
        if says:
            process.wait_for(says)
        return process

    def worker(self) -> Process:
        """A worker on the stage's queue."""
        flags = ["-P", "solo", "-Q", self.name, "--without-gossip", "--without-mingle", "--loglevel=INFO"]
        return self.start(
            processes.celery("worker", "-n", f"{uuid4().hex}@stage", *flags),
            says="ready.",
            PORTAL_PROCESS="worker",
        )

    def beat(self) -> Process:
        """A beat with a memory of its own."""
        schedule = self.folder / f"schedule-{self.started}"
        return self.start(processes.beat_command(schedule), says="beat: Starting", PORTAL_PROCESS="command")

    def empty_redis(self) -> int:
        """Forget everything that stands in Redis under the stage's own name; return how many keys that were."""
        client = redis.Redis.from_url(settings.REDIS_URL)
        try:
            keys = list(client.scan_iter(f"{self.name}*", count=1000))
            return sum(client.delete(key) for key in keys)
        finally:
            client.close()

    def eventually(self, look: Callable, what: str):
        """Wait for it."""
        return processes.eventually(look, within=45, what=what)


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A mail server on loopback."""
    server = Sink()
    server.start()
    yield server
    server.go_on()
    server.stop()


@pytest.fixture
def stage(transactional_db, sink: Sink, tmp_path: Path, monkeypatch) -> Iterator[Stage]:
    """Processes of one story, ended with it. Only they deliver: this process nudges nobody."""
    monkeypatch.setattr("events.actions.nudge", lambda: None)
    with ExitStack() as stack:
        stage = Stage(sink, tmp_path, stack)
        try:
            yield stage
        finally:
            stack.close()
            stage.empty_redis()
