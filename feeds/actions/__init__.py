"""What the room does: take feeds in, carry out their lines, forget their files."""

from .forgetting import forget_documents
from .running import enqueue, give_up, run_feeds
from .submitting import LARGEST_FEED, TooLarge, TooManyFeeds, measure, submit

__all__ = [
    "LARGEST_FEED",
    "TooLarge",
    "TooManyFeeds",
    "enqueue",
    "forget_documents",
    "give_up",
    "measure",
    "run_feeds",
    "submit",
]
