"""Acts of the heart: request, withdraw, decline, cancel, and the automatic sweep.

Each takes a batch, locks its orders, asks the policy for each, writes set-wise and answers with one Outcome per
target (wall 2). A request or cancellation that was decided under the lock is written together with its event.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from django.db import InterfaceError, OperationalError, transaction

from accounts.actors import SWEEP, Actor, Role
from events.actions import Entry, record
from events.setwise import insert
from orders import queries as order_queries
from orders import rules as order_rules
from orders.actions import MAIL_LISTENERS, MONEY_LISTENERS, change, in_batches, outcome, save_lines, save_orders
from orders.models import Order
from orders.outcomes import Outcome, Result
from payments import queries as payment_queries
from payments.actions import MoneyBack, give_back

from . import policy, queries
from .models import Cancellation, CancellationItem, CancellationRequest, PolicyVersion, RequestItem, SweepRun
from .policy import Reason, Refusal
from .wording import recorded_sentence

logger = logging.getLogger(__name__)

# How an open request ends when its units are cancelled for these reasons; any other is the seller's (domain 8).
CLOSE_REASONS = {
    Reason.AUTO_NOT_CONFIRMED: policy.CloseReason.AUTO_CANCELED,
    Reason.PAYMENT_FAILED: policy.CloseReason.MARKETPLACE_CANCELED,
    Reason.FRAUD: policy.CloseReason.MARKETPLACE_CANCELED,
    Reason.SUPPORT_FOR_BUYER: policy.CloseReason.MARKETPLACE_CANCELED,
    Reason.MARKETPLACE_OTHER: policy.CloseReason.MARKETPLACE_CANCELED,
}


# --- targets ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CancelTarget:
    """Cancel one order: all its open units, or the `units` given by item.

    `expected_version` refuses if the order changed since it was looked at; `restock` None takes the reason's
    usual way (D-12); `counts` is the operator's choice for other marketplace reasons.
    """

    order_id: int
    reason: Reason
    units: Mapping[int, int] | None = None
    memo: str = ""
    restock: bool | None = None
    expected_version: int | None = None
    counts: bool = False


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """Ask the seller to cancel one order: all open units, or the `units` given by item."""

    order_id: int
    reason_code: str
    reason_label: str
    units: Mapping[int, int] | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class WithdrawTarget:
    """Take back the open request of one order."""

    order_id: int


@dataclass(frozen=True, slots=True)
class DeclineTarget:
    """Decline the open request of one order; OTHER needs a text, ALREADY_SHIPPED wants a tracking number."""

    order_id: int
    reason: policy.DeclineReason
    text: str = ""
    tracking: str = ""
    expected_version: int | None = None


class Target(Protocol):
    """What all targets have in common."""

    order_id: int


# --- the shared shape of an act ---------------------------------------------------------------------------


@dataclass(slots=True)
class Case:
    """One target under the lock: its order, what was asked about it, and what the policy sees."""

    target: Target
    order: Order
    asked: queries.Asked

    @property
    def facts(self) -> policy.OrderFacts:
        """Made anew each time: an earlier target of the same batch may have changed the order."""
        return queries.facts_of(self.order, self.asked)


def judge(
    targets: Sequence[Target],
    locked: Mapping[int, Order],
    decide: Callable[[Case], Outcome],
) -> list[Outcome]:
    """Put each target to `decide`, which changes the case in memory and answers.

    An unknown order, or one that changed since `expected_version`, never gets there.
    """
    asked = queries.asked_of(locked)
    outcomes: list[Outcome] = []
    for target in targets:
        order = locked.get(target.order_id)
        expected = getattr(target, "expected_version", None)
        if order is None:
            outcomes.append(Outcome(target.order_id, Result.ERROR, Refusal.ORDER_NOT_FOUND))
        elif expected is not None and expected != order.version:
            outcomes.append(outcome(order, Result.ERROR, Refusal.VERSION_CONFLICT))
        else:
            outcomes.append(decide(Case(target, order, asked.setdefault(order.pk, queries.Asked()))))
    return outcomes


def _batches(
    targets: Sequence[Target], act: Callable[[Sequence[Target]], list[Outcome]], *, unattended: bool = False
) -> list[Outcome]:
    return in_batches(targets, act, order_id=lambda target: target.order_id, unattended=unattended)


# --- request, withdraw, decline ---------------------------------------------------------------------------


def request_cancellation(*, targets: Sequence[RequestTarget], by: Actor, now: datetime) -> list[Outcome]:
    """Ask the seller to cancel (domain 8). The seller decides; the reason's label is frozen."""
    rules = queries.rules_at(now)
    today = order_queries.local_day(now)

    def act(batch: Sequence[RequestTarget]) -> list[Outcome]:
        made: list[tuple[Order, CancellationRequest, policy.Units]] = []

        def decide(case: Case) -> Outcome:
            target, order, facts = case.target, case.order, case.facts
            units = facts.open_units() if target.units is None else target.units
            if refusal := policy.why_buyer_cannot_request(facts, units, rules, today):
                return outcome(order, Result.ERROR, refusal)
            request = CancellationRequest(
                order=order,
                seller_id=order.seller_id,
                requested_at=now,
                reason_code=target.reason_code,
                reason_label=target.reason_label,
                buyer_text=target.text,
                response_due_at=now + timedelta(hours=rules.request_response_hours),
            )
            case.asked.open, case.asked.made = request, case.asked.made + 1
            order.answer_due_at = request.response_due_at
            change(order, now=now)
            made.append((order, request, units))
            return outcome(order, Result.DONE)

        locked = order_queries.lock_orders(target.order_id for target in batch)
        outcomes = judge(batch, locked, decide)
        CancellationRequest.objects.bulk_create(request for _, request, _ in made)
        RequestItem.objects.bulk_create(
            RequestItem(request=request, item_id=item_id, quantity=quantity, quantity_open=quantity)
            for _, request, units in made
            for item_id, quantity in units.items()
        )
        record(
            [
                Entry(
                    "cancellation.requested", order, payload={"request": request.pk, "reason": request.reason_code}
                )
                for order, request, _ in made
            ],
            by=by,
            now=now,
        )
        save_orders(order for order, _, _ in made)
        return outcomes

    return _batches(targets, act)


