"""The state last told: only worsening is mailed, once, and few orders are no reason for a mail (domain 9.4, M-21)."""

from datetime import timedelta

import pytest
from django.core import mail as outbox

from accounts.models import User
from cancellations.actions import CancelTarget, cancel
from cancellations.models import PolicyVersion
from cancellations.policy import Reason
from events.models import Delivery, SentMail
from metrics.actions import Evidence, decide, look_again, look_at_states, open_dispute
from metrics.models import RateState
from tests.cast import LATER, deliver
from tests.events.test_mails import JAPANESE, WORDS_OF_TEMPLATES, html_of, sent_to
from tests.factories import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
ALICE, BOB = "alice@seller.example", "bob@seller.example"


def told() -> list[tuple[str, str]]:
    """Mails about the rate, and to whom."""
    return sorted(SentMail.objects.filter(mail="m21").values_list("mail", "recipient__email"))


def look(cast, now) -> int:
    """Name the shop, as every snapshot does, and look."""
    look_again(seller_id=cast.shop.pk)
    return look_at_states(now=now)


def state(shop) -> str:
    return RateState.objects.get(seller=shop).state


def test_a_cancellation_that_counts_names_its_shop_and_its_worse_state_is_mailed_once(cast):
    orders = cast.orders(40)
    cast.cancel(orders[0])
    deliver(LATER)
    assert RateState.objects.get(seller=cast.shop).look_again
    assert look_at_states(now=LATER) == 1
    assert (state(cast.shop), RateState.objects.get(seller=cast.shop).look_again) == ("OFF_TARGET", False)
    deliver(LATER)
    assert told() == [("m21", ALICE), ("m21", BOB)]
    assert look_at_states(now=LATER) == look(cast, LATER) == 0
    cast.cancel(orders[1], now=LATER + timedelta(hours=1))
    deliver(LATER + timedelta(hours=1))
    look_at_states(now=LATER + timedelta(hours=1))
    deliver(LATER + timedelta(hours=1))
    assert (state(cast.shop), len(told())) == ("AT_RISK", 4)


def test_of_many_cancellations_one_names_the_shop(cast):
    orders = cast.orders(5)
    cancel(targets=[CancelTarget(each.pk, Reason.OTHER) for each in orders], by=cast.seller, now=LATER)
    assert Delivery.objects.filter(listener="look_at_rate").count() == 1


def test_a_cancellation_that_does_not_count_names_nobody(cast):
    order = cast.order()
    cast.request(order)
    cast.cancel(order, Reason.BUYER_CANCELED)
    assert not Delivery.objects.filter(listener="look_at_rate").exists()


def test_a_better_state_is_kept_and_not_mailed(cast):
    (order, *_others) = cast.orders(10)
    cast.cancel(order)
    deliver(LATER)
    look_at_states(now=LATER)
    deliver(LATER)
    assert look(cast, NOON + 8 * DAY) == 0
    deliver(NOON + 8 * DAY)
    assert (state(cast.shop), len(told())) == ("NO_DATA", 2)


def test_a_granted_dispute_has_the_state_looked_at_again(cast):
    order, *_others = cast.orders(10)
    cast.cancel(order)
    deliver(LATER)
    look_at_states(now=LATER)
    dispute = open_dispute(
        seller_id=cast.shop.pk,
        cancellation_id=order.cancellations.get().pk,
        text="在庫はありました。",
        evidence=Evidence(),
        by=cast.seller,
        now=LATER,
    )
    decide(dispute_id=dispute.pk, grant=True, reason="確認", by=cast.operator, now=LATER)
    look_at_states(now=LATER)
    assert state(cast.shop) == "GOOD"


def test_of_fewer_orders_than_the_policy_names_nobody_is_told(cast):  # D-23
    PolicyVersion.objects.create(number=2, starts_at=NOON, rate_min_orders=5)
    orders = cast.orders(4)
    cast.cancel(orders[0])
    deliver(LATER)
    assert look_at_states(now=LATER) == 0
    cast.order(1)
    assert look(cast, LATER) == 1


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("orders", [45, 10])
def test_m21_says_rate_window_and_orders_in_the_readers_language(cast, language, orders, settings):
    settings.SITE_URL = "https://portal.example"
    User.objects.update(language=language)
    order, *_others = cast.orders(orders)
    cast.cancel(order)
    deliver(LATER)
    outbox.outbox.clear()
    look_at_states(now=LATER)
    deliver(LATER)
    message = sent_to(ALICE)
    is_watch = orders == 45
    subject = {
        ("ja", False): "【マーケットプレイス】キャンセル率が目標を満たしていません",
        ("ja", True): "【マーケットプレイス】キャンセル率が目標に近づいています",
        ("en", False): "[Marketplace] Your cancellation rate misses the target",
        ("en", True): "[Marketplace] Your cancellation rate is close to the target",
    }
    assert message.subject == subject[language, is_watch]
    for words in (message.body, html_of(message)):
        assert ("2.22%" if is_watch else "10.00%") in words
        assert "2.5%" in words
        assert "2026/06/25 00:00 JST" in words
        assert order.number in words
        assert "SEL-1" in words
        assert "https://portal.example/seller/performance/cancellation-rate/" in words
        assert not WORDS_OF_TEMPLATES.search(words)
        if language == "en":
            assert not JAPANESE.search(words.replace(cast.shop.name, ""))


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("grant", [True, False])
def test_m22_says_result_reason_and_the_new_rate(cast, language, grant, settings):
    settings.SITE_URL = "https://portal.example"
    User.objects.update(language=language)
    order, *_others = cast.orders(10)
    cast.cancel(order)
    deliver(LATER)
    dispute = open_dispute(
        seller_id=cast.shop.pk,
        cancellation_id=order.cancellations.get().pk,
        text="ABC-text",
        evidence=Evidence(),
        by=cast.seller,
        now=LATER,
    )
    decide(dispute_id=dispute.pk, grant=grant, reason="ABC-reason <b>", by=cast.operator, now=LATER)
    outbox.outbox.clear()
    deliver(LATER)
    assert {message.to[0] for message in outbox.outbox} == {ALICE, BOB}
    message = sent_to(BOB)
    subject = {
        "ja": f"【マーケットプレイス】キャンセル率に関する申し立ての結果（注文番号 {order.number}）",
        "en": f"[Marketplace] Result of your dispute about the cancellation rate (order {order.number})",
    }
    assert message.subject == subject[language]
    assert "ABC-reason <b>" in message.body
    assert "ABC-reason &lt;b&gt;" in html_of(message)
    for words in (message.body, html_of(message)):
        assert ("0.00%" if grant else "10.00%") in words
        assert f"https://portal.example/seller/performance/disputes/{dispute.pk}/" in words
        assert not WORDS_OF_TEMPLATES.search(words)
        if language == "en":
            assert not JAPANESE.search(words.replace(cast.shop.name, ""))
