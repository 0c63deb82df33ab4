"""Reads of shipment confirmations."""

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
