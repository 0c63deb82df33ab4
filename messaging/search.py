"""Search in what was said: the same cost in ten messages and in a million.

The newest messages are looked at one by one, so that a common word fills its page at once; only words that these do
not fill a page with are asked of the index `messages_by_words`, where rare words have few entries.
"""
# ruff: noqa: S608 - numbers and our own text; values are parameters

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from .models import Message

PAGE_SIZE = 20
# So many of the newest messages of a shop are looked at one by one; of a buyer, so many talks and of each so many.
WALK = 2000
TALKS, OF_EACH = 1000, 200
MOST_WORDS = 5
LONGEST_QUERY = 100

# OFFSET 0 keeps a part of a statement as it stands: a text is made plain once, whatever the number of words.
_PLAIN = "CROSS JOIN LATERAL (SELECT messaging_plain(text) AS plain OFFSET 0) AS made"
_SAYS = """NOT EXISTS (
    SELECT FROM unnest(%(words)s::text[]) AS word WHERE strpos(plain, messaging_plain(word)) = 0
)"""
_NEWEST = f"""
SELECT id FROM (
    SELECT id, text FROM messaging_message
    WHERE seller_id = %(seller)s AND id < %(before)s ORDER BY id DESC LIMIT {WALK}
) AS newest
{_PLAIN}
WHERE {_SAYS} ORDER BY id DESC LIMIT {PAGE_SIZE + 1}
"""
# Materialized: the index is asked first, whatever the planner thinks of the words. What it found is looked into from
# the newest on, until the page is full.
_ALL = f"""
WITH found AS MATERIALIZED (
    SELECT id FROM messaging_message
    WHERE messaging_pairs(seller_id, text) @> messaging_pairs(%(seller)s, array_to_string(%(words)s::text[], ' '))
      AND id < %(before)s
)
SELECT newest.id FROM (SELECT id FROM found ORDER BY id DESC OFFSET 0) AS newest
CROSS JOIN LATERAL (SELECT text FROM messaging_message WHERE id = newest.id OFFSET 0) AS said
{_PLAIN}
WHERE {_SAYS} ORDER BY newest.id DESC LIMIT {PAGE_SIZE + 1}
"""
_OF_BUYER = f"""
SELECT said.id FROM (
    SELECT id FROM messaging_thread WHERE buyer_id = %(buyer)s ORDER BY last_at DESC, id DESC LIMIT {TALKS}
) AS talks
CROSS JOIN LATERAL (
    SELECT id, text FROM messaging_message
    WHERE thread_id = talks.id AND id < %(before)s ORDER BY id DESC LIMIT {OF_EACH}
) AS said
{_PLAIN}
WHERE {_SAYS} ORDER BY said.id DESC LIMIT {PAGE_SIZE + 1}
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Some messages, newest first; `older` is where the next page goes on, 0 at the end."""

    messages: Sequence[Message] = ()
    older: int = 0


def words_of(query: str) -> list[str]:
    """What is looked for: the words of a query, without signs that no text has."""
    shown = "".join(sign if sign.isprintable() else " " for sign in query[:LONGEST_QUERY])
    return shown.split()[:MOST_WORDS]


def said_to_seller(seller_id: int, words: Sequence[str], *, before: int = 0) -> Found:
    """Messages of a shop that say all of the words, in any width and case."""
    asked = {"seller": seller_id, "words": list(words), "before": before or 2**63 - 1}
    keys = _keys(_NEWEST, asked)
    return _found(keys if len(keys) > PAGE_SIZE else _keys(_ALL, asked))


def said_to_buyer(user_id: int, words: Sequence[str], *, before: int = 0) -> Found:
    """Messages of a buyer that say all of the words, in any width and case."""
    return _found(_keys(_OF_BUYER, {"buyer": user_id, "words": list(words), "before": before or 2**63 - 1}))


def _keys(statement: str, asked: dict) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        return [key for (key,) in cursor.fetchall()]


def _found(keys: Sequence[int]) -> Found:
    rows = Message.objects.select_related("thread__order", "thread__seller", "thread__buyer")
    by_key = rows.in_bulk(keys[:PAGE_SIZE])
    return Found([by_key[key] for key in keys[:PAGE_SIZE]], keys[PAGE_SIZE - 1] if len(keys) > PAGE_SIZE else 0)
