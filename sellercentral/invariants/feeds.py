"""What must be true of files that shops send."""

from .asking import ask

INVARIANTS = (
    ask(
        25,
        "Every line that was read of a finished feed is answered once.",
        """
        SELECT f.id FROM feeds_feed AS f
        LEFT JOIN (SELECT feed_id, count(*) AS found FROM feeds_lineresult GROUP BY feed_id) AS r ON r.feed_id = f.id
        WHERE f.seller_id = coalesce(%(seller)s, f.seller_id)
          AND (f.lines_answered <> coalesce(r.found, 0) OR (f.state = 'DONE' AND f.lines_answered <> f.lines_read))
        """,
    ),
    ask(
        26,
        "No feed is at work for over thirty minutes.",
        """
        SELECT f.id FROM feeds_feed AS f
        WHERE f.seller_id = coalesce(%(seller)s, f.seller_id) AND f.state = 'IN_PROGRESS'
          AND f.started_at < %(now)s - interval '30 minutes'
        """,
    ),
)
