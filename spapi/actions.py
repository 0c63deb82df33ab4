"""What the room does: webhooks and queues, what they are told of, and the answer of each message (domain 14.9).

Every act takes the shop's row first and, if it is the OWNER's, writes its note into the audit log.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.views.decorators.debug import sensitive_variables

from accounts.actors import Actor
from accounts.keys import hashed, resealed, sealed, unsealed
from accounts.models import Seller
from accounts.queries import lock_seller
from events.actions import LEASE, audit, nudge_pushes, pause_after
from events.models import Delivery

from . import queries
from .models import Destination, Subscription
from .rules import MOST_DESTINATIONS, SECRETS_OVERLAP, TRIED_FOR, Topic, Why, new_secret


class Refused(Exception):
    """The act is not done; `why` says for what reason."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


# --- webhooks of a shop -------------------------------------------------------------------------------------


@sensitive_variables()
def add_webhook(
    *,
    seller: Seller,
    name: str,
    address: str,
    topics: Collection[Topic],
    by: Actor,
    now: datetime,
    from_address: str | None = None,
) -> tuple[Destination, str]:
    """Tell a web address of these topics from now on; return it with its secret, which is shown this once.

    Raises Refused(ADDRESS_TAKEN), or Refused(TOO_MANY) beyond 10 of a shop.
    """
    with transaction.atomic():
        lock_seller(seller.pk)
        _require_room(address, queries.webhooks_of(seller.pk))
        secret = new_secret()
        destination = Destination.objects.create(
            kind=Destination.Kind.WEBHOOK,
            seller=seller,
            name=name,
            address=address,
            sealed_secret=sealed(secret),
            created_at=now,
        )
        _subscribe_to(destination, topics, now)
        after = {"name": name, "address": address, "topics": sorted(topics)}
        _audit("webhook.added", destination, by, now, from_address, after=after)
    return destination, secret


def set_topics(
    *,
    seller_id: int,
    destination_id: int,
    topics: Collection[Topic],
    by: Actor,
    now: datetime,
    from_address: str | None = None,
) -> bool:
    """Let a webhook be told of these topics and no others; False if it was so before, or there is none.

    What waits to be sent about a topic that it leaves is sent no more, and what was sent about it is forgotten.
    """
    with transaction.atomic():
        lock_seller(seller_id)
        destination = queries.webhook_of(seller_id, destination_id)
        if destination is None:
            return False
        before = set(queries.topics_of(destination))
        if before == set(topics):
            return False
        _forget(destination.subscriptions.exclude(topic__in=topics))
        _subscribe_to(destination, set(topics) - before, now)
        _audit(
            "webhook.changed",
            destination,
            by,
            now,
            from_address,
            before={"topics": sorted(before)},
            after={"name": destination.name, "topics": sorted(topics)},
        )
    return True


def mark_of(destination: Destination) -> str:
    """What tells a webhook's present secret from others, and nothing of it."""
    return hashed(destination.sealed_secret)


@sensitive_variables()
def renew_secret(
    *, seller_id: int, destination_id: int, seen: str, by: Actor, now: datetime, from_address: str | None = None
) -> str | None:
    """A new secret for a webhook; the present one signs beside it for 7 days more. None if there is no such.

    `seen` is the mark of the secret that the person saw. Raises Refused(RENEWED_MEANWHILE) if there is a later one: a
    page that is sent once more renews nothing.
    """
    with transaction.atomic():
        lock_seller(seller_id)
        destination = queries.webhook_of(seller_id, destination_id)
        if destination is None:
            return None
        if seen != mark_of(destination):
            raise Refused(Why.RENEWED_MEANWHILE)
        secret = new_secret()
        destination.sealed_former_secret = destination.sealed_secret
        destination.former_secret_until = now + SECRETS_OVERLAP
        destination.sealed_secret = sealed(secret)
        destination.save(update_fields=["sealed_secret", "sealed_former_secret", "former_secret_until"])
        _audit("webhook.secret_renewed", destination, by, now, from_address, after={"name": destination.name})
    return secret


def end_webhook(
    *, seller_id: int, destination_id: int, by: Actor, now: datetime, from_address: str | None = None
) -> bool:
    """Tell a web address nothing any more and forget what was sent to it; False if there is none."""
    with transaction.atomic():
        lock_seller(seller_id)
        destination = queries.webhook_of(seller_id, destination_id)
        if destination is None:
            return False
        before = {"name": destination.name, "address": destination.address}
        _audit("webhook.ended", destination, by, now, from_address, before=before)
        _forget(destination.subscriptions.all())
        destination.delete()
    return True


