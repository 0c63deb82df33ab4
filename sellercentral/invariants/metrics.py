"""Snapshots of rates, and what was taken out of them."""

from .asking import ask

INVARIANTS = (
    # Each snapshot beside a recount over its own window, excluded cancellations left out (reliability INV-28).
    ask(
        28,
        "A snapshot's rate, as corrected, is what orders and cancellations say.",
        """
        WITH kept AS (
            SELECT s.id, s.seller_id, coalesce(s.corrected_counted, s.counted) AS counted,
                   coalesce(s.corrected_denominator, s.denominator) AS denominator,
                   (s.day - s.window_days + 1)::timestamp AT TIME ZONE %(zone)s AS from_moment,
                   (s.day + 1)::timestamp AT TIME ZONE %(zone)s AS to_moment
            FROM metrics_ratesnapshot AS s WHERE s.seller_id = coalesce(%(seller)s, s.seller_id)
        ), numerator AS (
            SELECT DISTINCT k.id, o.id AS order_id
            FROM kept AS k JOIN cancellations_cancellation AS c ON c.seller_id = k.seller_id
              AND c.counted AND NOT c.excluded AND c.cancelled_at >= k.from_moment AND c.cancelled_at < k.to_moment
            JOIN orders_order AS o ON o.id = c.order_id AND o.fulfillment_channel = 'SELLER'
        ), denominator AS (
            SELECT k.id, o.id AS order_id
            FROM kept AS k JOIN orders_order AS o ON o.seller_id = k.seller_id AND o.fulfillment_channel = 'SELLER'
              AND o.placed_at >= k.from_moment AND o.placed_at < k.to_moment AND o.payment_verified_at < k.to_moment
            UNION SELECT id, order_id FROM numerator
        ), numerators AS (SELECT id, count(*) AS found FROM numerator GROUP BY id
        ), denominators AS (SELECT id, count(*) AS found FROM denominator GROUP BY id)
        SELECT k.id FROM kept AS k LEFT JOIN numerators AS n USING (id) LEFT JOIN denominators AS d USING (id)
        WHERE k.counted <> coalesce(n.found, 0) OR k.denominator <> coalesce(d.found, 0)
        """,
    ),
    ask(
        41,
        "A cancellation is out of the rate exactly if a dispute or a correction of it was granted.",
        """
        SELECT c.id FROM cancellations_cancellation AS c
        WHERE c.seller_id = coalesce(%(seller)s, c.seller_id) AND c.excluded <> EXISTS (
            SELECT FROM metrics_dispute AS d WHERE d.cancellation_id = c.id AND d.state = 'GRANTED')
          AND (c.excluded OR c.counted)
        """,
    ),
)
