"""docs/integrations.md: its snippets run as they stand, against a live server with the demo's keys."""

import re
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.developers import issue, register
from accounts.management.commands.create_demo_data import CLIENT_ID, KEYS, SEEDLING
from accounts.models import Seller
from accounts.rules import Scope
from sellercentral.bootstrap import ROOT
from tests.cast import Cast

SNIPPETS = dict(
    re.findall(
        r"^## ([^\n]+)\n(?:(?!^## ).)*?```python\n(.*?)```",
        (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
)


@pytest.fixture
def asked(transactional_db, cast: Cast, settings):
    """The demo's keys, and an order that its buyer wants cancelled."""
    settings.SPAPI_RATE_LIMITS = False
    now = timezone.now()
    Seller.objects.filter(pk=cast.shop.pk).update(merchant_id=SEEDLING)
    given = {"seller_id": cast.shop.pk, "by": cast.seller, "now": now}
    software = register(
        name="在庫", purpose="-", contact=cast.alice.email, needs_approval=False, client_id=CLIENT_ID, **given
    )
    issue(application_id=software.pk, scopes=list(Scope), days=90, newest=0, keys=KEYS, **given)
    order = cast.order(1, placed_at=now - timedelta(hours=1))
    cast.request(order, now=now - timedelta(minutes=3))
    return order


def test_there_is_a_snippet_for_each_way():
    assert set(SNIPPETS) == {"python-amazon-sp-api", "mws", "Without a package"}


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_runs_as_it_stands(asked, live_server, name):
    program = f"PORTAL = {live_server.url!r}\n{SNIPPETS[name]}"
    # In a Python that knows only what is installed: the package mws has the name of a room of ours.
    run = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert ("GREEN" if name == "mws" else asked.number) in run.stdout
