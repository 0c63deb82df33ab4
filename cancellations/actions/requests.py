"""Request, withdraw, decline; and what becomes of an open request when units leave its order."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from django.db import connection

from accounts.actors import Actor
from cancellations import policy, queries
from cancellations.models import CancellationRequest, RequestItem
from cancellations.policy import Refusal
from events.actions import Entry, record
from events.setwise import Change, update
from orders import queries as order_queries
from orders.actions import change, changed_lines, changed_orders, outcome, save_orders
from orders.models import Order
from orders.outcomes import Outcome, Result

from .targets import Case, DeclineTarget, RequestTarget, Target, WithdrawTarget, batches, judge


def request_cancellation(*, targets: Sequence[RequestTarget], by: Actor, now: datetime) -> list[Outcome]:
    """Ask the seller to cancel (domain 8). The seller decides; the reason's label is frozen."""
    rules = queries.rules_at(now)
    today = order_queries.local_day(now)

    def act(batch: Sequence[RequestTarget]) -> list[Outcome]:
        made: list[tuple[Order, CancellationRequest, policy.Units]] = []

        def decide(case: Case[RequestTarget]) -> Outcome:
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
                remind_at=now + timedelta(hours=rules.request_response_hours) / 2,
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
        shops = queries.shop_rules_of({order.seller_id for order, _, _ in made}) if made else {}
        record(
            [
                Entry(
                    "cancellation.requested",
                    order,
                    payload={"request": request.pk, "reason": request.reason_code},
                    mute=_who_need_not_approve(order, request, shops.get(order.seller_id)),
                )
                for order, request, _ in made
            ],
            by=by,
            now=now,
        )
        save_orders(order for order, _, _ in made)
        return outcomes

    return batches(targets, act)


def _who_need_not_approve(
    order: Order, request: CancellationRequest, shop: policy.ShopRules | None
) -> frozenset[str]:
    """The listener that approves is told only of what the shop's rules let be approved by itself."""
    approves = shop is not None and policy.approves_by_itself(shop, queries.asked_for(order, request))
    return frozenset() if approves else frozenset({"approve"})


