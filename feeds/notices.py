"""The mail about a file that has been processed: M-24, to whoever sent it or owns the keys it was sent with."""

from datetime import datetime

from django.urls import reverse

from events.actions import Undeliverable
from events.models import Delivery
from orders.mails import Notice, send

from . import queries
from .wording import file_sentence


def mail_finished(delivery: Delivery, *, now: datetime) -> None:
    """M-24 with the sums of the file and the way to its lines."""
    feed = queries.feed_of_event(delivery.event.subject)
    if feed is None:
        raise Undeliverable("the feed of this event is gone")
    send(
        Notice(
            "m24",
            feed.seller_id,
            feed.seller.name,
            reverse("seller:feed", args=[feed.pk]),
            can_be_silenced=True,
            more={
                "feed": feed,
                "why_fatal": (lambda: file_sentence(feed.error_code, feed.error_facts)) if feed.error_code else "",
            },
        ),
        delivery,
        now=now,
    )
