"""Stripe: a payment intent that is captured by hand holds the money, its capture takes it.

An order's method of payment is the payment method's id at Stripe (`pm_…`).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import stripe

from orders.rules import WHOLE_CURRENCIES

from .base import About, Answer, Movement, Notice, ProviderDown, ProviderRefuses, Reservation, UnreadableNotice

# Seconds to reach Stripe, and to wait for its answer: well within a delivery's lease (reliability 0).
TIME_LIMITS = (3.0, 10.0)
_ANSWERS = {
    "requires_capture": Answer.HELD,
    "succeeded": Answer.HELD,
    "processing": Answer.WAITING,
    "requires_action": Answer.WAITING,
    "requires_confirmation": Answer.WAITING,
}
# What is told by itself and of use here: what it is about, and whether it went well.
_TOLD = {
    "payment_intent.amount_capturable_updated": (About.RESERVATION, True),
    "payment_intent.payment_failed": (About.RESERVATION, False),
    "payment_intent.canceled": (About.RESERVATION, False),
    "payment_intent.succeeded": (About.CHARGE, True),
    "refund.updated": (About.REFUND, None),
    "refund.failed": (About.REFUND, False),
    "charge.refund.updated": (About.REFUND, None),
}
# Said of an intent that was captured or cancelled already, perhaps by ourselves. An intent goes through each of these
# once, without any key; under a key, Stripe would repeat a no for a day though the reason for it had gone.
_OTHER_STATE = "payment_intent_unexpected_state"
# Said of a refund while the shop's balance is too low.
_NO_MONEY_NOW = "balance_insufficient"
# Currencies that are counted in hundredths; of any other, nobody here knows the smallest unit.
_IN_HUNDREDTHS = frozenset({"USD", "EUR", "GBP", "AUD", "CAD", "CNY", "HKD", "SGD", "THB", "CHF", "NZD"})


class StripeProvider:
    """The provider behind the setting PAYMENT_PROVIDER=stripe."""

    def __init__(self, *, secret_key: str, webhook_secret: str, address: str) -> None:
        """`address` is where Stripe's interface is; asking again is left to the outbox (reliability M7)."""
        self._webhook_secret = webhook_secret
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": address},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=TIME_LIMITS),
        )

    def reserve(self, *, key: str, amount: Decimal, currency: str, method: str) -> Reservation:
        """Hold money on the payment method."""
        try:
            with _told_apart():
                intent = self._client.v1.payment_intents.create(
                    {
                        "amount": _smallest(amount, currency),
                        "currency": currency.lower(),
                        "payment_method": method,
                        "capture_method": "manual",
                        "confirm": True,
                        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                        "metadata": {"key": key},
                    },
                    {"idempotency_key": key},
                )
        except ProviderRefuses:
            return Reservation(Answer.REFUSED)
        return Reservation(_ANSWERS.get(intent.status, Answer.REFUSED), intent.id)

    def charge(self, *, key: str, reservation: str, amount: Decimal, currency: str) -> Movement:
        """Capture the intent; what is not captured is given up by that."""
        with _told_apart():
            try:
                intent = self._client.v1.payment_intents.capture(
                    reservation,
                    {"amount_to_capture": _smallest(amount, currency), "metadata": {"key": key}},
                )
            except stripe.InvalidRequestError as error:
                if error.code != _OTHER_STATE:
                    raise
                intent = self._client.v1.payment_intents.retrieve(reservation)
                if intent.status == "processing":
                    raise ProviderDown("the payment is still being processed") from error
                if intent.status != "succeeded":
                    raise
            if intent.status == "succeeded" and intent.amount_received != _smallest(amount, currency):
                raise ProviderDown(f"Stripe took {intent.amount_received} in place of {amount}: ask Stripe")
        return Movement(_charge_of(intent), is_done=intent.status == "succeeded")

    def release(self, *, key: str, reservation: str, left: Decimal, currency: str) -> None:
        """Cancel the intent if nothing is left; a part is given up by capturing less."""
        if left > 0:
            return
        with _told_apart():
            try:
                self._client.v1.payment_intents.cancel(reservation)
            except stripe.InvalidRequestError as error:
                if error.code != _OTHER_STATE:
                    raise
                status = self._client.v1.payment_intents.retrieve(reservation).status
                if status == "processing":
                    raise ProviderDown("the payment is still being processed") from error
                if status != "canceled":
                    raise

    def refund(self, *, key: str, charge: str, amount: Decimal, currency: str) -> Movement:
        """Send captured money back; some methods of payment take days, and a notice tells when it arrived."""
        with _told_apart():
            # Stripe may have forgotten the key by now, never the refund.
            known = self._client.v1.refunds.list({"charge": charge, "limit": 100})
            made = next((each for each in known.data if _key_of(each) == key), None)
            made = made or self._client.v1.refunds.create(
                {"charge": charge, "amount": _smallest(amount, currency), "metadata": {"key": key}},
                {"idempotency_key": key},
            )
        if made.status in {"failed", "canceled"}:
            raise ProviderRefuses(f"the refund {made.id} is {made.status}")
        return Movement(made.id, is_done=made.status == "succeeded")

    def read_notice(self, body: bytes, signature: str) -> Notice | None:
        """Read an event that Stripe sent."""
        try:
            stripe.WebhookSignature.verify_header(body, signature, self._webhook_secret, tolerance=300)
            event = json.loads(body)
            about, succeeded = _TOLD.get(event["type"], (None, None))
            money = event["data"]["object"]
            key = money.get("metadata", {}).get("key", "")
            if about is None or not key:
                return None
            if succeeded is None:
                if money["status"] not in {"succeeded", "failed", "canceled"}:
                    return None
                succeeded = money["status"] == "succeeded"
            reference = _charge_of(money) if about == About.CHARGE else money["id"]
            return Notice(str(event["id"]), about, str(key), str(reference), succeeded=succeeded)
        except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableNotice(str(error)) from error


@contextmanager
def _told_apart() -> Iterator[None]:
    """Tell a no for good from one that may be a yes later."""
    try:
        yield
    except (
        stripe.APIConnectionError,
        stripe.RateLimitError,
        stripe.AuthenticationError,
        stripe.PermissionError,
    ) as error:
        raise ProviderDown(str(error)) from error
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        if error.code == _NO_MONEY_NOW:
            raise ProviderDown(str(error)) from error
        raise ProviderRefuses(str(error)) from error
    except stripe.StripeError as error:
        raise ProviderDown(str(error)) from error


def _key_of(made: stripe.Refund) -> str:
    """The key that a refund was asked for with."""
    return str((made.to_dict().get("metadata") or {}).get("key", ""))


def _charge_of(intent: Any) -> str:
    """The charge that a captured intent made; a refund names it."""
    made = intent["latest_charge"]
    return str(made if isinstance(made, str) else made["id"])


def _smallest(amount: Decimal, currency: str) -> int:
    """An amount in the smallest unit of its currency, as Stripe counts.

    Raises ProviderRefuses for a currency or a part of a unit that nobody could count.
    """
    if currency not in WHOLE_CURRENCIES and currency not in _IN_HUNDREDTHS:
        raise ProviderRefuses(f"{currency} is not charged here")
    units = amount if currency in WHOLE_CURRENCIES else amount * 100
    if units != units.to_integral_value():
        raise ProviderRefuses(f"{amount} {currency} has a part of the smallest unit")
    return int(units)
