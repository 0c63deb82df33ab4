"""What the original interface lacks: cancel, answer requests, ask what is allowed, read the rate (domain 14.7).

Refusals keep the one code that they have in every door; here it is the code of the error envelope.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from django.db import transaction

from accounts.rules import Scope
from cancellations import policy, queries
from cancellations.actions import CancelTarget, DeclineTarget, approval_of, cancel, decline
from cancellations.policy import Reason, Refusal
from cancellations.polling import requests_for_software
from cancellations.wording import prospect, refusal, sentence
from events.forms import LONGEST_MEMO
from events.idempotency import IdempotencyMismatch, once
from metrics.effects import prospect_of
from metrics.queries import Standing, facts_of_orders, rate_at
from orders.outcomes import Outcome, Refused, Result
from orders.queries import local_day, order_of_seller
from spapi.door import NOT_DECODED, Call, by_method, decoded, operation
from spapi.paging import next_token, state_of
from spapi.params import MOMENT, NUMBER, TEXT, key_of, moment_of
from spapi.polls import SAFETY
from spapi.problems import Problem, invalid
from spapi.shapes import moment

if TYPE_CHECKING:
    from cancellations.models import CancellationRequest
    from orders.models import Order

LIST = "cancellations.requests"
STATUSES = tuple(each.value for each in policy.RequestStatus)
DECLINE_REASONS = tuple(each.value for each in policy.DeclineReason)
NOT_FOUND = frozenset({Refusal.ORDER_NOT_FOUND, Refusal.ITEM_NOT_FOUND, Refusal.REQUEST_NOT_FOUND})
UNPROCESSABLE = frozenset(
    {
        Refusal.REASON_REQUIRED,
        Refusal.REASON_UNKNOWN,
        Refusal.QUANTITY_EXCEEDS_OPEN,
        Refusal.ITEM_NOT_BUYER_CANCELABLE,
        Refusal.REFUND_EXCEEDS_CHARGE,
        Refusal.IDEMPOTENCY_MISMATCH,
    }
)


def status_of(code: str) -> int:
    """The status of a refusal (domain 14.7)."""
    if code in NOT_FOUND:
        return 404
    if code == Refusal.PERMISSION_DENIED:
        return 403
    return 422 if code in UNPROCESSABLE else 409


# Sentences for what a page says of itself.
MESSAGES: dict[str, str] = {
    Refusal.IDEMPOTENCY_MISMATCH: "The idempotencyKey was used for another request.",
    Refusal.ITEM_NOT_FOUND: "The order has no such item.",
    Refusal.VERSION_CONFLICT: "The order has changed since this version. Read it again.",
}


def refused(code: str, details: str = "") -> Problem:
    """A refusal in the error envelope, with its sentence in English."""
    return Problem(status_of(code), code, MESSAGES.get(code) or f"{refusal(code)}", details)


class Body(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What every act here may say: the version it saw, a key to be done once, whether it is only tried."""

    expected_version: int | None = None
    idempotency_key: str = ""
    dry_run: bool = False


B = TypeVar("B", bound=Body)


