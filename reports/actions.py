"""What the room does: order reports, make them, keep timetables, add columns, forget files (domain 13)."""

import logging
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import IO, Any
from uuid import uuid4

from celery import current_app
from django.conf import settings
from django.core.files.base import File
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    IntegrityError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg2.errors import QueryCanceled

from accounts.actors import Actor, Door, Role
from accounts.queries import acts_for, lock_seller, seller_by_id
from cancellations.queries import rules_at
from events.actions import Entry, audit, record
from events.queries import alone
from feeds.store import forget_strays, store
from orders.queries import local_day, zone
from orders.rules import FINAL_STATUSES

from . import queries
from .layouts import LIST_NEW, OPTIONAL, SALES_CHANNEL, layout_of
from .models import ListedOrder, Report, ReportColumns, ReportDocument, ReportSchedule
from .rules import (
    MOST_DAYS,
    OF_NEW_ORDERS,
    OF_OPEN_ORDERS,
    OF_SOFTWARE,
    SCHEDULED_ONLY,
    WITH_CHANNEL,
    Encoding,
    Every,
    Kind,
    Period,
    next_after_interval,
    next_run,
    period_of_run,
)

logger = logging.getLogger(__name__)

LOCK = "reports_report"
MAKER = Actor(Role.SYSTEM, Door.SWEEP)
# What the statement of one report may take, and the one before it that counts its rows: together shorter than the
# task's own limit.
LONGEST_MILLISECONDS = 480_000
LONGEST_COUNT_MILLISECONDS = 20_000
AT_ONCE = 500
# From so many rows on a report says how far it is, at every such step.
ROWS_IN_A_MOMENT = 5000
PERCENT_STEP = 5


class TooLong(Exception):
    """A report covers a year at most."""


class AlreadyThere(Exception):
    """The shop has this very timetable."""


# --- ordering -----------------------------------------------------------------------------------------------


def order_report(
    *,
    seller_id: int,
    kind: Kind,
    encoding: Encoding,
    period: Period,
    by: Actor,
    now: datetime,
    sales_channel: bool = False,
) -> Report:
    """Put a report into the queue, with the columns that the shop has added by now; a worker makes it.

    `sales_channel` adds the column of that name to a table of open orders (sp-api 6).

    Raises TooLong beyond a year, ValueError if nobody orders it, and for one that only a timetable orders.
    """
    if by.user_id is None or kind in SCHEDULED_ONLY:
        raise ValueError("a person orders a report, of a kind that is ordered by hand")
    if period.end - period.start > timedelta(days=MOST_DAYS, hours=1):
        raise TooLong
    return _order(seller_id, kind, encoding, period, by.user_id, None, sales_channel, now)


def _order(
    seller_id: int,
    kind: Kind,
    encoding: Encoding,
    period: Period,
    user_id: int,
    schedule: ReportSchedule | None,
    sales_channel: bool,
    now: datetime,
) -> Report:
    sales_channel = sales_channel and kind in WITH_CHANNEL
    added = [name for name, is_added in queries.columns_of(seller_id).items() if is_added]
    with transaction.atomic():
        report = Report.objects.create(
            seller_id=seller_id,
            kind=kind,
            encoding=encoding,
            columns=[*added, *([SALES_CHANNEL] if sales_channel else [])],
            only_new=schedule is not None and schedule.every == Every.INTERVAL and kind in OF_NEW_ORDERS,
            covers_from=period.start,
            covers_until=period.end,
            schedule=schedule,
            ordered_by_id=user_id,
            ordered_at=now,
        )
        transaction.on_commit(lambda: enqueue(report.pk), robust=True)
    return report


def cancel_report(*, seller_id: int, report_id: int, by: Actor, now: datetime) -> bool:
    """Take a report out of the queue; False if the shop has none of this key that still waits."""
    with transaction.atomic():
        waiting = Report.objects.filter(pk=report_id, seller_id=seller_id, state=Report.State.IN_QUEUE)
        if not waiting.update(state=Report.State.CANCELLED, finished_at=now):
            return False
        _record_end(queries.report_by_id(report_id), Report.State.CANCELLED, now, by)
    return True


def acknowledge(*, seller_id: int, report_ids: Sequence[int], is_taken: bool, now: datetime) -> None:
    """Note of the shop's reports that are ready that software has them, or has not; the first moment stays."""
    ready = Report.objects.filter(seller_id=seller_id, pk__in=report_ids, state=Report.State.DONE)
    if is_taken:
        ready.filter(acknowledged_at=None).update(acknowledged_at=now)
    else:
        ready.update(acknowledged_at=None)


