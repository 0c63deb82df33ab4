"""The cancellation rate of the largest shop, and a day's snapshots of 10,000 shops, beside bare SQL."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import psycopg2
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Seller
from metrics.actions.snapshots import SELLERS_PER_BATCH, take_snapshots
from metrics.models import RateSnapshot, RateState
from metrics.queries import rate_at, sellers_without_snapshot
from metrics.rate import window_of_day
from orders.models import Order
from orders.queries import local_day, zone

from .clock import Duel, in_turn, least, middle, statements
from .limit import connected
from .stock import Stock, trust_keys
from .verdict import Row

ORDERS_OF_EACH = 10
# A shop's rate, and a day of all of them, against the same union as one bare statement.
RATE_AT_MOST, SNAPSHOTS_AT_MOST = 5.0, 3.0
# Policy and rate; a batch finds its shops, takes the policy and their lock, writes, and names them for a look.
RATE_STATEMENTS = 2
STATEMENTS_OF_A_BATCH = 5

_RATE = """
WITH counted AS (
    SELECT DISTINCT order_id FROM cancellations_cancellation
    WHERE seller_id = %(seller)s AND counted AND NOT excluded AND cancelled_at >= %(start)s AND cancelled_at < %(end)s
), looked_at AS (
    SELECT id FROM orders_order
    WHERE seller_id = %(seller)s AND fulfillment_channel = 'SELLER' AND placed_at >= %(start)s
      AND placed_at < %(end)s AND payment_verified_at < %(end)s
    UNION SELECT order_id FROM counted
)
SELECT (SELECT count(*) FROM counted), (SELECT count(*) FROM looked_at)
"""
_SNAPSHOTS = """
INSERT INTO metrics_ratesnapshot (seller_id, day, window_days, counted, denominator, taken_at)
SELECT s.id, %(day)s, 7, count(DISTINCT c.order_id), count(DISTINCT coalesce(o.id, c.order_id)), now()
FROM accounts_seller AS s
LEFT JOIN orders_order AS o ON o.seller_id = s.id AND o.fulfillment_channel = 'SELLER' AND o.placed_at >= %(start)s
    AND o.placed_at < %(end)s AND o.payment_verified_at < %(end)s
LEFT JOIN cancellations_cancellation AS c ON c.order_id = o.id AND c.counted AND NOT c.excluded
    AND c.cancelled_at >= %(start)s AND c.cancelled_at < %(end)s
WHERE s.merchant_id LIKE 'ARATE%%'
GROUP BY s.id
"""
_NAMED = """
INSERT INTO metrics_ratestate (seller_id, state, severity, look_again)
SELECT id, 'NO_DATA', 0, true FROM accounts_seller WHERE merchant_id LIKE 'ARATE%'
ON CONFLICT (seller_id) DO UPDATE SET look_again = true WHERE NOT metrics_ratestate.look_again
"""
_ORDERS = """
INSERT INTO orders_order (number, seller_id, fulfillment_channel, status, placed_at, payment_verified_at, on_hold,
    service_level, payment_method, currency, version, last_updated_at)
SELECT '777-' || lpad((n / 1000)::text, 7, '0') || '-' || lpad((n %% 1000)::text, 7, '0'), s.id, 'SELLER', 'UNSHIPPED',
       %(now)s - n %% 9 * interval '1 day', %(now)s - n %% 9 * interval '1 day', false, '', '', 'JPY', 1, %(now)s
FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM accounts_seller WHERE merchant_id LIKE 'ARATE%%') AS s,
     LATERAL generate_series(s.place * %(each)s, s.place * %(each)s + %(each)s - 1) AS n
"""


def measure(stock: Stock, *, shops: int, rounds: int, times: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """The largest shop's rate as of now, then the snapshots of many shops."""
    now = timezone.now()
    with connected() as bare:
        yield _rate(stock, bare, now, rounds=rounds, times=times)
        tell(f"{shops:,} shops for their snapshots")
        _open_shops(shops, now)
        try:
            yield _snapshots(bare, shops, now, rounds=rounds, tell=tell)
        finally:
            _close_shops()


