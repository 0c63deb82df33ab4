"""Runs all tests, or those that the arguments for pytest choose, on real servers and in a real browser."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from django.core.management.base import BaseCommand

from sellercentral.bootstrap import ROOT

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# What tests need of the machine, by the program: Debian's packages of it.
DEBIAN_PACKAGES = {
    "chromium": ("chromium", "fonts-ipafont-gothic"),
    "soffice": ("libreoffice-calc-nogui",),
}
# Two workers keep two cores busy; more of them wait for the same PostgreSQL and the same browser.
MOST_WORKERS = 4


class Command(BaseCommand):
    """`python3 manage.py test [pytest arguments]`."""

    help = "Installs what tests need and runs pytest with the arguments given."

    def run_from_argv(self, argv: list[str]) -> None:
        """Hand over everything after `test` unread: the arguments are pytest's."""
        run_pytest(argv[2:])

    def handle(self, *args: object, **options: object) -> None:
        """Run all tests, for those who call the command from Python."""
        run_pytest([])


def run_pytest(arguments: list[str]) -> NoReturn:
    """Become pytest, so that signals and its exit status need no passing on."""
    if browser := find_browser():
        os.environ["CHROMIUM"] = browser
    install_office()
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *_workers(arguments), *arguments])


def find_browser() -> str:
    """Return the path of a Chromium, installed if need be; nothing if playwright brings its own."""
    for name in (os.environ.get("CHROMIUM", ""), *BROWSERS):
        if name and (place := shutil.which(name)):
            return place
    if _installed_by_apt("chromium") and (place := shutil.which("chromium")):
        return place
    print("Chromium is not here; playwright installs its own.", file=sys.stderr, flush=True)
    if subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode == 0:
        return ""
    sys.exit("No Chromium for the browser tests: install one, or name it in CHROMIUM.")


def install_office() -> None:
    """Install LibreOffice, whose files some tests read; where that fails, those tests say so."""
    if not shutil.which("soffice") and not (_installed_by_apt("soffice") and shutil.which("soffice")):
        print("LibreOffice is not here: install it for the tests of its files.", file=sys.stderr, flush=True)


def _installed_by_apt(program: str) -> bool:
    if not shutil.which("apt-get") or not Path("/etc/debian_version").exists():
        return False
    become_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    packages = DEBIAN_PACKAGES[program]
    print(f"Installing {packages[0]} for the tests (once)", file=sys.stderr, flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-q"], ["install", "-yq", "--no-install-recommends", *packages]):
        try:
            run = subprocess.run(
                [*become_root, "apt-get", *arguments], env=environment, capture_output=True, text=True, check=False
            )
        except OSError:
            return False
        if run.returncode:
            print(run.stderr[-1000:], file=sys.stderr)
            return False
    return True


def _workers(arguments: list[str]) -> list[str]:
    """Choose pytest-xdist's workers, unless the caller did or wants to look at one test closely."""
    chosen = any(argument.startswith(("-n", "--numprocesses", "--pdb", "--trace")) for argument in arguments)
    one_file = any("::" in argument or argument.endswith(".py") for argument in arguments)
    if chosen or one_file:
        return []
    return ["-n", str(min(os.cpu_count() or 1, MOST_WORKERS)), "--dist", "loadgroup"]