def withdraw(*, targets: Sequence[WithdrawTarget], by: Actor, now: datetime) -> list[Outcome]:
    """Take back open requests; the seller ships normally (domain 8, E6, E7)."""
    return _end_requests(
        targets,
        event="cancellation.withdrawn",
        status=policy.RequestStatus.WITHDRAWN,
        refuse=lambda _, facts: policy.why_buyer_cannot_withdraw(facts),
        answer=lambda _, request: None,
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

    def answer(target: DeclineTarget, request: CancellationRequest) -> None:
        request.decline_reason = target.reason
        request.decline_text = target.text
        request.decline_tracking = target.tracking

    return _end_requests(
        targets,
        event="cancellation.declined",
        status=policy.RequestStatus.DECLINED,
        refuse=refuse,
        answer=answer,
        by=by,
        now=now,
    )


def _end_requests(
    targets: Sequence[Target],
    *,
    event: str,
    status: policy.RequestStatus,
    refuse: Callable[[Target, policy.OrderFacts], Refusal | None],
    answer: Callable[[Target, CancellationRequest], None],
    by: Actor,
    now: datetime,
) -> list[Outcome]:
    """End open requests without cancelling anything; `answer` writes what was said to them."""

    def act(batch: Sequence[Target]) -> list[Outcome]:
        ended: list[tuple[Order, CancellationRequest]] = []
        lines: list[RequestItem] = []

        def decide(case: Case[Target]) -> Outcome:
            order, request = case.order, case.asked.open
            refusal = refuse(case.target, case.facts)
            if refusal or request is None:
                return outcome(order, Result.ERROR, refusal or Refusal.REQUEST_NOT_OPEN)
            answer(case.target, request)
            for line in case.asked.lines:
                if line.quantity_open:
                    line.quantity_open = 0
                    line.state = RequestItem.State(
                        RequestItem.State.APPROVED if line.quantity_approved else status
                    )
            lines.extend(case.asked.lines)
            was_partly_approved = any(line.quantity_approved for line in case.asked.lines)
            reached = policy.RequestStatus.PARTLY_APPROVED if was_partly_approved else status
            _close(case, request, reached, "", by, now)
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
        update(
            _changed_requests([request for _, request in ended]),
            _changed_request_items(lines),
            changed_orders(order for order, _ in ended),
        )
        return outcomes

    return batches(targets, act)


def _close(
    case: Case[Target],
    request: CancellationRequest,
    status: policy.RequestStatus,
    close_reason: str,
    by: Actor,
    now: datetime,
) -> None:
    """Decide the open request of a locked order, in memory."""
    request.status, request.close_reason = CancellationRequest.Status(status), close_reason
    request.decided_at, request.decided_by_id, request.remind_at = now, by.user_id, None
    request.version += 1
    case.asked.open = None
    case.asked.was_declined |= bool(request.decline_reason)
    case.order.answer_due_at = None


_DECIDED = (
    "id",
    "status",
    "close_reason",
    "decided_at",
    "decided_by_id",
    "remind_at",
    "decline_reason",
    "decline_text",
    "decline_tracking",
    "version",
)


def _changed_requests(requests: Sequence[CancellationRequest]) -> Change:
    """What became of requests of locked orders, to be written: the only line that writes a request's `status`."""
    return Change(
        CancellationRequest,
        {name: [getattr(row, name) for row in requests] for name in _DECIDED},
        only="o.status = 'OPEN'",
        otherwise="a request was decided although its order was locked",
    )


def _changed_request_items(lines: Sequence[RequestItem]) -> Change:
    """What became of the units asked for, to be written."""
    written = ("id", "quantity_approved", "quantity_open", "state")
    return Change(RequestItem, {name: [getattr(row, name) for row in lines] for name in written})


class Settled(Protocol):
    """An order whose units left, and what became of its open request, before it is written."""

    @property
    def order(self) -> Order: ...
    @property
    def units(self) -> policy.Units: ...
    @property
    def request(self) -> CancellationRequest | None: ...
    @property
    def lines(self) -> Sequence[RequestItem]: ...


def save_settled(settled: Sequence[Settled], *more: Change) -> None:
    """Write quantities, settled requests and states of locked orders, and `more`, in one statement.

    A request that stays open is not written: its reminder belongs to who reminds, and takes no lock of the order.
    """
    requests = {one.request.pk: (one.request, one.lines) for one in settled if one.request}
    update(
        _changed_requests([request for request, _ in requests.values() if request.status != request.Status.OPEN]),
        _changed_request_items([line for _, lines in requests.values() for line in lines]),
        changed_lines(
            {line.pk: line for one in settled for line in one.order.lines if line.pk in one.units}.values()
        ),
        changed_orders({one.order.pk: one.order for one in settled}.values()),
        *more,
    )


def see_requests(*, seller_id: int, order_ids: Sequence[int], now: datetime) -> int:
    """Note once that the seller saw these open requests; no change of the order (domain 8). Returns how many.

    A page waits for nobody: requests that somebody is deciding just now are left for the next look.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE cancellations_cancellationrequest SET seen_by_seller_at = %s
            WHERE id IN (SELECT id FROM cancellations_cancellationrequest
                         WHERE seller_id = %s AND order_id = ANY(%s) AND status = 'OPEN' AND seen_by_seller_at IS NULL
                         ORDER BY id FOR UPDATE SKIP LOCKED)
            """,
            [now, seller_id, list(order_ids)],
        )
        return cursor.rowcount


def settle_request(
    case: Case[Target],
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
        _close(case, request, status, close_reason if status != policy.RequestStatus.APPROVED else "", by, now)
    return request
