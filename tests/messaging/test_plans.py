"""Lists of talks, their counts and the search go by their indexes, and cost a page in a shop where much is said."""

import pytest
from django.db import connection

from messaging import queries, search
from messaging.models import Message
from tests.plans import CROWD, plans_of

# Rows that one step may sort or fetch in vain: what a search looks at one by one, and no more.
LITTLE = max(search.WALK, search.TALKS)


@pytest.fixture
def talks(cast, crowd) -> None:
    """A talk about each of 40,000 orders: one in fifty has something new, one in 400 a wish; one word is rare."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_thread (order_id, seller_id, buyer_id, last_at, last_text, unread_by_seller,
                unread_by_buyer, has_wish)
            SELECT id, seller_id, %(dora)s, placed_at, '', (id %% 50 = 0)::int, (id %% 50 = 1)::int, id %% 400 = 0
            FROM orders_order ORDER BY id
            """,
            {"dora": cast.dora.pk},
        )
        cursor.execute(
            """
            INSERT INTO messaging_message (thread_id, seller_id, side, user_id, name, topic, text, sent_at, wishes,
                pushes)
            SELECT id, seller_id, 'BUYER', buyer_id, 'dora', 'OTHER',
                   CASE WHEN n % 5000 = 5 THEN '領収書の宛名' ELSE 'お届け日について' END || id, last_at,
                   has_wish, false
            FROM (SELECT *, row_number() OVER (PARTITION BY seller_id ORDER BY id) AS n FROM messaging_thread) AS t
            ORDER BY id
            """
        )
        cursor.execute("ANALYZE messaging_thread, messaging_message")
    assert Message.objects.count() == CROWD


def test_each_list_count_and_search_of_talks_goes_by_its_index(cast, talks):
    shop, dora = cast.shop.pk, cast.dora.pk
    first = queries.threads_of_seller(shop)
    common = search.said_to_seller(shop, ["お届け"])
    rare = search.said_to_seller(shop, ["領収書"])
    assert (len(first.threads), len(common.messages)) == (queries.PAGE_SIZE, search.PAGE_SIZE)
    assert 0 < len(rare.messages) < search.PAGE_SIZE
    some = Message.objects.filter(seller_id=shop).first()
    asked = [
        ("talks", lambda: queries.threads_of_seller(shop), {"threads_of_seller"}),
        ("older talks", lambda: queries.threads_of_seller(shop, before=first.older), {"threads_of_seller"}),
        ("unread", lambda: queries.threads_of_seller(shop, unread=True), {"threads_unread_by_seller"}),
        ("with a wish", lambda: queries.threads_of_seller(shop, wish=True), {"threads_with_a_wish"}),
        ("unread, counted", lambda: queries.unread_of_seller(shop), {"threads_unread_by_seller"}),
        ("a buyer's talks", lambda: queries.threads_of_buyer(dora), {"threads_of_buyer"}),
        ("a buyer's unread", lambda: queries.unread_of_buyer(dora), {"threads_unread_by_buyer"}),
        ("a talk", lambda: queries.messages_of(some.thread_id), {"messaging_message_thread_id"}),
        ("a common word", lambda: search.said_to_seller(shop, ["お届け"]), set()),
        ("a common word, older", lambda: search.said_to_seller(shop, ["お届け"], before=common.older), set()),
        ("a rare word", lambda: search.said_to_seller(shop, ["領収書"]), {"messages_by_words"}),
        ("a rare sign", lambda: search.said_to_seller(shop, ["領"]), {"messages_by_words"}),
        ("an unknown word", lambda: search.said_to_seller(shop, ["見積"]), {"messages_by_words"}),
        ("a buyer's search", lambda: search.said_to_buyer(dora, ["領収書"]), {"threads_of_buyer"}),
    ]  # fmt: skip
    wrong = []
    for what, ask, indexes in asked:
        _, plans = plans_of(ask)
        taken = [name for plan in plans for name in plan.indexes]
        missed = {index for index in indexes if not any(name.startswith(index) for name in taken)}
        dear = [plan for plan in plans if plan.walked or max(plan.sorted, plan.thrown_away) > LITTLE]
        if missed or dear:
            wrong.append(f"{what} misses {missed}: {' AND '.join(map(str, plans))}")
    assert not wrong, "\n".join(wrong)
