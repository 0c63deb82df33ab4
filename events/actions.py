"""Record what happened together with who must be told, and deliver it later."""

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
from django.db.models import QuerySet
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from accounts.actors import Actor
from accounts.models import User
from accounts.queries import mail_recipients_of, silenced_by

from .models import OURS, AuditEntry, Delivery, Event, MailText, SentMail
from .setwise import Rows, insert
from .wording import UnusableText, check_text

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

    `version` is the order's version after the change; by default the one it has in memory. `seller_id` is the shop
    whose people are told when there is no order. `may_silence` is the code of the mail that goes to the shop's
    people, or to the person, if they may have stopped it (domain 12.2). `person_id` is whom a listener to PERSON tells.
    """

    name: str
    order: OrderOfEvent | None = None
    subject: str = ""
    payload: dict[str, Any] = field(default_factory=dict)
    mute: frozenset[str] = frozenset()
    version: int | None = None
    seller_id: int | None = None
    person_id: int | None = None
    may_silence: str = ""

    @property
    def shop_id(self) -> int | None:
        """The shop that this is about."""
        return self.order.seller_id if self.order else self.seller_id

    @property
    def order_version(self) -> int | None:
        if self.order is None:
            return None
        return self.order.version if self.version is None else self.version


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told of an event: a dotted path to call, once for each of `to` (BUYER, STAFF, PERSON) or once at all.

    To SUBSCRIBERS, the software of the shop, the path gives a message, which is sent at the pace of its destination.
    """

    path: str
    to: str = ""


BUYER, STAFF, PERSON, SUBSCRIBERS = "BUYER", "STAFF", "PERSON", "SUBSCRIBERS"


@cache
def subscriptions() -> dict[str, dict[str, Listener]]:
    """Event → listener name → Listener, from the table that the wiring keeps on one screen."""
    return import_string(settings.EVENT_SUBSCRIPTIONS)


