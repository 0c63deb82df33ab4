"""ホーム: work by deadline, each order once, and what others did meanwhile, at a constant cost."""

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cancellations.actions import cancel_overdue
from cancellations.policy import Reason
from orders import queries
from orders.models import Order
from tests import factories
from tests.cast import LATER, Cast
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(time_machine):
    """An hour after the orders were placed."""
    time_machine.move_to(LATER, tick=False)


@pytest.fixture
def alice(cast: Cast, client: Client) -> Client:
    """alice at her desk."""
    client.force_login(cast.alice)
    return client


def section(page: str, head: str) -> str:
    """What stands in the panel with this heading."""
    (found,) = [part for part in page.split("<section")[1:] if f'aria-labelledby="{head}"' in part]
    return found


def home(client: Client) -> str:
    response = client.get("/seller/")
    assert response.status_code == 200
    return response.content.decode()


def test_a_late_order_that_will_be_cancelled_soon_is_listed_once(cast: Cast, alice: Client):
    today = LATER.date()
    soon, late = (
        cast.order(placed_at=NOON - timedelta(days=9), ship_by=today - timedelta(days=n)) for n in (6, 1)
    )
    page = home(alice)
    assert soon.number in section(page, "due-head")
    assert soon.number not in section(page, "late-head")
    assert late.number in section(page, "late-head")
    assert re.search(r"\b2\s*件", re.sub("<[^>]+>", "", section(page, "tile-late")))


def test_a_late_order_is_listed_however_far_its_due_moment_was_moved(cast: Cast, alice: Client):
    """A policy of many days, or a hold, moves it by more than the usual week."""
    order = cast.order(ship_by=LATER.date() - timedelta(days=2))
    Order.objects.update(auto_cancel_due_at=order.auto_cancel_due_at + timedelta(days=53))
    assert order.number in section(home(alice), "late-head")


def test_what_is_to_be_sent_today_is_counted(cast: Cast, alice: Client):
    cast.order(ship_by=LATER.date())
    cast.order(ship_by=LATER.date() + timedelta(days=1))
    cast.confirm(cast.order(ship_by=LATER.date()))
    assert re.search(r"本日出荷予定</dt><dd><a[^>]*>1件", section(home(alice), "today-head"))


def test_the_news_are_what_others_did(cast: Cast, alice: Client):
    asked, withdrawn, alone, fraud, own = (cast.order() for _ in range(5))
    overdue = cast.order(placed_at=NOON - timedelta(days=20), ship_by=date(2026, 6, 15))
    cast.request(asked)
    cast.request(withdrawn)
    cast.withdraw(withdrawn)
    cast.cancel_alone(alone)
    cast.cancel(fraud, Reason.FRAUD, by=cast.operator)
    cast.cancel(own)
    cancel_overdue(now=LATER)
    news = section(home(alice), "news-head")
    for order, words in (
        (asked, "購入者がキャンセルをリクエストしました"),
        (withdrawn, "購入者がリクエストを取り下げました"),
        (alone, "購入者がキャンセルしました"),
        (fraud, "マーケットプレイスがキャンセルしました"),
        (overdue, "自動的にキャンセルされました"),
    ):
        assert re.search(f"{words}</b>\\s*<a[^>]*>{order.number}", news), words
    assert own.number not in news


def test_the_news_begin_at_the_sign_in_before_this_one(cast: Cast, client: Client, time_machine):
    before, after = cast.order(), cast.order()
    cast.request(before, now=LATER - timedelta(minutes=5))
    who = {"email": cast.alice.email, "password": factories.PASSWORD}
    client.post(reverse("login"), who)
    assert before.number in section(home(client), "news-head")  # the first visit looks back a day
    client.post(reverse("logout"))
    time_machine.move_to(LATER + timedelta(hours=2), tick=False)
    cast.request(after, now=LATER + timedelta(hours=1))
    client.post(reverse("login"), who)
    news = section(home(client), "news-head")
    assert "前回のログイン以降" in news
    assert after.number in news
    assert before.number not in news


def test_another_shops_news_stay_there(cast: Cast, alice: Client):
    foreign = factories.order(cast.other_shop, cast.dora)
    cast.request(foreign)
    assert foreign.number not in home(alice)
    assert queries.news_of_seller(cast.other_shop.pk, since=NOON, limit=5)[0].order == foreign


def test_home_asks_as_much_for_one_order_as_for_many(cast: Cast, alice: Client):
    def fill(count: int) -> None:
        for _ in range(count):
            cast.request(cast.order(1, 2))
            cast.order(placed_at=NOON - timedelta(days=9), ship_by=LATER.date() - timedelta(days=6))
            cast.order(placed_at=NOON - timedelta(days=9), ship_by=LATER.date() - timedelta(days=1))

    counts = []
    for more in (1, 4):
        fill(more)
        home(alice)
        with CaptureQueriesContext(connection) as captured:
            home(alice)
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert counts[1] <= 15, [query["sql"][:90] for query in captured.captured_queries]
