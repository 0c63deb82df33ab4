"""Files in and out: a feed of cancellations and an order report, beside bare SQL and a bare COPY."""

import io
import os
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median

import psycopg2.extensions

from accounts.actors import Actor, Door, Role
from cancellations.queries import database_now
from cancellations.wording import recorded_sentence
from feeds.actions import run_feeds, submit
from feeds.models import Feed
from feeds.parsers import Kind
from orders.models import Order
from reports.actions import write
from reports.layouts import OPTIONAL
from reports.models import Report
from reports.rules import Kind as ReportKind

from . import limit, stock
from .clock import Duel, in_turn, least, middle, statements
from .limit import connected
from .stock import Stock
from .verdict import Row

FEED_AT_MOST, REPORT_AT_MOST = 6.0, 3.0
# A step of the feed reads its lines, locks, judges, writes and answers; however many orders it has.
STATEMENTS_PER_LINE = 0.3
ORDERS_AT_ONCE = 1000
MEGABYTES = 8.0
_BARE = """
COPY (
    SELECT o.*, i.*, r.*, b.email FROM orders_order AS o JOIN orders_orderitem AS i ON i.order_id = o.id
    LEFT JOIN orders_recipient AS r ON r.order_id = o.id LEFT JOIN accounts_user AS b ON b.id = o.buyer_id
    WHERE o.seller_id = {shop} AND o.placed_at >= '{start}' AND o.placed_at < '{end}' ORDER BY o.placed_at, o.id, i.id
) TO STDOUT
"""


def measure(loaded: Stock, *, lines: int, days: int, rounds: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """A feed that cancels this many orders, then a report of all orders of these days."""
    yield _feed(loaded, lines=lines, rounds=rounds, tell=tell)
    yield from _report(loaded, days=days, rounds=rounds, tell=tell)


def _feed(loaded: Stock, *, lines: int, rounds: int, tell: Callable[[str], None]) -> Row:
    duel, sent = Duel(), []
    by = Actor(Role.SELLER, Door.FEED, loaded.staff.pk, loaded.staff.name)
    sentence = recorded_sentence("SEL-1", True)
    with connected() as bare:
        for number in range(rounds):
            tell(f"a feed of {lines:,} cancellations, round {number + 1} of {rounds}")
            keys = stock.add_open(2 * lines, shop=loaded.shop, now=database_now())
            for_us, for_limit = keys[:lines], keys[lines:]
            numbers = Order.objects.filter(pk__in=for_us).order_by("pk").values_list("number", flat=True)
            text = "order-id\tcancellation-reason-code\n" + "".join(f"{each}\tNoInventory\n" for each in numbers)
            feed = submit(
                seller_id=loaded.shop,
                kind=Kind.CANCELLATION,
                file_name="bench.txt",
                content=io.BytesIO(text.encode()),
                is_dry_run=False,
                by=by,
                now=database_now(),
            )

            def ours() -> None:
                with statements() as said:
                    run_feeds(seller_id=loaded.shop, clock=database_now)
                sent.append(len(said))

            def theirs(orders=for_limit) -> None:
                for start in range(0, len(orders), ORDERS_AT_ONCE):
                    some = list(orders[start : start + ORDERS_AT_ONCE])
                    limit.cancel_many(
                        bare, orders=some, by=(by.user_id, by.name), now=database_now(), sentence=sentence
                    )

            in_turn(duel, ours, theirs, times=1)
            done = Feed.objects.get(pk=feed.pk)
            if done.lines_done != lines:
                raise RuntimeError(f"the feed ended {done.state} with {done.lines_done} of {lines} lines done")
    return Row(
        "feed",
        f"feed of {lines:,} cancellations",
        "ms",
        middle(duel.ours) * 1000,
        middle(duel.limit) * 1000,
        least(duel.ours) * 1000,
        least(duel.limit) * 1000,
        ratio=duel.ratio,
        best_ratio=duel.best_ratio,
        at_most=FEED_AT_MOST,
        statements=max(sent) / lines,
        statements_at_most=STATEMENTS_PER_LINE,
    )


def _report(loaded: Stock, *, days: int, rounds: int, tell: Callable[[str], None]) -> Iterator[Row]:
    now = database_now()
    report = Report(
        seller_id=loaded.shop,
        kind=ReportKind.ALL_BY_ORDER_DATE,
        encoding="utf-8",
        columns=list(OPTIONAL),
        covers_from=now - timedelta(days=days),
        covers_until=now,
    )
    bare_copy = _BARE.format(shop=loaded.shop, start=report.covers_from.isoformat(), end=now.isoformat())
    duel, rows, peaks = Duel(), [], []
    with connected() as bare, tempfile.TemporaryFile() as file:
        for number in range(rounds):
            tell(f"a report of {days} days, round {number + 1} of {rounds}")

            def ours() -> None:
                file.seek(0)
                rows.append(write(report, file, now=now))

            def theirs() -> None:
                _copy(bare, bare_copy)

            in_turn(duel, ours, theirs, times=3)
        tracemalloc.start()
        ours()
        peaks.append(tracemalloc.get_traced_memory()[1] / 1_000_000)
        tracemalloc.stop()
    yield Row(
        "report",
        f"report of {rows[0]:,} rows",
        "rows/s",
        rows[0] / middle(duel.ours),
        rows[0] / middle(duel.limit),
        ratio=duel.ratio,
        at_most=REPORT_AT_MOST,
    )
    yield Row(
        "report.memory",
        f"report, Python's peak memory, against {MEGABYTES:.0f} MB",
        "MB",
        median(peaks),
        MEGABYTES,
        ratio=median(peaks) / MEGABYTES,
        at_most=1.0,
    )


def _copy(bare: psycopg2.extensions.connection, statement: str) -> None:
    with Path(os.devnull).open("wb") as nowhere, bare.cursor() as cursor:
        cursor.copy_expert(statement, nowhere)
    bare.rollback()