def withdraw(*, targets: Sequence[WithdrawTarget], by: Actor, now: datetime) -> list[Outcome]:
    """Take back open requests; the seller ships normally (domain 8, E6, E7)."""
    return _end_requests(
        targets,
        event="cancellation.withdrawn",
        status=policy.RequestStatus.WITHDRAWN,
        refuse=lambda _, facts: policy.why_buyer_cannot_withdraw(facts),
        by=by,
        now=now,
    )


def decline(*, targets: Sequence[DeclineTarget], by: Actor, now: datetime) -> list[Outcome]:
    """Answer open requests with no; the orders go on (domain 7.5). Does not touch the rate."""
    rules = queries.rules_at(now)

    def refuse(target: DeclineTarget, facts: policy.OrderFacts) -> Refusal | None:
        if refusal := policy.why_seller_cannot_decline(facts, rules):
            return refusal
        needs_text = target.reason == policy.DeclineReason.OTHER
        return Refusal.REASON_REQUIRED if needs_text and not target.text else None

    return _end_requests(
        targets,
        event="cancellation.declined",
        status=policy.RequestStatus.DECLINED,
        refuse=refuse,
        by=by,
        now=now,
    )


def _end_requests(
    targets: Sequence[Target],
    *,
    event: str,
    status: policy.RequestStatus,
    refuse: Callable[[Target, policy.OrderFacts], Refusal | None],
    by: Actor,
    now: datetime,
) -> list[Outcome]:
    """End open requests without cancelling anything."""

    def act(batch: Sequence[Target]) -> list[Outcome]:
        ended: list[tuple[Order, CancellationRequest]] = []
        lines: list[RequestItem] = []

        def decide(case: Case) -> Outcome:
            order = case.order
            if refusal := refuse(case.target, case.facts):
                return outcome(order, Result.ERROR, refusal)
            request = case.asked.open
            if status == policy.RequestStatus.DECLINED:
                request.decline_reason = case.target.reason
                request.decline_text = case.target.text
                request.decline_tracking = case.target.tracking
            for line in case.asked.lines:
                if line.quantity_open:
                    line.quantity_open, line.state = 0, RequestItem.State(status)
            lines.extend(case.asked.lines)
            was_partly_approved = any(line.quantity_approved for line in case.asked.lines)
            _close(case, policy.RequestStatus.PARTLY_APPROVED if was_partly_approved else status, "", by, now)
            change(order, now=now)
            ended.append((order, request))
            return outcome(order, Result.DONE)

        locked = order_queries.lock_orders(target.order_id for target in batch)
        outcomes = judge(batch, locked, decide)
        record(
            [Entry(event, order, payload={"request": request.pk}) for order, request in ended],
            by=by,
            now=now,
        )
        save_requests([request for _, request in ended], lines)
        save_orders(order for order, _ in ended)
        return outcomes

    return _batches(targets, act)


