"""Money that goes back after the charge: never more than was taken, to the last yen, told once, counted nowhere."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.actions import silence_mails
from cancellations.actions import CancelTarget, cancel, cancel_overdue
from cancellations.models import Cancellation
from cancellations.policy import Reason
from cancellations.words import Refusal
from events.models import Delivery
from orders.models import Order
from orders.outcomes import Outcome, Result
from orders.rules import share
from payments import queries
from payments.models import Refund
from payments.providers import provider
from payments.refunds import RefundTarget, refund
from payments.rules import (
    Back,
    RefundReason,
    Sold,
    SoldItem,
    what_cancelling_gives,
    what_goes_back,
    why_not_refund,
)
from tests.books import nothing_changes, offences
from tests.cast import LATER, Cast, deliver, last_event, lines_of, names_of, told
from tests.factories import NOON, item

pytestmark = pytest.mark.usefixtures("no_mails")
R = RefundReason


def sold(*items: tuple[int, int], beside: int = 300, currency: str = "JPY") -> Sold:
    """A charged order of so many units for so much money each line, and shipping."""
    lines = {
        key: SoldItem(units, 0, 0, Decimal(amount), Decimal(0))
        for key, (units, amount) in enumerate(items, start=1)
    }
    charged = Decimal(beside) + sum((item.amount for item in lines.values()), Decimal(0))
    return Sold(charged, Decimal(0), currency, lines)


def back(of: Sold, *, units: dict[int, int] | None = None, beside: int = 0, whole: bool = False) -> Back:
    return what_goes_back(of, units=units or {}, beside=Decimal(beside), whole=whole)


def why_not(of: Sold, found: Back, how: dict) -> Refusal | None:
    return why_not_refund(of, R.RETURN, found, beside=Decimal(how.get("beside", 0)))


# --- the rules ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "amount", "shares"),
    [
        ({"whole": True}, 2800, {1: 2000, 2: 500}),
        ({"units": {1: 1}}, 1000, {1: 1000}),
        ({"units": {1: 2}, "beside": 300}, 2300, {1: 2000}),
        ({"units": {1: 1, 2: 1}}, 1500, {1: 1000, 2: 500}),
        ({"beside": 1}, 1, {}),
    ],
)
def test_what_goes_back(how, amount, shares):
    of = sold((2, 2000), (1, 500))
    found = back(of, **how)
    assert (found.amount, found.amounts) == (amount, shares)
    assert why_not(of, found, how) is None


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"units": {9: 1}}, Refusal.ITEM_NOT_FOUND),
        ({"units": {1: 3}}, Refusal.QUANTITY_EXCEEDS_OPEN),
        ({"units": {1: 0}}, Refusal.QUANTITY_EXCEEDS_OPEN),
        ({"units": {1: -1}}, Refusal.QUANTITY_EXCEEDS_OPEN),
        ({"beside": 0}, Refusal.AMOUNT_FORMAT),
        ({"beside": -1}, Refusal.AMOUNT_FORMAT),
        ({"units": {1: 1}, "beside": -100}, Refusal.AMOUNT_FORMAT),
        ({"beside": "0.5"}, Refusal.AMOUNT_FORMAT),
        ({"beside": 2301}, Refusal.REFUND_EXCEEDS_CHARGE),
    ],
)
def test_what_does_not(how, why):
    of = sold((2, 2000))
    assert why_not(of, back(of, **how), how) == why


def test_a_cancellation_is_no_reason_of_a_sellers_refund():
    of = sold((2, 2000))
    assert why_not_refund(of, R.CANCELLATION, back(of, whole=True), beside=Decimal(0)) == Refusal.REASON_UNKNOWN


def test_units_give_no_more_than_is_left_beside_what_went_back_as_an_amount():
    of = sold((1, 1000))
    of = of.less(back(of, beside=400))
    assert of.money_left(1) == 900
    assert back(of, units={1: 1}).amount == 900


def test_units_that_were_refunded_give_nothing_when_they_are_cancelled():
    of = sold((1, 1000), (1, 500))
    of = of.less(back(of, units={2: 1}))
    gone = what_cancelling_gives(of, {2: 1})
    assert (gone.amount, of.less(gone, cancels=True).items[2].units_left) == (0, 0)
    assert back(of.less(gone, cancels=True), units={1: 1}).amount == 1000


steps = st.lists(
    st.one_of(
        st.tuples(st.just("units"), st.integers(1, 2), st.integers(1, 4)),
        st.tuples(st.just("beside"), st.just(0), st.integers(1, 3000)),
        st.tuples(st.just("whole"), st.just(0), st.just(0)),
        st.tuples(st.just("cancel"), st.integers(1, 2), st.integers(1, 4)),
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 7), st.integers(1, 5000), st.integers(1, 4), st.integers(0, 5000), st.integers(0, 900), steps
)
def test_whatever_goes_back_in_which_order_it_is_never_more_than_was_taken(
    units, amount, more, other, beside, steps
):
    of = sold((units, amount), (more, other), beside=beside)
    taken = of.charged
    for kind, key, figure in steps:
        if kind == "cancel":
            if figure > of.items[key].ordered - of.items[key].cancelled:
                continue
            wished = what_cancelling_gives(of, {key: figure})
        else:
            how = {"units": {"units": {key: figure}}, "beside": {"beside": figure}, "whole": {"whole": True}}[kind]
            wished = back(of, **how)
            if why_not(of, wished, how):
                continue
        assert all(amount >= 0 for amount in wished.amounts.values())
        assert sum(wished.amounts.values()) <= wished.amount
        of = of.less(wished, cancels=kind == "cancel")
        assert of.refunded <= taken
        assert all(item.given <= item.amount for item in of.items.values())
    rest = back(of, whole=True)
    if of.left > 0:
        assert why_not(of, rest, {}) is None
        assert of.less(rest).left == 0


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 9), st.integers(0, 9999), st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=9))
def test_units_that_go_back_one_after_the_other_add_up_to_the_line(units, amount, parts):
    of = sold((units, amount), beside=0)
    for part, cancels in parts:
        if part <= of.items[1].units_left:
            gone = what_cancelling_gives(of, {1: part}) if cancels else back(of, units={1: part})
            of = of.less(gone, cancels=cancels)
    if of.items[1].units_left:
        of = of.less(back(of, units={1: of.items[1].units_left}))
    assert of.items[1].given == amount


# --- the act ------------------------------------------------------------------------------------------------


def give(cast: Cast, order: Order, reason: R = R.RETURN, *, now=LATER, **how) -> Outcome:
    (outcome,) = refund(targets=[RefundTarget(order.pk, reason, **how)], by=cast.seller, now=now)
    return outcome


@pytest.fixture
def sent(cast) -> Order:
    """Two of 1,000 yen and one of 1,000, 300 for sending; all of it confirmed as sent, and charged."""
    order = cast.order(2, 1)
    deliver(NOON)
    cast.confirm(order)
    deliver()
    return Order.objects.get(pk=order.pk)


def test_a_refund_is_written_told_and_made_once_and_counts_nowhere(cast, sent, monkeypatch):
    asked = []
    refunded = type(provider("test")).refund
    monkeypatch.setattr(
        type(provider("test")), "refund", lambda self, **fields: asked.append(fields) or refunded(self, **fields)
    )
    first, _second = lines_of(sent)
    outcome = give(cast, sent, R.RETURN, units={first: 1}, memo="傷あり")
    assert (outcome.result, outcome.status, outcome.version) == (Result.DONE, "SHIPPED", sent.version + 1)
    (kept,) = queries.refunds_of(sent.pk)
    assert (kept.amount, kept.reason, kept.state, kept.memo) == (1000, "RETURN", "PENDING", "傷あり")
    assert [(part.item_id, part.quantity, part.amount) for part in kept.items.all()] == [(first, 1, 1000)]
    event = last_event(sent)
    assert (event.name, event.order_version) == ("payment.refunded", outcome.version)
    assert {listener for listener, _ in told(event)} == {"mail_seller", "mail_buyer", "refund"}
    deliver(LATER)
    Delivery.objects.filter(event=event, listener="refund").update(
        state="PENDING", delivered_at=None, due_at=LATER
    )
    deliver(LATER + timedelta(hours=1))
    assert [(fields["key"], fields["amount"]) for fields in asked] == [(kept.idempotency_key, 1000)]
    assert Refund.objects.get().state == "SUCCEEDED"
    assert not Cancellation.objects.exists()
    assert offences(now=LATER) == {}


def test_all_that_is_left_goes_back_with_shipping(cast, sent):
    first, second = lines_of(sent)
    give(cast, sent, units={first: 1})
    give(cast, sent, beside=Decimal(300))
    assert give(cast, sent, whole=True).result == Result.DONE
    assert [refund.amount for refund in queries.refunds_of(sent.pk)] == [1000, 300, 2000]
    parts = queries.refunds_of(sent.pk)[-1].items.order_by("item_id")
    assert [(part.item_id, part.quantity, part.amount) for part in parts] == [(first, 1, 1000), (second, 1, 1000)]
    assert give(cast, sent, whole=True).code == "REFUND_EXCEEDS_CHARGE"
    assert offences(now=LATER) == {}


def test_r18_refunds_under_way_count_against_what_is_left(cast, sent):
    """800 + 800 of 1,000, whether the provider has answered or not; a refund that failed counts no more."""
    give(cast, sent, beside=Decimal(2500))
    with nothing_changes():
        assert give(cast, sent, beside=Decimal(801)).code == "REFUND_EXCEEDS_CHARGE"
    Refund.objects.update(state="FAILED")
    assert give(cast, sent, beside=Decimal(801)).result == Result.DONE
    assert offences(now=LATER) == {}


def test_one_batch_counts_what_it_gives_itself(cast, sent):
    half = RefundTarget(sent.pk, R.OTHER, beside=Decimal(2000))
    outcomes = refund(targets=[half, half], by=cast.seller, now=LATER)
    assert [outcome.result for outcome in outcomes] == [Result.DONE, Result.ERROR]
    twice = [RefundTarget(sent.pk, R.OTHER, beside=Decimal(1))] * 2
    assert [one.version for one in refund(targets=twice, by=cast.seller, now=LATER)] == [
        sent.version + 2,
        sent.version + 3,
    ]
    assert names_of(sent)[-3:] == ["payment.refunded"] * 3
    assert offences(now=LATER) == {}


def test_a_batch_asks_as_often_for_many_orders_as_for_few(cast):
    orders = cast.orders(6)
    deliver(NOON)
    for order in orders:
        cast.confirm(order)
    targets = [RefundTarget(order.pk, R.RETURN, whole=True) for order in orders]
    counted = []
    for part in (targets[:1], targets[1:]):
        with CaptureQueriesContext(connection) as captured:
            refund(targets=part, by=cast.seller, now=LATER)
        counted.append(len(captured))
    assert counted[0] == counted[1]


@pytest.mark.parametrize("reason", [reason for reason in R if reason != R.CANCELLATION])
def test_every_reason_of_the_seller_is_kept_and_none_touches_the_rate(cast, sent, reason):
    assert give(cast, sent, reason, beside=Decimal(1)).result == Result.DONE
    assert Refund.objects.get().reason == reason
    assert not Cancellation.objects.exists()


def test_an_order_that_was_not_charged_gives_nothing_back(cast):
    order = cast.order(2)
    deliver(NOON)
    with nothing_changes():
        assert give(cast, order, whole=True).code == "ORDER_NOT_CHARGED"
        assert give(cast, Order(pk=2**40), whole=True).code == "ORDER_NOT_FOUND"


def test_a_refund_of_an_older_state_is_refused(cast, sent):
    with nothing_changes():
        assert give(cast, sent, whole=True, expected_version=sent.version - 1).code == "VERSION_CONFLICT"


def test_22_8_units_cancelled_after_the_charge_are_refunded_once_and_shipping_is_kept(cast):
    order = cast.order(2, 1)
    deliver(NOON)
    first, second = lines_of(order)
    cast.confirm(order, {first: 2})
    cast.cancel(order, Reason.NO_INVENTORY, {second: 1})
    assert [(each.amount, each.reason) for each in queries.refunds_of(order.pk)] == [(1000, "CANCELLATION")]
    order.refresh_from_db()
    assert order.status == "SHIPPED"
    assert give(cast, order, units={second: 1}).code == "QUANTITY_EXCEEDS_OPEN"
    assert give(cast, order, whole=True).result == Result.DONE
    assert queries.refunds_of(order.pk)[-1].amount == 2300
    assert offences(now=LATER) == {}


def test_cancellations_after_a_refund_give_back_no_more_than_is_left(cast):
    """Two reasons in one act are two cancellations: what the first gives, the second finds gone."""
    order = cast.order(1, 1, 1)
    deliver(NOON)
    first, second, third = lines_of(order)
    cast.confirm(order, {first: 1})
    give(cast, order, R.PRICE_ADJUSTMENT, beside=Decimal(2900))
    targets = [
        CancelTarget(order.pk, Reason.NO_INVENTORY, {second: 1}),
        CancelTarget(order.pk, Reason.PRICING_ERROR, {third: 1}),
    ]
    cancel(targets=targets, by=cast.seller, now=LATER)
    assert [each.amount for each in queries.refunds_of(order.pk)] == [2900, 400]
    assert offences(now=LATER) == {}


def test_what_was_refunded_by_units_is_not_refunded_again_by_the_sweep(cast):
    order = cast.order(1, 1)
    deliver(NOON)
    first, second = lines_of(order)
    cast.confirm(order, {first: 1})
    give(cast, order, R.NO_INVENTORY, units={second: 1})
    cancel_overdue(now=order.auto_cancel_due_at)
    order.refresh_from_db()
    assert order.status == "SHIPPED"
    assert [each.amount for each in queries.refunds_of(order.pk)] == [1000]
    assert give(cast, order, units={first: 1}).result == Result.DONE
    assert offences(now=LATER) == {}


def test_the_rest_that_rounding_left_goes_with_the_last_unit_whoever_gives_it(cast):
    order = cast.order(items=[item("三枚組", sku="SET", quantity=3, price=None)])
    order.items.update(item_price=1000)
    Order.objects.filter(pk=order.pk).update(total=1000)
    deliver(NOON)
    (line,) = lines_of(order)
    cast.confirm(order, {line: 2})
    give(cast, order, units={line: 2})
    cast.cancel(order, Reason.NO_INVENTORY, {line: 1})
    assert [each.amount for each in queries.refunds_of(order.pk)] == [666, 334]


def test_whoever_of_the_shop_stopped_m12_is_not_told(cast, sent):
    silence_mails(user_id=cast.bob.pk, mails={"M-12"}, now=NOON)
    give(cast, sent, beside=Decimal(1))
    shop = {address for listener, address in told(last_event(sent)) if listener == "mail_seller"}
    assert shop == {cast.alice.email}


def test_the_database_keeps_no_unknown_reason(cast, sent):
    give(cast, sent, beside=Decimal(1))
    with pytest.raises(IntegrityError), transaction.atomic():
        Refund.objects.update(reason="BECAUSE")


def test_f61_an_answer_that_was_lost_is_asked_for_again_with_the_same_key(cast, sent, monkeypatch):
    keys = []

    def lost(self, **fields):
        keys.append(fields["key"])
        raise TimeoutError

    give(cast, sent, beside=Decimal(1))
    built_in = type(provider("test"))
    answered = built_in.refund
    monkeypatch.setattr(built_in, "refund", lost)
    deliver()
    assert Refund.objects.get().state == "PENDING"
    monkeypatch.setattr(built_in, "refund", lambda self, **f: keys.append(f["key"]) or answered(self, **f))
    deliver(LATER + timedelta(hours=1))
    assert len(set(keys)) == 1
    assert Refund.objects.get().state == "SUCCEEDED"


def test_shares_of_units_are_those_of_a_cancellation():
    """One rounding for both: units refunded behind cancelled ones take the rest (D-30)."""
    item = SoldItem(ordered=3, cancelled=1, refunded_units=0, amount=Decimal(1000), given=Decimal(333))
    of = Sold(Decimal(667), Decimal(0), "JPY", {1: item})
    first = share(amount=Decimal(1000), units=3, before=1, taken=1, currency="JPY")
    assert back(of, units={1: 1}).amount == first
    assert back(of, units={1: 2}).amount == 667
