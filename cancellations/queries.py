"""Reads of requests, cancellations and the policy in force."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import Prefetch, QuerySet

from orders.models import Order
from orders.queries import local_day

from . import policy
from .models import BuyerReason, Cancellation, CancellationRequest, PolicyVersion, RequestItem, SweepRun


def rules_at(moment: datetime) -> policy.Rules:
    """The policy that rules at a moment: the latest version begun, else the settings as version 1 (domain 17)."""
    version = PolicyVersion.objects.filter(starts_at__lte=moment).order_by("-starts_at").first()
    if version is None:
        return policy.Rules(
            direct_cancel_minutes=settings.DIRECT_CANCEL_MINUTES, auto_cancel_days=settings.AUTO_CANCEL_DAYS
        )
    return policy.Rules(
        version=version.number,
        direct_cancel_minutes=version.direct_cancel_minutes,
        direct_cancel_while_pending=version.direct_cancel_while_pending,
        auto_cancel_days=version.auto_cancel_days,
        request_response_hours=version.request_response_hours,
        seller_may_decline=version.seller_may_decline,
        max_requests_per_order=version.max_requests_per_order,
        auto_cancel_with_open_request_counts=policy.OpenRequestCounts(
            version.auto_cancel_with_open_request_counts
        ),
        ship_interlock_api=policy.Interlock(version.ship_interlock_api),
    )


def database_now() -> datetime:
    """The database's clock, which the sweep goes by (wall 5)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    return moment


# --- facts for the policy ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Asked:
    """The requests of one order: the open one with its items, how many there were, whether one was declined."""

    open: CancellationRequest | None = None
    lines: list[RequestItem] = field(default_factory=list)
    made: int = 0
    was_declined: bool = False


def asked_of(order_ids: Iterable[int]) -> dict[int, Asked]:
    """All that was asked about these orders; read it under their locks before acting on it."""
    asked: dict[int, Asked] = {}
    for request in CancellationRequest.objects.filter(order_id__in=list(order_ids)).order_by("pk"):
        of_order = asked.setdefault(request.order_id, Asked())
        of_order.made += 1
        of_order.was_declined |= bool(request.decline_reason)
        if request.status == CancellationRequest.Status.OPEN:
            of_order.open = request
    by_request = {of_order.open.pk: of_order for of_order in asked.values() if of_order.open}
    if by_request:
        for line in RequestItem.objects.filter(request_id__in=by_request).order_by("pk"):
            by_request[line.request_id].lines.append(line)
    return asked


def facts_of(order: Order, asked: Asked | None) -> policy.OrderFacts:
    """What the policy looks at, from an order with its lines and what was asked about it."""
    return policy.OrderFacts(
        status=order.status,
        placed_at=order.placed_at,
        items=tuple(
            policy.ItemFacts(
                key=line.pk,
                ordered=line.quantity_ordered,
                shipped=line.quantity_shipped,
                cancelled=line.quantity_cancelled,
                buyer_cancelable=line.buyer_cancelable,
            )
            for line in order.lines
        ),
        ship_by_date=order.ship_by_date,
        auto_cancel_due_at=order.auto_cancel_due_at,
        on_hold=order.on_hold,
        marketplace_fulfilled=order.fulfillment_channel == Order.Channel.MARKETPLACE,
        request=open_request_facts(asked),
        requests_made=asked.made if asked else 0,
        was_declined=asked.was_declined if asked else False,
    )


def open_request_facts(asked: Asked | None) -> policy.RequestFacts | None:
    """The open request as the policy sees it, or None."""
    if asked is None or asked.open is None:
        return None
    return policy.RequestFacts(
        key=asked.open.pk,
        requested_at=asked.open.requested_at,
        covered={line.item_id: line.quantity_open for line in asked.lines if line.quantity_open},
    )


def cancellation_facts(
    order: Order,
    facts: policy.OrderFacts,
    *,
    role: str,
    reason: policy.Reason,
    units: policy.Units,
    rules: policy.Rules,
    operator_says_counts: bool = False,
) -> policy.CancellationFacts:
    """What a verdict on cancelling these units would rest on."""
    request = facts.request
    return policy.CancellationFacts(
        role=role,
        reason=reason,
        units=units,
        covered=request.covered if request else None,
        requested_on=local_day(request.requested_at) if request else None,
        ship_by_date=order.ship_by_date,
        wish_messages=facts.wish_messages,
        open_request_counts=rules.auto_cancel_with_open_request_counts,
        operator_says_counts=operator_says_counts,
    )