def _close(case: Case, status: policy.RequestStatus, close_reason: str, by: Actor, now: datetime) -> None:
    """Decide the open request of a locked order, in memory."""
    request = case.asked.open
    request.status, request.close_reason = CancellationRequest.Status(status), close_reason
    request.decided_at, request.decided_by_id = now, by.user_id
    request.version += 1
    case.asked.open = None
    case.asked.was_declined |= status == policy.RequestStatus.DECLINED
    case.order.answer_due_at = None


def save_requests(requests: Sequence[CancellationRequest], lines: Sequence[RequestItem]) -> None:
    """Write what became of requests of locked orders: the only line that writes a request's `status`."""
    CancellationRequest.objects.filter(status=CancellationRequest.Status.OPEN).bulk_update(
        requests,
        [
            "status",
            "close_reason",
            "decided_at",
            "decided_by",
            "decline_reason",
            "decline_text",
            "decline_tracking",
            "version",
        ],
    )
    RequestItem.objects.bulk_update(lines, ["quantity_approved", "quantity_open", "state"])


def see_requests(*, seller_id: int, order_ids: Sequence[int], now: datetime) -> int:
    """Note once that the seller saw these open requests; no change of the order (domain 8). Returns how many."""
    return CancellationRequest.objects.filter(
        seller_id=seller_id,
        order_id__in=order_ids,
        status=CancellationRequest.Status.OPEN,
        seen_by_seller_at__isnull=True,
    ).update(seen_by_seller_at=now)


# --- what a cancellation or a shipment does to an open request --------------------------------------------


def settle_request(
    case: Case,
    *,
    units: policy.Units,
    approves: bool,
    close_reason: policy.CloseReason,
    by: Actor,
    now: datetime,
) -> CancellationRequest | None:
    """Shrink the open request after `units` left the order, in memory; it ends when none of its units is open.

    Call after the lines' quantities changed. Returns the request if there was one, to be saved by the caller.
    """
    request = case.asked.open
    if request is None:
        return None
    open_after = {line.pk: line.quantity_open for line in case.order.lines}
    settled: list[policy.Asked] = []
    for line in case.asked.lines:
        after = policy.settle(
            policy.Asked(line.quantity, line.quantity_approved, line.quantity_open),
            taken=units.get(line.item_id, 0),
            approves=approves,
            open_after=open_after[line.item_id],
        )
        line.quantity_approved, line.quantity_open = after.approved, after.open
        if not after.open and line.state == RequestItem.State.OPEN:
            line.state = RequestItem.State.APPROVED if after.approved else RequestItem.State.CLOSED
        settled.append(after)
    status = policy.status_of_settled(settled, otherwise=policy.RequestStatus.CLOSED)
    if status != policy.RequestStatus.OPEN:
        _close(case, status, close_reason if status != policy.RequestStatus.APPROVED else "", by, now)
    return request


