"""Look at all books at once: did anything change, do they add up, was the order locked before it was written?"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection
from django.test.utils import CaptureQueriesContext

from sellercentral import invariants
from tests.factories import NOON

_CHECKSUM = "SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {} AS t"
ROOMS = (
    "accounts",
    "events",
    "orders",
    "messaging",
    "payments",
    "cancellations",
    "shipments",
    "metrics",
    "feeds",
    "reports",
)


def checksums() -> dict[str, str]:
    """One checksum for each table of the rooms: any changed value of any row changes it."""
    tables = [table for table in connection.introspection.table_names() if table.partition("_")[0] in ROOMS]
    with connection.cursor() as cursor:
        found = {}
        for table in sorted(tables):
            cursor.execute(_CHECKSUM.format(table))
            (found[table],) = cursor.fetchone()
    return found


@contextmanager
def nothing_changes() -> Iterator[None]:
    """Require that the block leaves every row of every room as it was."""
    before = checksums()
    yield
    after = checksums()
    assert {table for table in after if after[table] != before[table]} == set()


def offences(*, now: datetime = NOON, only: Iterable[str] = (), seller_id: int | None = None) -> dict[str, tuple]:
    """The invariants that do not hold, with the keys of the first offenders."""
    return {
        finding.id: finding.first
        for finding in invariants.check(now=now, only=only, seller_id=seller_id)
        if finding.count
    }


@contextmanager
def locks_before_writes() -> Iterator[CaptureQueriesContext]:
    """Require that orders were locked in key order before the block wrote its first row (reliability M2)."""
    with CaptureQueriesContext(connection) as captured:
        yield captured
    said = [query["sql"] for query in captured.captured_queries]
    locks = [
        index for index, sql in enumerate(said) if re.search(r'FROM "orders_order".* ORDER BY .* FOR UPDATE', sql)
    ]
    writes = [
        index for index, sql in enumerate(said) if re.search(r"\b(INSERT INTO|DELETE FROM|(?<!FOR )UPDATE)\b", sql)
    ]
    assert locks, said
    assert writes, said
    assert locks[0] < writes[0], said[: locks[0] + 1]


@contextmanager
def counted_statements() -> Iterator[list[int]]:
    """Put into the list how many statements the block made; savepoints are not counted."""
    found: list[int] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    said = [query["sql"] for query in captured.captured_queries]
    found.append(sum("SAVEPOINT" not in sql for sql in said))


def refuse_changes_of(order) -> None:
    """Let the database refuse every change of one order, for this test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        statement = "ALTER TABLE orders_order ADD CONSTRAINT order_is_cursed CHECK (id <> %s OR version <= %s)"
        cursor.execute(statement, [order.pk, order.version])


def plans_of(act: Callable[[], object]) -> list[str]:
    """How the database goes about each statement that reads orders, or requests by when to remind of them."""
    plans = []

    def explained(execute, sql, params, many, context):
        if "FROM orders_order" in sql or '"remind_at" <=' in sql:
            with connection.cursor() as cursor, connection.execute_wrapper(lambda run, *rest: run(*rest)):
                plain = sql.replace("FOR NO KEY UPDATE SKIP LOCKED", "")
                execute_plain = cursor.cursor.execute
                execute_plain("EXPLAIN " + plain, params)
                plans.append("\n".join(line for (line,) in cursor.cursor.fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        act()
    return plans
