"""What the portal asks of a payment provider."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class Answer(StrEnum):
    """What a provider says to a reservation."""

    HELD = "HELD"
    WAITING = "WAITING"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Reservation:
    """The answer to a reservation, with the provider's own reference."""

    answer: Answer
    reference: str = ""


class Provider(Protocol):
    """Every call carries a key: the same key never moves money twice."""

    def reserve(self, *, key: str, amount: Decimal, currency: str, method: str) -> Reservation:
        """Hold money; nothing is taken."""

    def charge(self, *, key: str, reservation: str, amount: Decimal, currency: str) -> str:
        """Take held money; return the provider's reference."""

    def release(self, *, key: str, reservation: str, amount: Decimal, currency: str) -> None:
        """Give up what is held until `amount` in all has been given up, over every call for this reservation."""

    def refund(self, *, key: str, charge: str, amount: Decimal, currency: str) -> str:
        """Send taken money back; return the provider's reference."""
