"""The set-up from a bare Python: what is locked, when it is done again, what `.env` may say."""

import json
import os
import re
import subprocess
import sys
import time

import pytest

from sellercentral import bootstrap
from sellercentral.bootstrap import ROOT, RUNTIME, TESTS

PINNED = re.compile(r"^([a-z0-9._-]+)==([^ ;\\]+)", re.IGNORECASE | re.MULTILINE)


def pinned(lock_file: str) -> dict[str, str]:
    return dict(PINNED.findall((ROOT / lock_file).read_text(encoding="utf-8")))


@pytest.mark.parametrize("lock_file", [RUNTIME, TESTS])
def test_every_package_is_pinned_with_its_hashes(lock_file):
    text = (ROOT / lock_file).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z])", text)[1:]
    assert len(entries) == len(pinned(lock_file)) > 20
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock_file", [RUNTIME, TESTS])
def test_lock_file_tells_nothing_of_the_machine_that_made_it(lock_file):
    text = (ROOT / lock_file).read_text(encoding="utf-8")
    assert not re.search(
        r"https?://|file:|--index-url|--extra-index-url|--find-links|(?<!\.)/(home|opt|root|tmp|work)/", text
    )


def test_tests_run_on_the_versions_that_the_portal_runs_on():
    tests = pinned(TESTS)
    assert {name: tests.get(name) for name in pinned(RUNTIME)} == pinned(RUNTIME)


def test_every_wanted_package_is_locked():
    for wanted, lock_file in (("requirements.in", RUNTIME), ("tests/requirements.in", TESTS)):
        names = re.findall(r"^([a-z0-9][a-z0-9-]*)", (ROOT / wanted).read_text(encoding="utf-8"), re.MULTILINE)
        assert set(names) <= set(pinned(lock_file)), wanted


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder with a lock file and an environment that was made from it."""
    (tmp_path / RUNTIME).write_text("django==5.2\n")
    (tmp_path / "python").touch()
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp.json")
    monkeypatch.setattr(bootstrap, "python", lambda: tmp_path / "python")
    (tmp_path / "stamp.json").write_text(json.dumps({RUNTIME: bootstrap._fingerprint(RUNTIME)}))
    return tmp_path


def test_environment_stands_until_the_lock_file_changes(project):
    assert bootstrap._is_installed(RUNTIME)
    (project / RUNTIME).write_text("django==5.3\n")
    assert not bootstrap._is_installed(RUNTIME)


def test_environment_is_made_again_when_its_python_is_gone(project):
    (project / "python").unlink()
    assert not bootstrap._is_installed(RUNTIME)


@pytest.mark.parametrize("stamp", ["", "half a fi", "{}"])
def test_unfinished_set_up_is_begun_again(project, stamp):
    (project / "stamp.json").write_text(stamp)
    assert not bootstrap._is_installed(RUNTIME)


def test_looking_at_a_finished_set_up_takes_no_time(project):
    started = time.perf_counter()
    for _ in range(100):
        bootstrap._is_installed(RUNTIME)
    assert time.perf_counter() - started < 1


def test_set_up_needs_the_standard_library_only():
    loaded = "import sys; import sellercentral.bootstrap; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {loaded}"],
                         capture_output=True, text=True, check=True)  # fmt: skip
    strangers = set(run.stdout.split()) - sys.stdlib_module_names - {"sellercentral", "__main__"}
    assert {name for name in strangers if not name.startswith("_")} == set()


def test_env_file_fills_what_the_environment_lacks(tmp_path, monkeypatch):
    file = tmp_path / "settings.env"
    file.write_text(
        "# a comment\n\nPORTAL_A=plain\nexport PORTAL_B='two words'\nPORTAL_C=\"a=b#c\"\nPORTAL_D=lost\nnonsense\n"
    )
    monkeypatch.setattr(os, "environ", {"PORTAL_ENV_FILE": str(file), "PORTAL_D": "kept"})
    bootstrap.read_env_file()
    assert [os.environ[f"PORTAL_{letter}"] for letter in "ABCD"] == ["plain", "two words", "a=b#c", "kept"]
