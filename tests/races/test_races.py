"""Who wins when two want the same order: each race forced in both orders, in a storm, and with a control."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pytest
from django.db import transaction

from accounts.actors import PAYMENT, Door
from cancellations.actions import cancel_overdue
from cancellations.models import Cancellation, CancellationRequest
from cancellations.policy import Interlock, Reason
from events.idempotency import once
from events.models import Event, IdempotencyKey
from orders.actions import hold
from orders.models import Order
from orders.outcomes import Outcome, Result
from payments.models import Charge
from payments.refunds import RefundTarget, refund
from payments.rules import RefundReason
from tests.books import offences
from tests.cast import LATER, Cast, deliver, lines_of, names_of
from tests.factories import NOON, seller_actor
from tests.races import arena
from tests.races.arena import DUE, Act, forced, goes_wrong, storm, sweep, winner_of, without_locks

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Race:
    """Two acts on one order, what one of them gets when the other was first, and what must be true afterwards.

    `losses` gives the code that the act of this place gets when it comes second; none if it asked for what is so by
    then, and nothing changes.
    """

    prepare: Callable[[Cast], Order]
    acts: Callable[[Cast, Order], Sequence[Act]]
    losses: tuple[str, str]
    after: Callable[[Order, int], None]

    def check(self, order: Order, outcomes: Sequence[Outcome]) -> None:
        """One winner; the other was refused by name; the books are sound."""
        won = winner_of(outcomes)
        lost = outcomes[1 - won]
        code = self.losses[1 - won]
        assert (lost.result, lost.code) == (Result.ERROR if code else Result.NO_CHANGE, code)
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


def declined_or_cancelled(code: str) -> Callable[[Order, int], None]:
    """The first act declines or withdraws and the order goes on; the second cancels it under this code."""

    def after(order: Order, won: int) -> None:
        if won == 0:
            assert not Cancellation.objects.filter(order=order).exists()
            assert CancellationRequest.objects.get(order=order).status in {"DECLINED", "WITHDRAWN"}
            assert offences(now=NOON) == {}
        else:
            assert arena.assert_cancelled_once(order).code == code

    return after


def requested_or_cancelled(order: Order, won: int) -> None:
    """The first act asks, the second cancels without having seen it."""
    if won == 0:
        arena.assert_sound_and_told_once(order, "cancellation.requested")
        assert not Cancellation.objects.filter(order=order).exists()
    else:
        assert arena.assert_cancelled_once(order).code == "SEL-1"
        assert not CancellationRequest.objects.filter(order=order).exists()


def ended_as(*statuses: str) -> Callable[[Order, int], None]:
    """Both acts end the request; its status is the winner's."""

    def after(order: Order, won: int) -> None:
        assert CancellationRequest.objects.get(order=order).status == statuses[won]
        assert offences(now=NOON) == {}

    return after


def two_of_three_gone(order: Order, won: int) -> None:
    """Two of three units are cancelled or shipped, never four; one is open."""
    line = order.items.get()
    assert (line.quantity_ordered, line.quantity_open) == (3, 1)
    assert offences(now=NOON) == {}


def held_or_shipped(order: Order, won: int) -> None:
    """The first act holds, the second ships."""
    order.refresh_from_db()
    if won == 0:
        assert (order.on_hold, order.shipments.count(), order.charges.count()) == (True, 0, 0)
        assert offences(now=NOON) == {}
    else:
        assert order.on_hold is False
        arena.assert_shipped_once(order)


def two_units(order: Order) -> dict[int, int]:
    return dict.fromkeys(lines_of(order), 2)


def charged(cast: Cast) -> Order:
    """One of 1,000 yen with 300 for sending, confirmed as sent and charged."""
    order = cast.order()
    deliver(NOON)
    cast.confirm(order)
    return order


def give_back(cast: Cast, order: Order, amount: int) -> Outcome:
    target = RefundTarget(order.pk, RefundReason.RETURN, beside=Decimal(amount))
    return refund(targets=[target], by=cast.seller, now=LATER)[0]


def partly_charged(cast: Cast) -> Order:
    """Two lines of 1,000 yen, the first confirmed as sent: charged, one unit open."""
    order = cast.order(1, 1)
    deliver(NOON)
    cast.confirm(order, {lines_of(order)[0]: 1})
    return order


def give_all_back(cast: Cast, order: Order) -> Outcome:
    target = RefundTarget(order.pk, RefundReason.RETURN, whole=True, expected_version=order.version + 1)
    return refund(targets=[target], by=cast.seller, now=LATER)[0]


