"""Keeps the portal's programs running beside each other and ends them together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sellercentral.bootstrap import ROOT
from sellercentral.services.launch import bound_to_us

STOP_SECONDS = 10
LONGEST_PAUSE = 30.0
# A program that ran this long had a good start: its next failure begins with the shortest pause.
GOOD_START_SECONDS = 60


class Program:
    """One program of the portal and how often it failed lately."""

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        """Describe it; `start` starts it. Without a log it writes where we write."""
        self.name = name
        self.command = command
        self.env = {**os.environ, **(env or {})}
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.start_again_at: float | None = None
        self.failures = 0

    def start(self) -> None:
        """Start in a session of its own: the terminal's Ctrl-C reaches us alone, and we end all in order."""
        self.start_again_at = None
        self.started_at = time.monotonic()
        with contextlib.ExitStack() as opened:
            output = None
            if self.log:
                self.log.parent.mkdir(parents=True, exist_ok=True)
                output = opened.enter_context(self.log.open("ab"))
            self.process = subprocess.Popen(  # noqa: S603 - our own programs
                bound_to_us(self.command),
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def look_after(self, tell: Callable[[str], None]) -> None:
        """Start it again if it has ended, each time after a longer pause."""
        now = time.monotonic()
        if self.start_again_at is not None:
            if now >= self.start_again_at:
                self.start()
        elif self.process is not None and (status := self.process.poll()) is not None:
            if now - self.started_at > GOOD_START_SECONDS:
                self.failures = 0
            self._end_orphans()
            pause = min(2.0**self.failures, LONGEST_PAUSE)
            self.failures += 1
            self.start_again_at = now + pause
            where = f", see {self.log}" if self.log else ""
            tell(f"{self.name} ended with status {status}, starting it again in {pause:.0f} s{where}")

    def ask_to_stop(self) -> None:
        """Send the signal for an orderly end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def see_stopped(self, deadline: float) -> None:
        """Wait until the deadline, then kill it and whatever it started."""
        if self.process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, deadline - time.monotonic()))
        self._end_orphans()
        self.process.wait()

    def _end_orphans(self) -> None:
        """Kill what is left of its group: workers of a killed web server would go on answering."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


def stop_all(programs: Sequence[Program]) -> None:
    """End all at the same time, so that the slowest decides how long it takes."""
    deadline = time.monotonic() + STOP_SECONDS
    for program in programs:
        program.ask_to_stop()
    for program in programs:
        program.see_stopped(deadline)
