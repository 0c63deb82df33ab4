"""Taking a feed in: its bytes into the store, its row into the queue (domain 14.5)."""

import hashlib
from datetime import datetime, timedelta
from typing import BinaryIO
from uuid import uuid4

from django.core.files.base import File
from django.db import transaction

from accounts.actors import Actor
from accounts.queries import lock_seller
from feeds import queries
from feeds.models import Feed, FeedDocument
from feeds.parsers import Kind
from feeds.store import store

from .forgetting import UNUSED_AFTER
from .running import enqueue, record_end

LARGEST_FEED = 10 * 1024 * 1024
BLOCK = 1 << 18
# Places for bytes that a shop may hold without making feeds of them.
MOST_UNUSED = 100


class TooLarge(Exception):
    """The file is larger than a feed may be."""


class TooManyFeeds(Exception):
    """The shop has sent so many feeds that it must wait for `wait` before the next."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


class TooManyDocuments(Exception):
    """The shop has asked for more places than it makes feeds of."""


class NoBytes(Exception):
    """There is no such document of the shop whose bytes have arrived and that is no feed yet."""


def submit(
    *,
    seller_id: int,
    kind: Kind,
    file_name: str,
    content: BinaryIO,
    is_dry_run: bool,
    by: Actor,
    now: datetime,
    is_xml: bool = False,
) -> Feed:
    """Keep a file and put it into the shop's queue; a worker carries it out after the transaction.

    Nobody reads it yet: whatever is wrong with it becomes the feed's answer. If a row cannot be
    written, the file is taken away again. `is_xml` is what its sender says that it is.

    Raises TooLarge above 10 MB, TooManyFeeds beyond 15 at once and one every two minutes, ValueError if nobody
    sends it.
    """
    size, digest = measure(content)
    name = _new_name(now)
    try:
        with transaction.atomic():
            lock_seller(seller_id)
            _may_send(seller_id, now)
            document = FeedDocument.objects.create(
                seller_id=seller_id,
                name=name,
                file_name="".join(letter for letter in file_name if letter.isprintable())[-255:] or "—",
                size=size,
                sha256=digest,
                created_at=now,
                uploaded_at=now,
            )
            feed = _queue(document, kind, is_xml=is_xml, is_dry_run=is_dry_run, by=by, now=now)
            store().save(name, File(content))
    except Exception:
        store().delete(name)
        raise
    return feed


def reserve(*, seller_id: int, content_type: str, now: datetime) -> FeedDocument:
    """A place for bytes that software will put there (sp-api 5).

    Raises TooManyDocuments if the shop has left too many of them unused.
    """
    if queries.count_unused(seller_id, since=now - UNUSED_AFTER) >= MOST_UNUSED:
        raise TooManyDocuments
    kind = "xml" if "xml" in content_type.lower() else "txt"
    return FeedDocument.objects.create(
        seller_id=seller_id,
        name=_new_name(now),
        file_name=f"feed.{kind}",
        content_type=content_type[:100],
        created_at=now,
    )


def receive(*, document_id: int, content: BinaryIO, now: datetime) -> None:
    """Keep the bytes of a reserved document; until it is a feed they may be put there again.

    Raises TooLarge above 10 MB, NoBytes if there is no such document, or it is a feed already.
    """
    size, digest = measure(content)
    with transaction.atomic():
        document = queries.lock_reserved(document_id)
        if document is None:
            raise NoBytes
        document.size, document.sha256, document.uploaded_at = size, digest, now
        document.save(update_fields=["size", "sha256", "uploaded_at"])
        store().delete(document.name)
        store().save(document.name, File(content))


def submit_document(
    *, seller_id: int, document_id: int, kind: Kind, is_xml: bool, is_dry_run: bool, by: Actor, now: datetime
) -> Feed:
    """Put a document whose bytes have arrived into the shop's queue, as `submit` does.

    `is_xml` is what its sender says that it is.

    Raises NoBytes if there is no such document, TooManyFeeds, ValueError if nobody sends it.
    """
    with transaction.atomic():
        lock_seller(seller_id)
        document = queries.lock_reserved(document_id)
        if document is None or document.seller_id != seller_id or document.uploaded_at is None:
            raise NoBytes
        _may_send(seller_id, now)
        return _queue(document, kind, is_xml=is_xml, is_dry_run=is_dry_run, by=by, now=now)


def cancel_feed(*, seller_id: int, feed_id: int, by: Actor, now: datetime) -> bool:
    """Take a feed out of the queue; False if a worker has begun it, or it is over."""
    with transaction.atomic():
        feed = queries.lock_feed(feed_id)
        if feed is None or feed.seller_id != seller_id or feed.state != Feed.State.IN_QUEUE:
            return False
        feed.state, feed.finished_at = Feed.State.CANCELLED, now
        feed.save(update_fields=["state", "finished_at"])
        record_end(feed, now, mute=frozenset({"mail_person"}), by=by)
    return True


def _new_name(now: datetime) -> str:
    return f"feeds/{now:%Y/%m}/{uuid4().hex}"


def _may_send(seller_id: int, now: datetime) -> None:
    if wait := queries.wait_before_next(seller_id, now=now):
        raise TooManyFeeds(wait)


def _queue(
    document: FeedDocument, kind: Kind, *, is_xml: bool, is_dry_run: bool, by: Actor, now: datetime
) -> Feed:
    """Make a feed of a document, under its shop's lock."""
    if by.user_id is None:
        raise ValueError("a person sends a feed")
    feed = Feed.objects.create(
        seller_id=document.seller_id,
        document=document,
        kind=kind,
        is_xml=is_xml,
        is_dry_run=is_dry_run,
        submitted_by_id=by.user_id,
        submitted_at=now,
    )
    transaction.on_commit(lambda: enqueue(feed.seller_id), robust=True)
    return feed


def measure(content: BinaryIO) -> tuple[int, str]:
    """Size and hash of a file, read in blocks; it is left at its beginning. Raises TooLarge above 10 MB."""
    size, digest = 0, hashlib.sha256()
    content.seek(0)
    while block := content.read(BLOCK):
        size += len(block)
        if size > LARGEST_FEED:
            raise TooLarge
        digest.update(block)
    content.seek(0)
    return size, digest.hexdigest()
