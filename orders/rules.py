"""What can be said about an order from its numbers alone: how they are written, status, due moment, shares of money.

Standard library only. All functions are total and have no side effects.
"""

import re
import unicodedata
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

# No operator moves a ship-by date further off than this.
FURTHEST_SHIP_BY = timedelta(days=366)

# Currencies without a minor unit: their amounts are whole numbers.
WHOLE_CURRENCIES = frozenset({"JPY", "KRW"})


_NUMBER = re.compile(r"([0-9]{3})([0-9]{7})([0-9]{7})")
# What people put between the groups of a number: blanks, every kind of hyphen and dash, signs that nobody sees.
_BETWEEN = re.compile(r"[\s\-\u200b\u2010-\u2015\u2212\u30fc]")


def order_number(written: str) -> str:
    """The order number that somebody typed in whatever way, as it is stored; "" for anything else (domain 3)."""
    number = _NUMBER.fullmatch(_BETWEEN.sub("", unicodedata.normalize("NFKC", written)))
    return "-".join(number.groups()) if number else ""


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


def moved_by_days(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The same local time so many calendar days later (domain 19)."""
    local = moment.astimezone(zone)
    return datetime.combine(local.date() + timedelta(days=days), local.time(), tzinfo=zone)


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


def why_not_ship_by(day: date, *, today: date) -> str:
    """Refusal code; "" if nothing. With a day already past the next sweep would cancel the order (domain 10); with one
    further off than a year a slip of the hand would keep it for ever.
    """
    if day > today + FURTHEST_SHIP_BY:
        return "SHIP_BY_FAR"
    return "SHIP_BY_PAST" if day < today else ""


def why_not_shipped_on(day: date, *, placed_on: date, today: date) -> str:
    """Why a parcel of an order cannot have left on a day; "" if it can: between the order and today (domain 7.6)."""
    if day > today:
        return "SHIPPED_LATER"
    return "SHIPPED_BEFORE_ORDER" if day < placed_on else ""


def share(*, amount: Decimal, units: int, before: int, taken: int, currency: str) -> Decimal:
    """Money of `taken` units of a line of `units`, after `before` units were taken already (domain 11, D-30).

    Cumulative rounding: whatever the order in which units are taken, the parts add up to `amount`.
    """
    if not taken:
        return Decimal(0)
    step = Decimal(1) if currency in WHOLE_CURRENCIES else Decimal("0.01")

    def up_to(count: int) -> Decimal:
        return (amount * count / units).quantize(step, rounding=ROUND_FLOOR) if count < units else amount

    return up_to(before + taken) - up_to(before)


def cancelled_amount(lines: Iterable[tuple[Decimal | None, int, int]], *, currency: str) -> Decimal:
    """Money of the cancelled units of lines: each line's amount, its units, those of them that were cancelled."""
    return sum(
        (
            share(amount=amount, units=units, before=0, taken=cancelled, currency=currency)
            for amount, units, cancelled in lines
            if amount and cancelled
        ),
        Decimal(0),
    )


def sum_or_none(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Total of amounts; None if any of them is unknown."""
    total = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total
