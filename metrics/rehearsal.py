"""What other limits would have made of the last 90 days: which shops would have been in another state (B15)."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.queries import shop_names
from orders.queries import local_day

from .queries import CHART_DAYS, kept_days, targets_of
from .rate import SEVERITY, Rate, State, Target

# The page shows so many shops, those that change most first.
MOST_SHOPS = 200


@dataclass(frozen=True, slots=True)
class Changed:
    """One shop: on how many days it was in each state, and would have been; days in both alike are left out."""

    seller_id: int
    name: str
    before: tuple[tuple[State, int], ...]
    after: tuple[tuple[State, int], ...]
    days: int
    worse: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """All shops that would have been in another state, and over which days that was looked at."""

    shops: tuple[Changed, ...]
    count: int
    looked_at: int


def rehearse(draft: Target, *, now: datetime) -> Rehearsal:
    """Judge the kept days of the last 90 once more, by a draft's limits; each was judged by the policy of its day.

    The days of a window are as they were kept: a draft changes what they are measured by.
    """
    today = local_day(now)
    first = today - timedelta(days=CHART_DAYS)
    wanted = [first + timedelta(days=offset) for offset in range(CHART_DAYS)]
    targets = targets_of(wanted)
    # Days on which nothing counts stand alike under all limits, but not under another least number of orders.
    only_counted = all(target.min_orders == draft.min_orders for target in targets.values())
    moved: dict[int, list[tuple[State, State]]] = defaultdict(list)
    looked_at = 0
    for seller_id, day, counted, orders in kept_days(since=first, only_counted=only_counted):
        looked_at += 1
        rate = Rate(counted, orders)
        before, after = rate.told_state(targets[day]), rate.told_state(draft)
        if before != after:
            moved[seller_id].append((before, after))
    names = shop_names(moved)
    shops = sorted(
        (_changed(seller_id, names[seller_id], days) for seller_id, days in moved.items()),
        key=lambda each: (-each.worse, -each.days, each.name),
    )
    return Rehearsal(tuple(shops[:MOST_SHOPS]), len(shops), looked_at)


def _changed(seller_id: int, name: str, days: list[tuple[State, State]]) -> Changed:
    before, after = Counter(was for was, _ in days), Counter(would_be for _, would_be in days)
    worse = sum(SEVERITY[would_be] > SEVERITY[was] for was, would_be in days)
    return Changed(seller_id, name, _listed(before), _listed(after), len(days), worse)


def _listed(states: Counter) -> tuple[tuple[State, int], ...]:
    return tuple((state, states[state]) for state in State if states[state])
