"""Reads of notifications: who subscribes to what, which destinations wait, what was sent to them."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q

from accounts.models import Application
from accounts.queries import good_credentials
from accounts.rules import Scope
from events.models import Delivery

from .models import Destination, Subscription
from .rules import TOPIC_OF, Topic

# Messages on a page of a webhook.
PUSHES_SHOWN = 25


def subscribers_of(wanted: Collection[tuple[int, str]], now: datetime) -> dict[tuple[int, str], list[int]]:
    """Per shop and event that software subscribes to, the keys of the subscriptions. One statement.

    They are held until the transaction ends, so that none ends between this and the messages that refer to it.
    Software whose keys do not allow it any more is not told.
    """
    topics = {TOPIC_OF[name][0].value for _, name in wanted}
    by_shop: dict[tuple[int, str], list[tuple[int, list[str]]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_SUBSCRIBERS, [[seller_id for seller_id, _ in wanted], list(topics), *_allowing(now)])
        for key, seller_id, topic, changes in cursor.fetchall():
            by_shop[seller_id, topic].append((key, changes))
    if not by_shop:
        return {}
    told = {}
    for seller_id, name in wanted:
        topic, change = TOPIC_OF[name]
        told[seller_id, name] = [
            key for key, changes in by_shop.get((seller_id, topic), ()) if not changes or change in changes
        ]
    return told


_MAY_HEAR = """
    s.application_id IS NULL OR EXISTS (
        SELECT FROM accounts_application AS a JOIN accounts_credential AS k ON k.application_id = a.id
        WHERE a.id = s.application_id AND a.state = %s AND k.revoked_at IS NULL AND k.expires_at > %s
          AND %s = ANY (k.scopes)
    )
"""
# The lock lets others refer to the rows, and nobody delete them; the ORM does not know it.
_SUBSCRIBERS = f"""
    SELECT s.id, s.seller_id, s.topic, s.changes FROM spapi_subscription AS s
    WHERE s.seller_id = ANY (%s) AND s.topic = ANY (%s) AND ({_MAY_HEAR})
    FOR KEY SHARE OF s
"""  # noqa: S608 - made of constants


def _allowing(now: datetime) -> list[Any]:
    return [Application.State.APPROVED.value, now, Scope.WEBHOOKS.value]


def may_hear(subscription_id: int, now: datetime) -> bool:
    """Whether a subscription is a shop's own, or its software still has keys that allow it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT FROM spapi_subscription AS s WHERE s.id = %s AND ({_MAY_HEAR})",
            [subscription_id, *_allowing(now)],
        )
        return cursor.rowcount == 1


# --- destinations -------------------------------------------------------------------------------------------


def webhooks_of(seller_id: int) -> list[Destination]:
    """The shop's webhooks, the latest first, each with what it is told of."""
    found = Destination.objects.filter(seller_id=seller_id, kind=Destination.Kind.WEBHOOK)
    return list(found.prefetch_related("subscriptions").order_by("-pk"))


def webhook_of(seller_id: int, destination_id: int) -> Destination | None:
    """One webhook of the shop; None for unknown and for another shop's."""
    found = Destination.objects.filter(seller_id=seller_id, kind=Destination.Kind.WEBHOOK, pk=destination_id)
    return found.prefetch_related("subscriptions").first()


def queues_of_shop(seller_id: int, *, now: datetime) -> list[Destination]:
    """The queues of all the shop's registrations, each with its registration and what it is told of.

    `may_hear` of a queue is whether its software still has keys that allow it.
    """
    allowing = good_credentials(now=now).filter(
        application=OuterRef("application"),
        application__state=Application.State.APPROVED,
        scopes__contains=[Scope.WEBHOOKS.value],
    )
    found = Destination.objects.filter(seller_id=seller_id, kind=Destination.Kind.QUEUE)
    found = found.select_related("application").prefetch_related("subscriptions")
    return list(found.annotate(may_hear=Exists(allowing)).order_by("application_id", "pk"))


