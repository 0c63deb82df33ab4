"""Does what a person does on a fresh machine: clone, `python3 manage.py portal`, sign in, look, stop.

Standard library only. The portal runs on its own PostgreSQL and Valkey, whatever this machine offers.
"""

import http.cookiejar
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BANNER = "購入者がこの注文のキャンセルをリクエストしています。"
ACCOUNT = {"email": "alice@seller.example", "password": "demo-portal-2026"}
START_SECONDS = 240
END_SECONDS = 30
# Settings of whoever runs this must not reach the portal.
OURS = re.compile(
    r"DATABASE_URL|REDIS_URL|SECRET_KEY|DEMO|DEBUG|ALLOWED_HOSTS|EMAIL_URL|SITE_URL|VIRTUAL_ENV|DJANGO_.*|PORTAL_.*"
)


def main() -> None:
    """Start three times: from nothing, again after an orderly stop, and after a kill."""
    folder = Path(tempfile.mkdtemp(prefix="fresh-portal-")) / "portal"
    clone = ["git", "clone", "--quiet", str(PROJECT), str(folder)]
    subprocess.run(clone, check=True)
    try:
        first = Portal(folder)
        say(f"from nothing to a ready portal: {first.wait_until_ready():.1f} s")
        first.show_the_banner_to_alice()
        say(f"stopped by Ctrl-C: {first.end(signal.SIGINT):.1f} s")

        second = Portal(folder)
        say(f"second start: {second.wait_until_ready():.1f} s")
        second.show_the_banner_to_alice()
        say(f"gone after kill -9: {second.end(signal.SIGKILL):.1f} s")

        third = Portal(folder)
        say(f"start after the kill: {third.wait_until_ready():.1f} s")
        third.show_the_banner_to_alice()
        say(f"stopped by SIGTERM: {third.end(signal.SIGTERM):.1f} s")
    finally:
        for pid in running_in(folder):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder.parent, ignore_errors=True)


class Portal:
    """One run of `manage.py portal`, looked at from outside."""

    def __init__(self, folder: Path) -> None:
        """Start it on a free port."""
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.output = folder.parent / f"output-{port}.txt"
        env = {name: value for name, value in os.environ.items() if not OURS.fullmatch(name)}
        env["PORT"] = str(port)
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                ["python3", "manage.py", "portal"],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started = time.monotonic()

    def wait_until_ready(self) -> float:
        """Wait for /health/ready and for the last line of the welcome; return the seconds to the former."""
        ready = 0.0
        while time.monotonic() - self.started < START_SECONDS:
            if self.process.poll() is not None:
                self.fail("the portal ended")
            try:
                with urllib.request.urlopen(f"{self.address}/health/ready", timeout=5) as answer:
                    ready = ready or (time.monotonic() - self.started if answer.status == 200 else 0)
            except (OSError, urllib.error.URLError):
                pass
            if ready and "Ctrl-C stops everything" in self.said():
                return ready
            time.sleep(0.1)
        self.fail(f"not ready within {START_SECONDS} s")
        raise AssertionError

    def show_the_banner_to_alice(self) -> None:
        """Sign in as a browser does, open the orders, find the sentence."""
        browser = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )
        browser.addheaders = [("Accept-Language", "ja"), ("Referer", f"{self.address}/login/")]
        page = browser.open(f"{self.address}/login/", timeout=30).read().decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        if not token:
            self.fail("the sign-in page has no form")
        form = urllib.parse.urlencode({**ACCOUNT, "csrfmiddlewaretoken": token[1]}).encode()
        browser.open(f"{self.address}/login/", form, timeout=30).read()
        answer = browser.open(f"{self.address}/seller/orders/", timeout=30)
        if BANNER not in answer.read().decode():
            self.fail(f"{answer.url} does not show the banner to alice")
        say("alice sees the banner")

    def end(self, number: signal.Signals) -> float:
        """End it; every process that ran in the folder must go. Return how long the last one took."""
        if not running_in(self.folder):
            self.fail("no process of the portal is found: this check looks in the wrong place")
        started = time.monotonic()
        os.kill(self.process.pid, number)
        status = self.process.wait(END_SECONDS)
        while left := running_in(self.folder):
            if time.monotonic() - started > END_SECONDS:
                self.fail(f"left running: {sorted(left.values())}")
            time.sleep(0.05)
        if number != signal.SIGKILL and status != 0:
            self.fail(f"ended with status {status}")
        return time.monotonic() - started

    def said(self) -> str:
        """Return what it has printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def fail(self, why: str) -> None:
        """Print everything that may explain it, and end."""
        print(self.said())
        for log in sorted(self.folder.glob("var/log/*.log")):
            print(f"---- {log.name}\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")
        sys.exit(f"FAILED: {why}")


def running_in(folder: Path) -> dict[int, str]:
    """Return the processes that belong to this folder: by their command, or by where they stand."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            place = str((process / "cwd").readlink())
        except OSError:
            continue
        ours = str(folder) in command or place.startswith(str(folder))
        if ours and state != "Z" and int(process.name) != os.getpid():
            found[int(process.name)] = command
    return found


def say(text: str) -> None:
    """Print one result."""
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    main()
