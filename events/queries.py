"""Reads of history and outbox."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet

from .models import OURS, AuditEntry, Delivery, Event, IdempotencyKey, MailText, SentMail

# Acts that may give a person or a shop another name; nobody is followed through more names than this.
RENAMING = ("accounts.user.changed", "accounts.seller.changed")
MOST_NAMES = 50
# What cannot be told for this long is no passing trouble: does the mail server answer?
RETRIED_FOR = timedelta(minutes=10)


def history_of(order_id: int) -> QuerySet[Event]:
    """All events of an order, newest first."""
    return Event.objects.filter(order_id=order_id).order_by("-order_version")


def mails_of(order_id: int) -> QuerySet[SentMail]:
    """Mails that left about an order, newest first."""
    return SentMail.objects.filter(order_id=order_id).order_by("-sent_at", "-id")


def waiting_mails_of(order_id: int) -> QuerySet[Delivery]:
    """Mails about an order that have not left yet, failed ones included."""
    return Delivery.objects.filter(
        event__order_id=order_id, listener__startswith="mail_", delivered_at__isnull=True
    ).select_related("event", "recipient")


def deliveries_of(order_id: int) -> QuerySet[Delivery]:
    """Who was told of an order's events, or must still be, newest first."""
    return (
        Delivery.objects.filter(event__order_id=order_id)
        .select_related("event", "recipient")
        .order_by("-event__order_version", "-pk")
    )


def oldest_due(now: datetime) -> datetime | None:
    """Since when the oldest delivery that should have left is waiting."""
    return (
        Delivery.objects.filter(OURS, state=Delivery.State.PENDING, due_at__lte=now)
        .order_by("due_at", "id")
        .values_list("due_at", flat=True)
        .first()
    )


def retried_deliveries() -> QuerySet[Delivery]:
    """Deliveries that failed at least once and try again by themselves (index `deliveries_retried`)."""
    return Delivery.objects.filter(OURS, state=Delivery.State.PENDING).exclude(last_error="")


def oldest_retried() -> datetime | None:
    """When that happened of which nobody could be told for the longest time yet, at however many attempts."""
    return retried_deliveries().order_by("id").values_list("event__happened_at", flat=True).first()


def failed_deliveries() -> QuerySet[Delivery]:
    """Deliveries that wait for a person."""
    return Delivery.objects.filter(OURS, state=Delivery.State.FAILED)


def former_names(subject: str) -> set[str]:
    """What the person or shop of this name was called before, by the changes in the audit log; itself included."""
    known, fresh = set[str](), {subject}
    while fresh and len(known) < MOST_NAMES:
        known |= fresh
        changes = AuditEntry.objects.filter(subject__in=fresh, act__in=RENAMING).values_list("before", flat=True)
        fresh = {
            before[name] for before in changes for name in ("email", "merchant_id") if before.get(name)
        } - known
    return known


def has_left(delivery_key: str) -> bool:
    """Whether the mail of this delivery left already."""
    return SentMail.objects.filter(delivery_key=delivery_key).exists()


def hash_of_content(content: Sequence[object]) -> str:
    """What is kept of an act's content, to tell whether its key comes with the same again (reliability M8)."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def stored_answer(*, owner: str, key: str, content: Sequence[object]) -> dict | None:
    """What a keyed act with this content was answered before, for a page that is sent once more (reliability M8)."""
    if not key.isprintable():
        return None  # nothing of ours, and nothing the database would take
    known = IdempotencyKey.objects.filter(owner=owner, key=key[:100], content_hash=hash_of_content(content))
    row = known.first()
    return row.answer if row else None


def mail_text(mail: str, language: str) -> MailText | None:
    """The operator's wording of a mail in a language, if there is one."""
    return MailText.objects.filter(mail=mail, language=language).first()


def mail_texts() -> dict[tuple[str, str], MailText]:
    """All wordings of the operator, by mail and language."""
    return {(text.mail, text.language): text for text in MailText.objects.all()}


@contextmanager
def alone(work: str, key: int) -> Iterator[bool]:
    """Whether this process is the only one at a piece of work; the database forgets a process that dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s), %s)", [work, key])
        (is_alone,) = cursor.fetchone()
    try:
        yield is_alone
    finally:
        if is_alone and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s), %s)", [work, key])