class CancelledItem(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Units of an item to cancel."""

    order_item_id: str
    quantity: int


class CancellationBody(Body):
    """The body of cancelOrder: the whole order, or `items` of it."""

    reason_code: str = ""
    items: list[CancelledItem] | None = None
    memo: str = ""


class DeclineBody(Body):
    """The body of declineRequest."""

    reason_code: str = ""
    text: str = ""
    tracking_number: str = ""


def _body(call: Call, kind: type[B]) -> B:
    """The body of an act; what nobody knows is refused by name (reliability B-40, B-41).

    Raises Problem 400, 413, 415 or 422.
    """
    call.require_described(kind)
    try:
        return decoded(call.request, kind)
    except msgspec.ValidationError as error:
        code = "UNKNOWN_FIELD" if "unknown field" in str(error) else "INVALID_FIELD"
        raise Problem(422, code, "The body cannot be taken.", f"{error}"[:300]) from None
    except NOT_DECODED as error:
        raise Problem(400, "INVALID_BODY", "The body is no JSON.", f"{error}"[:300]) from None


def _done_once(call: Call, body: Body, content: list, act: Callable[[], dict]) -> dict[str, Any]:
    """Do an act once per key, or try it and take all of it back."""
    if len(body.idempotency_key) > 64 or not body.idempotency_key.isprintable():
        raise invalid("idempotencyKey: at most 64 printable characters.")
    try:
        if body.dry_run:
            with transaction.atomic():
                answer = act()
                transaction.set_rollback(True)
            return answer | {"dryRun": True}
        if not body.idempotency_key:
            with transaction.atomic():
                return act()
        return once(owner=call.holder.owner, key=body.idempotency_key, content=content, now=call.now, act=act)
    except IdempotencyMismatch:
        raise refused(Refusal.IDEMPOTENCY_MISMATCH) from None
    except Refused as why:
        raise refused(why.code, f"{why.outcome.status} version {why.outcome.version}") from None


def _order(call: Call, number: str) -> "Order":
    order = order_of_seller(call.seller_id, number)
    if order is None:
        raise refused(Refusal.ORDER_NOT_FOUND)
    return order


def _reason(code: str) -> Reason:
    if not code:
        raise refused(Refusal.REASON_REQUIRED)
    if code not in policy.SELLER_REASONS:
        raise refused(Refusal.REASON_UNKNOWN, ", ".join(policy.SELLER_REASONS))
    return Reason(code)


def _units(order: "Order", items: list[CancelledItem]) -> dict[int, int]:
    keys = {line.item_id: line.pk for line in order.lines}
    units: dict[int, int] = {}
    for item in items:
        key = keys.get(item.order_item_id)
        if key is None:
            raise refused(Refusal.ITEM_NOT_FOUND, item.order_item_id[:20])
        if key in units:
            raise invalid(f"items: {item.order_item_id} stands twice.")
        units[key] = item.quantity
    if not units:
        raise invalid("items: at least one.")
    return units


def _targets(
    order: "Order", reason: Reason, units: Mapping[int, int] | None, body: CancellationBody
) -> list[CancelTarget]:
    """The cancellations that one body asks for: what the buyer asked for is judged apart from the rest."""
    asked = queries.asked_of([order.pk]).get(order.pk)
    request = queries.open_request_facts(asked)
    parts = [None] if units is None else policy.judged_apart(reason, request.covered if request else None, units)
    return [
        CancelTarget(
            order.pk,
            reason,
            part,
            memo=body.memo,
            # The later parts come after the version that the first one makes.
            expected_version=body.expected_version if place == 0 else None,
        )
        for place, part in enumerate(parts)
    ]


def _cancelled(call: Call, order: "Order", targets: Sequence[CancelTarget]) -> dict[str, Any]:
    """Cancel, and say what became of the order and of the rate."""
    outcomes = cancel(targets=targets, by=call.holder.actor, now=call.now)
    for outcome in outcomes:
        if outcome.result == Result.ERROR:
            raise Refused(outcome)
    made = list(queries.cancellations_of(order.pk)[: len(targets)]) if outcomes[-1].result == Result.DONE else []
    standing = rate_at(call.seller_id, call.now)
    return _outcome(order, outcomes) | {
        "cancellations": [
            {
                "code": each.code,
                "counted": each.counted,
                "explanation": sentence(each.code, each.counted),
            }
            for each in reversed(made)
        ],
        "rate": rate_shape(standing),
    }


def _outcome(order: "Order", outcomes: list[Outcome]) -> dict[str, Any]:
    last = outcomes[-1]
    return {
        "orderId": order.number,
        "result": last.result.value,
        "orderStatus": last.status,
        "version": last.version,
        "counted": any(outcome.counted for outcome in outcomes),
    }


@operation("cancelOrder", rate=2, burst=30, scope=Scope.ORDERS_CANCEL, body=CancellationBody)
def cancel_order(call: Call, number: str) -> dict[str, Any]:
    """Cancel a whole order or items of it, as the page does; the answer says whether it counts and why."""
    body = _body(call, CancellationBody)
    order = _order(call, number)
    reason = _reason(body.reason_code)
    if len(body.memo) > LONGEST_MEMO:
        raise invalid(f"memo: at most {LONGEST_MEMO} characters.")
    units = None if body.items is None else _units(order, body.items)
    content = ["cancel", number, reason, sorted((units or {}).items()), body.expected_version, body.memo]

    def act() -> dict[str, Any]:
        return _cancelled(call, order, _targets(order, reason, units, body))

    return {"payload": _done_once(call, body, content, act)}


# --- requests -----------------------------------------------------------------------------------------------


def request_shape(request: "CancellationRequest") -> dict[str, Any]:
    """One request of a buyer."""
    shape = {
        "requestId": str(request.pk),
        "orderId": request.order.number,
        "status": request.status,
        "requestedAt": moment(request.requested_at),
        "responseDueAt": moment(request.response_due_at),
        "updatedAt": moment(request.order.last_updated_at),
        "orderStatus": request.order.status,
        "orderVersion": request.order.version,
        "reasonCode": request.reason_code,
        "reason": request.reason_label,
        "buyerText": request.buyer_text,
        "items": [
            {
                "orderItemId": each.item.item_id,
                "quantity": each.quantity,
                "state": each.state,
            }
            for each in request.items.all()
        ],
    }
    if request.decided_at:
        shape["decidedAt"] = moment(request.decided_at)
    if request.decline_reason:
        shape |= {"declineReasonCode": request.decline_reason, "declineText": request.decline_text}
    if request.close_reason:
        shape["closeReasonCode"] = request.close_reason
    return shape


@operation(
    "getRequests",
    rate=0.5,
    burst=30,
    scope=Scope.ORDERS_READ,
    query={"status": TEXT, "updatedAfter": MOMENT, "pageSize": NUMBER, "nextToken": TEXT},
)
def get_requests(call: Call) -> dict[str, Any]:
    """The shop's requests by the last change of their order, earliest first, up to 100 a page (domain 14.8)."""
    query = call.query
    if token := query.text("nextToken"):
        kept = state_of(token, LIST, call.seller_id, now=call.now, name="nextToken")
    else:
        since = query.moment("updatedAfter")
        status = query.text("status", longest=20)
        if status and status not in STATUSES:
            raise invalid(f"status: one of {', '.join(STATUSES)}.")
        kept = {
            "status": status,
            "since": since.isoformat() if since else "",
            "until": (call.now - SAFETY).isoformat() if since else "",
            # From here the next poll misses nothing, whatever was committed late (D-35).
            "reached": (call.now - SAFETY).isoformat(),
            "limit": query.number("pageSize", least=1, most=100, default=100),
            "moment": "",
            "key": 0,
        }
    found = requests_for_software(
        call.seller_id,
        status=kept["status"],
        since=_moment(kept["since"]),
        until=_moment(kept["until"]),
        behind=(moment_of("nextToken", kept["moment"]), kept["key"]) if kept["key"] else None,
        limit=kept["limit"] + 1,
    )
    shown = found[: kept["limit"]]
    payload: dict[str, Any] = {"requests": [request_shape(request) for request in shown]}
    if len(found) > len(shown):
        place = {"moment": shown[-1].order.last_updated_at.isoformat(), "key": shown[-1].pk}
        payload["nextToken"] = next_token(LIST, call.seller_id, kept | place, now=call.now)
    payload["updatedBefore"] = moment(datetime.fromisoformat(kept["reached"]))
    return {"payload": payload}


def _moment(kept: str) -> datetime | None:
    return moment_of("updatedAfter", kept) if kept else None


def _request(call: Call, request_id: str) -> "CancellationRequest":
    found = queries.request_of_seller(call.seller_id, key_of(request_id))
    if found is None:
        raise refused(Refusal.REQUEST_NOT_FOUND)
    return found


def _require_open(request: "CancellationRequest") -> None:
    """Require a request that waits for its answer. Raises Refused."""
    if request.status != policy.RequestStatus.OPEN:
        order = request.order
        raise Refused(Outcome(order.pk, Result.ERROR, Refusal.REQUEST_NOT_OPEN, order.status, order.version))


@operation("getRequest", rate=0.5, burst=30, scope=Scope.ORDERS_READ)
def get_request(call: Call, request_id: str) -> dict[str, Any]:
    """One request."""
    return {"payload": request_shape(_request(call, request_id))}


@operation("approveRequest", rate=2, burst=30, scope=Scope.ORDERS_CANCEL, body=Body)
def approve(call: Call, request_id: str) -> dict[str, Any]:
    """Cancel what the buyer asked for, with the buyer's reason: it never counts."""
    body = _body(call, Body)
    request = _request(call, request_id)

    def act() -> dict[str, Any]:
        _require_open(request)
        target = approval_of(request)
        if body.expected_version is not None:
            target = replace(target, expected_version=body.expected_version)
        return _cancelled(call, request.order, [target])

    return {"payload": _done_once(call, body, ["approve", request.pk, body.expected_version], act)}


@operation("declineRequest", rate=2, burst=30, scope=Scope.ORDERS_CANCEL, body=DeclineBody)
def decline_request(call: Call, request_id: str) -> dict[str, Any]:
    """Answer a request with no; the order goes on (domain 7.5)."""
    body = _body(call, DeclineBody)
    request = _request(call, request_id)
    if not body.reason_code:
        raise refused(Refusal.REASON_REQUIRED)
    if body.reason_code not in DECLINE_REASONS:
        raise refused(Refusal.REASON_UNKNOWN, ", ".join(DECLINE_REASONS))
    if len(body.text) > 500 or len(body.tracking_number) > 60:
        raise invalid("text: at most 500 characters; trackingNumber: at most 60.")

    def act() -> dict[str, Any]:
        _require_open(request)
        target = DeclineTarget(
            request.order_id,
            policy.DeclineReason(body.reason_code),
            body.text,
            body.tracking_number,
            # Of the order as it stood when the request was open: a later request is never answered for this one.
            expected_version=request.order.version if body.expected_version is None else body.expected_version,
        )
        outcomes = decline(targets=[target], by=call.holder.actor, now=call.now)
        if outcomes[0].result == Result.ERROR:
            raise Refused(outcomes[0])
        return _outcome(request.order, outcomes)

    content = ["decline", request.pk, body.reason_code, body.text, body.tracking_number, body.expected_version]
    return {"payload": _done_once(call, body, content, act)}


# --- what is allowed, and the rate --------------------------------------------------------------------------


def rate_shape(standing: Standing) -> dict[str, Any]:
    """A rate as of a moment: percents of two decimals, none without orders."""
    return {
        "asOf": moment(standing.at),
        "state": standing.state.value,
        "rate": standing.shown.removesuffix("%") if standing.rate.orders else None,
        "counted": standing.rate.counted,
        "orders": standing.rate.orders,
        "target": f"{standing.rules.rate_target}",
        "windowDays": standing.rules.rate_window_days,
    }


@operation("getEligibility", rate=0.5, burst=30, scope=Scope.ORDERS_READ)
def get_eligibility(call: Call, number: str) -> dict[str, Any]:
    """May buyer or seller cancel the order now, why not, and what each reason would do to the rate."""
    order = _order(call, number)
    rules = queries.rules_at(call.now)
    asked = queries.with_shop_windows([order.pk], queries.with_wishes([order.pk], queries.asked_of([order.pk])))
    facts = queries.facts_of(order, asked.get(order.pk))
    units = facts.open_units()
    seller = policy.why_seller_cannot_cancel(facts, units, whole=True)
    found = prospect_of(call.seller_id, [order.pk], now=call.now, rules=rules)
    after = found.after(facts_of_orders([order]))
    verdicts = queries.verdicts_for(order, facts, units=units, rules=rules) if units else {}
    return {
        "payload": {
            "orderId": order.number,
            "orderStatus": order.status,
            "version": order.version,
            "seller": _allowed(seller),
            "sellerItems": _allowed(policy.why_seller_cannot_cancel(facts, units, whole=False)),
            "buyer": _allowed(policy.why_buyer_cannot_cancel(facts, units, rules, call.now)),
            "buyerRequest": _allowed(policy.why_buyer_cannot_request(facts, units, rules, local_day(call.now))),
            "rate": rate_shape(found.now),
            "reasons": [
                {
                    "reasonCode": reason.value,
                    "code": verdict.code,
                    "counts": verdict.counted,
                    "explanation": prospect(verdict.code, verdict.counted),
                    "rateAfter": rate_shape(after if verdict.counted else found.now),
                }
                for reason, verdict in verdicts.items()
            ],
        }
    }


def _allowed(why_not: Refusal | None) -> dict[str, Any]:
    return {"allowed": why_not is None} | ({"code": why_not.value, "message": refusal(why_not)} if why_not else {})


@operation("getRate", rate=0.5, burst=30, scope=Scope.ORDERS_READ, query={"asOf": MOMENT})
def get_rate(call: Call) -> dict[str, Any]:
    """The shop's cancellation rate, now or as of a moment (B14)."""
    as_of = call.query.moment("asOf") or call.now
    if as_of > call.now:
        raise invalid("asOf: not after now.")
    return {"payload": rate_shape(rate_at(call.seller_id, as_of))}


order_cancellations = by_method(post=cancel_order)
eligibility = by_method(get=get_eligibility)
requests = by_method(get=get_requests)
request = by_method(get=get_request)
approval = by_method(post=approve)
declining = by_method(post=decline_request)
rate = by_method(get=get_rate)
