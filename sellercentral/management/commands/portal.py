"""Starts everything: servers, tables, pages, demo shop, web, worker, beat; and stops everything it started."""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sellercentral import bootstrap, services
from sellercentral.supervisor import Program, stop_all

HOST = "127.0.0.1"
WEB_START_SECONDS = 90

DEMO_PASSWORD = "demo-portal-2026"  # noqa: S105 - public: demo data only
DEMO_ACCOUNTS = [
    ("alice@seller.example", "seller, OWNER of シードリング商店"),
    ("bob@seller.example", "seller, ORDER_STAFF there"),
    ("rei@seller.example", "seller, READ_ONLY there"),
    ("charlie@rival.example", "another seller"),
    ("dora@buyer.example", "buyer"),
    ("eiji@buyer.example", "buyer"),
    ("olga@operator.example", "operator"),
]


class Command(BaseCommand):
    """`python3 manage.py portal`."""

    help = (
        "Runs the whole portal on http://127.0.0.1:PORT, with its own PostgreSQL and Valkey unless told otherwise."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take none: everything comes from the environment."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Start the servers before the settings are read, then everything else."""
        self.create_parser(argv[0], argv[1]).parse_args(argv[2:])
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
        bootstrap.read_env_file()
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sellercentral.settings")
        if not os.environ.get("SECRET_KEY"):
            os.environ.setdefault("DEMO", "on")
        Portal().run()

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse to be called from Python: by then the settings are read, without the servers."""
        raise RuntimeError("run `python3 manage.py portal`")


class Portal:
    """One run of the portal, from the first server to the last."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self.port = _port()
        self.address = f"http://{HOST}:{self.port}"
        self.embedded: services.Embedded | None = None
        self.programs: list[Program] = []
        self.stopping = False

    def run(self) -> None:
        """Start, keep running until told to stop, stop."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop_on_signal)
        try:
            self._start()
            while True:
                time.sleep(1)
                for program in self.programs:
                    program.look_after(_tell)
                if self.embedded:
                    for name in self.embedded.revive():
                        _tell(f"{name} had ended and was started again")
        except services.ServiceError as error:
            raise SystemExit(f"portal: {error}") from None
        finally:
            self._stop()

    def _start(self) -> None:
        _refuse_taken_port(self.port)
        with _step("PostgreSQL and Valkey"):
            self.embedded = services.open_for_portal(self.address)
        with _step("Settings, translations"):
            _set_up_django()
        from django.conf import settings

        with _step("Database tables"):
            _call("migrate", interactive=False)
        with _step("Static files"):
            _call("collectstatic", interactive=False)
        if settings.DEMO and _lacks_demo_data():
            with _step("Demo shop"):
                _call("create_demo_data")
        self.describe_programs(settings.VAR_DIR / "log" if settings.DEMO else None)
        web, *background = self.programs
        with _step("Web server"):
            web.start()
            _wait_until_ready(web, self.port, settings.ALLOWED_HOSTS[0].lstrip("."))
        # Three programs that import everything at once would make the first page wait for all of them.
        with _step("Worker and timetable"):
            for program in background:
                program.start()
        self._welcome(demo=settings.DEMO, log=web.log)

    def describe_programs(self, log: Path | None) -> None:
        """Say what runs beside each other, and where it logs; docs/systemd runs the same."""
        python = sys.executable
        granian = [python, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(self.port)]
        granian += ["--workers", "2", "--blocking-threads", "4", "--no-ws", "--log-level", "warning"]
        granian += ["--respawn-failed-workers", "--respawn-interval", "1", "--workers-kill-timeout", "8"]
        celery = [python, "-m", "celery", "-A", "sellercentral.celery"]
        worker = [*celery, "worker", "-c", "2", "--without-gossip", "--without-mingle"]
        beat = [*celery, "beat", "--pidfile="]
        for name, command, process in (
            ("web", [*granian, "sellercentral.wsgi:application"], "web"),
            ("worker", worker, "worker"),
            ("beat", beat, "command"),
        ):
            env = {"PORTAL_PROCESS": process}
            self.programs.append(Program(name, command, env=env, log=log and log / f"{name}.log"))

    def _welcome(self, *, demo: bool, log: Path | None) -> None:
        print(f"\nThe portal is ready: {self.address}/", flush=True)
        if demo:
            print(f"\nDemo accounts, password {DEMO_PASSWORD}")
            for email, who in DEMO_ACCOUNTS:
                print(f"  {email:<24} {who}")
        if log:
            print(f"\nLogs: {log.parent}")
        print("Ctrl-C stops everything.\n", flush=True)

    def _stop_on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self.stopping:
            self.stopping = True
            raise SystemExit(0)

    def _stop(self) -> None:
        self.stopping = True
        if any(program.process for program in self.programs):
            _tell("stopping")
        stop_all(self.programs)
        if self.embedded:
            self.embedded.stop()


def _port() -> int:
    given = os.environ.get("PORT") or "8000"
    if not given.isascii() or not given.isdigit() or not 0 < int(given) < 65536:
        raise SystemExit(f"portal: PORT must be a number from 1 to 65535, not {given!r}.")
    return int(given)


def _refuse_taken_port(port: int) -> None:
    """Look before anything starts. The web server would share a port with a second one of its kind."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            why = "is in use" if error.errno == errno.EADDRINUSE else "needs more rights than this user has"
            raise SystemExit(
                f"portal: port {port} {why}. Choose another one: PORT={8000 if port != 8000 else 8001} "
                "python3 manage.py portal"
            ) from None


def _set_up_django() -> None:
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise SystemExit(f"portal: {error}") from None


def _lacks_demo_data() -> bool:
    from django.core.management import get_commands

    from accounts.queries import sellers

    return "create_demo_data" in get_commands() and not sellers()


def _call(command: str, **options: Any) -> None:
    from django.core.management import call_command

    call_command(command, verbosity=0, **options)


def _wait_until_ready(web: Program, port: int, host: str) -> None:
    deadline = time.monotonic() + WEB_START_SECONDS
    while not _is_ready(port, host):
        if web.process is not None and web.process.poll() is not None:
            raise SystemExit(f"portal: the web server ended{_end_of(web.log)}")
        if time.monotonic() > deadline:
            raise SystemExit(f"portal: the web server does not become ready{_end_of(web.log)}")
        time.sleep(0.1)


def _is_ready(port: int, host: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/health/ready", headers={"Host": host})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end_of(log: Path | None) -> str:
    return f". The end of {log}:\n{log.read_text(errors='replace')[-2000:]}" if log and log.exists() else "."


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    """Name a stage when it begins, and say how long it took when it is done."""
    print(f"  {name:<24}", end="", flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print(flush=True)
        raise
    print(f"{time.monotonic() - started:5.1f} s", flush=True)


def _tell(text: str) -> None:
    print(f"portal: {text}", file=sys.stderr, flush=True)
