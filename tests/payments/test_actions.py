"""Money: reserved at placing, charged at the first confirmation, released or refunded; the provider asked once."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from cancellations.models import Cancellation
from cancellations.policy import Reason
from events.models import Delivery, Event
from orders.models import Order
from orders.outcomes import Result
from payments import notices, queries
from payments.actions import verify_payment
from payments.models import Authorization, Charge, Refund
from payments.providers import provider
from payments.providers.base import Answer, Reservation
from tests.books import nothing_changes, offences
from tests.cast import LATER, deliver, last_event, lines_of, names_of, told
from tests.factories import NOON, SYSTEM

pytestmark = pytest.mark.usefixtures("no_mails")


@pytest.fixture
def asked(monkeypatch) -> list[tuple[str, str]]:
    """What the provider is asked: the call and its key."""
    calls: list[tuple[str, str]] = []
    built_in = provider("test")

    def watch(name):
        ask = getattr(type(built_in), name)

        def asking(self, **fields):
            calls.append((name, fields["key"]))
            return ask(self, **fields)

        monkeypatch.setattr(type(built_in), name, asking)

    for name in ("reserve", "charge", "release", "refund"):
        watch(name)
    return calls


def going_back(order) -> int:
    """Money of an order that goes or went back."""
    return sum(each.amount for each in queries.refunds_of(order.pk) if each.state != "FAILED")


def state_of(order) -> str:
    return Authorization.objects.get(order=order).state


# --- verifying ----------------------------------------------------------------------------------------------


def test_a_verified_payment_lets_the_seller_begin(cast):
    order = cast.order(verified=False)
    (outcome,) = verify_payment(order_ids=[order.pk], by=cast.operator, now=LATER)
    assert (outcome.result, outcome.status, outcome.version) == (Result.DONE, "UNSHIPPED", 2)
    assert Order.objects.get(pk=order.pk).payment_verified_at == LATER
    assert names_of(order) == ["order.placed", "payment.verified"]
    assert offences() == {}


@pytest.mark.parametrize(
    "prepare", [lambda cast: cast.order(), lambda cast: _cancelled(cast)], ids=["twice", "late"]
)
def test_verifying_what_is_verified_or_over_changes_nothing(cast, prepare):
    order = prepare(cast)
    with nothing_changes():
        assert verify_payment(order_ids=[order.pk], by=cast.operator, now=LATER)[0].result == Result.NO_CHANGE
        assert verify_payment(order_ids=[2**40], by=cast.operator, now=LATER)[0].code == "ORDER_NOT_FOUND"


def _cancelled(cast):
    order = cast.order(verified=False)
    cast.cancel_alone(order)
    return order


# --- the reservation ----------------------------------------------------------------------------------------


def test_placing_reserves_the_total_and_the_providers_yes_verifies_the_payment(cast, asked):
    order = cast.order(2, verified=False)
    assert Authorization.objects.count() == 0
    deliver(NOON)
    reservation = Authorization.objects.get()
    assert (reservation.amount, reservation.released, reservation.state) == (2300, 0, "HELD")
    assert reservation.provider_ref == f"test-reserve-{order.number}"
    assert Order.objects.get().status == "UNSHIPPED"
    assert asked == [("reserve", f"reserve-{order.number}")]
    assert Charge.objects.count() == 0
    assert offences() == {}


def test_an_order_paid_at_a_convenience_store_waits_and_is_verified_later(cast):
    order = cast.order(verified=False, payment_method="CVS")
    deliver(NOON)
    assert (state_of(order), Order.objects.get().status) == ("REQUESTED", "PENDING")
    verify_payment(order_ids=[order.pk], by=cast.operator, now=LATER)
    assert (state_of(order), Order.objects.get().status) == ("HELD", "UNSHIPPED")


def test_a_refused_reservation_cancels_the_order_without_counting(cast):  # MKT-3
    order = cast.order(verified=False, payment_method="DECLINED")
    deliver(NOON)
    done = Cancellation.objects.get()
    assert (done.code, done.counted, done.reason, done.role) == ("MKT-3", False, "PAYMENT_FAILED", "SYSTEM")
    assert (Order.objects.get().status, state_of(order)) == ("CANCELED", "FAILED")
    deliver(NOON + timedelta(hours=1))
    assert state_of(order) == "FAILED"
    assert offences() == {}


def test_an_order_cancelled_before_its_reservation_reserves_nothing(cast, asked):
    order = cast.order()
    cast.cancel_alone(order)
    deliver(NOON)
    assert asked == []
    assert Authorization.objects.count() == 0
    assert set(Delivery.objects.values_list("state", flat=True)) == {"DELIVERED"}
    assert offences(now=LATER) == {}


def test_a_waiting_reservation_of_a_cancelled_order_is_given_up(cast, asked):
    order = cast.order(verified=False, payment_method="CVS")
    deliver(NOON)
    cast.cancel_alone(order, now=LATER)
    deliver(LATER)
    assert state_of(order) == "RELEASED"
    assert asked[-1][0] == "release"
    assert offences(now=LATER + timedelta(hours=1)) == {}


def test_a_reservation_cut_short_by_a_crash_is_made_under_the_same_key_even_if_the_order_ended(
    cast, asked, monkeypatch
):
    order = cast.order()
    monkeypatch.setattr(notices, "provider", lambda name: (_ for _ in ()).throw(ConnectionError("no answer")))
    deliver(NOON)
    assert state_of(order) == "REQUESTED"
    monkeypatch.undo()
    cast.cancel_alone(order)
    for hours in range(1, 4):
        deliver(NOON + timedelta(hours=hours))
    assert Delivery.objects.exclude(state="DELIVERED").exclude(listener__startswith="mail_").count() == 0
    assert state_of(order) == "RELEASED"


@pytest.mark.parametrize("units", [None, 1], ids=["whole", "one unit"])
def test_an_order_placed_here_and_cancelled_by_a_file_gives_its_reservation_back(cast, asked, units):  # INV-21
    order = cast.order(2)
    deliver(NOON)
    cast.cancel(order, Reason.IMPORTED, units and {lines_of(order)[0]: units}, by=SYSTEM)
    assert told(last_event(order)) == {("release_authorization", None)}
    deliver()
    assert asked[-1][0] == "release"
    assert state_of(order) == ("HELD" if units else "RELEASED")
    assert offences() == {}


def test_units_of_a_charged_order_that_a_file_calls_cancelled_are_refunded(cast, asked):
    order = cast.order(2)
    deliver(NOON)
    cast.confirm(order, {lines_of(order)[0]: 1})
    deliver()
    cast.cancel(order, Reason.IMPORTED, by=SYSTEM)
    assert told(last_event(order)) == {("refund", None)}
    deliver()
    assert (asked[-1][0], Refund.objects.get().state) == ("refund", "SUCCEEDED")
    assert offences() == {}


def test_units_cancelled_while_the_reservation_is_under_way_are_not_held(cast):
    order = cast.order(2, 1)
    cast.cancel(order, Reason.OTHER, {lines_of(order)[0]: 1})
    deliver()
    reservation = Authorization.objects.get()
    assert (reservation.amount, reservation.released) == (3300, 1000)
    assert offences() == {}


# --- listeners bear being called twice (M5) -----------------------------------------------------------------


@pytest.mark.parametrize("listener", ["reserve", "charge", "release_authorization", "refund"])
def test_a_listener_called_twice_changes_nothing_the_second_time(cast, asked, listener):
    shipped, cancelled = cast.order(2), cast.order(1)
    deliver(NOON)
    cast.confirm(shipped, {lines_of(shipped)[0]: 1})
    deliver()
    cast.cancel(shipped, units={lines_of(shipped)[0]: 1})
    cast.cancel(cancelled)
    deliver()
    delivery = Delivery.objects.select_related("event").filter(listener=listener).latest("pk")
    calls = len(set(asked))
    with nothing_changes():
        getattr(notices, listener)(delivery, now=LATER + timedelta(hours=1))
    assert len(set(asked)) == calls  # whatever was asked again was asked under its old key


def test_each_movement_of_money_has_a_key_of_its_own(cast, asked):
    order = cast.order(3)
    (pot,) = lines_of(order)
    deliver(NOON)
    cast.confirm(order, {pot: 1})
    deliver()
    for _ in range(2):
        cast.cancel(order, units={pot: 1})
    deliver()
    assert [name for name, _ in asked] == ["reserve", "charge", "refund", "refund"]
    assert len({key for _, key in asked}) == 4


# --- order of things ----------------------------------------------------------------------------------------


def test_a_refund_waits_for_its_charge(cast, monkeypatch):
    order = cast.order(2)
    deliver(NOON)
    cast.confirm(order, {lines_of(order)[0]: 1})
    Delivery.objects.filter(listener="charge").update(due_at=LATER + timedelta(hours=1))
    cast.cancel(order, units={lines_of(order)[0]: 1})
    deliver()
    waiting = Delivery.objects.get(listener="refund")
    assert (waiting.state, waiting.last_error) == ("PENDING", "the charge has not gone through yet")
    assert Refund.objects.get().state == "PENDING"
    deliver(LATER + timedelta(hours=1))
    deliver(LATER + timedelta(hours=3))
    assert Refund.objects.get().state == "SUCCEEDED"
    assert going_back(order) == 1000
    assert offences(now=LATER) == {}


def test_a_charge_waits_for_its_reservation(cast):
    order = cast.order()
    Delivery.objects.filter(listener="reserve").update(due_at=LATER + timedelta(hours=1))
    cast.confirm(order)
    deliver()
    waiting = Delivery.objects.get(listener="charge")
    assert (waiting.state, waiting.attempts) == ("PENDING", 1)
    deliver(LATER + timedelta(hours=1))
    deliver(LATER + timedelta(hours=3))
    assert Charge.objects.get().state == "SUCCEEDED"


def test_a_provider_that_fails_leaves_the_order_cancelled_and_is_asked_again(cast, monkeypatch):  # E30
    order = cast.order()
    deliver(NOON)
    monkeypatch.setattr(type(provider("test")), "release", lambda self, **fields: 1 / 0)
    cast.cancel(order)
    deliver()
    waiting = Delivery.objects.get(listener="release_authorization")
    assert (waiting.state, waiting.attempts) == ("PENDING", 1)
    assert "ZeroDivisionError" in waiting.last_error
    assert (Order.objects.get().status, state_of(order)) == ("CANCELED", "HELD")
    monkeypatch.undo()
    deliver(LATER + timedelta(hours=2))
    assert state_of(order) == "RELEASED"
    mails = Event.objects.get(name="order.cancelled").deliveries.filter(listener="mail_buyer")
    assert mails.get().attempts == 1  # the buyer was told once
    assert offences(now=LATER) == {}


def test_an_answer_that_comes_late_does_not_revive_a_reservation(cast, monkeypatch):
    order = cast.order(verified=False)

    def reserve(self, **fields):
        cast.cancel_alone(order)
        return Reservation(Answer.HELD, "test-late")

    monkeypatch.setattr(type(provider("test")), "reserve", reserve)
    deliver(NOON)
    deliver(NOON + timedelta(hours=2))
    reservation = Authorization.objects.get()
    assert (reservation.state, reservation.released) == ("RELEASED", reservation.amount)
    assert Order.objects.get().status == "CANCELED"
    assert offences() == {}


def test_money_going_back_is_what_was_refunded_and_did_not_fail(cast):
    order = cast.order(3)
    deliver(NOON)
    cast.confirm(order, {lines_of(order)[0]: 1})
    for _ in range(2):
        cast.cancel(order, units={lines_of(order)[0]: 1})
    assert going_back(order) == 2000
    Refund.objects.filter(pk=Refund.objects.first().pk).update(state="FAILED")
    assert going_back(order) == 1000
    assert queries.refunds_of(2**40) == []


def test_the_last_word_on_an_order_is_its_latest_event(cast):
    order = cast.order()
    cast.confirm(order)
    assert queries.charge_of_event(last_event(order).pk) == Charge.objects.get()


# --- what the database refuses (reliability 2.1) ------------------------------------------------------------


@pytest.mark.parametrize(
    ("_case", "statement"),
    [
        ("a negative reservation", "UPDATE payments_authorization SET amount = -1, released = 0"),
        ("more released than reserved", "UPDATE payments_authorization SET released = amount + 1"),
        ("two reservations of one order",
         ("INSERT INTO payments_authorization (order_id, provider, amount, asked, released,"
         " currency, state) SELECT order_id, 'test', 1, 1, 0, 'JPY', 'HELD' FROM payments_authorization")),
        ("a charge of nothing", "UPDATE payments_charge SET amount = 0"),
        ("a charge without a shipment", "UPDATE payments_charge SET shipment_id = NULL"),
        ("two charges of one shipment",
         ("INSERT INTO payments_charge (order_id, shipment_id, amount, currency, state)"
         " SELECT order_id, shipment_id, 1, 'JPY', 'PENDING' FROM payments_charge")),
        ("a refund of nothing", "UPDATE payments_refund SET amount = 0"),
        ("two refunds under one key", "UPDATE payments_refund SET idempotency_key = 'same'"),
        ("two refunds under one reference", "UPDATE payments_refund SET provider_ref = 'same'"),
        ("a negative share", "UPDATE payments_refunditem SET amount = -1"),
    ],
)  # fmt: skip
def test_the_database_refuses(cast, _case, statement):
    order = cast.order(3)
    deliver(NOON)
    cast.confirm(order, {lines_of(order)[0]: 1})
    for _ in range(2):
        cast.cancel(order, units={lines_of(order)[0]: 1})
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
