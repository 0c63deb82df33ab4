"""The rate read from the rows: one shop, many, as of any moment, and what would be (domain 9.3, 10)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache

from cancellations.models import Cancellation, PolicyVersion
from cancellations.policy import Reason
from metrics import lists, queries
from metrics.actions import correct_snapshots, take_missing_snapshots
from metrics.effects import prospect_of
from metrics.models import RateSnapshot
from metrics.queries import facts_of_orders, rate_at, window_at
from metrics.rate import CancellationFacts, Rate, State, rate_of
from orders.actions import hold
from orders.lists import counts_of_seller
from orders.models import Order
from orders.queries import local_day
from tests import factories
from tests.books import counted_statements, offences
from tests.cast import LATER, Cast
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_mails")]
DAY = timedelta(days=1)


def recounted(seller, at) -> Rate:
    """The same from the rows, by the pure rule."""
    rules = queries.rules_at(at)
    orders = facts_of_orders(Order.objects.filter(seller=seller))
    cancellations = [
        CancellationFacts(each.order_id, each.cancelled_at, each.counted and not each.excluded)
        for each in Cancellation.objects.filter(seller=seller)
    ]
    return rate_of(orders, cancellations, window_at(at, rules))


@pytest.fixture
def a_busy_fortnight(cast):
    """Orders of every kind over two weeks, some cancelled for every reason."""
    for day in range(14):
        placed_at = NOON + day * DAY
        orders = cast.orders(4, placed_at=placed_at)
        cast.order(2, placed_at=placed_at, verified=False)
        cast.order(1, placed_at=placed_at, fulfillment_channel="MARKETPLACE")
        if day % 3 == 0:
            cast.cancel(orders[0], Reason.NO_INVENTORY, now=placed_at + timedelta(hours=2))
        if day % 4 == 0:
            part = {orders[1].lines[0].pk: 1}
            cast.cancel(orders[1], Reason.OTHER, part, now=placed_at + timedelta(hours=3))
            cast.cancel(orders[1], Reason.PRICING_ERROR, part, now=placed_at + timedelta(hours=4))
        if day % 5 == 0:
            cast.request(orders[2], now=placed_at + timedelta(hours=1))
            cast.cancel(orders[2], Reason.BUYER_CANCELED, now=placed_at + timedelta(hours=5))
    return cast


def test_every_way_of_reading_the_rate_says_what_a_recount_says(a_busy_fortnight):
    shop = a_busy_fortnight.shop
    seen = set()
    for hours in range(0, 24 * 22, 7):
        at = NOON + timedelta(hours=hours)
        expected = recounted(shop, at)
        standing = rate_at(shop.pk, at)
        assert standing.rate == expected
        counts = counts_of_seller(shop.pk, now=at, also=queries.parts_of_rate(shop.pk, standing.window))
        assert queries.standing_from(shop.pk, counts, at=at, rules=standing.rules).rate == expected
        assert queries.rate_shown(shop.pk, at) == standing
        assert lists.counting_rows(shop.pk, standing.window).values("order").distinct().count() == expected.counted
        seen.add(expected)
    assert len(seen) > 10


def test_pages_of_a_large_shop_count_its_orders_once_a_minute_and_what_counts_against_them_each_time(
    cast: Cast, monkeypatch, time_machine
):
    monkeypatch.setattr(queries, "KEPT_FROM", 2)
    time_machine.move_to(LATER, tick=False)
    cache.clear()
    first = cast.order(1)
    assert queries.rate_shown(cast.shop.pk, LATER).rate == Rate(0, 1)
    cast.order(1)
    assert queries.rate_shown(cast.shop.pk, LATER).rate == Rate(0, 2), "a small shop's are counted each time"
    cast.order(1)
    cast.cancel(first, Reason.NO_INVENTORY, now=LATER - timedelta(seconds=1))
    assert queries.rate_shown(cast.shop.pk, LATER).rate == Rate(1, 2)
    assert rate_at(cast.shop.pk, LATER).rate == Rate(1, 3), "what is decided reads all"
    time_machine.move_to(LATER + timedelta(seconds=61), tick=False)
    assert queries.rate_shown(cast.shop.pk, LATER + timedelta(seconds=61)).rate == Rate(1, 3)
    cache.clear()


def test_a_rate_costs_one_statement_besides_the_policy(a_busy_fortnight):
    with counted_statements() as made:
        rate_at(a_busy_fortnight.shop.pk, NOON + 8 * DAY)
    assert made == [2]
    window = window_at(NOON, queries.rules_at(NOON))
    with counted_statements() as made:
        queries.rates_of([a_busy_fortnight.shop.pk, a_busy_fortnight.other_shop.pk], window)
    assert made == [1]


def test_another_shop_is_in_no_rate_of_mine(a_busy_fortnight):
    at = NOON + 8 * DAY
    assert rate_at(a_busy_fortnight.other_shop.pk, at).rate == Rate(0, 0)


def test_what_an_act_would_make_of_the_rate_is_what_it_makes(a_busy_fortnight):
    cast, at = a_busy_fortnight, NOON + 6 * DAY
    fresh, old = cast.order(1, placed_at=at - DAY), cast.order(1, placed_at=at - 10 * DAY)
    before = rate_at(cast.shop.pk, at)
    prospect = prospect_of(cast.shop.pk, [fresh.pk, old.pk], now=at, rules=before.rules)
    expected = prospect.after(facts_of_orders([fresh, old])).rate
    assert expected.orders == before.rate.orders + 1
    cast.cancel(fresh, now=at)
    cast.cancel(old, now=at)
    assert rate_at(cast.shop.pk, at).rate == expected


def test_the_second_counted_cancellation_of_an_order_would_change_nothing(cast):
    order = cast.order(3)
    cast.cancel(order, Reason.OTHER, {order.lines[0].pk: 1})
    prospect = prospect_of(cast.shop.pk, [order.pk], now=LATER, rules=queries.rules_at(LATER))
    assert prospect.after(facts_of_orders([order])).rate == prospect.now.rate == Rate(1, 1)
    assert prospect.counts_already(order.pk)


# --- the forecast -----------------------------------------------------------------------------------------


def test_the_forecast_is_what_the_sweep_will_make_of_the_rate(cast):
    due = cast.orders(3)
    cast.orders(5, placed_at=NOON + 9 * DAY)
    held = cast.order(1)
    hold(order_ids=[held.pk], note="", by=cast.operator, now=NOON)
    at = due[0].auto_cancel_due_at - timedelta(hours=71)
    standing = rate_at(cast.shop.pk, at)
    forecast = queries.forecast_of(standing, cast.shop.pk)
    assert (forecast.orders, forecast.counting) == (3, 3)
    assert forecast.after.rate == Rate(3, standing.rate.orders + 3)
    nothing_yet = queries.forecast_of(rate_at(cast.shop.pk, at - timedelta(hours=2)), cast.shop.pk)
    assert nothing_yet.orders == 0


def test_a_request_that_excuses_the_automatic_cancellation_excuses_it_in_the_forecast(cast):
    asked, _silent = cast.orders(2)
    cast.request(asked)
    at = asked.auto_cancel_due_at - timedelta(hours=1)
    PolicyVersion.objects.create(
        number=2, starts_at=NOON, auto_cancel_with_open_request_counts=PolicyVersion.OpenRequestCounts.NEVER
    )
    forecast = queries.forecast_of(rate_at(cast.shop.pk, at), cast.shop.pk)
    assert (forecast.orders, forecast.counting) == (2, 1)


# --- snapshots --------------------------------------------------------------------------------------------


def test_a_snapshot_keeps_the_seven_whole_days_that_end_with_its_day(a_busy_fortnight):
    shop, now = a_busy_fortnight.shop, NOON + 20 * DAY
    taken = take_missing_snapshots(now=now)
    assert taken == 2 * queries.CHART_DAYS
    for snapshot in RateSnapshot.objects.filter(seller=shop):
        end = datetime.combine(snapshot.day + DAY, datetime.min.time(), queries.zone()) - timedelta(microseconds=1)
        assert Rate(snapshot.counted, snapshot.denominator) == recounted(shop, end)
    assert RateSnapshot.objects.filter(seller=shop, counted__gt=0).count() > 5
    assert not RateSnapshot.objects.filter(day__gte=local_day(now)).exists()
    assert take_missing_snapshots(now=now) == 0
    assert take_missing_snapshots(now=now + DAY) == 2
    assert offences(only=["INV-28"]) == {}


def test_a_snapshot_costs_the_same_for_a_thousand_shops(a_busy_fortnight):
    take_missing_snapshots(now=NOON + 20 * DAY)
    with counted_statements() as few:
        take_missing_snapshots(now=NOON + 21 * DAY)
    for _ in range(30):
        factories.shop()
    RateSnapshot.objects.filter(day=local_day(NOON + 20 * DAY)).delete()
    take_missing_snapshots(now=NOON + 21 * DAY)
    with counted_statements() as many:
        assert take_missing_snapshots(now=NOON + 22 * DAY) == 32
    assert many == few


def test_a_corrected_snapshot_keeps_both_values(a_busy_fortnight):
    shop, now = a_busy_fortnight.shop, NOON + 20 * DAY
    take_missing_snapshots(now=now)
    counted = Cancellation.objects.filter(seller=shop, code="SEL-1").earliest("cancelled_at")
    Cancellation.objects.filter(pk=counted.pk).update(excluded=True)
    assert offences(only=["INV-28"])["INV-28"]
    day = local_day(counted.cancelled_at)
    correct_snapshots(seller_id=shop.pk, since=day)
    corrected = RateSnapshot.objects.filter(seller=shop, corrected_counted__isnull=False).order_by("day")
    assert [each.day for each in corrected] == [day + offset * DAY for offset in range(7)]
    assert all(each.corrected_counted == each.counted - 1 for each in corrected)
    assert offences(only=["INV-28"]) == {}
    Cancellation.objects.filter(pk=counted.pk).update(excluded=False)
    correct_snapshots(seller_id=shop.pk, since=day)
    assert not RateSnapshot.objects.filter(corrected_counted__isnull=False).exists()


def test_a_day_of_the_chart_shows_the_corrected_value_and_the_recorded_one_beside_it(a_busy_fortnight):
    shop, now = a_busy_fortnight.shop, NOON + 15 * DAY
    take_missing_snapshots(now=now)
    counted = Cancellation.objects.filter(seller=shop, code="SEL-1").latest("cancelled_at")
    Cancellation.objects.filter(pk=counted.pk).update(excluded=True)
    correct_snapshots(seller_id=shop.pk, since=local_day(counted.cancelled_at))
    days = queries.days_of(rate_at(shop.pk, now), shop.pk)
    assert len(days) == queries.CHART_DAYS
    assert days[-1].day == local_day(now)
    yesterday = days[-2]
    assert yesterday.recorded is not None
    assert yesterday.recorded.counted == yesterday.rate.counted + 1
    assert days[0].state == State.NO_DATA


def test_a_policy_that_starts_at_midnight_leaves_the_day_before_its_own_limits(cast):  # E35
    PolicyVersion.objects.create(
        number=2, starts_at=datetime(2026, 7, 8, tzinfo=queries.zone()), rate_target="9.00", rate_watch="8.00"
    )
    targets = queries.targets_of([local_day(NOON) + 6 * DAY, local_day(NOON) + 7 * DAY])
    assert [target.limit for target in targets.values()] == [250, 900]


def test_the_forecast_stops_where_nobody_looks_further(cast, monkeypatch):
    monkeypatch.setattr(queries, "FORECAST_CAP", 2)
    due = cast.orders(3)
    forecast = queries.forecast_of(rate_at(cast.shop.pk, due[0].auto_cancel_due_at), cast.shop.pk)
    assert (forecast.orders, forecast.is_capped) == (2, True)


def test_an_order_that_only_the_union_takes_in_comes_last_and_once(cast):
    """Also one that lies in the window and was never paid, as an operator may have it count."""
    cast.orders(3, placed_at=NOON + DAY)
    unpaid = cast.order(1, verified=False, placed_at=NOON + 2 * DAY)
    old = cast.order(1, placed_at=NOON - 20 * DAY)
    cast.cancel(unpaid, Reason.MARKETPLACE_OTHER, by=cast.operator, counts=True, now=NOON + 3 * DAY)
    cast.cancel(old, now=NOON + 3 * DAY)
    standing = rate_at(cast.shop.pk, NOON + 3 * DAY)
    assert standing.rate == Rate(2, 5)
    seen, after = [], ""
    while page := lists.order_rows(standing, cast.shop.pk, after=after, size=1)[:1]:
        seen += page
        after = page[0].number
    assert len(seen) == len(set(seen)) == 5
    assert seen[-2:] == [unpaid, old]


def test_a_policy_with_a_longer_window_is_used_from_its_start(cast):
    cast.orders(2)
    PolicyVersion.objects.create(number=2, starts_at=datetime(2026, 7, 9, tzinfo=UTC), rate_window_days=14)
    assert rate_at(cast.shop.pk, NOON + 6 * DAY + timedelta(hours=1)).rate == Rate(0, 2)
    assert rate_at(cast.shop.pk, datetime(2026, 7, 8, 23, 59, tzinfo=UTC)).rate == Rate(0, 0)
    assert rate_at(cast.shop.pk, datetime(2026, 7, 9, tzinfo=UTC)).rate == Rate(0, 2)
