"""Reads of feeds, scoped to their shop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from .models import Feed, FeedDocument, LineResult

UNFINISHED = (Feed.State.IN_QUEUE, Feed.State.IN_PROGRESS)
# So many feeds at once, then one every two minutes (domain 14.5).
FEEDS_AT_ONCE = 15
ONE_MORE_AFTER = timedelta(minutes=2)


def feeds_of_seller(seller_id: int, *, limit: int) -> list[Feed]:
    """The shop's latest feeds (index `feeds_of_seller`)."""
    found = Feed.objects.filter(seller_id=seller_id).select_related("document", "submitted_by")
    return list(found.order_by("-pk")[:limit])


def feed_of_seller(seller_id: int, feed_id: int) -> Feed | None:
    """One feed of the shop with its document; None for unknown and for another shop's."""
    found = Feed.objects.filter(seller_id=seller_id, pk=feed_id)
    return found.select_related("document", "submitted_by", "seller").first()


def lines_of(feed: Feed, result: str = "", *, after: int = 0) -> QuerySet[LineResult]:
    """The answers to the lines of a feed in their order, or those of one result, beyond a position."""
    found = LineResult.objects.filter(feed=feed, position__gt=after).order_by("position")
    return found.filter(result=result) if result else found


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages of an XML feed: how many there are, and how many got an error or a warning."""

    processed: int
    refused: int
    warned: int


def messages_of(feed: Feed) -> Messages:
    """How many messages of a feed were answered how; a message may have several lines."""
    found = LineResult.objects.filter(feed=feed).aggregate(
        processed=Count("line_number", distinct=True),
        refused=Count("line_number", distinct=True, filter=Q(result="ERROR")),
        warned=Count("line_number", distinct=True, filter=Q(result__in=["WARNING", "NO_CHANGE"])),
    )
    return Messages(**found)


def shops_with_feeds_to_do() -> list[int]:
    """Shops with a feed that is not finished (index `feeds_to_do`)."""
    waiting = Feed.objects.filter(state__in=UNFINISHED).order_by("seller_id")
    return list(waiting.values_list("seller_id", flat=True).distinct())


def next_feed(seller_id: int) -> Feed | None:
    """The shop's earliest feed that is not finished: feeds are done in the order in which they came."""
    waiting = Feed.objects.filter(seller_id=seller_id, state__in=UNFINISHED).order_by("pk")
    return waiting.select_related("document", "seller").first()


def lock_feed(feed_id: int) -> Feed | None:
    """Take a feed that is not finished; None while another worker has it, or once it is done."""
    waiting = Feed.objects.select_for_update(of=("self",), skip_locked=True).filter(
        pk=feed_id, state__in=UNFINISHED
    )
    return waiting.select_related("submitted_by").first()


def earlier_answers(feed: Feed) -> tuple[Feed | None, dict[int, LineResult]]:
    """The last feed of the same bytes that was done before this one, and its answers by position."""
    earlier = (
        Feed.objects.filter(
            seller_id=feed.seller_id,
            kind=feed.kind,
            is_dry_run=False,
            state=Feed.State.DONE,
            document__sha256=FeedDocument.objects.filter(feed=feed).values("sha256")[:1],
            pk__lt=feed.pk,
        )
        .order_by("-pk")
        .first()
    )
    return earlier, {line.position: line for line in earlier.lines.all()} if earlier else {}


def wait_before_next(seller_id: int, *, now: datetime) -> timedelta:
    """How long the shop must wait before its next feed: a bucket of fifteen, refilled by one every two minutes."""
    since = now - FEEDS_AT_ONCE * ONE_MORE_AFTER
    moments: Sequence[datetime] = list(
        Feed.objects.filter(seller_id=seller_id, submitted_at__gt=since)
        .order_by("submitted_at")
        .values_list("submitted_at", flat=True)
    )
    level, last = float(FEEDS_AT_ONCE), since
    for moment in [*moments, now]:
        level = min(float(FEEDS_AT_ONCE), level + (moment - last) / ONE_MORE_AFTER)
        last = moment
        if moment is not now:
            level -= 1
    return timedelta(0) if level >= 1 else (1 - level) * ONE_MORE_AFTER


def forgettable(before: datetime, *, limit: int) -> list[FeedDocument]:
    """Documents of feeds that are over, older than a moment and still in the store."""
    old = FeedDocument.objects.filter(created_at__lt=before, forgotten_at__isnull=True)
    return list(old.exclude(feed__state__in=UNFINISHED).order_by("created_at")[:limit])


def names_in_store(names: Sequence[str]) -> set[str]:
    """Those of these names that a row says are in the store."""
    found = FeedDocument.objects.filter(name__in=names, forgotten_at__isnull=True)
    return set(found.values_list("name", flat=True))
