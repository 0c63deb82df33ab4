"""The talks' pages: the official way is shown first, ready-written texts are read before they are sent."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.actions import set_language
from messaging.models import Message, Thread
from messaging.rules import Topic
from sellercentral.templatetags.portal import with_own_links
from tests.books import nothing_changes
from tests.cast import LATER, Cast

from .test_actions import say

pytestmark = pytest.mark.usefixtures("no_mails")


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(LATER, tick=False)


def browser(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def sends(text: str = "よろしくお願いします。", topic: str = "OTHER", **more: str) -> dict[str, str]:
    return {"key": "k1", "topic": topic, "text": text, "confirmed": "", **more}


def test_both_sides_talk_and_see_what_is_new(cast: Cast):
    order = cast.order()
    dora, alice = browser(cast.dora), browser(cast.alice)
    theirs, ours = reverse("buyer:message", args=[order.number]), reverse("seller:message", args=[order.number])
    for _ in range(2):  # sent twice, kept once
        assert dora.post(theirs, sends("領収書をお願いします。"))["Location"] == f"{theirs}#said"
    assert Message.objects.count() == 1
    listed = alice.get(reverse("seller:messages")).content.decode()
    assert "領収書をお願いします。" in listed
    assert "未読 1件" in listed
    assert "領収書をお願いします。" in alice.get(ours).content.decode()
    assert "未読 1件" not in alice.get(reverse("seller:messages")).content.decode()
    alice.post(ours, sends("同梱します。"))
    page = dora.get(theirs).content.decode()
    assert "同梱します。" in page
    assert cast.alice.name not in page  # the buyer talks to a shop
    assert Thread.objects.get().unread_by_buyer == 0


def test_what_is_new_is_counted_in_the_menu_and_where_each_side_begins(cast: Cast):
    order = cast.order()
    say(cast, order)
    say(cast, order, by=cast.seller)
    for person, side, start in ((cast.alice, "seller", "seller:home"), (cast.dora, "buyer", "buyer:account")):
        begins = browser(person).get(reverse(start)).content.decode()
        assert re.search(r'data-figure-pill="unread">.*未読 1件', begins)
        browser(person).get(reverse(f"{side}:message", args=[order.number]))
        assert re.search(
            r'data-figure-pill="unread" hidden>', browser(person).get(reverse(start)).content.decode()
        )
    assert "未読のメッセージがある会話" in browser(cast.alice).get(reverse("seller:home")).content.decode()


def test_a_buyer_who_writes_of_a_cancellation_is_shown_the_official_button_first(cast: Cast):
    order = cast.order()
    dora, address = browser(cast.dora), reverse("buyer:message", args=[order.number])
    with nothing_changes():
        page = dora.post(address, sends("やめたいです", "CANCEL")).content.decode()
    assert reverse("buyer:order-request", args=[order.number]) in page
    assert "やめたいです" in page
    dora.post(address, sends("やめたいです", "CANCEL", confirmed="message"))
    assert Message.objects.get().wishes


def test_rule_17_a_wish_by_message_puts_notice_and_template_above_the_shops_talk(cast: Cast):
    order = cast.order()
    say(cast, order, "キャンセルしたいです")
    alice, address = browser(cast.alice), reverse("seller:message", args=[order.number])
    notice = "メッセージのみのキャンセル依頼は非公式です。このままキャンセルするとキャンセル率に影響します。"
    assert notice in alice.get(address).content.decode()
    written = alice.get(f"{address}?template=official").content.decode()
    assert (
        "お客様のマーケットプレイスのアカウントでご注文を確認していただくには、"
        "アカウントサービス、注文履歴、キャンセル依頼の順にクリックしてください。"
    ) in written
    assert f"{reverse('buyer:order-request', args=[order.number])}" in written
    assert '<option value="CANCEL" selected>' in written
    assert not Message.objects.filter(side="SELLER").exists()
    cast.request(order)
    assert notice not in alice.get(address).content.decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "https://portal.example/account/orders/1/",
            '<a href="/account/orders/1/">https://portal.example/account/orders/1/</a>',
        ),
        ("一\nhttps://portal.example/a です", '一<br><a href="/a">https://portal.example/a</a> です'),
        ("https://portal.example//evil.example/", "https://portal.example//evil.example/"),
        ("https://portal.example.evil.example/a", "https://portal.example.evil.example/a"),
        ("https://evil.example/", "https://evil.example/"),
        ('<b>"x"</b>', "&lt;b&gt;&quot;x&quot;&lt;/b&gt;"),
    ],
)
def test_s30_only_addresses_of_the_portal_are_links_in_what_somebody_wrote(settings, text, shown):
    settings.SITE_URL = "https://portal.example"
    assert with_own_links(text) == shown


def test_ready_written_texts_speak_the_buyers_language(cast: Cast):
    order = cast.order()
    set_language(user=cast.dora, language="en")
    page = browser(cast.alice).get(f"{reverse('seller:message', args=[order.number])}?template=official")
    assert "お客様" not in page.context["form"].initial["text"]


def test_b17_a_push_is_asked_about_once_and_sent_if_the_shop_insists(cast: Cast):
    order = cast.order()
    alice, address = browser(cast.alice), reverse("seller:message", args=[order.number])
    push = sends("キャンセルのリクエストを送信してください。", "CANCEL")
    with nothing_changes():
        asked = alice.post(address, push).content.decode()
    assert "購入者にキャンセルを求める内容が含まれています。" in asked
    insists = re.search(r'name="confirmed" value="([0-9a-f]{64})"', asked)[1]
    other = sends("取り消しをお願いします。", "CANCEL", confirmed=insists)
    with nothing_changes():  # other words are asked about anew
        assert "購入者にキャンセルを求める内容が含まれています。" in alice.post(address, other).content.decode()
    alice.post(address, push | {"confirmed": insists})
    assert Message.objects.get().pushes


def test_b17_who_was_asked_by_the_buyer_or_takes_the_ready_written_reply_pushes_nobody(cast: Cast):
    asked, plain = cast.order(), cast.order()
    cast.request(asked)
    alice = browser(cast.alice)
    push = sends("キャンセルのリクエストを送信してください。", "CANCEL")
    alice.post(reverse("seller:message", args=[asked.number]), push)
    address = reverse("seller:message", args=[plain.number])
    written = alice.get(f"{address}?template=official").context["form"].initial["text"]
    alice.post(address, sends(written.replace("\n", "\r\n"), "CANCEL", key="k2"))
    assert list(Message.objects.values_list("pushes", flat=True)) == [False, False]


def test_every_message_of_a_long_talk_is_reached(cast: Cast, monkeypatch):
    monkeypatch.setattr("messaging.queries.MESSAGES_SHOWN", 3)
    order = cast.order()
    for number in range(7):
        say(cast, order, f"第{number}便")
    alice, address = browser(cast.alice), reverse("seller:message", args=[order.number])
    seen, query = [], ""
    while query is not None:
        page = alice.get(address + query)
        seen = [line.message.text for line in page.context["lines"]] + seen
        older = page.context["older_lines"]
        query = f"?at={older}" if older else None
    assert seen == [f"第{number}便" for number in range(7)]
    first = Message.objects.order_by("pk").first()
    found = alice.get(address, {"q": "第0便", "at": first.pk})
    assert f'id="m{first.pk}"' in found.content.decode()
    assert "この会話の最新のメッセージ" in found.content.decode()


def test_the_second_question_of_a_cancellation_leads_to_the_ready_written_reply(cast: Cast):
    order = cast.order()
    page = browser(cast.alice).post(
        reverse("seller:order-cancel", args=[order.number]),
        {"key": "k", "expected_version": "1", "reason": "BUYER_CANCELED", "seller_memo": "", "restock": "on"},
    )
    assert f"{reverse('seller:message', args=[order.number])}?template=official#write" in page.content.decode()


def test_the_form_says_what_the_verdict_would_be(cast: Cast):
    order = cast.order()
    address = f"{reverse('seller:order', args=[order.number])}?reason=BUYER_CANCELED"
    alice = browser(cast.alice)
    assert "BUY-3" in alice.get(address).content.decode()
    say(cast, order, "キャンセルしたいです")
    assert "BUY-2" in alice.get(address).content.decode()


def test_domain_7_2_a_shipment_that_overtook_a_request_goes_on_to_the_buyer(cast: Cast):
    order = cast.order()
    cast.request(order)
    order.refresh_from_db()
    line = order.items.get()
    answer = browser(cast.alice).post(
        reverse("seller:order-confirm-shipment", args=[order.number]),
        {
            "key": "k",
            "expected_version": str(order.version),
            f"take-{line.item_id}": "on",
            f"quantity-{line.item_id}": "1",
            "shipped_on": LATER.date().isoformat(),
            "already_shipped": "on",
        },
        follow=True,
    )
    assert answer.redirect_chain[-1][0].endswith("?template=return#write")
    assert "商品の受取を拒否するか、商品到着後に返品手続きをしてください。" in answer.content.decode()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"topic": ""}, "件名を選択してください。"),
        ({"topic": "MORE_INFORMATION"}, "件名を選択してください。"),
        ({"text": "  "}, "本文を入力してください。"),
        ({"text": "あ" * 2001}, "本文は2,000文字以内で入力してください。"),
        ({"text": "a\x00b"}, "使用できない文字"),
    ],
)
def test_what_cannot_be_sent_is_named_and_kept(cast: Cast, fields, says):
    order, dora = cast.order(), browser(cast.dora)
    with nothing_changes():
        answer = dora.post(reverse("buyer:message", args=[order.number]), sends() | fields)
    assert (answer.status_code, says in answer.content.decode()) == (200, True)


def test_s41_a_shop_learns_nothing_of_whoever_has_not_paid(cast: Cast):
    order = cast.order(verified=False)
    page = browser(cast.alice).get(reverse("seller:message", args=[order.number])).content.decode()
    assert cast.dora.name not in page
    assert 'name="text"' not in page
    assert (
        'name="text"' not in browser(cast.dora).get(reverse("buyer:message", args=[order.number])).content.decode()
    )


def test_whoever_only_looks_reads_and_neither_writes_nor_marks_as_read(cast: Cast):
    order = cast.order()
    say(cast, order, "こんにちは", Topic.ITEM)
    rei, address = browser(cast.rei), reverse("seller:message", args=[order.number])
    page = rei.get(address).content.decode()
    assert "こんにちは" in page
    assert 'name="text"' not in page
    assert Thread.objects.get().unread_by_seller == 1
    with nothing_changes():
        assert rei.post(address, sends()).status_code == 403
