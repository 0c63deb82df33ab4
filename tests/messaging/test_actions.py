"""What is said is kept, told once to the other side, and heard where a cancellation is judged."""

import pytest
from django.core import mail as outbox
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.actions import silence_mails
from accounts.models import User
from cancellations.models import Cancellation
from cancellations.policy import Reason
from events.models import Event
from messaging import queries
from messaging.actions import MessageTarget, mark_read, send
from messaging.models import Message, Thread
from messaging.rules import Topic
from orders.models import Order
from orders.outcomes import Outcome, Result
from tests.books import nothing_changes, offences
from tests.cast import LATER, Cast, deliver, told
from tests.factories import NOON


def say(
    cast: Cast, order: Order, text: str = "よろしくお願いします。", topic: Topic = Topic.OTHER, *, by=None
) -> Outcome:
    (outcome,) = send(targets=[MessageTarget(order.pk, topic, text)], by=by or cast.buyer, now=LATER)
    return outcome


def test_a_message_is_kept_told_and_no_change_of_its_order(cast):
    order = cast.order()
    outcome = say(cast, order, "領収書をお願いします。")
    assert (outcome.result, outcome.version) == (Result.DONE, order.version)
    thread = Thread.objects.get()
    assert (thread.order, thread.buyer, thread.seller) == (order, cast.dora, cast.shop)
    assert (thread.last_text, thread.unread_by_seller, thread.unread_by_buyer) == ("領収書をお願いします。", 1, 0)
    message = Message.objects.get()
    assert (message.side, message.user, message.wishes, message.sent_at) == ("BUYER", cast.dora, False, LATER)
    event = Event.objects.get(name="message.sent_by_buyer")
    assert (event.order, event.order_version, event.subject) == (None, None, str(message.pk))
    assert told(event) == {("mail_seller", cast.alice.email), ("mail_seller", cast.bob.email)}
    assert offences(now=NOON) == {}


def test_one_talk_for_an_order_whoever_speaks(cast):
    order = cast.order()
    say(cast, order, "一")
    say(cast, order, "二", by=cast.seller)
    say(cast, order, "三")
    thread = Thread.objects.get()
    assert [message.text for message in queries.messages_of(thread.pk).messages] == ["一", "二", "三"]
    assert (thread.last_text, thread.unread_by_seller, thread.unread_by_buyer) == ("三", 2, 1)
    mark_read(order_id=order.pk, by_seller=True)
    thread.refresh_from_db()
    assert (thread.unread_by_seller, thread.unread_by_buyer) == (0, 1)


@pytest.mark.parametrize(
    ("topic", "is_told"), [(Topic.OTHER, False), (Topic.CANCEL, True), (Topic.SHIPPING, True)]
)
def test_d32_a_buyer_who_refuses_unimportant_messages_is_told_of_critical_ones_only(cast, topic, is_told):
    order = cast.order()
    User.objects.filter(pk=cast.dora.pk).update(refuses_unimportant_messages=True)
    say(cast, order, topic=topic, by=cast.seller)
    event = Event.objects.get(name="message.sent_by_seller")
    assert told(event) == ({("mail_buyer", cast.dora.email)} if is_told else set())
    assert Thread.objects.get().unread_by_buyer == 1  # both sides see everything sent


def test_m23_says_what_was_written_under_its_topic_and_leads_to_the_answer(cast):
    order = cast.order()
    say(cast, order, "<b>傷</b>がありました", Topic.ITEM)
    say(cast, order, "返品をお受けします", Topic.REFUND, by=cast.seller)
    deliver()
    mails = {message.to[0]: message for message in outbox.outbox if "メッセージ" in message.subject}
    shop, buyer = mails[cast.alice.email], mails[cast.dora.email]
    assert shop.subject.startswith("【マーケットプレイス】購入者からのメッセージ：商品について")
    assert f"/seller/messages/{order.number}/" in shop.body
    assert "<b>傷</b>がありました" in shop.body
    assert "&lt;b&gt;傷&lt;/b&gt;" in shop.alternatives[0][0]
    assert buyer.subject.startswith("[重要] 【マーケットプレイス】出品者からのメッセージ：返金・返品")
    assert f"/account/messages/{order.number}/" in buyer.body


