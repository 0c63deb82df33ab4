"""PostgreSQL and Valkey for whoever runs the portal: those of the environment, else embedded ones.

`DATABASE_URL` and `REDIS_URL` always win. Where they are not set, servers out of installed wheels run for as
long as the command that started them, with their data in `var/`. One process at a time owns them; every other
`manage.py` command finds and borrows them, so two servers never touch the same data.

Everything here fills the two variables in `os.environ`, before the settings are read, so that child
processes inherit them.
"""

from __future__ import annotations

import os
from pathlib import Path

from sellercentral.bootstrap import ROOT
from sellercentral.services.embedded import Embedded
from sellercentral.services.ownership import Held, Household, Running
from sellercentral.services.servers import ServiceError

__all__ = [
    "Embedded",
    "Held",
    "Running",
    "ServiceError",
    "adopt_running",
    "embedded_database",
    "ensure_for_command",
    "ensure_for_tests",
    "open_for_portal",
    "var_dir",
]

NEED_NO_SERVERS = {
    "--help",
    "--version",
    "-h",
    "collectstatic",
    "compile_catalogues",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "version",
}


def var_dir() -> Path:
    """Return the folder for everything that the portal keeps on this machine."""
    return Path(os.environ.get("PORTAL_VAR") or ROOT / "var").resolve()


def embedded_database() -> bool:
    """Tell whether DATABASE_URL leads to the embedded PostgreSQL."""
    return os.environ.get("PORTAL_EMBEDDED_DATABASE") == "on"


def ensure_for_command(command: str) -> None:
    """Find the running embedded servers, or start them until this process ends."""
    wanted = _wanted()
    if not wanted or command in NEED_NO_SERVERS:
        return
    try:
        Household(var_dir()).borrow_or_own(wanted)
    except ServiceError as error:
        raise SystemExit(f"portal: {error}") from None


def open_for_portal(address: str) -> Embedded | None:
    """Own the embedded servers for a portal at `address`. None if the environment brings both.

    This will raise `Held` while another process owns them for longer than a command takes.
    """
    wanted = _wanted()
    return Household(var_dir()).own(wanted, as_portal_at=address) if wanted else None


def adopt_running() -> None:
    """Fill the variables from servers that run already; start nothing.

    The settings call this, so that `celery` or a shell script started by hand reaches the same servers.
    """
    if wanted := _wanted():
        Household(var_dir()).look(wanted)


def ensure_for_tests() -> str:
    """Find or start servers for a test run and say which, in words for its first lines."""
    from sellercentral.services import loopback

    return loopback.ensure_for_tests()


def _wanted() -> set[str]:
    """Return which servers the environment does not bring."""
    named = {"postgresql": "DATABASE_URL", "valkey": "REDIS_URL"}
    return {server for server, variable in named.items() if not os.environ.get(variable)}
