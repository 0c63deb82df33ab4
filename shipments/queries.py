"""Reads of shipment confirmations."""

from collections.abc import Iterable
from datetime import date

from django.db.models import Prefetch, QuerySet

from .models import Shipment, ShipmentItem


def shipments_of(order_id: int) -> QuerySet[Shipment]:
    """Confirmations of an order, newest first, with items."""
    return (
        Shipment.objects.filter(order_id=order_id)
        .order_by("-confirmed_at", "-pk")
        .prefetch_related(Prefetch("items", ShipmentItem.objects.select_related("item").order_by("pk")))
    )


def shipment_of_event(event_id: int) -> Shipment:
    """The confirmation that an event is about, with items."""
    return Shipment.objects.prefetch_related("items__item").get(event_id=event_id)


def last_shipped_on(order_ids: Iterable[int]) -> dict[int, date]:
    """The day each order was last shipped, for the rows of a list."""
    return dict(
        Shipment.objects.filter(order_id__in=list(order_ids)).order_by("pk").values_list("order_id", "shipped_on")
    )
