"""History, deliveries, mails, and acts under a key."""

from .asking import ask

INVARIANTS = (
    # Left out as domain 12.2 leaves them out: orders taken over from another system (no mails), orders whose file
    # named no buyer, a buyer's own cancellation of an order the shop never saw or whose mail people have stopped
    # (M-07). A shop must be told if somebody who is there was told of something earlier: who joins later was not.
    ask(
        10,
        "Buyer and shop have their mail of a cancellation in the outbox.",
        """
        WITH staff AS (
            SELECT m.seller_id, m.user_id, min(d.event_id) AS first_told,
                   EXISTS (SELECT FROM accounts_mailsetting AS s WHERE s.user_id = m.user_id AND s.mail = 'M-07')
                     AS stopped
            FROM accounts_membership AS m JOIN accounts_user AS p ON p.id = m.user_id AND p.is_active
            JOIN events_delivery AS d ON d.recipient_id = m.user_id AND d.listener = 'mail_seller'
            JOIN events_event AS e ON e.id = d.event_id
            JOIN orders_order AS o ON o.id = e.order_id AND o.seller_id = m.seller_id
            WHERE m.role IN ('OWNER', 'ORDER_STAFF')
            GROUP BY m.seller_id, m.user_id
        )
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
                    SELECT FROM staff WHERE staff.seller_id = o.seller_id AND staff.first_told < e.id
                      AND NOT (staff.stopped AND e.role = 'BUYER'))
                AND NOT (e.role = 'BUYER' AND (o.payment_verified_at IS NULL OR EXISTS (
                    SELECT FROM events_event AS v WHERE v.order_id = e.order_id
                      AND v.order_version > e.order_version AND v.name = 'payment.verified')))
            )
          )
        """,
    ),
    ask(
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
    ask(
        12,
        "No mail left twice.",
        """
        SELECT max(m.id) FROM events_sentmail AS m LEFT JOIN orders_order AS o ON o.id = m.order_id
        WHERE coalesce(o.seller_id, 0) = coalesce(%(seller)s, o.seller_id, 0)
        GROUP BY m.delivery_key HAVING count(*) > 1
        """,
    ),
    ask(
        13,
        "Nothing that is due is forgotten for ten minutes; software of shops may be away.",
        """
        SELECT d.id
        FROM events_delivery AS d JOIN events_event AS e ON e.id = d.event_id
        LEFT JOIN orders_order AS o ON o.id = e.order_id
        WHERE d.subscription_id IS NULL AND d.state = 'PENDING'
          AND d.due_at < %(now)s::timestamptz - interval '10 minutes'
          AND coalesce(o.seller_id, 0) = coalesce(%(seller)s, o.seller_id, 0)
        """,
    ),
    ask(
        14,
        "There is one event per version of an order.",
        """
        SELECT max(e.id) FROM events_event AS e JOIN orders_order AS o ON o.id = e.order_id
        WHERE o.seller_id = coalesce(%(seller)s, o.seller_id)
        GROUP BY e.order_id, e.order_version HAVING count(*) > 1
        """,
    ),
    # Keys belong to people, not to shops: a look at one shop leaves them out.
    ask(
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
    # A minute is left for acts that began before the choice was saved.
    ask(
        38,
        "Nobody has a delivery of a mail that they had stopped.",
        """
        SELECT d.id
        FROM events_delivery AS d JOIN events_event AS e ON e.id = d.event_id
        JOIN accounts_mailsetting AS s ON s.user_id = d.recipient_id
        LEFT JOIN orders_order AS o ON o.id = e.order_id
        WHERE (%(seller)s::bigint IS NULL OR o.seller_id = %(seller)s OR e.subject = 'seller:' || %(seller)s::text)
          AND d.listener = 'mail_seller' AND e.happened_at > s.silenced_at + interval '1 minute'
          AND s.mail = CASE
              WHEN e.name = 'cancellation.unanswered' THEN 'M-14'
              WHEN e.name = 'orders.past_ship_by' THEN 'M-15'
              WHEN e.name = 'order.cancelled' AND e.payload ->> 'code' = 'BUY-0' THEN 'M-07' END
        """,
    ),
)
