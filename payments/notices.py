"""Listeners that call the provider: reserve, charge, release, refund. Each bears being called twice."""

from datetime import datetime

from django.db import transaction

from accounts.actors import PAYMENT
from cancellations.actions import CancelTarget, cancel
from cancellations.policy import Reason
from events.actions import NotYet, Undeliverable
from events.models import Delivery
from orders.queries import lock_orders
from orders.rules import Status

from . import actions, queries
from .models import Authorization, MoneyState
from .providers import NONE, provider
from .providers.base import Answer, Reservation


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
        answer = provider(authorization.provider).reserve(
            key=f"reserve-{order.number}",
            amount=authorization.amount - authorization.released,
            currency=authorization.currency,
            method=order.payment_method,
        )
        _keep_answer(order_id, answer, now)


def _keep_answer(order_id: int, reservation: Reservation, now: datetime) -> None:
    """Write the provider's answer and what follows from it together: a crash leaves both or neither."""
    with transaction.atomic():
        order = lock_orders([order_id])[order_id]
        authorization = queries.authorizations_of([order_id])[order_id]
        if reservation.answer == Answer.REFUSED:
            actions.mark_authorization(authorization, state=Authorization.State.FAILED, reference="")
            cancel(targets=[CancelTarget(order_id, Reason.PAYMENT_FAILED)], by=PAYMENT, now=now)
        elif reservation.answer == Answer.HELD or order.payment_verified_at:
            held = Authorization.State.HELD
            actions.mark_authorization(authorization, state=held, reference=reservation.reference)
            actions.verify_payment(order_ids=[order_id], by=PAYMENT, now=now)
        else:
            state = authorization.state
            actions.mark_authorization(authorization, state=state, reference=reservation.reference)


def charge(delivery: Delivery, *, now: datetime) -> None:
    """Take the money of a first shipment confirmation."""
    due = queries.charge_of_event(delivery.event_id)
    if due is None or due.state != MoneyState.PENDING:
        return
    authorization = _reserved(due.order_id)
    reference = ""
    if authorization.provider != NONE:
        reference = provider(authorization.provider).charge(
            key=f"charge-{due.pk}",
            reservation=authorization.provider_ref or "",
            amount=due.amount,
            currency=due.currency,
        )
    actions.mark_charged(due, reference=reference, now=now)


def release_authorization(delivery: Delivery, *, now: datetime) -> None:
    """Tell the provider to give up what a cancellation released."""
    order_id = delivery.event.changed_order_id
    if queries.authorizations_of([order_id]).get(order_id) is None:
        return  # cancelled before anything was reserved
    authorization = _asked(order_id)
    if authorization.provider != NONE and authorization.state != Authorization.State.FAILED:
        provider(authorization.provider).release(
            key=f"release-{delivery.event_id}",
            reservation=authorization.provider_ref or "",
            amount=authorization.released,
            currency=authorization.currency,
        )
    actions.mark_released(authorization)


def refund(delivery: Delivery, *, now: datetime) -> None:
    """Send back what a cancellation after the charge refunds; the charge itself must have gone through."""
    due = queries.refund_of_event(delivery.event_id)
    if due is None or due.state != MoneyState.PENDING:
        return
    if due.charge.state != MoneyState.SUCCEEDED:
        raise NotYet("the charge has not gone through yet")
    reference = ""
    authorization = _reserved(due.order_id)
    if authorization.provider != NONE:
        reference = provider(authorization.provider).refund(
            key=due.idempotency_key,
            charge=due.charge.provider_ref or "",
            amount=due.amount,
            currency=due.currency,
        )
    actions.mark_refunded(due, reference=reference, now=now)


def _asked(order_id: int) -> Authorization:
    """The reservation, once the provider has been asked for it, whether or not the money is there yet."""
    authorization = queries.authorizations_of([order_id])[order_id]
    if authorization.state == Authorization.State.REQUESTED and not authorization.provider_ref:
        raise NotYet("the provider has not been asked for the reservation yet")
    return authorization


def _reserved(order_id: int) -> Authorization:
    """The reservation, once the money is held."""
    authorization = _asked(order_id)
    if authorization.state == Authorization.State.REQUESTED:
        raise NotYet("the money is not held yet")
    if authorization.state == Authorization.State.FAILED:
        raise Undeliverable("the payment was refused: there is no money to take")
    return authorization
