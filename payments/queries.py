"""Reads of money."""

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import Sum

from .models import Authorization, Charge, MoneyState, Refund


def authorizations_of(order_ids: Iterable[int]) -> dict[int, Authorization]:
    """Reservations by order; call under the orders' locks before changing one."""
    return {row.order_id: row for row in Authorization.objects.filter(order_id__in=list(order_ids))}


def charges_of(order_ids: Iterable[int]) -> dict[int, Charge]:
    """The charge of each order that has one, the latest if there are several."""
    return {row.order_id: row for row in Charge.objects.filter(order_id__in=list(order_ids)).order_by("pk")}


def refunded(order_id: int) -> Decimal:
    """Money going or gone back to the buyer of an order."""
    total = (
        Refund.objects.filter(order_id=order_id).exclude(state=MoneyState.FAILED).aggregate(total=Sum("amount"))
    )
    return total["total"] or Decimal(0)


def charge_of_event(event_id: int) -> Charge | None:
    """The charge that a shipment confirmation asked for."""
    return Charge.objects.filter(shipment__event_id=event_id).first()


def refund_of_event(event_id: int) -> Refund | None:
    """The refund that a cancellation asked for."""
    return Refund.objects.filter(idempotency_key=refund_key(event_id)).select_related("charge").first()


def refund_key(event_id: int) -> str:
    """One refund per cancellation event."""
    return f"cancellation-{event_id}"
