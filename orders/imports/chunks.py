"""Cutting a file into chunks of whole orders, and taking over one chunk in one transaction with its answers."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from orders import import_records as records
from orders import queries
from orders.files import BadLine, OrderFile, Row
from orders.models import Import, ImportLine
from orders.outcomes import FAILED

from .taking import Answers, Taking, take_over

logger = logging.getLogger(__name__)

LINES_PER_CHUNK = 5000
LINES_PER_ORDER = 1000
ATTEMPTS = 3


@dataclass(slots=True)
class Chunk:
    """Some whole orders of a file: their rows, the lines that cannot be read, and how many lines that is."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    bad: list[BadLine] = field(default_factory=list)
    lines: int = 0


def chunks_of(file: OrderFile, lines: Iterable[tuple[int, int, str]]) -> Iterator[Chunk]:
    """Cut lines into chunks between orders; an order of absurdly many lines is cut where they are refused."""
    chunk, before, of_order = Chunk(), 0, 0
    for first, line, text in lines:
        of_order = of_order + 1 if first == before else 1
        is_cut_here = first != before or of_order > LINES_PER_ORDER
        is_full = chunk.lines >= LINES_PER_CHUNK or len(chunk.rows) >= queries.ORDERS_PER_BATCH
        if is_full and is_cut_here:
            yield chunk
            chunk = Chunk()
        answer = file.read(line, text)
        if of_order > LINES_PER_ORDER:
            answer = BadLine(line, answer.number, "TOO_MANY_ITEMS")
        if isinstance(answer, BadLine):
            chunk.bad.append(answer)
        else:
            chunk.rows[answer.number].append(answer)
        chunk.lines += 1
        before = first
    if chunk.lines:
        yield chunk


def take_over_chunk(order_import: Import, chunk: Chunk, taking: Taking) -> None:
    """One transaction; tried again if another one stood in the way."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                answers = Answers()
                for bad in chunk.bad:
                    answers.refuse(bad.line, bad.number, bad.code, bad.detail)
                broken = {bad.number for bad in chunk.bad}
                _split_on_error(list(chunk.rows.values()), broken, taking, answers)
                _write_answers(order_import, chunk, answers)
            return
        except OperationalError:
            if attempt == ATTEMPTS or connection.in_atomic_block:
                raise
            logger.warning("A chunk of import %s is tried again", order_import.pk, exc_info=True)
            order_import.refresh_from_db()


def _split_on_error(
    orders: Sequence[list[Row]], broken: set[str], taking: Taking, answers: Answers, *, is_last: bool = False
) -> None:
    """Halve on an error until the one order that the database refuses is alone; it is tried once more by itself.

    An order that another import placed in the meantime is known at the second try.
    """
    if not orders:
        return
    tried = Answers()
    try:
        with transaction.atomic():
            take_over(orders, broken, taking, tried)
    except (IntegrityError, DataError):
        if is_last:
            logger.exception("Order %s was left out of an import", orders[0][0].number)
            for row in orders[0]:
                answers.refuse(row.line, row.number, FAILED)
            return
        middle = len(orders) // 2
        _split_on_error(orders[:middle], broken, taking, answers)
        _split_on_error(orders[middle:], broken, taking, answers, is_last=len(orders) == 1)
        return
    answers.add(tried)


# --- answers ------------------------------------------------------------------------------------------


def _write_answers(order_import: Import, chunk: Chunk, answers: Answers) -> None:
    said = [(ImportLine.Result.ERROR, answer) for answer in answers.refused.values()]
    said += [(ImportLine.Result.WARNING, answer) for answer in answers.warned]
    records.advance(
        order_import,
        lines=chunk.lines,
        refused=len(answers.refused),
        created=answers.created,
        updated=answers.updated,
        unchanged=answers.unchanged,
        answers=[
            ImportLine(
                order_import=order_import,
                line_number=answer.line,
                order_number=answer.number,
                result=result,
                code=answer.code,
                detail=answer.detail[:300],
            )
            for result, answer in sorted(said, key=lambda pair: pair[1].line)
        ],
    )
