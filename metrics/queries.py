"""Reads of the cancellation rate: as of a moment, of many shops at once, what an act would make of it, what comes.

The rate is read from orders and cancellations; no counters are kept beside them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, TruncDate

from accounts.actors import Door
from accounts.models import Seller
from cancellations import policy
from cancellations.models import Cancellation, CancellationRequest
from cancellations.queries import rules_at, rules_by_day
from orders.lists import CANCEL_SOON, Besides, numbers_of
from orders.models import IS_OPEN_AT_SHOP, Order
from orders.queries import local_day, zone
from shipments.models import Shipment

from .models import RateSnapshot, RateState
from .rate import (
    INSTANT,
    SEVERITY,
    OrderFacts,
    Rate,
    State,
    Target,
    Window,
    rate_after,
    window_of_day,
    window_until,
)

# The forecast looks at no more orders than these, the earliest due first (wall 8).
FORECAST_CAP = 1000
# Days that the chart shows.
CHART_DAYS = 90


def target_of(rules: policy.Rules) -> Target:
    """What a policy version measures rates by."""
    return Target(
        limit=int(rules.rate_target * 100),
        watch=int(rules.rate_watch * 100),
        window_days=rules.rate_window_days,
        min_orders=rules.rate_min_orders,
    )


# --- one shop, as of a moment -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """A shop's rate as of a moment, with the window and the policy that it is measured by."""

    rate: Rate
    window: Window
    target: Target
    rules: policy.Rules
    at: datetime

    @property
    def state(self) -> State:
        """How it stands to its target."""
        return self.rate.state(self.target)

    @property
    def told_state(self) -> State:
        """The state that shops and operators are told of."""
        return self.rate.told_state(self.target)

    @property
    def shown(self) -> str:
        """The rate as people read it."""
        return self.rate.shown(self.target)

    def after(self, orders: Collection[OrderFacts], *, counting: Collection[int]) -> "Standing":
        """How it would stand if these orders were cancelled now and counted; `counting` count already (E22)."""
        return replace(self, rate=rate_after(self.rate, orders, counting=counting, window=self.window))


def window_at(moment: datetime, rules: policy.Rules) -> Window:
    """The window up to a moment, in the marketplace's days."""
    return window_until(moment, days=rules.rate_window_days, zone=zone())


def orders_in(seller_id: int, window: Window) -> QuerySet[Order]:
    """The shop's orders of a window: its own to send, placed in it, verified by its end (index `orders_in_rate`)."""
    return Order.objects.filter(
        seller_id=seller_id,
        fulfillment_channel=Order.Channel.SELLER,
        placed_at__gte=window.start,
        placed_at__lt=window.end,
        payment_verified_at__lt=window.end,
    )


def counting_in(seller_id: int, window: Window) -> QuerySet[Cancellation]:
    """The cancellations of a window that count and were not excluded (index `counted_cancellations`)."""
    return Cancellation.objects.filter(
        seller_id=seller_id,
        counted=True,
        excluded=False,
        cancelled_at__gte=window.start,
        cancelled_at__lt=window.end,
        order__fulfillment_channel=Order.Channel.SELLER,
    )


def counted_orders(seller_id: int, window: Window) -> QuerySet[Order]:
    """The orders of those cancellations, each once."""
    return Order.objects.filter(pk__in=counting_in(seller_id, window).values("order_id"))


def counted_from_before(seller_id: int, window: Window) -> QuerySet[Order]:
    """Those of them that are not among the window's orders: the union takes them in (D-20)."""
    is_inside = Q(placed_at__gte=window.start, payment_verified_at__lt=window.end)
    return counted_orders(seller_id, window).exclude(is_inside & Q(payment_verified_at__isnull=False))


_COUNTED = """
SELECT count(DISTINCT c.order_id) FROM cancellations_cancellation AS c
JOIN orders_order AS o ON o.id = c.order_id AND o.fulfillment_channel = 'SELLER'
WHERE c.seller_id = %(seller)s AND c.counted AND NOT c.excluded AND c.cancelled_at >= %(start)s
  AND c.cancelled_at < %(end)s
"""
# What the rate is made of, to be counted in a list's own statement: as text, since 注文管理 asks at every look.
PARTS_OF_RATE = {
    "rate_orders": """
        SELECT count(*) FROM orders_order
        WHERE seller_id = %(seller)s AND fulfillment_channel = 'SELLER' AND placed_at >= %(start)s
          AND placed_at < %(end)s AND payment_verified_at < %(end)s
    """,
    "rate_counted": _COUNTED,
    "rate_outside": f"""{_COUNTED}
        AND (o.placed_at < %(start)s OR o.payment_verified_at IS NULL OR o.payment_verified_at >= %(end)s)
    """,
}


