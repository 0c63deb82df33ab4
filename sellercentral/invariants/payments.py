"""Reservations, charges and refunds."""

from .asking import ask

INVARIANTS = (
    ask(
        19,
        "Nothing is charged without a shipment confirmation of that order.",
        """
        SELECT c.id
        FROM payments_charge AS c JOIN orders_order AS o ON o.id = c.order_id
        LEFT JOIN shipments_shipment AS s ON s.id = c.shipment_id AND s.order_id = c.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND s.confirmed_at IS NULL
        """,
    ),
    ask(
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
    ask(
        21,
        "A cancelled order holds no reservation, unless its release is still to be delivered.",
        """
        SELECT a.id FROM payments_authorization AS a JOIN orders_order AS o ON o.id = a.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND o.status = 'CANCELED'
          AND a.state IN ('REQUESTED', 'HELD') AND a.provider <> 'none'
          AND NOT EXISTS (
            SELECT FROM events_delivery AS d JOIN events_event AS e ON e.id = d.event_id
            WHERE e.order_id = o.id AND d.listener = 'release_authorization' AND d.state = 'PENDING')
        """,
    ),
    ask(
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
    # Orders taken over from another system are booked as their files say: the second question leaves them out.
    ask(
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
        LEFT JOIN payments_charge AS c ON c.order_id = o.id AND c.state <> 'FAILED'
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
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
          AND CASE WHEN r.reason = 'CANCELLATION' THEN r.amount <> coalesce(parts.amount, 0)
                   ELSE r.amount < coalesce(parts.amount, 0) END
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
