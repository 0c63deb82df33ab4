"""Every mail of an order's life: to whom, under which subject, saying what; in Japanese and in English, once."""

import re
import smtplib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse

from accounts.actors import Actor
from accounts.models import User
from cancellations.actions import (
    CancelTarget,
    RequestTarget,
    cancel,
    cancel_overdue,
    remind_of_requests,
    request_cancellation,
    warn_late,
)
from cancellations.policy import DeclineReason, Reason
from events.models import Delivery, Event, SentMail
from messaging.actions import MessageTarget, send
from messaging.rules import Topic
from orders import mails
from orders.models import Order
from payments.refunds import RefundTarget, refund
from payments.rules import RefundReason
from tests.cast import LATER, Cast, deliver, lines_of
from tests.factories import NOON, SYSTEM, item, order

ALICE, BOB, DORA = "alice@seller.example", "bob@seller.example", "dora@buyer.example"
SHOP, BUYER = {ALICE, BOB}, {DORA}
JAPANESE = re.compile(r"[ぁ-ゖァ-ヺ一-鿿]")
WORDS_OF_TEMPLATES = re.compile(
    r"{{|}}|{%|%}|%\(|{brand}|{order}|\bNone\b|\bTrue\b|\bFalse\b|\bdict_items\b|&amp;lt;"
)


def ask(cast: Cast, bought: Order, units=None) -> None:
    """dora asks for a cancellation, in words that are the same in both languages."""
    target = RequestTarget(bought.pk, "OTHER", "ABC-reason", units, "ABC-comment")
    request_cancellation(targets=[target], by=cast.buyer, now=LATER)


def ask_and(act: Callable[[Cast, Order], object]) -> Callable[[Cast, Order], object]:
    def acts(cast: Cast, bought: Order) -> None:
        ask(cast, bought)
        deliver()
        outbox.outbox.clear()
        act(cast, bought)

    return acts


def sweep(cast: Cast, bought: Order) -> None:
    cancel_overdue(now=bought.auto_cancel_due_at)


def by_operator(reason: Reason) -> Callable[[Cast, Order], object]:
    return lambda cast, bought: cast.cancel(bought, reason, by=cast.operator)


def confirm(cast: Cast, bought: Order) -> None:
    cast.confirm(bought, carrier="Yamato", tracking_number="1234-5678-9012")


def refund_one(cast: Cast, bought: Order) -> None:
    """One unit comes back; what the confirmation told is no part of this story."""
    deliver(LATER)
    outbox.outbox.clear()
    target = RefundTarget(bought.pk, RefundReason.RETURN, units={lines_of(bought)[0]: 1})
    refund(targets=[target], by=cast.seller, now=LATER)


def write(by: Actor, bought: Order, text: str) -> None:
    """A message about the order's money."""
    send(targets=[MessageTarget(bought.pk, Topic.REFUND, text)], by=by, now=LATER)


@dataclass(frozen=True)
class Told:
    """One mail: its template, who gets it, its subject, what it must say, and what it must not."""

    template: str
    to: set[str]
    subject: str
    says: tuple[str, ...] = ()
    says_not: tuple[str, ...] = ()


BANNER = (
    "購入者がこの注文のキャンセルをリクエストしています。この注文をキャンセルしても、"
    "出品者のキャンセル率の指標に対して影響が発生することはありません。"
)
DO_NOT_SHIP = "この注文の商品を出荷しないでください。"
CLOSED = "キャンセルリクエストは"


@dataclass(frozen=True)
class Story:
    """What happens to an order, and the mails that follow."""

    acts: Callable[[Cast, Order], object]
    mails: list[Told] = field(default_factory=list)


def seller(template: str, subject: str, *says: str, says_not: tuple[str, ...] = ()) -> Told:
    return Told(template, SHOP, subject, says, says_not)


def buyer(template: str, subject: str, *says: str, says_not: tuple[str, ...] = ()) -> Told:
    return Told(template, BUYER, subject, says, says_not)