def given_back_once(order: Order, won: int) -> None:
    """800 of 1,300 went back, and not 800 twice."""
    assert [row.amount for row in order.refunds.all()] == [800]
    assert offences(now=NOON) == {}


RACES = {
    "R-18 two refund 800 of 1,300 each": Race(
        prepare=charged,
        acts=lambda cast, order: [lambda: give_back(cast, order, 800), lambda: give_back(cast, order, 800)],
        losses=("REFUND_EXCEEDS_CHARGE", "REFUND_EXCEEDS_CHARGE"),
        after=given_back_once,
    ),
    "R-18 a refund of all and the cancellation of the open rest": Race(
        prepare=partly_charged,
        acts=lambda cast, order: [
            lambda: give_all_back(cast, order),
            lambda: cast.cancel(order, units={lines_of(order)[1]: 1}, expected_version=order.version + 1),
        ],
        losses=("VERSION_CONFLICT", "VERSION_CONFLICT"),
        after=lambda order, won: (offences(now=NOON) == {} or pytest.fail("the books are wrong")) and None,
    ),
    "R-19 payment refused and the buyer's direct cancel": Race(  # E20
        prepare=lambda cast: cast.order(verified=False),
        acts=lambda cast, order: [
            lambda: cast.cancel_alone(order),
            lambda: cast.cancel(order, Reason.PAYMENT_FAILED, by=PAYMENT, now=NOON),
        ],
        losses=("ORDER_NOT_CANCELABLE", "ORDER_NOT_CANCELABLE"),
        after=cancelled_by("BUY-0", "MKT-3"),
    ),
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
    "R-14 two pages cancel for the same reason": Race(
        prepare=lambda cast: cast.order(),
        acts=lambda cast, order: [
            lambda: cast.cancel(order, Reason.NO_INVENTORY),
            lambda: cast.cancel(order, Reason.NO_INVENTORY, by=seller_actor(cast.bob)),
        ],
        losses=("", ""),  # the same result: nothing is left to do
        after=cancelled_by("SEL-1", "SEL-1"),
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
    "R-04 request and seller's cancel": Race(
        prepare=lambda cast: cast.order(),
        acts=lambda cast, order: [
            lambda: cast.request(order),
            lambda: cast.cancel(order, Reason.NO_INVENTORY, expected_version=1),
        ],
        losses=("ORDER_NOT_CANCELABLE", "VERSION_CONFLICT"),
        after=requested_or_cancelled,
    ),
    "R-06 withdraw and decline": Race(
        prepare=requested,
        acts=lambda cast, order: [lambda: cast.withdraw(order), lambda: cast.decline(order)],
        losses=("REQUEST_NOT_OPEN", "REQUEST_NOT_OPEN"),
        after=ended_as("WITHDRAWN", "DECLINED"),
    ),
    "R-07 one colleague declines, another approves": Race(
        prepare=requested,
        acts=lambda cast, order: [
            lambda: cast.decline(order),
            lambda: cast.cancel(order, Reason.BUYER_CANCELED, expected_version=2, by=seller_actor(cast.bob)),
        ],
        losses=("REQUEST_NOT_OPEN", "VERSION_CONFLICT"),
        after=declined_or_cancelled("BUY-1"),
    ),
    "R-16 two cancel two of the same three units": Race(
        prepare=lambda cast: cast.order(3),
        acts=lambda cast, order: [
            lambda: cast.cancel(order, units=two_units(order)),
            lambda: cast.cancel(order, units=two_units(order), by=seller_actor(cast.bob)),
        ],
        losses=("QUANTITY_EXCEEDS_OPEN", "QUANTITY_EXCEEDS_OPEN"),
        after=two_of_three_gone,
    ),
    "R-17 one cancels two of three units, another ships two": Race(
        prepare=lambda cast: cast.order(3),
        acts=lambda cast, order: [
            lambda: cast.cancel(order, units=two_units(order)),
            lambda: cast.confirm(order, two_units(order)),
        ],
        losses=("QUANTITY_EXCEEDS_OPEN", "QUANTITY_EXCEEDS_OPEN"),
        after=two_of_three_gone,
    ),
    "R-32 the operator holds, the seller confirms": Race(
        prepare=lambda cast: cast.order(),
        acts=lambda cast, order: [
            lambda: hold(order_ids=[order.pk], note="x", by=cast.operator, now=LATER)[0],
            lambda: cast.confirm(order),
        ],
        losses=("ORDER_NOT_CANCELABLE", "ORDER_ON_HOLD"),
        after=held_or_shipped,
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
