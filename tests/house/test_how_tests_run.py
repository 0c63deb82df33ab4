"""The test command itself: which servers, which browser, how many workers."""

import os
import subprocess

import pytest

from sellercentral.management.commands import test as command
from sellercentral.services import loopback


@pytest.fixture
def environment(monkeypatch):
    """An environment that names nothing yet; what the code adds ends with the test."""
    names = ("DATABASE_URL", "REDIS_URL", "PORTAL_TEST_SERVERS", "CHROMIUM")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    monkeypatch.setattr(os, "environ", kept)
    return kept


def test_servers_of_the_environment_come_first(environment, monkeypatch):
    monkeypatch.setattr(loopback, "_loopback_postgresql", lambda: pytest.fail("looked elsewhere"))
    monkeypatch.setattr(loopback, "_loopback_redis", lambda: pytest.fail("looked elsewhere"))
    environment |= {"DATABASE_URL": "postgresql://db.example/x", "REDIS_URL": "redis://cache.example"}
    assert loopback.ensure_for_tests() == "PostgreSQL of DATABASE_URL; Redis of REDIS_URL"


def test_servers_on_loopback_come_second(environment, monkeypatch):
    monkeypatch.setattr(loopback, "_loopback_postgresql", lambda: ("postgresql:///x", "PostgreSQL here"))
    monkeypatch.setattr(loopback, "_loopback_redis", lambda: ("redis://here", "Redis here"))
    monkeypatch.setattr(loopback, "_remove_abandoned_databases", lambda url: None)
    assert loopback.ensure_for_tests() == "PostgreSQL here; Redis here"
    assert (environment["DATABASE_URL"], environment["REDIS_URL"]) == ("postgresql:///x", "redis://here")


def test_servers_of_our_own_come_last(environment, monkeypatch):
    started = []

    def start(wanted):
        started.append(wanted)
        return {"postgresql": "embedded PostgreSQL 18"}

    monkeypatch.setattr(loopback, "_loopback_postgresql", lambda: None)
    monkeypatch.setattr(loopback, "_loopback_redis", lambda: ("redis://here", "Redis here"))
    monkeypatch.setattr(loopback, "_start_embedded", start)
    assert loopback.ensure_for_tests() == "embedded PostgreSQL 18; Redis here"
    assert started == [{"postgresql"}]


def test_workers_of_a_run_take_over_what_was_found(environment, monkeypatch):
    environment["PORTAL_TEST_SERVERS"] = "found before"
    monkeypatch.setattr(loopback, "_start_embedded", lambda wanted: pytest.fail("started twice"))
    assert loopback.ensure_for_tests() == "found before"


@pytest.mark.parametrize(
    ("case", "here", "chosen"),
    [
        ("named by the caller", {"/opt/browser", "chromium"}, "/opt/browser"),
        ("Debian's", {"chromium", "google-chrome"}, "/bin/chromium"),
        ("Google's", {"google-chrome"}, "/bin/google-chrome"),
    ],
)
def test_browser(environment, monkeypatch, case, here, chosen):
    environment["CHROMIUM"] = "/opt/browser"
    places = {name: name if name.startswith("/") else f"/bin/{name}" for name in here}
    monkeypatch.setattr(command.shutil, "which", places.get)
    assert command.find_browser() == chosen


def test_browser_is_installed_from_debian_where_there_is_none(environment, monkeypatch):
    ran = []

    def run(arguments, **options):
        ran.append(" ".join(arguments))
        return subprocess.CompletedProcess(arguments, 0, "", "")

    def which(name):
        installed = any("install" in line for line in ran)
        return f"/bin/{name}" if name in {"apt-get", "sudo"} or (name == "chromium" and installed) else None

    monkeypatch.setattr(command.shutil, "which", which)
    monkeypatch.setattr(command.subprocess, "run", run)
    assert command.find_browser() == "/bin/chromium"
    assert ran[-1].endswith("install -yq --no-install-recommends chromium fonts-ipafont-gothic")


def test_no_browser_at_all_is_a_failure(environment, monkeypatch):
    def run(arguments, **options):
        return subprocess.CompletedProcess(arguments, 1, "", "no network")

    monkeypatch.setattr(command.shutil, "which", lambda name: None)
    monkeypatch.setattr(command.subprocess, "run", run)
    with pytest.raises(SystemExit, match="CHROMIUM"):
        command.find_browser()


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [([], True), (["-k", "cancel"], True), (["tests/orders"], True), (["-n", "0"], False), (["--pdb"], False),
     (["tests/orders/test_rules.py"], False), (["tests/orders/test_rules.py::test_one"], False)],
)  # fmt: skip
def test_tests_share_the_cores_unless_one_is_looked_at(arguments, chosen):
    assert bool(command._workers(arguments)) is chosen
