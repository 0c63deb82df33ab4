"""The acts of the heart: request, withdraw, decline, cancel; what becomes of the open request and of the money."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from cancellations import actions, queries
from cancellations.actions import CancelTarget, DeclineTarget, RequestTarget, WithdrawTarget
from cancellations.models import Cancellation, CancellationRequest, PolicyVersion
from cancellations.policy import DeclineReason, Reason
from orders.actions import hold
from orders.models import Order
from orders.outcomes import Result
from payments.models import Authorization, Charge, Refund
from tests.books import counted_statements, locks_before_writes, nothing_changes, offences, refuse_changes_of
from tests.cast import LATER, deliver, last_event, lines_of, names_of, told, units_of
from tests.factories import NOON, SYSTEM, item

ALICE, BOB, DORA = "alice@seller.example", "bob@seller.example", "dora@buyer.example"
AFTER_SHIP_BY = NOON + timedelta(days=4)


def request_of(order) -> CancellationRequest:
    """The latest request about an order."""
    return CancellationRequest.objects.filter(order=order).latest("pk")


def states_of(request) -> list[tuple[str, int, int, int]]:
    """State, asked, approved and open units of each item of a request."""
    fields = ("state", "quantity", "quantity_approved", "quantity_open")
    return list(request.items.order_by("pk").values_list(*fields))


def cancellation_of(order) -> Cancellation:
    """The latest cancellation of an order."""
    return Cancellation.objects.filter(order=order).latest("pk")


# --- request ------------------------------------------------------------------------------------------------


def test_a_request_is_kept_with_its_reason_and_both_sides_are_told(cast):
    order = cast.order(3, 1)
    outcome = cast.request(order)
    assert (outcome.result, outcome.status, outcome.version) == (Result.DONE, "UNSHIPPED", 2)
    request = request_of(order)
    assert (request.status, request.reason_label, request.buyer_text) == (
        "OPEN",
        "商品が不要になった",
        "すみません",
    )
    assert request.response_due_at == LATER + timedelta(hours=48)
    assert states_of(request) == [("OPEN", 3, 0, 3), ("OPEN", 1, 0, 1)]
    after = Order.objects.get(pk=order.pk)
    assert (after.version, after.last_updated_at, after.answer_due_at) == (2, LATER, request.response_due_at)
    event = last_event(order)
    assert (event.name, event.role, event.order_version) == ("cancellation.requested", "BUYER", 2)
    assert told(event) == {("mail_seller", ALICE), ("mail_seller", BOB), ("mail_buyer", DORA)}
    assert offences() == {}


def test_a_request_may_name_units_of_one_item(cast):
    order = cast.order(3, 1)
    cast.request(order, {lines_of(order)[0]: 2})
    assert states_of(request_of(order)) == [("OPEN", 2, 0, 2)]


@pytest.mark.parametrize(
    ("_case", "prepare", "code"),
    [
        ("pending payment", lambda cast: cast.order(verified=False), "ORDER_NOT_CANCELABLE"),
        ("a second request (E3)", lambda cast: _and(cast, cast.order(), cast.request), "REQUEST_ALREADY_OPEN"),
        ("shipped already (E5)", lambda cast: _and(cast, cast.order(), cast.confirm), "ORDER_NOT_CANCELABLE"),
        ("cancelled already", lambda cast: _and(cast, cast.order(), cast.cancel), "ORDER_NOT_CANCELABLE"),
        ("too early after a decline", lambda cast: _and(cast, cast.order(), cast.request, cast.decline),
         "REQUEST_TOO_EARLY"),
        ("sent by the marketplace", lambda cast: cast.order(fulfillment_channel="MARKETPLACE"),
         "ORDER_NOT_CANCELABLE"),
    ],
)  # fmt: skip
def test_a_refused_request_changes_nothing(cast, _case, prepare, code):
    order = prepare(cast)
    with nothing_changes():
        outcome = cast.request(order)
    assert (outcome.result, outcome.code, outcome.version) == (Result.ERROR, code, Order.objects.get().version)


def _and(cast, order, *acts):
    """The order after these acts."""
    for act in acts:
        assert act(order).result == Result.DONE
    return order


def test_a_fourth_request_is_refused(cast):
    order = cast.order()
    for _ in range(3):
        _and(cast, order, cast.request, cast.withdraw)
    with nothing_changes():
        assert cast.request(order).code == "REQUEST_LIMIT_REACHED"
    assert offences() == {}


def test_after_a_decline_the_buyer_asks_again_once_ship_by_has_passed(cast):
    order = _and(cast, cast.order(), cast.request, cast.decline)
    assert order.ship_by_date == date(2026, 7, 4)
    with nothing_changes():
        # 23:59:59 in Tokyo is still the ship-by date.
        assert (
            cast.request(order, now=AFTER_SHIP_BY.replace(day=4, hour=14, minute=59)).code == "REQUEST_TOO_EARLY"
        )
    assert cast.request(order, now=AFTER_SHIP_BY.replace(day=4, hour=15)).result == Result.DONE


def test_a_request_late_at_night_goes_by_moments_not_by_days(cast):  # E21
    placed = NOON.replace(hour=14, minute=58)  # 23:58 in Tokyo
    order = cast.order(placed_at=placed)
    assert cast.request(order, now=placed + timedelta(minutes=6)).result == Result.DONE


# --- withdraw and decline -----------------------------------------------------------------------------------


def test_a_withdrawn_request_is_over_and_both_sides_are_told(cast):
    order = _and(cast, cast.order(2), cast.request, cast.withdraw)
    request = request_of(order)
    assert (request.status, request.decided_at, request.decided_by) == ("WITHDRAWN", LATER, cast.dora)
    assert states_of(request) == [("WITHDRAWN", 2, 0, 0)]
    after = Order.objects.get(pk=order.pk)
    assert (after.status, after.version, after.answer_due_at) == ("UNSHIPPED", 3, None)
    event = last_event(order)
    assert event.name == "cancellation.withdrawn"
    assert told(event) == {("mail_seller", ALICE), ("mail_seller", BOB), ("mail_buyer", DORA)}
    assert offences() == {}


def test_a_declined_request_keeps_why_and_the_buyer_is_told(cast):
    order = _and(cast, cast.order(2), cast.request)
    cast.decline(order, reason=DeclineReason.ALREADY_SHIPPED, text="本日発送", tracking="1234-5678")
    request = request_of(order)
    assert (request.status, request.decline_reason) == ("DECLINED", "ALREADY_SHIPPED")
    assert (request.decline_text, request.decline_tracking) == ("本日発送", "1234-5678")
    assert (request.decided_by, request.version) == (cast.alice, 2)
    assert states_of(request) == [("DECLINED", 2, 0, 0)]
    event = last_event(order)
    assert (event.name, told(event)) == ("cancellation.declined", {("mail_buyer", DORA)})
    assert Cancellation.objects.count() == 0
    assert offences() == {}


@pytest.mark.parametrize("act", ["withdraw", "decline"])
@pytest.mark.parametrize(
    ("_case", "before"),
    [
        ("nobody asked", []),
        ("withdrawn before", ["request", "withdraw"]),
        ("declined before", ["request", "decline"]),
        ("cancelled meanwhile (E7)", ["request", "cancel"]),
        ("shipped meanwhile", ["request", "confirm"]),
    ],
)
def test_a_request_that_is_not_open_cannot_be_answered(cast, _case, before, act):
    order = cast.order()
    for name in before:
        assert getattr(cast, name)(order).result in {Result.DONE, Result.WARNING}
    with nothing_changes():
        assert getattr(cast, act)(order).code == "REQUEST_NOT_OPEN"


def test_declining_for_another_reason_needs_a_text(cast):
    order = _and(cast, cast.order(), cast.request)
    with nothing_changes():
        assert cast.decline(order, reason=DeclineReason.OTHER).code == "REASON_REQUIRED"
    assert cast.decline(order, reason=DeclineReason.OTHER, text="加工を始めました").result == Result.DONE


def test_an_order_on_hold_may_be_declined_but_not_cancelled_by_the_seller(cast):
    order = _and(cast, cast.order(), cast.request)
    hold(order_ids=[order.pk], note="", by=cast.operator, now=LATER)
    with nothing_changes():
        assert cast.cancel(order, Reason.BUYER_CANCELED).code == "ORDER_ON_HOLD"
    assert cast.decline(order).result == Result.DONE


def test_declining_may_be_switched_off_by_a_policy(cast):
    PolicyVersion.objects.create(number=2, starts_at=NOON, seller_may_decline=False)
    order = _and(cast, cast.order(), cast.request)
    with nothing_changes():
        assert cast.decline(order).code == "DECLINE_NOT_ALLOWED"


@pytest.mark.parametrize("act", ["decline", "cancel"])
def test_an_act_on_an_order_that_changed_meanwhile_is_refused(cast, act):  # D-11, E6
    order = _and(cast, cast.order(), cast.request, cast.withdraw, cast.request)
    with nothing_changes():
        assert getattr(cast, act)(order, expected_version=3).code == "VERSION_CONFLICT"
    assert getattr(cast, act)(order, expected_version=4).result == Result.DONE


def test_a_request_is_seen_once_and_seeing_it_is_no_change_of_the_order(cast):
    order = _and(cast, cast.order(), cast.request)
    see = {"order_ids": [order.pk]}
    assert actions.see_requests(seller_id=cast.other_shop.pk, now=LATER, **see) == 0
    assert actions.see_requests(seller_id=cast.shop.pk, now=LATER, **see) == 1
    assert actions.see_requests(seller_id=cast.shop.pk, now=LATER + timedelta(hours=1), **see) == 0
    assert request_of(order).seen_by_seller_at == LATER
    assert Order.objects.get(pk=order.pk).version == 2


# --- cancel -------------------------------------------------------------------------------------------------


def test_a_cancelled_order_keeps_who_why_and_whether_it_counts(cast):
    order = cast.order(2, 1)
    outcome = cast.cancel(order, Reason.NO_INVENTORY, memo="棚卸しで発見")
    assert (outcome.result, outcome.status, outcome.version, outcome.counted) == ("DONE", "CANCELED", 2, True)
    done = cancellation_of(order)
    assert (done.code, done.counted, done.reason, done.role) == ("SEL-1", True, "NO_INVENTORY", "SELLER")
    assert (done.policy_version, done.seller_memo, done.whole, done.seller_id) == (
        1,
        "棚卸しで発見",
        True,
        cast.shop.pk,
    )
    assert done.sentence == "在庫切れを理由に出品者がキャンセルしたため、キャンセル率に含まれます（SEL-1）"
    assert queries.facts_from(done.facts).units == dict(zip(lines_of(order), [2, 1], strict=True))
    assert list(done.items.order_by("pk").values_list("quantity", "amount")) == [(2, 2000), (1, 1000)]
    after = Order.objects.get(pk=order.pk)
    assert (after.status, after.cancelled_at, after.last_updated_at) == ("CANCELED", LATER, LATER)
    event = last_event(order)
    assert done.event == event
    assert event.payload == {"code": "SEL-1", "reason": "NO_INVENTORY", "whole": True}
    assert told(event) == {
        ("mail_seller", ALICE),
        ("mail_seller", BOB),
        ("mail_buyer", DORA),
        ("release_authorization", None),
        ("look_at_rate", None),
    }
    assert offences() == {}


@pytest.mark.parametrize(
    ("_case", "prepare", "fields", "code"),
    [
        ("pending", lambda cast: cast.order(verified=False), {}, "ORDER_NOT_CANCELABLE"),
        ("shipped", lambda cast: _and(cast, cast.order(), cast.confirm), {}, "ORDER_NOT_CANCELABLE"),
        ("cancelled for another reason",
         lambda cast: _and(cast, cast.order(), lambda order: cast.cancel(order, Reason.OTHER)), {},
         "ORDER_NOT_CANCELABLE"),
        ("sent by the marketplace", lambda cast: cast.order(fulfillment_channel="MARKETPLACE"), {},
         "ORDER_NOT_CANCELABLE"),
        ("more than is open", lambda cast: cast.order(), {"units": 2}, "QUANTITY_EXCEEDS_OPEN"),
        ("an item of another order", lambda cast: cast.order(), {"units": None}, "ITEM_NOT_FOUND"),
        ("a reason of the marketplace", lambda cast: cast.order(), {"reason": Reason.FRAUD}, "REASON_UNKNOWN"),
    ],
)  # fmt: skip
def test_a_refused_cancellation_changes_nothing(cast, _case, prepare, fields, code):
    order = prepare(cast)
    if "units" in fields:
        fields = {"units": {lines_of(order)[0]: fields["units"]} if fields["units"] else {2**40: 1}}
    with nothing_changes():
        assert cast.cancel(order, **fields).code == code


def test_a_partly_shipped_order_is_cancelled_by_units_only(cast):  # E13
    order = cast.order(3)
    (pot,) = lines_of(order)
    cast.confirm(order, {pot: 1})
    with nothing_changes():
        assert cast.cancel(order).code == "ORDER_NOT_CANCELABLE"
    assert cast.cancel(order, units={pot: 1}).status == "PARTIALLY_SHIPPED"
    assert cast.cancel(order, units={pot: 1}).status == "SHIPPED"
    assert units_of(order) == [(3, 1, 2)]


def test_cancelling_again_for_the_same_reason_changes_nothing_and_says_so(cast):  # E28
    order = _and(cast, cast.order(), cast.cancel)
    with nothing_changes():
        outcome = cast.cancel(order)
    assert (outcome.result, outcome.status) == (Result.NO_CHANGE, "CANCELED")


def test_the_buyers_window_closes_a_millisecond_after_five_minutes(cast):  # E1, 22.7
    order = cast.order()
    with nothing_changes():
        late = cast.cancel_alone(order, now=NOON + timedelta(minutes=5, milliseconds=1))
    assert late.code == "DIRECT_WINDOW_ELAPSED"
    in_time = cast.cancel_alone(order, now=NOON + timedelta(minutes=5))
    assert (in_time.result, in_time.counted, cancellation_of(order).code) == (Result.DONE, False, "BUY-0")


def test_the_window_in_force_is_the_policys_of_that_moment(cast):  # E35
    order = cast.order()
    PolicyVersion.objects.create(number=2, starts_at=NOON + timedelta(minutes=30), direct_cancel_minutes=120)
    assert cast.cancel_alone(order, now=NOON + timedelta(minutes=20)).code == "DIRECT_WINDOW_ELAPSED"
    assert cast.cancel_alone(order, now=NOON + timedelta(minutes=90)).result == Result.DONE
    assert cancellation_of(order).policy_version == 2


@pytest.mark.parametrize(("verified", "hears"), [(True, True), (False, False)])
def test_the_shop_hears_of_a_buyers_own_cancellation_only_if_it_saw_the_order(cast, verified, hears):  # M-07
    order = cast.order(verified=verified)
    cast.cancel_alone(order)
    assert (("mail_seller", ALICE) in told(last_event(order))) is hears
    assert offences() == {}


def test_a_reader_and_another_shop_are_never_told(cast):
    order = _and(cast, cast.order(), cast.cancel)
    assert {address for _, address in told(last_event(order))} == {None, ALICE, BOB, DORA}


def test_an_imported_cancellation_moves_no_mail_and_no_money(cast):
    order = cast.order()
    assert cast.cancel(order, Reason.IMPORTED, by=SYSTEM).counted is False
    assert told(last_event(order)) == set()
    assert cancellation_of(order).code == "MKT-9"
    assert offences(only=["INV-10"]) == {}


@pytest.mark.parametrize(
    ("reason", "by", "restocked"),
    [
        (Reason.BUYER_CANCELED, "seller", True),
        (Reason.NO_INVENTORY, "seller", False),
        (Reason.OTHER, "seller", True),
        (Reason.FRAUD, "operator", True),
    ],
)
def test_units_go_back_on_sale_by_reason_unless_somebody_says_otherwise(cast, reason, by, restocked):  # D-12
    usual, other = cast.order(), cast.order()
    cast.cancel(usual, reason, by=getattr(cast, by))
    cast.cancel(other, reason, by=getattr(cast, by), restock=not restocked)
    assert (cancellation_of(usual).restock, cancellation_of(other).restock) == (restocked, not restocked)


@pytest.mark.parametrize(
    ("reason", "counts", "code", "counted"),
    [
        (Reason.PAYMENT_FAILED, False, "MKT-3", False),
        (Reason.FRAUD, False, "MKT-2", False),
        (Reason.SUPPORT_FOR_BUYER, False, "MKT-4", False),
        (Reason.MARKETPLACE_OTHER, False, "MKT-9", False),
        (Reason.MARKETPLACE_OTHER, True, "MKT-9", True),
        (Reason.NO_INVENTORY, False, "SEL-1", True),
    ],
)
def test_an_operator_cancels_even_on_hold(cast, reason, counts, code, counted):
    order = cast.order()
    hold(order_ids=[order.pk], note="", by=cast.operator, now=LATER)
    outcome = cast.cancel(order, reason, by=cast.operator, counts=counts)
    assert (outcome.status, outcome.counted, cancellation_of(order).code) == ("CANCELED", counted, code)
    assert offences() == {}


# --- what becomes of the open request -----------------------------------------------------------------------


def ended(request) -> tuple[str, str]:
    """Status and close reason of a request."""
    request.refresh_from_db()
    return request.status, request.close_reason


def test_honouring_the_request_approves_it_and_does_not_count(cast):
    order = _and(cast, cast.order(2, 1), cast.request)
    outcome = cast.cancel(order, Reason.BUYER_CANCELED)
    assert (outcome.counted, cancellation_of(order).code) == (False, "BUY-1")
    assert ended(request_of(order)) == ("APPROVED", "")
    assert states_of(request_of(order)) == [("APPROVED", 2, 2, 0), ("APPROVED", 1, 1, 0)]
    assert cancellation_of(order).request == request_of(order)
    assert cancellation_of(order).facts["request"] == request_of(order).pk
    assert offences() == {}


def test_another_reason_counts_and_closes_the_request(cast):  # E9
    order = _and(cast, cast.order(), cast.request)
    assert cast.cancel(order, Reason.NO_INVENTORY).counted is True
    assert cancellation_of(order).code == "SEL-1"
    assert ended(request_of(order)) == ("CLOSED", "CANCELED_OTHER_REASON")
    assert offences() == {}


def test_cancelling_more_than_was_asked_counts(cast):  # E11
    order = cast.order(1, 1)
    cast.request(order, {lines_of(order)[0]: 1})
    assert cast.cancel(order, Reason.BUYER_CANCELED).counted is True
    assert cancellation_of(order).code == "BUY-3"
    assert ended(request_of(order)) == ("APPROVED", "")


def test_cancelling_one_of_the_items_asked_for_leaves_the_request_open_for_the_other(cast):  # E12
    order = cast.order(1, 1)
    cast.request(order)
    pot, can = lines_of(order)
    assert cast.cancel(order, Reason.BUYER_CANCELED, {pot: 1}).counted is False
    assert ended(request_of(order)) == ("OPEN", "")
    assert states_of(request_of(order)) == [("APPROVED", 1, 1, 0), ("OPEN", 1, 0, 1)]
    assert Order.objects.get(pk=order.pk).answer_due_at == request_of(order).response_due_at
    assert cast.cancel(order, Reason.BUYER_CANCELED, {can: 1}).counted is False
    assert ended(request_of(order)) == ("APPROVED", "")
    assert offences() == {}


def test_one_unit_asked_for_covers_one_unit(cast):  # E39
    order = cast.order(3)
    (pot,) = lines_of(order)
    cast.request(order, {pot: 1})
    assert cast.cancel(order, Reason.BUYER_CANCELED, {pot: 2}).counted is True
    assert states_of(request_of(order)) == [("APPROVED", 1, 1, 0)]
    assert units_of(order) == [(3, 0, 2)]


def test_a_part_approved_and_the_rest_declined_is_partly_approved(cast):
    order = cast.order(1, 1)
    cast.request(order)
    cast.cancel(order, Reason.BUYER_CANCELED, {lines_of(order)[0]: 1})
    cast.decline(order)
    assert ended(request_of(order))[0] == "PARTLY_APPROVED"
    assert states_of(request_of(order)) == [("APPROVED", 1, 1, 0), ("DECLINED", 1, 0, 0)]
    assert offences() == {}


def test_after_a_decline_honouring_the_wish_counts(cast):  # E8
    order = _and(cast, cast.order(), cast.request, cast.decline)
    assert cast.cancel(order, Reason.BUYER_CANCELED).counted is True
    assert cancellation_of(order).code == "BUY-3"


def test_after_a_withdrawal_honouring_the_wish_counts(cast):  # E6
    order = _and(cast, cast.order(), cast.request, cast.withdraw)
    assert cast.cancel(order, Reason.BUYER_CANCELED).counted is True


def test_without_any_request_the_buyers_reason_counts(cast):  # E10
    order = cast.order()
    assert cast.cancel(order, Reason.BUYER_CANCELED).counted is True
    assert cancellation_of(order).code == "BUY-3"


def test_fraud_while_a_request_is_open_closes_it_and_does_not_count(cast):  # E19
    order = _and(cast, cast.order(), cast.request)
    assert cast.cancel(order, Reason.FRAUD, by=cast.operator).counted is False
    assert ended(request_of(order)) == ("CLOSED", "MARKETPLACE_CANCELED")
    assert cancellation_of(order).code == "MKT-2"


def test_units_nobody_asked_for_leave_the_request_as_it_is(cast):
    order = cast.order(1, 1)
    pot, can = lines_of(order)
    cast.request(order, {pot: 1})
    assert cast.cancel(order, Reason.NO_INVENTORY, {can: 1}).counted is True
    assert states_of(request_of(order)) == [("OPEN", 1, 0, 1)]
    assert offences() == {}


# --- money --------------------------------------------------------------------------------------------------


def reservation(order) -> tuple[Decimal, Decimal]:
    """What is reserved and what of it is released."""
    return Authorization.objects.values_list("amount", "released").get(order=order)


def test_cancelling_before_confirmation_releases_and_charges_nothing(cast, no_mails):  # 22.9
    order = cast.order(2, 1)
    deliver(NOON)
    pot, _ = lines_of(order)
    cast.request(order, {pot: 1})
    assert cast.cancel(order, Reason.BUYER_CANCELED, {pot: 1}).counted is False
    assert reservation(order) == (3300, 1000)
    assert Charge.objects.count() == Refund.objects.count() == 0
    cast.cancel(order, Reason.NO_INVENTORY)
    assert reservation(order) == (3300, 3300)  # with the shipping, now that nothing is left
    deliver()
    assert Authorization.objects.get(order=order).state == "RELEASED"
    assert offences() == {}


def test_cancelling_the_rest_after_the_charge_refunds_the_goods_and_keeps_the_shipping(cast, no_mails):  # 22.8
    order = cast.order(2, 1)
    deliver(NOON)
    pot, can = lines_of(order)
    cast.confirm(order, {pot: 2})
    assert Charge.objects.get(order=order).amount == 3300
    outcome = cast.cancel(order, Reason.NO_INVENTORY, {can: 1})
    assert (outcome.status, outcome.counted) == ("SHIPPED", True)
    refund = Refund.objects.get(order=order)
    assert (refund.amount, refund.state) == (1000, "PENDING")
    assert list(refund.items.values_list("item_id", "quantity", "amount")) == [(can, 1, 1000)]
    assert told(last_event(order)) >= {("refund", None)}
    assert ("release_authorization", None) not in told(last_event(order))
    assert reservation(order) == (3300, 0)
    deliver()
    refund.refresh_from_db()
    assert (refund.state, refund.refunded_at) == ("SUCCEEDED", LATER)
    assert offences() == {}


def test_parts_of_an_uneven_amount_add_up_to_the_whole(cast, no_mails):
    odd = cast.order(items=[item(quantity=3, price=333)])
    Order.objects.filter(pk=odd.pk).update(total=1000)
    odd.items.update(item_price=1000)
    (line,) = lines_of(odd)
    for _ in range(3):
        cast.cancel(odd, units={line: 1})
    amounts = Cancellation.objects.filter(order=odd).order_by("pk").values_list("items__amount", flat=True)
    assert list(amounts) == [333, 333, 334]


def test_an_order_of_unknown_price_moves_no_money(cast):
    order = cast.order(items=[item(price=None)])
    cast.cancel(order)
    assert Cancellation.objects.get().items.get().amount is None
    assert Authorization.objects.count() == 0


# --- batches ------------------------------------------------------------------------------------------------


def test_a_batch_answers_each_order_in_turn(cast):
    open_one, shipped, other = cast.order(), _and(cast, cast.order(), cast.confirm), cast.order()
    targets = [CancelTarget(key, Reason.OTHER) for key in (other.pk, 2**40, shipped.pk, open_one.pk)]
    outcomes = actions.cancel(targets=targets, by=cast.seller, now=LATER)
    assert [(one.order_id, one.result, one.code) for one in outcomes] == [
        (other.pk, "DONE", ""),
        (2**40, "ERROR", "ORDER_NOT_FOUND"),
        (shipped.pk, "ERROR", "ORDER_NOT_CANCELABLE"),
        (open_one.pk, "DONE", ""),
    ]
    assert offences() == {}


def test_one_bad_order_in_a_batch_does_not_stop_the_others(cast):
    orders = [cast.order() for _ in range(5)]
    refuse_changes_of(orders[2])
    targets = [CancelTarget(order.pk, Reason.OTHER) for order in orders]
    outcomes = actions.cancel(targets=targets, by=cast.seller, now=LATER)
    assert [one.result for one in outcomes] == ["DONE", "DONE", "ERROR", "DONE", "DONE"]
    assert outcomes[2].code == "FAILED"
    assert not Cancellation.objects.filter(order=orders[2]).exists()
    assert offences() == {}


def test_two_items_of_one_order_with_a_reason_each_are_two_cancellations(cast):
    order = cast.order(1, 2)
    pot, can = lines_of(order)
    cast.request(order, {pot: 1})
    targets = [
        CancelTarget(order.pk, Reason.BUYER_CANCELED, {pot: 1}),
        CancelTarget(order.pk, Reason.NO_INVENTORY, {can: 1}),
        CancelTarget(order.pk, Reason.NO_INVENTORY, {can: 2}),
    ]
    outcomes = actions.cancel(targets=targets, by=cast.seller, now=LATER)
    assert [(one.result, one.code, one.counted) for one in outcomes] == [
        ("DONE", "", False),
        ("DONE", "", True),
        ("ERROR", "QUANTITY_EXCEEDS_OPEN", None),
    ]
    assert names_of(order)[-2:] == ["order.cancelled", "order.cancelled"]
    assert Order.objects.get(pk=order.pk).version == 4
    assert units_of(order) == [(1, 0, 1), (2, 0, 1)]
    assert offences() == {}


def test_the_same_order_twice_in_a_batch_is_cancelled_once(cast):
    order = cast.order()
    targets = [CancelTarget(order.pk, reason) for reason in (Reason.OTHER, Reason.OTHER, Reason.NO_INVENTORY)]
    outcomes = actions.cancel(targets=targets, by=cast.seller, now=LATER)
    assert [(one.result, one.code) for one in outcomes] == [
        ("DONE", ""),
        ("NO_CHANGE", ""),
        ("ERROR", "ORDER_NOT_CANCELABLE"),
    ]
    assert Cancellation.objects.count() == 1
    assert offences() == {}


def test_the_same_order_twice_in_a_batch_of_requests_makes_one(cast):
    order = cast.order()
    target = RequestTarget(order.pk, "OTHER", "その他")
    outcomes = actions.request_cancellation(targets=[target, target], by=cast.buyer, now=LATER)
    assert [one.code for one in outcomes] == ["", "REQUEST_ALREADY_OPEN"]
    assert CancellationRequest.objects.count() == 1
    assert offences() == {}


def prepared(cast, act, count) -> list[int]:
    """Keys of orders on which `act` is allowed."""
    keys = [order.pk for order in cast.orders(count)]
    if act != "request":
        ACTS["request"](cast, keys)
    return keys


ACTS = {
    "request": lambda cast, keys: actions.request_cancellation(
        targets=[RequestTarget(key, "OTHER", "その他") for key in keys], by=cast.buyer, now=LATER
    ),
    "withdraw": lambda cast, keys: actions.withdraw(
        targets=[WithdrawTarget(key) for key in keys], by=cast.buyer, now=LATER
    ),
    "decline": lambda cast, keys: actions.decline(
        targets=[DeclineTarget(key, DeclineReason.IN_PRODUCTION) for key in keys], by=cast.seller, now=LATER
    ),
    "cancel": lambda cast, keys: actions.cancel(
        targets=[CancelTarget(key, Reason.BUYER_CANCELED) for key in keys], by=cast.seller, now=LATER
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_locks_its_orders_before_it_writes(cast, act):
    keys = prepared(cast, act, 2)
    with locks_before_writes():
        assert {one.result for one in ACTS[act](cast, keys)} == {Result.DONE}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_takes_as_many_statements_for_fifty_orders_as_for_one(cast, act):
    found = []
    for count in (1, 50):
        keys = prepared(cast, act, count)
        with counted_statements() as count_of:
            ACTS[act](cast, keys)
        found += count_of
    assert found[0] == found[1]


def test_cancelling_takes_nine_statements_in_its_transaction(cast):
    """The order's lock, items, requests, money, people and software to tell; history, cancellation, what changed."""
    for act in ("a request", "none"):
        order = cast.order(2, 1)
        if act == "a request":
            cast.request(order)
        with CaptureQueriesContext(connection) as captured:
            cast.cancel(order)
        said = [query["sql"] for query in captured.captured_queries]
        begun = next(place for place, sql in enumerate(said) if "FOR UPDATE" in sql)
        assert sum("SAVEPOINT" not in sql for sql in said[begun:]) == 9, said[begun:]


