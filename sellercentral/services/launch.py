"""How a server is started so that it may run at all, and so that it never outlives who started it.

PostgreSQL refuses to run as root. As root it gets a user namespace of its own, in which it is an ordinary
user: no account, no change of owner, and the project may lie in a folder that only root can read. Where user
namespaces are forbidden it runs as `postgres` or `nobody`, from a copy that this account can read.
"""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
def lesser_account() -> pwd.struct_passwd | None:
    """Return the account that servers of root run as, or None where they may run as we are."""
    if not is_root() or namespaces_work():
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise OSError("neither an account postgres nor nobody exists to run PostgreSQL as; set DATABASE_URL")


def bound_to_us(command: Sequence[str | Path], *, ending: str = "TERM") -> list[str]:
    """Return the command so that it gets the signal `ending` when this process dies, however it dies."""
    prefix = ["setpriv", "--pdeathsig", ending] if dies_with_parent() else []
    return [*prefix, *map(str, command)]


def start_server(
    command: Sequence[str | Path], *, ending: str, refuses_root: bool = True, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a server unprivileged, bound to us, and out of reach of the terminal's Ctrl-C.

    Ctrl-C reaches every process of the terminal's group; servers must end last, after their clients.
    """
    full = bound_to_us(command, ending=ending)
    if is_root() and namespaces_work():
        full = [*NAMESPACE, *full]
    if refuses_root:
        options |= _as_lesser_account()
    return subprocess.Popen(  # noqa: S603 - our own programs
        full, start_new_session=True, cwd="/", env=_environment(), **options
    )


def run_unprivileged(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run a tool such as initdb with the rights that its server will have."""
    full = list(map(str, command))
    if is_root() and namespaces_work():
        full = [*NAMESPACE, *full]
    return subprocess.run(  # noqa: S603 - our own programs
        full, cwd="/", env=_environment(), capture_output=True, text=True, **_as_lesser_account()
    )


def give_away(path: Path) -> None:
    """Hand a folder to the account that the servers run as."""
    if account := lesser_account():
        for folder, _, files in os.walk(path):
            os.chown(folder, account.pw_uid, account.pw_gid)
            for name in files:
                os.chown(Path(folder) / name, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _as_lesser_account() -> dict[str, Any]:
    account = lesser_account()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}


def _environment() -> dict[str, str]:
    """Give servers no part of our environment: it may hold secrets, and settings for other clients."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _runs(command: list[str]) -> bool:
    if not shutil.which(command[0]):
        return False
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)  # noqa: S603 - fixed commands
    return run.returncode == 0
