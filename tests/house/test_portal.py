"""`manage.py portal`: what it refuses, what it starts, what it starts again."""

import http.client
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from sellercentral.bootstrap import ROOT
from sellercentral.supervisor import Program, stop_all
from tests.processes import Process, alive, children_of, environment_of_stranger, eventually, parents_now, running

START_SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def portal(tmp_path):
    """Return what starts a portal with data of its own; all end with the test."""
    started = []

    def start(port: int, **environment: str) -> Process:
        env = environment_of_stranger(PORTAL_VAR=str(tmp_path / "var"), PORT=str(port), **environment)
        command = [sys.executable, "manage.py", "portal"]
        process = Process(command, output=tmp_path / f"output-{len(started)}", env=env)
        started.append(process)
        return process

    yield start
    for process in started:
        family = children_of(process.pid)
        process.finish()
        eventually(lambda family=family: not alive(family), what="everything that the portal started gone")


def get(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def the(name: str, pid: int) -> int:
    """Return the pid of the portal's own child whose command holds `name`."""
    children = (child for child, parent in parents_now().items() if parent == pid)
    return next((child for child in children if name in command_of(child)), 0)


def test_taken_port_is_said_before_anything_starts(portal, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = portal(port)
        assert process.popen.wait(60) == 1
    assert f"port {port} is in use" in process.said()
    assert "PORT=" in process.said()
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_port_that_is_none(portal, port):
    process = portal(port)
    assert process.popen.wait(60) == 1
    assert "PORT must be a number" in process.said()


def test_unsafe_settings_are_said_in_one_line(portal):
    process = portal(free_port(), DEMO="off")
    assert process.popen.wait(60) == 1
    assert process.said().splitlines()[-1].startswith("portal: SECRET_KEY is not set.")
    assert "Traceback" not in process.said()


def test_whatever_dies_is_started_again_and_all_end_together(portal):
    port = free_port()
    process = portal(port)
    process.wait_for("Ctrl-C stops everything", within=START_SECONDS)
    said = process.said()
    assert f"http://127.0.0.1:{port}/" in said
    assert "alice@seller.example" in said
    assert get(port, "/health/ready") == 200

    second = portal(free_port())
    assert second.popen.wait(60) == 1
    assert f"the portal runs already, at http://127.0.0.1:{port}" in second.said()

    for name in ("-m granian", "sellercentral.celery worker", "valkey", "bin/postgres"):
        killed = eventually(lambda name=name: the(name, process.pid), what=name)
        orphans = children_of(killed)
        os.kill(killed, signal.SIGKILL)

        def started_again(name=name, killed=killed):
            return the(name, process.pid) not in {0, killed}

        eventually(started_again, what=f"{name} started again")
        eventually(
            lambda orphans=orphans: not alive(orphans), within=20, what=f"nothing left of the killed {name}"
        )
    eventually(lambda: get(port, "/health/ready") == 200, what="ready again")

    family = children_of(process.pid)
    process.send(signal.SIGINT)
    assert process.popen.wait(30) == 0
    assert alive(family) == set()


def test_program_that_keeps_failing_is_started_ever_more_rarely(tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 1))
    monkeypatch.setattr("sellercentral.supervisor.time.monotonic", lambda: float(next(clock)))
    said: list[str] = []
    program = Program("worker", [sys.executable, "-c", "raise SystemExit(3)"])
    program.start()
    for _ in range(6):
        program.process.wait()
        while program.start_again_at is None:
            program.look_after(said.append)
        while program.start_again_at is not None:
            program.look_after(said.append)
    pauses = [text.rpartition(" in ")[2].partition(" s")[0] for text in said]
    assert pauses == ["1", "2", "4", "8", "16", "30"]
    assert "worker ended with status 3" in said[0]
    program.process.wait()


def test_program_that_will_not_stop_is_killed_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr("sellercentral.supervisor.STOP_SECONDS", 0.5)
    stubborn = "import signal, subprocess, sys; signal.signal(15, 1); print('up', flush=True); "
    stubborn += "subprocess.run([sys.executable, '-c', 'import signal; signal.signal(15, 1); signal.pause()'])"
    program = Program("worker", [sys.executable, "-c", stubborn], log=tmp_path / "log" / "worker.log")
    program.start()
    family = eventually(lambda: len(children_of(program.process.pid)) and children_of(program.process.pid))
    stop_all([program])
    assert program.process.poll() is not None
    eventually(lambda: not alive(family))


def test_another_command_finds_the_servers_of_its_folder(tmp_path):
    env = environment_of_stranger(PORTAL_VAR=str(tmp_path / "var"))
    show = "import os; print('at', os.environ['DATABASE_URL'], os.environ['DEMO'] if 'DEMO' in os.environ else '')"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", show]
    with running(command, output=tmp_path / "output", env=env, cwd=ROOT) as shell:
        assert shell.popen.wait(60) == 0, shell.said()
    assert "at postgresql://portal@/portal?host=" in shell.said()
    assert not (tmp_path / "var" / "services.json").exists()
