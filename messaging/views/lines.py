"""Talks and messages as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass

from messaging import queries
from messaging.wording import topic_words


@dataclass(frozen=True, slots=True)
class Row:
    """One talk in a list."""

    thread: object
    number: str
    who: str
    unread: int


@dataclass(frozen=True, slots=True)
class Line:
    """One message in a talk: whose it is, and what it was said to be about."""

    message: object
    from_seller: bool
    topic: str


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


def lines_of(thread) -> list[Line]:
    """The messages of a talk, the oldest first."""
    if thread is None:
        return []
    return [
        Line(message, message.side == "SELLER", topic_words(message.topic, of_seller=message.side == "SELLER"))
        for message in queries.messages_of(thread.pk)
    ]
