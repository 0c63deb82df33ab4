"""Many at once: crossing batches, ten clicks, a page that looks while others decide, a click that waits for a lock."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cancellations import actions as cancelling
from cancellations.actions import CancelTarget, cancel, see_requests
from cancellations.models import Cancellation, CancellationRequest
from cancellations.policy import Reason
from cancellations.queries import rules_at
from orders import queries as order_queries
from orders.models import Order
from orders.outcomes import Outcome, Result
from orders.queries import attach_lines
from tests.books import offences
from tests.cast import LATER, Cast
from tests.factories import NOON
from tests.processes import eventually
from tests.races import arena
from tests.races.arena import (
    Act,
    Gate,
    Runner,
    at_once,
    beside,
    blockers_of,
    forced,
    goes_wrong,
    storm,
    without_locks,
)

pytestmark = pytest.mark.django_db(transaction=True)


# --- batches that cross (R-26) ------------------------------------------------------------------------------


def cancel_all(cast: Cast, keys: Sequence[int]) -> Act:
    targets = [CancelTarget(key, Reason.OTHER) for key in keys]
    return lambda: cancel(targets=targets, by=cast.seller, now=LATER)


def crossing(cast: Cast, count: int) -> list[Act]:
    """The same orders, from the first to the last and the other way round."""
    keys = [order.pk for order in cast.orders(count)]
    return [cancel_all(cast, keys), cancel_all(cast, keys[::-1])]


def check_crossed(answers: Sequence[Sequence[Outcome]]) -> None:
    """One batch cancelled all of them, the other was told that nothing was left to do."""
    first, second = sorted(answers, key=lambda outcomes: outcomes[0].result)
    assert {one.result for one in first} == {Result.DONE}
    assert {one.result for one in second} == {Result.NO_CHANGE}


def test_a_batch_behind_another_waits_for_the_first_order_of_both(cast):
    ahead, behind = crossing(cast, 50)
    check_crossed(forced(ahead, behind))
    assert Cancellation.objects.count() == 50
    assert offences(now=NOON) == {}


def test_batches_that_name_the_same_orders_the_other_way_round_do_not_deadlock(cast):
    storm(lambda: crossing(cast, 50), check_crossed, rounds=max(arena.ROUNDS // 3, 5))
    assert offences(now=NOON) == {}


def test_locked_in_the_order_asked_crossing_batches_deadlock(cast, monkeypatch):  # R-26, control
    gate = Gate(2)

    def lock_as_asked(order_ids, *, skip_locked: bool = False) -> dict[int, Order]:
        locked = {}
        for key in order_ids:
            locked[key] = Order.objects.select_for_update(of=("self",)).get(pk=key)
            gate.wait()
        attach_lines(locked.values())
        return locked

    monkeypatch.setattr(order_queries, "lock_orders", lock_as_asked)
    assert goes_wrong(crossing(cast, 2), check_crossed)


# --- ten requests at once (R-27) ----------------------------------------------------------------------------

TEN = 10


def ask(cast: Cast, order: Order) -> list[Act]:
    return [lambda: cast.request(order)] * TEN


def check_asked(order: Order, outcomes: Sequence[Outcome]) -> None:
    """One request; nine are told that there is one."""
    assert sorted((one.result, one.code) for one in outcomes) == [
        (Result.DONE, ""),
        *[(Result.ERROR, "REQUEST_ALREADY_OPEN")] * (TEN - 1),
    ]
    assert CancellationRequest.objects.filter(order=order).count() == 1
    arena.assert_sound_and_told_once(order, "cancellation.requested")


def test_a_second_request_behind_the_first_is_told_that_there_is_one(cast):
    order = cast.order()
    ahead, behind = forced(*ask(cast, order)[:2])
    check_asked(order, [ahead, *[behind] * (TEN - 1)])


def test_of_ten_requests_at_once_one_is_made(cast):
    current: list[Order] = []

    def prepare() -> list[Act]:
        current[:] = [cast.order()]
        return ask(cast, current[0])

    storm(prepare, lambda outcomes: check_asked(current[0], outcomes), rounds=max(arena.ROUNDS // 3, 5))


def test_without_the_lock_two_requests_are_made_or_the_database_refuses(cast, monkeypatch):  # R-27, control
    order = cast.order()
    with without_locks(monkeypatch, parties=TEN):
        assert goes_wrong(ask(cast, order), lambda outcomes: check_asked(order, outcomes))


def test_ten_clicks_on_the_form_lead_to_the_same_page(cast):  # R-27, from outside
    order = cast.order()
    (line,) = order.items.all()
    address = reverse("buyer:order-request", args=[order.number])
    body = {
        f"take-{line.item_id}": "on",
        f"quantity-{line.item_id}": "1",
        "reason": "NO_LONGER_NEEDED",
        "text": "",
    }
    clients = [Client() for _ in range(TEN)]
    for client in clients:
        client.force_login(cast.dora)
    runners = at_once(
        *[
            lambda client=client, key=key: client.post(address, body | {"key": f"click-{key}"})
            for key, client in enumerate(clients)
        ]
    )
    answers = [runner.result() for runner in runners]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {
        (302, reverse("buyer:order", args=[order.number]) + "#said")
    }
    assert CancellationRequest.objects.count() == 1


# --- a page that looks while others decide ------------------------------------------------------------------


def test_looking_at_requests_waits_for_nobody_and_marks_the_rest(cast):
    orders = cast.orders(3)
    for order in orders:
        cast.request(order)
    keys = [order.pk for order in orders]
    with transaction.atomic():
        cast.decline(orders[1])
        look = lambda: see_requests(seller_id=cast.shop.pk, order_ids=keys[::-1], now=LATER)  # noqa: E731
        assert beside(look) == 2
    seen = CancellationRequest.objects.filter(seen_by_seller_at=LATER)
    assert set(seen.values_list("order_id", flat=True)) == {keys[0], keys[2]}
    assert look() == 0  # the declined one is no longer open


def test_two_colleagues_look_and_one_approves_all_without_a_deadlock(cast):
    def prepare() -> list[Act]:
        orders = cast.orders(20)
        for order in orders:
            cast.request(order)
        keys = [order.pk for order in orders]
        approve = [CancelTarget(key, Reason.BUYER_CANCELED) for key in keys]
        return [
            lambda: see_requests(seller_id=cast.shop.pk, order_ids=keys, now=LATER),
            lambda: see_requests(seller_id=cast.shop.pk, order_ids=keys[::-1], now=LATER),
            lambda: cancel(targets=approve, by=cast.seller, now=LATER),
        ]

    def check(answers) -> None:
        assert {one.result for one in answers[2]} == {Result.DONE}

    storm(prepare, check, rounds=max(arena.ROUNDS // 3, 5))
    assert offences(now=NOON) == {}


# --- the moment of receipt (R-31) ---------------------------------------------------------------------------


def click_before_the_end(cast: Cast) -> tuple[Order, int]:
    """The buyer clicks with the window still open, waits for the lock until it is over, and goes on.

    Returns the order and what the page answered.
    """
    minutes = timedelta(minutes=rules_at(timezone.now()).direct_cancel_minutes)
    order = cast.order(placed_at=timezone.now() - minutes + timedelta(seconds=2))
    (line,) = order.items.all()
    client = Client()
    client.force_login(cast.dora)
    body = {"key": f"late-{order.pk}", f"take-{line.item_id}": "on", f"quantity-{line.item_id}": "1", "reason": ""}
    click = Runner(lambda: client.post(reverse("buyer:order-cancel", args=[order.number]), body))
    with transaction.atomic():
        order_queries.lock_orders([order.pk])
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (ours,) = cursor.fetchone()
        click.start()
        eventually(lambda: ours in blockers_of(click), within=arena.PATIENCE, what="the buyer waits for the lock")
        assert timezone.now() < order.placed_at + minutes, "the click came too late to prove anything"
        eventually(lambda: timezone.now() > order.placed_at + minutes, within=10, what="the window is over")
    return order, click.result().status_code


def test_the_moment_of_receipt_decides_and_not_that_of_the_lock(cast):
    order, answer = click_before_the_end(cast)
    assert answer == 302
    assert Cancellation.objects.get(order=order).code == "BUY-0"
    assert offences(now=NOON) == {}


def test_read_under_the_lock_the_clock_would_refuse_the_buyer(cast, monkeypatch):  # R-31, control
    in_time = cancelling.cancelling.cancel_locked

    def too_late(targets, locked, rules, by, now):
        return in_time(targets, locked, rules, by, timezone.now())

    monkeypatch.setattr(cancelling.cancelling, "cancel_locked", too_late)
    order, _ = click_before_the_end(cast)
    assert not Cancellation.objects.filter(order=order).exists()