# --- cancel -----------------------------------------------------------------------------------------------


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
        return _cancel(batch, order_queries.lock_orders(target.order_id for target in batch), rules, by, now)

    return _batches(targets, act, unattended=unattended)


def _cancel(
    targets: Sequence[CancelTarget], locked: Mapping[int, Order], rules: policy.Rules, by: Actor, now: datetime
) -> list[Outcome]:
    done: list[Done] = []

    def decide(case: Case) -> Outcome:
        target, order, facts = case.target, case.order, case.facts
        whole = target.units is None
        units = facts.open_units() if whole else target.units
        refusal = policy.why_cannot_cancel(
            facts, units, role=by.role, reason=target.reason, whole=whole, rules=rules, now=now
        )
        if refusal and order.status == order_rules.Status.CANCELED and _ended_so(order, target):
            return outcome(order, Result.NO_CHANGE)
        if refusal:
            return outcome(order, Result.ERROR, refusal)
        done.append(_cancel_units(case, facts, units, rules, by, now))
        return outcome(order, Result.DONE, counted=done[-1].verdict.counted)

    outcomes = judge(targets, locked, decide)
    if done:
        _write(done, rules, by, now)
    return outcomes


def _ended_so(order: Order, target: CancelTarget) -> bool:
    """Whether the order ended cancelled for the very reason asked for (E28)."""
    last = queries.last_cancellations_of([order.pk]).get(order.pk)
    return last is not None and last.reason == target.reason


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
    order_ids = {one.order.pk for one in done}
    authorizations = payment_queries.authorizations_of(order_ids)
    charges = payment_queries.charges_of(order_ids)
    event_ids = record([_entry(one, is_charged=one.order.pk in charges) for one in done], by=by, now=now)
    sentences = {
        verdict: recorded_sentence(verdict.code, verdict.counted) for verdict in {one.verdict for one in done}
    }
    cancellation_ids = insert(
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
    )
    units = [
        (cancellation_id, item_id, quantity, one.amounts[item_id])
        for one, cancellation_id in zip(done, cancellation_ids, strict=True)
        for item_id, quantity in one.facts.units.items()
    ]
    insert(
        CancellationItem,
        {
            "cancellation_id": [cancellation_id for cancellation_id, _, _, _ in units],
            "item_id": [item_id for _, item_id, _, _ in units],
            "quantity": [quantity for _, _, quantity, _ in units],
            "amount": [amount for _, _, _, amount in units],
        },
    )
    give_back(
        [
            MoneyBack(one.order, event_id, one.amounts, one.facts.units, whole=one.whole)
            for one, event_id in zip(done, event_ids, strict=True)
        ],
        authorizations=authorizations,
        charges=charges,
        now=now,
    )
    requests = {one.request.pk: one for one in done if one.request}
    if requests:
        save_requests(
            [one.request for one in requests.values()], [line for one in requests.values() for line in one.lines]
        )
    save_lines({line.pk: line for one in done for line in one.order.lines if line.pk in one.facts.units}.values())
    save_orders({one.order.pk: one.order for one in done}.values())


def _restocks(target: CancelTarget) -> bool:
    return target.reason not in policy.NOT_RESTOCKED if target.restock is None else target.restock


