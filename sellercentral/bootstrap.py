"""Makes the portal's own Python environment, with the standard library alone.

`manage.py` calls `enter()` first. On a fresh machine it creates `.venv`, installs the locked
requirements into it and starts the same command again inside. When everything is in place that is two
small file reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".installed.json"
SETUP_LOCK = ROOT / ".venv.lock"
UV_VERSION = "0.13.9"

RUNTIME = "requirements.txt"
TESTS = "tests/requirements.txt"

NO_VENV = """\
This Python cannot make a virtual environment: the module "ensurepip" is missing.
Install it and run the same command again. Debian and Ubuntu: apt-get install python3-venv
"""


def enter(*, tests: bool = False) -> None:
    """Continue in an up-to-date `.venv`: return at once when this process already runs there.

    The lock file for tests holds everything that the portal itself needs, so one of the two is installed.
    PORTAL_SETUP=off leaves the running Python alone, for images that bring the packages themselves.
    """
    if os.environ.get("PORTAL_SETUP", "on").lower() == "off":
        return
    wanted = TESTS if tests else RUNTIME
    if not _is_installed(wanted):
        with _one_at_a_time():
            if not _is_installed(wanted):
                _install(wanted)
    if Path(sys.prefix).resolve() != VENV.resolve():
        _start_again()


def read_env_file() -> None:
    """Add the variables of `.env` to the environment; what the environment already says wins.

    PORTAL_ENV_FILE names another file, for tests and for several portals on one machine.
    """
    path = Path(os.environ.get("PORTAL_ENV_FILE") or ROOT / ".env")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for raw in lines:
        line = raw.strip().removeprefix("export ")
        if not line or line.startswith("#") or "=" not in line:
            continue
        name, _, value = line.partition("=")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        os.environ.setdefault(name.strip(), value)


def python() -> Path:
    """Return the interpreter of the environment."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _is_installed(lock_file: str) -> bool:
    """Tell whether the environment exists and was filled from exactly this lock file."""
    try:
        installed = json.loads(STAMP.read_bytes())
    except (OSError, ValueError):
        return False
    # A system upgrade may take away the Python that the environment was made with.
    return python().exists() and installed.get(lock_file) == _fingerprint(lock_file)


def _fingerprint(lock_file: str) -> str:
    return hashlib.sha256((ROOT / lock_file).read_bytes()).hexdigest()


def _install(lock_file: str) -> None:
    started = time.monotonic()
    _say(f"Setting up .venv from {lock_file} (once, until the file changes)")
    if not python().exists() or not _works([python(), "-m", "pip", "--version"]):
        _make_environment()
    _fill_environment(lock_file)
    known = {name: _fingerprint(name) for name in (RUNTIME, TESTS) if name == lock_file or _is_installed(name)}
    if lock_file == TESTS:
        known[RUNTIME] = _fingerprint(RUNTIME)
    STAMP.write_text(json.dumps(known, indent=1), encoding="utf-8")
    _say(f"Environment ready after {time.monotonic() - started:.0f} s")


def _make_environment() -> None:
    """Create `.venv` with pip in it, by whichever way this machine offers."""
    for make in (_venv_with_own_pip, _venv_with_uv, _venv_after_apt):
        shutil.rmtree(VENV, ignore_errors=True)
        if make():
            return
    shutil.rmtree(VENV, ignore_errors=True)
    sys.exit(NO_VENV)


def _venv_with_own_pip() -> bool:
    return _works([sys.executable, "-m", "venv", VENV])


def _venv_with_uv() -> bool:
    uv = shutil.which("uv")
    return uv is not None and _works([uv, "venv", "--quiet", "--seed", "--python", sys.executable, VENV])


def _venv_after_apt() -> bool:
    """Debian splits `ensurepip` off into a package of its own."""
    if not shutil.which("apt-get"):
        return False
    become_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    _say("Installing python3-venv")
    return (
        _works([*become_root, "apt-get", "update"])
        and _works([*become_root, "apt-get", "install", "-y", "--no-install-recommends", "python3-venv"])
        and _venv_with_own_pip()
    )


def _fill_environment(lock_file: str) -> None:
    """Install the locked packages: with uv because it is fast, with pip where uv cannot.

    uv brings its own list of certificate authorities and does not read pip's configuration, so behind some
    proxies and mirrors only pip gets through.
    """
    pip: list[str | Path] = [python(), "-m", "pip"]
    if _works([*pip, "install", "--quiet", "--disable-pip-version-check", f"uv=={UV_VERSION}"]):
        uv: list[str | Path] = [python(), "-m", "uv", "pip", "install", "--python", python(), "--system-certs"]
        if _works([*uv, "--quiet", "--require-hashes", "-r", ROOT / lock_file]):
            return
        _say("uv could not install the packages, trying pip")
    plain = [*pip, "install", "--disable-pip-version-check", "--quiet", "--require-hashes", "-r", ROOT / lock_file]
    if subprocess.run(plain, cwd=ROOT).returncode:  # noqa: S603 - a fixed command
        sys.exit(f"The packages of {lock_file} could not be installed; the lines above say why.")


def _works(command: Sequence[str | Path]) -> bool:
    """Run one step quietly; on failure show what it said, since the next way may fail as well."""
    try:
        step = subprocess.run(  # noqa: S603 - fixed commands
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError:
        return False
    if step.returncode:
        sys.stderr.write(step.stdout.decode(errors="replace")[-2000:])
    return step.returncode == 0


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two commands on a fresh checkout install once: the second waits for the first."""
    try:
        import fcntl
    except ImportError:  # not on Windows, where only the second command's time is lost
        yield
        return
    with SETUP_LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start_again() -> NoReturn:
    sys.stdout.flush()
    os.execv(python(), [str(python()), *sys.argv])  # noqa: S606 - our own interpreter, our own arguments


def _say(text: str) -> None:
    print(f"portal: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    # `python3 -m sellercentral.bootstrap tests`: for make, which needs the tools before any command runs.
    enter_tests = "tests" in sys.argv[1:]
    if not _is_installed(TESTS if enter_tests else RUNTIME):
        with _one_at_a_time():
            _install(TESTS if enter_tests else RUNTIME)