def enqueue(report_id: int) -> None:
    """Ask a worker to make a report; if the broker is away, the timetable finds it waiting."""
    current_app.send_task("reports.tasks.make_report", args=[report_id])


# --- making -------------------------------------------------------------------------------------------------


def make_report(*, report_id: int, clock: Callable[[], datetime]) -> None:
    """Write a report's file. Harmless beside itself, and when run again after it was interrupted or done."""
    with alone(LOCK, report_id) as is_alone:
        report = queries.report_by_id(report_id)
        if not is_alone or report.state not in queries.UNFINISHED:
            return
        begun = Report.objects.filter(pk=report_id, state__in=queries.UNFINISHED)
        if not begun.update(state=Report.State.IN_PROGRESS, percent=0):
            return  # taken out of the queue meanwhile
        now = clock()
        name = f"reports/{now:%Y/%m}/{uuid4().hex}"
        with tempfile.TemporaryFile() as file:
            rows = write(report, file, now=now)
            size = file.tell()
            file.seek(0)
            store().save(name, File(file))
        try:
            _done(report, name, size, rows, clock())
        except BaseException:
            store().delete(name)
            raise


def _done(report: Report, name: str, size: int, rows: int, now: datetime) -> None:
    with transaction.atomic():
        document = ReportDocument.objects.create(seller_id=report.seller_id, name=name, size=size, created_at=now)
        Report.objects.filter(pk=report.pk).update(
            state=Report.State.DONE, document=document, rows=rows, percent=100, finished_at=now
        )
        _record_end(report, Report.State.DONE, now)


def give_up(*, report_id: int, now: datetime) -> None:
    """End a report that an error of ours stopped, so that it is not begun again and again."""
    with transaction.atomic():
        report = queries.report_by_id(report_id)
        unfinished = Report.objects.filter(pk=report_id, state__in=queries.UNFINISHED)
        if unfinished.update(state=Report.State.FATAL, finished_at=now):
            # What it would have listed is the next one's.
            ListedOrder.objects.filter(report_id=report_id).delete()
            _record_end(report, Report.State.FATAL, now)


def _record_end(report: Report, state: str, now: datetime, by: Actor = MAKER) -> None:
    """Write into the history how a report came out; software hears of those that it can order."""
    entry = Entry(
        "report.finished",
        subject=f"report:{report.pk}",
        payload={"state": state},
        seller_id=report.seller_id,
        mute=frozenset() if report.kind in OF_SOFTWARE else frozenset({"push"}),
    )
    record([entry], by=by, now=now)


def write(report: Report, file: IO[bytes], *, now: datetime) -> int:
    """Write a report's head and rows into a file as the database gives them; return how many rows there are.

    One of new orders first notes which orders it lists; made anew after an interruption it lists those again.
    """
    layout = layout_of(
        Kind(report.kind), report.columns, merchant_id=report.seller.merchant_id, only_new=report.only_new
    )
    given: dict[str, Any] = {
        "seller": report.seller_id,
        "report": report.pk,
        "start": report.covers_from,
        "end": report.covers_until,
        "now": now,
        "today": local_day(now),
        "zone": zone().key,
        "second_warning_days": rules_at(now).second_warning_days,
    }
    if report.only_new:
        # In a transaction of its own: the rows refer to orders, which nobody could lock while it lasts.
        with connection.cursor() as cursor:
            cursor.execute(LIST_NEW, given)
    with _in_zone(zone().key), connection.cursor() as cursor, closing(_Progress(report.pk)) as progress:
        progress.expected = _count(layout.count, given)
        sink = _Sink(file, Encoding(report.encoding), progress)
        sink.write(f"{layout.head}\n".encode())
        statement = cursor.cursor.mogrify(layout.sql, given).decode()
        # Cells hold no tab, break or \x01, so that none is ever quoted; NULL is an empty cell.
        copy = f"COPY ({statement}) TO STDOUT (FORMAT csv, DELIMITER E'\\t', QUOTE E'\\x01', NULL '')"
        cursor.cursor.copy_expert(copy, sink)
        if layout.foot:
            sink.write(f"{layout.foot}\n".encode())
        return int(cursor.rowcount)


