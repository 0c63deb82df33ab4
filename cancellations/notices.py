"""Mails about requests, cancellations and warnings (domain 12.2): which event becomes which mail; and the listener
that approves requests by a shop's rules.
"""

from datetime import datetime

from django.urls import reverse
from django.utils.translation import get_language

from accounts.actors import Door
from accounts.models import Seller
from accounts.queries import seller_by_id
from events.models import Delivery
from orders import queries as order_queries
from orders.mails import Digest, Mail, send, units_of
from payments import queries as payment_queries

from . import queries, warning_queries, wording
from .actions import approve_by_rules
from .models import Cancellation, CancellationRequest
from .policy import OnResponseOverdue, Reason

# Marketplace cancellations by support are judged as the seller's, and told like them.
_OF_MARKETPLACE = {"MKT-2", "MKT-3", "MKT-4", "MKT-9"}
# A digest names so many orders; the others are a number and a link.
LISTED = 50


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
            more={"request": _told(request), "is_charged": order.pk in payment_queries.charges_of([order.pk])},
        ),
        delivery,
        now=now,
    )


def _told(request: CancellationRequest) -> dict:
    """What a mail says of a request; the reasons in the reader's language."""

    def reason_label() -> str:
        words = queries.buyer_reason_words(language=get_language() or "")
        return words.get(request.reason_label, request.reason_label)

    return {
        "reason_label": reason_label,
        "buyer_text": request.buyer_text,
        "requested_at": request.requested_at,
        "response_due_at": request.response_due_at,
        "approves_itself": lambda: (
            queries.rules_at(request.response_due_at).on_response_overdue == OnResponseOverdue.AUTO_APPROVE
        ),
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
                    "by_rules": delivery.event.door == Door.RULES,
                    "unanswered": delivery.event.door == Door.SWEEP
                    and cancellation.reason == Reason.BUYER_CANCELED,
                },
                "closes_request": _closes_request(cancellation),
                "refund_amount": refund.amount if refund else None,
                "not_charged": order.pk not in payment_queries.charges_of([order.pk]),
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


def approve(delivery: Delivery, *, now: datetime) -> None:
    """Approve a request that the shop's rules let be approved by itself (domain 8)."""
    approve_by_rules(request_id=delivery.event.payload["request"], now=now)


def mail_warning(delivery: Delivery, *, now: datetime) -> None:
    """M-15 (W1) or M-16 (W2, W3) to one person of the shop; nothing if no order of it needs a warning any more."""
    soon = delivery.event.name == "orders.cancelled_soon"
    orders = warning_queries.orders_warned_of(delivery.event_id)
    count = orders.count()
    if not count:
        return
    listed, shop = list(orders[:LISTED]), _shop_of(delivery)
    send(
        Digest(
            "m16" if soon else "m15",
            shop.pk,
            shop.name,
            count,
            rows=[{"order": order, "is_requested": order.answer_due_at is not None} for order in listed],
            path=f"{reverse('seller:orders')}?{'due' if soon else 'late'}=1",
            can_be_silenced=not soon,
            more={
                "first_due_at": listed[0].auto_cancel_due_at,
                "any_requested": orders.filter(answer_due_at__isnull=False).exists(),
            },
        ),
        delivery,
        now=now,
    )


def mail_reminder(delivery: Delivery, *, now: datetime) -> None:
    """M-14 to one person of the shop; nothing if every request of it was answered meanwhile."""
    requests = warning_queries.unanswered(delivery.event.payload["requests"])
    count = requests.count()
    if not count:
        return
    listed, shop = list(requests[:LISTED]), _shop_of(delivery)
    send(
        Digest(
            "m14",
            shop.pk,
            shop.name,
            count,
            rows=[{"order": request.order, "request": request} for request in listed],
            path=f"{reverse('seller:orders')}?requested=1",
            can_be_silenced=True,
            more={"first_due_at": listed[0].response_due_at, "is_overdue": listed[0].response_due_at <= now},
        ),
        delivery,
        now=now,
    )


def _shop_of(delivery: Delivery) -> Seller:
    return seller_by_id(int(delivery.event.subject.removeprefix("seller:")))
