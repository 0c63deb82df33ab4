"""Book money: reservations, charges, releases and refunds. Calls to a provider happen later, by delivery."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Least

from accounts.actors import Actor
from events.actions import Entry, record, wake
from events.setwise import Change
from orders import queries as order_queries
from orders import rules
from orders.actions import change, in_batches, outcome, save_orders
from orders.models import Order
from orders.outcomes import Outcome, Result

from . import providers, queries
from .models import Authorization, Charge, MoneyState, ProviderNotice, Refund, RefundItem
from .providers.base import Notice
from .rules import Back, Sold, what_cancelling_gives


def verify_payment(*, order_ids: Sequence[int], by: Actor, now: datetime) -> list[Outcome]:
    """Turn pending orders into unshipped ones: their money is reserved, the seller may begin (domain 3.1)."""

    def act(batch: Sequence[int]) -> list[Outcome]:
        locked = order_queries.lock_orders(batch)
        outcomes: list[Outcome] = []
        verified: list[Order] = []
        for order_id in batch:
            order = locked.get(order_id)
            if order is None:
                outcomes.append(Outcome(order_id, Result.ERROR, "ORDER_NOT_FOUND"))
            elif order.payment_verified_at or order.status != Order.Status.PENDING:
                outcomes.append(outcome(order, Result.NO_CHANGE))
            else:
                order.payment_verified_at = now
                change(order, now=now)
                verified.append(order)
                outcomes.append(outcome(order, Result.DONE))
        record([Entry("payment.verified", order) for order in verified], by=by, now=now)
        save_orders(verified)
        # One that the provider never answered is not held by an operator's word: its delivery goes on asking.
        answered = Q(provider_ref__isnull=False) | Q(provider=providers.NONE)
        Authorization.objects.filter(answered, order__in=verified, state=Authorization.State.REQUESTED).update(
            state=Authorization.State.HELD
        )
        return outcomes

    return in_batches(order_ids, act, order_id=lambda order_id: order_id)


def request_authorizations(orders: Sequence[Order]) -> dict[int, Authorization]:
    """Write the reservations of locked orders with known prices that have none yet; return those by order.

    Units cancelled before are reserved and given up at once, so that reserved less released is what is left.
    """
    known = queries.authorizations_of(order.pk for order in orders)
    missing = [
        Authorization(
            order=order,
            provider=providers.chosen(),
            amount=order.total,
            asked=order.total - gone,
            released=gone,
            currency=order.currency,
        )
        for order in orders
        if order.total and order.pk not in known
        for gone in [_already_cancelled(order)]
    ]
    Authorization.objects.bulk_create(missing)
    return known | {authorization.order_id: authorization for authorization in missing}


def _already_cancelled(order: Order) -> Decimal:
    return rules.cancelled_amount(
        ((line.goods_amount, line.quantity_ordered, line.quantity_cancelled) for line in order.lines),
        currency=order.currency,
    )


def book_imported(orders: Sequence[Order]) -> None:
    """Reserve for orders taken over from another system: booked, nobody is called (domain 3.4)."""
    Authorization.objects.bulk_create(
        Authorization(
            order=order,
            provider=providers.NONE,
            amount=order.total,
            asked=order.total,
            currency=order.currency,
            state=Authorization.State.HELD,
        )
        for order in orders
        if order.total
    )


def end_imported(order_ids: Iterable[int]) -> None:
    """End booked reservations of which nothing is left: nobody is called, so no delivery will do it."""
    Authorization.objects.filter(
        order_id__in=list(order_ids),
        provider=providers.NONE,
        state=Authorization.State.HELD,
        released=F("amount"),
    ).update(state=Authorization.State.RELEASED)


def mark_authorization(authorization: Authorization, *, state: str, reference: str) -> None:
    """Keep what the provider said to a reservation; a reservation that ended meanwhile stays ended."""
    open_states = [Authorization.State.REQUESTED, Authorization.State.HELD]
    Authorization.objects.filter(pk=authorization.pk, state__in=open_states).update(
        state=state, provider_ref=reference or None
    )


def mark_lost(authorization: Authorization) -> bool:
    """Keep that money is held no more though the order goes on: no charge can take it. False if one did."""
    still_held = Authorization.objects.filter(pk=authorization.pk, state=Authorization.State.HELD)
    if queries.charges_of([authorization.order_id]):
        return False
    return bool(still_held.update(state=Authorization.State.FAILED))


def charge_on_confirmation(shipments: Mapping[int, int], authorizations: Mapping[int, Authorization]) -> set[int]:
    """Take the whole of what is still reserved at an order's first confirmation (domain 11, D-29).

    `shipments` gives the shipment per order. Returns the orders that are charged now.
    """
    charged = queries.charges_of(shipments)
    due = [
        Charge(
            order_id=order_id,
            shipment_id=shipment_id,
            amount=authorization.amount - authorization.released,
            currency=authorization.currency,
        )
        for order_id, shipment_id in shipments.items()
        if order_id not in charged
        and (authorization := authorizations.get(order_id))
        and authorization.amount > authorization.released
    ]
    Charge.objects.bulk_create(due)
    return {charge.order_id for charge in due}


@dataclass(slots=True)
class MoneyBack:
    """What one cancellation gives back, per item; `whole` if the order ended cancelled: shipping goes too."""

    order: Order
    event_id: int
    amounts: Mapping[int, Decimal | None]
    units: Mapping[int, int] = field(default_factory=dict)
    whole: bool = False

    @property
    def goods(self) -> Decimal:
        return sum((amount for amount in self.amounts.values() if amount), Decimal(0))


def give_back(backs: Sequence[MoneyBack], *, money: Mapping[int, queries.Money], now: datetime) -> Change:
    """Release the reservation of cancelled units, or refund them if the order was charged already (domain 11).

    `money` was read by `queries.money_of` under the orders' locks. Writes refunds, and returns how much of each
    reservation is given up, to be written by the caller; the provider is called by the deliveries
    `release_authorization` and `refund`.
    """
    released: dict[int, Authorization] = {}
    refunds: list[tuple[Refund, Back]] = []
    sold = _sold_before(backs, money)
    for back in backs:
        of_order = money.get(back.order.pk)
        if of_order is None:
            continue
        authorization = of_order.reservation
        if of_order.charge_id:
            goes_back = what_cancelling_gives(sold[back.order.pk], back.units)
            sold[back.order.pk] = sold[back.order.pk].less(goes_back, cancels=True)
            if goes_back.amount > 0:
                row = _refund(back, goes_back.amount, of_order.charge_id, authorization.currency, now)
                refunds.append((row, goes_back))
        else:
            left = authorization.amount - authorization.released
            authorization.released += left if back.whole else min(back.goods, left)
            released[authorization.pk] = authorization
    if refunds:
        Refund.objects.bulk_create(refund for refund, _ in refunds)
        RefundItem.objects.bulk_create(
            RefundItem(refund=refund, item_id=item_id, quantity=goes_back.units[item_id], amount=amount)
            for refund, goes_back in refunds
            for item_id, amount in goes_back.amounts.items()
        )
    rows = list(released.values())
    return Change(Authorization, {"id": [row.pk for row in rows], "released": [row.released for row in rows]})


def _sold_before(backs: Sequence[MoneyBack], money: Mapping[int, queries.Money]) -> dict[int, Sold]:
    """The charged ones of these orders as they stood before their units were cancelled."""
    charged = {
        back.order.pk: back.order for back in backs if back.order.pk in money and money[back.order.pk].charge_id
    }
    if not charged:
        return {}
    just_cancelled: Counter[int] = Counter()
    for back in backs:
        just_cancelled.update(back.units)
    return queries.sold_of(charged.values(), just_cancelled=just_cancelled)


def _refund(back: MoneyBack, amount: Decimal, charge_id: int, currency: str, now: datetime) -> Refund:
    return Refund(
        order=back.order,
        charge_id=charge_id,
        idempotency_key=queries.refund_key(back.event_id, cancels=True),
        amount=amount,
        currency=currency,
        reason=Refund.Reason.CANCELLATION,
        requested_at=now,
    )


def mark_charged(charge: Charge, *, reference: str, now: datetime) -> bool:
    """Keep that a charge was made; the first answer wins, whichever way it came. False if another came before.

    Refunds that waited for it are sent now.
    """
    with transaction.atomic():
        done = _first_answer(charge, state=MoneyState.SUCCEEDED, provider_ref=reference or None, charged_at=now)
        if done:
            wake(order_id=charge.order_id, listener="refund", now=now)
        return done


def mark_refunded(refund: Refund, *, reference: str, now: datetime) -> bool:
    """Keep that a refund was made; the first answer wins, whichever way it came. False if another came before."""
    return _first_answer(refund, state=MoneyState.SUCCEEDED, provider_ref=reference or None, refunded_at=now)


def mark_asked(row: Charge | Refund, *, reference: str) -> bool:
    """Keep the provider's name for a charge or refund that it will only tell the end of later."""
    return _first_answer(row, provider_ref=reference)


