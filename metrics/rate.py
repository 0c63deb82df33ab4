"""The arithmetic of the キャンセル率: window, numerator, denominator, states, rounding (domain 9.3, 9.4).

Pure: standard library only, and whole numbers only. A rate is compared as `counted × 10000` against
`orders × basis points`, never as a rounded number.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum

# The smallest step of time that is kept: a window up to a moment includes it.
INSTANT = timedelta(microseconds=1)
# All of something, in basis points.
WHOLE = 10_000


class State(StrEnum):
    """How a rate stands to its target."""

    NO_DATA = "NO_DATA"
    GOOD = "GOOD"
    WATCH = "WATCH"
    OFF_TARGET = "OFF_TARGET"
    AT_RISK = "AT_RISK"


# From harmless to grave; without orders nothing is wrong.
SEVERITY = {State.NO_DATA: 0, State.GOOD: 0, State.WATCH: 1, State.OFF_TARGET: 2, State.AT_RISK: 3}


@dataclass(frozen=True, slots=True)
class Target:
    """What a rate is measured by: both limits in basis points (250 is 2.5 %), the window in days (domain 17).

    `min_orders` is the smallest denominator of which a shop is told and operators are shown (D-23).
    """

    limit: int = 250
    watch: int = 200
    window_days: int = 7
    min_orders: int = 1


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of time, `start` within and `end` without (domain 19)."""

    start: datetime
    end: datetime

    def holds(self, moment: datetime | None) -> bool:
        """Whether a moment lies in it; no moment lies in no window."""
        return moment is not None and self.start <= moment < self.end


def window_until(moment: datetime, *, days: int, zone: tzinfo) -> Window:
    """Today and the days before it, up to a moment and with it (D-19); days are those of `zone`."""
    today = moment.astimezone(zone).date()
    return Window(_midnight(today - timedelta(days=days - 1), zone), moment + INSTANT)


def window_of_day(day: date, *, days: int, zone: tzinfo) -> Window:
    """The whole days that end with `day`, as a daily snapshot uses them."""
    return Window(_midnight(day - timedelta(days=days - 1), zone), _midnight(day + timedelta(days=1), zone))


def leaves_window_at(moment: datetime, *, days: int, zone: tzinfo) -> datetime:
    """When something that happened at `moment` is out of every window up to now."""
    return _midnight(moment.astimezone(zone).date() + timedelta(days=days), zone)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, zone)


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What the rate looks at in an order: who sends it, when it was placed, and when payment was verified."""

    key: int
    placed_at: datetime
    verified_at: datetime | None
    by_seller: bool = True


@dataclass(frozen=True, slots=True)
class CancellationFacts:
    """What the rate looks at in a cancellation: its order, its moment, and whether it counts and was not excluded."""

    order: int
    at: datetime
    counts: bool


def is_in(order: OrderFacts, window: Window) -> bool:
    """Whether an order is one of the window's: seller-fulfilled, placed in it, verified by its end."""
    verified = order.verified_at is not None and order.verified_at < window.end
    return order.by_seller and verified and window.holds(order.placed_at)


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate as two whole numbers: orders with a cancellation that counts, of all orders looked at."""

    counted: int
    orders: int

    def state(self, target: Target) -> State:
        """How it stands to its target, compared exactly: under the limit is on target, over it at risk (domain 9.4)."""
        if not self.orders:
            return State.NO_DATA
        share, limit = self.counted * WHOLE, self.orders * target.limit
        if share > limit:
            return State.AT_RISK
        if share == limit:
            return State.OFF_TARGET
        return State.WATCH if share >= self.orders * target.watch else State.GOOD

    def told_state(self, target: Target) -> State:
        """The state that shops and operators are told of: of so few orders, none (D-23)."""
        return self.state(target) if self.orders >= target.min_orders else State.NO_DATA

    def basis_points(self, target: Target) -> int | None:
        """The rate in hundredths of a percent, rounded half up, but never up to the limit from below it (D-21).

        None without orders.
        """
        if not self.orders:
            return None
        share = self.counted * WHOLE
        rounded = (2 * share + self.orders) // (2 * self.orders)
        hides_the_limit = rounded >= target.limit and share < self.orders * target.limit
        return target.limit - 1 if hides_the_limit else rounded

    def shown(self, target: Target) -> str:
        """The rate as people read it: two decimals and a sign; a dash without orders."""
        points = self.basis_points(target)
        return "—" if points is None else percent(points)

    def with_more(self, *, counted: int, orders: int) -> "Rate":
        """The rate if so many more orders counted, and so many more were looked at."""
        return Rate(self.counted + counted, self.orders + orders)


def percent(points: int) -> str:
    """Basis points as a percentage of two decimals."""
    return f"{points // 100}.{points % 100:02d}%"


def rate_of(orders: Collection[OrderFacts], cancellations: Collection[CancellationFacts], window: Window) -> Rate:
    """|counted| ÷ |orders of the window ∪ counted| (D-20): an order counts once, however often it was cancelled.

    The rule itself. Rows are counted by the database (`metrics.queries`), and tests hold each of its ways to this.
    """
    by_key = {order.key: order for order in orders}
    counted = {
        each.order
        for each in cancellations
        if each.counts and window.holds(each.at) and by_key[each.order].by_seller
    }
    looked_at = {order.key for order in orders if is_in(order, window)} | counted
    return Rate(len(counted), len(looked_at))


def rate_after(
    rate: Rate, cancelled: Collection[OrderFacts], *, counting: Collection[int], window: Window
) -> Rate:
    """The rate if these orders were cancelled now and each of the cancellations counted.

    `counting` are the keys of those among them that count in the window already: they change nothing (E22).
    """
    more = [order for order in cancelled if order.by_seller and order.key not in counting]
    return rate.with_more(counted=len(more), orders=sum(not is_in(order, window) for order in more))


def is_worse(state: str, told: str) -> bool:
    """Whether a state is graver than the one last told (M-21)."""
    return SEVERITY[State(state)] > SEVERITY[State(told)]