# So many orders of a week are not counted anew for every page: what a minute adds does not show in their rate.
KEPT_FROM = 20_000
KEPT_SECONDS = 60


def parts_of_rate(seller_id: int, window: Window) -> Besides:
    """The same for a shop and a window, as `counts_of_seller` takes it."""
    given: dict[str, Any] = {"start": window.start, "end": window.end}
    kept = cache.get(_kept_as(seller_id, window))
    if kept is None:
        return Besides(PARTS_OF_RATE, given)
    return Besides(
        PARTS_OF_RATE | {"rate_orders": "SELECT %(rate_orders)s::bigint"}, given | {"rate_orders": kept}
    )


def standing_from(seller_id: int, counts: Mapping[str, int], *, at: datetime, rules: policy.Rules) -> Standing:
    """The rate from the counted parts."""
    window, orders = window_at(at, rules), counts["rate_orders"]
    if orders >= KEPT_FROM:
        cache.add(_kept_as(seller_id, window), orders, KEPT_SECONDS)
    rate = Rate(counts["rate_counted"], orders + counts["rate_outside"])
    return Standing(rate, window, target_of(rules), rules, at)


def _kept_as(seller_id: int, window: Window) -> str:
    return f"orders-in-rate:{seller_id}:{window.start.isoformat()}"


def rate_shown(seller_id: int, now: datetime) -> Standing:
    """The rate that every page of a shop shows: the present one, with a large shop's orders as of the last minute.

    Whatever is decided or told goes by `rate_at`. One statement, and one for the policy.
    """
    rules = rules_at(now)
    counts = numbers_of(seller_id, parts_of_rate(seller_id, window_at(now, rules)))
    return standing_from(seller_id, counts, at=now, rules=rules)


def rate_at(seller_id: int, at: datetime, rules: policy.Rules | None = None) -> Standing:
    """A shop's rate as of any moment, from the rows that exist, by the policy of that moment (B14).

    One statement, and one for the policy if it is not given.
    """
    rules = rules or rules_at(at)
    window = window_at(at, rules)
    return Standing(rates_of([seller_id], window)[seller_id], window, target_of(rules), rules, at)


# --- many shops at once -----------------------------------------------------------------------------------

# |counted| and |orders ∪ counted| of each shop, in one statement whatever their number (domain 9.3).
RATES = """
SELECT s.id AS seller_id, coalesce(n.counted, 0) AS counted,
       coalesce(o.orders, 0) + coalesce(n.outside, 0) AS denominator
FROM unnest(%(sellers)s::bigint[]) AS s (id)
LEFT JOIN (
    SELECT seller_id, count(*) AS orders FROM orders_order
    WHERE seller_id = ANY(%(sellers)s::bigint[]) AND fulfillment_channel = 'SELLER'
      AND placed_at >= %(start)s AND placed_at < %(end)s AND payment_verified_at < %(end)s
    GROUP BY seller_id
) AS o ON o.seller_id = s.id
LEFT JOIN (
    SELECT c.seller_id, count(*) AS counted,
           count(*) FILTER (WHERE o.placed_at < %(start)s OR o.payment_verified_at IS NULL
                               OR o.payment_verified_at >= %(end)s) AS outside
    FROM (
        SELECT DISTINCT seller_id, order_id FROM cancellations_cancellation
        WHERE seller_id = ANY(%(sellers)s::bigint[]) AND counted AND NOT excluded
          AND cancelled_at >= %(start)s AND cancelled_at < %(end)s
    ) AS c JOIN orders_order AS o ON o.id = c.order_id AND o.fulfillment_channel = 'SELLER'
    GROUP BY c.seller_id
) AS n ON n.seller_id = s.id
"""


