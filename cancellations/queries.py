"""Reads of requests, cancellations and the policy in force."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Prefetch, QuerySet

from messaging.queries import thread_of, wishes_of
from orders.models import Order
from orders.queries import local_day, overdue

from . import policy
from .models import (
    BuyerReason,
    Cancellation,
    CancellationRequest,
    PolicyVersion,
    RequestItem,
    SellerRules,
    SweepRun,
)


def rules_at(moment: datetime) -> policy.Rules:
    """The policy that rules at a moment: the latest version begun, else the settings as version 1 (domain 17)."""
    version = PolicyVersion.objects.filter(starts_at__lte=moment).order_by("-starts_at").first()
    return first_rules() if version is None else _rules_of(version)


def rules_by_day(ends: Sequence[datetime]) -> list[policy.Rules]:
    """The policy that rules at each of several moments, in one statement."""
    versions = list(PolicyVersion.objects.order_by("-starts_at"))
    return [
        next((_rules_of(each) for each in versions if each.starts_at <= moment), None) or first_rules()
        for moment in ends
    ]


def _rules_of(version: PolicyVersion) -> policy.Rules:
    return policy.Rules(
        version=version.number,
        direct_cancel_minutes=version.direct_cancel_minutes,
        direct_cancel_while_pending=version.direct_cancel_while_pending,
        auto_cancel_days=version.auto_cancel_days,
        first_warning_days=version.first_warning_days,
        second_warning_days=version.second_warning_days,
        last_warning_days=version.last_warning_days,
        request_response_hours=version.request_response_hours,
        on_response_overdue=policy.OnResponseOverdue(version.on_response_overdue),
        seller_may_decline=version.seller_may_decline,
        max_requests_per_order=version.max_requests_per_order,
        auto_cancel_with_open_request_counts=policy.OpenRequestCounts(
            version.auto_cancel_with_open_request_counts
        ),
        ship_interlock_api=policy.Interlock(version.ship_interlock_api),
        developer_approval=version.developer_approval,
        rate_target=version.rate_target,
        rate_watch=version.rate_watch,
        rate_window_days=version.rate_window_days,
        rate_min_orders=version.rate_min_orders,
    )


def first_rules() -> policy.Rules:
    """Version 1 of the policy: what the settings say (domain 17)."""
    return policy.Rules(
        direct_cancel_minutes=settings.DIRECT_CANCEL_MINUTES, auto_cancel_days=settings.AUTO_CANCEL_DAYS
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
    """The requests of one order: the open one with its items, how many there were, whether one was declined; and the
    keys of the buyer's messages that wish for a cancellation, and how long the shop lets its buyers cancel alone, where
    a verdict asks for them.
    """

    open: CancellationRequest | None = None
    lines: list[RequestItem] = field(default_factory=list)
    made: int = 0
    was_declined: bool = False
    wishes: tuple[int, ...] = ()
    shop_direct_minutes: int = 0


def asked_of(order_ids: Iterable[int]) -> dict[int, Asked]:
    """All that was asked about these orders; read it under their locks before acting on it."""
    asked: dict[int, Asked] = {}
    seen: set[int] = set()
    # No request is without items, so one statement reads both.
    lines = RequestItem.objects.filter(request__order_id__in=list(order_ids)).select_related("request")
    for line in lines.order_by("request_id", "pk"):
        request = line.request
        of_order = asked.setdefault(request.order_id, Asked())
        if request.pk not in seen:
            seen.add(request.pk)
            of_order.made += 1
            of_order.was_declined |= bool(request.decline_reason)
        if request.status == CancellationRequest.Status.OPEN:
            of_order.open = of_order.open or request
            of_order.lines.append(line)
    return asked


def with_wishes(order_ids: Iterable[int], asked: dict[int, Asked]) -> dict[int, Asked]:
    """The same with the buyers' messages: they decide between BUY-2 and BUY-3 (domain 9.2)."""
    for order_id, keys in wishes_of(order_ids).items():
        asked.setdefault(order_id, Asked()).wishes = keys
    return asked


