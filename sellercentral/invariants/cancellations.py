"""Requests, cancellations, the automatic cancellation and its warnings."""

from collections.abc import Sequence

from cancellations import policy
from cancellations.models import Cancellation
from cancellations.queries import facts_from

from .asking import NAMED, Invariant, Scope, ask


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
    ask(
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
    ask(
        6,
        "A cancelled order has a cancellation.",
        """
        SELECT o.id FROM orders_order AS o
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND o.status = 'CANCELED'
          AND NOT EXISTS (SELECT FROM cancellations_cancellation AS c WHERE c.order_id = o.id)
        """,
    ),
    ask(
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
    ask(
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
    ask(
        9,
        "No event tells of a cancellation that is not there.",
        """
        SELECT e.id FROM events_event AS e JOIN orders_order AS o ON o.id = e.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND e.name = 'order.cancelled'
          AND NOT EXISTS (SELECT FROM cancellations_cancellation AS c WHERE c.event_id = e.id)
        """,
    ),
    ask(
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
    ask(
        17,
        "A finished order has no open request and awaits no answer.",
        """
        SELECT o.id FROM orders_order AS o
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND o.status IN ('SHIPPED', 'CANCELED')
          AND (o.answer_due_at IS NOT NULL OR EXISTS (
              SELECT FROM cancellations_cancellationrequest AS r WHERE r.order_id = o.id AND r.status = 'OPEN'))
        """,
    ),
    ask(
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
    # An order that comes in, or is released, when it is overdue already waits for the next sweep from then on.
    ask(
        23,
        "Nothing overdue is left standing for fifteen minutes.",
        """
        SELECT o.id FROM orders_order AS o
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND o.status IN ('UNSHIPPED', 'PARTIALLY_SHIPPED')
          AND NOT o.on_hold AND o.fulfillment_channel = 'SELLER'
          AND o.auto_cancel_due_at < %(now)s::timestamptz - interval '15 minutes'
          AND o.last_updated_at < %(now)s::timestamptz - interval '15 minutes'
        """,
    ),
    ask(
        24,
        "Nothing was cancelled automatically before its moment.",
        """
        SELECT c.id FROM cancellations_cancellation AS c JOIN orders_order AS o ON o.id = c.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND c.code = 'MKT-1'
          AND (o.auto_cancel_due_at IS NULL OR c.cancelled_at < o.auto_cancel_due_at)
        """,
    ),
    Invariant(
        "INV-32", "Every stored verdict is the policy's, asked again with the stored facts.", _judged_otherwise
    ),
    ask(
        36,
        "A warning is of an order that its shop ships, is told to that shop, and leaves no earlier one to tell.",
        """
        SELECT w.id
        FROM cancellations_shipwarning AS w JOIN orders_order AS o ON o.id = w.order_id
        JOIN events_event AS e ON e.id = w.event_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
          AND (o.fulfillment_channel <> 'SELLER' OR e.order_id IS NOT NULL
               OR e.subject <> 'seller:' || o.seller_id OR (
                   w.kind > 'W1' AND NOT EXISTS (
                       SELECT FROM cancellations_shipwarning AS before WHERE before.order_id = w.order_id
                         AND before.kind = CASE w.kind WHEN 'W2' THEN 'W1' ELSE 'W2' END)))
        """,
    ),
    # Left out: an order whose ship-by date was moved after it was warned of.
    ask(
        37,
        "No warning came before nine o'clock of its day.",
        """
        SELECT w.id
        FROM cancellations_shipwarning AS w JOIN orders_order AS o ON o.id = w.order_id
        JOIN (VALUES ('W1', 1), ('W2', 5), ('W3', 7)) AS due (kind, days) ON due.kind = w.kind
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
          AND w.warned_at < (o.ship_by_date + due.days + time '09:00') AT TIME ZONE %(zone)s
          AND NOT EXISTS (SELECT FROM events_event AS e WHERE e.order_id = o.id AND e.name = 'order.extended')
        """,
    ),
    ask(
        39,
        "A bulk cancellation that is done has answered each of its orders.",
        """
        SELECT b.id
        FROM cancellations_bulkcancellation AS b LEFT JOIN (
            SELECT bulk_id, count(*) AS lines, count(*) FILTER (WHERE result <> '') AS answered
            FROM cancellations_bulkcancellationline GROUP BY bulk_id
        ) AS l ON l.bulk_id = b.id
        WHERE b.seller_id = coalesce(%(seller)s, b.seller_id) AND b.state = 'DONE'
          AND (coalesce(l.lines, 0) <> b.orders_in_all OR coalesce(l.answered, 0) <> b.orders_in_all
               OR b.orders_done <> b.orders_in_all)
        """,
    ),
    ask(
        40,
        "Only an open request awaits a reminder, and none after its answer is due.",
        """
        SELECT r.id FROM cancellations_cancellationrequest AS r
        WHERE r.seller_id = coalesce(%(seller)s, r.seller_id) AND r.remind_at IS NOT NULL
          AND (r.status <> 'OPEN' OR r.remind_at > r.response_due_at)
        """,
    ),
)
