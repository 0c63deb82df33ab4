"""Confirm shipments: units leave, the first confirmation charges, an overtaken request ends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from accounts.actors import Actor
from cancellations import policy
from cancellations.actions import Case, judge, save_settled, settle_request
from cancellations.models import CancellationRequest, RequestItem
from cancellations.policy import Refusal
from events.actions import Entry, record
from orders import queries as order_queries
from orders.actions import MONEY_LISTENERS, NEWS_LISTENERS, change, in_batches, outcome
from orders.models import Order
from orders.outcomes import Outcome, Result
from payments.actions import charge_on_confirmation, request_authorizations

from .models import Shipment, ShipmentItem


@dataclass(frozen=True, slots=True)
class ConfirmTarget:
    """Confirm that one order left: all its open units, or the `units` given by item.

    `says_already_shipped` answers the interlock of an open request (domain 7.6).
    """

    order_id: int
    shipped_on: date
    units: Mapping[int, int] | None = None
    carrier: str = ""
    tracking_number: str = ""
    says_already_shipped: bool = False
    expected_version: int | None = None


@dataclass(slots=True)
class Confirmed:
    """One confirmation decided under the lock, before it is written."""

    target: ConfirmTarget
    order: Order
    units: Mapping[int, int]
    request: CancellationRequest | None
    lines: list[RequestItem]
    version: int
    ended_request: bool


def confirm_shipment(
    *,
    targets: Sequence[ConfirmTarget],
    interlock: policy.Interlock,
    by: Actor,
    now: datetime,
    unattended: bool = False,
) -> list[Outcome]:
    """Confirm shipments (domain 7.6). The first one of an order charges it; nothing is charged before (domain 11).

    `interlock` says what an open request does: ASK and BLOCK refuse until the seller says the goods have left,
    WARN lets it pass with a WARNING. `unattended`: no door waits, so even the only order's error becomes an answer.
    """

    def why_not(target: ConfirmTarget, facts: policy.OrderFacts, units: policy.Units) -> Refusal | None:
        return policy.why_seller_cannot_confirm(
            facts, units, interlock=interlock, says_already_shipped=target.says_already_shipped
        )

    return _confirm(targets, why_not, by, now, is_import=False, unattended=unattended)


def take_over_shipments(*, targets: Sequence[ConfirmTarget], by: Actor, now: datetime) -> list[Outcome]:
    """Book what another system shipped already (domain 3.4): no mail, no charge, no question but the quantities.

    Like a cancellation with reason IMPORTED it passes holds and orders that the marketplace sends itself: the
    goods have left. An open request is answered with a WARNING.
    """

    def why_not(target: ConfirmTarget, facts: policy.OrderFacts, units: policy.Units) -> Refusal | None:
        if facts.status not in policy.OPEN:
            return Refusal.ORDER_NOT_SHIPPABLE
        return policy.why_not_these_units(facts, units)

    return _confirm(targets, why_not, by, now, is_import=True)


def _confirm(
    targets: Sequence[ConfirmTarget],
    why_not: Callable[[ConfirmTarget, policy.OrderFacts, policy.Units], Refusal | None],
    by: Actor,
    now: datetime,
    *,
    is_import: bool,
    unattended: bool = False,
) -> list[Outcome]:
    """Ship the units that nothing is said against; an import mails and charges nobody."""

    def act(batch: Sequence[ConfirmTarget]) -> list[Outcome]:
        confirmed: list[Confirmed] = []

        def decide(case: Case[ConfirmTarget]) -> Outcome:
            facts = case.facts
            units = facts.open_units() if case.target.units is None else case.target.units
            if refusal := why_not(case.target, facts, units):
                return outcome(case.order, Result.ERROR, refusal)
            confirmed.append(_ship_units(case, units, by, now))
            if facts.request:
                return outcome(case.order, Result.WARNING, Refusal.OPEN_CANCELLATION_REQUEST)
            return outcome(case.order, Result.DONE)

        outcomes = judge(batch, order_queries.lock_orders(target.order_id for target in batch), decide)
        if confirmed:
            _write(confirmed, by, now, is_import=is_import)
        return outcomes

    return in_batches(targets, act, order_id=lambda target: target.order_id, unattended=unattended)


def _ship_units(case: Case[ConfirmTarget], units: Mapping[int, int], by: Actor, now: datetime) -> Confirmed:
    """Move units of a locked order to shipped and settle its open request, in memory."""
    for line in case.order.lines:
        line.quantity_shipped += units.get(line.pk, 0)
    lines = case.asked.lines
    request = settle_request(
        case, units=units, approves=False, close_reason=policy.CloseReason.SHIPPED, by=by, now=now
    )
    change(case.order, now=now)
    return Confirmed(
        target=case.target,
        order=case.order,
        units=units,
        request=request,
        lines=lines if request else [],
        version=case.order.version,
        ended_request=request is not None and case.asked.open is None,
    )


def _write(confirmed: Sequence[Confirmed], by: Actor, now: datetime, *, is_import: bool) -> None:
    """Write confirmations set-wise: one statement per table, whatever their number."""
    orders = {one.order.pk: one.order for one in confirmed}
    mute = NEWS_LISTENERS | MONEY_LISTENERS if is_import else frozenset()
    event_ids = record(
        [
            Entry(
                "shipment.confirmed",
                one.order,
                payload={"overtook_request": one.ended_request},
                mute=mute,
                version=one.version,
            )
            for one in confirmed
        ],
        by=by,
        now=now,
    )
    shipments = Shipment.objects.bulk_create(
        Shipment(
            order=one.order,
            seller_id=one.order.seller_id,
            event_id=event_id,
            confirmed_at=now,
            shipped_on=one.target.shipped_on,
            carrier=one.target.carrier,
            tracking_number=one.target.tracking_number,
        )
        for one, event_id in zip(confirmed, event_ids, strict=True)
    )
    ShipmentItem.objects.bulk_create(
        ShipmentItem(shipment=shipment, item_id=item_id, quantity=quantity)
        for one, shipment in zip(confirmed, shipments, strict=True)
        for item_id, quantity in one.units.items()
    )
    if not is_import:
        first_shipments: dict[int, int] = {}
        for shipment in shipments:
            first_shipments.setdefault(shipment.order_id, shipment.pk)
        charge_on_confirmation(first_shipments, request_authorizations(list(orders.values())))
    save_settled(confirmed)
