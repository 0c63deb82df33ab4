"""An invariant: one promise, and the question that finds the rows that break it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection

from cancellations import policy
from orders.rules import WHOLE_CURRENCIES

NAMED = 20


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: every shop or one of them, and the moment that "overdue" is measured from."""

    seller_id: int | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise; `find` returns the keys of the rows that break it."""

    id: str
    rule: str
    find: Callable[[Scope], tuple[int, Sequence[int]]] = field(repr=False)


_FIRST_AND_COUNT = "SELECT count(*) OVER (), offender FROM ({}) AS found (offender) ORDER BY 2 LIMIT %(named)s"


def ask(number: int, rule: str, question: str) -> Invariant:
    """An invariant asked of the database. The question sees %(seller)s (null: all shops) and %(now)s."""

    def find(scope: Scope) -> tuple[int, Sequence[int]]:
        asked = _FIRST_AND_COUNT.format(question)
        parameters = {
            "seller": scope.seller_id,
            "now": scope.now,
            "named": NAMED,
            "whole": sorted(WHOLE_CURRENCIES),
            "zone": settings.TIME_ZONE,
            "max_requests": policy.Rules().max_requests_per_order,
        }
        with connection.cursor() as cursor:
            cursor.execute(asked, parameters)
            rows = cursor.fetchall()
        return (rows[0][0] if rows else 0), [key for _, key in rows]

    return Invariant(f"INV-{number:02d}", rule, find)