CANCELLED = "ご注文がキャンセルされました"
STORIES = {
    "M-01 and M-02: the buyer asks": Story(
        ask,
        [
            seller("m01", "キャンセルリクエストのお知らせ", BANNER, "ABC-reason", "ABC-comment", "2026/07/03 13:00 JST",
                   "購入者によるキャンセル", "ABC-pot"),
            buyer("m02", "キャンセルリクエストを受け付けました", "出品者", "取り下げ"),
        ],
    ),
    "M-03: the buyer withdraws": Story(
        ask_and(lambda cast, bought: cast.withdraw(bought)),
        [
            seller("m03_seller", "キャンセルリクエストが取り下げられました", "2026/07/04"),
            buyer("m03_buyer", "キャンセルリクエストが取り下げられました"),
        ],
    ),
    "M-04 and M-05: the seller cancels": Story(
        lambda cast, bought: cast.cancel(bought, Reason.NO_INVENTORY),
        [
            seller("m04", "注文キャンセル完了のお知らせ", "在庫切れ", "あり", "SEL-1", "ABC-pot"),
            buyer("m05", CANCELLED, "代金は請求されません。", "在庫切れ", says_not=(CLOSED, "SEL-1")),
        ],
    ),
    "M-04 and M-05: the seller honours the request": Story(
        ask_and(lambda cast, bought: cast.cancel(bought, Reason.BUYER_CANCELED)),
        [
            seller("m04", "注文キャンセル完了のお知らせ", "購入者によるキャンセル", "なし", "BUY-1"),
            buyer("m05", CANCELLED, "リクエストが承認され", "代金は請求されません。", says_not=("リクエストは終了",)),
        ],
    ),
    "M-04 and M-05: another reason ends the request": Story(
        ask_and(lambda cast, bought: cast.cancel(bought, Reason.NO_INVENTORY)),
        [
            seller("m04", "注文キャンセル完了のお知らせ", "SEL-1"),
            buyer("m05", CANCELLED, "キャンセルリクエストは終了しました。"),
        ],
    ),
    "M-06 and M-07: the buyer cancels alone": Story(
        lambda cast, bought: cast.cancel_alone(bought),
        [
            buyer("m06", "ご注文のキャンセルが完了しました", "請求", "ABC-pot"),
            seller("m07", "購入者が注文をキャンセルしました", "出荷しないでください", "なし"),
        ],
    ),
    "M-08: the seller declines": Story(
        ask_and(lambda cast, bought: cast.decline(bought, reason=DeclineReason.ALREADY_SHIPPED, tracking="99-88")),
        [buyer("m08", "キャンセルリクエストは承認されませんでした", "すでに発送した", "99-88", "受取を拒否", "返品")],
    ),
    "M-09: confirmed although a request was open": Story(
        ask_and(confirm),
        [buyer("m09", "ご注文はすでに出荷されています", "受取を拒否", "返品", "Yamato", "1234-5678-9012", "ABC-pot")],
    ),
    "M-10: the seller confirms": Story(
        confirm,
        [buyer("m10", "商品を出荷しました", "Yamato", "1234-5678-9012", "ABC-pot", "2,300")],
    ),
    "M-11 and M-12: the seller refunds": Story(
        lambda cast, bought: (confirm(cast, bought), refund_one(cast, bought)),
        [
            buyer("m11", "返金手続きのお知らせ", "1,000", "返品", "ABC-pot", "お支払いに使われた方法"),
            seller("m12", "返金処理完了のお知らせ", "1,000", "返品", "ABC-pot", "キャンセル率に影響しません"),
        ],
    ),
    "M-23: the buyer writes, the seller answers": Story(
        lambda cast, bought: (write(cast.buyer, bought, "ABC-question"), write(cast.seller, bought, "ABC-answer")),
        [
            seller("m23_seller", "購入者からのメッセージ：返品・返金", "ABC-question", "/seller/messages/"),
            buyer("m23_buyer", "出品者からのメッセージ：返金・返品", "ABC-answer", "/account/messages/"),
        ],
    ),
    "M-13: part is cancelled": Story(
        lambda cast, bought: cast.cancel(bought, Reason.NO_INVENTORY, {lines_of(bought)[0]: 1}),
        [
            seller("m13_seller", "注文の一部キャンセル完了のお知らせ", "在庫切れ", "ABC-pot", "SEL-1"),
            buyer("m13_buyer", "ご注文の一部がキャンセルされました", "在庫切れ", "ABC-pot"),
        ],
    ),
    "M-17 and M-18: never confirmed": Story(
        sweep,
        [
            seller("m17", "注文が自動的にキャンセルされました", DO_NOT_SHIP, "あり", "MKT-1", "2026/07/11 23:59 JST",
                   says_not=(CLOSED,)),
            buyer("m18", CANCELLED, "請求されません"),
        ],
    ),
    "M-17 and M-18: never confirmed while a request was open": Story(
        ask_and(sweep),
        [
            seller(
                "m17",
                "注文が自動的にキャンセルされました",
                "キャンセルリクエストは、自動キャンセルにより終了しました。",
            ),
            buyer("m18", CANCELLED),
        ],
    ),
    "M-19 and M-20: fraud": Story(
        ask_and(by_operator(Reason.FRAUD)),
        [
            seller("m19", "{brand}により注文がキャンセルされました", DO_NOT_SHIP, "なし", "MKT-2",
                   "この注文のキャンセルリクエストは終了しました。", says_not=(DORA, "森下")),
            buyer("m20", CANCELLED, says_not=("不正",)),
        ],
    ),
    "M-19 and M-20: the payment failed": Story(
        by_operator(Reason.PAYMENT_FAILED),
        [
            seller("m19", "{brand}により注文がキャンセルされました", DO_NOT_SHIP, "MKT-3", says_not=(CLOSED,)),
            buyer("m20", CANCELLED, "もう一度"),
        ],
    ),
    "M-19 and M-20: support for the buyer": Story(
        by_operator(Reason.SUPPORT_FOR_BUYER),
        [seller("m19", "{brand}により注文がキャンセルされました", "MKT-4"), buyer("m20", CANCELLED)],
    ),
}  # fmt: skip
each_story = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)


