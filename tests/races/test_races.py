"""Who wins when two want the same order: each race forced in both orders, in a storm, and with a control."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from django.db import transaction

from accounts.actors import Door
from cancellations.actions import CancelTarget, cancel, cancel_overdue
from cancellations.models import Cancellation, CancellationRequest
from cancellations.policy import Interlock, Reason
from events.actions import once
from events.models import Event, IdempotencyKey
from orders.models import Order
from orders.outcomes import Outcome, Result
from payments.models import Charge
from tests.books import offences
from tests.cast import LATER, Cast, names_of
from tests.factories import NOON, seller_actor
from tests.races import arena
from tests.races.arena import Act, at_once, forced, goes_wrong, storm, winner_of, without_locks

pytestmark = pytest.mark.django_db(transaction=True)

DUE = datetime(2026, 7, 11, 15, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Race:
    """Two acts on one order, what one of them gets when the other was first, and what must be true afterwards.

    `losses` gives the code that the act of this place gets when it comes second.
    """

    prepare: Callable[[Cast], Order]
    acts: Callable[[Cast, Order], Sequence[Act]]
    losses: tuple[str, str]
    after: Callable[[Order, int], None]

    def check(self, order: Order, outcomes: Sequence[Outcome]) -> None:
        """One winner; the other was refused by name; the books are sound."""
        won = winner_of(outcomes)
        lost = outcomes[1 - won]
        assert (lost.result, lost.code) == (Result.ERROR, self.losses[1 - won])
        assert lost.status == Order.objects.get(pk=order.pk).status
        self.after(order, won)


def cancelled_or_shipped(order: Order, won: int) -> None:
    """The first act cancels, the second ships."""
    if won == 0:
        arena.assert_cancelled_once(order)
        assert not Charge.objects.filter(order=order).exists()
    else:
        arena.assert_shipped_once(order)


def cancelled_by(*codes: str) -> Callable[[Order, int], None]:
    """Both acts cancel; the code is the winner's and nobody else's."""

    def after(order: Order, won: int) -> None:
        assert arena.assert_cancelled_once(order).code == codes[won]

    return after


def withdrawn_or_approved(order: Order, won: int) -> None:
    """The first act withdraws the request, the second honours it (E6, E7)."""
    request = CancellationRequest.objects.get(order=order)
    if won == 0:
        assert request.status == "WITHDRAWN"
        assert not Cancellation.objects.filter(order=order).exists()
        arena.assert_sound_and_told_once(order, "cancellation.withdrawn")
    else:
        assert request.status == "APPROVED"
        done = arena.assert_cancelled_once(order)
        assert (done.code, done.counted) == ("BUY-1", False)


def requested(cast: Cast) -> Order:
    """An order with an open request."""
    order = cast.order()
    cast.request(order)
    return order


def sweep(order: Order) -> Outcome:
    """The sweep's answer about an order: it picks for itself, and skips what somebody else holds."""
    outcomes = [one for one in cancel_overdue(now=DUE) if one.order_id == order.pk]
    return outcomes[0] if outcomes else Outcome(order.pk, Result.ERROR, "SKIPPED", _status_of(order))


def _status_of(order: Order) -> str:
    return Order.objects.get(pk=order.pk).status


RACES = {
    "R-01 buyer's direct cancel and confirm": Race(
        prepare=lambda cast: cast.order(),
        acts=lambda cast, order: [lambda: cast.cancel_alone(order), lambda: cast.confirm(order, now=NOON)],
        losses=("ORDER_NOT_CANCELABLE", "ORDER_NOT_SHIPPABLE"),
        after=cancelled_or_shipped,
    ),
    "R-02 buyer's direct cancel and seller's cancel": Race(
        prepare=lambda cast: cast.order(),
        acts=lambda cast, order: [
            lambda: cast.cancel_alone(order),
            lambda: cast.cancel(order, Reason.NO_INVENTORY, now=NOON),
        ],
        losses=("ORDER_NOT_CANCELABLE", "ORDER_NOT_CANCELABLE"),
        after=cancelled_by("BUY-0", "SEL-1"),
    ),
    "R-05 withdraw and cancel as the buyer asked": Race(
        prepare=requested,
        acts=lambda cast, order: [
            lambda: cast.withdraw(order),
            lambda: cast.cancel(order, Reason.BUYER_CANCELED, expected_version=2),
        ],
        losses=("REQUEST_NOT_OPEN", "VERSION_CONFLICT"),
        after=withdrawn_or_approved,
    ),
    "R-08 two colleagues cancel for different reasons": Race(
        prepare=lambda cast: cast.order(),
        acts=lambda cast, order: [
            lambda: cast.cancel(order, Reason.NO_INVENTORY),
            lambda: cast.cancel(order, Reason.ADDRESS_UNDELIVERABLE, by=seller_actor(cast.bob)),
        ],
        losses=("ORDER_NOT_CANCELABLE", "ORDER_NOT_CANCELABLE"),
        after=cancelled_by("SEL-1", "SEL-2"),
    ),
    # The page stops once at an open request; if the confirmation is first, the request is refused (E4).
    "R-03 request and confirm": Race(
        prepare=lambda cast: cast.order(),
        acts=lambda cast, order: [
            lambda: cast.request(order),
            lambda: cast.confirm(order, interlock=Interlock.ASK),
        ],
        losses=("ORDER_NOT_CANCELABLE", "OPEN_CANCELLATION_REQUEST"),
        after=lambda order, won: (
            arena.assert_sound_and_told_once(order, "cancellation.requested") and None
            if won == 0
            else arena.assert_shipped_once(order)
        ),
    ),
}
each_race = pytest.mark.parametrize("race", RACES.values(), ids=RACES)


