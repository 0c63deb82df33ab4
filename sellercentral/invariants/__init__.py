"""What must be true of the books at any moment, each as one question that finds offenders (reliability 2.2).

Every question returns the keys of offending rows, and none on sound books. The questions are set-wise: they run
over hundreds of thousands of orders in seconds. An id, once given, keeps its meaning.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from . import cancellations, feeds, metrics, orders, outbox, payments
from .asking import Scope

# A look at all books takes longer than a page may.
LOOK_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """How many rows offend against one invariant, and the first of their keys."""

    id: str
    rule: str
    count: int
    first: tuple[int, ...] = ()


INVARIANTS = sorted(
    [
        *orders.INVARIANTS,
        *cancellations.INVARIANTS,
        *outbox.INVARIANTS,
        *payments.INVARIANTS,
        *metrics.INVARIANTS,
        *feeds.INVARIANTS,
    ],
    key=lambda invariant: invariant.id,
)
BY_ID = {invariant.id: invariant for invariant in INVARIANTS}


def check(*, now: datetime, only: Iterable[str] = (), seller_id: int | None = None) -> Iterator[Finding]:
    """Ask the invariants, all of them or those named, in one snapshot that nobody writes to; yield each answer.

    Inside a caller's transaction, what that sees is the snapshot.

    Raises KeyError for an id without an invariant.
    """
    chosen = [BY_ID[wanted] for wanted in only] or INVARIANTS
    scope = Scope(seller_id, now)
    with _snapshot():
        for invariant in chosen:
            count, first = invariant.find(scope)
            yield Finding(invariant.id, invariant.rule, count, tuple(first))


@contextmanager
def _snapshot() -> Iterator[Any]:
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = %s", [LOOK_SECONDS * 1000])
        yield
