"""The record of an import: how far it has come, and the answers to the lines of its file."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection

from accounts.actors import Actor
from accounts.models import Seller

from .models import Import, ImportLine
from .queries import UNFINISHED

# Answers to lines that are kept with an import; a file of nonsense would fill the database otherwise.
LINES_KEPT = 10_000
# So many new orders make the planner's picture of the tables a wrong one.
WORTH_ANALYSING = 5000


def open_import(*, seller: Seller, file_name: str, by: Actor, now: datetime) -> Import:
    """Make the record of an import that has not read anything yet."""
    shown = "".join(letter for letter in file_name if letter.isprintable())[-255:]
    return Import.objects.create(seller=seller, file_name=shown, started_at=now, started_by_id=by.user_id)


def begin(order_import: Import, *, encoding: str, layout: str, ignored: Sequence[str]) -> None:
    """Keep how the file is read, and a warning that names the columns nobody reads."""
    Import.objects.filter(pk=order_import.pk).update(
        state=Import.State.IN_PROGRESS, encoding=encoding, layout=layout
    )
    if ignored:
        _keep(
            order_import,
            [
                ImportLine(
                    order_import=order_import,
                    line_number=1,
                    result=ImportLine.Result.WARNING,
                    code="UNKNOWN_COLUMN",
                    detail=", ".join(ignored)[:300],
                )
            ],
        )


def advance(
    order_import: Import,
    *,
    lines: int,
    refused: int,
    created: int,
    updated: int,
    unchanged: int,
    answers: Sequence[ImportLine],
) -> None:
    """Add what became of a chunk to the counts, and keep what was said of its lines."""
    order_import.lines_read += lines
    order_import.lines_refused += refused
    order_import.orders_created += created
    order_import.orders_updated += updated
    order_import.orders_unchanged += unchanged
    order_import.save(
        update_fields=["lines_read", "lines_refused", "orders_created", "orders_updated", "orders_unchanged"]
    )
    _keep(order_import, answers)


def _keep(order_import: Import, answers: Sequence[ImportLine]) -> None:
    """Keep answers up to the cap; the first one beyond it is kept as the note that there are more."""
    if not answers:
        return
    room = LINES_KEPT - order_import.lines.count()
    kept = list(answers[: max(0, room)])
    if room >= 0 and len(answers) > room:
        beyond = answers[room]
        beyond.result, beyond.code, beyond.detail = ImportLine.Result.WARNING, "LINES_NOT_KEPT", str(LINES_KEPT)
        kept.append(beyond)
    ImportLine.objects.bulk_create(kept)


def finish(order_import: Import, *, now: datetime) -> None:
    """The whole file is taken over."""
    Import.objects.filter(pk=order_import.pk).update(state=Import.State.DONE, finished_at=now)
    if order_import.orders_created >= WORTH_ANALYSING:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE orders_order, orders_orderitem, orders_recipient, events_event")


def fail(*, import_id: int, code: str, facts: Mapping[str, str | int], now: datetime) -> None:
    """Nothing more of the file is taken over, for the reason of this code; an import that is done stays done."""
    Import.objects.filter(pk=import_id, state__in=UNFINISHED).update(
        state=Import.State.FATAL, finished_at=now, error_code=code, error_facts=facts
    )
