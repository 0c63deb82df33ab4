"""The automatic cancellation: what it takes, when, how it survives bad orders, and what its command says."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from cancellations import actions, policy, queries, tasks
from cancellations.actions import cancelling
from cancellations.models import Cancellation, CancellationRequest, SweepRun
from cancellations.policy import Reason
from orders.actions import hold, release
from orders.models import Order
from orders.outcomes import Result
from payments.models import Refund
from tests.books import counted_statements, locks_before_writes, nothing_changes, offences, refuse_changes_of
from tests.cast import LATER, deliver, last_event, lines_of, names_of, told, units_of
from tests.factories import NOON

# Ship-by is 4 July: confirmation is fine until the end of 11 July in Tokyo.
DUE = datetime(2026, 7, 11, 15, 0, tzinfo=UTC)


def status_of(order) -> str:
    return Order.objects.get(pk=order.pk).status


def sweep(now=DUE) -> SweepRun:
    return actions.run_sweep(now=now)


def test_an_overdue_order_is_cancelled_counted_and_both_sides_are_told(cast):
    order = cast.order(2, 1)
    run = sweep()
    assert (run.cancelled, run.failed, run.oldest_due_at, run.refusal) == (1, 0, DUE, "")
    assert status_of(order) == "CANCELED"
    done = Cancellation.objects.get()
    assert (done.code, done.counted, done.reason, done.role) == ("MKT-1", True, "AUTO_NOT_CONFIRMED", "SYSTEM")
    assert (done.restock, done.cancelled_at) == (False, DUE)  # D-27
    event = last_event(order)
    assert (event.role, event.door) == ("SYSTEM", "SWEEP")
    assert told(event) == {
        ("mail_seller", "alice@seller.example"),
        ("mail_seller", "bob@seller.example"),
        ("mail_buyer", "dora@buyer.example"),
        ("release_authorization", None),
        ("look_at_rate", None),
    }
    assert offences() == {}


@pytest.mark.parametrize(
    ("_case", "now", "cancelled"),
    [
        ("a microsecond before", DUE - timedelta(microseconds=1), 0),
        ("a second before (22.6)", DUE - timedelta(seconds=1), 0),
        ("exactly when it is due (22.6)", DUE, 1),
        ("two days late (E16)", DUE + timedelta(days=2), 1),
    ],
)
def test_the_sweep_comes_at_the_due_moment_and_never_before(cast, _case, now, cancelled):
    cast.order()
    assert sweep(now).cancelled == cancelled
    assert Cancellation.objects.count() == cancelled


@pytest.mark.parametrize(
    ("_case", "prepare"),
    [
        ("payment never verified", lambda cast: cast.order(verified=False)),
        ("on hold", lambda cast: _held(cast, cast.order())),
        ("confirmed in time (E15)", lambda cast: _and(cast.order(), cast.confirm)),
        ("cancelled before", lambda cast: _and(cast.order(), cast.cancel)),
        ("sent by the marketplace", lambda cast: cast.order(fulfillment_channel="MARKETPLACE")),
    ],
)
def test_the_sweep_leaves_alone(cast, _case, prepare):
    order = prepare(cast)
    before = status_of(order)
    assert sweep(DUE + timedelta(days=30)).cancelled == 0
    assert status_of(order) == before


def _and(order, act):
    act(order)
    return order


def _held(cast, order):
    hold(order_ids=[order.pk], note="", by=cast.operator, now=LATER)
    return order


def test_an_order_without_a_ship_by_date_is_never_swept(cast):
    order = cast.order()
    Order.objects.filter(pk=order.pk).update(ship_by_date=None, auto_cancel_due_at=None)
    assert sweep(DUE + timedelta(days=365)).cancelled == 0


def test_a_late_confirmation_before_the_sweep_wins(cast):  # D-26, E15
    order = cast.order()
    assert cast.confirm(order, now=DUE + timedelta(hours=1)).result == Result.DONE
    assert sweep(DUE + timedelta(hours=2)).cancelled == 0
    assert status_of(order) == "SHIPPED"


def test_the_open_rest_of_a_partly_shipped_order_is_cancelled_and_refunded(cast, no_mails):  # D-25
    order = cast.order(3)
    deliver(NOON)
    cast.confirm(order, {lines_of(order)[0]: 1})
    assert sweep().cancelled == 1
    assert (status_of(order), units_of(order)) == ("SHIPPED", [(3, 1, 2)])
    assert Refund.objects.get().amount == 2000
    assert Cancellation.objects.get().whole is False
    assert offences() == {}


def test_an_open_request_does_not_save_the_seller(cast):  # E14, D-18
    order = cast.order()
    cast.request(order)
    sweep()
    assert Cancellation.objects.get().counted is True
    request = CancellationRequest.objects.get()
    assert (request.status, request.close_reason) == ("CLOSED", "AUTO_CANCELED")
    assert offences() == {}


def test_time_on_hold_is_given_back_to_the_second(cast):  # E18
    order = cast.order()
    hold(order_ids=[order.pk], note="", by=cast.operator, now=NOON + timedelta(days=5))
    release(order_ids=[order.pk], note="", by=cast.operator, now=NOON + timedelta(days=8))
    assert sweep(DUE + timedelta(days=3, seconds=-1)).cancelled == 0
    assert sweep(DUE + timedelta(days=3)).cancelled == 1


def test_missed_runs_are_made_up_in_one_and_once(cast):  # E16
    orders = [cast.order(placed_at=NOON + timedelta(hours=hours)) for hours in (0, 24, 47)]
    assert sweep(DUE + timedelta(days=3)).cancelled == 3
    with nothing_changes():
        assert actions.cancel_overdue(now=DUE + timedelta(days=3)) == []
    assert all(names_of(order) == ["order.placed", "order.cancelled"] for order in orders)


def test_the_longest_overdue_go_first_batch_by_batch(cast):
    young, old = cast.order(placed_at=NOON + timedelta(days=1)), cast.order()
    late = DUE + timedelta(days=9)
    assert [one.order_id for one in actions.cancel_overdue(now=late, limit=1)] == [old.pk]
    assert [one.order_id for one in actions.cancel_overdue(now=late, limit=1)] == [young.pk]
    assert actions.cancel_overdue(now=late, limit=1) == []


def test_one_order_that_always_fails_is_left_out_and_the_others_are_done(cast):  # F-44
    orders = [cast.order() for _ in range(5)]
    refuse_changes_of(orders[2])
    run = sweep()
    assert (run.cancelled, run.failed) == (4, 1)
    assert [status_of(order) for order in orders] == ["CANCELED"] * 2 + ["UNSHIPPED"] + ["CANCELED"] * 2
    assert offences() == {}


def test_a_run_whose_only_order_fails_says_so_and_ends(cast):  # F-44
    order = cast.order()
    refuse_changes_of(order)
    run = sweep()
    assert (run.cancelled, run.failed) == (0, 1)
    assert SweepRun.objects.get().finished_at is not None
    assert status_of(order) == "UNSHIPPED"


def test_an_order_that_fails_for_any_fault_of_its_data_is_left_out(cast, monkeypatch):  # F-44
    good, bad = cast.order(), cast.order()
    judge = policy.classify

    def classify(facts):
        verdict = judge(facts)
        is_bad = lines_of(bad)[0] in facts.units
        return policy.Verdict("TOO-LONG" if is_bad else verdict.code, verdict.counted)

    monkeypatch.setattr(policy, "classify", classify)
    monkeypatch.setattr(cancelling, "recorded_sentence", lambda code, counted: code)
    run = sweep()
    assert (run.cancelled, run.failed) == (1, 1)
    assert (status_of(good), status_of(bad)) == ("CANCELED", "UNSHIPPED")


@pytest.mark.parametrize(("skew", "cancelled"), [(60, 1), (-60, 1), (61, 0), (-61, 0), (8 * 86400, 0)])
def test_a_worker_whose_clock_is_over_a_minute_off_cancels_nothing(cast, skew, cancelled):  # F-81
    cast.order()
    run = actions.run_sweep(now=DUE, process_now=DUE + timedelta(seconds=skew))
    assert run.cancelled == cancelled
    assert bool(run.refusal) is not bool(cancelled)


def test_the_task_goes_by_the_databases_clock(cast, monkeypatch):
    order = cast.order()
    monkeypatch.setattr(queries, "database_now", lambda: DUE - timedelta(seconds=1))
    monkeypatch.setattr(tasks.timezone, "now", lambda: DUE)
    assert tasks.cancel_overdue_orders() == 0
    monkeypatch.setattr(queries, "database_now", lambda: DUE)
    assert tasks.cancel_overdue_orders() == 1
    assert status_of(order) == "CANCELED"
    assert tasks.cancel_overdue_orders() == 0  # M5: twice is as good as once


def test_a_run_is_kept_for_the_operator(cast):
    cast.order()
    run = sweep(DUE + timedelta(minutes=5))
    kept = queries.last_sweep()
    assert kept == run
    assert (kept.started_at, kept.oldest_due_at, kept.cancelled) == (DUE + timedelta(minutes=5), DUE, 1)
    assert kept.finished_at >= kept.started_at


def test_the_sweep_locks_before_it_writes_and_skips_what_others_hold(cast):
    cast.orders(2)
    with locks_before_writes() as captured:
        actions.cancel_overdue(now=DUE)
    assert any("SKIP LOCKED" in query["sql"] for query in captured.captured_queries)


def test_the_sweep_takes_as_many_statements_for_fifty_orders_as_for_one(cast):
    found = []
    for count in (1, 50):
        cast.orders(count)
        with counted_statements() as count_of:
            assert len(actions.cancel_overdue(now=DUE)) == count
        found += count_of
    assert found[0] == found[1]


# --- the command --------------------------------------------------------------------------------------------


def say(*arguments: str) -> str:
    """Run the command; return what it printed."""
    said = StringIO()
    call_command("cancel_overdue", *arguments, stdout=said)
    return said.getvalue()


def test_a_rehearsal_names_what_would_be_cancelled_and_changes_nothing(cast):
    order = cast.order()
    with nothing_changes():
        assert say("--dry-run", "--now", DUE.isoformat()) == (
            f"{order.number}  due {DUE.isoformat()}\n1 would be cancelled\n"
        )
        answer = json.loads(say("--dry-run", "--json", "--now", "2026-07-12T00:00:00+09:00"))
    assert answer["would_cancel"] == 1
    assert answer["orders"] == [{"number": order.number, "due_at": DUE.isoformat()}]


def test_the_command_acts_at_the_moment_given(cast):
    cast.order()
    assert say("--now", "2026-07-11T23:59:59+09:00") == "0 cancelled, 0 failed\n"
    answer = json.loads(say("--now", "2026-07-12T00:00:00+09:00", "--json"))
    assert (answer["cancelled"], answer["failed"], answer["dry_run"]) == (1, 0, False)
    assert Cancellation.objects.get().cancelled_at == DUE


def test_without_a_moment_the_command_goes_by_the_databases_clock(cast, monkeypatch):
    cast.order()
    monkeypatch.setattr(queries, "database_now", lambda: DUE)
    assert say() == "1 cancelled, 0 failed\n"


@pytest.mark.parametrize("moment", ["2026-07-12T00:00:00", "tomorrow"])
def test_a_moment_without_an_offset_is_refused(cast, moment):
    cast.order()
    with nothing_changes(), pytest.raises(CommandError, match="--now"):
        say("--now", moment)


def test_an_order_cancelled_by_the_seller_a_moment_before_keeps_the_sellers_code(cast):
    order = cast.order()
    cast.cancel(order, Reason.NO_INVENTORY, now=DUE)
    assert sweep().cancelled == 0
    assert Cancellation.objects.get().code == "SEL-1"
