"""Warnings W1 to W3 before the automatic cancellation (domain 10, 12.2)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail as outbox
from django.db import connection

from accounts.actions import silence_mails
from cancellations.actions import warn_late
from cancellations.models import PolicyVersion, ShipWarning
from events.models import Delivery, Event, SentMail
from orders.actions import hold, release, set_ship_by
from orders.models import Order
from orders.views.history import Story
from tests import factories
from tests.books import counted_statements, nothing_changes, plans_of
from tests.cast import LATER, Cast, deliver
from tests.factories import NOON

SHIP_BY = date(2026, 7, 4)  # of every order that is placed at NOON
STAFF = {"alice@seller.example", "bob@seller.example"}


def nine(days: int) -> datetime:
    """09:00 in Tokyo, so many days after the ship-by date."""
    return datetime(2026, 7, 4, 0, 0, tzinfo=UTC) + timedelta(days=days)


def kinds_of(order: Order) -> list[str]:
    return list(order.ship_warnings.order_by("kind").values_list("kind", flat=True))


def names() -> list[str]:
    return list(Event.objects.filter(order=None).order_by("pk").values_list("name", flat=True))


@pytest.mark.parametrize(("days", "kind", "name"), [
    (1, "W1", "orders.past_ship_by"), (5, "W2", "orders.cancelled_soon"), (7, "W3", "orders.cancelled_soon"),
])  # fmt: skip
def test_a_warning_comes_at_nine_of_its_day_and_not_a_microsecond_before(cast, days, kind, name):
    order = cast.order()
    if days > 1:
        warn_late(now=nine(1))
    if days > 5:
        warn_late(now=nine(5))
    given = kinds_of(order)
    with nothing_changes():
        assert warn_late(now=nine(days) - timedelta(microseconds=1)) == 0
    assert warn_late(now=nine(days)) == 1
    assert kinds_of(order) == [*given, kind]
    assert names()[-1] == name
    with nothing_changes():
        assert warn_late(now=nine(days) + timedelta(minutes=5)) == 0


def test_a_shop_gets_one_mail_however_many_orders_and_only_its_staff_gets_it(cast, no_mails):
    orders = cast.orders(7)
    other = factories.order(cast.other_shop, cast.dora)
    assert warn_late(now=nine(1)) == 8
    assert ShipWarning.objects.count() == 8
    assert names() == ["orders.past_ship_by"] * 2
    event = orders[0].ship_warnings.get().event
    assert (event.subject, event.order, event.order_version) == (f"seller:{cast.shop.pk}", None, None)
    assert set(event.deliveries.values_list("recipient__email", flat=True)) == STAFF
    told = other.ship_warnings.get().event.deliveries.values_list("recipient__email", flat=True)
    assert list(told) == ["charlie@rival.example"]


def test_a_warning_changes_no_order(cast):
    order = cast.order()
    before = Order.objects.values().get(pk=order.pk)
    warn_late(now=nine(7))
    assert Order.objects.values().get(pk=order.pk) == before


def test_after_an_outage_only_the_latest_warning_is_told_and_the_earlier_are_noted_with_it(cast):
    order = cast.order()
    assert warn_late(now=nine(6)) == 1
    assert kinds_of(order) == ["W1", "W2"]
    assert names() == ["orders.cancelled_soon"]
    assert warn_late(now=nine(7)) == 1
    assert kinds_of(order) == ["W1", "W2", "W3"]


def test_the_policy_in_force_says_on_which_days_warnings_come(cast):  # domain 17
    PolicyVersion.objects.create(
        number=2, starts_at=NOON, first_warning_days=2, second_warning_days=3, last_warning_days=4
    )
    order = cast.order()
    assert warn_late(now=nine(1)) == 0
    for days, given in ((2, ["W1"]), (3, ["W1", "W2"]), (4, ["W1", "W2", "W3"])):
        assert warn_late(now=nine(days)) == 1
        assert kinds_of(order) == given
    assert warn_late(now=nine(7)) == 0


def test_of_warnings_that_come_on_one_day_the_last_is_told(cast):
    PolicyVersion.objects.create(
        number=2, starts_at=NOON, first_warning_days=1, second_warning_days=1, last_warning_days=1
    )
    order = cast.order()
    assert warn_late(now=nine(1)) == 1
    assert names() == ["orders.cancelled_soon"]
    assert kinds_of(order) == ["W1", "W2", "W3"]
    assert warn_late(now=nine(7)) == 0


def test_w2_and_w3_of_one_run_are_one_mail(cast):
    first = cast.order(ship_by=SHIP_BY)
    second = cast.order(ship_by=SHIP_BY + timedelta(days=2))
    assert warn_late(now=nine(7)) == 2
    assert names() == ["orders.cancelled_soon"]
    assert (kinds_of(first), kinds_of(second)) == (["W1", "W2", "W3"], ["W1", "W2"])


def on_hold(cast: Cast, order: Order) -> None:
    hold(order_ids=[order.pk], note="", by=cast.operator, now=LATER)


def without_ship_by(cast: Cast, order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(ship_by_date=None, auto_cancel_due_at=None)


def of_marketplace(cast: Cast, order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(fulfillment_channel=Order.Channel.MARKETPLACE)


@pytest.mark.parametrize(
    "happens",
    [
        on_hold,
        without_ship_by,
        of_marketplace,
        lambda cast, order: cast.confirm(order),
        lambda cast, order: cast.cancel(order),
    ],
    ids=["on hold", "no ship-by date", "fulfilled by the marketplace", "shipped", "cancelled"],
)
def test_some_orders_are_never_warned_of(cast, happens):
    happens(cast, cast.order())
    with nothing_changes():
        assert warn_late(now=nine(7)) == 0


def test_an_order_that_the_sweep_takes_is_not_warned_of(cast):
    order = cast.order()
    assert warn_late(now=order.auto_cancel_due_at) == 0


def test_a_pending_order_is_not_warned_of(cast):
    cast.order(verified=False)
    assert warn_late(now=nine(7)) == 0


def test_a_released_order_is_warned_of_again_for_what_it_missed(cast):
    order = cast.order()
    on_hold(cast, order)
    warn_late(now=nine(5))
    release(order_ids=[order.pk], note="", by=cast.operator, now=nine(5))
    assert warn_late(now=nine(5)) == 1
    assert kinds_of(order) == ["W1", "W2"]


def test_an_extended_order_gets_each_kind_once_all_the_same(cast):
    order = cast.order()
    warn_late(now=nine(1))
    set_ship_by(
        order_ids=[order.pk], ship_by_date=SHIP_BY + timedelta(days=10), auto_cancel_days=7, note="",
        by=cast.operator, now=nine(2),
    )  # fmt: skip
    assert warn_late(now=nine(11)) == 0
    assert warn_late(now=nine(15)) == 1
    assert kinds_of(order) == ["W1", "W2"]


def test_a_run_costs_as_many_statements_for_many_orders_as_for_one(cast):
    def statements(orders: int) -> int:
        cast.orders(orders, placed_at=NOON)
        with counted_statements() as found:
            warn_late(now=nine(1))
        return found[0]

    assert statements(1) == statements(60)


def test_a_run_with_nothing_to_do_reads_open_orders_by_ship_by_date_and_no_table_whole(cast):
    cast.orders(300)
    with connection.cursor() as cursor:
        # Whatever other tests left in the planner's picture of the table.
        cursor.execute("ANALYZE orders_order")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    plans = plans_of(lambda: warn_late(now=nine(-1)))
    assert len(plans) == 1
    assert "ship_by_date < " in plans[0].partition("Index Cond: ")[2].partition("Filter")[0]
    assert "Seq Scan on orders_order" not in plans[0]


def test_a_shop_that_another_worker_warns_is_left_to_it_and_the_others_do_not_wait(other_worker, cast):
    mine, theirs = factories.order(cast.other_shop, cast.dora), cast.order()
    with other_worker.cursor() as cursor:
        cursor.execute("SELECT 1 FROM accounts_seller WHERE id = %s FOR NO KEY UPDATE", [cast.shop.pk])
    assert warn_late(now=nine(1)) == 1
    assert (kinds_of(mine), kinds_of(theirs)) == (["W1"], [])
    other_worker.rollback()
    assert warn_late(now=nine(1)) == 1
    assert kinds_of(theirs) == ["W1"]
    assert Event.objects.filter(name="orders.past_ship_by").count() == 2


def test_one_locked_order_keeps_no_other_shop_from_its_warning(other_worker, cast):
    locked, behind = cast.order(), factories.order(cast.other_shop, cast.dora)
    assert cast.shop.pk < cast.other_shop.pk, "the shops are warned in the order of their keys"
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        with other_worker.cursor() as cursor:
            cursor.execute("SELECT 1 FROM orders_order WHERE id = %s FOR UPDATE", [locked.pk])
        assert warn_late(now=nine(1)) == 1
        assert (kinds_of(locked), kinds_of(behind)) == ([], ["W1"])
        other_worker.rollback()
        assert warn_late(now=nine(1)) == 1
        assert kinds_of(locked) == ["W1"]
    finally:
        connection.close()


# --- what the mails say -------------------------------------------------------------------------------------


def test_the_first_warning_names_the_last_minute_and_the_effect(cast):
    order = cast.order()
    warn_late(now=nine(1))
    deliver(nine(1))
    assert {message.to[0] for message in outbox.outbox} == STAFF
    message = outbox.outbox[0]
    assert message.subject == "【マーケットプレイス】出荷予定日を過ぎた注文があります（1件）"
    for words in (message.body, message.alternatives[0].content):
        assert order.number in words
        assert "2026/07/11 23:59 JST" in words
        assert "キャンセル率に影響します" in words
        assert "購入者によるキャンセル" not in words
        assert "/seller/orders/?late=1" in words
    assert message.extra_headers["List-Unsubscribe"].endswith("/seller/settings/notifications/>")


def test_the_last_warnings_cannot_be_stopped_and_tell_of_an_open_request(cast):
    order = cast.order()
    cast.request(order)
    silence_mails(user_id=cast.alice.pk, mails={"M-07", "M-14", "M-15"}, now=NOON)
    deliver(LATER)
    outbox.outbox.clear()
    warn_late(now=nine(5))
    deliver(nine(5))
    assert {message.to[0] for message in outbox.outbox} == STAFF
    message = outbox.outbox[0]
    assert message.subject == "【マーケットプレイス】【重要】まもなく自動キャンセルされます（1件）"
    for words in (message.body, message.alternatives[0].content):
        assert "2026/07/11 23:59 JST" in words
        assert "「購入者によるキャンセル」でキャンセルすると、キャンセル率に影響しません。" in words
        assert "停止できません" in words
    assert "List-Unsubscribe" not in message.extra_headers


def test_a_digest_lists_fifty_orders_and_counts_the_rest(cast):
    cast.orders(53)
    warn_late(now=nine(1))
    deliver(nine(1))
    message = outbox.outbox[0]
    assert "（53件）" in message.subject
    for words in (message.body, message.alternatives[0].content):
        assert words.count("出荷予定日：2026/07/04") == 50
        assert "ほかに3件あります。" in words


def test_what_was_shipped_before_the_mail_left_is_not_named_any_more(cast):
    gone, stays = cast.order(), cast.order()
    warn_late(now=nine(1))
    cast.confirm(gone, now=nine(1))
    deliver(nine(1))
    warnings = SentMail.objects.filter(mail="m15")
    assert warnings.count() == 2
    assert stays.number in warnings[0].text
    assert gone.number not in warnings[0].text


def test_no_mail_leaves_if_nothing_is_late_any_more(cast):
    order = cast.order()
    warn_late(now=nine(1))
    cast.confirm(order, now=nine(1))
    deliver(nine(1))
    assert not SentMail.objects.filter(mail="m15").exists()
    assert not Delivery.objects.exclude(state="DELIVERED").exists()


def test_the_orders_history_tells_the_shop_and_not_the_buyer(cast):
    order = cast.order()
    warn_late(now=nine(1))
    warn_late(now=nine(7))
    told = [line.what for line in Story(order).for_seller()]
    assert told.count("出荷予定日を過ぎたことをメールで通知") == 1
    assert told.count("まもなく自動キャンセルされることをメールで通知") == 1
    assert not any("通知" in line.what for line in Story(order).for_buyer())
