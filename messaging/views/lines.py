"""Talks, messages and what a search found in them, as pages show them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from messaging import queries, rules
from messaging.search import Found, words_of
from messaging.wording import topic_words

# Where a page of found messages goes on; what else somebody writes there begins anew.
_KEY = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Row:
    """One talk in a list."""

    thread: object
    number: str
    who: str
    unread: int


@dataclass(frozen=True, slots=True)
class Line:
    """One message in a talk: whose it is, what it was said to be about, what went with it."""

    message: object
    from_seller: bool
    topic: str
    files: Sequence[Any]


def rows_of(threads: Sequence, *, by_seller: bool) -> list[Row]:
    """Talks for one side's list; a shop calls the buyer as the parcel does, a buyer the shop by its name."""
    return [
        Row(
            thread,
            thread.order.number,
            thread.buyer.name if by_seller else thread.seller.name,
            thread.unread_by_seller if by_seller else thread.unread_by_buyer,
        )
        for thread in threads
    ]


@dataclass(frozen=True, slots=True)
class Hit:
    """One message that a search found."""

    message: object
    number: str
    who: str
    excerpt: str


def search_of(request: HttpRequest, find: Callable[..., Found], *, by_seller: bool) -> dict | None:
    """What a page shows in place of its list while somebody searches; None if nobody does.

    `find` gets the words, and `before`: where the page goes on.
    """
    words = words_of(request.GET.get("q", ""))
    if not words:
        return None
    before = request.GET.get("before", "")
    found = find(words, before=int(before) if _KEY.fullmatch(before) else 0)
    hits = [
        Hit(
            message,
            message.thread.order.number,
            message.thread.buyer.name if by_seller else message.thread.seller.name,
            rules.excerpt(message.text, words),
        )
        for message in found.messages
    ]
    return {"here": "messages", "q": " ".join(words), "hits": hits, "older": found.older or ""}


def talk_of(request: HttpRequest, thread) -> dict:
    """What a page shows of a talk: its messages, the oldest first, and where older and newer ones are."""
    if thread is None:
        return {"lines": []}
    at = request.GET.get("at", "")
    talk = queries.messages_of(thread.pk, at=int(at) if _KEY.fullmatch(at) else 0)
    lines = [
        Line(
            message,
            message.side == "SELLER",
            topic_words(message.topic, of_seller=message.side == "SELLER"),
            list(message.attachments.all()),
        )
        for message in talk.messages
    ]
    return {"lines": lines, "older_lines": talk.older, "is_older": not talk.is_latest}
