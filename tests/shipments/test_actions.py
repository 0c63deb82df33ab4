"""Confirming shipments: units leave, the first confirmation charges, an overtaken request ends."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from cancellations.models import CancellationRequest
from cancellations.policy import Interlock
from orders.actions import hold
from orders.models import Order
from orders.outcomes import Result
from payments.models import Charge
from shipments.actions import ConfirmTarget, confirm_shipment
from shipments.models import Shipment
from tests.books import counted_statements, locks_before_writes, nothing_changes, offences, refuse_changes_of
from tests.cast import LATER, deliver, last_event, lines_of, told, units_of
from tests.factories import NOON


def test_a_confirmation_ships_charges_the_whole_order_and_tells_the_buyer(cast, no_mails):
    order = cast.order(2, 1)
    deliver(NOON)
    outcome = cast.confirm(order, carrier="ヤマト運輸", tracking_number="1234-5678-9012")
    assert (outcome.result, outcome.status, outcome.version) == (Result.DONE, "SHIPPED", 3 - 1)
    shipment = Shipment.objects.get()
    assert (shipment.confirmed_at, shipment.shipped_on) == (LATER, LATER.date())
    assert (shipment.carrier, shipment.tracking_number) == ("ヤマト運輸", "1234-5678-9012")
    assert list(shipment.items.order_by("item_id").values_list("quantity", flat=True)) == [2, 1]
    charge = Charge.objects.get()
    assert (charge.amount, charge.state, charge.shipment) == (3300, "PENDING", shipment)
    event = last_event(order)
    assert (event.name, event.payload, shipment.event) == (
        "shipment.confirmed",
        {"overtook_request": False},
        event,
    )
    assert told(event) == {("mail_buyer", "dora@buyer.example"), ("charge", None)}
    after = Order.objects.get(pk=order.pk)
    assert (after.last_updated_at, units_of(order)) == (LATER, [(2, 2, 0), (1, 1, 0)])
    deliver()
    charge.refresh_from_db()
    assert (charge.state, charge.charged_at) == ("SUCCEEDED", LATER)
    assert offences(now=LATER) == {}


def test_nothing_is_charged_before_a_confirmation_and_once_by_several(cast, no_mails):
    order = cast.order(3)
    (pot,) = lines_of(order)
    deliver(NOON)
    cast.request(order, {pot: 1})
    cast.withdraw(order)
    deliver()
    assert Charge.objects.count() == 0
    assert cast.confirm(order, {pot: 1}).status == "PARTIALLY_SHIPPED"
    assert Charge.objects.get().amount == 3300  # the whole order, D-29
    assert cast.confirm(order, {pot: 2}).status == "SHIPPED"
    assert Charge.objects.count() == 1
    assert units_of(order) == [(3, 3, 0)]
    assert offences() == {}


def test_what_was_cancelled_before_the_confirmation_is_not_charged(cast, no_mails):
    order = cast.order(2, 1)
    deliver(NOON)
    cast.cancel(order, units={lines_of(order)[1]: 1})
    cast.confirm(order)
    assert Charge.objects.get().amount == 2300
    assert offences() == {}


def test_an_order_confirmed_before_its_reservation_was_made_is_charged_all_the_same(cast, no_mails):
    order = cast.order(2)
    cast.cancel(order, units={lines_of(order)[0]: 1})
    cast.confirm(order)
    assert Charge.objects.get().amount == 1300
    deliver()
    deliver(LATER + timedelta(hours=2))
    assert Charge.objects.get().state == "SUCCEEDED"
    assert offences(now=LATER) == {}


@pytest.mark.parametrize(
    ("_case", "prepare", "code"),
    [
        ("pending", lambda cast: cast.order(verified=False), "ORDER_NOT_SHIPPABLE"),
        ("shipped already", lambda cast: _and(cast.order(), cast.confirm), "ORDER_NOT_SHIPPABLE"),
        ("cancelled", lambda cast: _and(cast.order(), cast.cancel), "ORDER_NOT_SHIPPABLE"),
        ("on hold", lambda cast: _held(cast), "ORDER_ON_HOLD"),
        (
            "sent by the marketplace",
            lambda cast: cast.order(fulfillment_channel="MARKETPLACE"),
            "ORDER_NOT_SHIPPABLE",
        ),
    ],
)
def test_a_refused_confirmation_changes_nothing(cast, _case, prepare, code):
    order = prepare(cast)
    with nothing_changes():
        assert cast.confirm(order).code == code


def _and(order, act):
    act(order)
    return order


def _held(cast):
    order = cast.order()
    hold(order_ids=[order.pk], note="", by=cast.operator, now=LATER)
    return order


@pytest.mark.parametrize(("quantity", "code"), [(4, "QUANTITY_EXCEEDS_OPEN"), (0, "QUANTITY_EXCEEDS_OPEN")])
def test_no_more_is_shipped_than_is_open(cast, quantity, code):
    order = cast.order(3)
    with nothing_changes():
        assert cast.confirm(order, {lines_of(order)[0]: quantity}).code == code
        assert cast.confirm(order, {2**40: 1}).code == "ITEM_NOT_FOUND"


def test_a_stale_page_confirms_nothing(cast):
    order = cast.order()
    cast.request(order)
    with nothing_changes():
        assert cast.confirm(order, expected_version=1).code == "VERSION_CONFLICT"


# --- the interlock of an open request (7.6, E4) -------------------------------------------------------------


@pytest.mark.parametrize("interlock", [Interlock.ASK, Interlock.BLOCK])
def test_an_open_request_stops_a_page_until_the_seller_says_the_goods_have_left(cast, interlock):
    order = cast.order()
    cast.request(order)
    with nothing_changes():
        assert cast.confirm(order, interlock=interlock).code == "OPEN_CANCELLATION_REQUEST"
    outcome = cast.confirm(order, interlock=interlock, says_already_shipped=True)
    assert (outcome.result, outcome.code) == (Result.WARNING, "OPEN_CANCELLATION_REQUEST")
    request = CancellationRequest.objects.get()
    assert (request.status, request.close_reason) == ("CLOSED", "SHIPPED")
    assert Order.objects.get(pk=order.pk).answer_due_at is None
    assert last_event(order).payload == {"overtook_request": True}
    assert offences() == {}


def test_a_system_is_warned_and_goes_through(cast):
    order = cast.order()
    cast.request(order)
    outcome = cast.confirm(order, interlock=Interlock.WARN)
    assert (outcome.result, outcome.code, outcome.status) == (
        Result.WARNING,
        "OPEN_CANCELLATION_REQUEST",
        "SHIPPED",
    )


def test_shipping_units_nobody_asked_for_leaves_the_request_open(cast):
    order = cast.order(3)
    (pot,) = lines_of(order)
    cast.request(order, {pot: 1})
    cast.confirm(order, {pot: 2})
    request = CancellationRequest.objects.get()
    assert (request.status, request.items.get().quantity_open) == ("OPEN", 1)
    cast.confirm(order, {pot: 1})
    request.refresh_from_db()
    assert (request.status, request.items.get().state) == ("CLOSED", "CLOSED")
    assert offences() == {}


def test_part_cancelled_as_asked_and_the_rest_shipped_is_partly_approved(cast):
    order = cast.order(2)
    (pot,) = lines_of(order)
    cast.request(order)
    cast.cancel(order, "BUYER_CANCELED", {pot: 1})
    cast.confirm(order)
    request = CancellationRequest.objects.get()
    assert (request.status, request.close_reason) == ("PARTLY_APPROVED", "SHIPPED")
    assert offences() == {}


# --- batches ------------------------------------------------------------------------------------------------


def test_a_batch_answers_each_order_in_turn_and_leaves_out_the_bad_one(cast):
    orders = cast.orders(5)
    refuse_changes_of(orders[1])
    keys = [orders[3].pk, 2**40, orders[1].pk, orders[0].pk]
    targets = [ConfirmTarget(key, LATER.date()) for key in keys]
    outcomes = confirm_shipment(targets=targets, interlock=Interlock.WARN, by=cast.seller, now=LATER)
    assert [(one.order_id, one.result, one.code) for one in outcomes] == [
        (keys[0], "DONE", ""),
        (keys[1], "ERROR", "ORDER_NOT_FOUND"),
        (keys[2], "ERROR", "FAILED"),
        (keys[3], "DONE", ""),
    ]
    assert not Shipment.objects.filter(order=orders[1]).exists()
    assert offences() == {}


def test_two_parcels_of_one_order_in_a_batch_are_two_confirmations_and_one_charge(cast):
    order = cast.order(1, 1)
    targets = [ConfirmTarget(order.pk, LATER.date(), {key: 1}) for key in lines_of(order)]
    outcomes = confirm_shipment(targets=targets, interlock=Interlock.WARN, by=cast.seller, now=LATER)
    assert [one.result for one in outcomes] == ["DONE", "DONE"]
    assert (Shipment.objects.count(), Charge.objects.count()) == (2, 1)
    assert Order.objects.get(pk=order.pk).version == 3
    assert offences() == {}


def confirm_all(cast, orders):
    targets = [ConfirmTarget(order.pk, LATER.date()) for order in orders]
    return confirm_shipment(targets=targets, interlock=Interlock.WARN, by=cast.seller, now=LATER)


def test_a_confirmation_locks_its_orders_before_it_writes(cast):
    orders = cast.orders(2)
    with locks_before_writes():
        confirm_all(cast, orders)


def test_confirming_takes_as_many_statements_for_fifty_orders_as_for_one(cast):
    found = []
    for count in (1, 50):
        orders = cast.orders(count)
        with counted_statements() as count_of:
            assert {one.result for one in confirm_all(cast, orders)} == {Result.DONE}
        found += count_of
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("_case", "statement"),
    [
        ("no unit shipped", "UPDATE shipments_shipmentitem SET quantity = 0"),
        ("two shipments of one event", ("UPDATE shipments_shipment SET event_id ="
         " (SELECT min(event_id) FROM shipments_shipment)")),
        ("an item twice in one shipment", ("INSERT INTO shipments_shipmentitem (shipment_id, item_id, quantity)"
         " SELECT shipment_id, item_id, 1 FROM shipments_shipmentitem")),
    ],
)  # fmt: skip
def test_the_database_refuses(cast, _case, statement):
    order = cast.order(2)
    for _ in range(2):
        cast.confirm(order, {lines_of(order)[0]: 1})
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
