"""Acts on orders: placing, holding, extending; and how every batch act answers."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.actors import Door
from events.models import Event
from events.setwise import update
from orders import actions
from orders.actions import changed_lines, in_batches, place_orders, save_orders
from orders.models import Order, Recipient
from orders.outcomes import Outcome, Refused, Result, sole
from orders.queries import local_day, lock_orders
from payments.actions import verify_payment
from tests import factories
from tests.books import counted_statements, locks_before_writes, nothing_changes, offences, refuse_changes_of
from tests.cast import LATER, last_event, lines_of, names_of, told, units_of
from tests.factories import NOON

FOREVER = 2**40


def hold(*orders, by, now=LATER, note="住所の確認"):
    return actions.hold(order_ids=[order.pk for order in orders], note=note, by=by, now=now)


def release(*orders, by, now=LATER):
    return actions.release(order_ids=[order.pk for order in orders], note="", by=by, now=now)


# --- place --------------------------------------------------------------------------------------------------


def test_a_placed_order_has_its_rows_its_event_and_its_reservation_to_come(cast):
    placed = cast.order(2, 1)
    order = Order.objects.get(pk=placed.pk)
    assert (order.status, order.version, order.last_updated_at) == ("UNSHIPPED", 1, NOON)
    assert (order.ship_by_date, order.auto_cancel_due_at) == (
        date(2026, 7, 4),
        datetime(2026, 7, 11, 15, tzinfo=UTC),
    )
    assert units_of(order) == [(2, 0, 0), (1, 0, 0)]
    assert order.total == Decimal(3300)
    assert Recipient.objects.get(order=order).seller_id == cast.shop.pk
    event = last_event(order)
    assert (event.name, event.order_version, event.happened_at) == ("order.placed", 1, NOON)
    assert told(event) == {("reserve", None)}
    assert offences() == {}


@pytest.mark.parametrize(("verified", "status"), [(True, "UNSHIPPED"), (False, "PENDING")])
def test_an_order_begins_pending_until_its_payment_is_verified(cast, verified, status):
    assert cast.order(verified=verified).status == status


@pytest.mark.parametrize("price", [None, 0])
def test_an_order_without_known_money_reserves_nothing(cast, price):
    order = cast.order(items=[factories.item(price=price)])
    assert order.total == price
    assert told(last_event(order)) == set()


def test_numbers_are_drawn_in_their_forms_and_differ(cast):
    orders = [cast.order(1, 1) for _ in range(5)]
    assert len({order.number for order in orders}) == 5
    assert all(order.number.startswith("250-") for order in orders)
    assert len({line.item_id for order in orders for line in order.lines}) == 10


def test_a_number_that_is_taken_places_nothing(cast):
    number = cast.order().number
    with nothing_changes(), pytest.raises(IntegrityError), transaction.atomic():
        cast.order(number=number)


def test_placing_fifty_orders_takes_as_many_statements_as_one(cast):
    def place(count):
        drafts = [
            actions.OrderDraft(cast.shop.pk, cast.dora.pk, NOON, [factories.item()], {"name": "森下"})
            for _ in range(count)
        ]
        with counted_statements() as count_of:
            place_orders(drafts=drafts, auto_cancel_days=7, by=factories.SYSTEM, now=NOON)
        return count_of[0]

    assert place(1) == place(50)


# --- hold, release, extend ----------------------------------------------------------------------------------


def test_holding_and_releasing_moves_the_due_moment_by_exactly_the_time_held(cast):  # E18
    order = cast.order()
    held, released = NOON + timedelta(days=5), NOON + timedelta(days=8, seconds=1, microseconds=7)
    assert hold(order, by=cast.operator, now=held)[0].result == Result.DONE
    assert Order.objects.get(pk=order.pk).held_at == held
    assert release(order, by=cast.operator, now=released)[0].result == Result.DONE
    after = Order.objects.get(pk=order.pk)
    assert after.auto_cancel_due_at - order.auto_cancel_due_at == released - held
    assert (after.on_hold, after.held_at, after.version) == (False, None, 3)
    assert names_of(order) == ["order.placed", "order.held", "order.released"]
    assert Event.objects.get(name="order.held").payload == {"note": "住所の確認"}


def test_holding_twice_or_releasing_what_is_not_held_changes_nothing(cast):
    order = cast.order()
    with nothing_changes():
        assert release(order, by=cast.operator)[0].result == Result.NO_CHANGE
    hold(order, by=cast.operator)
    with nothing_changes():
        assert hold(order, by=cast.operator, now=LATER + timedelta(days=1))[0].result == Result.NO_CHANGE


def test_an_order_that_ends_on_hold_is_held_no_longer(cast):
    order = cast.order()
    hold(order, by=cast.operator)
    cast.cancel_alone(order, now=NOON)
    after = Order.objects.get(pk=order.pk)
    assert (after.status, after.on_hold, after.held_at) == ("CANCELED", False, None)


def test_a_new_ship_by_date_brings_its_own_due_moment(cast):
    order = cast.order()
    extend = {
        "ship_by_date": date(2026, 8, 1),
        "auto_cancel_days": 7,
        "note": "台風",
        "by": cast.operator,
        "now": LATER,
    }
    assert actions.set_ship_by(order_ids=[order.pk], **extend)[0].result == Result.DONE
    after = Order.objects.get(pk=order.pk)
    assert (after.ship_by_date, after.auto_cancel_due_at) == (
        date(2026, 8, 1),
        datetime(2026, 8, 8, 15, tzinfo=UTC),
    )
    assert last_event(order).name == "order.extended"
    with nothing_changes():
        assert actions.set_ship_by(order_ids=[order.pk], **extend)[0].result == Result.NO_CHANGE


@pytest.mark.parametrize("end", ["cancel", "confirm"])
def test_a_finished_order_is_neither_held_nor_extended(cast, end):
    order = cast.order()
    getattr(cast, end)(order)
    with nothing_changes():
        assert hold(order, by=cast.operator)[0].code == "ORDER_NOT_CANCELABLE"
        assert release(order, by=cast.operator)[0].code == "ORDER_NOT_CANCELABLE"


# --- how a batch answers ------------------------------------------------------------------------------------


def test_a_batch_answers_in_the_order_asked_and_names_unknown_orders(cast):
    first, second = cast.order(), cast.order()
    asked = [second.pk, FOREVER, first.pk]
    outcomes = actions.hold(order_ids=asked, note="", by=cast.operator, now=LATER)
    assert [one.order_id for one in outcomes] == asked
    assert [(one.result, one.code) for one in outcomes] == [
        ("DONE", ""),
        ("ERROR", "ORDER_NOT_FOUND"),
        ("DONE", ""),
    ]
    assert outcomes[0].number == second.number
    assert (outcomes[0].status, outcomes[0].version) == ("UNSHIPPED", 2)


def test_the_same_order_twice_in_a_batch_is_changed_once(cast):
    order = cast.order()
    assert [one.result for one in hold(order, order, by=cast.operator)] == ["DONE", "NO_CHANGE"]
    assert names_of(order) == ["order.placed", "order.held"]
    assert offences() == {}


def test_more_than_a_batch_is_done_in_batches(cast, monkeypatch):
    sizes = []
    orders = [cast.order() for _ in range(5)]

    def act(batch):
        sizes.append(len(batch))
        return [Outcome(order_id, Result.DONE) for order_id in batch]

    outcomes = in_batches([order.pk for order in orders], act, order_id=lambda key: key, size=2)
    assert sizes == [2, 2, 1]
    assert [one.order_id for one in outcomes] == [order.pk for order in orders]


def test_one_bad_order_in_a_batch_is_left_out_and_the_others_are_done(cast, caplog):
    orders = [cast.order() for _ in range(7)]
    refuse_changes_of(orders[4])
    outcomes = hold(*orders, by=cast.operator)
    assert [one.order_id for one in outcomes] == [order.pk for order in orders]
    assert [one.result for one in outcomes] == ["DONE"] * 4 + ["ERROR"] + ["DONE"] * 2
    assert outcomes[4].code == "FAILED"
    assert names_of(orders[4]) == ["order.placed"]
    assert f"Order {orders[4].pk} was left out" in caplog.text
    assert offences() == {}


def test_a_single_order_that_the_database_refuses_is_the_doors_to_answer(cast):
    order = cast.order()
    refuse_changes_of(order)
    with nothing_changes(), pytest.raises(IntegrityError):
        hold(order, by=cast.operator)


def test_a_door_with_one_order_gets_its_refusal_as_an_exception(cast):
    done = Outcome(1, Result.DONE)
    assert sole([done]) is done
    with pytest.raises(Refused) as refused:
        sole([Outcome(1, Result.ERROR, "ORDER_ON_HOLD")])
    assert refused.value.code == "ORDER_ON_HOLD"


# --- what the writers refuse --------------------------------------------------------------------------------


def locked(order):
    (row,) = lock_orders([order.pk]).values()
    return row


def test_a_finished_order_is_not_written_again(cast):
    order = cast.order()
    cast.cancel(order)
    row = locked(order)
    row.version += 1
    with pytest.raises(IntegrityError, match="finished or changed"), transaction.atomic():
        save_orders([row])


def test_an_order_is_not_written_under_a_version_it_had(cast):
    row = locked(cast.order())
    with pytest.raises(IntegrityError, match="finished or changed"), transaction.atomic():
        save_orders([row])


@pytest.mark.parametrize("quantity", ["quantity_shipped", "quantity_cancelled"])
def test_units_never_come_back(cast, quantity):
    order = cast.order(3)
    cast.confirm(order, {lines_of(order)[0]: 1})
    cast.cancel(order, units={lines_of(order)[0]: 1})
    (line,) = locked(order).lines
    setattr(line, quantity, 0)
    with pytest.raises(IntegrityError, match="came back"), transaction.atomic():
        update(changed_lines([line]))


def test_writers_with_nothing_to_write_ask_nothing(db):
    with counted_statements() as count_of:
        save_orders([])
        update(changed_lines([]))
    assert count_of == [0]


def test_the_last_update_never_steps_back_with_the_clock(cast):  # F-82
    order = cast.order()
    hold(order, by=cast.operator, now=LATER)
    release(order, by=cast.operator, now=LATER - timedelta(minutes=30))
    after = Order.objects.get(pk=order.pk)
    assert after.last_updated_at == LATER + timedelta(microseconds=1)
    assert after.version == 3


def test_a_ship_by_date_already_past_is_refused_unless_an_import_takes_it_over(cast):
    order = cast.order()
    today = local_day(LATER)
    given = {"order_ids": [order.pk], "auto_cancel_days": 7, "note": "", "by": cast.operator, "now": LATER}
    yesterday = today - timedelta(days=1)
    with nothing_changes():
        (outcome,) = actions.set_ship_by(ship_by_date=yesterday, **given)
        assert (outcome.result, outcome.code) == (Result.ERROR, "SHIP_BY_PAST")
    assert actions.set_ship_by(ship_by_date=today, **given)[0].result == Result.DONE
    assert actions.set_ship_by(ship_by_date=yesterday, may_be_past=True, **given)[0].result == Result.DONE
    assert Order.objects.get(pk=order.pk).ship_by_date == yesterday


# --- locks and statements -----------------------------------------------------------------------------------

ACTS = {
    "hold": lambda cast, keys: actions.hold(order_ids=keys, note="", by=cast.operator, now=LATER),
    "set_ship_by": lambda cast, keys: actions.set_ship_by(
        order_ids=keys, ship_by_date=date(2026, 9, 1), auto_cancel_days=7, note="", by=cast.operator, now=LATER
    ),
    "verify_payment": lambda cast, keys: verify_payment(order_ids=keys, by=cast.operator, now=LATER),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_an_act_locks_its_orders_before_it_writes(cast, act):
    keys = [order.pk for order in cast.orders(2, verified=False)]
    with locks_before_writes():
        assert {one.result for one in act(cast, keys)} == {Result.DONE}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_an_act_takes_as_many_statements_for_fifty_orders_as_for_one(cast, act):
    found = []
    for count in (1, 50):
        keys = [order.pk for order in cast.orders(count, verified=False)]
        with counted_statements() as count_of:
            act(cast, keys)
        found += count_of
    assert found[0] == found[1]


def test_the_door_and_the_person_are_kept_with_the_event(cast):
    order = cast.order()
    cast.cancel(order)
    event = last_event(order)
    assert (event.role, event.door, event.user_id, event.actor_name) == (
        "SELLER",
        Door.PAGE,
        cast.alice.pk,
        "中村 葵",
    )


# --- what the database refuses (reliability 2.1) ------------------------------------------------------------


@pytest.mark.parametrize(
    ("_case", "statement"),
    [
        ("an unknown status", "UPDATE orders_order SET status = 'LOST'"),
        ("cancelled without a moment", "UPDATE orders_order SET status = 'CANCELED'"),
        ("a moment without being cancelled", "UPDATE orders_order SET cancelled_at = now()"),
        ("held without a moment", "UPDATE orders_order SET on_hold = true"),
        ("a negative version", "UPDATE orders_order SET version = -1"),
        ("a malformed number", "UPDATE orders_order SET number = '1-2-3'"),
        ("pending although verified", "UPDATE orders_order SET status = 'PENDING'"),
        ("an answer due on a finished order",
         "UPDATE orders_order SET status = 'SHIPPED', answer_due_at = now()"),
        ("nothing ordered", "UPDATE orders_orderitem SET quantity_ordered = 0"),
        ("a negative quantity shipped", "UPDATE orders_orderitem SET quantity_shipped = -1"),
        ("a negative quantity cancelled", "UPDATE orders_orderitem SET quantity_cancelled = -1"),
        ("more gone than ordered", "UPDATE orders_orderitem SET quantity_shipped = 1, quantity_cancelled = 1"),
        ("a malformed item number", "UPDATE orders_orderitem SET item_id = '12'"),
        ("history changed", "UPDATE events_event SET name = 'order.held'"),
        ("history deleted", "DELETE FROM events_event"),
        ("an event with an order and no version", ("INSERT INTO events_event (name, order_id, subject, role, door,"
         " actor_name, happened_at, payload) SELECT 'x', id, '', '', '', '', now(), '{}' FROM orders_order")),
    ],
)  # fmt: skip
def test_the_database_refuses(cast, _case, statement):
    cast.order()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
