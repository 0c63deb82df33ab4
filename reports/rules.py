"""Which reports there are, what period they may cover, and when the next one of a timetable is due (domain 13).

Pure: standard library only.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Kind(StrEnum):
    """What a report lists."""

    UNSHIPPED = "UNSHIPPED"
    ACTIONABLE = "ACTIONABLE"
    ALL_BY_ORDER_DATE = "ALL_BY_ORDER_DATE"
    ALL_BY_LAST_UPDATE = "ALL_BY_LAST_UPDATE"
    CANCELLATIONS = "CANCELLATIONS"


class Encoding(StrEnum):
    """How a report is written."""

    UTF_8 = "utf-8"
    CP932 = "cp932"


class Every(StrEnum):
    """How often a timetable orders its report."""

    DAY = "DAY"
    WEEK = "WEEK"


# A report covers so many local days at most, and a scheduled one looks back so far.
MOST_DAYS = 366
DAYS_BACK = {Every.DAY: 1, Every.WEEK: 7}
# Reports of open orders that a timetable orders look back further: what is not sent stays in them.
OPEN_DAYS_BACK = 60
OF_OPEN_ORDERS = frozenset({Kind.UNSHIPPED, Kind.ACTIONABLE})


@dataclass(frozen=True, slots=True)
class Period:
    """Half-open: from `start` until just before `end`."""

    start: datetime
    end: datetime


def period_of(first: date, last: date, zone: ZoneInfo) -> Period:
    """Local days, both included, as moments."""
    return Period(_midnight(first, zone), _midnight(last + timedelta(days=1), zone))


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


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)