def queues_of(application_id: int) -> list[Destination]:
    """An application's queues, the earliest first."""
    return list(Destination.objects.filter(application_id=application_id).order_by("pk"))


def queue_of(application_id: int, key: str) -> Destination | None:
    """One queue of an application by its public key; None for unknown and for another's."""
    found = Destination.objects.filter(application_id=application_id, key=_uuid(key))
    return found.first()


def subscription_of(application_id: int, topic: str, key: str = "") -> Subscription | None:
    """An application's subscription to a topic, by its public key if one is given."""
    found = Subscription.objects.filter(application_id=application_id, topic=topic).select_related("destination")
    if key:
        found = found.filter(key=_uuid(key))
    return found.first()


def _uuid(written: str) -> UUID:
    """A key that we gave out; one that is nobody's for anything else."""
    try:
        return UUID(written)
    except ValueError:
        return UUID(int=0)


# --- messages -----------------------------------------------------------------------------------------------


def pushes_to(destination: Destination, *, behind: int = 0, limit: int) -> list[Delivery]:
    """The latest messages to a destination, behind a position: of each subscription by its index `pushes_newest`."""
    found: list[Delivery] = []
    for subscription in destination.subscriptions.all():
        rows = Delivery.objects.filter(subscription=subscription).select_related("event__order", "subscription")
        found += (rows.filter(pk__lt=behind) if behind else rows).order_by("-pk")[:limit]
    return sorted(found, key=lambda each: each.pk, reverse=True)[:limit]


def has_waiting(destination: Destination) -> bool:
    """Whether anything is to be sent to a destination."""
    return Delivery.objects.filter(subscription__destination=destination, state=Delivery.State.PENDING).exists()


def push_of(seller_id: int, destination_id: int, delivery_id: int) -> Delivery | None:
    """One message to a webhook of the shop."""
    found = Delivery.objects.filter(
        pk=delivery_id,
        subscription__destination_id=destination_id,
        subscription__destination__kind=Destination.Kind.WEBHOOK,
        subscription__seller_id=seller_id,
    )
    return found.select_related("subscription").first()


def next_destination(now: datetime, *, idle: Collection[int]) -> Destination | None:
    """A destination with a message that is due, locked, the one that was served longest ago; none of `idle`."""
    due = Delivery.objects.filter(
        subscription__destination=OuterRef("pk"), state=Delivery.State.PENDING, due_at__lte=now
    )
    free = Destination.objects.exclude(pk__in=idle).filter(
        Q(claimed_until=None) | Q(claimed_until__lte=now), Q(rests_until=None) | Q(rests_until__lte=now)
    )
    found = free.filter(Exists(due)).order_by(F("claimed_until").asc(nulls_first=True), "pk")
    return found.select_for_update(skip_locked=True, of=("self",)).first()


def next_pushes(destination: Destination, now: datetime, *, limit: int) -> list[Delivery]:
    """What a destination may be told now: of each order the earliest change that it does not know, if that is due.

    Messages about no order, and those that somebody had sent once more, wait for none and hold none up. What was not
    tried yet comes first.
    """
    waiting = Delivery.objects.filter(subscription__destination=destination, state=Delivery.State.PENDING)
    earliest = (
        waiting.filter(event__order__isnull=False, renewed_at=None)
        .order_by("subscription_id", "event__order_id", "pk")
        .distinct("subscription_id", "event__order_id")
    )
    found = waiting.filter(
        Q(event__order__isnull=True) | Q(renewed_at__isnull=False) | Q(pk__in=earliest.values("pk")),
        due_at__lte=now,
    )
    return list(
        found.select_related("event__order__seller", "subscription__seller", "subscription__application").order_by(
            "attempts", "due_at", "pk"
        )[:limit]
    )


def topics_of(destination: Destination) -> list[Topic]:
    """What a destination is told of, in the order of `Topic`."""
    known = {each.topic for each in destination.subscriptions.all()}
    return [topic for topic in Topic if topic in known]