@pytest.fixture
def bought(cast) -> Order:
    """An order whose own words are the same in both languages; its reservation is made."""
    User.objects.exclude(pk=cast.dora.pk).update(name="ABC-staff")
    cast.shop.name = "ABC-shop"
    cast.shop.save(update_fields=["name"])
    placed = order(cast.shop, cast.dora, items=[item("ABC-pot", quantity=2, price=1000, shipping_price=300)])
    deliver(NOON)
    outbox.outbox.clear()
    return placed


def sent_to(address: str) -> EmailMultiAlternatives:
    """The one mail to this address."""
    (message,) = [message for message in outbox.outbox if message.to == [address]]
    return message


def html_of(message: EmailMultiAlternatives) -> str:
    ((html, kind),) = message.alternatives
    assert kind == "text/html"
    return html


@each_story
def test_a_mail_goes_to_its_people_under_its_subject_and_says_what_it_must(cast, bought, story):
    story.acts(cast, bought)
    deliver(bought.auto_cancel_due_at)
    assert sorted(message.to[0] for message in outbox.outbox) == sorted(
        address for told in story.mails for address in told.to
    )
    for told in story.mails:
        for address in told.to:
            message = sent_to(address)
            subject = told.subject.format(brand="マーケットプレイス")
            important = "[重要] " if told.template == "m23_buyer" else ""
            assert message.subject == f"{important}【マーケットプレイス】{subject}（注文番号 {bought.number}）"
            for words in told.says:
                assert words in message.body
                assert words in html_of(message)
            for words in told.says_not:
                assert words not in message.body
                assert words not in html_of(message)


