"""The benchmark runs in a database of its own, measures everything, and leaves nothing behind. Times do not matter."""

import contextlib
import json
import os
import subprocess
import sys

import psycopg2
import pytest

from sellercentral.bootstrap import ROOT

PAGES = [
    "first",
    "newest",
    "status",
    "deep",
    "ship_by",
    "partly",
    "cancelled",
    "requested",
    "late",
    "due",
    "period",
    "search.number",
    "search.email",
    "search.sku",
    "search.name",
]
AGAINST_FIRST = ["deep", "search.number", "search.email", "search.sku", "search.name"]
ROWS = {
    *(f"page.{page}" for page in PAGES),
    *(f"page.{page}.against_first" for page in AGAINST_FIRST),
    "page.search.common",
    *(f"talks.{key}" for key in ("first", "unread", "wish", "deep", "common", "some", "rare", "none", "old")),
    "rate",
    "snapshots",
    "page.first_sight",
    "page.statements",
    "api.orders",
    "api.items",
    "cancel",
    "cancel.statements",
    "bulk",
    "bulk.transaction",
    "import",
    "feed",
    "report",
    "report.memory",
    "sweep",
    "sweep.transaction",
}


@pytest.mark.slow
def test_quick_run_measures_everything_and_clears_up(tmp_path):
    name = f"portal_bench_{os.getpid()}"
    figures = tmp_path / "figures.json"
    options = ["--quick", "--rounds", "1", "--database", name, "--output", str(figures)]
    run = subprocess.run(
        [sys.executable, "-m", "bench", *options], cwd=ROOT, capture_output=True, text=True, timeout=600
    )

    # Exit status 0: every bound on statements is kept.
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert {row["key"] for row in found["rows"]} == ROWS
    assert all(row["ours"] > 0 for row in found["rows"])
    assert all(row["what"] in run.stdout for row in found["rows"])
    with contextlib.closing(psycopg2.connect(os.environ["DATABASE_URL"])) as server, server.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [name])
        assert cursor.fetchone() == (0,)
