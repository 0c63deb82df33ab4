"""Cancel: judge, change, write set-wise; by whoever may, through one action."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.actors import Actor, Role
from cancellations import policy, queries
from cancellations.models import Cancellation, CancellationItem, CancellationRequest, RequestItem
from cancellations.policy import Reason
from cancellations.wording import recorded_sentence
from events.actions import Entry, record
from events.setwise import Rows, insert
from orders import queries as order_queries
from orders import rules as order_rules
from orders.actions import MONEY_LISTENERS, NEWS_LISTENERS, change, outcome
from orders.models import Order
from orders.outcomes import Outcome, Result
from payments import queries as payment_queries
from payments.actions import MoneyBack, give_back
from payments.providers import NONE
from payments.queries import Money

from .requests import save_settled, settle_request
from .targets import CancelTarget, Case, batches, judge

# How an open request ends when its units are cancelled for these reasons; any other is the seller's (domain 8).
CLOSE_REASONS = {
    Reason.AUTO_NOT_CONFIRMED: policy.CloseReason.AUTO_CANCELED,
    Reason.PAYMENT_FAILED: policy.CloseReason.MARKETPLACE_CANCELED,
    Reason.FRAUD: policy.CloseReason.MARKETPLACE_CANCELED,
    Reason.SUPPORT_FOR_BUYER: policy.CloseReason.MARKETPLACE_CANCELED,
    Reason.MARKETPLACE_OTHER: policy.CloseReason.MARKETPLACE_CANCELED,
}


@dataclass(slots=True)
class Done:
    """One cancellation decided under the lock, before it is written."""

    target: CancelTarget
    order: Order
    facts: policy.CancellationFacts
    verdict: policy.Verdict
    amounts: dict[int, Decimal | None]
    request: CancellationRequest | None
    lines: list[RequestItem]
    whole: bool
    was_visible: bool
    version: int

    @property
    def units(self) -> policy.Units:
        return self.facts.units


def cancel(
    *, targets: Sequence[CancelTarget], by: Actor, now: datetime, unattended: bool = False
) -> list[Outcome]:
    """Cancel orders or units of them, by whoever may: buyer, seller, operator, system (domain 5, 9.2).

    Each cancellation is classified by the policy in force at `now` and stored with code, facts and sentence.
    Reservation or charge is given back, an open request is settled, event and deliveries are written, all in one
    transaction per batch. An order that ended cancelled already for the same reason answers NO_CHANGE.
    `unattended`: no door waits, so even the only order's error becomes an answer.
    """
    rules = queries.rules_at(now)

    def act(batch: Sequence[CancelTarget]) -> list[Outcome]:
        return cancel_locked(batch, order_queries.lock_orders(target.order_id for target in batch), rules, by, now)

    return batches(targets, act, unattended=unattended)


def cancel_locked(
    targets: Sequence[CancelTarget], locked: Mapping[int, Order], rules: policy.Rules, by: Actor, now: datetime
) -> list[Outcome]:
    done: list[Done] = []
    ended_for = _ended_for(locked)

    def decide(case: Case[CancelTarget]) -> Outcome:
        target, order, facts = case.target, case.order, case.facts
        units = facts.open_units() if target.units is None else target.units
        refusal = policy.why_cannot_cancel(
            facts, units, role=by.role, reason=target.reason, whole=target.units is None, rules=rules, now=now
        )
        if refusal and ended_for.get(order.pk) == target.reason:
            return outcome(order, Result.NO_CHANGE)
        if refusal:
            return outcome(order, Result.ERROR, refusal)
        done.append(_cancel_units(case, facts, units, rules, by, now))
        if done[-1].whole:
            ended_for[order.pk] = target.reason
        return outcome(order, Result.DONE, counted=done[-1].verdict.counted)

    # Only this reason's verdict asks what the buyer wrote.
    hears_wishes = any(target.reason == Reason.BUYER_CANCELED for target in targets)
    outcomes = judge(targets, locked, decide, hears_wishes=hears_wishes, by_buyer=by.role == Role.BUYER)
    if done:
        _write(done, rules, by, now)
    return outcomes


def _ended_for(locked: Mapping[int, Order]) -> dict[int, str]:
    """The reason for which each of these orders ended cancelled: to cancel it so again is no change (E28)."""
    ended = [key for key, order in locked.items() if order.status == order_rules.Status.CANCELED]
    return {key: last.reason for key, last in queries.last_cancellations_of(ended).items()}


def _cancel_units(
    case: Case, order_facts: policy.OrderFacts, units: policy.Units, rules: policy.Rules, by: Actor, now: datetime
) -> Done:
    """Judge and cancel units of a locked order, in memory."""
    target, order = case.target, case.order
    facts = queries.cancellation_facts(
        order,
        order_facts,
        role=by.role,
        reason=target.reason,
        units=units,
        rules=rules,
        operator_says_counts=target.counts,
    )
    was_visible = order.status != order_rules.Status.PENDING
    amounts: dict[int, Decimal | None] = {}
    for line in order.lines:
        if taken := units.get(line.pk):
            amounts[line.pk] = line.goods_amount and order_rules.share(
                amount=line.goods_amount,
                units=line.quantity_ordered,
                before=line.quantity_cancelled,
                taken=taken,
                currency=order.currency,
            )
            line.quantity_cancelled += taken
    lines = case.asked.lines
    request = settle_request(
        case,
        units=units,
        approves=target.reason == Reason.BUYER_CANCELED,
        close_reason=CLOSE_REASONS.get(target.reason, policy.CloseReason.CANCELED_OTHER_REASON),
        by=by,
        now=now,
    )
    change(order, now=now)
    return Done(
        target=target,
        order=order,
        facts=facts,
        verdict=policy.classify(facts),
        amounts=amounts,
        request=request,
        lines=lines if request else [],
        whole=order.status == order_rules.Status.CANCELED,
        was_visible=was_visible,
        version=order.version,
    )


def _write(done: Sequence[Done], rules: policy.Rules, by: Actor, now: datetime) -> None:
    """Write cancellations set-wise: one statement per table, whatever their number."""
    money = payment_queries.money_of({one.order.pk for one in done})
    # Of the cancellations that count, one for each shop has its rate looked at.
    naming = {one.order.seller_id: place for place, one in enumerate(done) if one.verdict.counted}.values()
    event_ids = record(
        [_entry(one, money.get(one.order.pk), names_shop=place in naming) for place, one in enumerate(done)],
        by=by,
        now=now,
    )
    sentences = {
        verdict: recorded_sentence(verdict.code, verdict.counted) for verdict in {one.verdict for one in done}
    }
    insert(
        Cancellation,
        {
            "order_id": [one.order.pk for one in done],
            "seller_id": [one.order.seller_id for one in done],
            "event_id": event_ids,
            "request_id": [one.request and one.request.pk for one in done],
            "cancelled_at": [now] * len(done),
            "role": [by.role] * len(done),
            "reason": [one.target.reason for one in done],
            "code": [one.verdict.code for one in done],
            "counted": [one.verdict.counted for one in done],
            "excluded": [False] * len(done),
            "facts": [stored_facts(one.facts, one.request) for one in done],
            "policy_version": [rules.version] * len(done),
            "sentence": [sentences[one.verdict] for one in done],
            "seller_memo": [one.target.memo for one in done],
            "restock": [_restocks(one.target) for one in done],
            "whole": [one.whole for one in done],
        },
        _items(done),
    )
    released = give_back(
        [
            MoneyBack(one.order, event_id, one.amounts, one.units, whole=one.whole)
            for one, event_id in zip(done, event_ids, strict=True)
        ],
        money=money,
        now=now,
    )
    save_settled(done, released)


def _items(done: Sequence[Done]) -> Rows:
    """The cancelled units of each cancellation, with their money."""
    units = [
        (place, item_id, quantity, one.amounts[item_id])
        for place, one in enumerate(done)
        for item_id, quantity in one.units.items()
    ]
    return Rows(
        CancellationItem,
        link="cancellation_id",
        parents=[place for place, _, _, _ in units],
        columns={
            "item_id": [item_id for _, item_id, _, _ in units],
            "quantity": [quantity for _, _, quantity, _ in units],
            "amount": [amount for _, _, _, amount in units],
        },
    )


def _restocks(target: CancelTarget) -> bool:
    return target.reason not in policy.NOT_RESTOCKED if target.restock is None else target.restock


def _entry(one: Done, money: Money | None, *, names_shop: bool) -> Entry:
    """The event of a cancellation, and who is not told of it."""
    mute = {"release_authorization" if money and money.charge_id else "refund"}
    if not names_shop:
        mute.add("look_at_rate")
    if one.target.reason == Reason.IMPORTED:
        mute |= NEWS_LISTENERS
        # Taken over with its order, the money was only booked: no provider waits to hear of it (domain 3.4).
        if money is None or (money.reservation.provider == NONE and not money.charge_id):
            mute |= MONEY_LISTENERS
    if one.facts.role == Role.BUYER and not one.was_visible:
        mute.add("mail_seller")
    return Entry(
        "order.cancelled",
        one.order,
        payload={
            "code": one.verdict.code,
            "reason": one.target.reason,
            "whole": one.whole,
            **({"note": one.target.note} if one.target.note else {}),
        },
        mute=frozenset(mute),
        version=one.version,
        may_silence="M-07" if one.facts.role == Role.BUYER else "",
    )


def stored_facts(facts: policy.CancellationFacts, request: CancellationRequest | None) -> dict:
    """The facts as plain values, so that the row can be judged again (domain 9.5). JSON makes item keys text."""
    return {
        "role": facts.role,
        "reason": facts.reason,
        "units": facts.units,
        "covered": facts.covered,
        "requested_on": facts.requested_on and facts.requested_on.isoformat(),
        "ship_by_date": facts.ship_by_date and facts.ship_by_date.isoformat(),
        "wish_messages": facts.wish_messages,
        "open_request_counts": facts.open_request_counts,
        "operator_says_counts": facts.operator_says_counts,
        "request": request and request.pk,
    }
