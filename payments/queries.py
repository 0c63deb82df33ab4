"""Reads of money."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum

from orders.models import Order, OrderItem
from orders.rules import share

from .models import Authorization, Charge, MoneyState, ProviderNotice, Refund, RefundItem
from .providers import NONE
from .providers.base import About, Notice
from .rules import RefundReason, Sold, SoldItem

REFUND_REASONS = dict(Refund.Reason.choices)
# What the keys of our questions begin with; the rest is the order's number, or the charge's key.
RESERVATION_KEY, CHARGE_KEY = "reserve-", "charge-"


def authorizations_of(order_ids: Iterable[int]) -> dict[int, Authorization]:
    """Reservations by order; call under the orders' locks before changing one."""
    return {row.order_id: row for row in Authorization.objects.filter(order_id__in=list(order_ids))}


@dataclass(frozen=True, slots=True)
class Money:
    """The reservation of one order, and its latest charge if there is one: nothing is charged without the first."""

    reservation: Authorization
    charge_id: int | None


def money_of(order_ids: Iterable[int]) -> dict[int, Money]:
    """What is reserved and charged, by order; call under the orders' locks before giving any of it back."""
    latest = _standing_charges().filter(order_id=OuterRef("order_id")).order_by("-pk").values("pk")[:1]
    found = Authorization.objects.filter(order_id__in=list(order_ids)).annotate(latest_charge=Subquery(latest))
    return {row.order_id: Money(row, row.latest_charge) for row in found}


def _standing_charges() -> QuerySet[Charge]:
    """Charges whose money is or will be taken: all but those that the provider refused."""
    return Charge.objects.exclude(state=MoneyState.FAILED)


def charges_of(order_ids: Iterable[int]) -> dict[int, Charge]:
    """The charge of each order that has one, the latest if there are several."""
    return {row.order_id: row for row in _standing_charges().filter(order_id__in=list(order_ids)).order_by("pk")}


def charge_refused(order_id: int) -> bool:
    """Whether the provider refused to take an order's money, and none was taken since."""
    last = Charge.objects.filter(order_id=order_id).order_by("-pk").first()
    return last is not None and last.state == MoneyState.FAILED


def is_charging(order_id: int) -> bool:
    """Whether the provider is still asked to take an order's money."""
    return Charge.objects.filter(order_id=order_id, state=MoneyState.PENDING).exists()


def standing_refunds() -> QuerySet[Refund]:
    """Refunds whose money goes or went back: all but those that failed."""
    return Refund.objects.exclude(state=MoneyState.FAILED)


def sold_of(orders: Iterable[Order], *, just_cancelled: Mapping[int, int] | None = None) -> dict[int, Sold]:
    """What was charged and goes back of each charged order, by order; call under the orders' locks before refunding.

    Orders are read with their lines. `just_cancelled` are units by item that the lines count as cancelled already
    and that are to be judged as if they were not.
    """
    rows = {order.pk: order for order in orders}
    charges = charges_of(rows)
    standing = standing_refunds().filter(order_id__in=charges)
    back = dict(standing.values_list("order_id").annotate(Sum("amount")).order_by())
    gone: dict[tuple[int, bool], tuple[int, Decimal]] = {}
    # A cancellation's refund that failed gave no money, and yet says that its units had been charged.
    parts = RefundItem.objects.filter(
        Q(refund__in=standing)
        | Q(refund__charge__in=charges.values(), refund__reason=RefundReason.CANCELLATION.value)
    )
    for item, reason, state, units, amount in (
        parts.values_list("item_id", "refund__reason", "refund__state")
        .annotate(Sum("quantity"), Sum("amount"))
        .order_by()
    ):
        key = item, reason == RefundReason.CANCELLATION
        known_units, known = gone.get(key, (0, Decimal(0)))
        gone[key] = known_units + units, known + (amount if state != MoneyState.FAILED else 0)
    return {
        key: Sold(
            charge.amount,
            back.get(key, Decimal(0)),
            charge.currency,
            {
                line.pk: _sold_item(line, amount, charge.currency, gone, (just_cancelled or {}).get(line.pk, 0))
                for line in rows[key].lines
                if (amount := line.goods_amount) is not None
            },
        )
        for key, charge in charges.items()
    }