@each_story
@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_mail_is_whole_in_the_readers_language(cast, bought, story, language, settings):
    settings.SITE_URL = "https://portal.example"
    User.objects.update(language=language)
    cast.dora.refresh_from_db()
    story.acts(cast, bought)
    deliver(bought.auto_cancel_due_at)
    assert outbox.outbox
    for message in outbox.outbox:
        page = html_of(message)
        for words in (message.subject, message.body, page):
            assert not WORDS_OF_TEMPLATES.search(words)
            assert "amazon" not in words.lower()
            assert bought.number in words
            if language == "en":
                found = JAPANESE.search(words.replace("森下 遥", ""))
                assert not found, words[max(found.start() - 40, 0) : found.end() + 40]
        side = "account" if message.to == [DORA] else "seller"
        for words in (message.body, page):
            assert re.search(rf"https://portal\.example/{side}/(orders|messages)/{bought.number}/", words)
            assert set(re.findall(r"https?://[^/\s\"']+", words)) <= {
                "https://portal.example",
                "http://www.w3.org",
            }
        subject = message.subject.removeprefix("[重要] ").removeprefix("[Important] ")
        assert subject.startswith("【マーケットプレイス】" if language == "ja" else "[Marketplace]")
        assert "\n" not in message.subject
        assert f'lang="{language}"' in page


@each_story
def test_a_mail_leaves_once_under_the_id_of_its_delivery(cast, bought, story):
    story.acts(cast, bought)
    deliver(bought.auto_cancel_due_at)
    for message in outbox.outbox:
        of_mails = Delivery.objects.filter(listener__startswith="mail_", recipient__email=message.to[0])
        delivery = of_mails.latest("pk")
        assert message.extra_headers["Message-ID"].startswith(f"<{delivery.key}@")
        kept = SentMail.objects.get(delivery_key=delivery.key)
        assert (kept.message_id, kept.subject) == (message.extra_headers["Message-ID"], message.subject)
        assert (kept.text, kept.html, kept.order_id) == (message.body, html_of(message), bought.pk)
        assert (kept.address, kept.mail) == (message.to[0], kept_template(story, message.to[0]))
    count = len(outbox.outbox)
    Delivery.objects.update(state="PENDING", delivered_at=None, due_at=NOON)
    deliver(bought.auto_cancel_due_at)  # told twice, as after a crash (M5)
    assert len(outbox.outbox) == count
    assert (
        SentMail.objects.filter(order=bought).values("delivery_key").distinct().count() == SentMail.objects.count()
    )


def kept_template(story: Story, address: str) -> str:
    (told,) = [told for told in story.mails if address in told.to]
    return told.template


def remind(cast: Cast, bought: Order) -> None:
    ask(cast, bought)
    deliver()
    outbox.outbox.clear()
    remind_of_requests(now=LATER + timedelta(days=2))


DIGESTS = {
    "m14": remind,
    "m15": lambda cast, bought: warn_late(now=NOON + timedelta(days=4)),
    "m16": lambda cast, bought: warn_late(now=NOON + timedelta(days=10)),
}


@pytest.mark.parametrize("template", DIGESTS)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_digest_is_whole_in_the_readers_language(cast, bought, template, language, settings):
    settings.SITE_URL = "https://portal.example"
    User.objects.update(language=language)
    DIGESTS[template](cast, bought)
    deliver(bought.auto_cancel_due_at)
    assert {message.to[0] for message in outbox.outbox} == SHOP
    assert set(SentMail.objects.filter(order=None).values_list("mail", flat=True)) == {template}
    for message in outbox.outbox:
        page = html_of(message)
        for words in (message.subject, message.body, page):
            assert not WORDS_OF_TEMPLATES.search(words)
            assert "amazon" not in words.lower()
            if language == "en":
                found = JAPANESE.search(words)
                assert not found, words[max(found.start() - 40, 0) : found.end() + 40]
        for words in (message.body, page):
            assert f"https://portal.example/seller/orders/{bought.number}/" in words
            assert re.search(r"https://portal.example/seller/orders/\?(requested|late|due)=1", words)
            assert (f"https://portal.example{reverse('seller:notifications')}" in words) == (template != "m16")
        subject = message.subject.removeprefix("[重要] ").removeprefix("[Important] ")
        assert subject.startswith("【マーケットプレイス】" if language == "ja" else "[Marketplace]")
        assert f'lang="{language}"' in page


