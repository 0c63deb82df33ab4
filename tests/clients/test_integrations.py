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
from spapi.models import Subscription
from spapi.rules import new_secret, signatures
from tests.cast import Cast

SNIPPETS = dict(
    re.findall(
        r"^## ([^\n]+)\n(?:(?!^## ).)*?```python\n(.*?)```",
        (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
)

# Those that talk to the portal.
PROGRAMS = ("python-amazon-sp-api", "mws", "Without a package", "News")


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
    assert set(SNIPPETS) == {*PROGRAMS, "Checking the signature of a webhook"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_snippet_runs_as_it_stands(asked, live_server, name):
    program = f"PORTAL = {live_server.url!r}\n{SNIPPETS[name]}"
    # In a Python that knows only what is installed: the package mws has the name of a room of ours.
    run = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    said = {"mws": "GREEN", "News": f"{Subscription.objects.values_list('key', flat=True).first()}"}
    assert said.get(name, asked.number) in run.stdout


def test_s27_the_verifier_of_the_docs_takes_ours_for_five_minutes_and_nothing_else():
    names: dict = {}
    exec(SNIPPETS["Checking the signature of a webhook"], names)  # noqa: S102 - the page's own program
    former, secret = new_secret(), new_secret()
    now, body = timezone.now(), b'{"NotificationType":"ORDER_CHANGE"}'

    def headers(moment) -> dict[str, str]:
        signed = signatures([secret, former], message_id="a", moment=moment, body=body)
        return {
            "webhook-id": "a",
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": signed,
        }

    is_ours = names["is_ours"]
    assert is_ours(secret, headers(now), body)
    assert is_ours(former, headers(now), body)
    assert not is_ours(new_secret(), headers(now), body)
    assert not is_ours(secret, headers(now), body + b" ")
    assert not is_ours(secret, headers(now) | {"webhook-id": "b"}, body)
    assert not is_ours(secret, headers(now - timedelta(minutes=6)), body)
