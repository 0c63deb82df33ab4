"""What the database does for a statement in a busy shop: its plan with what it really cost, and 40,000 orders."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import NOON

T = TypeVar("T")
CROWD = 40_000
# Moments of the crowd: an order every ten minutes, the newest just before.
EVERY = timedelta(minutes=10)


@pytest.fixture
def crowd(cast) -> None:
    """40,000 orders, three of four of the shop, as a busy shop looks after nine months.

    The newest fifth is open, half of that with a request; some are late, some soon cancelled; one in twenty older
    ones was cancelled, and one in thirty came without a ship-by date.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO orders_order (number, seller_id, buyer_id, fulfillment_channel, status, placed_at,
                payment_verified_at, ship_by_date, auto_cancel_due_at, cancelled_at, answer_due_at, on_hold,
                service_level, payment_method, currency, total, version, last_updated_at)
            SELECT '250-' || lpad(n::text, 7, '0') || '-0000000', CASE n %% 4 WHEN 3 THEN %(other)s ELSE %(shop)s END,
                CASE n %% 500 WHEN 0 THEN %(dora)s END, 'SELLER', s.status, p.placed_at,
                CASE WHEN s.status <> 'PENDING' THEN p.placed_at END,
                CASE WHEN n %% 30 <> 4 THEN p.ship_by END, CASE WHEN n %% 30 <> 4 THEN p.ship_by + 8 END,
                CASE s.status WHEN 'CANCELED' THEN p.placed_at END,
                CASE WHEN s.status NOT IN ('SHIPPED', 'CANCELED') AND n %% 2 = 0
                     THEN p.placed_at + interval '2 days' END,
                false, '', '', 'JPY', 1000, 1, p.placed_at
            FROM generate_series(1, %(crowd)s) AS n,
                 LATERAL (SELECT %(now)s::timestamptz - n * %(every)s AS placed_at,
                          (%(now)s::timestamptz + interval '30 days' - n * interval '5 minutes')::date AS ship_by) AS p,
                 LATERAL (SELECT CASE WHEN n > %(crowd)s / 5 THEN CASE n %% 20 WHEN 6 THEN 'CANCELED' ELSE 'SHIPPED' END
                                      WHEN n %% 22 = 8 THEN 'PENDING' WHEN n %% 22 = 14 THEN 'PARTIALLY_SHIPPED'
                                      ELSE 'UNSHIPPED' END AS status) AS s
            ORDER BY n DESC
            """,
            {
                "shop": cast.shop.pk,
                "other": cast.other_shop.pk,
                "dora": cast.dora.pk,
                "now": NOON,
                "every": EVERY,
                "crowd": CROWD,
            },
        )
        cursor.execute(
            """
            INSERT INTO orders_orderitem (item_id, order_id, seller_id, sku, title, quantity_ordered, quantity_shipped,
                quantity_cancelled, item_price, item_tax, shipping_price, shipping_tax, discount, buyer_cancelable,
                not_cancelable_reason)
            SELECT lpad(id::text, 14, '0'), id, seller_id, 'SKU-' || id, 'pot', 1,
                   (status = 'SHIPPED')::int, (status = 'CANCELED')::int, 1000, 0, 0, 0, 0, true, '' FROM orders_order
            """
        )
        cursor.execute(
            """
            INSERT INTO orders_recipient (order_id, seller_id, name, phone, country, postal_code, state, city, line1,
                                          line2, line3)
            SELECT id, seller_id, 'name ' || id, '', 'JP', '', '', '', '', '', '' FROM orders_order
            """
        )
        cursor.execute("ANALYZE orders_order, orders_orderitem, orders_recipient, accounts_user")


@dataclass
class Plan:
    """What the database did for one statement: every step of it."""

    steps: list[dict]

    def __str__(self) -> str:
        names = [step.get("Index Name") or step.get("Relation Name") or step["Node Type"] for step in self.steps]
        return f"sorted {self.sorted}, fetched in vain {self.thrown_away}: {' '.join(names)}"

    @property
    def indexes(self) -> set[str]:
        return {step["Index Name"] for step in self.steps if "Index Name" in step}

    @property
    def walked(self) -> set[str]:
        """Tables that grow with a shop and were read from end to end."""
        return {
            step["Relation Name"]
            for step in self.steps
            if step["Node Type"] == "Seq Scan" and step["Relation Name"].startswith(("orders_", "messaging_"))
        }

    @property
    def sorted(self) -> int:
        """The most rows that one step sorted."""
        return max(
            (
                child["Actual Rows"] * child["Actual Loops"]
                for step in self.steps
                if "Sort" in step["Node Type"]
                for child in step["Plans"]
            ),
            default=0,
        )

    @property
    def thrown_away(self) -> int:
        """The most rows that one step fetched in vain."""
        return max(step.get("Rows Removed by Filter", 0) * step["Actual Loops"] for step in self.steps)


def plans_of(ask: Callable[[], T]) -> tuple[T, list[Plan]]:
    """What a call answers, and the plans of all its reading statements with what they really did."""
    with CaptureQueriesContext(connection) as captured:
        answer = ask()
    plans = []
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            if re.match(r"[\s(]*(SELECT|WITH)\b", query["sql"]):
                cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query["sql"].replace("%", "%%"))
                (found,) = cursor.fetchone()
                plans.append(Plan(list(_steps(found[0]["Plan"]))))
    return answer, plans


def _steps(step: dict):
    yield step
    for below in step.get("Plans", []):
        yield from _steps(below)
