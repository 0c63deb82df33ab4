"""The state last told to each shop: looked at after cancellations that count and after every snapshot; worsening is
mailed.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from accounts.actors import SWEEP
from cancellations.queries import rules_at
from events.actions import Entry, record
from metrics.models import RateState
from metrics.queries import Standing, rates_of, states_to_look_at, target_of, window_at
from metrics.rate import SEVERITY, is_worse

SELLERS_PER_BATCH = 500


def look_again(*, seller_id: int) -> None:
    """Name a shop whose rate may have changed; a task looks at it soon."""
    RateState.objects.update_or_create(
        seller_id=seller_id, defaults={"look_again": True}, create_defaults={"look_again": True}
    )


def look_at_states(*, now: datetime) -> int:
    """Look at the rates of the shops that were named since; tell those whose state got worse.

    Returns how many were told (M-21). Two runs at once share the work: a shop is told once.
    """
    told = 0
    while True:
        with transaction.atomic():
            states = states_to_look_at(limit=SELLERS_PER_BATCH)
            told += _look(states, now)
        if not states:
            return told


def _look(states: Sequence[RateState], now: datetime) -> int:
    """Compare the states of these shops with those last told, under their lock."""
    rules = rules_at(now)
    window, target = window_at(now, rules), target_of(rules)
    rates = rates_of([state.seller_id for state in states], window) if states else {}
    changed: list[Entry] = []
    worsened = 0
    for row in states:
        standing = Standing(rates[row.seller_id], window, target, rules, now)
        row.look_again = False
        if standing.told_state == row.state:
            continue
        got_worse = is_worse(standing.told_state, RateState.State(row.state))
        changed.append(_entry("rate.worsened" if got_worse else "rate.improved", row.seller_id, standing))
        worsened += got_worse
        row.state, row.since = standing.told_state.value, now
        row.severity = SEVERITY[standing.told_state]
    RateState.objects.bulk_update(
        states, ["state", "since", "severity", "look_again"], batch_size=SELLERS_PER_BATCH
    )
    record(changed, by=SWEEP, now=now)
    return worsened


def _entry(name: str, seller_id: int, standing: Standing) -> Entry:
    return Entry(
        name,
        subject=f"seller:{seller_id}",
        payload={
            "state": standing.told_state.value,
            "counted": standing.rate.counted,
            "orders": standing.rate.orders,
        },
        seller_id=seller_id,
    )
