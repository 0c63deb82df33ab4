"""Listeners that call the provider: reserve, charge, release, refund; and the mails of refunds, M-11 and M-12.

Each bears being called twice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction

from accounts.actors import PAYMENT
from cancellations.actions import CancelTarget, cancel
from cancellations.policy import Reason
from events.actions import NotYet, Undeliverable, wake
from events.models import Delivery
from orders.mails import Mail, send, units_of
from orders.queries import lock_orders, order_for_mail
from orders.rules import Status

from . import actions, queries
from .models import Authorization, Charge, MoneyState, Refund
from .providers import NONE, provider
from .providers.base import Answer, ProviderRefuses, Reservation

# A provider knows a key for a day at least; asked anew after that, it might hold money twice.
KEYS_ARE_KNOWN = timedelta(hours=23)


def reserve(delivery: Delivery, *, now: datetime) -> None:
    """Reserve a placed order's money; held → payment verified, refused → the order is cancelled (MKT-3)."""
    order_id = delivery.event.changed_order_id
    with transaction.atomic():
        order = lock_orders([order_id])[order_id]
        if order.status == Status.CANCELED and order_id not in queries.authorizations_of([order_id]):
            return
        # A row without an answer: the provider may have been asked before a crash. The same key asks for the same.
        authorization = actions.request_authorizations([order])[order_id]
    if authorization.state == Authorization.State.REQUESTED and not authorization.provider_ref:
        if delivery.attempts > 1 and now - delivery.event.happened_at > KEYS_ARE_KNOWN:
            raise Undeliverable("asked too long ago to ask again: look for the order's number at the provider")
        answer = provider(authorization.provider).reserve(
            key=f"{queries.RESERVATION_KEY}{order.number}",
            amount=authorization.asked,
            currency=authorization.currency,
            method=order.payment_method,
        )
        settle_reservation(order_id, answer, now=now)


def settle_reservation(order_id: int, reservation: Reservation, *, now: datetime) -> None:
    """Write the provider's answer and what follows from it together: a crash leaves both or neither.

    Of two answers, or an answer and somebody who cancels, the first one wins (E20): the second changes no order.
    """
    with transaction.atomic():
        order = lock_orders([order_id])[order_id]
        authorization = queries.authorizations_of([order_id])[order_id]
        if reservation.answer == Answer.REFUSED:
            actions.mark_authorization(authorization, state=Authorization.State.FAILED, reference="")
            cancel(targets=[CancelTarget(order_id, Reason.PAYMENT_FAILED)], by=PAYMENT, now=now)
        elif reservation.answer == Answer.HELD or order.payment_verified_at:
            held = Authorization.State.HELD
            actions.mark_authorization(authorization, state=held, reference=reservation.reference)
            if order.status == Status.CANCELED:
                wake(order_id=order_id, listener="release_authorization", now=now)
            actions.verify_payment(order_ids=[order_id], by=PAYMENT, now=now)
        else:
            state = authorization.state
            actions.mark_authorization(authorization, state=state, reference=reservation.reference)


def charge(delivery: Delivery, *, now: datetime) -> None:
    """Take the money of a first shipment confirmation."""
    due = queries.charge_of_event(delivery.event_id)
    if due is None or due.state == MoneyState.SUCCEEDED:
        return
    with _refused_for_good(due):
        authorization = _reserved(due.order_id)
        if authorization.provider == NONE:
            actions.mark_charged(due, reference="", now=now)
            return
        made = provider(authorization.provider).charge(
            key=f"{queries.CHARGE_KEY}{due.pk}",
            reservation=authorization.provider_ref or "",
            amount=due.amount,
            currency=due.currency,
        )
    if made.is_done:
        actions.mark_charged(due, reference=made.reference, now=now)
    else:
        actions.mark_asked(due, reference=made.reference)


@contextmanager
def _refused_for_good(row: Charge | Refund | None = None) -> Iterator[None]:
    """A final no of the provider ends the delivery, and the row that it was asked for; it is asked no second time."""
    if row is not None and row.state == MoneyState.FAILED:
        raise Undeliverable("the provider refused this for good")
    try:
        yield
    except ProviderRefuses as error:
        if row is not None:
            actions.mark_refused(row)
        raise Undeliverable(str(error)) from error


def release_authorization(delivery: Delivery, *, now: datetime) -> None:
    """Tell the provider to give up what a cancellation released."""
    order_id = delivery.event.changed_order_id
    if queries.authorizations_of([order_id]).get(order_id) is None:
        return  # cancelled before anything was reserved
    authorization = _asked(order_id)
    if authorization.provider != NONE and authorization.state != Authorization.State.FAILED:
        with _refused_for_good():
            provider(authorization.provider).release(
                key=f"release-{delivery.event_id}",
                reservation=authorization.provider_ref or "",
                left=authorization.amount - authorization.released,
                currency=authorization.currency,
            )
    actions.mark_released(authorization)


def refund(delivery: Delivery, *, now: datetime) -> None:
    """Send back what a cancellation after the charge refunds; the charge itself must have gone through."""
    due = queries.refund_of_event(delivery.event_id)
    if due is None or due.state == MoneyState.SUCCEEDED or due.charge.state == MoneyState.FAILED:
        return  # of a charge that was never made nothing goes back
    if due.charge.state != MoneyState.SUCCEEDED:
        raise NotYet("the charge has not gone through yet")
    with _refused_for_good(due):
        authorization = _reserved(due.order_id)
        if authorization.provider == NONE:
            actions.mark_refunded(due, reference="", now=now)
            return
        made = provider(authorization.provider).refund(
            key=due.idempotency_key,
            charge=due.charge.provider_ref or "",
            amount=due.amount,
            currency=due.currency,
        )
    if made.is_done:
        actions.mark_refunded(due, reference=made.reference, now=now)
    else:
        actions.mark_asked(due, reference=made.reference)


def mail_buyer(delivery: Delivery, *, now: datetime) -> None:
    """M-11: the buyer is told what goes back, why, and how."""
    _mail_refund(delivery, now, "m11")


def mail_seller(delivery: Delivery, *, now: datetime) -> None:
    """M-12 to one person of the shop."""
    _mail_refund(delivery, now, "m12")


def _mail_refund(delivery: Delivery, now: datetime, template: str) -> None:
    told = queries.refund_of_event(delivery.event_id)
    if told is None:
        raise Undeliverable("there is no refund of this event")
    order = order_for_mail(told.order_id)
    send(
        Mail(
            template,
            order,
            items=units_of(order, {part.item_id: part.quantity for part in told.items.all()}),
            whole=False,
            to_seller=template == "m12",
            can_be_silenced=template == "m12",
            more={
                "refund_amount": told.amount,
                "not_charged": False,
                "refund_reason": told.get_reason_display,
                "refunded_on": told.requested_at,
            },
        ),
        delivery,
        now=now,
    )


def _asked(order_id: int) -> Authorization:
    """The reservation, once the provider has been asked for it, whether or not the money is there yet."""
    authorization = queries.authorizations_of([order_id])[order_id]
    if authorization.state == Authorization.State.REQUESTED and not authorization.provider_ref:
        raise NotYet("the provider has not been asked for the reservation yet")
    return authorization


def _reserved(order_id: int) -> Authorization:
    """The reservation, once the money is held.

    Raises NotYet before, ProviderRefuses if the money never came or is held no more.
    """
    authorization = _asked(order_id)
    if authorization.state == Authorization.State.REQUESTED:
        raise NotYet("the money is not held yet")
    if authorization.state == Authorization.State.FAILED:
        raise ProviderRefuses("the payment was refused: there is no money to take")
    return authorization
