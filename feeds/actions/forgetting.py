"""Files are kept for thirty days, their rows for ninety (domain 14.5)."""

from datetime import datetime, timedelta

from feeds import queries
from feeds.models import FeedDocument
from feeds.store import forget_strays, store

KEPT = timedelta(days=30)
AT_ONCE = 500


def forget_documents(*, now: datetime) -> int:
    """Take old files out of the store, and those that no row names; return how many.

    The row says so first: no row names a file that is gone.
    """
    count = forget_strays("feeds", queries.names_in_store, now=now)
    while old := queries.forgettable(now - KEPT, limit=AT_ONCE):
        FeedDocument.objects.filter(pk__in=[each.pk for each in old]).update(forgotten_at=now)
        for each in old:
            store().delete(each.name)
        count += len(old)
    return count
