"""The arithmetic of the cancellation rate (domain 9.3, 9.4, 22), without a database."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.rate import (
    CancellationFacts,
    OrderFacts,
    Rate,
    State,
    Target,
    is_worse,
    leaves_window_at,
    percent,
    rate_after,
    rate_of,
    window_of_day,
    window_until,
)

JST = ZoneInfo("Asia/Tokyo")
TARGET = Target()


def at(day: int, hour: int = 12, minute: int = 0, month: int = 7) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=JST)


def order(key: int, placed_at: datetime, **fields) -> OrderFacts:
    return OrderFacts(key, placed_at, fields.pop("verified_at", placed_at), **fields)


# Forty orders placed and verified from 1 to 7 July, the first of them cancelled on the 7th.
FORTY = [order(key, at(1 + key % 7)) for key in range(40)]
OUT_OF_STOCK = CancellationFacts(0, at(7), counts=True)


def whole_days(day: int):
    return window_of_day(date(2026, 7, day), days=7, zone=JST)


def test_example_1_one_of_forty_is_exactly_the_target():
    rate = rate_of(FORTY, [OUT_OF_STOCK], whole_days(7))
    assert (rate, rate.shown(TARGET), rate.state(TARGET)) == (Rate(1, 40), "2.50%", State.OFF_TARGET)


def test_example_2_an_approved_request_changes_nothing():
    approved = CancellationFacts(1, at(7), counts=False)
    assert rate_of(FORTY, [OUT_OF_STOCK, approved], whole_days(7)) == Rate(1, 40)


def test_example_3_an_order_from_before_the_window_joins_numerator_and_denominator():
    old = order(99, at(20, month=6))
    rate = rate_of([*FORTY, old], [OUT_OF_STOCK, CancellationFacts(99, at(6), counts=True)], whole_days(7))
    assert (rate, rate.shown(TARGET), rate.state(TARGET)) == (Rate(2, 41), "4.88%", State.AT_RISK)


def test_example_4_a_week_later_there_is_nothing_left():
    window = window_until(at(14, 0), days=7, zone=JST)
    rate = rate_of(FORTY, [OUT_OF_STOCK], window)
    assert window.start == at(8, 0)
    assert (rate, rate.shown(TARGET), rate.state(TARGET)) == (Rate(0, 0), "—", State.NO_DATA)


@pytest.mark.parametrize(
    ("counted", "orders", "shown", "state"),
    [
        (1, 41, "2.44%", State.WATCH),
        (1, 51, "1.96%", State.GOOD),
        (1, 50, "2.00%", State.WATCH),
        (2, 79, "2.53%", State.AT_RISK),
        (250, 10_001, "2.49%", State.WATCH),
        (1, 40, "2.50%", State.OFF_TARGET),
        (0, 5, "0.00%", State.GOOD),
        (5, 5, "100.00%", State.AT_RISK),
    ],
)
def test_example_5_states_and_rounding(counted, orders, shown, state):
    rate = Rate(counted, orders)
    assert (rate.shown(TARGET), rate.state(TARGET)) == (shown, state)


def test_an_order_counts_once_however_often_it_was_cancelled():
    twice = [OUT_OF_STOCK, CancellationFacts(0, at(6), counts=True)]
    assert rate_of(FORTY, twice, whole_days(7)) == Rate(1, 40)


def test_unpaid_orders_and_those_the_marketplace_sends_are_in_no_rate():
    unpaid, sent_by_marketplace = order(50, at(2), verified_at=None), order(51, at(2), by_seller=False)
    cancelled = CancellationFacts(51, at(3), counts=True)
    paid_later = order(52, at(7, 23), verified_at=at(8, 0))
    orders = [*FORTY, unpaid, sent_by_marketplace, paid_later]
    assert rate_of(orders, [cancelled], whole_days(7)) == Rate(0, 40)


def test_the_window_of_a_moment_begins_at_midnight_six_days_before_and_holds_the_moment():
    window = window_until(at(8, 15, 28), days=7, zone=JST)
    assert window.start == at(2, 0)
    assert window.holds(at(2, 0))
    assert window.holds(at(8, 15, 28))
    assert not window.holds(at(2, 0) - timedelta(microseconds=1))
    assert not window.holds(at(8, 15, 28) + timedelta(microseconds=1))
    assert not window.holds(None)


def test_the_window_of_a_day_is_seven_whole_days():
    window = whole_days(8)
    assert (window.start, window.end) == (at(2, 0), at(9, 0))
    assert not window.holds(at(9, 0))


def test_windows_are_whole_local_days_where_clocks_change():
    berlin = ZoneInfo("Europe/Berlin")
    window = window_of_day(date(2026, 3, 29), days=1, zone=berlin)
    assert (window.end.astimezone(UTC) - window.start.astimezone(UTC)) == timedelta(hours=23)


def test_a_cancellation_leaves_every_window_seven_days_later():
    left_at = leaves_window_at(at(5, 11, 20), days=7, zone=JST)
    assert left_at == at(12, 0)
    assert not window_until(left_at, days=7, zone=JST).holds(at(5, 11, 20))
    assert window_until(left_at - timedelta(microseconds=1), days=7, zone=JST).holds(at(5, 11, 20))


def test_few_orders_are_shown_their_rate_but_told_no_state():
    target = Target(min_orders=10)
    assert Rate(1, 9).state(target) == State.AT_RISK
    assert Rate(1, 9).told_state(target) == State.NO_DATA
    assert Rate(1, 10).told_state(target) == State.AT_RISK


def test_only_a_graver_state_is_worse():
    assert is_worse(State.WATCH, State.GOOD)
    assert is_worse(State.AT_RISK, State.OFF_TARGET)
    assert not is_worse(State.GOOD, State.NO_DATA)
    assert not is_worse(State.WATCH, State.AT_RISK)
    assert not is_worse(State.AT_RISK, State.AT_RISK)


@given(
    st.integers(0, 5000),
    st.integers(0, 100_000),
    st.integers(1, 1000),
)
def test_what_is_shown_is_the_rate_rounded_and_never_hides_the_target(counted, others, limit):
    rate, target = Rate(counted, counted + others), Target(limit=limit, watch=min(200, limit))
    points = rate.basis_points(target)
    if not rate.orders:
        assert points is None
        return
    exact = Fraction(counted * 10_000, rate.orders)
    assert abs(points - exact) <= Fraction(1, 2) or (points == limit - 1 and exact < limit)
    assert (points >= limit) <= (exact >= limit)
    assert (rate.state(target) in {State.OFF_TARGET, State.AT_RISK}) == (exact >= limit)
    assert rate.shown(target) == percent(points)


MOMENTS = st.integers(0, 24 * 14).map(lambda hours: at(1, 0) + timedelta(hours=hours))
ORDERS = st.lists(
    st.tuples(MOMENTS, st.none() | MOMENTS, st.booleans()),
    max_size=12,
).map(lambda rows: [OrderFacts(key, *row) for key, row in enumerate(rows)])


@given(st.data())
def test_the_rate_is_what_a_naive_recount_of_the_rows_says(data):
    orders = data.draw(ORDERS)
    cancelled = data.draw(
        st.lists(st.tuples(st.sampled_from(range(len(orders))), MOMENTS, st.booleans()), max_size=8)
        if orders
        else st.just([])
    )
    cancellations = [CancellationFacts(*row) for row in cancelled]
    moment = data.draw(MOMENTS)
    window = window_until(moment, days=7, zone=JST)
    first = moment.astimezone(JST).replace(hour=0, minute=0) - timedelta(days=6)
    numerator, denominator = 0, 0
    for each in orders:
        counts = any(
            row.order == each.key and row.counts and each.by_seller and first <= row.at <= moment
            for row in cancellations
        )
        verified = each.verified_at is not None and each.verified_at <= moment
        numerator += counts
        denominator += counts or (each.by_seller and verified and first <= each.placed_at <= moment)
    rate = rate_of(orders, cancellations, window)
    assert rate == Rate(numerator, denominator)
    # And what an act would make of it is what it is once the act is done.
    open_now = [each for each in orders if each.placed_at <= moment and each.by_seller]
    counting = {row.order for row in cancellations if row.counts and window.holds(row.at)}
    done = [*cancellations, *(CancellationFacts(each.key, moment, counts=True) for each in open_now)]
    assert rate_after(rate, open_now, counting=counting, window=window) == rate_of(orders, done, window)