def _entry(one: Done, *, is_charged: bool) -> Entry:
    """The event of a cancellation, and who is not told of it."""
    mute = {"release_authorization" if is_charged else "refund"}
    if one.target.reason == Reason.IMPORTED:
        mute |= MAIL_LISTENERS | MONEY_LISTENERS
    if one.facts.role == Role.BUYER and not one.was_visible:
        mute.add("mail_seller")
    return Entry(
        "order.cancelled",
        one.order,
        payload={"code": one.verdict.code, "reason": one.target.reason, "whole": one.whole},
        mute=frozenset(mute),
        version=one.version,
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


def facts_from(stored: Mapping) -> policy.CancellationFacts:
    """The facts of a stored cancellation, to judge it again (INV-32)."""

    def units(of: Mapping[str, int] | None) -> dict[int, int] | None:
        return None if of is None else {int(key): quantity for key, quantity in of.items()}

    def day(of: str | None) -> date | None:
        return date.fromisoformat(of) if of else None

    return policy.CancellationFacts(
        role=stored["role"],
        reason=Reason(stored["reason"]),
        units=units(stored["units"]) or {},
        covered=units(stored["covered"]),
        requested_on=day(stored["requested_on"]),
        ship_by_date=day(stored["ship_by_date"]),
        wish_messages=tuple(stored["wish_messages"]),
        open_request_counts=policy.OpenRequestCounts(stored["open_request_counts"]),
        operator_says_counts=stored["operator_says_counts"],
    )


# --- the sweep (domain 10) --------------------------------------------------------------------------------

# A worker whose clock is further off the database's than this cancels nothing (reliability F-81).
GREATEST_SKEW = timedelta(seconds=60)


def cancel_overdue(
    *, now: datetime, limit: int = order_queries.ORDERS_PER_BATCH, leave_out: Sequence[int] = ()
) -> list[Outcome]:
    """Cancel up to `limit` of the longest overdue orders in one short transaction; none left → an empty list.

    Orders that somebody else holds are skipped, so two sweeps share the work and never meet. The conditions are
    asked again under the lock. `leave_out` names orders that failed before in this run.
    """
    rules = queries.rules_at(now)
    picked: list[int] = []
    try:
        with transaction.atomic():
            locked = order_queries.lock_overdue(now=now, limit=limit, leave_out=leave_out)
            picked = list(locked)
            return _cancel(_overdue_targets(picked), locked, rules, SWEEP, now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # noqa: BLE001 - whatever one order raises, it must not stop the others
        # It cannot be judged or written: halving finds it, the rest are done.
        return cancel(targets=_overdue_targets(picked), by=SWEEP, now=now, unattended=True)


def _overdue_targets(order_ids: Sequence[int]) -> list[CancelTarget]:
    return [CancelTarget(order_id, Reason.AUTO_NOT_CONFIRMED) for order_id in order_ids]


def run_sweep(*, now: datetime, process_now: datetime | None = None) -> SweepRun:
    """Cancel everything overdue at `now`, batch by batch, and keep how it went.

    `process_now` is the caller's own clock; if it is off the database's by over a minute, nothing is cancelled.
    """
    oldest = order_queries.overdue(now).first()
    run = SweepRun.objects.create(started_at=now, oldest_due_at=oldest and oldest.auto_cancel_due_at)
    if process_now is not None and abs(process_now - now) > GREATEST_SKEW:
        run.refusal = f"clock skew of {abs(process_now - now)}"
        logger.error("The sweep cancels nothing: %s", run.refusal)
    else:
        failed: list[int] = []
        while outcomes := cancel_overdue(now=now, leave_out=failed):
            run.cancelled += sum(one.result == Result.DONE for one in outcomes)
            failed += [one.order_id for one in outcomes if one.result == Result.ERROR]
        run.failed = len(failed)
    run.finished_at = now + (queries.database_now() - now if process_now else timedelta(0))
    run.save(update_fields=["cancelled", "failed", "refusal", "finished_at"])
    return run


# --- the policy itself ------------------------------------------------------------------------------------


def start_policy(version: PolicyVersion) -> None:
    """Let a new version of the policy rule from its start, under the number after the last one (domain 17)."""
    with transaction.atomic():
        last = PolicyVersion.objects.select_for_update().order_by("-number").first()
        version.number = last.number + 1 if last else 2
        version.save(force_insert=True)
