"""The numbers of an open page stay true without a reload, ask seldomer while nothing changes, and rest when hidden."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from cancellations import actions as cancelling
from cancellations.actions import RequestTarget
from messaging.actions import MessageTarget, send
from messaging.rules import Topic
from tests import factories

FIGURES = "/seller/figures/"


def ask(floor, order) -> None:
    target = RequestTarget(order.pk, "OTHER", "その他", None, "")
    now = timezone.now() - timedelta(minutes=1)
    cancelling.request_cancellation(targets=[target], by=factories.buyer_actor(floor.dora), now=now)


@pytest.fixture
def open_list(floor, visit):
    """注文管理 with one request, its clock in the test's hand, and the answers it was given so far."""
    floor.orders = [floor.order(minutes_ago=90) for _ in range(3)]
    ask(floor, floor.orders[0])
    page: Page = visit(floor.alice, "/login/")
    stop_clock(page)
    page.goto(floor.url + "/seller/orders/")
    answers: list[int] = []
    page.on("response", lambda answer: answers.append(answer.status) if FIGURES in answer.url else None)
    return page, answers


def stop_clock(page: Page) -> None:
    """Let the pages that follow see no time pass but what the test lets pass, however slow the machine is."""
    now = timezone.now()
    page.clock.install(time=now)
    page.clock.pause_at(now + timedelta(seconds=1))


def pass_until_asked(page: Page, seconds: int) -> None:
    with page.expect_response(lambda answer: FIGURES in answer.url):
        page.clock.run_for(seconds * 1000)


def test_a_new_request_shows_without_a_reload_and_is_said_politely(floor, open_list):
    page, _ = open_list
    expect(page.locator("#chip-requested .count")).to_have_text("1")
    pass_until_asked(page, 15)
    ask(floor, floor.orders[1])
    pass_until_asked(page, 30)
    expect(page.locator("#chip-requested .count")).to_have_text("2")
    expect(page.locator("#polite")).to_have_text("未対応のキャンセルリクエスト：2件")
    pill = page.locator("[data-figure-pill]").first
    expect(pill).to_contain_text("2件未対応")


def test_a_new_message_shows_without_a_reload_and_is_said_politely(floor, open_list):
    page, _ = open_list
    pill = page.locator("[data-figure-pill=unread]").first
    expect(pill).to_be_hidden()
    said = MessageTarget(floor.orders[1].pk, Topic.OTHER, "領収書をお願いします。")
    send(targets=[said], by=factories.buyer_actor(floor.dora), now=timezone.now())
    pass_until_asked(page, 15)
    expect(pill).to_be_visible()
    expect(pill).to_contain_text("未読 1件")
    expect(page.locator("#polite")).to_have_text("未読のメッセージがある会話：1件")


def test_it_asks_seldomer_while_nothing_changes(floor, open_list):
    page, answers = open_list
    asked_for: list[str] = []
    page.on("request", lambda asked: asked_for.append(asked.url) if FIGURES in asked.url else None)
    pass_until_asked(page, 15)
    for pause in (15, 30, 60, 120, 240, 240):
        expect(page.locator("#figures")).not_to_have_class(re.compile("htmx-request"))
        asked = len(answers)
        page.clock.run_for((pause - 2) * 1000)
        assert len(answers) == asked, f"asked again before {pause} s"
        pass_until_asked(page, 3)
    assert set(answers) == {204}
    # What the page shows already is named, so that an answer without news is empty and keeps the pause growing.
    assert all("seen=" in url for url in asked_for[1:])


def test_a_lost_connection_is_said_once_and_goes_with_the_next_answer(floor, visit):
    page = visit(floor.alice, "/login/", watched=False)
    stop_clock(page)
    page.goto(floor.url + "/seller/orders/")
    page.route(f"**{FIGURES}*", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.clock.run_for(15_000)
    expect(page.get_by_role("alert")).to_have_text("通信できませんでした。もう一度お試しください。")
    page.unroute(f"**{FIGURES}*")
    pass_until_asked(page, 30)
    expect(page.locator("#offline")).to_be_hidden()


def test_whoever_was_signed_out_meanwhile_is_not_dragged_away(floor, open_list):
    page, answers = open_list
    page.context.clear_cookies()
    pass_until_asked(page, 15)
    expect(page.locator("#figures")).to_have_count(0)
    assert page.url.endswith("/seller/orders/")
    page.clock.run_for(600_000)
    assert len(answers) == 1
