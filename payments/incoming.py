"""What payment providers tell by themselves: each notice once, whichever way and in whatever order they come (F-63)."""

from datetime import datetime, timedelta

from django.db import transaction

from orders.queries import lock_orders

from . import actions, queries
from .models import Authorization, Charge, ProviderNotice, Refund
from .notices import settle_reservation
from .providers.base import Answer, Notice, Reservation

# A notice of what nobody knows may be ahead of our own answer: it is tried again for so long.
TRIED_FOR = timedelta(hours=24)
PER_RUN = 1000
State = ProviderNotice.State


def take_notice(notice: Notice, *, provider: str, now: datetime) -> str:
    """Keep a notice, do what follows from it in the same transaction, and return its state.

    The first answer to a question wins: one that comes again, or too late, changes nothing.
    """
    with transaction.atomic():
        row = actions.keep_notice(notice, provider=provider, now=now)
        return _place(row, now) if row else State.NO_CHANGE


def place_unknown_notices(*, now: datetime) -> int:
    """Try again to place notices of the last day that nobody could place; return how many were."""
    placed = 0
    for key in queries.unknown_notices(since=now - TRIED_FOR, limit=PER_RUN):
        with transaction.atomic():  # one for each: an order is locked alone, and one fault stops no other notice
            row = queries.lock_unknown_notice(key)
            placed += row is not None and _place(row, now) != State.UNKNOWN
    return placed


def _place(row: ProviderNotice, now: datetime) -> str:
    known = queries.told_of(row, row.provider)
    if known is None:
        return State.UNKNOWN
    lock_orders([known.order_id])
    known.refresh_from_db()
    state = State.APPLIED if _apply(row, known, now) else State.NO_CHANGE
    actions.mark_notice(row, state=state, order_id=known.order_id)
    return state


def _apply(row: ProviderNotice, known: Authorization | Charge | Refund, now: datetime) -> bool:
    """Do what follows; False if an answer came before."""
    if isinstance(known, Authorization):
        if known.state == Authorization.State.HELD and not row.succeeded:
            return actions.mark_lost(known)
        if known.state != Authorization.State.REQUESTED:
            return False
        answer = Answer.HELD if row.succeeded else Answer.REFUSED
        settle_reservation(known.order_id, Reservation(answer, row.reference), now=now)
        return True
    if not row.succeeded:
        return actions.mark_refused(known)
    if isinstance(known, Charge):
        return actions.mark_charged(known, reference=row.reference, now=now)
    return actions.mark_refunded(known, reference=row.reference, now=now)