def test_whoever_of_the_shop_stopped_m23_is_not_told(cast):
    silence_mails(user_id=cast.bob.pk, mails={"M-23"}, now=NOON)
    say(cast, cast.order())
    assert told(Event.objects.get(name="message.sent_by_buyer")) == {("mail_seller", cast.alice.email)}


@pytest.mark.usefixtures("no_mails")
@pytest.mark.parametrize(
    ("text", "topic", "code"),
    [
        ("キャンセルしたいです", Topic.OTHER, "BUY-2"),
        ("よろしくお願いします", Topic.CANCEL, "BUY-2"),
        ("キャンセルしないでください", Topic.OTHER, "BUY-3"),
        ("", Topic.OTHER, "BUY-3"),
    ],
)
def test_a_cancellation_asked_for_by_message_alone_is_buy_2(cast, text, topic, code):
    order = cast.order()
    if text:
        say(cast, order, text, topic)
    outcome = cast.cancel(order, Reason.BUYER_CANCELED)
    done = Cancellation.objects.get()
    assert (done.code, done.counted, outcome.counted) == (code, True, True)
    assert bool(done.facts["wish_messages"]) is (code == "BUY-2")
    assert offences(now=NOON) == {}


@pytest.mark.usefixtures("no_mails")
def test_an_official_request_makes_a_message_harmless(cast):
    order = cast.order()
    say(cast, order, "キャンセルしたいです")
    cast.request(order)
    cast.cancel(order, Reason.BUYER_CANCELED)
    assert Cancellation.objects.get().code == "BUY-1"


def test_b17_a_push_is_noted_unless_the_buyer_spoke_of_it_first(cast):
    first, second = cast.order(), cast.order()
    push = "キャンセルのリクエストを送信してください。"
    say(cast, first, push, Topic.CANCEL, by=cast.seller)
    say(cast, second, "キャンセルできますか")
    say(cast, second, push, Topic.CANCEL, by=cast.seller)
    assert list(Message.objects.filter(pushes=True).values_list("thread__order", flat=True)) == [first.pk]


def test_nobody_is_written_to_about_an_unknown_or_unpaid_order(cast):
    pending = cast.order(verified=False)
    with nothing_changes():
        assert say(cast, pending).code == "PERMISSION_DENIED"
        assert say(cast, Order(pk=2**40)).code == "ORDER_NOT_FOUND"


def test_a_batch_asks_as_often_for_many_orders_as_for_few(cast):
    targets = [MessageTarget(order.pk, Topic.OTHER, "一斉のお知らせ") for order in cast.orders(6)]
    counted = []
    for part in (targets[:1], targets[1:]):
        with CaptureQueriesContext(connection) as captured:
            send(targets=part, by=cast.seller, now=LATER)
        counted.append(len(captured))
    assert counted[0] == counted[1]
    assert offences(now=NOON) == {}


@pytest.mark.parametrize("wrong", [{"text": ""}, {"topic": "X"}, {"pushes": True}])
def test_the_database_keeps_no_message_that_says_nothing_or_is_not_its_senders(cast, wrong):
    say(cast, cast.order())
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.update(**wrong)


def test_lists_go_on_from_the_last_talk_shown_and_show_each_once(cast, monkeypatch):
    monkeypatch.setattr(queries, "PAGE_SIZE", 2)
    for order in cast.orders(5):
        say(cast, order, "キャンセルしたい" if order.pk % 2 else "こんにちは")
    seen, before = [], ""
    for _ in range(3):
        page = queries.threads_of_seller(cast.shop.pk, before=before)
        seen += [thread.pk for thread in page.threads]
        before = page.older
    assert seen == sorted(Thread.objects.values_list("pk", flat=True), reverse=True)
    assert before == ""
    assert queries.threads_of_seller(cast.other_shop.pk).threads == []
    assert all(thread.has_wish for thread in queries.threads_of_seller(cast.shop.pk, wish=True).threads)
    for odd in ("x", "_", "9999", "2026-01-01T00:00:00+00:00_" + "9" * 30, "\0", "0001-01-01T00:00:00+23:59_1"):
        assert len(queries.threads_of_seller(cast.shop.pk, before=odd).threads) == 2
    assert queries.threads_of_seller(cast.shop.pk, before="2026-01-01T00:00:00+23:59_1").threads == []
