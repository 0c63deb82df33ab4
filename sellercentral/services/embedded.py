"""The embedded servers of one owner, started and stopped together."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from sellercentral.services.servers import Postgres, ServiceError, Valkey


class Embedded:
    """PostgreSQL, Valkey or both, for as long as this process lives."""

    def __init__(self, home: Path, wanted: set[str], *, throwaway: bool = False) -> None:
        """Choose the programs; nothing runs yet."""
        self.postgres = Postgres(home, throwaway=throwaway) if "postgresql" in wanted else None
        self.valkey = Valkey(home, throwaway=throwaway) if "valkey" in wanted else None
        self.before_stop: Callable[[], None] | None = None
        self._owner = os.getpid()

    @property
    def servers(self) -> list[Postgres | Valkey]:
        """Return what this owner runs, in the order of starting."""
        return [server for server in (self.postgres, self.valkey) if server]

    def start(self) -> None:
        """Start all, fill the environment, and stop them when this process ends."""
        atexit.register(self.stop)
        try:
            for server in self.servers:
                server.start()
        except BaseException:
            self.stop()
            raise
        self.fill_environment()

    def fill_environment(self) -> None:
        """Tell the settings, and every child process, where the servers are."""
        if self.postgres:
            os.environ["DATABASE_URL"] = self.postgres.url
            os.environ["PORTAL_EMBEDDED_DATABASE"] = "on"
        if self.valkey:
            os.environ["REDIS_URL"] = self.valkey.url

    def revive(self) -> list[str]:
        """Start again what has died; return the names. One that will not come back is tried next time."""
        revived = []
        for server in self.servers:
            if not server.is_running():
                with contextlib.suppress(ServiceError):
                    server.start()
                revived.append(server.name)
        return revived

    def stop(self) -> None:
        """Stop all, last started first. A fork of the owner leaves them alone."""
        if os.getpid() != self._owner:
            return
        if self.before_stop:
            self.before_stop()
        for server in reversed(self.servers):
            server.stop()
        atexit.unregister(self.stop)