def test_a_part_cancelled_for_another_reason_says_that_the_request_ended(cast, dora_asks_for_one):  # M-13
    order = dora_asks_for_one
    cast.cancel(order, Reason.NO_INVENTORY, {lines_of(order)[0]: 1})
    deliver()
    assert "キャンセルリクエストは終了しました。" in sent_to(DORA).body
    assert "この注文のキャンセルリクエストは終了しました。" in sent_to(ALICE).body
    assert "キャンセルリクエストは終了しました。" in html_of(sent_to(DORA))


@pytest.fixture
def dora_asks_for_one(cast) -> Order:
    """An order of two things, one of which dora asked to cancel."""
    order = cast.order(1, 1)
    cast.request(order, {lines_of(order)[0]: 1})
    deliver()
    outbox.outbox.clear()
    return order


def test_only_a_mail_that_may_be_stopped_says_how(cast):  # S-34
    cast.cancel_alone(cast.order())
    cast.cancel(cast.order())
    deliver()
    links = {
        SentMail.objects.get(message_id=message.extra_headers["Message-ID"]).mail
        for message in outbox.outbox
        if "List-Unsubscribe" in message.extra_headers
    }
    assert links == {"m07"}


def test_the_stories_tell_every_mail_of_the_road():
    told = {told.template for story in STORIES.values() for told in story.mails} | set(DIGESTS)
    assert told == {
        "m01", "m02", "m03_buyer", "m03_seller", "m04", "m05", "m06", "m07", "m08", "m09", "m10", "m11", "m12",
        "m13_buyer",
        "m13_seller", "m14", "m15", "m16", "m17", "m18", "m19", "m20",
        "m23_buyer", "m23_seller",
    }  # fmt: skip


@each_story
def test_a_buyer_who_refuses_unimportant_messages_still_gets_mails_about_the_order(cast, bought, story):  # E31
    User.objects.filter(pk=cast.dora.pk).update(refuses_unimportant_messages=True)
    story.acts(cast, bought)
    deliver(bought.auto_cancel_due_at)
    assert sent_to(DORA)


def test_the_shop_reads_nothing_of_an_order_it_never_saw(cast):  # M-07
    pending = cast.order(verified=False)
    cast.cancel_alone(pending)
    deliver()
    assert [message.to for message in outbox.outbox] == [[DORA]]


def test_a_refund_is_named_in_the_mail_with_its_amount(cast, bought):  # M-05, M-13
    cast.confirm(bought, {lines_of(bought)[0]: 1})
    deliver()
    outbox.outbox.clear()
    cast.cancel(bought, Reason.NO_INVENTORY, {lines_of(bought)[0]: 1})
    deliver()
    message = sent_to(DORA)
    assert "1,000" in message.body
    assert "返金" in message.body
    assert "代金は請求されません" not in message.body


def test_what_a_buyer_writes_is_text_in_the_mail(cast, bought):  # E32, S-34
    target = RequestTarget(bought.pk, "OTHER", "その他", None, "<script>alert(1)</script> & {{ brand }}")
    request_cancellation(targets=[target], by=cast.buyer, now=LATER)
    deliver()
    message = sent_to(ALICE)
    assert "<script>alert(1)</script> & {{ brand }}" in message.body
    assert "<script>" not in html_of(message)
    assert "&lt;script&gt;" in html_of(message)


def test_a_line_break_in_a_name_makes_no_header(cast, bought, settings):  # B-34
    settings.BRAND_NAME = "Shop\nBcc: eve@evil.example"
    cast.cancel(bought)
    deliver()
    assert all("\n" not in message.subject for message in outbox.outbox)
    assert {message.to[0] for message in outbox.outbox} == {ALICE, BOB, DORA}


