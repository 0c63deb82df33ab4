"""Talks and the search in them: a shop with a million messages beside one with two thousand, in the same database."""

from collections.abc import Callable, Iterator
from functools import partial

from django.db import connection, transaction

from accounts.models import User
from messaging import queries, search

from .clock import Duel, in_turn, least, middle, statements
from .pages import Visitor
from .stock import Stock, trust_keys
from .verdict import Row

# What a shop sees of a million messages costs as much as of two thousand, give or take.
AGAINST_FEW = 1.5
# Found by the index alone: what grows is the list of what it found.
BY_INDEX = 3.0
# Session, person, shop and role, talks, two counts, policy and rate; a search asks twice, and then for its rows.
STATEMENTS = 10
PAGE, SEEN = "/seller/messages/", '<a class="thread'
COMMON, SOME, RARE, OLD = "お届け", "支柱", "領収書", "福袋"

_TALKS = """
INSERT INTO messaging_thread (order_id, seller_id, buyer_id, last_at, last_text, unread_by_seller, unread_by_buyer,
    has_wish)
SELECT id, seller_id, buyer_id, placed_at, '', (id % 40 = 0)::int, 0, id % 60 = 0
FROM orders_order WHERE buyer_id IS NOT NULL AND payment_verified_at IS NOT NULL ORDER BY placed_at
"""
# A word in every message, one in each fiftieth, one in twenty messages of a shop, one in its oldest half percent.
_MESSAGES = """
INSERT INTO messaging_message (thread_id, seller_id, side, user_id, name, topic, text, sent_at, wishes, pushes)
SELECT id, seller_id, 'BUYER', buyer_id, '', 'OTHER',
       'お届け日について教えてください。' || CASE WHEN n % 50 = 0 THEN '支柱は付きますか。' ELSE '' END
       || CASE WHEN n % (of_shop / 20 + 1) = 7 THEN '領収書も希望します。' ELSE '' END
       || CASE WHEN n <= of_shop / 200 THEN '福袋の件です。' ELSE '' END || '番号は' || id || 'です。',
       last_at, has_wish, false
FROM (SELECT *, row_number() OVER (PARTITION BY seller_id ORDER BY last_at) AS n,
             count(*) OVER (PARTITION BY seller_id) AS of_shop FROM messaging_thread) AS talks
ORDER BY last_at
"""


def measure(stock: Stock, *, rounds: int, times: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """Lists and searches of the large shop against the same of a small one."""
    tell("saying something about every order")
    said = _load()
    large, few = Visitor(stock.staff), Visitor(User.objects.get(email="order_staff@shop1.example"))
    cases = {
        "first": ("all talks", {}, {}, AGAINST_FEW),
        "unread": ("未読", {"show": "unread"}, {"show": "unread"}, AGAINST_FEW),
        "wish": ("キャンセル", {"show": "cancel"}, {"show": "cancel"}, AGAINST_FEW),
        "deep": ("page 1,000, against the first", {"before": _deep(stock.shop)}, {}, AGAINST_FEW),
        "common": ("search, a word of every message", {"q": COMMON}, {"q": COMMON}, AGAINST_FEW),
        "some": ("search, a word of one in 50", {"q": SOME}, {"q": SOME}, AGAINST_FEW),
        "rare": ("search, a word of 20", {"q": RARE}, {"q": RARE}, BY_INDEX),
        "none": ("search, a word nobody said", {"q": "見積書"}, {"q": "見積書"}, BY_INDEX),
        "old": ("search, a word of the oldest 1 in 200", {"q": OLD}, {"q": OLD}, BY_INDEX),
    }
    duels = {key: Duel() for key in cases}
    asked = {}
    for key, (_, ours, _, _) in cases.items():
        with statements() as sent:
            shown = large.get(ours, path=PAGE)
        asked[key] = len(sent)
        if (SEEN not in shown) != (key == "none"):
            raise RuntimeError(f"{key} shows nothing")
    for number in range(rounds):
        tell(f"{said:,} messages, round {number + 1} of {rounds}")
        for key, (_, ours, theirs, _) in cases.items():
            in_turn(
                duels[key],
                partial(large.get, ours, path=PAGE),
                partial(few.get, theirs, path=PAGE),
                times=times,
            )
    for key, (what, _, _, most) in cases.items():
        duel = duels[key]
        yield Row(
            f"talks.{key}",
            f"メッセージ管理: {what}",
            "ms",
            middle(duel.ours) * 1000,
            middle(duel.limit) * 1000,
            least(duel.ours) * 1000,
            least(duel.limit) * 1000,
            ratio=duel.ratio,
            best_ratio=duel.best_ratio,
            at_most=most,
            statements=asked[key],
            statements_at_most=STATEMENTS,
        )


def _load() -> int:
    """A message about every order whose buyer is known; how many that are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'messages_by_words'")
        (index,) = cursor.fetchone()
        cursor.execute("DROP INDEX messages_by_words")  # made anew at the end: a hundred times as quick
        with transaction.atomic():
            trust_keys()
            cursor.execute(_TALKS)
            cursor.execute(_MESSAGES)
            said = cursor.rowcount
        cursor.execute(index)
        cursor.execute("VACUUM ANALYZE messaging_thread, messaging_message")
    return said


def _deep(shop: int) -> str:
    """Where page 1,000 goes on, or the last of a smaller shop."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT last_at, id FROM messaging_thread WHERE seller_id = %s ORDER BY last_at DESC, id DESC LIMIT %s",
            [shop, 999 * queries.PAGE_SIZE],
        )
        moment, key = cursor.fetchall()[-search.PAGE_SIZE - 1]
    return f"{moment.isoformat()}_{key}"
