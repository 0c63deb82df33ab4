"""Stop-watches: rounds of two contestants in turn, statements counted, transactions timed."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from django.db import connection


@dataclass(slots=True)
class Duel:
    """Seconds of both sides, a list for each round."""

    ours: list[list[float]] = field(default_factory=list)
    limit: list[list[float]] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Ours against the limit: the median of what each round said for itself."""
        return median(median(a) / median(b) for a, b in zip(self.ours, self.limit, strict=True))

    @property
    def best_ratio(self) -> float:
        """The quickest of ours against the quickest of the limit."""
        return least(self.ours) / least(self.limit)


def middle(rounds: Sequence[Sequence[float]]) -> float:
    """The median of the rounds' medians."""
    return median(median(seconds) for seconds in rounds)


def least(rounds: Sequence[Sequence[float]]) -> float:
    """The quickest of all."""
    return min(min(seconds) for seconds in rounds)


def seconds_of(act: Callable[[], object]) -> float:
    """How long one call takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def in_turn(duel: Duel, ours: Callable[[], object], limit: Callable[[], object], *, times: int) -> None:
    """One round: both sides one after the other, so that a busy machine troubles both alike."""
    pairs = [(seconds_of(ours), seconds_of(limit)) for _ in range(times)]
    duel.ours.append([a for a, _ in pairs])
    duel.limit.append([b for _, b in pairs])


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that Django sends meanwhile; begin, commit and savepoints are not counted."""
    said: list[str] = []

    def note(execute, sql, params, many, context):
        if "SAVEPOINT" not in sql:
            said.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield said


@contextmanager
def transactions() -> Iterator[list[float]]:
    """Seconds of each transaction that Django ends meanwhile."""
    lasted: list[float] = []
    begun = 0.0
    usual = connection.set_autocommit

    def timed(autocommit: bool, *args, **kwargs) -> None:
        nonlocal begun
        usual(autocommit, *args, **kwargs)
        if autocommit:
            lasted.append(time.perf_counter() - begun)
        else:
            begun = time.perf_counter()

    connection.set_autocommit = timed
    try:
        yield lasted
    finally:
        del connection.set_autocommit
