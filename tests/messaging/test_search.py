"""What was said is found by any part of its words, in the looker's own talks only, newest first."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from messaging import search
from messaging.models import Message
from messaging.rules import excerpt
from messaging.search import said_to_buyer, said_to_seller, words_of
from tests import factories
from tests.cast import LATER, Cast

from .test_actions import say
from .test_pages import browser

pytestmark = pytest.mark.usefixtures("no_mails")


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(LATER, tick=False)


def texts(found: search.Found) -> list[str]:
    return [message.text for message in found.messages]


@pytest.mark.parametrize("walk", [search.WALK, 0])  # by looking at the newest, and by the index alone
@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("領収書", True),
        ("収", True),
        ("ﾘﾎﾞﾝ", True),  # in any width
        ("abc-12", True),  # and case
        ("領収書 リボン", True),
        ("領収書　無地", False),
        ("書領", False),
        ("100%", True),
        ("1_0", False),
        ("領%書", False),
    ],
)
def test_a_text_is_found_by_any_part_of_its_words(cast: Cast, monkeypatch, walk, query, is_found):
    monkeypatch.setattr(search, "_NEWEST", search._NEWEST.replace(f"LIMIT {search.WALK}\n", f"LIMIT {walk}\n"))
    say(cast, cast.order(), "領収書とリボンをお願いします。ABC-123、綿100%")
    found = said_to_seller(cast.shop.pk, words_of(query))
    assert bool(found.messages) == is_found
    assert texts(said_to_buyer(cast.dora.pk, words_of(query))) == texts(found)


@pytest.mark.parametrize("walk", [search.WALK, 0])
def test_a_search_goes_on_where_its_page_ended_and_ends(cast: Cast, monkeypatch, walk):
    monkeypatch.setattr(search, "_NEWEST", search._NEWEST.replace(f"LIMIT {search.WALK}\n", f"LIMIT {walk}\n"))
    order = cast.order()
    for number in range(45):
        say(cast, order, f"第{number}便")
    seen, before = [], 0
    while True:
        page = said_to_seller(cast.shop.pk, ["便"], before=before)
        assert texts(said_to_buyer(cast.dora.pk, ["便"], before=before)) == texts(page)
        seen += texts(page)
        before = page.older
        if not before:
            break
    assert seen == [f"第{number}便" for number in reversed(range(45))]


def test_nobody_finds_what_others_said(cast: Cast):
    order = factories.order(cast.other_shop, factories.person("taro@example.com", "太郎"))
    say(cast, order, "秘密の言葉", by=factories.buyer_actor(order.buyer))
    assert texts(said_to_seller(cast.other_shop.pk, ["秘密"])) == ["秘密の言葉"]
    assert texts(said_to_seller(cast.shop.pk, ["秘密"])) == []
    assert texts(said_to_buyer(cast.dora.pk, ["秘密"])) == []


def test_words_are_few_and_without_signs_that_no_text_has():
    assert words_of(" a\x00b\ud800 c ") == ["a", "b", "c"]
    assert len(words_of("a " * 500)) == search.MOST_WORDS


def test_the_page_shows_where_the_words_stand_and_leads_there(cast: Cast):
    order = cast.order()
    say(cast, order, "あ" * 300 + "領収書をください" + "い" * 300)
    for person, side in ((cast.alice, "seller"), (cast.dora, "buyer")):
        page = browser(person).get(reverse(f"{side}:messages"), {"q": "領収書"}).content.decode()
        assert "「領収書」を含むメッセージ" in page
        assert "あ領収書をください" in page
        assert f"#m{Message.objects.get().pk}" in page
        missing = browser(person).get(reverse(f"{side}:messages"), {"q": "<b>無い"}).content.decode()
        assert "見つかりませんでした" in missing
        assert "<b>無い" not in missing


def test_a_whole_order_number_leads_to_its_talk_and_only_ones_own(cast: Cast):
    order = cast.order()
    for person, side in ((cast.alice, "seller"), (cast.dora, "buyer")):
        answer = browser(person).get(reverse(f"{side}:messages"), {"q": order.number.replace("-", "")})
        assert answer["Location"] == reverse(f"{side}:message", args=[order.number])
    theirs = factories.order(cast.other_shop, factories.person("taro@example.com", "太郎"))
    assert browser(cast.alice).get(reverse("seller:messages"), {"q": theirs.number}).status_code == 200


@pytest.mark.parametrize("odd", ["x", "-1", "9" * 40, "\x00", "１"])
def test_an_odd_place_to_go_on_from_begins_anew(cast: Cast, odd):
    say(cast, cast.order(), "領収書")
    for person, side in ((cast.alice, "seller"), (cast.dora, "buyer")):
        page = browser(person).get(reverse(f"{side}:messages"), {"q": "領", "before": odd})
        assert "領収書" in page.content.decode()


def test_a_page_of_found_messages_costs_the_same_however_many_there_are(cast: Cast):
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            alice.get(reverse("seller:messages"), {"q": "便"})
        return len(captured)

    alice = browser(cast.alice)
    say(cast, cast.order(), "便")
    statements()
    few = statements()
    for order in cast.orders(15):
        say(cast, order, "便")
    assert statements() == few


def test_excerpts_begin_near_the_word():
    assert excerpt("領収書", ["収"]) == "領収書"
    assert excerpt("あ" * 50 + "領収書" + "い" * 200, ["領収書"]) == "…" + "あ" * 20 + "領収書" + "い" * 97 + "…"
    assert "領収書" in excerpt("ｶﾞ" * 150 + " 領収書ください", ["領収書"])
    assert excerpt("あ" * 200, ["無い"]) == "あ" * 120 + "…"