@each_race
def test_who_locks_first_wins_and_the_other_is_told_so(cast, race):
    for first in (0, 1):
        order = race.prepare(cast)
        acts = race.acts(cast, order)
        ahead, behind = forced(acts[first], acts[1 - first])
        outcomes = (ahead, behind) if first == 0 else (behind, ahead)
        assert winner_of(outcomes) == first
        race.check(order, outcomes)


@each_race
def test_in_a_storm_there_is_one_winner_each_time(cast, race):
    current: list[Order] = []

    def prepare() -> Sequence[Act]:
        current[:] = [race.prepare(cast)]
        return race.acts(cast, current[0])

    storm(prepare, lambda outcomes: race.check(current[0], outcomes))


@each_race
def test_without_the_lock_the_race_is_lost(cast, race, monkeypatch):
    order = race.prepare(cast)
    with without_locks(monkeypatch):
        assert goes_wrong(race.acts(cast, order), lambda outcomes: race.check(order, outcomes))


# --- R-03, through files and API ----------------------------------------------------------------------------


def test_a_system_that_confirms_behind_a_request_goes_through_with_a_warning(cast):  # R-03, E4
    order = cast.order()
    requested_first, confirmed = forced(lambda: cast.request(order), lambda: cast.confirm(order))
    assert requested_first.result == Result.DONE
    assert (confirmed.result, confirmed.code) == (Result.WARNING, "OPEN_CANCELLATION_REQUEST")
    request = CancellationRequest.objects.get()
    assert (request.status, request.close_reason) == ("CLOSED", "SHIPPED")
    arena.assert_shipped_once(order)


# --- R-09, one form sent twice ------------------------------------------------------------------------------


def send(cast: Cast, order: Order) -> dict:
    """What a page does with a form's key."""
    return once(
        owner=f"user:{cast.alice.pk}",
        key=f"form-{order.pk}",
        content={"reason": "NO_INVENTORY"},
        now=NOON,
        act=lambda: cast.cancel(order).as_dict(),
    )


def check_sent(order: Order, answers: list[dict]) -> None:
    """Both answers show the one act."""
    assert answers[0] == answers[1]
    assert (answers[0]["result"], answers[0]["status"]) == ("DONE", "CANCELED")
    arena.assert_cancelled_once(order)
    assert IdempotencyKey.objects.filter(key=f"form-{order.pk}").count() == 1


def test_a_double_click_waits_for_the_first_and_gets_its_answer(cast):
    order = cast.order()
    check_sent(order, list(forced(lambda: send(cast, order), lambda: send(cast, order))))


def test_in_a_storm_of_clicks_all_answers_show_the_one_act(cast):
    current: list[Order] = []

    def prepare():
        current[:] = [cast.order()]
        return [lambda: send(cast, current[0])] * 3

    storm(prepare, lambda answers: check_sent(current[0], answers) or check_sent(current[0], answers[1:]))


def test_without_the_key_the_second_click_gets_another_answer(cast, monkeypatch):
    order = cast.order()
    with without_locks(monkeypatch):
        acts = [lambda: cast.cancel(order).as_dict()] * 2
        assert goes_wrong(acts, lambda answers: check_sent(order, answers))


# --- R-10, the sweep and a confirmation ---------------------------------------------------------------------


