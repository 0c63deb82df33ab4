"""The import ladder of the house, and rules that know nothing but the standard library."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from sellercentral.bootstrap import ROOT

ROOMS = [
    "accounts",
    "events",
    "orders",
    "payments",
    "messaging",
    "cancellations",
    "shipments",
    "metrics",
    "feeds",
    "reports",
]
# What Django itself puts into an application.
UNPLACED = {"__init__", "apps", "migrations"}
PURE = ["cancellations/policy.py", "cancellations/words.py", "orders/rules.py", "accounts/actors.py"]


def test_contracts_of_imports_are_kept(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == 0, capsys.readouterr().out


def test_every_module_of_a_room_has_its_step_on_the_ladder():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (ladder,) = (contract for contract in contracts if contract["id"] == "ladder")
    placed = set(re.findall(r"[a-z_]+\.[a-z_]+", " ".join(ladder["layers"])))
    modules = {
        f"{room}.{path.stem}"
        for room in ROOMS
        for path in (ROOT / room).iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert {module for module in modules - placed if module.partition(".")[2] not in UNPLACED} == set()


def test_no_door_touches_a_model_manager():
    """Doors read by queries and write by actions (also where they may import a model to name it)."""
    touching = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in doors()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager", "_base_manager"}
    ]
    assert touching == []


def doors() -> list[Path]:
    """Return every file above the forms on the ladder, and the wiring but for the proofs of the books."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (ladder,) = (contract for contract in contracts["contracts"] if contract["id"] == "ladder")
    modules = re.findall(r"[a-z_]+\.[a-z_]+", ladder["layers"][0])
    places = [ROOT / module.replace(".", "/") for module in modules]
    files = [place.with_suffix(".py") for place in places if place.with_suffix(".py").exists()]
    files += [path for place in places for path in place.rglob("*.py")]
    files += (ROOT / "sellercentral").rglob("*.py")
    return [path for path in files if "invariants" not in str(path)]


@pytest.mark.parametrize("module", PURE)
def test_rules_import_the_standard_library_and_other_rules_only(module):
    allowed = sys.stdlib_module_names | {name.partition("/")[0] for name in PURE}
    assert imported_packages(ROOT / module) <= allowed


def imported_packages(path: Path) -> set[str]:
    """Return the top-level names that a file imports, its own package aside."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found