def _rate(stock: Stock, bare: psycopg2.extensions.connection, now: datetime, *, rounds: int, times: int) -> Row:
    standing = rate_at(stock.shop, now)
    given = {"seller": stock.shop, "start": standing.window.start, "end": standing.window.end}

    def limit() -> tuple[int, int]:
        with bare.cursor() as cursor:
            cursor.execute(_RATE, given)
            counted, orders = cursor.fetchone()
        bare.rollback()
        return counted, orders

    if limit() != (standing.rate.counted, standing.rate.orders):
        raise RuntimeError("both sides must find the same rate")
    with statements() as sent:
        rate_at(stock.shop, now)
    duel = Duel()
    for _ in range(rounds):
        in_turn(duel, lambda: rate_at(stock.shop, now), limit, times=times)
    what = f"cancellation rate of the shop, {standing.rate.orders:,} orders in its window"
    return _row("rate", what, duel, RATE_AT_MOST, len(sent), RATE_STATEMENTS)


def _snapshots(bare: psycopg2.extensions.connection, shops: int, now: datetime, *, rounds: int, tell) -> Row:
    day = local_day(now) - timedelta(days=1)
    window = window_of_day(day, days=7, zone=zone())
    given = {"day": day, "start": window.start, "end": window.end}
    ours = Seller.objects.filter(merchant_id__startswith="ARATE")
    duel, sent = Duel(), 0

    def empty() -> None:
        RateSnapshot.objects.filter(seller__in=ours).delete()
        RateState.objects.filter(seller__in=ours).delete()

    def take() -> None:
        while sellers := sellers_without_snapshot(day, limit=SELLERS_PER_BATCH):
            take_snapshots(day=day, seller_ids=sellers, now=now)

    def limit() -> None:
        with bare.cursor() as cursor:
            cursor.execute(_SNAPSHOTS, given)
            cursor.execute(_NAMED)
        bare.commit()

    found = []
    for number in range(rounds):
        tell(f"snapshots, round {number + 1} of {rounds}")
        for act, times_of in ((take, duel.ours), (limit, duel.limit)):
            empty()
            with statements() as said:
                begun = timezone.now()
                act()
                times_of.append([(timezone.now() - begun).total_seconds()])
            sent = max(sent, len(said))
            found.append(list(_kept(ours)))
    if any(each != found[0] for each in found):
        raise RuntimeError("both sides must keep the same rates")
    batches = -(-(shops + Seller.objects.count()) // SELLERS_PER_BATCH)
    what = f"snapshots of a day for {shops:,} shops"
    return _row("snapshots", what, duel, SNAPSHOTS_AT_MOST, sent / batches, STATEMENTS_OF_A_BATCH)


def _kept(sellers) -> Iterator[tuple[int, int, int]]:
    kept = RateSnapshot.objects.filter(seller__in=sellers).order_by("seller_id")
    yield from kept.values_list("seller_id", "counted", "denominator")


def _row(key: str, what: str, duel: Duel, at_most: float, sent: float, sent_at_most: float) -> Row:
    return Row(
        key,
        what,
        "ms",
        middle(duel.ours) * 1000,
        middle(duel.limit) * 1000,
        least(duel.ours) * 1000,
        least(duel.limit) * 1000,
        ratio=duel.ratio,
        best_ratio=duel.best_ratio,
        at_most=at_most,
        statements=sent,
        statements_at_most=sent_at_most,
    )


def _open_shops(shops: int, now: datetime) -> None:
    """Many shops with a few orders of the last days each."""
    Seller.objects.bulk_create(
        Seller(name=f"Shop {number}", merchant_id=f"ARATE{number:08d}") for number in range(shops)
    )
    with transaction.atomic(), connection.cursor() as cursor:
        trust_keys()
        cursor.execute(_ORDERS, {"now": now, "each": ORDERS_OF_EACH})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE orders_order, accounts_seller")


def _close_shops() -> None:
    """Leave the books as they were: these orders have no history."""
    ours = Seller.objects.filter(merchant_id__startswith="ARATE")
    RateSnapshot.objects.all().delete()
    RateState.objects.all().delete()
    Order.objects.filter(seller__in=ours)._raw_delete("default")
    ours.delete()
