"""What the room does: take feeds in, carry out their lines, forget their files."""

from .forgetting import forget_documents
from .running import enqueue, give_up, run_feeds
from .submitting import (
    LARGEST_FEED,
    NoBytes,
    TooLarge,
    TooManyDocuments,
    TooManyFeeds,
    cancel_feed,
    measure,
    receive,
    reserve,
    submit,
    submit_document,
)

__all__ = [
    "LARGEST_FEED",
    "NoBytes",
    "TooLarge",
    "TooManyDocuments",
    "TooManyFeeds",
    "cancel_feed",
    "enqueue",
    "forget_documents",
    "give_up",
    "measure",
    "receive",
    "reserve",
    "run_feeds",
    "submit",
    "submit_document",
]
