"""Taking over order files made by other systems: new orders are placed, later files update (domain 3.4).

The whole file is read before anything is written. Then its orders are taken over in chunks; each chunk is one
transaction with the orders, the answers to its lines and the counts so far, so that an interrupted import goes on
where it stopped and counts nothing twice.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from celery import current_app
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import transaction

from accounts.actors import Actor, Door, Role
from accounts.models import Seller
from cancellations.queries import rules_at
from events.queries import alone
from metrics.actions import correct_snapshots
from orders import import_records as records
from orders import queries
from orders.files import OrderFile, Unreadable
from orders.models import Import
from orders.queries import UNFINISHED
from orders.staging import in_order, staged

from .chunks import LINES_PER_CHUNK, chunks_of, take_over_chunk
from .taking import Taking

Progress = Callable[[int, int], None]
LOCK = "orders_import"


# --- starting ---------------------------------------------------------------------------------------------


def start_import(*, seller: Seller, file_name: str, content: BinaryIO, by: Actor, now: datetime) -> Import:
    """Keep an uploaded file and let a worker take it over.

    The bytes lie under our own name in a folder that no page serves, until the import is done.
    """
    with transaction.atomic():
        order_import = records.open_import(seller=seller, file_name=file_name, by=by, now=now)
        uploads().save(_upload_name(order_import.pk), content)
        transaction.on_commit(lambda: enqueue(order_import.pk), robust=True)
    return order_import


def enqueue(import_id: int) -> None:
    """Ask a worker; if the broker is away, the timetable finds the import waiting."""
    current_app.send_task("orders.tasks.import_file", args=[import_id])


def uploads() -> FileSystemStorage:
    """Where uploaded files wait."""
    return FileSystemStorage(
        location=settings.VAR_DIR / "imports", file_permissions_mode=0o600, directory_permissions_mode=0o700
    )


def _upload_name(import_id: int) -> str:
    return f"{import_id}.txt"


def waiting_imports() -> list[int]:
    """Imports of uploaded files that are not done: new ones, and those whose worker died."""
    return [import_id for import_id in queries.unfinished_imports() if uploads().exists(_upload_name(import_id))]


# --- running ----------------------------------------------------------------------------------------------


def run_uploaded(*, import_id: int, clock: Callable[[], datetime]) -> Import:
    """Take over an uploaded file and drop its bytes when it is done."""
    name = _upload_name(import_id)
    if not uploads().exists(name):
        with alone(LOCK, import_id) as is_alone:
            if is_alone:
                _end(import_id, Unreadable("FILE_GONE"), clock)
        return queries.import_by_id(import_id)
    with Path(uploads().path(name)).open("rb") as content:
        order_import = run_import(import_id=import_id, content=content, clock=clock)
    if order_import.state not in UNFINISHED:
        uploads().delete(name)
    return order_import


def run_import(
    *,
    import_id: int,
    content: BinaryIO,
    clock: Callable[[], datetime],
    encoding: str = "auto",
    progress: Progress = lambda done, total: None,
) -> Import:
    """Take over one order file; return its record with what became of it.

    `content` can be sought. `progress` is told lines done and lines in all, 0 while they are being counted.
    Harmless beside itself, and when run again after it was interrupted or done.
    """
    with alone(LOCK, import_id) as is_alone:
        order_import = queries.import_by_id(import_id)
        if is_alone and order_import.state in UNFINISHED:
            try:
                _run(order_import, OrderFile(content, encoding=encoding), progress, clock)
            except Unreadable as error:
                _end(import_id, error, clock)
    return queries.import_by_id(import_id)


def give_up(*, import_id: int, clock: Callable[[], datetime]) -> None:
    """End an import that an error of ours stopped, so that it is not begun again and again."""
    _end(import_id, Unreadable("FAILED"), clock)


def _end(import_id: int, error: Unreadable, clock: Callable[[], datetime]) -> None:
    """Nothing more of the file is taken over."""
    records.fail(import_id=import_id, code=error.code, facts=error.facts, now=clock())


def _run(order_import: Import, file: OrderFile, progress: Progress, clock: Callable[[], datetime]) -> None:
    by = Actor(Role.SYSTEM, Door.IMPORT, order_import.started_by_id, _name_of_starter(order_import))
    taking = Taking(
        seller=order_import.seller,
        layout=file.layout,
        by=by,
        now=order_import.started_at,
        auto_cancel_days=rules_at(order_import.started_at).auto_cancel_days,
    )

    def lines() -> Iterator[tuple[int, str, str]]:
        for count, (line, text) in enumerate(file.lines()):
            if count % LINES_PER_CHUNK == 0:
                progress(count, 0)
            yield line, file.order_in(text), text

    with staged(lines()) as total:
        if not order_import.lines_read:
            records.begin(order_import, encoding=file.encoding, layout=file.layout, ignored=file.ignored)
        done = order_import.lines_read
        try:
            for chunk in chunks_of(file, in_order(skip=done)):
                progress(done, total)
                take_over_chunk(order_import, chunk, taking)
                done += chunk.lines
        finally:  # what was taken over stands, also if the rest cannot be
            _correct_rates(order_import, clock)
        progress(done, total)
    records.finish(order_import, now=clock())


def _correct_rates(order_import: Import, clock: Callable[[], datetime]) -> None:
    """Orders of days gone by change what the rate of those days was: their snapshots say so beside what they kept."""
    earliest = queries.earliest_placed(order_import.seller_id, changed_since=order_import.started_at)
    today = queries.local_day(clock())
    if earliest is not None and queries.local_day(earliest) < today:
        since = queries.local_day(earliest)
        correct_snapshots(seller_id=order_import.seller_id, since=since, until=today)


def _name_of_starter(order_import: Import) -> str:
    return order_import.started_by.name if order_import.started_by else ""
