"""Mails about shipment confirmations: M-10, and M-09 in its place when a request was overtaken."""

from datetime import datetime

from events.models import Delivery
from orders import queries as order_queries
from orders.mails import Mail, send, units_of
from payments import queries as payment_queries

from . import queries


def mail_buyer(delivery: Delivery, *, now: datetime) -> None:
    """Tell the buyer what left; M-09 carries the facts of M-10 and says that it is too late to cancel."""
    shipment = queries.shipment_of_event(delivery.event_id)
    order = order_queries.order_for_mail(shipment.order_id)
    charge = payment_queries.charge_of_event(delivery.event_id)
    shipped = {line.item_id: line.quantity for line in shipment.items.all()}
    remaining = {line.pk: line.quantity_open for line in order.lines if line.quantity_open}
    items = units_of(order, shipped)
    send(
        Mail(
            "m09" if delivery.event.payload["overtook_request"] else "m10",
            order,
            items=items,
            remaining=units_of(order, remaining),
            whole=not remaining,
            to_seller=False,
            more={
                "shipment": {
                    "items": items,
                    "carrier": shipment.carrier,
                    "tracking_number": shipment.tracking_number,
                    "shipped_on": shipment.shipped_on,
                },
                "charge_amount": charge.amount if charge else None,
                "has_request": bool(remaining) and order.answer_due_at is not None,
            },
        ),
        delivery,
        now=now,
    )
