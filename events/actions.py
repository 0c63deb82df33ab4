"""Record what happened together with who must be told; deliver it later; run a keyed act once."""

import hashlib
import json
import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Protocol

from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from accounts.actors import Actor
from accounts.models import User
from accounts.queries import mail_recipients_of

from .models import Delivery, Event, IdempotencyKey, SentMail
from .setwise import insert

logger = logging.getLogger(__name__)

# A claimed delivery comes back after this if its worker died: longer than any listener may run (reliability 0).
LEASE = timedelta(seconds=120)
# A batch is worked on for no longer than this, so that its last listener still ends within the lease.
WORKING_TIME = timedelta(seconds=30)
MAX_ATTEMPTS = 12
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
# After a failed nudge the broker is left alone for this long, so that pages stay quick while it is down.
NUDGE_PAUSE_SECONDS = 10.0


class OrderOfEvent(Protocol):
    """What an event needs to know of its order."""

    pk: int
    version: int
    seller_id: int
    buyer_id: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to record. `mute` names listeners that are not told this time (an import sends no mail).

    `version` is the order's version after the change; by default the one it has in memory.
    """

    name: str
    order: OrderOfEvent | None = None
    subject: str = ""
    payload: dict[str, Any] = field(default_factory=dict)
    mute: frozenset[str] = frozenset()
    version: int | None = None

    @property
    def order_version(self) -> int | None:
        if self.order is None:
            return None
        return self.order.version if self.version is None else self.version


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told of an event: a dotted path to call, once for each of `to` (BUYER, STAFF) or once at all."""

    path: str
    to: str = ""


BUYER, STAFF = "BUYER", "STAFF"


@cache
def subscriptions() -> dict[str, dict[str, Listener]]:
    """Event → listener name → Listener, from the table that the wiring keeps on one screen."""
    return import_string(settings.EVENT_SUBSCRIPTIONS)