def test_cancelling_again_takes_as_many_statements_for_fifty_orders_as_for_one(cast):
    found = []
    for count in (1, 50):
        keys = [
            _and(cast, cast.order(), lambda order: cast.cancel(order, Reason.BUYER_CANCELED)).pk
            for _ in range(count)
        ]
        with counted_statements() as count_of:
            assert {one.result for one in ACTS["cancel"](cast, keys)} == {Result.NO_CHANGE}
        found += count_of
    assert found[0] == found[1]


# --- what the database refuses (reliability 2.1) ------------------------------------------------------------


@pytest.mark.parametrize(
    ("_case", "statement"),
    [
        ("two open requests about one order",
         "UPDATE cancellations_cancellationrequest SET status = 'OPEN', decided_at = NULL"),
        ("an open request with a decision", "UPDATE cancellations_cancellationrequest SET status = 'OPEN'"),
        ("a decided request without a moment", "UPDATE cancellations_cancellationrequest SET decided_at = NULL"),
        ("declined without a reason", ("UPDATE cancellations_cancellationrequest SET status = 'DECLINED',"
         " decided_at = now()")),
        ("nothing requested", "UPDATE cancellations_requestitem SET quantity = 0"),
        ("more decided than requested", "UPDATE cancellations_requestitem SET quantity_approved = 9"),
        ("an item open without open units",
         "UPDATE cancellations_requestitem SET state = 'OPEN', quantity_open = 0"),
        ("an item cancelled twice in one cancellation",
         ("INSERT INTO cancellations_cancellationitem (cancellation_id,"
         " item_id, quantity) SELECT cancellation_id, item_id, 1 FROM cancellations_cancellationitem")),
        ("no unit cancelled", "UPDATE cancellations_cancellationitem SET quantity = 0"),
        ("excluded although it did not count",
         "UPDATE cancellations_cancellation SET counted = false, excluded = true"),
        ("two cancellations of one event", ("UPDATE cancellations_cancellation SET event_id ="
         " (SELECT min(event_id) FROM cancellations_cancellation)")),
    ],
)  # fmt: skip
def test_the_database_refuses(cast, _case, statement):
    order = _and(cast, cast.order(2), cast.request, cast.withdraw, cast.request, cast.withdraw)
    for _ in range(2):
        cast.cancel(order, units={lines_of(order)[0]: 1})
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
