"""The lines of one order file in a temporary table, so that an order's lines come together wherever they stand.

The table belongs to the connection and vanishes with it; the same file always fills it the same way, so a number
of lines is a place to go on from.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction

PAGE = 5000


@contextmanager
def staged(lines: Iterable[tuple[int, str, str]]) -> Iterator[int]:
    """Stage lines given as (number of the line, order it belongs to, text); yield how many there are.

    A line with an empty order stands for itself.
    """
    source = _Copied(lines)
    with transaction.atomic(), connection.cursor() as cursor:
        # One statement reads the whole file: that may take longer than a worker's statement usually may.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("DROP TABLE IF EXISTS orders_staged")
        cursor.execute('CREATE TEMPORARY TABLE orders_staged (first int, line int, "order" text, content text)')
        cursor.copy_expert("COPY orders_staged FROM STDIN", source)
        if source.error:
            raise source.error
        _bring_together(cursor)
    try:
        yield source.count
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE IF EXISTS orders_staged")


def _bring_together(cursor) -> None:
    """Give all lines of an order the place of its first one; in a file sorted by order they have it already."""
    cursor.execute("ANALYZE orders_staged")
    cursor.execute(
        """
        UPDATE orders_staged AS s SET first = o.first
        FROM (
            SELECT "order", min(first) AS first FROM orders_staged
            GROUP BY "order" HAVING min(first) <> max(first)
        ) AS o
        WHERE s."order" = o."order" AND s.first <> o.first
        """
    )
    cursor.execute("CREATE INDEX ON orders_staged (first, line)")


def in_order(*, skip: int = 0) -> Iterator[tuple[int, int, str]]:
    """Staged lines, those of an order together: (its first line, line, text). `skip` leaves out so many."""
    after = _place_of(skip) if skip else (0, 0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT first, line, content FROM orders_staged
                WHERE (first, line) > (%s, %s) ORDER BY first, line LIMIT %s
                """,
                [*after, PAGE],
            )
            page = cursor.fetchall()
        if not page:
            return
        yield from page
        after = page[-1][:2]


def _place_of(count: int) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT first, line FROM orders_staged ORDER BY first, line OFFSET %s LIMIT 1", [max(0, count - 1)]
        )
        return cursor.fetchone() or (0, 0)


class _Copied:
    """What COPY reads: one row per line, with the first line of the run of lines it stands in.

    An error ends the reading and is kept: the driver would bury it in one of its own.
    """

    def __init__(self, lines: Iterable[tuple[int, str, str]]) -> None:
        self.count = 0
        self.error: BaseException | None = None
        self._rows = self._as_rows(lines)
        self._rest = b""

    def _as_rows(self, lines: Iterable[tuple[int, str, str]]) -> Iterator[bytes]:
        before, first = "", 0
        for line, order, content in lines:
            if not order or order != before:
                before, first = order, line
            self.count += 1
            content = content.replace("\\", "\\\\").replace("\t", "\\t").replace("\r", "\\r")
            yield f"{first}\t{line}\t{order or f'#{line}'}\t{content}\n".encode()

    def read(self, size: int = 8192) -> bytes:
        parts, length = [self._rest], len(self._rest)
        while length < size:
            try:
                row = next(self._rows)
            except StopIteration:
                break
            except BaseException as error:  # noqa: BLE001 - raised again once COPY has ended
                self.error = error
                break
            parts.append(row)
            length += len(row)
        joined = b"".join(parts)
        self._rest = joined[size:]
        return joined[:size]