def rates_of(seller_ids: Iterable[int], window: Window) -> dict[int, Rate]:
    """The rates of shops over one window, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(RATES, {"sellers": list(seller_ids), "start": window.start, "end": window.end})
        return {seller_id: Rate(counted, orders) for seller_id, counted, orders in cursor.fetchall()}


def sellers_without_snapshot(day: date, *, limit: int) -> list[int]:
    """Shops of which nothing is kept for a day, in key order."""
    kept = RateSnapshot.objects.filter(seller_id=OuterRef("pk"), day=day)
    found = Seller.objects.filter(~Exists(kept)).order_by("pk")
    return list(found.values_list("pk", flat=True)[:limit])


def last_snapshot_day() -> date | None:
    """The latest day of which anything is kept (index `snapshots_by_day`)."""
    return RateSnapshot.objects.order_by("-day").values_list("day", flat=True).first()


def states_to_look_at(*, limit: int) -> list[RateState]:
    """The shops that were named since the last look, locked; those that another run holds are skipped."""
    named = RateState.objects.select_for_update(no_key=True, skip_locked=True).filter(look_again=True)
    return list(named.order_by("seller_id")[:limit])


def shops_at_risk() -> QuerySet[RateState]:
    """Shops over the target, as last looked at (index `rate_states_gravest_first`)."""
    return RateState.objects.filter(severity=SEVERITY[State.AT_RISK])


# --- what would be ----------------------------------------------------------------------------------------


def facts_of_orders(orders: Iterable[Order]) -> list[OrderFacts]:
    """What the rate looks at in orders."""
    return [
        OrderFacts(
            order.pk,
            order.placed_at,
            order.payment_verified_at,
            order.fulfillment_channel == Order.Channel.SELLER,
        )
        for order in orders
    ]


def counting_among(standing: Standing, order_ids: Collection[int]) -> frozenset[int]:
    """Which of these orders count in the window already."""
    window = standing.window
    found = Cancellation.objects.filter(
        order_id__in=order_ids,
        counted=True,
        excluded=False,
        cancelled_at__gte=window.start,
        cancelled_at__lt=window.end,
    )
    return frozenset(found.values_list("order_id", flat=True))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What happens by itself within 72 hours: orders that will be cancelled, and the rate that would follow."""

    orders: int
    counting: int
    after: Standing
    # Whether there are more than anybody looks at; then the rate is at least this far off.
    is_capped: bool = False


def forecast_of(standing: Standing, seller_id: int) -> Forecast:
    """The automatic cancellations of the next 72 hours, judged as the sweep will (domain 10)."""
    open_request = CancellationRequest.objects.filter(
        order_id=OuterRef("pk"), status=CancellationRequest.Status.OPEN
    )
    due = (
        Order.objects.filter(IS_OPEN_AT_SHOP, seller_id=seller_id, on_hold=False)
        .filter(auto_cancel_due_at__lte=standing.at + CANCEL_SOON)
        .annotate(requested_at=Subquery(open_request.values("requested_at")[:1]))
        .only("placed_at", "payment_verified_at", "fulfillment_channel", "ship_by_date")
        .order_by("auto_cancel_due_at", "pk")
    )
    orders = list(due[: FORECAST_CAP + 1])
    is_capped = len(orders) > FORECAST_CAP
    del orders[FORECAST_CAP:]
    counting = [order for order in orders if _would_count(order, standing.rules)]
    already = counting_among(standing, [order.pk for order in counting])
    after = standing.after(facts_of_orders(counting), counting=already)
    return Forecast(len(orders), len(counting), after, is_capped)


def _would_count(order: Any, rules: policy.Rules) -> bool:
    """Whether the automatic cancellation of an order would count: an open request may excuse it (D-18)."""
    verdict = policy.classify(
        policy.CancellationFacts(
            role="SYSTEM",
            reason=policy.Reason.AUTO_NOT_CONFIRMED,
            units={},
            covered={} if order.requested_at else None,
            requested_on=local_day(order.requested_at) if order.requested_at else None,
            ship_by_date=order.ship_by_date,
            open_request_counts=rules.auto_cancel_with_open_request_counts,
        )
    )
    return verdict.counted


# --- day by day -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """The rate of one day of the chart; `recorded` is what was kept that day, if it was corrected since."""

    day: date
    rate: Rate
    target: Target
    recorded: Rate | None = None

    @property
    def state(self) -> State:
        """How it stood to the target of that day."""
        return self.rate.state(self.target)

    @property
    def shown(self) -> str:
        """The rate as people read it."""
        return self.rate.shown(self.target)

    @property
    def recorded_shown(self) -> str:
        """What was recorded, where it was corrected since."""
        return self.recorded.shown(self.target) if self.recorded else ""