def swept_or_shipped(order: Order, outcomes: Sequence[Outcome]) -> None:
    """One of them won: the order is cancelled and not charged, or shipped and not cancelled."""
    swept, confirmed = outcomes
    won = winner_of(outcomes)
    assert swept.code == ("" if won == 0 else "SKIPPED")
    assert confirmed.code == ("ORDER_NOT_SHIPPABLE" if won == 0 else "")
    cancelled_or_shipped(order, won)


def test_a_confirmation_behind_the_sweep_is_refused(cast):
    order = cast.order()
    outcomes = forced(lambda: sweep(order), lambda: cast.confirm(order, now=DUE))
    assert winner_of(outcomes) == 0
    swept_or_shipped(order, outcomes)


def test_the_sweep_passes_by_an_order_that_is_being_confirmed(cast):  # R-10, D-26
    order = cast.order()
    with transaction.atomic():
        confirmed = cast.confirm(order, now=DUE)
        behind = arena.Runner(lambda: sweep(order))
        behind.start()
        swept = behind.result()  # it does not wait
    swept_or_shipped(order, [swept, confirmed])
    assert sweep(order).code == "SKIPPED"


def sweep_and_confirm(cast: Cast, order: Order) -> list[Act]:
    return [lambda: sweep(order), lambda: cast.confirm(order, now=DUE)]


def test_in_a_storm_the_sweep_or_the_confirmation_wins(cast):
    current: list[Order] = []

    def prepare():
        current[:] = [cast.order()]
        return sweep_and_confirm(cast, current[0])

    storm(prepare, lambda outcomes: swept_or_shipped(current[0], outcomes))


def test_without_the_lock_the_sweep_cancels_what_is_being_shipped(cast, monkeypatch):
    order = cast.order()
    with without_locks(monkeypatch):
        assert goes_wrong(sweep_and_confirm(cast, order), lambda outcomes: swept_or_shipped(order, outcomes))


# --- R-11, three sweeps -------------------------------------------------------------------------------------


def check_swept(orders: Sequence[Order], answers: list[list[Outcome]]) -> None:
    """Each order was cancelled by one of the sweeps, once."""
    done = [one.order_id for outcomes in answers for one in outcomes if one.result == Result.DONE]
    assert sorted(done) == [order.pk for order in orders]
    assert {one.result for outcomes in answers for one in outcomes} == {Result.DONE}
    assert all(names_of(order) == ["order.placed", "order.cancelled"] for order in orders)
    assert Event.objects.filter(order__in=orders, name="order.cancelled", door=Door.SWEEP).count() == len(orders)
    assert offences(now=NOON) == {}


def test_a_second_sweep_takes_what_the_first_does_not_hold_and_does_not_wait(cast):
    orders = cast.orders(4)
    with transaction.atomic():
        held = cancel_overdue(now=DUE, limit=2)
        others = [arena.Runner(lambda: cancel_overdue(now=DUE, limit=2)) for _ in range(2)]
        answers = [held]
        for other in others:
            other.start()
            answers.append(other.result())
    check_swept(orders, answers)
    assert [len(answer) for answer in answers] == [2, 2, 0]


def drain() -> list[Outcome]:
    """A whole run of the sweep, two orders at a time."""
    found = []
    while outcomes := cancel_overdue(now=DUE, limit=2):
        found += outcomes
    return found


def test_in_a_storm_of_three_sweeps_each_order_is_cancelled_once(cast):
    current: list[Order] = []

    def prepare():
        current[:] = cast.orders(6)
        return [drain] * 3

    storm(prepare, lambda answers: check_swept(current, answers))


def test_without_the_lock_two_sweeps_cancel_the_same_order(cast, monkeypatch):
    orders = cast.orders(2)
    with without_locks(monkeypatch):
        assert goes_wrong([lambda: cancel_overdue(now=DUE)] * 2, lambda answers: check_swept(orders, answers))


# --- batches that cross (R-26) ------------------------------------------------------------------------------


def test_batches_that_name_the_same_orders_the_other_way_round_do_not_deadlock(cast):
    def prepare():
        keys = [order.pk for order in cast.orders(8)]

        def cancel_all(order_of):
            targets = [CancelTarget(key, Reason.OTHER) for key in order_of]
            return lambda: cancel(targets=targets, by=cast.seller, now=LATER)

        return [cancel_all(keys), cancel_all(keys[::-1])]

    def check(answers):
        done = sorted(one.order_id for outcomes in answers for one in outcomes if one.result == Result.DONE)
        assert done == sorted({one.order_id for one in answers[0]})
        assert {one.result for outcomes in answers for one in outcomes} == {Result.DONE, Result.NO_CHANGE}

    storm(prepare, check, rounds=max(arena.ROUNDS // 3, 5))
    assert offences(now=NOON) == {}
    assert at_once() == []
