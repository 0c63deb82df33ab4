"""Two who want the same order at the same time: forced to meet at its lock, or let loose in a storm.

*Forced*: A holds the order's lock; B runs in a thread and connection of its own until the database says that it
waits for A; A ends; B goes on. *Storm*: all start at one barrier, in random order, round after round. Each race has
a *control*: with the lock patched away the same check must find two winners or an error of the database.
"""

import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import Error, connection, transaction

from cancellations.actions import cancel_overdue
from cancellations.models import Cancellation
from events.models import Event
from orders import queries as order_queries
from orders.models import Order
from orders.outcomes import Outcome, Result
from orders.queries import attach_lines
from tests.books import offences
from tests.factories import NOON
from tests.processes import eventually

ROUNDS = int(os.environ.get("STORM_ROUNDS", "15"))
# Longer than any act; a thread that is still busy then is stuck.
PATIENCE = 30

Act = Callable[[], Outcome]


class Runner(threading.Thread):
    """Runs one act on a connection of its own, and keeps its answer or its error."""

    def __init__(self, act: Callable[[], Any], *, barrier: threading.Barrier | None = None) -> None:
        super().__init__(daemon=True)
        self.act = act
        self.barrier = barrier
        self.answer: Any = None
        self.error: BaseException | None = None
        self.backend: int | None = None

    def run(self) -> None:
        """Act; the connection is closed whatever happens."""
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (self.backend,) = cursor.fetchone()
            if self.barrier:
                self.barrier.wait(PATIENCE)
            self.answer = self.act()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error
        finally:
            connection.close()

    def result(self) -> Any:
        """The answer, once there is one.

        Raises what the act raised, and AssertionError if it is stuck.
        """
        self.join(PATIENCE)
        assert not self.is_alive(), "still busy"
        if self.error:
            raise self.error
        return self.answer


def forced(first: Act, second: Act) -> tuple[Outcome, Outcome]:
    """Let `first` act and keep its lock until the database says that `second` waits for it; then end both."""
    behind = Runner(second)
    with transaction.atomic():
        ahead = first()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (ours,) = cursor.fetchone()
        behind.start()
        eventually(lambda: ours in blockers_of(behind), within=PATIENCE, what="the second waits for the first")
    return ahead, behind.result()


def blockers_of(runner: Runner) -> list[int]:
    """The database's processes for which this runner waits. A runner that is through without waiting is an error."""
    assert runner.is_alive(), f"did not wait: {runner.answer} {runner.error!r}"
    if runner.backend is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_blocking_pids(%s)", [runner.backend])
        (pids,) = cursor.fetchone()
    return pids


def at_once(*acts: Act) -> list[Runner]:
    """Run acts at the same moment, in an order nobody chose; return when all have ended."""
    barrier = threading.Barrier(len(acts))
    runners = [Runner(act, barrier=barrier) for act in acts]
    for runner in random.sample(runners, len(runners)):
        runner.start()
    for runner in runners:
        runner.join(PATIENCE)
        assert not runner.is_alive(), "still busy"
    return runners


def storm(prepare: Callable[[], Sequence[Act]], check: Callable[[list], None], *, rounds: int = ROUNDS) -> None:
    """Meet `rounds` times on a fresh order; no act may raise, and `check` sees the answers in the order of the acts."""
    for _ in range(rounds):
        check([runner.result() for runner in at_once(*prepare())])


# --- controls -----------------------------------------------------------------------------------------------


@dataclass
class Gate:
    """Where those who looked without a lock wait for each other: nobody writes before everybody has read."""

    parties: int
    barrier: threading.Barrier = field(init=False)

    def __post_init__(self) -> None:
        self.barrier = threading.Barrier(self.parties)

    def wait(self) -> None:
        """Wait until all have read; whoever comes alone, or again, goes on at once."""
        with suppress(threading.BrokenBarrierError):
            self.barrier.wait(2)


@contextmanager
def without_locks(monkeypatch, *, parties: int = 2) -> Iterator[None]:
    """Take the lock on orders away, and let all parties read before any of them writes."""
    gate = Gate(parties)

    def look_only(order_ids, *, skip_locked: bool = False) -> dict[int, Order]:
        found = {order.pk: order for order in Order.objects.filter(pk__in=list(order_ids)).order_by("pk")}
        attach_lines(found.values())
        gate.wait()
        return found

    def look_only_for_overdue(*, now: datetime, limit: int, leave_out=()) -> dict[int, Order]:
        overdue = order_queries.overdue(now).exclude(pk__in=list(leave_out))[:limit]
        return look_only([order.pk for order in overdue])

    with monkeypatch.context() as patched:
        patched.setattr(order_queries, "lock_orders", look_only)
        patched.setattr(order_queries, "lock_overdue", look_only_for_overdue)
        yield


def goes_wrong(acts: Sequence[Act], check: Callable[[list], None]) -> bool:
    """Whether the race's own check fails, or an act raises an error of the database, when the acts meet."""
    runners = at_once(*acts)
    if any(isinstance(runner.error, Error) for runner in runners):
        return True
    try:
        check([runner.result() for runner in runners])
    except AssertionError:
        return True
    return False


# --- the sweep ----------------------------------------------------------------------------------------------

# When the orders of the cast are cancelled automatically.
DUE = datetime(2026, 7, 11, 15, 0, tzinfo=UTC)


def sweep(order: Order) -> Outcome:
    """The sweep's answer about an order: it picks for itself, and skips what somebody else holds."""
    outcomes = [one for one in cancel_overdue(now=DUE) if one.order_id == order.pk]
    status = Order.objects.get(pk=order.pk).status
    return outcomes[0] if outcomes else Outcome(order.pk, Result.ERROR, "SKIPPED", status)


def beside(act: Act) -> Any:
    """Let somebody act on a connection of their own, who must not wait for this one; return the answer."""
    runner = Runner(act)
    runner.start()
    return runner.result()


# --- what is always asserted --------------------------------------------------------------------------------

WON = {Result.DONE, Result.WARNING}


def winner_of(outcomes: Sequence[Outcome]) -> int:
    """Which of the acts won; it must be exactly one."""
    (place,) = [place for place, one in enumerate(outcomes) if one.result in WON]
    return place


def assert_sound_and_told_once(order: Order, name: str) -> Event:
    """Sound books; one event of this name, and one delivery of it to each listener and person. Return the event."""
    assert offences(now=NOON) == {}
    (event,) = Event.objects.filter(order=order, name=name)
    told = list(event.deliveries.values_list("listener", "recipient_id"))
    assert len(told) == len(set(told))
    assert {listener for listener, _ in told} >= {"mail_buyer"}
    return event


def assert_cancelled_once(order: Order) -> Cancellation:
    """One cancellation and nothing shipped; return it."""
    assert_sound_and_told_once(order, "order.cancelled")
    assert not order.shipments.exists()
    assert Order.objects.get(pk=order.pk).status == "CANCELED"
    return Cancellation.objects.get(order=order)


def assert_shipped_once(order: Order) -> None:
    """One shipment, one charge, and nothing cancelled."""
    assert_sound_and_told_once(order, "shipment.confirmed")
    assert not Cancellation.objects.filter(order=order).exists()
    assert Order.objects.get(pk=order.pk).status == "SHIPPED"
    assert (order.shipments.count(), order.charges.count()) == (1, 1)
