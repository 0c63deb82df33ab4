"""Files are kept for thirty days, their rows for ninety (domain 14.5)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from feeds import queries
from feeds.models import Feed, FeedDocument
from feeds.store import forget_strays, store

AT_ONCE = 500
# A place that software asked for and made no feed of (sp-api 5).
UNUSED_AFTER = timedelta(days=2)
# A feed has up to 10,000 answers that go with it.
FEEDS_AT_ONCE = 20


def forget_documents(*, now: datetime) -> int:
    """Take old files out of the store, and those that no row names; then the rows of feeds that are older still.

    Returns how many files went. The row says so first: no row names a file that is gone.
    """
    count = forget_strays("feeds", queries.names_in_store, now=now)
    while unused := queries.unused_documents(now - UNUSED_AFTER, limit=AT_ONCE):
        for each in unused:
            # One that has become a feed by now keeps its file.
            with transaction.atomic():
                document = queries.lock_reserved(each.pk)
                if document is not None:
                    document.delete()
            if document is not None:
                store().delete(each.name)
        count += len(unused)
    while old := queries.forgettable(now - timedelta(days=settings.DOCUMENT_DAYS), limit=AT_ONCE):
        FeedDocument.objects.filter(pk__in=[each.pk for each in old]).update(forgotten_at=now)
        for each in old:
            store().delete(each.name)
        count += len(old)
    while keys := queries.forgotten_before(now - timedelta(days=settings.RECORD_DAYS), limit=FEEDS_AT_ONCE):
        with transaction.atomic():
            Feed.objects.filter(document__in=keys).delete()
            FeedDocument.objects.filter(pk__in=keys).delete()
    return count
