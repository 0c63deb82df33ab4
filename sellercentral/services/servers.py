"""The two embedded servers: how each is prepared, started, asked whether it answers, and stopped."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, quote, urlsplit

import psycopg2
import redis

from sellercentral.services import binaries, launch

ROLE = DATABASE = "portal"
START_SECONDS = 60  # recovery after a crash included
STOP_SECONDS = 20
LARGEST_LOG = 5_000_000
FORGOTTEN_SECONDS = 600
SOCKET_DIR_PREFIX = "portal-socket-"


class ServiceError(Exception):
    """A server cannot be had; the text says why and what helps."""


class Postgres:
    """One PostgreSQL on one data folder, reached through a socket that only we can open."""

    name = "PostgreSQL"

    def __init__(self, home: Path, *, throwaway: bool = False) -> None:
        """Run in `home`; a throwaway server forgets its data in a crash, for the sake of speed."""
        self.home = home
        self.throwaway = throwaway
        self.socket_dir: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.programs = self._choose_programs()
        self.account = launch.lesser_account(moved=self.data.is_symlink())

    @property
    def data(self) -> Path:
        """Return the data folder; its name holds the version, which no other version can read."""
        return self.home / f"postgresql-{self.programs.major}"

    @property
    def url(self) -> str:
        """Return the address for DATABASE_URL."""
        return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(self.socket_dir), safe='')}"

    def start(self) -> None:
        """Start on the existing data, or make some first. Also restarts: the address stays."""
        self._prepare()
        if self.socket_dir is None:
            _remove_forgotten_socket_dirs()
            # A socket's path may hold 107 bytes, fewer than many a project's path.
            self.socket_dir = Path(tempfile.mkdtemp(prefix=SOCKET_DIR_PREFIX, dir="/tmp"))
            launch.give_away(self.socket_dir, self.account)
        settings = {"shared_buffers": "64MB", "max_connections": "60", "log_timezone": "UTC"}
        if self.throwaway:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        place = self.data.resolve()  # the account that it runs as may be unable to follow our link
        where: list[str | Path] = ["-D", place, "-k", self.socket_dir, "-h", ""]
        command = [self.programs.folder / "postgres", *where, *options]
        log = self.home / "log" / "postgresql.log"
        with _open_log(log) as output:
            self.process = launch.start_server(
                command,
                ending="INT",
                account=self.account,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        _wait_until_it_answers(self, self.answers, log)
        self._create_database()

    def answers(self) -> bool:
        """Tell whether it takes connections."""
        try:
            self._connect("postgres").close()
        except psycopg2.Error:
            return False
        return True

    def is_running(self) -> bool:
        """Tell whether the process that we started is there."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Stop at once: open transactions are rolled back, everything committed is on disk."""
        _stop(self.process, signal.SIGINT, signal.SIGQUIT)
        if self.socket_dir:
            shutil.rmtree(self.socket_dir, ignore_errors=True)
            self.socket_dir = None

    def _choose_programs(self) -> binaries.PostgresPrograms:
        kept = sorted(self.home.glob("postgresql-*/PG_VERSION"))
        if not kept:
            programs = binaries.postgres_programs()
            if programs is None:
                raise ServiceError(binaries.NO_POSTGRESQL)
            return programs
        majors = [int(path.read_text(encoding="ascii")) for path in kept]
        for major in sorted(majors, reverse=True):
            if programs := binaries.postgres_programs(major):
                return programs
        # Beginning anew beside existing data would look like lost data.
        raise ServiceError(
            f"{self.home} holds data of PostgreSQL {majors[-1]}, which is not installed. "
            "Install that version, set DATABASE_URL, or move the folder away to begin anew."
        )

    def _prepare(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if self.account:
            self._move_out_of_roots_folder()
        if (self.data / "PG_VERSION").exists():
            return
        place = self.data.resolve()
        made = place.with_name(f"{place.name}.new")
        shutil.rmtree(made, ignore_errors=True)
        locale = "C.UTF-8" if sys.platform == "linux" else "C"
        options = ["-U", ROLE, "--auth=trust", "--encoding=UTF8", f"--locale={locale}", "--no-sync"]
        run = launch.run_tool([self.programs.folder / "initdb", "-D", made, *options], self.account)
        if run.returncode:
            raise ServiceError(f"initdb failed: {run.stderr.strip() or run.stdout.strip()}")
        # The name appears in one step: a start that is cut short leaves nothing half made behind.
        made.rename(place)

    def _move_out_of_roots_folder(self) -> None:
        """Let the lesser account own the data, and read the programs, in a folder of its own in /var/tmp."""
        if not self.data.is_symlink() or not self.data.readlink().parent.exists():
            home = Path(tempfile.mkdtemp(prefix="portal-", dir="/var/tmp"))
            if self.data.is_symlink():  # whose folder somebody has removed
                self.data.unlink()
            elif self.data.exists():  # made in a namespace, when that was allowed
                shutil.move(self.data, home / self.data.name)
            self.data.symlink_to(home / self.data.name)
        home = self.data.readlink().parent
        if not self._can_run(self.programs.folder):
            self._copy_programs(home)
        launch.give_away(home, self.account)

    def _can_run(self, folder: Path) -> bool:
        with contextlib.suppress(OSError):
            return launch.run_tool([folder / "postgres", "--version"], self.account).returncode == 0
        return False

    def _copy_programs(self, home: Path) -> None:
        """Copy the wheel's folder and the libraries beside it; the programs find them by relative path."""
        installed = self.programs.folder.parent
        package = installed.parent
        copy = home / package.name / installed.name
        if not self._can_run(copy / "bin"):
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(installed, copy, symlinks=True)
            if self.programs.libraries:
                libraries = home / self.programs.libraries.name
                shutil.copytree(self.programs.libraries, libraries, symlinks=True, dirs_exist_ok=True)
            launch.give_away(home, self.account)
        self.programs = binaries.PostgresPrograms(copy / "bin", self.programs.major)

    def _create_database(self) -> None:
        connection = self._connect("postgres")
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not cursor.fetchone():
                cursor.execute(f"CREATE DATABASE {DATABASE}")

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(host=str(self.socket_dir), user=ROLE, dbname=database, connect_timeout=3)


class Valkey:
    """One Valkey on a port of its own, behind a password that changes with each start of the portal."""

    name = "Valkey"

    def __init__(self, home: Path, *, throwaway: bool = False) -> None:
        """Keep the append-only file in `home`, unless the server is a throwaway one."""
        self.home = home
        self.throwaway = throwaway
        self.port = 0
        self.password = secrets.token_urlsafe(24)
        self.process: subprocess.Popen[bytes] | None = None
        program = binaries.valkey_program()
        if program is None:
            raise ServiceError(binaries.NO_VALKEY)
        self.program = program

    @property
    def url(self) -> str:
        """Return the address for REDIS_URL."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start on a free port; a restart keeps port and password, since its clients know them."""
        if self.port:
            self._start_on_port()
            return
        for attempt in range(3):
            self.port = _free_port()
            try:
                self._start_on_port()
            except ServiceError:  # between looking and starting somebody else may take the port
                if attempt == 2:
                    raise
            else:
                return

    def answers(self) -> bool:
        """Tell whether it has loaded its data and takes commands."""
        client = redis.Redis(
            host="127.0.0.1", port=self.port, password=self.password, socket_connect_timeout=1, socket_timeout=1
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def is_running(self) -> bool:
        """Tell whether the process that we started is there."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Stop after the append-only file is written."""
        _stop(self.process, signal.SIGTERM, signal.SIGKILL)

    def _start_on_port(self) -> None:
        data = self.home / "valkey"
        data.mkdir(parents=True, exist_ok=True)
        configuration = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f"appendonly {'no' if self.throwaway else 'yes'}",
            'save ""',
            "maxmemory-policy noeviction",
            f"dir {_quoted(data)}",
            f"pidfile {_quoted(data / f'{self.port}.pid')}",
        ]
        log = self.home / "log" / "valkey.log"
        with _open_log(log) as output:
            # On standard input, so that the password stands neither in a file nor in the list of processes.
            self.process = launch.start_server(
                [self.program, "-"],
                ending="TERM",
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError), self.process.stdin as standard_input:
                standard_input.write("\n".join(configuration).encode())
        _wait_until_it_answers(self, self.answers, log)


def _quoted(path: Path) -> str:
    """Spell a path as Valkey's configuration wants it."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    grown = path.exists() and path.stat().st_size > LARGEST_LOG
    return path.open("wb" if grown else "ab")


def _wait_until_it_answers(server: Postgres | Valkey, answers: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if not server.is_running() or time.monotonic() > deadline:
            _stop(server.process, signal.SIGTERM, signal.SIGKILL)
            said = log.read_text(encoding="utf-8", errors="replace")[-1500:]
            raise ServiceError(f"{server.name} did not start. The end of {log}:\n{said}")
        time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes] | None, gently: signal.Signals, firmly: signal.Signals) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(gently)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(firmly)
        process.wait()


def _remove_forgotten_socket_dirs() -> None:
    """Remove what killed owners left in /tmp, whosever project they ran: old and empty, so nobody's any more."""
    for folder in Path("/tmp").glob(f"{SOCKET_DIR_PREFIX}*"):  # noqa: S108 - only ever removes empty ones
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > FORGOTTEN_SECONDS:
                folder.rmdir()


def clear_up_postgres(home: Path, url: str) -> None:
    """End PostgreSQL servers that outlived their owner, which announced them at `url`.

    For who holds the lock on `home`, nobody else.
    """
    for lock_file in home.glob("postgresql-*/postmaster.pid"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int(lock_file.read_text(encoding="utf-8").splitlines()[0])
            marks = ("postgres", str(lock_file.parent.resolve()))
            _end_leftover(pid, marks=marks, gently=signal.SIGINT, firmly=signal.SIGQUIT)
        # After a restart of the machine the number in it may belong to some other process.
        lock_file.unlink(missing_ok=True)
    socket_dir = Path(parse_qs(urlsplit(url).query).get("host", [""])[0])
    if socket_dir.name.startswith(SOCKET_DIR_PREFIX):
        shutil.rmtree(socket_dir, ignore_errors=True)


def clear_up_valkey(home: Path) -> None:
    """End Valkey servers that outlived their owner. Each shows its port in its title."""
    for pid_file in home.glob("valkey/*.pid"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(pid_file.read_text(encoding="ascii"))
            _end_leftover(pid, marks=(f"127.0.0.1:{pid_file.stem}",), gently=signal.SIGTERM, firmly=signal.SIGKILL)
        pid_file.unlink(missing_ok=True)


def _end_leftover(pid: int, *, marks: tuple[str, ...], gently: signal.Signals, firmly: signal.Signals) -> None:
    """Wait for a server that has been told to go, then tell it ourselves; a stranger's pid is left alone."""
    for sending, seconds in ((None, 2), (gently, STOP_SECONDS), (firmly, STOP_SECONDS)):
        if not _is_server(pid, marks):
            return
        if sending:
            os.kill(pid, sending)
        deadline = time.monotonic() + seconds
        while _is_server(pid, marks) and time.monotonic() < deadline:
            time.sleep(0.02)


def _is_server(pid: int, marks: tuple[str, ...]) -> bool:
    """Tell whether the process lives and its command line shows that it is the server we mean."""
    process = Path("/proc") / str(pid)
    if process.parent.joinpath("self").exists():
        try:
            shown = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return False
    else:  # macOS
        listing = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
        shown = subprocess.run(listing, capture_output=True, text=True).stdout  # noqa: S603 - fixed command
    return all(mark in shown for mark in marks)
