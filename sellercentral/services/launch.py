"""How a server is started so that it may run at all, and so that it never outlives who started it.

PostgreSQL refuses to run as root. As root it gets a user namespace of its own, in which it is an ordinary
user: no account, no change of owner, and the project may lie in a folder that only root can read. Where user
namespaces are forbidden it runs as `postgres` or `nobody`, from a copy that this account can read.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Account = pwd.struct_passwd

NAMESPACE = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def is_root() -> bool:
    """Tell whether PostgreSQL would refuse to start as we are."""
    return os.geteuid() == 0


@functools.cache
def namespaces_work() -> bool:
    """Tell whether this machine lets us make a user namespace. PORTAL_USER_NAMESPACES=off says no."""
    return os.environ.get("PORTAL_USER_NAMESPACES", "on") != "off" and _runs([*NAMESPACE, "true"])


@functools.cache
def dies_with_parent() -> bool:
    """Tell whether the kernel can end a child with its parent; elsewhere the next start clears up."""
    return _runs(["setpriv", "--pdeathsig", "TERM", "true"])


@functools.cache
def lesser_account(*, moved: bool = False) -> Account | None:
    """Return the account that PostgreSQL of root runs as; None where it may run as we are.

    Data that has once `moved` to that account stays with it, should namespaces be allowed later on.
    """
    if not is_root() or (namespaces_work() and not moved):
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise OSError("neither an account postgres nor nobody exists to run PostgreSQL as; set DATABASE_URL")


def bound_to_us(command: Sequence[str | Path], *, ending: str = "TERM") -> list[str]:
    """Return the command so that it gets the signal `ending` when this process dies, however it dies."""
    prefix = ["setpriv", "--pdeathsig", ending] if dies_with_parent() else []
    return [*prefix, *map(str, command)]


def start_server(
    command: Sequence[str | Path], *, ending: str, account: Account | None = None, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a server bound to us and out of reach of the terminal's Ctrl-C.

    Ctrl-C reaches every process of the terminal's group; servers must end last, after their clients.
    """
    full = bound_to_us(command, ending=ending)
    return subprocess.Popen(  # noqa: S603 - our own programs
        [*_namespace(account), *full],
        start_new_session=True,
        cwd="/",
        env=_environment(),
        **_as_account(account),
        **options,
    )


def run_tool(command: Sequence[str | Path], account: Account | None) -> subprocess.CompletedProcess[str]:
    """Run a tool such as initdb with the rights that its server will have."""
    return subprocess.run(  # noqa: S603 - our own programs
        [*_namespace(account), *map(str, command)],
        cwd="/",
        env=_environment(),
        capture_output=True,
        text=True,
        **_as_account(account),
    )


def give_away(path: Path, account: Account | None) -> None:
    """Hand a folder and all in it to the account, if there is one."""
    if account:
        for folder, _, files in os.walk(path):
            os.chown(folder, account.pw_uid, account.pw_gid)
            for name in files:
                os.chown(Path(folder) / name, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _namespace(account: Account | None) -> list[str]:
    return NAMESPACE if is_root() and account is None and namespaces_work() else []


def _as_account(account: Account | None) -> dict[str, Any]:
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}


def _environment() -> dict[str, str]:
    """Give servers no part of our environment: it may hold secrets, and settings for other clients."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _runs(command: list[str]) -> bool:
    if not shutil.which(command[0]):
        return False
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)  # noqa: S603 - fixed commands
    return run.returncode == 0
