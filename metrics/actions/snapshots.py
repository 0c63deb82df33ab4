"""Daily snapshots: recorded once, corrected beside it when what they rest on changed since (domain 9.3)."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import connection, transaction

from accounts.models import Seller
from cancellations.queries import rules_at
from metrics.models import RateSnapshot
from metrics.queries import CHART_DAYS, RATES, last_snapshot_day, rates_of, sellers_without_snapshot
from metrics.rate import INSTANT, Rate, Window, window_of_day
from orders.queries import local_day, zone

# One transaction's worth of shops.
SELLERS_PER_BATCH = 1000
# No window is longer: what a change can reach (PolicyVersion.rate_window_days).
LONGEST_WINDOW = timedelta(days=90)

_TAKE = f"""
INSERT INTO metrics_ratesnapshot (seller_id, day, window_days, counted, denominator, taken_at)
SELECT r.seller_id, %(day)s, %(days)s, r.counted, r.denominator, %(now)s FROM ({RATES}) AS r
ON CONFLICT (seller_id, day) DO NOTHING
"""  # noqa: S608 - both are our own text


def take_missing_snapshots(*, now: datetime) -> int:
    """Keep the rate of every shop for every whole day since the last one kept; the last 90 days at most.

    Set-wise: a few statements per thousand shops. A second run finds nothing to do; returns how many were taken.
    """
    yesterday = local_day(now) - timedelta(days=1)
    first = yesterday - timedelta(days=CHART_DAYS - 1)
    day = max(last_snapshot_day() or first, first)
    taken = 0
    while day <= yesterday:
        while sellers := sellers_without_snapshot(day, limit=SELLERS_PER_BATCH):
            taken += take_snapshots(day=day, seller_ids=sellers, now=now)
        day += timedelta(days=1)
    return taken


def take_snapshots(*, day: date, seller_ids: Sequence[int], now: datetime) -> int:
    """Keep the rates of these shops over the whole days that end with `day`, by the policy of its end.

    A shop whose record is being corrected is waited for: its snapshot is taken before or after, never between (R-28).
    """
    rules = rules_at(window_of_day(day, days=1, zone=zone()).end - INSTANT)
    window = window_of_day(day, days=rules.rate_window_days, zone=zone())
    with transaction.atomic(), connection.cursor() as cursor:
        lock_sellers(seller_ids)
        cursor.execute(
            _TAKE,
            {
                "sellers": list(seller_ids),
                "start": window.start,
                "end": window.end,
                "day": day,
                "days": rules.rate_window_days,
                "now": now,
            },
        )
        return cursor.rowcount


def correct_snapshots(*, seller_id: int, since: date, until: date | None = None) -> None:
    """Count anew what snapshots rest on that look at days from `since` to `until` (by default that day alone).

    The recorded value stays; where it is another now, the corrected one stands beside it.
    """
    last = (until or since) + LONGEST_WINDOW
    with transaction.atomic():
        lock_sellers([seller_id])
        reached = [
            snapshot
            for snapshot in RateSnapshot.objects.filter(seller_id=seller_id, day__gte=since, day__lt=last)
            if snapshot.day - timedelta(days=snapshot.window_days) < (until or since)
        ]
        for snapshot in reached:
            found = rates_of([seller_id], _window_of(snapshot))[seller_id]
            is_as_recorded = found == Rate(snapshot.counted, snapshot.denominator)
            snapshot.corrected_counted = None if is_as_recorded else found.counted
            snapshot.corrected_denominator = None if is_as_recorded else found.orders
        RateSnapshot.objects.bulk_update(reached, ["corrected_counted", "corrected_denominator"])


def _window_of(snapshot: RateSnapshot) -> Window:
    return window_of_day(snapshot.day, days=snapshot.window_days, zone=zone())


def lock_sellers(seller_ids: Sequence[int]) -> None:
    """Hold these shops' rates until the transaction ends, in key order; rows that point at a shop are not held up."""
    list(Seller.objects.select_for_update(no_key=True).filter(pk__in=seller_ids).order_by("pk").values_list("pk"))
