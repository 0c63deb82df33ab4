"""What a shop may contest of its records, until when, and what is granted without an operator (domain 9.6, B13).

Pure: standard library only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

# Days after the cancellation's own, the last of them included.
DISPUTE_DAYS = 30
CORRECTION_DAYS = 7
LONGEST_TEXT = 2000
# What a shop may point at beside its text.
MOST_FILES = 5
MOST_EVIDENCE = 50

BUYER_CANCELED, NO_INVENTORY = "BUYER_CANCELED", "NO_INVENTORY"


class Kind(StrEnum):
    """A record that is contested, or one whose reason was sent by mistake."""

    DISPUTE = "DISPUTE"
    CORRECTION = "CORRECTION"


class Refusal(StrEnum):
    """Why a record cannot be contested, or a contest not be decided."""

    NOT_COUNTED = "NOT_COUNTED"
    TOO_LATE = "TOO_LATE"
    ASKED_BEFORE = "ASKED_BEFORE"
    NO_REQUEST = "NO_REQUEST"
    NOT_OPEN = "NOT_OPEN"


@dataclass(frozen=True, slots=True)
class Record:
    """What is looked at in a cancellation: whether it stands against the shop, its moment, what it was judged on.

    `covered` is what an open official request covered then, None without one; `asked` are the kinds asked before.
    """

    counts: bool
    cancelled_at: datetime
    role: str
    reason: str
    units: Mapping[int, int]
    covered: Mapping[int, int] | None = None
    asked: frozenset[str] = frozenset()


def last_day(kind: Kind, cancelled_at: datetime, zone: tzinfo) -> date:
    """The last day on which it can be asked, in the marketplace's zone."""
    days = DISPUTE_DAYS if kind == Kind.DISPUTE else CORRECTION_DAYS
    return cancelled_at.astimezone(zone).date() + timedelta(days=days)


def why_cannot_ask(kind: Kind, record: Record, *, now: datetime, zone: tzinfo) -> Refusal | None:
    """May the shop dispute this record, or ask for its correction? Each once."""
    if kind.value in record.asked:
        return Refusal.ASKED_BEFORE
    if not record.counts:
        return Refusal.NOT_COUNTED
    if kind == Kind.CORRECTION and not _was_asked_for(record):
        return Refusal.NO_REQUEST
    if now.astimezone(zone).date() > last_day(kind, record.cancelled_at, zone):
        return Refusal.TOO_LATE
    return None


def _was_asked_for(record: Record) -> bool:
    """Whether the shop sent another reason than the one that an open request asked for (B13)."""
    return record.role == "SELLER" and record.covered is not None and record.reason != BUYER_CANCELED


def corrects_itself(record: Record) -> bool:
    """Whether a correction is granted at once: the request covered all units, and no stock was said to lack."""
    covered = record.covered or {}
    covers_all = all(covered.get(key, 0) >= quantity for key, quantity in record.units.items())
    return covers_all and record.reason != NO_INVENTORY