def replay(
    *,
    seller_id: int,
    destination_id: int,
    delivery_id: int,
    by: Actor,
    now: datetime,
    from_address: str | None = None,
) -> bool:
    """Send a message once more, as it is now, under the id that it had; False unless it was sent or given up."""
    with transaction.atomic():
        lock_seller(seller_id)
        destination = queries.webhook_of(seller_id, destination_id)
        delivery = queries.push_of(seller_id, destination_id, delivery_id)
        if destination is None or delivery is None or delivery.state == Delivery.State.PENDING:
            return False
        Delivery.objects.filter(pk=delivery.pk).update(
            state=Delivery.State.PENDING,
            attempts=0,
            due_at=now,
            renewed_at=now,
            delivered_at=None,
            last_error="",
        )
        after = {"message": delivery.key}
        _audit("webhook.message_renewed", destination, by, now, from_address, after=after)
        transaction.on_commit(nudge_pushes, robust=True)
    return True


def _forget(subscriptions: QuerySet[Subscription]) -> None:
    """Delete subscriptions with all that was or would be sent, whatever acts refer to them just now."""
    keys = list(subscriptions.values_list("pk", flat=True))
    # Most of it goes before the lock, for which acts with orders in their hands would wait.
    Delivery.objects.filter(subscription_id__in=keys).delete()
    # This waits for acts that refer to them; what those wrote is deleted with the rows.
    list(Subscription.objects.select_for_update().filter(pk__in=keys).order_by("pk"))
    Subscription.objects.filter(pk__in=keys).delete()


def _subscribe_to(destination: Destination, topics: Iterable[Topic], now: datetime) -> None:
    Subscription.objects.bulk_create(
        Subscription(destination=destination, seller_id=destination.seller_id, topic=topic, created_at=now)
        for topic in topics
    )


