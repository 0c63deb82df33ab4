"""Who runs the embedded servers and who may use them, decided by two file locks that the kernel drops.

`services.lock` is held by the owner as long as its servers run. `services.users` is held, shared, by each
command that borrows them; an owner that is only a command waits for these before it stops the servers.
`services.json` says where the servers are. It is believed only while the owner's lock is held.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from sellercentral.services.embedded import Embedded
from sellercentral.services.servers import ServiceError, clear_up_postgres, clear_up_valkey

WAIT_SECONDS = 60

# A lock lasts as long as its file is open; these are open until the process ends.
_locks_of_this_process: list[IO[str]] = []


@dataclass(frozen=True)
class Running:
    """What an owner tells the others."""

    pid: int
    portal: str  # the address it serves, or nothing if the owner is some other command
    database_url: str
    redis_url: str


class Held(ServiceError):
    """Another process owns the servers and will not be done soon."""

    def __init__(self, running: Running | None) -> None:
        """Say who, as far as that is known."""
        self.running = running
        if running and running.portal:
            text = f"the portal runs already, at {running.portal} (process {running.pid})."
        else:
            who = f"process {running.pid}" if running else "another process"
            text = f"{who} is using the embedded servers; end it and run this command again."
        super().__init__(text)


class Household:
    """The embedded servers of one `var/` folder."""

    def __init__(self, home: Path) -> None:
        """Look at `home`; nothing is made yet."""
        self.home = home
        self.state = home / "services.json"

    def borrow_or_own(self, wanted: set[str]) -> None:
        """Use the running servers, or start and own them until this process ends."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if self._take_ownership():
                self._start(wanted, portal="")
                return
            if self._borrow(wanted):
                return
            time.sleep(0.05)
        raise Held(self._read())

    def own(self, wanted: set[str], *, as_portal_at: str) -> Embedded:
        """Start and own the servers; wait for a passing command to be done with them."""
        started = time.monotonic()
        told = False
        while not self._take_ownership():
            running = self._read()
            if (running and running.portal) or time.monotonic() - started > WAIT_SECONDS:
                raise Held(running)
            if not told and time.monotonic() - started > 1:
                _tell("waiting for another manage.py command to end")
                told = True
            time.sleep(0.05)
        return self._start(wanted, portal=as_portal_at)

    def look(self, wanted: set[str]) -> None:
        """Use the servers if they run. Nothing is started, nothing is held."""
        if self.state.exists() and not self._is_free() and (running := self._read()):
            _fill_environment(running, wanted)

    # --- owning ---

    def _take_ownership(self) -> bool:
        import fcntl

        try:
            self.home.mkdir(parents=True, exist_ok=True)
            lock = (self.home / "services.lock").open("a")
        except PermissionError:
            raise ServiceError(f"{self.home} belongs to another user; run this command as that user.") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        _locks_of_this_process.append(lock)
        return True

    def _is_free(self) -> bool:
        import fcntl

        try:
            with (self.home / "services.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a folder of somebody else: nothing there is ours to use
            return True
        return True

    def _start(self, wanted: set[str], *, portal: str) -> Embedded:
        _end_orderly()
        self._clear_up()
        embedded = Embedded(self.home, wanted)
        embedded.start()
        running = Running(
            pid=os.getpid(),
            portal=portal,
            database_url=embedded.postgres.url if embedded.postgres else "",
            redis_url=embedded.valkey.url if embedded.valkey else "",
        )
        self._write(running)
        embedded.before_stop = functools.partial(self._retire, wait=not portal)
        return embedded

    def _clear_up(self) -> None:
        """End what a killed owner left; the lock in our hand says that it is gone."""
        left = self._read()
        self.state.unlink(missing_ok=True)
        clear_up_postgres(self.home, left.database_url if left else "")
        clear_up_valkey(self.home)

    def _retire(self, *, wait: bool) -> None:
        """Withdraw the address, after the borrowers are done if we were only passing by ourselves."""
        if wait:
            # Whoever is told twice to end does not wait any longer.
            with contextlib.suppress(KeyboardInterrupt, SystemExit), self._without_borrowers():
                self.state.unlink(missing_ok=True)
        # From here on a signal would only cut the clean-up short.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        self.state.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _without_borrowers(self) -> Iterator[None]:
        import fcntl

        with (self.home / "services.users").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _tell("another command still uses the servers, waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # --- borrowing ---

    def _borrow(self, wanted: set[str]) -> bool:
        """Hold the borrowers' lock first, look second: an owner about to go has the lock by then."""
        import fcntl

        lock = (self.home / "services.users").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        running = self._read()
        if running is None or self._is_free():
            lock.close()
            return False
        _fill_environment(running, wanted)
        _locks_of_this_process.append(lock)
        return True

    def _read(self) -> Running | None:
        try:
            return Running(**json.loads(self.state.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, running: Running) -> None:
        """Publish in one step, readable for us alone: the address of Valkey holds its password."""
        made = self.state.with_name(f"{self.state.name}.new")
        made.unlink(missing_ok=True)
        made.touch(mode=0o600)
        made.write_text(json.dumps(asdict(running), indent=1), encoding="utf-8")
        made.replace(self.state)


def _fill_environment(running: Running, wanted: set[str]) -> None:
    """Take over the addresses that the environment lacks."""
    if "postgresql" in wanted:
        if not running.database_url:
            raise ServiceError(
                f"process {running.pid} runs with a DATABASE_URL of its own; set the same one for this command."
            )
        os.environ["DATABASE_URL"] = running.database_url
        os.environ["PORTAL_EMBEDDED_DATABASE"] = "on"
    if "valkey" in wanted:
        if not running.redis_url:
            raise ServiceError(
                f"process {running.pid} runs with a REDIS_URL of its own; set the same one for this command."
            )
        os.environ["REDIS_URL"] = running.redis_url


def _end_orderly() -> None:
    """Let SIGTERM and Ctrl-C run the clean-up. A shell's & starts a process with Ctrl-C ignored."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _tell(text: str) -> None:
    print(f"portal: {text}", file=sys.stderr, flush=True)
