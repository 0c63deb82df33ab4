"""What must be true of the books at any moment, each as one question that finds offenders (reliability 2.2).

Every question returns the keys of offending rows, and none on sound books. The questions are set-wise: they run
over hundreds of thousands of orders in seconds. An id, once given, keeps its meaning.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from cancellations import policy
from cancellations.actions import facts_from
from cancellations.models import Cancellation
from orders.rules import WHOLE_CURRENCIES

NAMED = 20
# A look at all books takes longer than a page may.
LOOK_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: every shop or one of them, and the moment that "overdue" is measured from."""

    seller_id: int | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """How many rows offend against one invariant, and the first of their keys."""

    id: str
    rule: str
    count: int
    first: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise; `find` returns the keys of the rows that break it."""

    id: str
    rule: str
    find: Callable[[Scope], tuple[int, Sequence[int]]] = field(repr=False)


_FIRST_AND_COUNT = "SELECT count(*) OVER (), offender FROM ({}) AS found (offender) ORDER BY 2 LIMIT %(named)s"


def _sql(number: int, rule: str, question: str) -> Invariant:
    """An invariant asked of the database. The question sees %(seller)s (null: all shops) and %(now)s."""

    def find(scope: Scope) -> tuple[int, Sequence[int]]:
        asked = _FIRST_AND_COUNT.format(question)
        parameters = {
            "seller": scope.seller_id,
            "now": scope.now,
            "named": NAMED,
            "whole": sorted(WHOLE_CURRENCIES),
            "max_requests": policy.Rules().max_requests_per_order,
        }
        with connection.cursor() as cursor:
            cursor.execute(asked, parameters)
            rows = cursor.fetchall()
        return (rows[0][0] if rows else 0), [key for _, key in rows]

    return Invariant(f"INV-{number:02d}", rule, find)


def _judged_otherwise(scope: Scope) -> tuple[int, Sequence[int]]:
    """Cancellations that the policy, asked again with the stored facts, judges differently (domain 9.5)."""
    stored = Cancellation.objects.order_by("pk").values_list("pk", "code", "counted", "facts")
    if scope.seller_id is not None:
        stored = stored.filter(seller_id=scope.seller_id)
    offenders = [
        key
        for key, code, counted, facts in stored.iterator(chunk_size=5000)
        if policy.classify(facts_from(facts)) != policy.Verdict(code, counted)
    ]
    return len(offenders), offenders[:NAMED]


INVARIANTS = (
    _sql(
        1,
        "Ordered is shipped, cancelled and open; open is never negative.",
        """
        SELECT i.id FROM orders_orderitem AS i JOIN orders_order AS o ON o.id = i.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
          AND (i.quantity_shipped < 0 OR i.quantity_cancelled < 0 OR i.quantity_ordered < 1
               OR i.quantity_shipped + i.quantity_cancelled > i.quantity_ordered)
        """,
    ),
    _sql(
        2,
        "The stored status is the one that follows from the units.",
        """
        SELECT o.id
        FROM orders_order AS o LEFT JOIN (
            SELECT order_id, sum(quantity_shipped) AS shipped,
                   sum(quantity_ordered - quantity_shipped - quantity_cancelled) AS remaining
            FROM orders_orderitem GROUP BY order_id
        ) AS u ON u.order_id = o.id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
          AND o.status IS DISTINCT FROM CASE
              WHEN u.order_id IS NULL THEN NULL
              WHEN u.remaining > 0 AND o.payment_verified_at IS NULL THEN 'PENDING'
              WHEN u.remaining > 0 AND u.shipped = 0 THEN 'UNSHIPPED'
              WHEN u.remaining > 0 THEN 'PARTIALLY_SHIPPED'
              WHEN u.shipped > 0 THEN 'SHIPPED'
              ELSE 'CANCELED' END
        """,
    ),
    _sql(
        3,
        "A cancelled order has the moment of its cancellation and no shipment.",
        """
        SELECT o.id FROM orders_order AS o
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND o.status = 'CANCELED'
          AND (o.cancelled_at IS NULL OR EXISTS (SELECT FROM shipments_shipment AS s WHERE s.order_id = o.id))
        """,
    ),
    _sql(
        4,
        "Cancelled units of an item are the units of its cancellations.",
        """
        SELECT i.id
        FROM orders_orderitem AS i JOIN orders_order AS o ON o.id = i.order_id LEFT JOIN (
            SELECT item_id, sum(quantity) AS units FROM cancellations_cancellationitem GROUP BY item_id
        ) AS c ON c.item_id = i.id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND i.quantity_cancelled <> coalesce(c.units, 0)
        """,
    ),
    _sql(
        5,
        "Shipped units of an item are the units of its shipment confirmations.",
        """
        SELECT i.id
        FROM orders_orderitem AS i JOIN orders_order AS o ON o.id = i.order_id LEFT JOIN (
            SELECT item_id, sum(quantity) AS units FROM shipments_shipmentitem GROUP BY item_id
        ) AS s ON s.item_id = i.id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND i.quantity_shipped <> coalesce(s.units, 0)
        """,
    ),
    _sql(
        6,
        "A cancelled order has a cancellation.",
        """
        SELECT o.id FROM orders_order AS o
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND o.status = 'CANCELED'
          AND NOT EXISTS (SELECT FROM cancellations_cancellation AS c WHERE c.order_id = o.id)
        """,
    ),
    _sql(
        7,
        "No cancellation and no shipment confirmation is empty.",
        """
        SELECT c.id FROM cancellations_cancellation AS c JOIN orders_order AS o ON o.id = c.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND NOT EXISTS (
            SELECT FROM cancellations_cancellationitem AS i WHERE i.cancellation_id = c.id AND i.quantity > 0)
        UNION ALL
        SELECT s.id FROM shipments_shipment AS s JOIN orders_order AS o ON o.id = s.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND NOT EXISTS (
            SELECT FROM shipments_shipmentitem AS i WHERE i.shipment_id = s.id AND i.quantity > 0)
        """,
    ),
    _sql(
        8,
        "A cancellation has exactly one event, of its own order.",
        """
        SELECT c.id
        FROM cancellations_cancellation AS c JOIN orders_order AS o ON o.id = c.order_id
        LEFT JOIN events_event AS e ON e.id = c.event_id AND e.order_id = c.order_id AND e.name = 'order.cancelled'
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND e.id IS NULL
        UNION ALL
        SELECT max(c.id) FROM cancellations_cancellation AS c JOIN orders_order AS o ON o.id = c.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
        GROUP BY c.event_id HAVING count(*) > 1
        """,
    ),
    _sql(
        9,
        "No event tells of a cancellation that is not there.",
        """
        SELECT e.id FROM events_event AS e JOIN orders_order AS o ON o.id = e.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND e.name = 'order.cancelled'
          AND NOT EXISTS (SELECT FROM cancellations_cancellation AS c WHERE c.event_id = e.id)
        """,
    ),
    # Left out as domain 12.2 leaves them out: orders taken over from another system (no mails), orders whose file
    # named no buyer, shops without people, and a buyer's own cancellation of an order the shop never saw (M-07).
    _sql(
        10,
        "Buyer and shop have their mail of a cancellation in the outbox.",
        """
        SELECT e.id
        FROM events_event AS e JOIN orders_order AS o ON o.id = e.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND e.name = 'order.cancelled'
          AND e.payload ->> 'reason' <> 'IMPORTED'
          AND (
            (o.buyer_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM events_delivery AS d WHERE d.event_id = e.id AND d.listener = 'mail_buyer'))
            OR (
                NOT EXISTS (
                    SELECT FROM events_delivery AS d WHERE d.event_id = e.id AND d.listener = 'mail_seller')
                AND EXISTS (
                    SELECT FROM accounts_membership AS m JOIN accounts_user AS p ON p.id = m.user_id
                    WHERE m.seller_id = o.seller_id AND m.role IN ('OWNER', 'ORDER_STAFF') AND p.is_active)
                AND NOT (e.role = 'BUYER' AND (o.payment_verified_at IS NULL OR EXISTS (
                    SELECT FROM events_event AS v WHERE v.order_id = e.order_id
                      AND v.order_version > e.order_version AND v.name = 'payment.verified')))
            )
          )
        """,
    ),
    _sql(
        11,
        "Delivery keys are present and unique.",
        """
        SELECT max(d.id)
        FROM events_delivery AS d JOIN events_event AS e ON e.id = d.event_id
        LEFT JOIN orders_order AS o ON o.id = e.order_id
        WHERE coalesce(o.seller_id, 0) = coalesce(%(seller)s, o.seller_id, 0)
        GROUP BY d.key HAVING count(*) > 1 OR d.key IS NULL OR d.key = ''
        """,
    ),
    _sql(
        12,
        "No mail left twice.",
        """
        SELECT max(m.id) FROM events_sentmail AS m LEFT JOIN orders_order AS o ON o.id = m.order_id
        WHERE coalesce(o.seller_id, 0) = coalesce(%(seller)s, o.seller_id, 0)
        GROUP BY m.delivery_key HAVING count(*) > 1
        """,
    ),
    _sql(
        13,
        "Nothing that is due is forgotten for ten minutes.",
        """
        SELECT d.id
        FROM events_delivery AS d JOIN events_event AS e ON e.id = d.event_id
        LEFT JOIN orders_order AS o ON o.id = e.order_id
        WHERE d.state = 'PENDING' AND d.due_at < %(now)s::timestamptz - interval '10 minutes'
          AND coalesce(o.seller_id, 0) = coalesce(%(seller)s, o.seller_id, 0)
        """,
    ),
    _sql(
        14,
        "There is one event per version of an order.",
        """
        SELECT max(e.id) FROM events_event AS e JOIN orders_order AS o ON o.id = e.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
        GROUP BY e.order_id, e.order_version HAVING count(*) > 1
        """,
    ),
    _sql(
        15,
        "An order's version is the number of its events: no change without history.",
        """
        SELECT o.id
        FROM orders_order AS o LEFT JOIN (
            SELECT order_id, count(*) AS events, max(order_version) AS latest FROM events_event
            WHERE order_id IS NOT NULL GROUP BY order_id
        ) AS h ON h.order_id = o.id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
          AND (o.version <> coalesce(h.events, 0) OR o.version <> coalesce(h.latest, 0))
        """,
    ),
    _sql(
        16,
        "An order has one open request at most, and no more requests than the policy allowed when each was made.",
        """
        SELECT max(r.id) FROM cancellations_cancellationrequest AS r
        WHERE r.status = 'OPEN' AND r.seller_id = coalesce(%(seller)s, r.seller_id)
        GROUP BY r.order_id HAVING count(*) > 1
        UNION ALL
        SELECT n.id
        FROM (
            SELECT r.id, r.requested_at, row_number() OVER (PARTITION BY r.order_id ORDER BY r.id) AS number
            FROM cancellations_cancellationrequest AS r WHERE r.seller_id = coalesce(%(seller)s, r.seller_id)
        ) AS n
        WHERE n.number > coalesce(
            (SELECT p.max_requests_per_order FROM cancellations_policyversion AS p
             WHERE p.starts_at <= n.requested_at ORDER BY p.starts_at DESC LIMIT 1), %(max_requests)s)
        """,
    ),
    _sql(
        17,
        "A finished order has no open request and awaits no answer.",
        """
        SELECT o.id FROM orders_order AS o
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND o.status IN ('SHIPPED', 'CANCELED')
          AND (o.answer_due_at IS NOT NULL OR EXISTS (
              SELECT FROM cancellations_cancellationrequest AS r WHERE r.order_id = o.id AND r.status = 'OPEN'))
        """,
    ),
    _sql(
        18,
        "Open means undecided: a request is open until its decision, its items are open with it, and its order"
        " carries the moment its answer is due.",
        """
        SELECT r.id FROM cancellations_cancellationrequest AS r
        WHERE r.seller_id = coalesce(%(seller)s, r.seller_id)
          AND ((r.status = 'OPEN') <> (r.decided_at IS NULL) OR (r.status = 'OPEN') <> EXISTS (
              SELECT FROM cancellations_requestitem AS i WHERE i.request_id = r.id AND i.quantity_open > 0))
        UNION ALL
        SELECT o.id
        FROM orders_order AS o
        LEFT JOIN cancellations_cancellationrequest AS r ON r.order_id = o.id AND r.status = 'OPEN'
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
          AND o.answer_due_at IS DISTINCT FROM r.response_due_at
        """,
    ),
    _sql(
        19,
        "Nothing is charged without a shipment confirmation of that order.",
        """
        SELECT c.id
        FROM payments_charge AS c JOIN orders_order AS o ON o.id = c.order_id
        LEFT JOIN shipments_shipment AS s ON s.id = c.shipment_id AND s.order_id = c.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND s.confirmed_at IS NULL
        """,
    ),
    _sql(
        20,
        "Refunds, pending ones included, are positive and never above their charge.",
        """
        SELECT c.id
        FROM payments_charge AS c JOIN orders_order AS o ON o.id = c.order_id
        JOIN payments_refund AS r ON r.charge_id = c.id AND r.state IN ('PENDING', 'SUCCEEDED')
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
        GROUP BY c.id HAVING sum(r.amount) > c.amount OR min(r.amount) <= 0
        """,
    ),
    _sql(
        21,
        "A cancelled order holds no reservation, unless its release is still to be delivered.",
        """
        SELECT a.id FROM payments_authorization AS a JOIN orders_order AS o ON o.id = a.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND o.status = 'CANCELED'
          AND a.state IN ('REQUESTED', 'HELD') AND a.provider <> 'none'
          AND NOT EXISTS (
            SELECT FROM events_delivery AS d JOIN events_event AS e ON e.id = d.event_id
            WHERE e.order_id = o.id AND d.listener = 'release_authorization' AND d.delivered_at IS NULL)
        """,
    ),
    _sql(
        22,
        "Charges are never above the order's total, and no reference of the provider is used twice.",
        """
        SELECT o.id FROM orders_order AS o JOIN payments_charge AS c ON c.order_id = o.id AND c.state <> 'FAILED'
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
        GROUP BY o.id HAVING sum(c.amount) > coalesce(o.total, 0)
        UNION ALL
        SELECT max(c.id) FROM payments_charge AS c JOIN orders_order AS o ON o.id = c.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND c.provider_ref IS NOT NULL
        GROUP BY c.provider_ref HAVING count(*) > 1
        UNION ALL
        SELECT max(r.id) FROM payments_refund AS r JOIN orders_order AS o ON o.id = r.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND r.provider_ref IS NOT NULL
        GROUP BY r.provider_ref HAVING count(*) > 1
        """,
    ),
    _sql(
        23,
        "Nothing overdue is left standing for fifteen minutes.",
        """
        SELECT o.id FROM orders_order AS o
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND o.status IN ('UNSHIPPED', 'PARTIALLY_SHIPPED')
          AND NOT o.on_hold AND o.fulfillment_channel = 'SELLER'
          AND o.auto_cancel_due_at < %(now)s::timestamptz - interval '15 minutes'
        """,
    ),
    _sql(
        24,
        "Nothing was cancelled automatically before its moment.",
        """
        SELECT c.id FROM cancellations_cancellation AS c JOIN orders_order AS o ON o.id = c.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND c.code = 'MKT-1'
          AND (o.auto_cancel_due_at IS NULL OR c.cancelled_at < o.auto_cancel_due_at)
        """,
    ),
    # Keys belong to people, not to shops: a look at one shop leaves them out.
    _sql(
        27,
        "No act under a key is stuck or doubled.",
        """
        SELECT k.id FROM events_idempotencykey AS k
        WHERE %(seller)s::bigint IS NULL AND k.state = 'STARTED'
          AND k.locked_at < %(now)s::timestamptz - interval '5 minutes'
        UNION ALL
        SELECT max(k.id) FROM events_idempotencykey AS k
        WHERE %(seller)s::bigint IS NULL GROUP BY k.owner, k.key HAVING count(*) > 1
        """,
    ),
    _sql(
        29,
        "Items of a document belong to the order of the document.",
        """
        SELECT d.id
        FROM cancellations_cancellationitem AS d JOIN cancellations_cancellation AS c ON c.id = d.cancellation_id
        JOIN orders_orderitem AS i ON i.id = d.item_id JOIN orders_order AS o ON o.id = c.order_id
        WHERE i.order_id <> c.order_id AND o.seller_id = coalesce(%(seller)s, o.seller_id)
        UNION ALL
        SELECT d.id
        FROM shipments_shipmentitem AS d JOIN shipments_shipment AS s ON s.id = d.shipment_id
        JOIN orders_orderitem AS i ON i.id = d.item_id JOIN orders_order AS o ON o.id = s.order_id
        WHERE i.order_id <> s.order_id AND o.seller_id = coalesce(%(seller)s, o.seller_id)
        UNION ALL
        SELECT d.id
        FROM cancellations_requestitem AS d JOIN cancellations_cancellationrequest AS r ON r.id = d.request_id
        JOIN orders_orderitem AS i ON i.id = d.item_id
        WHERE i.order_id <> r.order_id AND r.seller_id = coalesce(%(seller)s, r.seller_id)
        UNION ALL
        SELECT d.id
        FROM payments_refunditem AS d JOIN payments_refund AS r ON r.id = d.refund_id
        JOIN orders_orderitem AS i ON i.id = d.item_id JOIN orders_order AS o ON o.id = r.order_id
        WHERE i.order_id <> r.order_id AND o.seller_id = coalesce(%(seller)s, o.seller_id)
        UNION ALL
        SELECT i.id FROM orders_orderitem AS i JOIN orders_order AS o ON o.id = i.order_id
        WHERE i.seller_id <> o.seller_id AND o.seller_id = coalesce(%(seller)s, o.seller_id)
        """,
    ),
    _sql(
        30,
        "Every change moved the moment of the last update.",
        """
        SELECT e.id FROM events_event AS e JOIN orders_order AS o ON o.id = e.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND e.happened_at > o.last_updated_at
        """,
    ),
    Invariant(
        "INV-32", "Every stored verdict is the policy's, asked again with the stored facts.", _judged_otherwise
    ),
    # Orders taken over from another system are booked as their files say: the second question leaves them out.
    _sql(
        33,
        "Parts of money add up: an order's total, what is released and refunded; whole amounts where money has no"
        " minor unit.",
        """
        SELECT o.id
        FROM orders_order AS o JOIN (
            SELECT order_id, sum(item_price + item_tax - discount + shipping_price + shipping_tax) AS amount
            FROM orders_orderitem GROUP BY order_id HAVING bool_and(item_price IS NOT NULL)
        ) AS i ON i.order_id = o.id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND o.total <> i.amount
        UNION ALL
        SELECT a.id
        FROM payments_authorization AS a JOIN orders_order AS o ON o.id = a.order_id
        LEFT JOIN payments_charge AS c ON c.order_id = o.id
        LEFT JOIN (
            SELECT n.order_id, sum(i.amount) AS goods
            FROM cancellations_cancellation AS n
            JOIN cancellations_cancellationitem AS i ON i.cancellation_id = n.id
            GROUP BY n.order_id
        ) AS gone ON gone.order_id = o.id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND a.provider <> 'none'
          AND (
            CASE
              WHEN c.id IS NOT NULL THEN a.amount - a.released <> c.amount
              WHEN o.status = 'CANCELED' THEN a.released <> a.amount
              ELSE a.released <> coalesce(gone.goods, 0)
            END
            OR a.amount <> o.total
          )
        UNION ALL
        SELECT r.id
        FROM payments_refund AS r JOIN orders_order AS o ON o.id = r.order_id
        LEFT JOIN (SELECT refund_id, sum(amount) AS amount FROM payments_refunditem GROUP BY refund_id) AS parts
          ON parts.refund_id = r.id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND r.amount <> coalesce(parts.amount, 0)
        UNION ALL
        SELECT m.order_id
        FROM (
            SELECT order_id, amount, currency FROM payments_authorization
            UNION ALL SELECT order_id, released, currency FROM payments_authorization
            UNION ALL SELECT order_id, amount, currency FROM payments_charge
            UNION ALL SELECT order_id, amount, currency FROM payments_refund
        ) AS m JOIN orders_order AS o ON o.id = m.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND m.currency = ANY(%(whole)s)
          AND m.amount <> trunc(m.amount)
        """,
    ),
)
BY_ID = {invariant.id: invariant for invariant in INVARIANTS}


def check(*, now: datetime, only: Iterable[str] = (), seller_id: int | None = None) -> Iterator[Finding]:
    """Ask the invariants, all of them or those named, in one snapshot that nobody writes to; yield each answer.

    Inside a caller's transaction, what that sees is the snapshot.

    Raises KeyError for an id without an invariant.
    """
    chosen = [BY_ID[wanted] for wanted in only] or INVARIANTS
    scope = Scope(seller_id, now)
    with _snapshot():
        for invariant in chosen:
            count, first = invariant.find(scope)
            yield Finding(invariant.id, invariant.rule, count, tuple(first))


@contextmanager
def _snapshot() -> Iterator[Any]:
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = %s", [LOOK_SECONDS * 1000])
        yield
