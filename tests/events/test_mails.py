"""Every mail of an order's life: to whom, under which subject, saying what; in Japanese and in English, once."""

import re
import smtplib
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.core import mail as outbox
from django.core.mail import EmailMultiAlternatives

from accounts.models import User
from cancellations.actions import CancelTarget, RequestTarget, cancel, cancel_overdue, request_cancellation
from cancellations.policy import DeclineReason, Reason
from events.models import Delivery, Event, SentMail
from orders import mails
from orders.models import Order
from tests.cast import LATER, Cast, deliver, last_event, lines_of
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
            seller("m17", "注文が自動的にキャンセルされました", DO_NOT_SHIP, "あり", "MKT-1", says_not=(CLOSED,)),
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
            assert message.subject == f"【マーケットプレイス】{subject}（注文番号 {bought.number}）"
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
            assert f"https://portal.example/{side}/orders/{bought.number}/" in words
            assert set(re.findall(r"https?://[^/\s\"']+", words)) <= {
                "https://portal.example",
                "http://www.w3.org",
            }
        assert message.subject.startswith("【マーケットプレイス】" if language == "ja" else "[Marketplace]")
        assert "\n" not in message.subject
        assert f'lang="{language}"' in page


@each_story
def test_a_mail_leaves_once_under_the_id_of_its_delivery(cast, bought, story):
    story.acts(cast, bought)
    deliver(bought.auto_cancel_due_at)
    event = last_event(bought)
    for message in outbox.outbox:
        delivery = event.deliveries.get(recipient__email=message.to[0])
        assert message.extra_headers["Message-ID"].startswith(f"<{delivery.key}@")
        kept = SentMail.objects.get(delivery_key=delivery.key)
        assert (kept.message_id, kept.subject) == (message.extra_headers["Message-ID"], message.subject)
        assert (kept.text, kept.html, kept.order_id) == (message.body, html_of(message), bought.pk)
        assert (kept.address, kept.mail) == (message.to[0], kept_template(story, message.to[0]))
    count = len(outbox.outbox)
    Delivery.objects.filter(event=event).update(state="PENDING", delivered_at=None, due_at=NOON)
    deliver(bought.auto_cancel_due_at)  # told twice, as after a crash (M5)
    assert len(outbox.outbox) == count
    assert (
        SentMail.objects.filter(order=bought).values("delivery_key").distinct().count() == SentMail.objects.count()
    )


def kept_template(story: Story, address: str) -> str:
    (told,) = [told for told in story.mails if address in told.to]
    return told.template


def test_the_stories_tell_every_mail_of_the_road():
    told = {told.template for story in STORIES.values() for told in story.mails}
    assert told == {
        "m01", "m02", "m03_buyer", "m03_seller", "m04", "m05", "m06", "m07", "m08", "m09", "m10", "m13_buyer",
        "m13_seller", "m17", "m18", "m19", "m20",
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