def mark_refused(row: Charge | Refund) -> bool:
    """Keep that the provider will not make a charge or refund: a refund's money may go back another way.

    Of a charge that was not made nothing goes back: what its order's cancellations were to refund is given up of the
    reservation instead, so that the next confirmation does not take it.
    """
    with transaction.atomic():
        order_queries.lock_orders([row.order_id])
        is_first = _first_answer(row, state=MoneyState.FAILED)
        if is_first and isinstance(row, Charge):
            void = Refund.objects.filter(charge=row, state=MoneyState.PENDING)
            cancelled = void.filter(reason=Refund.Reason.CANCELLATION).aggregate(sum=Sum("amount"))["sum"]
            void.update(state=MoneyState.FAILED)
            Authorization.objects.filter(order_id=row.order_id).update(
                released=Least(F("released") + (cancelled or Decimal(0)), F("amount"))
            )
        return is_first


def _first_answer(row: Charge | Refund, **answer) -> bool:
    """The only line that writes the state of a charge or refund."""
    pending = type(row).objects.filter(pk=row.pk, state=MoneyState.PENDING)
    return bool(pending.update(**answer))


def keep_notice(notice: Notice, *, provider: str, now: datetime) -> ProviderNotice | None:
    """Keep what a provider told by itself, in the caller's transaction; None if it told the same before.

    Somebody who brings the same notice at the same moment waits here.
    """
    row, is_new = ProviderNotice.objects.get_or_create(
        provider=provider,
        number=notice.number,
        defaults={
            "about": notice.about,
            "key": notice.key,
            "reference": notice.reference,
            "succeeded": notice.succeeded,
            "received_at": now,
        },
    )
    return row if is_new else None


def mark_notice(row: ProviderNotice, *, state: str, order_id: int | None) -> None:
    """Keep what came of a notice."""
    ProviderNotice.objects.filter(pk=row.pk).update(state=state, order_id=order_id)


def mark_released(authorization: Authorization) -> None:
    """End a reservation of which nothing is left."""
    Authorization.objects.filter(pk=authorization.pk, released=authorization.amount).exclude(
        state=Authorization.State.FAILED
    ).update(state=Authorization.State.RELEASED)
