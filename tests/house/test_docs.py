"""The documents say what the code does."""

import re
from pathlib import Path

from django.conf import settings
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

from cancellations.policy import TABLE, Rules
from orders.admin import ACTS
from sellercentral.celery import app

DOCS = Path(settings.BASE_DIR) / "docs"
OURS = {"accounts", "events", "orders", "payments", "cancellations", "shipments", "sellercentral"}


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
    tasks = {name for name in app.tasks if name.split(".")[0] in OURS}
    commands = {name for name, place in get_commands().items() if place in OURS}
    listed = _first_cells((DOCS / "doors.md").read_text(encoding="utf-8"))
    assert listed == _routes(get_resolver()) | commands | tasks | set(ACTS)


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
