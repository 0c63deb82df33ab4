"""The built-in test provider: answers at once, by the method of payment, and moves nothing."""

from decimal import Decimal

from .base import Answer, Reservation

# Methods of payment with an answer of their own; any other is held at once.
WAITS = "CVS"
REFUSED = "DECLINED"


class TestProvider:
    """References are made from the keys, so asking twice gives the same answer."""

    def reserve(self, *, key: str, amount: Decimal, currency: str, method: str) -> Reservation:
        """Hold, keep waiting (paid at a convenience store later) or refuse, by the method."""
        if method == REFUSED:
            return Reservation(Answer.REFUSED)
        return Reservation(Answer.WAITING if method == WAITS else Answer.HELD, f"test-{key}")

    def charge(self, *, key: str, reservation: str, amount: Decimal, currency: str) -> str:
        """Take held money."""
        return f"test-{key}"

    def release(self, *, key: str, reservation: str, amount: Decimal, currency: str) -> None:
        """Give up held money."""

    def refund(self, *, key: str, charge: str, amount: Decimal, currency: str) -> str:
        """Send money back."""
        return f"test-{key}"
