"""The import ladder of the house, and rules that know nothing but the standard library."""

import ast
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from sellercentral.bootstrap import ROOT

PURE = ["cancellations/policy.py", "orders/rules.py", "accounts/actors.py"]


def test_contracts_of_imports_are_kept(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == 0, capsys.readouterr().out


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
