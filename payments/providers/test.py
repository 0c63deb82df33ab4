"""The built-in test provider: answers by the method of payment, moves nothing, and can be had with every fault."""

import hashlib
import hmac
import json
from decimal import Decimal

from django.conf import settings

from .base import About, Answer, Movement, Notice, ProviderDown, ProviderRefuses, Reservation, UnreadableNotice

# Methods of payment with an answer of their own; any other is held, charged and refunded at once.
WAITS = "CVS"
REFUSED = "DECLINED"
# Held at once; what is asked afterwards goes wrong: never an answer; done, with the first answer lost; done later,
# which only a notice tells; refunds refused for good. A second answer is a notice about what was answered.
DOWN, LOSES_ANSWERS, ANSWERS_LATER, REFUSES_REFUNDS = "TEST_DOWN", "TEST_LOST", "TEST_LATER", "TEST_NO_REFUND"
_FAULTS = (DOWN, LOSES_ANSWERS, ANSWERS_LATER, REFUSES_REFUNDS)


class TestProvider:
    """References are made from the keys, so asking twice gives the same answer; a fault stands in the reference."""

    def __init__(self) -> None:
        """Nothing was asked yet: what a lost answer was about is remembered until this process ends."""
        self._lost: set[str] = set()

    def reserve(self, *, key: str, amount: Decimal, currency: str, method: str) -> Reservation:
        """Hold, keep waiting (paid at a convenience store later) or refuse, by the method."""
        if method == REFUSED:
            return Reservation(Answer.REFUSED)
        answer = Answer.WAITING if method == WAITS else Answer.HELD
        return Reservation(answer, _reference(key, method if method in _FAULTS else ""))

    def charge(self, *, key: str, reservation: str, amount: Decimal, currency: str) -> Movement:
        """Take held money."""
        return self._move(key, reservation)

    def release(self, *, key: str, reservation: str, left: Decimal, currency: str) -> None:
        """Give up held money."""
        self._move(key, reservation)

    def refund(self, *, key: str, charge: str, amount: Decimal, currency: str) -> Movement:
        """Send money back."""
        if _fault_of(charge) == REFUSES_REFUNDS:
            raise ProviderRefuses("the test provider refuses refunds of this method of payment")
        return self._move(key, charge)

    def _move(self, key: str, of: str) -> Movement:
        fault = _fault_of(of)
        if fault == DOWN:
            raise ProviderDown("the test provider never answers for this method of payment")
        if fault == LOSES_ANSWERS and key not in self._lost:
            self._lost.add(key)
            raise ProviderDown("the test provider did it, and its answer was lost")
        return Movement(_reference(key, fault), is_done=fault != ANSWERS_LATER)

    def notice(self, *, number: str, about: About, key: str, reference: str, succeeded: bool) -> tuple[bytes, str]:
        """A notice as this provider sends it: the body and its signature."""
        said = {"number": number, "about": about, "key": key, "reference": reference, "succeeded": succeeded}
        body = json.dumps(said).encode()
        return body, _signature(body)

    def read_notice(self, body: bytes, signature: str) -> Notice | None:
        """Read a notice of its own making."""
        if not hmac.compare_digest(_signature(body).encode(), signature.encode(errors="replace")):
            raise UnreadableNotice("the signature is not this provider's")
        try:
            said = json.loads(body)
            return Notice(
                str(said["number"]),
                About(said["about"]),
                str(said["key"]),
                str(said["reference"]),
                succeeded=said["succeeded"] is True,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableNotice("the notice says nothing that can be read") from error


def _reference(key: str, fault: str) -> str:
    return f"test-{fault}-{key}" if fault else f"test-{key}"


def _fault_of(reference: str) -> str:
    return next((fault for fault in _FAULTS if reference.startswith(f"test-{fault}-")), "")


def _signature(body: bytes) -> str:
    return hmac.new(f"test-provider-{settings.SECRET_KEY}".encode(), body, hashlib.sha256).hexdigest()
