"""Outcome: the answer to each target of a batch act, the same for every door.

Standard library only.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Result(StrEnum):
    """What became of one target."""

    DONE = "DONE"
    NO_CHANGE = "NO_CHANGE"
    WARNING = "WARNING"
    ERROR = "ERROR"


# Code of an ERROR that no rule explains: the database refused this one order (it is logged, others go on).
FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result, refusal or warning code, and the order afterwards; counted is None if nothing was cancelled."""

    order_id: int
    result: Result
    code: str = ""
    status: str = ""
    version: int = 0
    counted: bool | None = None
    number: str = ""

    def as_dict(self) -> dict:
        """Plain values, as kept with an idempotency key."""
        return asdict(self)


class Refused(Exception):
    """One act on one order was refused; `code` says why and `outcome` how the order stands."""

    def __init__(self, outcome: Outcome):
        super().__init__(outcome.code)
        self.code = outcome.code
        self.outcome = outcome


def sole(outcomes: Sequence[Outcome]) -> Outcome:
    """The answer to a door that asked for one order.

    Raises Refused if it is an error, so that the door's transaction is undone with it.
    """
    (outcome,) = outcomes
    if outcome.result == Result.ERROR:
        raise Refused(outcome)
    return outcome
