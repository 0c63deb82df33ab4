"""Which reports there are, what period they may cover, and when the next one of a timetable is due (domain 13).

Pure: standard library only.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Kind(StrEnum):
    """What a report lists."""

    UNSHIPPED = "UNSHIPPED"
    UNSHIPPED_XML = "UNSHIPPED_XML"
    ACTIONABLE = "ACTIONABLE"
    ALL_BY_ORDER_DATE = "ALL_BY_ORDER_DATE"
    ALL_BY_LAST_UPDATE = "ALL_BY_LAST_UPDATE"
    CANCELLATIONS = "CANCELLATIONS"


class Encoding(StrEnum):
    """How a report is written."""

    UTF_8 = "utf-8"
    CP932 = "cp932"


class Every(StrEnum):
    """How often a timetable orders its report: at a local hour, or again and again after an interval."""

    DAY = "DAY"
    WEEK = "WEEK"
    INTERVAL = "INTERVAL"


# Intervals after which software has reports ordered, by their names on the wire; None is a calendar month.
INTERVALS = {
    "PT5M": timedelta(minutes=5),
    "PT15M": timedelta(minutes=15),
    "PT30M": timedelta(minutes=30),
    "PT1H": timedelta(hours=1),
    "PT2H": timedelta(hours=2),
    "PT4H": timedelta(hours=4),
    "PT8H": timedelta(hours=8),
    "PT12H": timedelta(hours=12),
    "P1D": timedelta(days=1),
    "P2D": timedelta(days=2),
    "P3D": timedelta(days=3),
    "PT84H": timedelta(hours=84),
    "P7D": timedelta(days=7),
    "P14D": timedelta(days=14),
    "P15D": timedelta(days=15),
    "P18D": timedelta(days=18),
    "P30D": timedelta(days=30),
    "P1M": None,
}


# A report covers so many local days at most, and a scheduled one looks back so far.
MOST_DAYS = 366
DAYS_BACK = {Every.DAY: 1, Every.WEEK: 7}
# Reports of open orders that a timetable orders look back further: what is not sent stays in them.
OPEN_DAYS_BACK = 60
OF_OPEN_ORDERS = frozenset({Kind.UNSHIPPED, Kind.UNSHIPPED_XML, Kind.ACTIONABLE})
# Of new orders: software has one of them ordered after an interval; each order is listed by one run (flat-files 2.2).
OF_NEW_ORDERS = frozenset({Kind.UNSHIPPED, Kind.UNSHIPPED_XML})
# What software may order, too; the last one is of the page alone.
OF_SOFTWARE = frozenset(Kind) - {Kind.CANCELLATIONS}
# What only a timetable of software orders.
SCHEDULED_ONLY = frozenset({Kind.UNSHIPPED_XML})
# Tables that say through which channel an order was sold, for software that asks (sp-api 6).
WITH_CHANNEL = OF_OPEN_ORDERS - SCHEDULED_ONLY


@dataclass(frozen=True, slots=True)
class Period:
    """Half-open: from `start` until just before `end`."""

    start: datetime
    end: datetime


def period_of(first: date, last: date, zone: ZoneInfo) -> Period:
    """Local days, both included, as moments."""
    return Period(_midnight(first, zone), _midnight(last + timedelta(days=1), zone))


class NoPeriod(ValueError):
    """What somebody asked for does not end after its start, or ends after now."""


# What a report covers whose start nobody says: what may wait to be sent, or a month.
LOOKS_BACK = {Kind.ACTIONABLE: timedelta(days=365), Kind.UNSHIPPED: timedelta(days=OPEN_DAYS_BACK)}
USUALLY = timedelta(days=30)


def period_wished(kind: Kind, start: datetime | None, end: datetime | None, *, now: datetime) -> Period:
    """The period that software asks for; by default up to now, and as far back as is usual (sp-api 6, mws 7).

    Raises NoPeriod.
    """
    end = end or now
    start = start or end - LOOKS_BACK.get(kind, USUALLY)
    if not start < end <= now:
        raise NoPeriod
    return Period(start, end)


def period_of_run(kind: Kind, every: Every, due: datetime, zone: ZoneInfo, *, now: datetime) -> Period:
    """What a report covers that a timetable orders: the whole days since the one before, also if it comes late.

    Open orders are listed up to the present, as far back as anything may wait to be sent.
    """
    today, day_due = now.astimezone(zone).date(), due.astimezone(zone).date()
    if kind in OF_OPEN_ORDERS:
        return Period(
            _midnight(today - timedelta(days=OPEN_DAYS_BACK), zone), _midnight(today + timedelta(days=1), zone)
        )
    first = max(day_due - timedelta(days=DAYS_BACK[every]), today - timedelta(days=MOST_DAYS))
    return Period(_midnight(first, zone), _midnight(today, zone))


def next_run(every: Every, hour: int, *, after: datetime, zone: ZoneInfo) -> datetime:
    """When a timetable is next due: at this local hour, the next day, or on Monday."""
    day = after.astimezone(zone).date()
    while True:
        due = datetime.combine(day, time(hour), zone)
        if due > after and (every == Every.DAY or day.weekday() == 0):
            return due
        day += timedelta(days=1)


def next_after_interval(interval: str, due: datetime, *, after: datetime) -> datetime:
    """When a timetable of an interval that was due at `due` is due again, later than `after`."""
    length = INTERVALS[interval]
    if length is not None:
        return due + length * ((after - due) // length + 1)
    last_day, months, found = due.day, 0, due
    while found <= after:
        months += 1
        year, month = divmod(due.year * 12 + due.month - 1 + months, 12)
        found = due.replace(year=year, month=month + 1, day=min(last_day, monthrange(year, month + 1)[1]))
    return found


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)
