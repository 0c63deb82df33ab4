"""What can be said about an order from its numbers alone: status, due moment, shares of money.

Standard library only. All functions are total and have no side effects.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo


class Status(StrEnum):
    """The five states of an order; always derived, never chosen (domain 3.1)."""

    PENDING = "PENDING"
    UNSHIPPED = "UNSHIPPED"
    PARTIALLY_SHIPPED = "PARTIALLY_SHIPPED"
    SHIPPED = "SHIPPED"
    CANCELED = "CANCELED"


OPEN_STATUSES = frozenset({Status.UNSHIPPED, Status.PARTIALLY_SHIPPED})
FINAL_STATUSES = frozenset({Status.SHIPPED, Status.CANCELED})

# Currencies without a minor unit: their amounts are whole numbers.
WHOLE_CURRENCIES = frozenset({"JPY", "KRW"})


def derive_status(*, is_verified: bool, ordered: int, shipped: int, cancelled: int) -> Status:
    """Status of an order from its summed units (domain 3.1).

    Raises ValueError if more units were shipped and cancelled than ordered.
    """
    remaining = ordered - shipped - cancelled
    if remaining < 0:
        raise ValueError("more units shipped and cancelled than ordered")
    if remaining and not is_verified:
        return Status.PENDING
    if remaining:
        return Status.PARTIALLY_SHIPPED if shipped else Status.UNSHIPPED
    return Status.SHIPPED if shipped else Status.CANCELED


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Midnight at which a local day begins. Days are added as calendar days, then converted (domain 19)."""
    return datetime.combine(day, time.min, tzinfo=zone)


def auto_cancel_due_at(*, ship_by_date: date | None, days: int, zone: ZoneInfo) -> datetime | None:
    """The first moment at which the sweep may cancel: 00:00 of ship-by + days + 1 (domain 10).

    None for an order without a ship-by date: it is never swept (domain 3.2).
    """
    if ship_by_date is None:
        return None
    return start_of_day(ship_by_date + timedelta(days=days + 1), zone)


def share(*, amount: Decimal, units: int, before: int, taken: int, currency: str) -> Decimal:
    """Money of `taken` units of a line of `units`, after `before` units were taken already (domain 11, D-30).

    Cumulative rounding: whatever the order in which units are taken, the parts add up to `amount`.
    """
    step = Decimal(1) if currency in WHOLE_CURRENCIES else Decimal("0.01")

    def up_to(count: int) -> Decimal:
        return (amount * count / units).quantize(step, rounding=ROUND_FLOOR) if count < units else amount

    return up_to(before + taken) - up_to(before)


def sum_or_none(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Total of amounts; None if any of them is unknown."""
    total = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total
