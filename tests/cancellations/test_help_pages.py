"""The help pages: public, in both languages, their numbers and their table those of the rules in force."""

import re
from datetime import timedelta

import pytest
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from cancellations.actions import start_policy
from cancellations.models import PolicyVersion
from cancellations.policy import TABLE
from tests import factories

PAGES = ["help:index", "help:cancelling", "help:cancelling-several", "help:questions", "help:for-buyers"]

pytestmark = pytest.mark.django_db


def read(route: str, language: str = "ja", client: Client | None = None) -> str:
    answer = (client or Client()).get(reverse(route), HTTP_ACCEPT_LANGUAGE=language)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_table_is_the_one_the_engine_judges_by(language):
    printed = re.findall(
        r'<span class="tag is-(ok|warn)">.*?<span class="tiny faint">(\w+-\d)</span>',
        read("help:cancelling", language),
    )
    assert printed == [("warn" if row.counts else "ok", row.code) for row in TABLE]


@pytest.mark.parametrize("route", PAGES)
def test_the_index_leads_to_every_page(route):
    assert f'href="{reverse(route)}"' in read("help:index")


@override_settings(DIRECT_CANCEL_MINUTES=12, AUTO_CANCEL_DAYS=9)
def test_minutes_and_days_are_those_of_the_settings():
    page = read("help:cancelling")
    assert "ご注文から12分以内" in page
    assert "出荷予定日から9日が経過" in page
    assert "出荷予定日から 9日以内に" in page
    assert "within 12 minutes" in read("help:for-buyers", "en").lower()


def test_a_later_version_of_the_policy_is_told_from_its_start_on():
    now = timezone.now()
    start_policy(PolicyVersion(starts_at=now - timedelta(days=1), direct_cancel_minutes=30))
    start_policy(PolicyVersion(starts_at=now + timedelta(days=1), direct_cancel_minutes=45))
    assert "ご注文から30分以内" in read("help:for-buyers")


@pytest.mark.parametrize("route", PAGES)
@override_settings(BRAND_NAME="みどり市場")
def test_the_brand_is_the_operators(route):
    page = read(route)
    assert "Amazon" not in page
    assert "マーケットプレイスが自動的に" not in page
    if route == "help:cancelling":
        assert "お客様のみどり市場のアカウントで" in page


def test_everybody_keeps_their_own_menu():
    shop = factories.shop()
    alice, dora = Client(), Client()
    alice.force_login(factories.member(shop, "OWNER", "alice@seller.example", "有栖川 アリス"))
    dora.force_login(factories.person("dora@buyer.example", "土井 ドーラ"))
    assert reverse("seller:orders") in read("help:index", client=alice)
    assert reverse("buyer:orders") in read("help:index", client=dora)
    assert reverse("login") in read("help:index")
