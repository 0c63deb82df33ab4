"""Book money: reservations, charges, releases and refunds. Calls to a provider happen later, by delivery."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import F

from accounts.actors import Actor
from events.actions import Entry, record
from orders import queries as order_queries
from orders import rules
from orders.actions import change, in_batches, outcome, save_orders
from orders.models import Order
from orders.outcomes import Outcome, Result

from . import providers, queries
from .models import Authorization, Charge, MoneyState, Refund, RefundItem


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
        Authorization.objects.filter(order__in=verified, state=Authorization.State.REQUESTED).update(
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
            provider=providers.TEST,
            amount=order.total,
            released=_already_cancelled(order),
            currency=order.currency,
        )
        for order in orders
        if order.total and order.pk not in known
    ]
    Authorization.objects.bulk_create(missing)
    return known | {authorization.order_id: authorization for authorization in missing}


def _already_cancelled(order: Order) -> Decimal:
    return sum(
        (
            rules.share(
                amount=line.goods_amount or Decimal(0),
                units=line.quantity_ordered,
                before=0,
                taken=line.quantity_cancelled,
                currency=order.currency,
            )
            for line in order.lines
        ),
        Decimal(0),
    )


def book_imported(orders: Sequence[Order]) -> None:
    """Reserve for orders taken over from another system: booked, nobody is called (domain 3.4)."""
    Authorization.objects.bulk_create(
        Authorization(
            order=order,
            provider=providers.NONE,
            amount=order.total,
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


def give_back(
    backs: Sequence[MoneyBack],
    *,
    authorizations: Mapping[int, Authorization],
    charges: Mapping[int, Charge],
    now: datetime,
) -> None:
    """Release the reservation of cancelled units, or refund them if the order was charged already (domain 11).

    `authorizations` and `charges` were read under the orders' locks. Writes rows; the provider is called by the
    deliveries `release_authorization` and `refund`.
    """
    released: dict[int, Authorization] = {}
    refunds: list[tuple[Refund, MoneyBack]] = []
    for back in backs:
        authorization = authorizations.get(back.order.pk)
        if charge := charges.get(back.order.pk):
            if back.goods > 0:
                refunds.append((_refund(back, charge, now), back))
        elif authorization:
            left = authorization.amount - authorization.released
            authorization.released += left if back.whole else min(back.goods, left)
            released[authorization.pk] = authorization
    _save_released(released.values())
    Refund.objects.bulk_create(refund for refund, _ in refunds)
    RefundItem.objects.bulk_create(
        RefundItem(refund=refund, item_id=item_id, quantity=back.units[item_id], amount=amount)
        for refund, back in refunds
        for item_id, amount in back.amounts.items()
        if amount is not None
    )


def _save_released(authorizations: Iterable[Authorization]) -> None:
    """Write how much of each reservation is given up, in one statement."""
    rows = list(authorizations)
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE payments_authorization AS a SET released = n.released
            FROM unnest(%s::bigint[], %s::numeric[]) AS n (id, released) WHERE a.id = n.id
            """,
            [[row.pk for row in rows], [row.released for row in rows]],
        )


def _refund(back: MoneyBack, charge: Charge, now: datetime) -> Refund:
    return Refund(
        order=back.order,
        charge=charge,
        idempotency_key=queries.refund_key(back.event_id),
        amount=back.goods,
        currency=charge.currency,
        reason=Refund.Reason.CANCELLATION,
        requested_at=now,
    )


def mark_charged(charge: Charge, *, reference: str, now: datetime) -> None:
    """Keep the provider's answer to a charge; the first answer wins."""
    Charge.objects.filter(pk=charge.pk, state=MoneyState.PENDING).update(
        state=MoneyState.SUCCEEDED, provider_ref=reference or None, charged_at=now
    )


def mark_refunded(refund: Refund, *, reference: str, now: datetime) -> None:
    """Keep the provider's answer to a refund; the first answer wins."""
    Refund.objects.filter(pk=refund.pk, state=MoneyState.PENDING).update(
        state=MoneyState.SUCCEEDED, provider_ref=reference or None, refunded_at=now
    )


def mark_released(authorization: Authorization) -> None:
    """End a reservation of which nothing is left."""
    Authorization.objects.filter(pk=authorization.pk, released=authorization.amount).exclude(
        state=Authorization.State.FAILED
    ).update(state=Authorization.State.RELEASED)
