"""Reads of shipment confirmations."""

from django.db.models import Prefetch, QuerySet

from orders import rules
from orders.models import Order
from orders.queries import attach_lines

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


# --- paper ------------------------------------------------------------------------------------------------


def orders_to_send(seller_id: int, *, limit: int) -> list[Order]:
    """Orders of the shop with units to send, the earliest ship-by date first (index `open_orders_by_ship_by`)."""
    waiting = Order.objects.filter(
        seller_id=seller_id,
        status__in=sorted(rules.OPEN_STATUSES),
        fulfillment_channel=Order.Channel.SELLER,
    )
    orders = list(waiting.select_related("seller", "recipient").order_by("ship_by_date", "pk")[:limit])
    attach_lines(orders)
    return orders
