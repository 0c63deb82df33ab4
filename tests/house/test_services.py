"""The embedded servers: found again, never twice on the same data, gone with their owner, nothing lost."""

import os
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest
import redis

from sellercentral.services import binaries, ownership, servers
from sellercentral.services.embedded import Embedded
from sellercentral.services.servers import Postgres, ServiceError, Valkey
from tests.processes import Process, alive, children_of, environment_of_stranger, eventually

# Root has two ways to run PostgreSQL; everybody else has one.
WAYS = ["namespaces allowed", "namespaces forbidden"] if os.geteuid() == 0 else ["ordinary user"]

# What any manage.py command does first. It then says where the servers are and waits for a signal.
COMMAND = """
import os, signal
from sellercentral import services
services.ensure_for_command("shell")
print("database", os.environ["DATABASE_URL"])
print("redis", os.environ["REDIS_URL"])
print("up")
signal.pause()
"""


@pytest.fixture(params=WAYS)
def way(request):
    return {"PORTAL_USER_NAMESPACES": "off"} if request.param == "namespaces forbidden" else {}


@pytest.fixture
def command(tmp_path, way):
    """Start commands that share one folder of data, and see all of them off."""
    home = tmp_path / 'a rather "long" name, whose socket would have no room' / ("x" * 60)
    env = environment_of_stranger(PORTAL_VAR=str(home), **way)
    started: list[Process] = []

    def start() -> Process:
        output = tmp_path / f"output-{len(started)}"
        started.append(Process([sys.executable, "-c", COMMAND], output=output, env=env))
        return started[-1]

    yield start
    for process in started:  # first all are told, since owners wait for borrowers
        if process.popen.poll() is None:
            process.send(signal.SIGTERM)
    for process in started:
        process.finish()
    for link in home.glob("postgresql-*"):
        if link.is_symlink():
            eventually(lambda link=link: not (link / "postmaster.pid").exists(), what="the last server gone")
            shutil.rmtree(link.readlink().parent)


def addresses(process: Process) -> dict[str, str]:
    process.wait_for("\nup\n")
    return dict(line.split(" ", 1) for line in process.said().splitlines() if " " in line)


def keep_a_row(at: dict[str, str]) -> int:
    """Add a row and an entry; return how many rows there are, and check that as many entries are."""
    connection = psycopg2.connect(at["database"])
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS kept (id serial)")
        cursor.execute("INSERT INTO kept DEFAULT VALUES")
        cursor.execute("SELECT count(*) FROM kept")
        rows = cursor.fetchone()[0]
    connection.close()
    with redis.Redis.from_url(at["redis"]) as client:
        assert client.incr("kept") == rows
    return rows


def test_servers_start_answer_and_end_with_their_command(command):
    first = command()
    at = addresses(first)
    assert keep_a_row(at) == 1
    children = children_of(first.pid)
    assert children

    first.end()

    assert alive(children) == set()
    assert not socket_dir(at).exists()


def test_second_command_uses_the_servers_of_the_first(command):
    first = command()
    at = addresses(first)

    second = command()

    assert addresses(second) == at
    assert children_of(second.pid) == set()
    second.end()
    assert keep_a_row(at) == 1


def test_two_commands_at_once_start_one_pair_of_servers(command):
    both = [command(), command()]

    assert addresses(both[0]) == addresses(both[1])
    assert sorted(bool(children_of(each.pid)) for each in both) == [False, True]


def test_owner_that_is_done_waits_for_who_borrowed(command):
    owner = command()
    at = addresses(owner)
    borrower = command()
    addresses(borrower)

    owner.send(signal.SIGTERM)
    owner.wait_for("waiting for it")

    assert keep_a_row(at) == 1
    borrower.end()
    owner.popen.wait(30)
    assert owner.popen.returncode == 143
    assert not socket_dir(at).exists()


def test_owner_told_twice_waits_no_longer_and_still_clears_up(command):
    owner = command()
    at = addresses(owner)
    addresses(command())
    children = children_of(owner.pid)

    owner.send(signal.SIGTERM)
    owner.wait_for("waiting for it")
    owner.send(signal.SIGTERM)

    owner.popen.wait(30)
    assert alive(children) == set()
    assert not socket_dir(at).exists()


def test_killed_owner_leaves_nothing_running_and_loses_nothing(command):
    killed = command()
    at = addresses(killed)
    assert keep_a_row(at) == 1
    children = children_of(killed.pid)

    os.kill(killed.pid, signal.SIGKILL)

    eventually(lambda: not alive(children), within=15, what="servers gone")
    after = addresses(command())
    assert keep_a_row(after) == 2
    assert not socket_dir(at).exists()


def test_killed_servers_recover_with_all_rows(command):
    owner = command()
    at = addresses(owner)
    assert keep_a_row(at) == 1
    with redis.Redis.from_url(at["redis"]) as client:
        eventually(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0)
    for pid in children_of(owner.pid):
        with suppress(ProcessLookupError):  # PostgreSQL's own follow the first one
            os.kill(pid, signal.SIGKILL)
    owner.end()

    assert keep_a_row(addresses(command())) == 2


def socket_dir(at: dict[str, str]) -> Path:
    return Path(psycopg2.extensions.parse_dsn(at["database"])["host"])


def test_missing_servers_are_named_with_their_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(binaries, "postgres_programs", lambda major=None: None)
    monkeypatch.setattr(binaries, "valkey_program", lambda: None)
    with pytest.raises(ServiceError, match=r"(?s)DATABASE_URL.*apt-get install postgresql"):
        Postgres(tmp_path)
    with pytest.raises(ServiceError, match=r"(?s)REDIS_URL.*apt-get install redis-server"):
        Valkey(tmp_path)


def test_data_of_a_version_that_is_not_installed_is_left_alone(tmp_path):
    (tmp_path / "postgresql-9").mkdir()
    (tmp_path / "postgresql-9" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServiceError, match="data of PostgreSQL 9"):
        Postgres(tmp_path)


def test_server_that_cannot_start_shows_its_log(tmp_path, monkeypatch):
    server = Postgres(tmp_path)
    server.start()
    server.stop()
    (server.data / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(ServiceError, match="no_such_setting"):
        server.start()
    server.stop()


def test_server_that_fails_to_come_back_keeps_its_address(tmp_path):
    embedded = Embedded(tmp_path, {"postgresql"})
    server = embedded.postgres
    server.start()
    address = server.url
    server.process.kill()
    server.process.wait()
    configuration = server.data / "postgresql.conf"
    right = configuration.read_text()
    configuration.write_text("no_such_setting = 1\n")
    assert embedded.revive() == ["PostgreSQL"]
    assert not server.is_running()

    configuration.write_text(right)

    def revived():
        embedded.revive()
        return server.is_running() and server.answers()

    eventually(revived)
    assert server.url == address
    embedded.stop()


def test_folders_that_killed_owners_left_are_removed(tmp_path, monkeypatch):
    forgotten, fresh = (Path(tempfile.mkdtemp(prefix=servers.SOCKET_DIR_PREFIX, dir="/tmp")) for _ in range(2))
    os.utime(forgotten, (0, 0))
    server = Postgres(tmp_path)
    server.start()
    server.stop()
    assert not forgotten.exists()
    fresh.rmdir()


def test_folder_of_another_user_is_said_so(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ServiceError, match="belongs to another user"):
        ownership.Household(tmp_path).borrow_or_own({"valkey"})


def test_address_file_is_for_its_owner_only(command, tmp_path):
    addresses(command())
    (state,) = tmp_path.glob("*/*/services.json")
    assert state.stat().st_mode & 0o077 == 0
