"""Stripe behind the same interface, against a local server that speaks its HTTP (F-61, F-62)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from cancellations.models import Cancellation
from events.models import Delivery
from orders.models import Order
from payments import providers
from payments.actions import verify_payment
from payments.models import Authorization, Charge, Refund
from payments.providers import base
from payments.providers.base import ProviderRefuses
from payments.providers.stripe import StripeProvider
from payments.refunds import RefundTarget, refund
from payments.rules import RefundReason
from tests.books import offences
from tests.cast import LATER, Cast, deliver, lines_of
from tests.factories import NOON

from .fake_stripe import WEBHOOK_SECRET, FakeStripe, serve

pytestmark = pytest.mark.usefixtures("no_mails")
DOOR = "/payments/notices/stripe/"


@pytest.fixture
def stripe(settings):
    """The local server, and a portal that is set to ask it."""
    fake, server = serve()
    settings.PAYMENT_PROVIDER = "stripe"
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk_of_the_tests", WEBHOOK_SECRET
    settings.STRIPE_ADDRESS = fake.address
    providers.provider.cache_clear()
    yield fake
    providers.provider.cache_clear()
    server.shutdown()
    server.server_close()


def held(cast: Cast, **fields) -> Order:
    """An order of two for 1,000 yen each and 300 for sending, its money held."""
    order = cast.order(2, **{"payment_method": "pm_card_visa"} | fields)
    deliver(NOON)
    return order


def charged(cast: Cast) -> Order:
    """The same, confirmed as sent and charged."""
    order = held(cast)
    cast.confirm(order)
    deliver()
    return order


def give(cast: Cast, order: Order, amount: int = 500) -> None:
    target = RefundTarget(order.pk, RefundReason.RETURN, beside=Decimal(amount))
    refund(targets=[target], by=cast.seller, now=LATER)


def asked_of(stripe: FakeStripe, ending: str) -> list[tuple[dict, str]]:
    return [(sent, key) for method, path, sent, key in stripe.asked if path.endswith(ending) and method == "POST"]


def test_money_is_held_captured_and_refunded_in_whole_yen_under_our_keys(cast: Cast, stripe: FakeStripe):
    order = charged(cast)
    give(cast, order)
    deliver()
    ((hold, hold_key),) = asked_of(stripe, "/payment_intents")
    assert (hold["amount"], hold["currency"], hold["capture_method"]) == ("2300", "jpy", "manual")
    assert hold_key == hold["metadata[key]"] == f"reserve-{order.number}"
    ((capture, _),) = asked_of(stripe, "/capture")
    assert capture["amount_to_capture"] == "2300"
    ((back, back_key),) = asked_of(stripe, "/refunds")
    assert (back["charge"], back["amount"]) == ("ch_pi_1", "500")
    row = Refund.objects.get()
    assert (row.state, row.provider_ref, row.idempotency_key) == ("SUCCEEDED", "re_1", back_key)
    assert Charge.objects.get().provider_ref == "ch_pi_1"
    assert offences() == {}


def test_other_currencies_are_counted_in_their_smallest_unit(stripe: FakeStripe):
    asked = providers.provider("stripe")
    asked.reserve(key="k", amount=Decimal("12.34"), currency="USD", method="pm_card_visa")
    assert stripe.asked[-1][2]["amount"] == "1234"


def test_a_declined_card_cancels_the_order_without_counting(cast: Cast, stripe: FakeStripe):  # MKT-3
    held(cast, verified=False, payment_method="pm_card_chargeDeclined")
    assert (Cancellation.objects.get().code, Authorization.objects.get().state) == ("MKT-3", "FAILED")


def test_a_payment_that_takes_its_time_is_verified_by_a_notice(cast: Cast, stripe: FakeStripe, client: Client):
    order = held(cast, verified=False, payment_method="pm_konbini")
    assert Order.objects.get().status == "PENDING"
    body, signature = stripe.event("payment_intent.amount_capturable_updated", stripe.intents["pi_1"])
    for _ in range(2):
        answer = client.post(DOOR, body, content_type="application/json", headers={"Stripe-Signature": signature})
        assert answer.status_code == 200
    order.refresh_from_db()
    assert (order.status, order.version) == ("UNSHIPPED", 2)


def test_a_cancelled_order_gives_its_whole_reservation_up_and_a_part_is_captured_less(
    cast: Cast, stripe: FakeStripe
):
    whole, part = held(cast), held(cast)
    cast.cancel(whole)
    cast.cancel(part, units={lines_of(part)[0]: 1})
    cast.confirm(part)
    deliver()
    assert [stripe.intents[name]["status"] for name in ("pi_1", "pi_2")] == ["canceled", "succeeded"]
    assert asked_of(stripe, "/capture")[0][0]["amount_to_capture"] == "1300"
    assert offences() == {}


@pytest.mark.parametrize("fault", ["down", "busy", "lost"])
def test_f61_f62_a_server_that_is_down_busy_or_loses_its_answers_is_asked_again_and_nothing_is_doubled(
    cast: Cast, stripe: FakeStripe, fault: str
):
    order = charged(cast)
    stripe.fault = fault
    give(cast, order)
    deliver()
    waiting = Delivery.objects.get(listener="refund", event__name="payment.refunded")
    assert (waiting.state, Refund.objects.get().state) == ("PENDING", "PENDING")
    assert "ProviderDown" in waiting.last_error
    stripe.fault = ""
    deliver(LATER + timedelta(hours=1))
    assert Refund.objects.get().state == "SUCCEEDED"
    assert len(stripe.refunds) == 1
    assert len({key for _, key in asked_of(stripe, "/refunds")}) == 1


def test_a_capture_or_release_done_before_the_keys_were_forgotten_is_seen_as_done(cast: Cast, stripe: FakeStripe):
    order, other = held(cast), held(cast)
    stripe.fault = "lost"
    cast.confirm(order)
    cast.cancel(other)
    deliver()
    assert Charge.objects.get().state == "PENDING"
    stripe.fault = ""
    stripe.forget_keys()
    deliver(LATER + timedelta(hours=1))
    assert (Charge.objects.get().state, Charge.objects.get().provider_ref) == ("SUCCEEDED", "ch_pi_1")
    assert Authorization.objects.get(order=other).state == "RELEASED"


@pytest.mark.parametrize("cancels", ["one unit", "all"])
def test_a_hold_whose_answer_was_lost_is_asked_for_again_as_it_was_and_then_given_up(
    cast: Cast, stripe: FakeStripe, cancels: str
):
    stripe.fault = "lost"
    order = cast.order(2, payment_method="pm_card_visa", verified=False)
    deliver(NOON)
    units = {lines_of(order)[0]: 1} if cancels == "one unit" else None
    cast.cancel_alone(order, units, now=NOON + timedelta(minutes=2))
    stripe.fault = ""
    for hours in range(1, 6):
        deliver(NOON + timedelta(hours=hours))
    held_now = Authorization.objects.get()
    order.refresh_from_db()
    assert held_now.provider_ref == "pi_1"
    assert len(stripe.intents) == 1
    if cancels == "all":
        assert (order.status, held_now.state, stripe.intents["pi_1"]["status"]) == (
            "CANCELED",
            "RELEASED",
            "canceled",
        )
    else:
        assert (order.status, held_now.state, held_now.released) == ("UNSHIPPED", "HELD", 1000)
    assert offences(now=LATER + timedelta(hours=6)) == {}


def test_a_refund_made_before_the_keys_were_forgotten_is_not_made_twice(cast: Cast, stripe: FakeStripe):
    order = charged(cast)
    stripe.fault = "lost"
    give(cast, order)
    deliver(LATER + timedelta(hours=1))
    stripe.fault = ""
    stripe.forget_keys()
    deliver(LATER + timedelta(hours=30))
    assert len(stripe.refunds) == 1
    assert (Refund.objects.get().state, Refund.objects.get().provider_ref) == ("SUCCEEDED", "re_1")


def test_what_was_cancelled_while_a_charge_was_refused_is_never_taken(cast: Cast, stripe: FakeStripe):
    order = cast.order(3, payment_method="pm_card_visa")
    deliver(NOON)
    (pot,) = lines_of(order)
    cast.confirm(order, {pot: 1})
    cast.cancel(order, units={pot: 1})
    stripe.intents["pi_1"]["status"] = "canceled"
    for hours in (1, 3):
        deliver(LATER + timedelta(hours=hours))
    assert (Charge.objects.get().state, Refund.objects.get().state) == ("FAILED", "FAILED")
    assert offences(now=LATER + timedelta(hours=3)) == {}
    stripe.intents["pi_1"]["status"] = "requires_capture"
    cast.confirm(order, {pot: 1}, now=LATER + timedelta(hours=4))
    deliver(LATER + timedelta(hours=5))
    assert Charge.objects.get(state="SUCCEEDED").amount == 2300
    assert offences(now=LATER + timedelta(hours=6)) == {}


def test_an_operators_word_that_was_paid_leaves_the_question_to_be_asked(cast: Cast, stripe: FakeStripe):
    stripe.fault = "lost"
    order = cast.order(2, payment_method="pm_card_visa", verified=False)
    deliver(NOON)
    verify_payment(order_ids=[order.pk], by=cast.operator, now=NOON)
    stripe.fault = ""
    deliver(LATER)
    cast.confirm(order)
    deliver(LATER + timedelta(hours=1))
    assert (Authorization.objects.get().provider_ref, Charge.objects.get().state) == ("pi_1", "SUCCEEDED")


def test_a_hold_refused_after_the_confirmation_fails_the_charge_and_what_was_to_go_back(
    cast: Cast, stripe: FakeStripe
):
    order = cast.order(2, payment_method="pm_card_chargeDeclined")
    cast.confirm(order)
    back = RefundTarget(order.pk, RefundReason.RETURN, beside=Decimal(500))
    refund(targets=[back], by=cast.seller, now=LATER)
    for hours in range(4):
        deliver(LATER + timedelta(hours=hours))
    assert (Charge.objects.get().state, Refund.objects.get().state) == ("FAILED", "FAILED")


def test_a_payment_that_is_being_processed_is_given_up_once_it_is_held(
    cast: Cast, stripe: FakeStripe, client: Client
):
    order = held(cast, verified=False, payment_method="pm_konbini")
    cast.cancel_alone(order, now=NOON + timedelta(minutes=2))
    for hours in range(20):
        deliver(LATER + timedelta(hours=hours))
    assert Delivery.objects.get(listener="release_authorization").state == "FAILED"
    assert set(offences(now=LATER)) == {"INV-21"}
    stripe.intents["pi_1"]["status"] = "requires_capture"
    body, signature = stripe.event("payment_intent.amount_capturable_updated", stripe.intents["pi_1"])
    client.post(DOOR, body, content_type="application/json", headers={"Stripe-Signature": signature})
    deliver(timezone.now() + timedelta(hours=1))
    assert stripe.intents["pi_1"]["status"] == "canceled"
    assert (Authorization.objects.get().state, offences(now=LATER)) == ("RELEASED", {})


def test_a_hold_that_ran_out_is_known_before_the_shop_confirms(cast: Cast, stripe: FakeStripe, client: Client):
    order = held(cast)
    stripe.intents["pi_1"]["status"] = "canceled"
    body, signature = stripe.event("payment_intent.canceled", stripe.intents["pi_1"])
    client.post(DOOR, body, content_type="application/json", headers={"Stripe-Signature": signature})
    order.refresh_from_db()
    assert (Authorization.objects.get().state, order.status) == ("FAILED", "UNSHIPPED")
    cast.confirm(order)
    deliver(LATER + timedelta(hours=1))
    assert Charge.objects.get().state == "FAILED"


def test_money_that_stripe_took_otherwise_is_no_charge_of_ours(cast: Cast, stripe: FakeStripe):
    order = held(cast)
    cast.cancel(order, units={lines_of(order)[0]: 1})
    stripe.intents["pi_1"] |= {"status": "succeeded", "latest_charge": "ch_x", "amount_received": 2300}
    cast.confirm(order)
    deliver()
    assert Charge.objects.get().state == "PENDING"
    assert "ask Stripe" in Delivery.objects.get(listener="charge").last_error


@pytest.mark.parametrize(("amount", "currency"), [("1000", "VND"), ("1.234", "KWD"), ("1000.50", "JPY")])
def test_money_that_nobody_can_count_is_not_asked_for(stripe: FakeStripe, amount: str, currency: str):
    asked = providers.provider("stripe")
    with pytest.raises(ProviderRefuses):
        asked.refund(key="k", charge="ch_1", amount=Decimal(amount), currency=currency)
    assert asked_of(stripe, "/refunds") == []


def test_a_charge_that_is_refused_for_good_is_failed_and_said_on_the_order(
    cast: Cast, stripe: FakeStripe, client: Client
):
    order = held(cast)
    stripe.intents["pi_1"] |= {"status": "canceled"}
    cast.confirm(order)
    deliver()
    assert Charge.objects.get().state == "FAILED"
    assert Delivery.objects.get(listener="charge").state == "FAILED"
    client.force_login(cast.alice)
    assert "請求できませんでした" in client.get(f"/seller/orders/{order.number}/").content.decode()
    (answer,) = refund(
        targets=[RefundTarget(order.pk, RefundReason.RETURN, whole=True)], by=cast.seller, now=LATER
    )
    assert answer.code == "ORDER_NOT_CHARGED"
    assert offences() == {}


def test_a_refund_that_takes_days_is_in_progress_until_its_notice(cast: Cast, stripe: FakeStripe, client: Client):
    order = charged(cast)
    stripe.refund_status = "pending"
    give(cast, order)
    deliver()
    row = Refund.objects.get()
    assert (row.state, row.provider_ref) == ("PENDING", "re_1")
    told = {"id": "re_1", "status": "succeeded", "metadata": {"key": row.idempotency_key}}
    body, signature = stripe.event("refund.updated", told)
    client.post(DOOR, body, content_type="application/json", headers={"Stripe-Signature": signature})
    assert Refund.objects.get().state == "SUCCEEDED"


def test_a_refund_that_fails_at_last_may_be_made_again(cast: Cast, stripe: FakeStripe, client: Client):
    order = charged(cast)
    stripe.refund_status = "pending"
    give(cast, order, 2300)
    deliver()
    row = Refund.objects.get()
    told = {"id": "re_1", "status": "failed", "metadata": {"key": row.idempotency_key}}
    body, signature = stripe.event("refund.failed", told)
    client.post(DOOR, body, content_type="application/json", headers={"Stripe-Signature": signature})
    assert Refund.objects.get().state == "FAILED"
    stripe.refund_status = "succeeded"
    give(cast, order, 2300)
    deliver()
    assert sorted(Refund.objects.values_list("state", flat=True)) == ["FAILED", "SUCCEEDED"]
    assert offences() == {}


def test_what_stripe_did_not_sign_or_signed_long_ago_is_refused(stripe: FakeStripe, client: Client):
    body, signature = stripe.event("refund.updated", {"id": "re_1"})

    def post(sent: bytes, sign: str):
        return client.post(DOOR, sent, content_type="application/json", headers={"Stripe-Signature": sign})

    assert post(body + b" ", signature).status_code == 400
    assert post(body, "").status_code == 400
    assert post(b"\xff", signature).status_code == 400
    assert post(*stripe.event("refund.updated", {"id": "re_1"}, at=0)).status_code == 400
    assert post(*stripe.event("refund.updated", {"id": "re_1", "metadata": {"key": "k\n"}})).status_code == 400
    assert post(*stripe.event("customer.created", {"id": "cus_1"})).json() == {"state": "IGNORED"}


def test_a_server_that_is_not_there_is_no_refusal():
    fake, server = serve()
    server.shutdown()
    server.server_close()
    asked = StripeProvider(secret_key="sk", webhook_secret="x", address=fake.address)
    with pytest.raises(base.ProviderDown):
        asked.reserve(key="k", amount=Decimal(1), currency="JPY", method="pm_card_visa")


def test_without_its_keys_stripe_is_no_provider(settings):
    settings.STRIPE_SECRET_KEY = ""
    providers.provider.cache_clear()
    with pytest.raises(KeyError):
        providers.provider("stripe")
