"""Everything that is written about one order, in words that are the same for two orders of the same story."""

from cancellations.models import Cancellation, CancellationRequest
from events.models import Delivery, Event
from orders.models import Order
from payments.models import Authorization, Charge, Refund
from shipments.models import Shipment

BY_DOOR = ("role", "door")


def books_of(order: Order, *, by_door: bool = True) -> dict[str, list]:
    """Rows and events of an order without keys and moments; without `by_door` also without role and door."""
    order = Order.objects.get(pk=order.pk)
    place = {line.pk: number for number, line in enumerate(order.items.order_by("pk"))}
    doors = BY_DOOR if by_door else ()

    def units(rows, *fields: str) -> list:
        return sorted((place[row.item_id], *(getattr(row, name) for name in fields)) for row in rows)

    def rows(model, *fields: str, of: str = "order") -> list:
        found = model.objects.filter(**{of: order}).order_by("pk")
        return [tuple(getattr(row, name) for name in fields) for row in found]

    return {
        "order": [
            order.status,
            order.version,
            order.on_hold,
            order.answer_due_at is None,
            order.cancelled_at is None,
            order.ship_by_date,
            order.auto_cancel_due_at,
        ],
        "items": [
            (line.quantity_ordered, line.quantity_shipped, line.quantity_cancelled)
            for line in order.items.order_by("pk")
        ],
        "requests": [
            (
                *(request.status, request.close_reason, request.reason_code, request.reason_label),
                *(request.buyer_text, request.decline_reason, request.decline_text, request.decline_tracking),
                *(request.version, request.decided_at is None),
                units(request.items.all(), "quantity", "quantity_open", "quantity_approved", "state"),
            )
            for request in CancellationRequest.objects.filter(order=order).order_by("pk")
        ],
        "cancellations": [
            (
                *(each.reason, each.code, each.counted, each.excluded, each.sentence, each.seller_memo),
                *(each.restock, each.whole, each.policy_version, *(each.role for _ in doors[:1])),
                units(each.items.all(), "quantity", "amount"),
            )
            for each in Cancellation.objects.filter(order=order).order_by("pk")
        ],
        "shipments": [
            (each.shipped_on, each.carrier, each.tracking_number, units(each.items.all(), "quantity"))
            for each in Shipment.objects.filter(order=order).order_by("pk")
        ],
        "authorizations": rows(Authorization, "provider", "amount", "released", "currency", "state"),
        "charges": rows(Charge, "amount", "currency", "state"),
        "refunds": rows(Refund, "amount", "currency", "reason", "state"),
        "events": [
            (
                *(event.name, event.order_version),
                *(getattr(event, name) for name in doors),
                {name: value for name, value in event.payload.items() if name != "request"},
            )
            for event in Event.objects.filter(order=order).order_by("order_version")
        ],
        "deliveries": sorted(
            (each.event.name, each.event.order_version, each.listener, each.recipient and each.recipient.email)
            for each in Delivery.objects.filter(event__order=order).select_related("event", "recipient")
        ),
    }
