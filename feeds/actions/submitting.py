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

from .running import enqueue

LARGEST_FEED = 10 * 1024 * 1024
BLOCK = 1 << 18


class TooLarge(Exception):
    """The file is larger than a feed may be."""


class TooManyFeeds(Exception):
    """The shop has sent so many feeds that it must wait for `wait` before the next."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


def submit(
    *, seller_id: int, kind: Kind, file_name: str, content: BinaryIO, is_dry_run: bool, by: Actor, now: datetime
) -> Feed:
    """Keep a file and put it into the shop's queue; a worker carries it out after the transaction.

    Nobody reads it yet: whatever is wrong with it becomes the feed's answer. If a row cannot be
    written, the file is taken away again.

    Raises TooLarge above 10 MB, TooManyFeeds beyond 15 at once and one every two minutes, ValueError if nobody
    sends it.
    """
    if by.user_id is None:
        raise ValueError("a person sends a feed")
    size, digest = measure(content)
    name = f"feeds/{now:%Y/%m}/{uuid4().hex}"
    try:
        with transaction.atomic():
            lock_seller(seller_id)
            if wait := queries.wait_before_next(seller_id, now=now):
                raise TooManyFeeds(wait)
            document = FeedDocument.objects.create(
                seller_id=seller_id,
                name=name,
                file_name="".join(letter for letter in file_name if letter.isprintable())[-255:] or "—",
                size=size,
                sha256=digest,
                created_at=now,
            )
            feed = Feed.objects.create(
                seller_id=seller_id,
                document=document,
                kind=kind,
                is_dry_run=is_dry_run,
                submitted_by_id=by.user_id,
                submitted_at=now,
            )
            store().save(name, File(content))
            transaction.on_commit(lambda: enqueue(seller_id), robust=True)
    except Exception:
        store().delete(name)
        raise
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
