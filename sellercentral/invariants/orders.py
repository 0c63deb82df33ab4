"""Orders, their units and their shipments."""

from .asking import ask

INVARIANTS = (
    ask(
        1,
        "Ordered is shipped, cancelled and open; open is never negative.",
        """
        SELECT i.id FROM orders_orderitem AS i JOIN orders_order AS o ON o.id = i.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
          AND (i.quantity_shipped < 0 OR i.quantity_cancelled < 0 OR i.quantity_ordered < 1
               OR i.quantity_shipped + i.quantity_cancelled > i.quantity_ordered)
        """,
    ),
    ask(
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
    ask(
        3,
        "A cancelled order has the moment of its cancellation and no shipment.",
        """
        SELECT o.id FROM orders_order AS o
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND o.status = 'CANCELED'
          AND (o.cancelled_at IS NULL OR EXISTS (SELECT FROM shipments_shipment AS s WHERE s.order_id = o.id))
        """,
    ),
    ask(
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
    ask(
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
    ask(
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
    ask(
        30,
        "Every change moved the moment of the last update.",
        """
        SELECT e.id FROM events_event AS e JOIN orders_order AS o ON o.id = e.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id) AND e.happened_at > o.last_updated_at
        """,
    ),
)