def with_shop_windows(order_ids: Iterable[int], asked: dict[int, Asked]) -> dict[int, Asked]:
    """The same with how long the shops let their buyers cancel alone: that decides for a buyer (E36)."""
    longer = Order.objects.filter(pk__in=list(order_ids), seller__rules__direct_cancel_minutes__gt=0)
    for order_id, minutes in longer.values_list("pk", "seller__rules__direct_cancel_minutes"):
        asked.setdefault(order_id, Asked()).shop_direct_minutes = minutes
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
        wish_messages=asked.wishes if asked else (),
        shop_direct_minutes=asked.shop_direct_minutes if asked else 0,
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


def facts_from(stored: Mapping) -> policy.CancellationFacts:
    """The facts of a stored cancellation, to judge it again (INV-32)."""

    def units(of: Mapping[str, int] | None) -> dict[int, int] | None:
        return None if of is None else {int(key): quantity for key, quantity in of.items()}

    def day(of: str | None) -> date | None:
        return date.fromisoformat(of) if of else None

    return policy.CancellationFacts(
        role=stored["role"],
        reason=policy.Reason(stored["reason"]),
        units=units(stored["units"]) or {},
        covered=units(stored["covered"]),
        requested_on=day(stored["requested_on"]),
        ship_by_date=day(stored["ship_by_date"]),
        wish_messages=tuple(stored["wish_messages"]),
        open_request_counts=policy.OpenRequestCounts(stored["open_request_counts"]),
        operator_says_counts=stored["operator_says_counts"],
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


# --- a shop's own rules -----------------------------------------------------------------------------------

# A shop sees what its rules would have done to so many of its latest requests.
REHEARSED = 100


def shop_rules_of(seller_ids: Iterable[int]) -> dict[int, policy.ShopRules]:
    """What shops let happen without their people; those that never said so are left out (domain 8)."""
    return {
        row.seller_id: policy.ShopRules(
            direct_cancel_minutes=row.direct_cancel_minutes,
            approves=row.approves,
            reasons=frozenset(row.reasons),
            max_amount=row.max_amount,
            max_hours=row.max_hours,
            only_before_slip=row.only_before_slip,
        )
        for row in SellerRules.objects.filter(seller_id__in=list(seller_ids))
    }


def asked_for(order: Order, request: CancellationRequest) -> policy.AskedFor:
    """What a shop's rules look at in a request."""
    return policy.AskedFor(
        reason_code=request.reason_code,
        placed_at=order.placed_at,
        requested_at=request.requested_at,
        amount=order.total,
        slip_printed_at=order.slip_printed_at,
        currency=order.currency,
    )


def latest_requests(seller_id: int) -> list[CancellationRequest]:
    """The shop's latest requests, however they ended, to try rules on (index `requests_of_seller`)."""
    asked = CancellationRequest.objects.filter(seller_id=seller_id).select_related("order")
    return list(asked.order_by("-requested_at", "-pk")[:REHEARSED])


# --- pages ------------------------------------------------------------------------------------------------


def requests_of(order_id: int) -> QuerySet[CancellationRequest]:
    """All requests about an order, newest first, with items."""
    return (
        CancellationRequest.objects.filter(order_id=order_id)
        .order_by("-requested_at", "-pk")
        .prefetch_related(Prefetch("items", RequestItem.objects.select_related("item").order_by("pk")))
    )


def buyer_spoke_of_cancelling(order_id: int) -> bool:
    """Whether the buyer spoke of cancelling first, in a message or by a request: then the shop may, too (B17)."""
    thread = thread_of(order_id)
    return (thread is not None and thread.has_wish) or requests_of(order_id).exists()


def request_of_seller(seller_id: int, request_id: int) -> CancellationRequest | None:
    """One request of the shop with its order and items; None for unknown and for another shop's."""
    found = CancellationRequest.objects.filter(seller_id=seller_id, pk=request_id)
    return found.select_related("order").prefetch_related("items__item").first()


def cancellations_of(order_id: int) -> QuerySet[Cancellation]:
    """What was cancelled of an order, newest first, with items."""
    return (
        Cancellation.objects.filter(order_id=order_id)
        .order_by("-cancelled_at", "-pk")
        .select_related("order")
        .prefetch_related("items__item", "disputes")
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


def buyer_reason_words(*, language: str) -> dict[str, str]:
    """The words of the buyer's reasons in a language, by what they are in either: so a frozen label is translated.

    A label that the operator has changed since is not among them, and stays as it was frozen. Of two reasons with one
    label the first of the list gives its words, as in `notes_for`, which asks for a whole list's in its own statement.
    """
    return {
        label: each.label_en if language.startswith("en") else each.label_ja
        for each in BuyerReason.objects.order_by("-position", "-pk")
        for label in (each.label_ja, each.label_en)
    }


def last_sweep() -> SweepRun | None:
    """The latest run of the automatic cancellation."""
    return SweepRun.objects.order_by("-started_at").first()


# Without a run for this long, somebody must look (reliability F-42).
ALARM_AFTER = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class SweepHealth:
    """Whether the automatic cancellation does its work: the last run, the oldest order overdue, the alarm."""

    last: SweepRun | None
    oldest_due_at: datetime | None
    is_alarming: bool


def sweep_health(*, now: datetime) -> SweepHealth:
    """How the sweep stands; alarming if none ran for 30 minutes or the last one refused to work."""
    last = last_sweep()
    oldest = overdue(now).values_list("auto_cancel_due_at", flat=True).first()
    is_alarming = last is None or now - last.started_at > ALARM_AFTER or bool(last.refusal)
    return SweepHealth(last, oldest, is_alarming)


def open_requests() -> QuerySet[CancellationRequest]:
    """All requests that wait for an answer, by when it is due, whichever shop's (index `open_requests_by_due`)."""
    waiting = CancellationRequest.objects.filter(status=CancellationRequest.Status.OPEN)
    return waiting.order_by("response_due_at", "pk")


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until just before `end`."""

    start: datetime
    end: datetime


def periods_of_automatic_approval(*, until: datetime) -> list[Period]:
    """When requests whose answer fell due were to be approved by the policy in force then, `until` included."""
    begun = list(PolicyVersion.objects.filter(starts_at__lte=until).order_by("starts_at"))
    ends = [version.starts_at for version in begun[1:]] + [until + timedelta.resolution]
    return [
        Period(version.starts_at, end)
        for version, end in zip(begun, ends, strict=False)
        if version.on_response_overdue == PolicyVersion.OnResponseOverdue.AUTO_APPROVE
    ]


def overdue_requests(
    period: Period, *, after: tuple[datetime, int] | None, limit: int
) -> list[CancellationRequest]:
    """Open requests whose answer fell due within a period, with items and order; the next ones after a due moment
    and key (index `open_requests_by_due`)."""
    due = open_requests().filter(response_due_at__gte=period.start, response_due_at__lt=period.end)
    if after is not None:
        moment, key = after
        due = due.filter(response_due_at__gte=moment).exclude(response_due_at=moment, pk__lte=key)
    return list(due.select_related("order").prefetch_related("items")[:limit])


def request_by_id(request_id: int) -> CancellationRequest:
    """One request with its items, for mails."""
    return CancellationRequest.objects.select_related("order").prefetch_related("items").get(pk=request_id)


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


def notes_for(order_ids: Iterable[int], *, language: str) -> dict[int, Note]:
    """Notes for the rows of a list, in one statement whatever their number; the buyers' reasons in this language."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT o.id,
                   r.id, r.requested_at, r.response_due_at, r.seen_by_seller_at,
                   coalesce((SELECT CASE WHEN %(in_english)s THEN b.label_en ELSE b.label_ja END
                             FROM cancellations_buyerreason AS b
                             WHERE r.reason_label IN (b.label_ja, b.label_en)
                             ORDER BY b.position, b.id LIMIT 1), r.reason_label),
                   r.buyer_text,
                   (SELECT json_object_agg(i.item_id, i.quantity_open)
                    FROM cancellations_requestitem AS i WHERE i.request_id = r.id AND i.quantity_open > 0),
                   c.reason, c.counted, c.cancelled_at
            FROM unnest(%(orders)s::bigint[]) AS o (id)
            LEFT JOIN cancellations_cancellationrequest AS r ON r.order_id = o.id AND r.status = 'OPEN'
            LEFT JOIN LATERAL (
                SELECT reason, counted AND NOT excluded AS counted, cancelled_at FROM cancellations_cancellation
                WHERE order_id = o.id ORDER BY id DESC LIMIT 1
            ) AS c ON true
            """,
            {"orders": list(order_ids), "in_english": language.startswith("en")},
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