@contextmanager
def _in_zone(name: str) -> Iterator[None]:
    """Moments are written with the offset of the marketplace; Django reads them in its own zone before and after."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE %s", [name])
        cursor.execute("SET LOCAL statement_timeout = %s", [LONGEST_MILLISECONDS])
        yield
        cursor.execute("SET LOCAL TIME ZONE %s", [connection.timezone_name])


def _count(statement: str, given: Mapping[str, Any]) -> int:
    """How many rows there will be; 0 if counting them takes too long: the report then says no percentage."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [LONGEST_COUNT_MILLISECONDS])
            cursor.execute(statement, given)
            (rows,) = cursor.fetchone()
            cursor.execute("SET LOCAL statement_timeout = %s", [LONGEST_MILLISECONDS])
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        return 0
    return rows


class _Progress:
    """Keeps for its page how far a report is, by a connection of its own: the one that reads is in its transaction.

    `expected` is how many rows there will be; the percentage is written every few percent, and not at all for a report
    that is made in a moment.
    """

    def __init__(self, report_id: int) -> None:
        self.report_id, self.expected = report_id, 0
        self.rows = self.kept = 0
        self.beside: BaseDatabaseWrapper | None = None

    def passed(self, rows: int) -> None:
        """So many rows more have been written."""
        self.rows += rows
        if self.expected < ROWS_IN_A_MOMENT or self.rows * 100 < (self.kept + PERCENT_STEP) * self.expected:
            return
        self.kept = min(99, self.rows * 100 // self.expected)
        try:
            self.beside = self.beside or connections.create_connection(DEFAULT_DB_ALIAS)
            with self.beside.cursor() as cursor:
                cursor.execute("UPDATE reports_report SET percent = %s WHERE id = %s", [self.kept, self.report_id])
        except DatabaseError:
            logger.warning("Report %s does not say any more how far it is", self.report_id, exc_info=True)
            self.expected = 0

    def close(self) -> None:
        """Give the connection back."""
        if self.beside is not None:
            self.beside.close()


class _Sink:
    """Turns what PostgreSQL writes into lines as Windows ends them, in the encoding that was wished for."""

    def __init__(self, file: IO[bytes], encoding: Encoding, progress: _Progress) -> None:
        self.file, self.encoding, self.progress = file, encoding, progress

    def write(self, block: bytes) -> None:
        """Take the next rows; PostgreSQL hands over whole rows."""
        if self.encoding != Encoding.UTF_8:
            # What that encoding has no sign for becomes a question mark: a report never fails for a name.
            block = block.decode().encode(self.encoding, errors="replace")
        self.file.write(block.replace(b"\n", b"\r\n"))
        self.progress.passed(block.count(b"\n"))


# --- timetables ---------------------------------------------------------------------------------------------


def schedule_report(
    *, seller_id: int, kind: Kind, encoding: Encoding, every: Every, hour: int, by: Actor, now: datetime
) -> ReportSchedule:
    """Order a report every day or every Monday at a local hour.

    Raises AlreadyThere if the shop has this very timetable, ValueError if nobody makes it.
    """
    if by.user_id is None:
        raise ValueError("a person makes a timetable")
    try:
        with transaction.atomic():
            return ReportSchedule.objects.create(
                seller_id=seller_id,
                kind=kind,
                encoding=encoding,
                every=every,
                hour=hour,
                next_at=next_run(every, hour, after=now, zone=zone()),
                made_by_id=by.user_id,
                made_at=now,
            )
    except IntegrityError as error:
        raise AlreadyThere from error


def schedule_after_interval(
    *,
    seller_id: int,
    kind: Kind,
    interval: str,
    first_at: datetime | None,
    by: Actor,
    now: datetime,
    sales_channel: bool = False,
) -> ReportSchedule:
    """Order a report of open orders again and again after an interval of `INTERVALS`; the shop's last one ends.

    `first_at` is when the first is ordered, at once by default. Of the two reports of new orders a shop has one: the
    other's timetable ends as well (sp-api 6). `sales_channel` is as in `order_report`.

    Raises ValueError for a report that is not of open orders, and if nobody makes the timetable.
    """
    if by.user_id is None or kind not in OF_OPEN_ORDERS:
        raise ValueError("a person makes a timetable, of open orders")
    with transaction.atomic():
        lock_seller(seller_id)
        _end_intervals(seller_id, OF_NEW_ORDERS if kind in OF_NEW_ORDERS else {kind})
        return ReportSchedule.objects.create(
            seller_id=seller_id,
            kind=kind,
            encoding=Encoding.UTF_8 if kind == Kind.UNSHIPPED_XML else Encoding.CP932,
            every=Every.INTERVAL,
            hour=None,
            interval=interval,
            sales_channel=sales_channel and kind in WITH_CHANNEL,
            next_at=first_at or now,
            made_by_id=by.user_id,
            made_at=now,
        )


def end_interval(*, seller_id: int, kind: Kind) -> bool:
    """Order no more reports of a kind after an interval; False if the shop does not."""
    return _end_intervals(seller_id, {kind})


def _end_intervals(seller_id: int, kinds: Collection[Kind]) -> bool:
    known = ReportSchedule.objects.filter(seller_id=seller_id, kind__in=kinds, every=Every.INTERVAL)
    deleted, _ = known.delete()
    return bool(deleted)


def end_schedule(*, seller_id: int, schedule_id: int) -> bool:
    """Order no more reports by a timetable; False if the shop has none of this key."""
    deleted, _ = ReportSchedule.objects.filter(seller_id=seller_id, pk=schedule_id).delete()
    return bool(deleted)


def order_scheduled(*, now: datetime) -> int:
    """Order the reports of timetables that are due, each once however late this runs; return how many.

    A late report covers what the missed ones would have. Whoever left the shop since orders nothing more for it.
    """
    ordered = 0
    while True:
        with transaction.atomic():
            due = queries.lock_due_schedules(now, limit=AT_ONCE)
            for each in due:
                every, kind = Every(each.every), Kind(each.kind)
                if acts_for(user_id=each.made_by_id, seller_id=each.seller_id):
                    period = period_of_run(kind, every, each.next_at, zone(), now=now)
                    whose, encoding = each.made_by_id, Encoding(each.encoding)
                    _order(each.seller_id, kind, encoding, period, whose, each, each.sales_channel, now)
                    ordered += 1
                each.next_at = _next_run(each, now)
            ReportSchedule.objects.bulk_update(due, ["next_at"])
        if len(due) < AT_ONCE:
            return ordered


def _next_run(schedule: ReportSchedule, now: datetime) -> datetime:
    if schedule.every == Every.INTERVAL:
        return next_after_interval(schedule.interval, schedule.next_at, after=now)
    return next_run(Every(schedule.every), schedule.hour or 0, after=now, zone=zone())


# --- columns ------------------------------------------------------------------------------------------------


def add_columns(
    *, seller_id: int, wished: Mapping[str, bool], by: Actor, now: datetime, address: str | None = None
) -> bool:
    """Let these optional columns stand in the shop's reports from now on, and note it; False if they did before."""
    with transaction.atomic():
        row, _ = ReportColumns.objects.select_for_update().get_or_create(
            seller_id=seller_id, defaults={"changed_at": now}
        )
        before = {name: bool(getattr(row, name)) for name in OPTIONAL}
        after = before | {name: wished[name] for name in OPTIONAL if name in wished}
        if after == before:
            return False
        for name, added in after.items():
            setattr(row, name, added)
        row.changed_at = now
        row.save()
        audit(
            act="report_columns.changed",
            by=by,
            now=now,
            subject=seller_by_id(seller_id).merchant_id,
            before=before,
            after=after,
            address=address,
        )
        return True


# --- forgetting ---------------------------------------------------------------------------------------------


def forget_documents(*, now: datetime) -> int:
    """Take old files out of the store, and those that no row names; then the rows of reports that are older still.

    Returns how many files went. The row says so first: no row names a file that is gone.
    """
    count = forget_strays("reports", queries.names_in_store, now=now)
    while old := list(queries.forgettable(now - timedelta(days=settings.DOCUMENT_DAYS), limit=AT_ONCE)):
        ReportDocument.objects.filter(pk__in=[each.pk for each in old]).update(forgotten_at=now)
        for each in old:
            store().delete(each.name)
        count += len(old)
    long_ago = now - timedelta(days=settings.RECORD_DAYS)
    with transaction.atomic():
        Report.objects.filter(ordered_at__lt=long_ago).exclude(state__in=queries.UNFINISHED).delete()
        ReportDocument.objects.filter(created_at__lt=long_ago, report=None, forgotten_at__isnull=False).delete()
        ListedOrder.objects.filter(report=None, order__status__in=FINAL_STATUSES).delete()
    return count