def test_an_imported_cancellation_tells_nobody(cast, bought):
    cancel(targets=[CancelTarget(bought.pk, Reason.IMPORTED)], by=SYSTEM, now=LATER)
    deliver()
    assert outbox.outbox == []


# --- what the mail server says ------------------------------------------------------------------------------


def server_says(monkeypatch, error: Exception) -> None:
    def send(self, fail_silently=False):
        raise error

    monkeypatch.setattr(mails.EmailMultiAlternatives, "send", send)


@pytest.mark.parametrize(
    ("_case", "error", "state"),
    [
        ("no such address", smtplib.SMTPRecipientsRefused({DORA: (550, b"no such user")}), "FAILED"),
        ("too much mail for it now", smtplib.SMTPRecipientsRefused({DORA: (451, b"try later")}), "PENDING"),
        ("the mail is refused for good", smtplib.SMTPDataError(552, b"too big"), "FAILED"),
        ("the mail is refused for now", smtplib.SMTPDataError(451, b"busy"), "PENDING"),
        ("the sender is refused for good", smtplib.SMTPSenderRefused(550, b"no", "a@b"), "FAILED"),
        ("the server is away", ConnectionRefusedError(), "PENDING"),
    ],
)
def test_a_mail_is_sent_again_unless_it_was_refused_for_good(
    cast, bought, monkeypatch, _case, error, state
):  # F-50…F-52
    ask(cast, bought)
    server_says(monkeypatch, error)
    deliver()
    delivery = Delivery.objects.get(listener="mail_buyer")
    assert (delivery.state, delivery.attempts) == (state, 1)
    assert delivery.last_error
    assert SentMail.objects.count() == 0
    monkeypatch.undo()
    deliver(LATER.replace(hour=LATER.hour + 2))
    assert SentMail.objects.filter(recipient=cast.dora).count() == (state == "PENDING")


def test_a_mail_about_an_event_speaks_of_that_events_recipient_only(cast, bought):
    cast.cancel(bought)
    event = Event.objects.get(name="order.cancelled")
    deliver()
    assert set(SentMail.objects.values_list("recipient", flat=True)) == set(
        event.deliveries.exclude(recipient=None).values_list("recipient", flat=True)
    )


def body_of(mail: str) -> str:
    deliver()
    return SentMail.objects.filter(mail=mail).latest("pk").text


def test_m02_tells_whoever_has_paid_of_a_refund_and_others_that_nothing_is_charged(cast):
    order = cast.order(1, 1)
    cast.request(order)
    assert "出荷されるまで、代金は請求されません。" in body_of("m02")
    paid = cast.order(1, 1)
    cast.confirm(paid, {paid.items.order_by("pk")[0].pk: 1})
    cast.request(paid)
    assert "代金を、お支払いに使われた方法に返金します。" in body_of("m02")
    assert "請求されません" not in body_of("m02")


def test_m06_of_a_part_says_whose_money_is_not_taken(cast):
    order = cast.order(2)
    cast.cancel_alone(order, {order.items.get().pk: 1})
    assert "キャンセルされた商品の代金は請求されません。" in body_of("m06")
    cast.cancel_alone(order)
    assert "\n代金は請求されません。" in body_of("m06")


def test_m10_says_that_the_rest_is_still_under_request(cast):
    order = cast.order(1, 1)
    pot, can = order.items.order_by("pk")
    cast.request(order, {can.pk: 1})
    cast.confirm(order, {pot.pk: 1})
    assert "残りの商品のキャンセルリクエストは、引き続き出品者が確認しています。" in body_of("m10")


def test_mails_to_buyers_end_with_the_marketplaces_name_and_not_the_sellers_portal(cast):
    cast.request(cast.order())
    assert body_of("m02").rstrip().endswith("\nマーケットプレイス")
    assert body_of("m01").rstrip().endswith("マーケットプレイス / セラーポータル")
