"""The documents say what the code does."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

from cancellations.policy import TABLE, Rules
from orders.admin import ACTS
from sellercentral.bootstrap import ROOT
from sellercentral.celery import app
from sellercentral.management.commands.portal import Portal

DOCS = Path(settings.BASE_DIR) / "docs"
OURS = {
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
    "sellercentral",
}


def _routes(resolver: URLResolver, space: str = "") -> set[str]:
    names: set[str] = set()
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            names |= {f"{space}{entry.name}"} if entry.name else set()
        elif entry.namespace != "admin":
            names |= _routes(entry, f"{space}{entry.namespace}:" if entry.namespace else space)
    return names


def _first_cells(text: str) -> set[str]:
    """Code words in the first column of the page's tables."""
    rows = re.findall(r"^\| (`.+?) \|", text, flags=re.MULTILINE)
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)}


def test_every_address_command_task_and_act_stands_in_doors():
    app.loader.import_default_modules()
    tasks = {name for name in app.tasks if name.split(".")[0] in OURS}
    commands = {name for name, place in get_commands().items() if place in OURS}
    listed = _first_cells((DOCS / "doors.md").read_text(encoding="utf-8"))
    assert listed == _routes(get_resolver()) | commands | tasks | set(ACTS)


# Read for what they are to other programs, or passed between our own processes.
NOT_SETTINGS = {
    "DJANGO_SETTINGS_MODULE",
    "PATH",
    "PGUSER",
    "PORTAL_EMBEDDED_DATABASE",
    "PORTAL_PROCESS",
    "PORTAL_TEST_CHILD",
    "PORTAL_TEST_SERVERS",
}


def _settings_read() -> set[str]:
    """Names of the variables that settings, set-up and the embedded servers read."""
    read = re.compile(r'(?:environ(?:\.\w+)?[(\[]|\b_(?:text|switch|number|list)\()\s*"([A-Z][A-Z_]+)"')
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "sellercentral").rglob("*.py")]
    return {name for source in sources for name in read.findall(source)} - NOT_SETTINGS


def test_every_setting_stands_in_the_example():
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^#([A-Z_]+)=", text, flags=re.MULTILINE)) == _settings_read()


def test_every_setting_stands_in_the_page_for_operators():
    text = (DOCS / "operations.md").read_text(encoding="utf-8")
    table = text[text.index("## Settings") : text.index("## Backup")]
    named = {name for name in _first_cells(table) if name.isupper()}
    assert named == _settings_read() | {"PORTAL_PROCESS"}  # which the units set


@pytest.mark.parametrize("page", ["README.md", "README.ja.md", "docs/operations.md", "CONTRIBUTING.md"])
def test_what_a_page_names_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    places = [place for place in re.findall(r"\]\(([^)#]+)", text) if "://" not in place]
    assert [place for place in places if not (ROOT / page).parent.joinpath(place).exists()] == []
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", text)) - {"it"} <= targets
    assert set(re.findall(r"manage\.py (\w+)", text)) <= set(get_commands())


def test_both_readmes_hold_the_same():
    english, japanese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ja.md"))
    assert "](README.ja.md)" in english
    assert "](README.md)" in japanese

    def bones(text: str) -> list[str]:
        plain = re.sub(r"README(\.ja)?\.md|\.(en|ja)\.png", "", text)
        return re.findall(
            r"^#+ |\]\([^)]*\)|`[^`\n]*@[^`\n]*`|manage\.py \w+|`make \w+`", plain, flags=re.MULTILINE
        )

    assert bones(english) == bones(japanese)


def test_the_units_run_what_the_portal_command_runs(monkeypatch):
    """The same programs with the same arguments, so that what is tested is what is run."""
    monkeypatch.setenv("PORT", "8000")
    command = Portal()
    command.describe_programs(None)
    for program in command.programs:
        unit = (DOCS / f"systemd/portal-{program.name}.service").read_text(encoding="utf-8")
        line = re.search(r"^ExecStart=\S+ (.+)$", unit, flags=re.MULTILINE)
        assert line
        assert line[1] == " ".join(program.command[1:])
        assert f"PORTAL_PROCESS={program.env['PORTAL_PROCESS']}\n" in unit


def test_the_policy_page_has_every_row_of_the_table_with_its_effect():
    text = (DOCS / "policy.md").read_text(encoding="utf-8")
    printed = re.findall(r"^\| `([A-Z]{3}-\d)` \| (\w+) \| .* \| (yes|no)\b", text, flags=re.MULTILINE)
    assert printed == [(row.code, row.who.lower(), "yes" if row.counts else "no") for row in TABLE]


def test_the_policy_page_names_the_numbers_in_force():
    text = (DOCS / "policy.md").read_text(encoding="utf-8")
    rules = Rules()
    assert f"Within {rules.direct_cancel_minutes} minutes".lower() in text.lower()
    assert f"{rules.auto_cancel_days} calendar days" in text
    assert f"at most {rules.max_requests_per_order} in all" in text
