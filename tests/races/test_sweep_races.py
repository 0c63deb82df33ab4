"""The sweep beside a person who wants the same order: who holds it first wins, the sweep never waits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import transaction

from cancellations.policy import Reason
from orders.actions import hold, set_ship_by
from orders.models import Order
from orders.outcomes import Outcome
from tests.books import offences
from tests.cast import Cast
from tests.factories import NOON
from tests.races import arena
from tests.races.arena import DUE, Act, beside, forced, goes_wrong, storm, sweep, winner_of, without_locks

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Race:
    """What a person does to an overdue order, what they are told behind the sweep, and what is true if they won."""

    prepare: Callable[[Cast], Order]
    act: Callable[[Cast, Order], Act]
    behind: str
    won: Callable[[Order], None]

    def acts(self, cast: Cast, order: Order) -> list[Act]:
        """The sweep, then the person."""
        return [lambda: sweep(order), self.act(cast, order)]

    def check(self, order: Order, outcomes: Sequence[Outcome]) -> None:
        """One winner; the sweep passed by, or the person was told the order's state; the books are sound."""
        swept, acted = outcomes
        if winner_of(outcomes) == 0:
            assert (acted.code, acted.status) == (self.behind, "CANCELED")
            assert arena.assert_cancelled_once(order).code == "MKT-1"
        else:
            assert swept.code == "SKIPPED"
            self.won(order)
        assert offences(now=NOON) == {}


def requested(cast: Cast) -> Order:
    order = cast.order()
    cast.request(order)
    return order


def cancelled_as(code: str) -> Callable[[Order], None]:
    def won(order: Order) -> None:
        assert arena.assert_cancelled_once(order).code == code

    return won


def goes_on(order: Order) -> None:
    order.refresh_from_db()
    assert order.status == "UNSHIPPED"
    assert order.on_hold or order.auto_cancel_due_at > DUE


def extend(cast: Cast, order: Order) -> Act:
    later = (DUE + timedelta(days=3)).date()
    return lambda: set_ship_by(
        order_ids=[order.pk], ship_by_date=later, auto_cancel_days=7, note="x", by=cast.operator, now=DUE
    )[0]


RACES = {
    "R-12 the seller cancels for want of stock": Race(
        prepare=lambda cast: cast.order(),
        act=lambda cast, order: lambda: cast.cancel(order, Reason.NO_INVENTORY, now=DUE),
        behind="ORDER_NOT_CANCELABLE",
        won=cancelled_as("SEL-1"),
    ),
    "R-12 the seller honours the buyer's request": Race(
        prepare=requested,
        act=lambda cast, order: lambda: cast.cancel(order, Reason.BUYER_CANCELED, now=DUE),
        behind="ORDER_NOT_CANCELABLE",
        won=cancelled_as("BUY-1"),
    ),
    "R-13 the operator holds": Race(
        prepare=lambda cast: cast.order(),
        act=lambda cast, order: lambda: hold(order_ids=[order.pk], note="x", by=cast.operator, now=DUE)[0],
        behind="ORDER_NOT_CANCELABLE",
        won=goes_on,
    ),
    "R-13 the operator extends": Race(
        prepare=lambda cast: cast.order(), act=extend, behind="ORDER_NOT_CANCELABLE", won=goes_on
    ),
}
each_race = pytest.mark.parametrize("race", RACES.values(), ids=RACES)


@each_race
def test_behind_the_sweep_a_person_is_told_the_state(cast, race):
    order = race.prepare(cast)
    outcomes = forced(*race.acts(cast, order))
    assert winner_of(outcomes) == 0
    race.check(order, outcomes)


@each_race
def test_the_sweep_passes_by_what_a_person_holds_and_looks_again_later(cast, race):
    order = race.prepare(cast)
    with transaction.atomic():
        acted = race.act(cast, order)()
        swept = beside(lambda: sweep(order))
    race.check(order, [swept, acted])
    assert sweep(order).code == "SKIPPED"
    race.check(order, [swept, acted])


@each_race
def test_in_a_storm_the_sweep_or_the_person_wins(cast, race):
    current: list[Order] = []

    def prepare() -> Sequence[Act]:
        current[:] = [race.prepare(cast)]
        return race.acts(cast, current[0])

    storm(prepare, lambda outcomes: race.check(current[0], outcomes))


@each_race
def test_without_the_lock_the_sweep_takes_what_a_person_has(cast, race, monkeypatch):
    order = race.prepare(cast)
    with without_locks(monkeypatch):
        assert goes_wrong(race.acts(cast, order), lambda outcomes: race.check(order, outcomes))
