"""Reads of history and outbox."""

from datetime import datetime

from django.db.models import QuerySet

from .models import Delivery, Event, IdempotencyKey, SentMail


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


def oldest_due(now: datetime) -> datetime | None:
    """Since when the oldest delivery that should have left is waiting."""
    return (
        Delivery.objects.filter(state=Delivery.State.PENDING, due_at__lte=now)
        .order_by("due_at", "id")
        .values_list("due_at", flat=True)
        .first()
    )


def failed_deliveries() -> QuerySet[Delivery]:
    """Deliveries that wait for a person."""
    return Delivery.objects.filter(state=Delivery.State.FAILED)


def has_left(delivery_key: str) -> bool:
    """Whether the mail of this delivery left already."""
    return SentMail.objects.filter(delivery_key=delivery_key).exists()


def stored_answer(*, owner: str, key: str, order_id: int) -> dict | None:
    """What a keyed act on this order was answered before, for a page that is sent once more (reliability M8)."""
    if not key.isprintable():
        return None  # nothing of ours, and nothing the database would take
    row = IdempotencyKey.objects.filter(owner=owner, key=key[:100], answer__order_id=order_id).first()
    return row.answer if row else None
