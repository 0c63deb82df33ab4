"""Every page of the portal speaks English to whoever reads English: only names and what people wrote stay Japanese."""

import html
import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.urls import NoReverseMatch, reverse

from accounts.models import User
from orders.views.buyer import GOODS
from tests.house import spoken
from tests.security import access, cast
from tests.security.cast import ANONYMOUS, BUYER, OPERATOR, OWNER

pytestmark = pytest.mark.django_db
# What stands on pages but is nobody's text to read: the way to the other language, and what no reader sees.
UNSEEN = re.compile(
    r"<(script|style)\b.*?</\1>|<!--.*?-->|<button[^>]*\blang=\"ja\"[^>]*>.*?</button>"
    r"|<option value=\"ja\"[^>]*>日本語</option>",
    re.DOTALL,
)
# A name of which an operator is shown the beginning only.
MASKED = re.compile(r"\S?＊+")


def written_by_people() -> list[str]:
    """Every Japanese value of the database, the longest first: names, titles, addresses, comments; and sample wares."""
    found = {goods.title for goods in GOODS.values()}
    for model in apps.get_models():
        columns = [
            field.column
            for field in model._meta.local_fields
            if field.get_internal_type() in {"CharField", "TextField", "JSONField", "EmailField"}
        ]
        for column in columns:
            with connection.cursor() as cursor:
                cursor.execute(f'SELECT DISTINCT "{column}"::text FROM "{model._meta.db_table}"')  # noqa: S608 - our own names
                found |= {value for (value,) in cursor.fetchall() if value and spoken.JAPANESE.search(value)}
    return sorted(found, key=len, reverse=True)


def japanese_on(page: str, known: list[str]) -> list[str]:
    """Words of Japanese on a page that no person wrote."""
    text = MASKED.sub("", html.unescape(UNSEEN.sub(" ", page)))
    for value in known:
        text = text.replace(value, "")
    return [line.strip()[:120] for line in text.splitlines() if spoken.JAPANESE.search(line)]


def addresses(people: cast.Cast) -> list[tuple[str, str]]:
    """Who looks at which address: every page that a GET shows."""
    looked = []
    for name, rule in access.ACCESS.items():
        if "GET" not in rule.methods or rule.read != 200:
            continue
        let_in = rule.owners or rule.roles
        # What everybody may open, a visitor may: whoever is signed in is sent on from there.
        role = next(role for role in (ANONYMOUS, OWNER, OPERATOR, BUYER) if role in let_in)
        try:
            about = people.orders[rule.order].number if rule.order else people.rows.get(rule.row)
            looked.append((role, reverse(name) if about is None else access.address_of(name, about)))
        except NoReverseMatch as error:
            raise AssertionError(f"{name}: how is this page reached?") from error
    return looked


def addresses_of_admin() -> list[str]:
    """The index, each list, each form to add, and the newest row of each model."""
    looked = [reverse("admin:index"), reverse("admin:password_change")]
    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        looked.append(reverse(f"{base}_changelist"))
        if f"{model._meta.app_label}.{model._meta.model_name}" in access.ADDED_BY_HAND:
            looked.append(reverse(f"{base}_add"))
        if (row := model._base_manager.order_by("-pk").first()) is not None:
            looked.append(reverse(f"{base}_change", args=[row.pk]))
    return looked


@pytest.fixture
def people() -> cast.Cast:
    everybody = cast.gather()
    User.objects.update(language="en")
    return everybody


def test_every_page_speaks_english(people):
    known, stray = written_by_people(), []
    for role, address in addresses(people):
        answer = people.client(role).get(address, HTTP_ACCEPT_LANGUAGE="en")
        assert answer.status_code == 200, address
        if answer["Content-Type"].startswith("text/html"):
            stray += [f"{address}: {line}" for line in japanese_on(answer.content.decode(), known)]
    assert stray == []


def test_every_page_of_the_admin_speaks_english(people):
    known, stray = written_by_people(), []
    for address in addresses_of_admin():
        answer = people.client(OPERATOR).get(address, HTTP_ACCEPT_LANGUAGE="en")
        assert answer.status_code in {200, 302, 403}, address
        stray += [f"{address}: {line}" for line in japanese_on(answer.content.decode(), known)]
    assert stray == []


def test_the_search_finds_japanese(people):
    page = people.client(BUYER).get(reverse("buyer:account"), HTTP_ACCEPT_LANGUAGE="en").content.decode()
    assert japanese_on(page.replace("</main>", "<p>注文履歴</p></main>"), written_by_people()) == [
        "<p>注文履歴</p></main>"
    ]