def days_of(standing: Standing, seller_id: int, *, days: int = CHART_DAYS) -> list[Day]:
    """The rates of the days that end with the standing's own: its own as it stands, the others as kept.

    A day without a snapshot is a day without data. Three statements.
    """
    last = local_day(standing.at)
    wanted = [last - timedelta(days=back) for back in range(days - 1, 0, -1)]
    kept = {
        snapshot.day: snapshot
        for snapshot in RateSnapshot.objects.filter(seller_id=seller_id, day__gte=wanted[0], day__lt=last)
    }
    targets = targets_of(wanted)
    found = [_day(day, kept.get(day), targets[day]) for day in wanted]
    return [*found, Day(last, standing.rate, standing.target)]


def targets_of(days: Sequence[date]) -> dict[date, Target]:
    """What each of these days was measured by: the policy of its last instant (E35), in one statement."""
    ends = [window_of_day(day, days=1, zone=zone()).end - INSTANT for day in days]
    return dict(zip(days, map(target_of, rules_by_day(ends)), strict=True))


def _day(day: date, snapshot: RateSnapshot | None, target: Target) -> Day:
    if snapshot is None:
        return Day(day, Rate(0, 0), target)
    recorded = Rate(snapshot.counted, snapshot.denominator)
    if snapshot.corrected_counted is None or snapshot.corrected_denominator is None:
        return Day(day, recorded, target)
    return Day(day, Rate(snapshot.corrected_counted, snapshot.corrected_denominator), target, recorded)


def latest_days(seller_ids: Iterable[int], *, since: date, target: Target) -> dict[int, list[Day]]:
    """The kept days of several shops, the oldest first, in one statement."""
    found: dict[int, list[Day]] = {}
    kept = RateSnapshot.objects.filter(seller_id__in=list(seller_ids), day__gte=since)
    for snapshot in kept.order_by("seller_id", "day"):
        found.setdefault(snapshot.seller_id, []).append(_day(snapshot.day, snapshot, target))
    return found


def kept_days(*, since: date, only_counted: bool) -> Iterator[tuple[int, date, int, int]]:
    """Shop, day, counted and looked-at orders of all kept days with orders, or with any that counts, as corrected."""
    counted, orders = Coalesce("corrected_counted", "counted"), Coalesce("corrected_denominator", "denominator")
    kept = RateSnapshot.objects.filter(day__gte=since).annotate(stands=counted, of=orders)
    kept = kept.filter(stands__gt=0) if only_counted else kept.filter(of__gt=0)
    return kept.values_list("seller_id", "day", "stands", "of").iterator(chunk_size=5000)


# --- its neighbour ----------------------------------------------------------------------------------------

# Late confirmations are looked at over these days; the target is under so many basis points (domain 9.7).
LATE_DAYS = (10, 30)
LATE_LIMIT = 400


@dataclass(frozen=True, slots=True)
class LateRate:
    """Orders confirmed after their ship-by date, of all confirmed ones, over some days up to now (domain 9.7)."""

    days: int
    late: int
    confirmed: int

    @property
    def rate(self) -> Rate:
        """The same as a rate."""
        return Rate(self.late, self.confirmed)

    @property
    def target(self) -> Target:
        """Under 4 %; nothing to watch before that."""
        return Target(limit=LATE_LIMIT, watch=LATE_LIMIT, window_days=self.days)

    @property
    def shown(self) -> str:
        """The rate as people read it."""
        return self.rate.shown(self.target)

    @property
    def state(self) -> State:
        """How it stands to its target."""
        return self.rate.state(self.target)


def late_rates(seller_id: int, *, now: datetime) -> list[LateRate]:
    """How many orders were confirmed late, over 10 and 30 days, in one statement (index `shipments_of_seller`).

    What an imported file says was sent is no confirmation of the shop's here.
    """
    starts = {days: window_until(now, days=days, zone=zone()).start for days in LATE_DAYS}
    is_late = Q(order__ship_by_date__lt=TruncDate("confirmed_at", tzinfo=zone()))
    counted = Shipment.objects.filter(
        seller_id=seller_id, confirmed_at__gte=min(starts.values()), confirmed_at__lte=now
    ).exclude(event__door=Door.IMPORT)
    found = counted.aggregate(
        **{
            f"{name}_{days}": Count("order", distinct=True, filter=Q(confirmed_at__gte=start) & of)
            for days, start in starts.items()
            for name, of in (("confirmed", Q()), ("late", is_late))
        }
    )
    return [LateRate(days, found[f"late_{days}"], found[f"confirmed_{days}"]) for days in LATE_DAYS]