def verdicts_for(
    order: Order, facts: policy.OrderFacts, *, units: policy.Units, rules: policy.Rules
) -> dict[policy.Reason, policy.Verdict]:
    """What each reason of the seller's list would do to the rate, for the hints beside the form."""
    return {
        reason: policy.classify(
            cancellation_facts(order, facts, role="SELLER", reason=reason, units=units, rules=rules)
        )
        for reason in policy.SELLER_REASONS
    }


# --- pages ------------------------------------------------------------------------------------------------


def requests_of(order_id: int) -> QuerySet[CancellationRequest]:
    """All requests about an order, newest first, with items."""
    return (
        CancellationRequest.objects.filter(order_id=order_id)
        .order_by("-requested_at", "-pk")
        .prefetch_related(Prefetch("items", RequestItem.objects.select_related("item").order_by("pk")))
    )


def cancellations_of(order_id: int) -> QuerySet[Cancellation]:
    """What was cancelled of an order, newest first, with items."""
    return (
        Cancellation.objects.filter(order_id=order_id)
        .order_by("-cancelled_at", "-pk")
        .prefetch_related("items__item")
    )


def last_cancellations_of(order_ids: Iterable[int]) -> dict[int, Cancellation]:
    """The latest cancellation of each order, for the rows of a list."""
    return {
        cancellation.order_id: cancellation
        for cancellation in Cancellation.objects.filter(order_id__in=list(order_ids)).order_by("pk")
    }


def buyer_reasons() -> list[BuyerReason]:
    """The reasons on the buyer's form, in order."""
    return list(BuyerReason.objects.filter(is_active=True))


def last_sweep() -> SweepRun | None:
    """The latest run of the automatic cancellation."""
    return SweepRun.objects.order_by("-started_at").first()


def request_by_id(request_id: int) -> CancellationRequest:
    """One request with its items, for mails."""
    return CancellationRequest.objects.prefetch_related("items").get(pk=request_id)


def cancellation_of_event(event_id: int) -> Cancellation:
    """The cancellation an event is about, with its items, for mails."""
    return Cancellation.objects.prefetch_related("items").get(event_id=event_id)


@dataclass(frozen=True, slots=True)
class Note:
    """What a row of 注文管理 or 注文履歴 shows beside the order: its open request and its last cancellation.

    `request` is None without an open one; its `covered` gives open units by item.
    """

    request: "RequestNote | None" = None
    reason: str = ""
    counted: bool | None = None
    cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RequestNote:
    """An open request in a list."""

    pk: int
    requested_at: datetime
    response_due_at: datetime
    seen_at: datetime | None
    reason_label: str
    buyer_text: str
    covered: dict[int, int]


def notes_for(order_ids: Iterable[int]) -> dict[int, Note]:
    """Notes for the rows of a list, in one statement whatever their number."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT o.id,
                   r.id, r.requested_at, r.response_due_at, r.seen_by_seller_at, r.reason_label, r.buyer_text,
                   (SELECT json_object_agg(i.item_id, i.quantity_open)
                    FROM cancellations_requestitem AS i WHERE i.request_id = r.id AND i.quantity_open > 0),
                   c.reason, c.counted, c.cancelled_at
            FROM unnest(%s::bigint[]) AS o (id)
            LEFT JOIN cancellations_cancellationrequest AS r ON r.order_id = o.id AND r.status = 'OPEN'
            LEFT JOIN LATERAL (
                SELECT reason, counted, cancelled_at FROM cancellations_cancellation
                WHERE order_id = o.id ORDER BY id DESC LIMIT 1
            ) AS c ON true
            """,
            [list(order_ids)],
        )
        found = cursor.fetchall()
    notes: dict[int, Note] = {}
    for order_id, request_id, requested, due, seen, label, text, covered, reason, counted, cancelled in found:
        request = None
        if request_id:
            units = {int(key): quantity for key, quantity in (covered or {}).items()}
            request = RequestNote(request_id, requested, due, seen, label, text, units)
        notes[order_id] = Note(request, reason or "", counted, cancelled)
    return notes