def record(entries: Sequence[Entry], *, by: Actor, now: datetime) -> list[int]:
    """Write what happened and who must be told, in the caller's transaction; return the events' keys in order.

    Two statements, three if shops' people are told, however many entries.

    Raises RuntimeError outside a transaction: history must not outlive a change that was undone.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("record() belongs inside the transaction that changed the state")
    if not entries:
        return []
    event_ids = insert(
        Event,
        {
            "name": [entry.name for entry in entries],
            "order_id": [entry.order.pk if entry.order else None for entry in entries],
            "order_version": [entry.order_version for entry in entries],
            "subject": [entry.subject for entry in entries],
            "payload": [entry.payload for entry in entries],
            "role": [by.role] * len(entries),
            "door": [by.door] * len(entries),
            "user_id": [by.user_id] * len(entries),
            "actor_name": [by.name] * len(entries),
            "happened_at": [now] * len(entries),
        },
    )
    _address(list(zip(event_ids, entries, strict=True)), now)
    return event_ids


def _address(recorded: list[tuple[int, Entry]], now: datetime) -> None:
    """Write one delivery per event, listener and recipient."""
    table = subscriptions()
    staff = mail_recipients_of(_shops_to_tell(recorded))
    told = [
        (event_id, name, recipient)
        for event_id, entry in recorded
        for name, listener in table[entry.name].items()
        if name not in entry.mute
        for recipient in _recipients(listener, entry.order, staff)
    ]
    if not told:
        return
    insert(
        Delivery,
        {
            "event_id": [event_id for event_id, _, _ in told],
            "listener": [name for _, name, _ in told],
            "recipient_id": [recipient for _, _, recipient in told],
            "key": [f"{event_id}.{name}.{recipient or 0}" for event_id, name, recipient in told],
            "state": [Delivery.State.PENDING.value] * len(told),
            "due_at": [now] * len(told),
            "attempts": [0] * len(told),
            "last_error": [""] * len(told),
        },
    )
    transaction.on_commit(nudge, robust=True)


def _shops_to_tell(recorded: list[tuple[int, Entry]]) -> set[int]:
    """Shops whose people hear of any of these events."""
    table = subscriptions()
    return {
        entry.order.seller_id
        for _, entry in recorded
        if entry.order
        and any(listener.to == STAFF and name not in entry.mute for name, listener in table[entry.name].items())
    }


def _recipients(listener: Listener, order: OrderOfEvent | None, staff: dict[int, list[int]]) -> list[int | None]:
    if listener.to == STAFF:
        return [*staff.get(order.seller_id, [])] if order else []
    if listener.to == BUYER:
        return [order.buyer_id] if order and order.buyer_id else []
    return [None]


_quiet_until = 0.0


def nudge() -> None:
    """Tell a worker that something is due. Only a hint: the sweep finds every row without it (reliability M4)."""
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return
    try:
        current_app.send_task("events.tasks.deliver_due")
    except Exception:
        _quiet_until = time.monotonic() + NUDGE_PAUSE_SECONDS
        logger.warning("The broker did not take a nudge; deliveries leave with the next sweep", exc_info=True)


class NotYet(Exception):
    """A listener cannot do its part before something else happened; it is asked again soon."""


class Undeliverable(Exception):
    """A listener was refused for good; asking again would be refused again."""


def deliver_due(*, clock: Callable[[], datetime], limit: int = 50) -> int:
    """Claim up to `limit` due deliveries, tell each listener, keep what happened. Return how many were claimed.

    `clock` gives the present moment; it is asked again for each delivery, since a listener may take seconds.
    """
    claimed_at = clock()
    claimed = _claim(claimed_at, limit)
    for done, delivery in enumerate(claimed):
        if clock() - claimed_at > WORKING_TIME:
            _give_up(claimed[done:], clock())
            break
        _deliver(delivery, clock)
    return len(claimed)


def _claim(now: datetime, limit: int) -> list[Delivery]:
    """Move the due moment behind the lease, so that a crash means "later", never "lost"."""
    with transaction.atomic():
        due = list(
            Delivery.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(state=Delivery.State.PENDING, due_at__lte=now)
            .select_related("event__order", "recipient")
            .order_by("due_at", "id")[:limit]
        )
        for delivery in due:
            delivery.due_at = now + LEASE
            delivery.attempts += 1
        Delivery.objects.bulk_update(due, ["due_at", "attempts"])
    return due


def _give_up(unheard: Sequence[Delivery], now: datetime) -> None:
    """Hand back what a slow batch did not get to: due at once, as if it had not been claimed."""
    for delivery in unheard:
        _mark(delivery, due_at=now, attempts=delivery.attempts - 1)


def _deliver(delivery: Delivery, clock: Callable[[], datetime]) -> None:
    listener = subscriptions().get(delivery.event.name, {}).get(delivery.listener)
    try:
        if listener is None:
            raise Undeliverable(f"nobody listens as {delivery.listener} to {delivery.event.name}")
        import_string(listener.path)(delivery, now=clock())
    except Undeliverable as error:
        _mark(delivery, state=Delivery.State.FAILED, last_error=str(error))
    except NotYet as error:
        _try_later(delivery, str(error), clock())
    except Exception as error:
        # Whatever a listener raises, the row keeps it and comes back; others are not held up.
        logger.exception("Delivery %s failed", delivery.key)
        _try_later(delivery, repr(error), clock())
    else:
        _mark(delivery, state=Delivery.State.DELIVERED, delivered_at=clock(), last_error="")


def _try_later(delivery: Delivery, error: str, now: datetime) -> None:
    """Let a delivery come back after a pause; after the last attempt it waits for a person."""
    if delivery.attempts >= MAX_ATTEMPTS:
        _mark(delivery, state=Delivery.State.FAILED, last_error=error)
    else:
        _mark(delivery, due_at=now + pause_after(delivery.attempts), last_error=error)


def _mark(delivery: Delivery, **fields) -> None:
    """Write the answer, unless another worker took the delivery over after the lease ran out."""
    Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.PENDING, attempts=delivery.attempts).update(
        **fields
    )


def pause_after(attempts: int) -> timedelta:
    """Exponential pause with full jitter: 1 minute, doubling, at most an hour (reliability M7)."""
    longest = min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE)
    return longest * random.random()  # noqa: S311 - jitter, not a secret


def keep_mail(
    delivery: Delivery,
    person: User,
    *,
    mail: str,
    message_id: str,
    subject: str,
    text: str,
    html: str,
    now: datetime,
) -> None:
    """Keep a mail as it left; one row per delivery, whoever comes second changes nothing."""
    row = SentMail(
        delivery_key=delivery.key,
        message_id=message_id,
        mail=mail,
        order_id=delivery.event.order_id,
        recipient=person,
        address=person.email,
        language=person.language,
        subject=subject[:250],
        text=text,
        html=html,
        sent_at=now,
    )
    SentMail.objects.bulk_create([row], ignore_conflicts=True)


def retry(*, delivery_ids: Iterable[int], now: datetime) -> int:
    """Let failed deliveries try again from the start; return how many."""
    with transaction.atomic():
        count = Delivery.objects.filter(pk__in=list(delivery_ids), state=Delivery.State.FAILED).update(
            state=Delivery.State.PENDING, attempts=0, due_at=now
        )
        transaction.on_commit(nudge, robust=True)
    return count


class IdempotencyMismatch(Exception):
    """The same key came with other content."""


def once(*, owner: str, key: str, content: Any, now: datetime, act: Callable[[], dict]) -> dict:
    """Run `act` once per owner and key; later calls get the stored answer (reliability M8).

    The key's row and the act share one transaction: a second click waits for the first and then reads its
    answer; an act that raises leaves no trace, so it may be sent again.

    Raises IdempotencyMismatch if the key was used for other content.
    """
    content_hash = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
    with transaction.atomic():
        row = IdempotencyKey(owner=owner, key=key, content_hash=content_hash, locked_at=now)
        IdempotencyKey.objects.bulk_create([row], ignore_conflicts=True)
        row = IdempotencyKey.objects.select_for_update().get(owner=owner, key=key)
        if row.content_hash != content_hash:
            raise IdempotencyMismatch(key)
        if row.answer is not None:
            return row.answer
        answer = act()
        IdempotencyKey.objects.filter(pk=row.pk).update(state=IdempotencyKey.State.DONE, answer=answer)
    return answer


def forget_old_keys(*, now: datetime) -> int:
    """Delete idempotency keys older than 24 hours; return how many."""
    deleted, _ = IdempotencyKey.objects.filter(locked_at__lt=now - timedelta(hours=24)).delete()
    return deleted
