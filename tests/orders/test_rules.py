"""What follows from an order's numbers alone: status, due moment, shares of money."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orders.rules import Status, auto_cancel_due_at, derive_status, share, start_of_day, sum_or_none

TOKYO, BERLIN = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("_case", "is_verified", "ordered", "shipped", "cancelled", "status"),
    [
        ("not verified, all open", False, 3, 0, 0, Status.PENDING),
        ("not verified, part cancelled", False, 3, 0, 1, Status.PENDING),
        ("verified, all open", True, 3, 0, 0, Status.UNSHIPPED),
        ("verified, part cancelled", True, 3, 0, 1, Status.UNSHIPPED),
        ("part shipped", True, 3, 1, 0, Status.PARTIALLY_SHIPPED),
        ("part shipped, part cancelled, part open", True, 3, 1, 1, Status.PARTIALLY_SHIPPED),
        ("all shipped", True, 3, 3, 0, Status.SHIPPED),
        ("part shipped, the rest cancelled", True, 3, 1, 2, Status.SHIPPED),
        ("all cancelled", True, 3, 0, 3, Status.CANCELED),
        ("all cancelled while pending", False, 3, 0, 3, Status.CANCELED),
    ],
)
def test_status_follows_from_units(_case, is_verified, ordered, shipped, cancelled, status):
    found = derive_status(is_verified=is_verified, ordered=ordered, shipped=shipped, cancelled=cancelled)
    assert found is status


def test_more_gone_than_ordered_is_no_status():
    with pytest.raises(ValueError, match="more units"):
        derive_status(is_verified=True, ordered=2, shipped=1, cancelled=2)


@pytest.mark.parametrize(
    ("_case", "ship_by", "days", "zone", "due"),
    [
        ("Tokyo: 00:00 of the eighth day after (22.6)", date(2026, 7, 1), 7, TOKYO, datetime(2026, 7, 8, 15,
         tzinfo=UTC)),
        ("over the end of a year", date(2026, 12, 28), 7, TOKYO, datetime(2027, 1, 4, 15, tzinfo=UTC)),
        ("Berlin in summer", date(2026, 7, 1), 7, BERLIN, datetime(2026, 7, 8, 22, tzinfo=UTC)),
        ("Berlin, clocks put back on the way: calendar days", date(2026, 10, 20), 7, BERLIN,
         datetime(2026, 10, 27, 23, tzinfo=UTC)),
        ("Berlin, clocks put forward on the way", date(2026, 3, 25), 7, BERLIN, datetime(2026, 4, 1, 22,
         tzinfo=UTC)),
        ("one day", date(2026, 7, 1), 1, TOKYO, datetime(2026, 7, 2, 15, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_the_sweep_may_come_when_the_days_after_ship_by_have_passed(_case, ship_by, days, zone, due):
    assert auto_cancel_due_at(ship_by_date=ship_by, days=days, zone=zone) == due


def test_without_a_ship_by_date_nothing_falls_due():
    assert auto_cancel_due_at(ship_by_date=None, days=7, zone=TOKYO) is None


def test_a_local_day_begins_at_midnight_even_when_it_has_twenty_five_hours():
    begins = start_of_day(date(2026, 10, 25), BERLIN)
    ends = start_of_day(date(2026, 10, 26), BERLIN)
    assert (ends.astimezone(UTC) - begins.astimezone(UTC)).total_seconds() == 25 * 3600


@pytest.mark.parametrize(
    ("_case", "before", "taken", "amount"),
    [
        ("the first of three", 0, 1, 333),
        ("the second of three", 1, 1, 333),
        ("the third takes the rest", 2, 1, 334),
        ("all three at once", 0, 3, 1000),
        ("none", 1, 0, 0),
    ],
)
def test_shares_of_a_thousand_yen_in_three(_case, before, taken, amount):
    assert share(amount=Decimal(1000), units=3, before=before, taken=taken, currency="JPY") == amount


amounts = some.decimals(min_value=0, max_value=10**7, places=2)


@given(
    amount=amounts,
    parts=some.lists(some.integers(1, 9), min_size=1, max_size=6),
    currency=some.sampled_from(["JPY", "USD"]),
)
def test_shares_add_up_whatever_the_order_units_are_taken_in(amount, parts, currency):
    if currency == "JPY":
        amount = amount.to_integral_value()
    units, before, shares = sum(parts), 0, []
    for taken in parts:
        shares.append(share(amount=amount, units=units, before=before, taken=taken, currency=currency))
        before += taken
    assert sum(shares) == amount
    assert all(part >= 0 for part in shares)
    step = Decimal(1) if currency == "JPY" else Decimal("0.01")
    assert all(part % step == 0 for part in shares)


def test_an_unknown_price_makes_the_sum_unknown():
    assert sum_or_none([Decimal(1), Decimal(2)]) == 3
    assert sum_or_none([Decimal(1), None]) is None
    assert sum_or_none([]) == 0
