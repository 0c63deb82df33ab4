"""Mails about requests and cancellations (domain 12.2): which event becomes which mail."""

from datetime import datetime

from events.models import Delivery
from orders import queries as order_queries
from orders.mails import Mail, send, units_of
from payments import queries as payment_queries

from . import queries, wording
from .models import Cancellation, CancellationRequest

# Marketplace cancellations by support are judged as the seller's, and told like them.
_OF_MARKETPLACE = {"MKT-2", "MKT-3", "MKT-4", "MKT-9"}


def mail_seller(delivery: Delivery, *, now: datetime) -> None:
    """M-01, M-03, M-04, M-07, M-13, M-17, M-19 to one person of the shop."""
    name = delivery.event.name
    if name == "order.cancelled":
        _mail_cancellation(delivery, now, to_seller=True)
    else:
        mails = {"cancellation.requested": "m01", "cancellation.withdrawn": "m03_seller"}
        _mail_request(delivery, now, mails[name])


def mail_buyer(delivery: Delivery, *, now: datetime) -> None:
    """M-02, M-03 (copy), M-05, M-06, M-08, M-13, M-18, M-20 to the buyer."""
    name = delivery.event.name
    if name == "order.cancelled":
        _mail_cancellation(delivery, now, to_seller=False)
    else:
        mails = {
            "cancellation.requested": "m02",
            "cancellation.withdrawn": "m03_buyer",
            "cancellation.declined": "m08",
        }
        _mail_request(delivery, now, mails[name])


def _mail_request(delivery: Delivery, now: datetime, template: str) -> None:
    request = queries.request_by_id(delivery.event.payload["request"])
    order = order_queries.order_for_mail(request.order_id)
    asked_for = {line.item_id: line.quantity for line in request.items.all()}
    send(
        Mail(
            template,
            order,
            items=units_of(order, asked_for),
            whole=asked_for == {line.pk: line.quantity_ordered for line in order.lines},
            to_seller=template in {"m01", "m03_seller"},
            more={"request": _told(request)},
        ),
        delivery,
        now=now,
    )


def _told(request: CancellationRequest) -> dict:
    """What a mail says of a request; the decline reason in the reader's language."""
    return {
        "reason_label": request.reason_label,
        "buyer_text": request.buyer_text,
        "requested_at": request.requested_at,
        "response_due_at": request.response_due_at,
        "decline_reason_label": request.get_decline_reason_display,
        "decline_text": request.decline_text,
        "tracking": request.decline_tracking,
    }


def _mail_cancellation(delivery: Delivery, now: datetime, *, to_seller: bool) -> None:
    cancellation = queries.cancellation_of_event(delivery.event_id)
    order = order_queries.order_for_mail(cancellation.order_id)
    cancelled = {line.item_id: line.quantity for line in cancellation.items.all()}
    remaining = {line.pk: line.quantity_open for line in order.lines if line.quantity_open}
    refund = payment_queries.refund_of_event(delivery.event_id)
    send(
        Mail(
            mail_for(cancellation, to_seller=to_seller),
            order,
            items=units_of(order, cancelled),
            remaining=units_of(order, remaining),
            whole=cancellation.whole,
            to_seller=to_seller,
            can_be_silenced=to_seller and cancellation.code == "BUY-0",
            more={
                "cancellation": {
                    "reason_label": lambda: wording.reason_label(cancellation.reason),
                    "sentence": lambda: wording.sentence(cancellation.code, cancellation.counted),
                    "counted": cancellation.counted,
                    "code": cancellation.code,
                    "reason": cancellation.reason,
                },
                "closes_request": _closes_request(cancellation),
                "refund_amount": refund.amount if refund else None,
                "not_charged": refund is None,
            },
        ),
        delivery,
        now=now,
    )


def _closes_request(cancellation: Cancellation) -> bool:
    """Whether this cancellation ended the buyer's request otherwise than asked."""
    request = cancellation.request
    return request is not None and bool(request.close_reason) and request.decided_at == cancellation.cancelled_at


def mail_for(cancellation: Cancellation, *, to_seller: bool) -> str:
    """The mail of a cancellation, by its code: M-13 takes the place of M-04 and M-05 when units remain."""
    if cancellation.code == "BUY-0":
        return "m07" if to_seller else "m06"
    if cancellation.code == "MKT-1":
        return "m17" if to_seller else "m18"
    if cancellation.code in _OF_MARKETPLACE:
        return "m19" if to_seller else "m20"
    if not cancellation.whole:
        return "m13_seller" if to_seller else "m13_buyer"
    return "m04" if to_seller else "m05"