def _sold_item(
    line: OrderItem,
    amount: Decimal,
    currency: str,
    gone: Mapping[tuple[int, bool], tuple[int, Decimal]],
    just_cancelled: int,
) -> SoldItem:
    """One line: what was cancelled before the charge was never charged, and what came after went back by refunds."""
    nothing = (0, Decimal(0))
    refunded_units, refunded = gone.get((line.pk, False), nothing)
    units_given_back, given_back = gone.get((line.pk, True), nothing)
    cancelled = line.quantity_cancelled - just_cancelled
    before = cancelled - units_given_back
    never_charged = Decimal(0)
    if before > 0:
        never_charged = share(
            amount=amount, units=line.quantity_ordered, before=0, taken=before, currency=currency
        )
    return SoldItem(
        line.quantity_ordered, cancelled, refunded_units, amount, never_charged + given_back + refunded
    )


def refunds_of(order_id: int) -> list[Refund]:
    """Refunds of one order with their items, oldest first."""
    return list(Refund.objects.filter(order_id=order_id).prefetch_related("items__item").order_by("pk"))


def charge_of_event(event_id: int) -> Charge | None:
    """The charge that a shipment confirmation asked for."""
    return Charge.objects.filter(shipment__event_id=event_id).first()


def refund_of_event(event_id: int) -> Refund | None:
    """The refund that a cancellation asked for, or a seller."""
    keys = [refund_key(event_id, cancels=cancels) for cancels in (True, False)]
    return Refund.objects.filter(idempotency_key__in=keys).select_related("charge").first()


def refund_key(event_id: int, *, cancels: bool) -> str:
    """One refund per event: of a cancellation, or of a seller's refund."""
    return f"cancellation-{event_id}" if cancels else f"refund-{event_id}"


def is_held(order_id: int) -> bool:
    """Whether the provider still holds money of an order, or is being asked to."""
    held = [Authorization.State.REQUESTED, Authorization.State.HELD]
    return Authorization.objects.filter(order_id=order_id, state__in=held).exclude(provider=NONE).exists()


# --- what providers tell by themselves ------------------------------------------------------------------------


def told_of(notice: Notice | ProviderNotice, provider: str) -> Authorization | Charge | Refund | None:
    """What a notice is about, by the key of our question, else by the provider's reference; None if nothing is known.

    Read it again under its order's lock before changing it.
    """
    match notice.about:
        case About.RESERVATION:
            rows: QuerySet = Authorization.objects.filter(provider=provider)
            by_key = Q(order__number=notice.key.removeprefix(RESERVATION_KEY))
        case About.CHARGE:
            rows = Charge.objects.filter(order__authorization__provider=provider)
            key = notice.key.removeprefix(CHARGE_KEY)
            by_key = Q(pk=int(key)) if key.isascii() and key.isdigit() and len(key) < 19 else Q(pk__in=[])
        case _:
            rows = Refund.objects.filter(order__authorization__provider=provider)
            by_key = Q(idempotency_key=notice.key)
    return rows.filter(by_key).first() or (
        rows.filter(provider_ref=notice.reference).first() if notice.reference else None
    )


def unknown_notices(*, since: datetime, limit: int) -> list[int]:
    """Keys of notices received since then that nobody could place yet (index `notices_of_unknown_money`)."""
    unknown = ProviderNotice.objects.filter(state=ProviderNotice.State.UNKNOWN, received_at__gt=since)
    return list(unknown.order_by("received_at").values_list("pk", flat=True)[:limit])


def lock_unknown_notice(key: int) -> ProviderNotice | None:
    """Lock a notice that nobody could place yet; None if somebody is at it, or was."""
    rows = ProviderNotice.objects.select_for_update(skip_locked=True)
    return rows.filter(pk=key, state=ProviderNotice.State.UNKNOWN).first()


def notices_unplaced(before: datetime) -> QuerySet[ProviderNotice]:
    """Notices that nobody could place within a day: an operator asks the provider (reliability F-63)."""
    return ProviderNotice.objects.filter(state=ProviderNotice.State.UNKNOWN, received_at__lte=before)
