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


@dataclass(frozen=True, slots=True)
class Listed:
    """Which feeds software asks for; empty filters let everything pass. `types` are pairs of kind and whether XML."""

    since: datetime
    until: datetime
    types: Sequence[tuple[str, bool]] = ()
    states: Sequence[str] = ()
    behind: int = 0


def feeds_for_software(seller_id: int, asked: Listed, *, limit: int) -> list[Feed]:
    """The shop's feeds that software asks for, the latest first, behind a key (index `feeds_of_seller`)."""
    found = Feed.objects.filter(
        seller_id=seller_id, submitted_at__gte=asked.since, submitted_at__lte=asked.until
    ).select_related("document")
    if asked.types:
        of_types = Q()
        for kind, is_xml in asked.types:
            of_types |= Q(kind=kind, is_xml=is_xml)
        found = found.filter(of_types)
    if asked.states:
        found = found.filter(state__in=asked.states)
    if asked.behind:
        found = found.filter(pk__lt=asked.behind)
    return list(found.order_by("-pk")[:limit])


def document_by_key(document_id: int, key: str) -> FeedDocument | None:
    """A document with its feed, for whoever was given an address with the part of its name that nobody can guess."""
    found = FeedDocument.objects.filter(pk=document_id, name__endswith=f"/{key}", forgotten_at__isnull=True)
    return found.select_related("feed__seller").first()


def document_of_seller(seller_id: int, document_id: int, key: str) -> FeedDocument | None:
    """The same, if it is the shop's."""
    document = document_by_key(document_id, key)
    return document if document is not None and document.seller_id == seller_id else None


def lock_reserved(document_id: int) -> FeedDocument | None:
    """Hold a document that is no feed yet until the transaction ends; None if there is none."""
    found = FeedDocument.objects.select_for_update(of=("self",)).filter(pk=document_id, forgotten_at__isnull=True)
    document = found.first()
    return None if document is None or Feed.objects.filter(document=document).exists() else document


def feed_of_event(subject: str) -> Feed | None:
    """The feed that an event is about; None once its row is gone."""
    found = Feed.objects.filter(pk=int(subject.removeprefix("feed:")))
    return found.select_related("document", "seller").first()


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


def settled_before(feed: Feed) -> dict[int, str]:
    """The lines that earlier feeds of the same bytes have carried out or found done, by position: the receipt of the
    last of those feeds. However they ended, what they did need not be done again.
    """
    bytes_of = {"document__seller_id": feed.seller_id, "document__sha256": feed.document.sha256}
    same = Feed.objects.filter(kind=feed.kind, is_dry_run=False, pk__lt=feed.pk, **bytes_of)
    receipts = {each.pk: each.receipt for each in same}
    lines = LineResult.objects.filter(feed_id__in=list(receipts)).exclude(result=LineResult.Result.ERROR)
    found = lines.order_by("feed_id").values_list("position", "feed_id")
    return {position: receipts[feed_id] for position, feed_id in found}


def orders_counted(feed: Feed) -> int:
    """How many orders of a feed count in the rate by it."""
    return LineResult.objects.filter(feed=feed, counted=True).values("order_number").distinct().count()


def wait_before_next(seller_id: int, *, now: datetime) -> timedelta:
    """How long the shop must wait before its next feed: a bucket of fifteen, refilled by one every two minutes.

    It is taken as full a day ago; a shop that sent so much before then has emptied it again since.
    """
    since = now - timedelta(days=1)
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


def count_unused(seller_id: int, *, since: datetime) -> int:
    """How many documents a shop has asked for since a moment that are no feeds (index `documents_by_age`)."""
    return FeedDocument.objects.filter(seller_id=seller_id, feed=None, created_at__gte=since).count()


def unused_documents(before: datetime, *, limit: int) -> list[FeedDocument]:
    """Documents that were asked for before a moment and are no feed (index `documents_by_age`)."""
    unused = FeedDocument.objects.filter(created_at__lt=before, feed=None, forgotten_at=None)
    return list(unused.order_by("created_at")[:limit])


def forgotten_before(moment: datetime, *, limit: int) -> list[int]:
    """The keys of documents older than a moment whose files are gone."""
    old = FeedDocument.objects.filter(created_at__lt=moment, forgotten_at__isnull=False)
    return list(old.order_by("created_at").values_list("pk", flat=True)[:limit])


def names_in_store(names: Sequence[str]) -> set[str]:
    """Those of these names that a row says are in the store."""
    found = FeedDocument.objects.filter(name__in=names, forgotten_at__isnull=True)
    return set(found.values_list("name", flat=True))
