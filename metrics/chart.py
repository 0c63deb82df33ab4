"""The drawing of a rate day by day: geometry only, as text that no language changes (ui 4.13).

Pure: standard library only. Values are basis points (250 is 2.5 %); None is a day without data.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from .rate import State

# The axis ends at least here, and has so many lines at most.
LEAST_TOP = 320
MOST_LINES = 6
STEPS = (100, 200, 500, 1000, 2000, 2500, 5000)
# The meter beside the figure ends here: 5 %.
METER_TOP = 500
METER_LEFT, METER_WIDTH = 8, 248


@dataclass(frozen=True, slots=True)
class Value:
    """One day: its rate, the state that the rate was in, and what both are called."""

    day: date
    points: int | None
    state: State
    words: str


@dataclass(frozen=True, slots=True)
class Size:
    """A drawing's size and its margins, in units of its own."""

    width: int
    height: int
    left: int = 38
    right: int = 14
    top: int = 16
    bottom: int = 26


WIDE, NARROW = Size(820, 240), Size(350, 220)


@dataclass(frozen=True, slots=True)
class Mark:
    """A day's sign: where it stands, its outline, and what it says."""

    x: str
    y: str
    state: str
    words: str
    outline: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """Words at a place."""

    x: str
    y: str
    words: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Drawing:
    """All that a template needs to write the drawing."""

    box: str
    left: str
    right: str
    top: str
    width: str
    base: str
    target: str
    above: str
    lines: tuple[Label, ...]
    segments: tuple[str, ...]
    areas: tuple[str, ...]
    marks: tuple[Mark, ...]
    last: Mark | None
    days: tuple[Label, ...]


def draw(values: Sequence[Value], *, limit: int, size: Size, every: int) -> Drawing:
    """Draw the days; `limit` is the target, `every` how many days lie between two dates on the axis."""
    highest = max((value.points for value in values if value.points is not None), default=0)
    top = max(LEAST_TOP, (max(highest, limit) // 100 + 1) * 100)
    base, right = size.height - size.bottom, size.width - size.right
    step_x = (right - size.left) / max(len(values) - 1, 1)

    def x(place: int) -> float:
        return size.left + place * step_x

    def y(points: int) -> float:
        return base - (base - size.top) * points / top

    runs = _runs(values)
    corners = [[(x(place), y(points)) for place, points in run] for run in runs]
    lone = {run[0][0] for run in runs if len(run) == 1}
    last_place = len(values) - 1
    marks = [
        Mark(
            _n(x(place)),
            _n(y(value.points)),
            value.state,
            value.words,
            _outline(value.state, x(place), y(value.points)),
        )
        for place, value in enumerate(values)
        if value.points is not None and place != last_place and (value.state != State.GOOD or place in lone)
    ]
    last = None
    if values and values[-1].points is not None:
        end = values[-1]
        place = x(last_place), y(values[-1].points)
        last = Mark(_n(place[0]), _n(place[1]), end.state, end.words, _outline(end.state, *place))
    return Drawing(
        box=f"0 0 {size.width} {size.height}",
        left=str(size.left),
        right=str(right),
        top=str(size.top),
        width=str(right - size.left),
        base=str(base),
        target=_n(y(limit)),
        above=_n(y(limit) - size.top),
        lines=tuple(
            Label(str(size.left - 8), _n(y(points)), f"{points // 100}%", "end") for points in _steps(top)
        ),
        segments=tuple(_corners(run) for run in corners if len(run) > 1),
        areas=tuple(
            f"{_n(run[0][0])},{base} {_corners(run)} {_n(run[-1][0])},{base}" for run in corners if len(run) > 1
        ),
        marks=tuple(marks),
        last=last,
        days=_dates(values, x, every, size),
    )


def meter(points: int | None) -> str:
    """How far the meter's bar reaches, from nothing to full at 5 %."""
    return _n(METER_WIDTH * min(points or 0, METER_TOP) / METER_TOP)


def meter_at(points: int) -> str:
    """Where a value stands on the meter."""
    return _n(METER_LEFT + METER_WIDTH * min(points, METER_TOP) / METER_TOP)


def _runs(values: Sequence[Value]) -> list[list[tuple[int, int]]]:
    """Days with data that follow each other: place and value. A day without breaks the line."""
    runs: list[list[tuple[int, int]]] = [[]]
    for place, value in enumerate(values):
        if value.points is None:
            runs.append([])
        else:
            runs[-1].append((place, value.points))
    return [run for run in runs if run]


def _steps(top: int) -> range:
    step = next((step for step in STEPS if top // step < MOST_LINES), STEPS[-1])
    return range(0, top + 1, step)


def _dates(values: Sequence[Value], x: Callable[[int], float], every: int, size: Size) -> tuple[Label, ...]:
    """Dates under the axis: the last day's, and those a whole number of steps before it."""
    last = len(values) - 1
    places = range(last % every, last + 1, every)
    return tuple(
        Label(
            _n(x(place)),
            str(size.height - 6),
            f"{values[place].day.month}/{values[place].day.day}",
            "end" if place == last else "middle",
        )
        for place in places
    )


def _outline(state: State, x: float, y: float) -> str:
    """△ for 注意, □ for 目標未達, ◆ for 停止の可能性あり; nothing for a circle."""
    if state == State.WATCH:
        return f"M{_n(x)} {_n(y - 5.5)}l5.2 9.2h-10.4z"
    if state == State.OFF_TARGET:
        return f"M{_n(x - 4.5)} {_n(y - 4.5)}h9v9h-9z"
    if state == State.AT_RISK:
        return f"M{_n(x)} {_n(y - 6)}l6 6-6 6-6-6z"
    return ""


def _corners(run: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in run)


def _n(number: float) -> str:
    return f"{number:.1f}"
