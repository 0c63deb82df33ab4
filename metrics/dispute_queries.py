"""Reads of contested records: what a shop may point at, its disputes, and what the rules look at."""

from django.db.models import Prefetch, QuerySet

from cancellations.models import Cancellation
from cancellations.queries import facts_from
from events.models import Event
from messaging.models import Message
from orders.models import Order

from . import contest
from .models import Dispute, DisputeFile


def contested(seller_id: int, cancellation_id: int) -> Cancellation | None:
    """The shop's cancellation of this key; None for unknown ones and other shops'."""
    return (
        Cancellation.objects.select_related("order")
        .prefetch_related("disputes", "items__item")
        .filter(seller_id=seller_id, pk=cancellation_id)
        .first()
    )


def record_of(cancellation: Cancellation) -> contest.Record:
    """What the rules of contesting look at in a cancellation, read with its disputes."""
    facts = facts_from(cancellation.facts)
    return contest.Record(
        counts=cancellation.counted
        and not cancellation.excluded
        and cancellation.order.fulfillment_channel == Order.Channel.SELLER,
        cancelled_at=cancellation.cancelled_at,
        role=cancellation.role,
        reason=cancellation.reason,
        units=facts.units,
        covered=facts.covered,
        asked=frozenset(dispute.kind for dispute in cancellation.disputes.all()),
    )


def events_of_order(order_id: int) -> QuerySet[Event]:
    """What happened to an order, for a shop to point at."""
    return Event.objects.filter(order_id=order_id).order_by("-order_version")


def messages_of_order(order_id: int) -> QuerySet[Message]:
    """What was said about an order, newest first, for a shop to point at."""
    return Message.objects.filter(thread__order_id=order_id).order_by("-pk")


def dispute_of_seller(seller_id: int, dispute_id: int) -> Dispute | None:
    """The shop's dispute with all that it rests on; None for unknown ones and other shops'."""
    return whole_disputes().filter(seller_id=seller_id, pk=dispute_id).first()


def whole_disputes() -> QuerySet[Dispute]:
    """Disputes with what they are about and rest on."""
    files = Prefetch("files", DisputeFile.objects.defer("content").order_by("pk"))
    return Dispute.objects.select_related(
        "cancellation__order", "seller", "opened_by", "decided_by"
    ).prefetch_related("cancellation__disputes", "events", "messages", files)


def disputes_of_seller(seller_id: int, *, limit: int) -> list[Dispute]:
    """The shop's latest disputes and corrections (index `disputes_of_seller`)."""
    found = Dispute.objects.filter(seller_id=seller_id).select_related("cancellation__order")
    return list(found.order_by("-pk")[:limit])


def file_of_dispute(dispute_id: int, file_id: int) -> DisputeFile | None:
    """A file of a dispute, with what is in it."""
    return DisputeFile.objects.filter(dispute_id=dispute_id, pk=file_id).first()


def open_disputes() -> QuerySet[Dispute]:
    """What waits for a decision, the oldest first (index `open_disputes`)."""
    return Dispute.objects.filter(state=Dispute.State.OPEN).order_by("opened_at", "pk")
