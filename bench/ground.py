"""A database of the benchmark's own on the servers that tests use, made before and dropped after a run."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg2
import redis
from psycopg2 import sql

from sellercentral import bootstrap, services

# Nothing under another name is ever made or dropped.
NAME = "portal_bench"


class Occupied(Exception):
    """Another benchmark works in the database of this name."""


@contextlib.contextmanager
def laid(name: str, *, keep: bool = False) -> Iterator[None]:
    """Make the database `name`, set Django up in it as in production, and clear everything away at the end.

    Raises Occupied if another benchmark runs under that name, ValueError if the name is none of ours.
    """
    if not name.startswith(NAME):
        raise ValueError(f"the name of the benchmark's database begins with {NAME}")
    _forget_own_environment()
    services.ensure_for_tests()
    maintenance = os.environ["DATABASE_URL"]
    with contextlib.closing(psycopg2.connect(maintenance)) as server, tempfile.TemporaryDirectory() as var:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name])
            if not cursor.fetchone()[0]:
                raise Occupied(name)
            # What an interrupted run left behind.
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        _set_environment(urlsplit(maintenance)._replace(path=f"/{name}").geturl(), name, var)
        try:
            _set_up_django()
            yield
        finally:
            _clear_away(server, name, keep=keep)


def _forget_own_environment() -> None:
    """What the person at this machine has set for their portal is not what is measured."""
    servers = {"DATABASE_URL", "REDIS_URL"}
    for line in (bootstrap.ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        name = line.removeprefix("#").partition("=")[0].strip()
        if name.isupper() and name not in servers:
            os.environ.pop(name, None)


def _set_environment(database: str, name: str, var: str) -> None:
    os.environ |= {
        "DATABASE_URL": database,
        "DEBUG": "off",
        "DEMO": "off",
        "SECRET_KEY": "only-for-the-benchmark-" + "abcdefghijklmnopqrstuvwxyz" * 2,
        "ALLOWED_HOSTS": "bench.example",
        "PORTAL_ENV_FILE": os.devnull,
        "PORTAL_PROCESS": "command",
        "PORTAL_VAR": var,
        "REDIS_PREFIX": f"{name}:",
        "CELERY_QUEUE": name,
        "LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "bench.settings",
    }


def _set_up_django() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)


def _clear_away(server: psycopg2.extensions.connection, name: str, *, keep: bool) -> None:
    from django.conf import settings
    from django.db import connections

    connections.close_all()
    if not keep:
        with server.cursor() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
    with contextlib.closing(redis.Redis.from_url(settings.REDIS_URL)) as client:
        for key in client.scan_iter(f"{name}:*", count=1000):
            client.delete(key)