def _audit(
    act: str,
    destination: Destination,
    by: Actor,
    now: datetime,
    address: str | None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    shop = destination.seller.merchant_id
    audit(act=act, by=by, now=now, subject=shop, address=address, before=before, after=after)


def _require_room(address: str, known: Collection[Destination]) -> None:
    if any(each.address == address for each in known):
        raise Refused(Why.ADDRESS_TAKEN)
    if len(known) >= MOST_DESTINATIONS:
        raise Refused(Why.TOO_MANY)


# --- queues of an application -------------------------------------------------------------------------------


def add_queue(*, seller_id: int, application_id: int, name: str, arn: str, now: datetime) -> Destination:
    """Let an application's subscriptions go to a queue. Raises Refused(ADDRESS_TAKEN) or Refused(TOO_MANY)."""
    with transaction.atomic():
        lock_seller(seller_id)
        _require_room(arn, queries.queues_of(application_id))
        return Destination.objects.create(
            kind=Destination.Kind.QUEUE,
            seller_id=seller_id,
            application_id=application_id,
            name=name,
            address=arn,
            created_at=now,
        )


def end_queue(*, seller_id: int, application_id: int, key: str) -> bool:
    """Forget a queue. False if there is none; raises Refused(SUBSCRIBED) while a subscription goes to it."""
    with transaction.atomic():
        lock_seller(seller_id)
        found = queries.queue_of(application_id, key)
        if found is None:
            return False
        if found.subscriptions.exists():
            raise Refused(Why.SUBSCRIBED)
        found.delete()
    return True


def subscribe(
    *,
    seller_id: int,
    application_id: int,
    destination_key: str,
    topic: Topic,
    changes: Collection[str],
    directive: dict[str, Any] | None,
    now: datetime,
) -> Subscription:
    """Tell an application's queue of a topic; `changes` limits it, `directive` is that in the caller's words.

    Raises Refused(UNKNOWN) for no such queue, Refused(SUBSCRIBED) if the application subscribes to it already.
    """
    with transaction.atomic():
        lock_seller(seller_id)
        destination = queries.queue_of(application_id, destination_key)
        if destination is None:
            raise Refused(Why.UNKNOWN)
        if queries.subscription_of(application_id, topic):
            raise Refused(Why.SUBSCRIBED)
        return Subscription.objects.create(
            destination=destination,
            seller_id=seller_id,
            application_id=application_id,
            topic=topic,
            changes=sorted(changes),
            directive=directive,
            created_at=now,
        )


def unsubscribe(*, seller_id: int, application_id: int, topic: str, key: str) -> bool:
    """Tell an application of a topic no more; False if it does not subscribe by this key."""
    with transaction.atomic():
        lock_seller(seller_id)
        found = queries.subscription_of(application_id, topic, key)
        if found is None:
            return False
        _forget(Subscription.objects.filter(pk=found.pk))
    return True


# --- sending ------------------------------------------------------------------------------------------------


def claim(now: datetime, *, idle: Collection[int]) -> Destination | None:
    """A destination that has something due, for this worker alone until the lease runs out; none of `idle`."""
    with transaction.atomic():
        destination = queries.next_destination(now, idle=idle)
        if destination:
            destination.claimed_until = now + LEASE
            destination.save(update_fields=["claimed_until"])
    return destination


def release(destination: Destination, now: datetime) -> None:
    """Let other workers have a destination again, unless the lease ran out and one has it already."""
    Destination.objects.filter(pk=destination.pk, claimed_until=destination.claimed_until).update(
        claimed_until=now
    )


def taken(destination: Destination, delivery: Delivery, now: datetime) -> None:
    """Keep that a message arrived."""
    _waiting(delivery).update(
        state=Delivery.State.DELIVERED, delivered_at=now, attempts=F("attempts") + 1, last_error=""
    )
    _note(destination, failures=0, rests_until=None, last_error="")


def give_up(delivery: Delivery, trouble: str) -> None:
    """Keep that a message cannot be sent, however often."""
    _waiting(delivery).update(state=Delivery.State.FAILED, attempts=F("attempts") + 1, last_error=trouble)


def not_taken(delivery: Delivery, trouble: str, now: datetime) -> None:
    """Keep that a message was answered with a no: it comes again after a pause, for 24 hours since it happened."""
    if (delivery.renewed_at or delivery.event.happened_at) <= now - TRIED_FOR:
        give_up(delivery, trouble)
        return
    pause = pause_after(delivery.attempts + 1)
    _waiting(delivery).update(due_at=now + pause, attempts=F("attempts") + 1, last_error=trouble)


def unreachable(destination: Destination, delivery: Delivery, trouble: str, now: datetime) -> None:
    """Keep that nobody answered: the whole destination rests, and what is older than 24 hours is given up."""
    _waiting(delivery).update(attempts=F("attempts") + 1, last_error=trouble)
    begun = Coalesce("renewed_at", "event__happened_at")
    old = Delivery.objects.alias(begun=begun).filter(
        subscription__destination=destination, state=Delivery.State.PENDING, begun__lte=now - TRIED_FOR
    )
    old.update(state=Delivery.State.FAILED, last_error=trouble)
    rest(destination, trouble, now)


def rest(destination: Destination, trouble: str, now: datetime) -> None:
    """Leave a destination alone for a while, longer each time in a row."""
    failures = destination.failures + 1
    until = now + pause_after(failures)
    _note(destination, failures=failures, rests_until=until, last_error=trouble[:300])


def _note(destination: Destination, **fields: Any) -> None:
    """Write what became of a destination, if it is there still and that is news."""
    if any(getattr(destination, name) != value for name, value in fields.items()):
        Destination.objects.filter(pk=destination.pk).update(**fields)
        for name, value in fields.items():
            setattr(destination, name, value)


def _waiting(delivery: Delivery) -> Any:
    return Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.PENDING)


@sensitive_variables()
def secrets_of(destination: Destination, now: datetime) -> list[str]:
    """What signs messages to a webhook: its secret, and the former one while it still does.

    Raises cryptography.fernet.InvalidToken if the portal's secret that sealed them is not known any more.
    """
    kept = [destination.sealed_secret]
    if destination.former_secret_until and destination.former_secret_until > now:
        kept.append(destination.sealed_former_secret)
    return [unsealed(each) for each in kept]


def reseal() -> tuple[int, int]:
    """Seal all secrets of webhooks under the portal's present secret; return how many were, how many are lost."""
    done = lost = 0
    for key in list(Destination.objects.exclude(sealed_secret="").order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            row = Destination.objects.select_for_update().get(pk=key)
            try:
                row.sealed_secret = resealed(row.sealed_secret)
                if row.sealed_former_secret:
                    row.sealed_former_secret = resealed(row.sealed_former_secret)
            except InvalidToken:
                lost += 1
            else:
                done += 1
                row.save(update_fields=["sealed_secret", "sealed_former_secret"])
    return done, lost
