"""Daily snapshots: recorded once, corrected beside it when what they rest on changed since (domain 9.3)."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import connection, transaction

from accounts.models import Seller
from cancellations.queries import rules_at
from metrics.queries import CHART_DAYS, RATES, last_snapshot_day, sellers_without_snapshot
from metrics.rate import INSTANT, window_of_day
from orders.queries import local_day, zone

# One transaction's worth of shops.
SELLERS_PER_BATCH = 5000

_TAKE = f"""
INSERT INTO metrics_ratesnapshot (seller_id, day, window_days, counted, denominator, taken_at)
SELECT r.seller_id, %(day)s, %(days)s, r.counted, r.denominator, %(now)s FROM ({RATES}) AS r
ON CONFLICT (seller_id, day) DO NOTHING
"""  # noqa: S608 - both are our own text
# Each snapshot that a change reaches beside a count of its own window; the same as RATES, window by window.
_CORRECT = """
UPDATE metrics_ratesnapshot AS s
SET corrected_counted = CASE WHEN (f.counted, f.denominator) <> (s.counted, s.denominator) THEN f.counted END,
    corrected_denominator = CASE WHEN (f.counted, f.denominator) <> (s.counted, s.denominator) THEN f.denominator END
FROM (
    SELECT w.id, n.counted, o.orders + n.outside AS denominator
    FROM (
        SELECT id, (day - window_days + 1)::timestamp AT TIME ZONE %(zone)s AS first,
               (day + 1)::timestamp AT TIME ZONE %(zone)s AS beyond
        FROM metrics_ratesnapshot
        WHERE seller_id = %(seller)s AND day >= %(since)s AND day - window_days < %(until)s
    ) AS w CROSS JOIN LATERAL (
        SELECT count(*) AS orders FROM orders_order
        WHERE seller_id = %(seller)s AND fulfillment_channel = 'SELLER' AND placed_at >= w.first
          AND placed_at < w.beyond AND payment_verified_at < w.beyond
    ) AS o CROSS JOIN LATERAL (
        SELECT count(*) AS counted,
               count(*) FILTER (WHERE placed_at < w.first OR payment_verified_at IS NULL
                                   OR payment_verified_at >= w.beyond) AS outside
        FROM (
            SELECT DISTINCT c.order_id, o.placed_at, o.payment_verified_at
            FROM cancellations_cancellation AS c
            JOIN orders_order AS o ON o.id = c.order_id AND o.fulfillment_channel = 'SELLER'
            WHERE c.seller_id = %(seller)s AND c.counted AND NOT c.excluded AND c.cancelled_at >= w.first
              AND c.cancelled_at < w.beyond
        ) AS each
    ) AS n
) AS f
WHERE s.id = f.id
"""
# A look at their states follows every snapshot: orders that left the window may have made them worse.
_NAME = """
INSERT INTO metrics_ratestate (seller_id, state, severity, look_again)
SELECT id, 'NO_DATA', 0, true FROM unnest(%(sellers)s::bigint[]) AS s (id)
ON CONFLICT (seller_id) DO UPDATE SET look_again = true WHERE NOT metrics_ratestate.look_again
"""


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
    The shops are named for a look at their states.
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
        taken = cursor.rowcount
        cursor.execute(_NAME, {"sellers": list(seller_ids)})
        return taken


def correct_snapshots(*, seller_id: int, since: date, until: date | None = None) -> None:
    """Count anew what snapshots rest on that look at days from `since` to `until` (by default that day alone).

    The recorded value stays; where it is another now, the corrected one stands beside it.
    """
    with transaction.atomic():
        lock_sellers([seller_id])
        with connection.cursor() as cursor:
            cursor.execute(
                _CORRECT, {"seller": seller_id, "since": since, "until": until or since, "zone": str(zone())}
            )


def lock_sellers(seller_ids: Sequence[int]) -> None:
    """Hold these shops' rates until the transaction ends, in key order; rows that point at a shop are not held up."""
    list(Seller.objects.select_for_update(no_key=True).filter(pk__in=seller_ids).order_by("pk").values_list("pk"))
