"""Warnings before the automatic cancellation (domain 10)."""

import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta

from django.db import OperationalError, connection, transaction

from accounts.actors import SWEEP
from cancellations import queries, warning_queries
from events.actions import Entry, record
from orders.queries import zone

logger = logging.getLogger(__name__)

# Each warning comes at nine o'clock of the marketplace's day.
WARNING_HOUR = time(9, 0)
# A digest is one transaction; whatever more a shop has is told in the next one.
ORDERS_PER_DIGEST = 10_000


def warn_late(*, now: datetime) -> int:
    """Warn every shop of its open orders past their ship-by date: W1, W2, W3, each once per order (domain 10).

    On which days, the policy in force at `now` says (domain 17). What should have been told is found by query, so an
    outage is caught up; an order for which several warnings are due is told of by the latest alone. Each shop gets
    one mail for W1 (M-15) and one for W2 and W3 (M-16). Returns how many orders were told of. A shop that the
    database refuses, for somebody keeps one of its orders locked, waits for the next run; the others are told.
    """
    told = 0
    days = queries.rules_at(now).warning_days
    for seller_id in warning_queries.shops_to_warn(days, _day_of_warnings(now), now=now):
        try:
            while warned := _warn(seller_id, days, now):
                told += warned
                if warned < ORDERS_PER_DIGEST:
                    break
        except OperationalError:
            logger.exception("Shop %s could not be warned of its late orders; the next run does it", seller_id)
    return told


def _day_of_warnings(now: datetime) -> date:
    """The last local day whose nine o'clock has come."""
    local = now.astimezone(zone())
    return local.date() if local.time() >= WARNING_HOUR else local.date() - timedelta(days=1)


def _warn(seller_id: int, days: Mapping[str, int], now: datetime) -> int:
    """Warn one shop once. A shop that another worker is warning just now is left to it."""
    with transaction.atomic():
        if not warning_queries.lock_shop_to_warn(seller_id):
            return 0
        due = warning_queries.orders_to_warn_of(
            seller_id, days, _day_of_warnings(now), now=now, limit=ORDERS_PER_DIGEST
        )
        digests = {
            is_first: Entry(
                "orders.past_ship_by" if is_first else "orders.cancelled_soon",
                subject=f"seller:{seller_id}",
                seller_id=seller_id,
                may_silence="M-15" if is_first else "",
            )
            for is_first in sorted({kind == "W1" for _, kind in due})
        }
        events = dict(zip(digests, record(list(digests.values()), by=SWEEP, now=now), strict=True))
        _keep([(order_id, kind, events[kind == "W1"]) for order_id, kind in due], days, now)
    return len(due)


def _keep(told: Sequence[tuple[int, str, int]], days: Mapping[str, int], now: datetime) -> None:
    """Note the warnings, together with the earlier ones that these leave nothing to say for.

    In the order of the orders' keys, as every act locks them: a row of another table holds its order for a moment.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO cancellations_shipwarning (order_id, kind, warned_at, event_id)
            SELECT told.order_id, known.kind, %(now)s, told.event_id
            FROM unnest(%(orders)s::bigint[], %(kinds)s::text[], %(events)s::bigint[])
              AS told (order_id, kind, event_id)
            JOIN unnest(%(all)s::text[]) AS known (kind) ON known.kind <= told.kind
            ORDER BY told.order_id, known.kind
            ON CONFLICT (order_id, kind) DO NOTHING
            """,
            {
                "now": now,
                "orders": [order_id for order_id, _, _ in told],
                "kinds": [kind for _, kind, _ in told],
                "events": [event_id for _, _, event_id in told],
                "all": list(days),
            },
        )
