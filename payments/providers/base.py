"""What the portal asks of a payment provider, and what a provider tells by itself."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

LONGEST_NAME = 100


class ProviderDown(Exception):
    """No answer, or "not now": money may or may not have moved. The same question under the same key is safe."""


class ProviderRefuses(Exception):
    """A final no: asked again, the provider would refuse again."""


class UnreadableNotice(Exception):
    """A notice that is not the provider's, or says nothing that can be read."""


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


@dataclass(frozen=True, slots=True)
class Movement:
    """The answer to a charge or a refund: the provider's reference; `is_done` unless its notice will say so later."""

    reference: str
    is_done: bool = True


class About(StrEnum):
    """Which of our questions a notice is about."""

    RESERVATION = "RESERVATION"
    CHARGE = "CHARGE"
    REFUND = "REFUND"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a provider tells by itself: its own number of the notice, and what became of one of our questions.

    `key` is the key that the question carried, `reference` the provider's name for the money.
    """

    number: str
    about: About
    key: str
    reference: str
    succeeded: bool

    def __post_init__(self) -> None:
        """Refuse names that no row holds: no provider makes such."""
        for name in (self.number, self.key, self.reference):
            if len(name) > LONGEST_NAME or not name.isprintable():
                raise UnreadableNotice(f"{name[:LONGEST_NAME]!r} is no name of a provider's")


class Provider(Protocol):
    """Every call carries a key: the same key never moves money twice.

    Each call may raise ProviderDown, and ProviderRefuses where that is not one of its answers.
    """

    def reserve(self, *, key: str, amount: Decimal, currency: str, method: str) -> Reservation:
        """Hold money; nothing is taken."""

    def charge(self, *, key: str, reservation: str, amount: Decimal, currency: str) -> Movement:
        """Take held money."""

    def release(self, *, key: str, reservation: str, left: Decimal, currency: str) -> None:
        """Give up what is held beyond `left`."""

    def refund(self, *, key: str, charge: str, amount: Decimal, currency: str) -> Movement:
        """Send taken money back."""

    def read_notice(self, body: bytes, signature: str) -> Notice | None:
        """Read what was sent to the notices' address; None for what the portal has no use for.

        Raises UnreadableNotice if the signature is not the provider's.
        """