def record(entries: Sequence[Entry], *, by: Actor, now: datetime) -> list[int]:
    """Write what happened and who must be told, in the caller's transaction; return the events' keys in order.

    One statement, and one more each if shops' people are told, if they may have stopped the mail, and if software of
    shops may subscribe to it, however many entries.

    Raises RuntimeError outside a transaction: history must not outlive a change that was undone.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("record() belongs inside the transaction that changed the state")
    if not entries:
        return []
    deliveries = _deliveries(entries, now)
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
        deliveries,
    )
    if any(key is None for key in deliveries.columns["subscription_id"]):
        transaction.on_commit(nudge, robust=True)
    if any(key is not None for key in deliveries.columns["subscription_id"]):
        transaction.on_commit(nudge_pushes, robust=True)
    return event_ids


def _deliveries(entries: Sequence[Entry], now: datetime) -> Rows:
    """One delivery per event, listener and recipient."""
    table = subscriptions()
    staff = mail_recipients_of({shop for shop, _ in _shops_to_tell(entries, STAFF)})
    silenced = _silenced(entries, staff)
    told: list[tuple[int, str, int | None, int | None]] = [
        (place, name, recipient, None)
        for place, entry in enumerate(entries)
        for name, listener in table[entry.name].items()
        if name not in entry.mute
        for recipient in _recipients(listener, entry, staff)
        if (recipient, entry.may_silence) not in silenced or listener.to == BUYER
    ]
    told += _pushes(entries, now)
    return Rows(
        Delivery,
        link="event_id",
        parents=[place for place, *_ in told],
        columns={
            "listener": [name for _, name, *_ in told],
            "recipient_id": [recipient for *_, recipient, _ in told],
            "subscription_id": [subscription for *_, subscription in told],
            "key": [
                f".{name}.s{subscription}" if subscription else f".{name}.{recipient or 0}"
                for _, name, recipient, subscription in told
            ],
            "state": [Delivery.State.PENDING.value] * len(told),
            "due_at": [now] * len(told),
            "attempts": [0] * len(told),
            "last_error": [""] * len(told),
        },
        suffixed=frozenset({"key"}),
    )


def _shops_to_tell(entries: Sequence[Entry], to: str) -> set[tuple[int, str]]:
    """Shops whose people, or whose software, hear of these events: shop and event."""
    table = subscriptions()
    return {
        (entry.shop_id, entry.name)
        for entry in entries
        if entry.shop_id
        and any(listener.to == to and name not in entry.mute for name, listener in table[entry.name].items())
    }


def _pushes(entries: Sequence[Entry], now: datetime) -> list[tuple[int, str, int | None, int | None]]:
    """The messages to software of shops: the place of the entry, listener, nobody, subscription."""
    wanted = _shops_to_tell(entries, SUBSCRIBERS)
    found = import_string(settings.EVENT_SUBSCRIBERS)(wanted, now) if wanted else {}
    if not found:
        return []
    table = subscriptions()
    return [
        (place, name, None, subscription)
        for place, entry in enumerate(entries)
        for name, listener in table[entry.name].items()
        if listener.to == SUBSCRIBERS and name not in entry.mute
        for subscription in found.get((entry.shop_id or 0, entry.name), ())
    ]


def _silenced(entries: Sequence[Entry], staff: dict[int, list[int]]) -> set[tuple[int, str]]:
    """Who of these people stopped which of the mails that would go to them: they get no delivery at all."""
    codes = {entry.may_silence for entry in entries} - {""}
    people = {person for people in staff.values() for person in people}
    people |= {entry.person_id for entry in entries if entry.person_id is not None}
    return silenced_by(people, codes) if codes else set()


def _recipients(listener: Listener, entry: Entry, staff: dict[int, list[int]]) -> list[int | None]:
    order = entry.order
    if listener.to == STAFF:
        return [*staff.get(entry.shop_id or 0, [])]
    if listener.to == BUYER:
        return [order.buyer_id] if order and order.buyer_id else []
    if listener.to == SUBSCRIBERS:
        return []
    return [entry.person_id if listener.to == PERSON else None]


_quiet_until = 0.0


def nudge() -> None:
    """Tell a worker that something is due. Only a hint: the sweep finds every row without it (reliability M4)."""
    _hint("events.tasks.deliver_due")


def nudge_pushes() -> None:
    """The same of a message to software of a shop."""
    _hint("spapi.tasks.push_due")


def _hint(task: str) -> None:
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return
    try:
        current_app.send_task(task)
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
            .filter(OURS, state=Delivery.State.PENDING, due_at__lte=now)
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
    longest = min(FIRST_PAUSE * 2 ** min(attempts - 1, 10), LONGEST_PAUSE)
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
    about: int | None = None,
) -> None:
    """Keep a mail as it left; one row per delivery, whoever comes second changes nothing.

    `about` is the order that it speaks of, if its event is no change of one.
    """
    row = SentMail(
        delivery_key=delivery.key,
        message_id=message_id,
        mail=mail,
        order_id=delivery.event.order_id or about,
        recipient=person,
        address=person.email,
        language=person.language,
        subject=subject[:250],
        text=text,
        html=html,
        sent_at=now,
    )
    SentMail.objects.bulk_create([row], ignore_conflicts=True)


def audit(
    *,
    act: str,
    by: Actor,
    now: datetime,
    subject: str = "",
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    address: str | None = None,
) -> None:
    """Note an operator's act or a changed setting, in the caller's transaction (domain 16).

    `subject` names what it was done to (an order's number, a person's address, a mail's name); `before` and
    `after` hold what changed; `address` is where it came from.

    Raises RuntimeError outside a transaction: the note must stand or fall with the act.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("audit() belongs inside the transaction that did the act")
    AuditEntry.objects.create(
        happened_at=now,
        user_id=by.user_id,
        actor_name=by.name[:100],
        address=address,
        act=act,
        subject=subject,
        reason=reason,
        before=before or {},
        after=after or {},
    )


def set_mail_text(
    *, mail: str, language: str, subject: str, lead: str, by: Actor, now: datetime, address: str | None = None
) -> None:
    """Send a mail in a language under the operator's subject and first paragraph from now on (domain 18).

    An empty lead leaves the shipped paragraph.

    Raises UnusableText if a text cannot be sent; KeyError for an unknown mail.
    """
    check_text(subject, mail=mail, is_subject=True)
    check_text(lead, mail=mail, is_subject=False)
    if not subject.strip():
        raise UnusableText(gettext("件名を入力してください。"))
    with transaction.atomic():
        before = _lock_mail_text(mail, language)
        MailText.objects.update_or_create(
            mail=mail, language=language, defaults={"subject": subject, "lead": lead, "changed_at": now}
        )
        _audit_mail_text(
            "mail_text.set", mail, language, before, {"subject": subject, "lead": lead}, by, now, address
        )


def reset_mail_text(*, mail: str, language: str, by: Actor, now: datetime, address: str | None = None) -> None:
    """Send a mail as it was shipped again; no change if it is."""
    with transaction.atomic():
        before = _lock_mail_text(mail, language)
        if before:
            MailText.objects.filter(mail=mail, language=language).delete()
            _audit_mail_text("mail_text.reset", mail, language, before, {}, by, now, address)


def _lock_mail_text(mail: str, language: str) -> dict[str, str]:
    row = MailText.objects.select_for_update().filter(mail=mail, language=language).first()
    return {"subject": row.subject, "lead": row.lead} if row else {}


def _audit_mail_text(act, mail, language, before, after, by, now, address) -> None:
    subject = f"{mail} {language}"
    audit(act=act, by=by, now=now, subject=subject, before=before, after=after, address=address)


def retry(*, delivery_ids: Iterable[int], now: datetime) -> int:
    """Let failed deliveries try again from the start; return how many."""
    failed = Delivery.objects.filter(pk__in=list(delivery_ids), state=Delivery.State.FAILED)
    return _begin_again(failed, now, renewed_at=now)


def wake(*, order_id: int, listener: str, now: datetime) -> None:
    """Let what this listener has not done for an order yet be tried at once: what it waited for has happened."""
    rows = Delivery.objects.filter(event__order_id=order_id, listener=listener)
    _begin_again(rows.exclude(state=Delivery.State.DELIVERED), now)


def _begin_again(rows: QuerySet[Delivery], now: datetime, **more: Any) -> int:
    """Make deliveries due, as if nobody had tried them; return how many."""
    with transaction.atomic():
        count = rows.update(state=Delivery.State.PENDING, attempts=0, due_at=now, last_error="", **more)
        transaction.on_commit(nudge, robust=True)
        transaction.on_commit(nudge_pushes, robust=True)
    return count
