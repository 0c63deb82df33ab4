"""Taking over an order file made by another system: new orders are placed, later files update (domain 3.4).

The whole file is read before anything is written. Then its orders are taken over in chunks; each chunk is one
transaction with the orders, the answers to its lines and the counts so far, so that an interrupted import goes on
where it stopped and counts nothing twice.

An order is taken over whole: if one of its lines is refused, a new order is not placed. Items are never added to
a known order. They are recognised by their number, or by SKU and position where the file has no number or the
portal drew its own.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import BinaryIO

from celery import current_app
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from accounts.actions import buyers_for
from accounts.actors import Actor, Door, Role
from accounts.models import Seller
from cancellations.actions import CancelTarget, cancel
from cancellations.policy import Reason
from cancellations.queries import rules_at
from payments.actions import book_imported, end_imported, verify_payment
from shipments.actions import ConfirmTarget, take_over_shipments

from . import queries, rules
from .actions import MAIL_LISTENERS, MONEY_LISTENERS, ItemDraft, OrderDraft, place_orders, set_ship_by
from .files import BadLine, Layout, OrderFile, Row, Said, Unreadable
from .import_wording import file_sentence
from .models import Import, ImportLine, Order, OrderItem
from .outcomes import FAILED, Outcome, Result
from .staging import in_order, staged

logger = logging.getLogger(__name__)

LINES_PER_CHUNK = 5000
LINES_PER_ORDER = 1000
# Answers to lines that are kept with an import; a file of nonsense would fill the database otherwise.
LINES_KEPT = 10_000
ATTEMPTS = 3
# An order of tomorrow is a clock that is a little off, or another zone; any later it is a mistake.
GREATEST_LEAD = timedelta(days=1)
# So many new orders make the planner's picture of the tables a wrong one.
WORTH_ANALYSING = 5000

MUTED = MAIL_LISTENERS | MONEY_LISTENERS

Progress = Callable[[int, int], None]


# --- starting ---------------------------------------------------------------------------------------------


def open_import(*, seller: Seller, file_name: str, by: Actor, now: datetime) -> Import:
    """Make the record of an import that has not read anything yet."""
    shown = "".join(letter for letter in file_name if letter.isprintable())[-255:]
    return Import.objects.create(seller=seller, file_name=shown, started_at=now, started_by_id=by.user_id)


def start_import(*, seller: Seller, file_name: str, content: BinaryIO, by: Actor, now: datetime) -> Import:
    """Keep an uploaded file and let a worker take it over.

    The bytes lie under our own name in a folder that no page serves, until the import is done.
    """
    with transaction.atomic():
        order_import = open_import(seller=seller, file_name=file_name, by=by, now=now)
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
    unfinished = Import.objects.filter(state__in=[Import.State.IN_QUEUE, Import.State.IN_PROGRESS]).order_by("pk")
    return [pk for pk in unfinished.values_list("pk", flat=True) if uploads().exists(_upload_name(pk))]


# --- running ----------------------------------------------------------------------------------------------


def run_uploaded(*, import_id: int, clock: Callable[[], datetime]) -> Import:
    """Take over an uploaded file and drop its bytes when it is done."""
    name = _upload_name(import_id)
    if not uploads().exists(name):
        with _alone(import_id) as is_alone:
            if is_alone:
                _refuse(import_id, Unreadable("FILE_GONE"), clock)
        return queries.import_by_id(import_id)
    with uploads().open(name) as content:
        order_import = run_import(import_id=import_id, content=content, clock=clock)
    if order_import.state in {Import.State.DONE, Import.State.FATAL}:
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
    with _alone(import_id) as is_alone:
        order_import = queries.import_by_id(import_id)
        if is_alone and order_import.state in {Import.State.IN_QUEUE, Import.State.IN_PROGRESS}:
            try:
                _run(order_import, OrderFile(content, encoding=encoding), progress, clock)
            except Unreadable as error:
                _refuse(import_id, error, clock)
    return queries.import_by_id(import_id)


@contextmanager
def _alone(import_id: int) -> Iterator[bool]:
    """Whether this process is the only one at this import; the database forgets a process that dies."""
    key = [Import._meta.db_table, import_id]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s), %s)", key)
        (is_alone,) = cursor.fetchone()
    try:
        yield is_alone
    finally:
        if is_alone and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s), %s)", key)


def _refuse(import_id: int, error: Unreadable, clock: Callable[[], datetime]) -> None:
    """Nothing of the file was taken over."""
    Import.objects.filter(pk=import_id, lines_read=0).exclude(state=Import.State.DONE).update(
        state=Import.State.FATAL,
        finished_at=clock(),
        error=f"{error.code}: {file_sentence(error.code, error.facts)}"[:300],
    )


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
            Import.objects.filter(pk=order_import.pk).update(
                state=Import.State.IN_PROGRESS, encoding=file.encoding, layout=file.layout
            )
            _keep(order_import, [_ignored(order_import, file)] if file.ignored else [])
        done = order_import.lines_read
        for chunk in _chunks(file, in_order(skip=done)):
            progress(done, total)
            _take_over_chunk(order_import, chunk, taking)
            done += chunk.lines
        progress(done, total)
    Import.objects.filter(pk=order_import.pk).update(state=Import.State.DONE, finished_at=clock())
    if order_import.orders_created >= WORTH_ANALYSING:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE orders_order, orders_orderitem, orders_recipient, events_event")


def _name_of_starter(order_import: Import) -> str:
    return order_import.started_by.name if order_import.started_by else ""


def _ignored(order_import: Import, file: OrderFile) -> ImportLine:
    return ImportLine(
        order_import=order_import,
        line_number=1,
        result=ImportLine.Result.WARNING,
        code="UNKNOWN_COLUMN",
        detail=", ".join(file.ignored)[:300],
    )


# --- chunks -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Chunk:
    """Some whole orders of a file: their rows, the lines that cannot be read, and how many lines that is."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    bad: list[BadLine] = field(default_factory=list)
    lines: int = 0


def _chunks(file: OrderFile, lines: Iterable[tuple[int, int, str]]) -> Iterator[Chunk]:
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


def _take_over_chunk(order_import: Import, chunk: Chunk, taking: "Taking") -> None:
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
    orders: Sequence[list[Row]], broken: set[str], taking: "Taking", answers: "Answers", *, is_last: bool = False
) -> None:
    """Halve on an error until the one order that the database refuses is alone; it is tried once more by itself.

    An order that another import placed in the meantime is known at the second try.
    """
    if not orders:
        return
    tried = Answers()
    try:
        with transaction.atomic():
            _take_over(orders, broken, taking, tried)
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


# --- answers ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Answers:
    """What became of the orders and lines of a chunk. A line is refused once, whatever else is said of it."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: dict[int, BadLine] = field(default_factory=dict)
    warned: list[BadLine] = field(default_factory=list)

    def refuse(self, line: int, number: str, code: str, detail: str = "") -> None:
        self.refused.setdefault(line, BadLine(line, number, code, detail))

    def warn(self, row: Row, code: str, detail: str = "") -> None:
        self.warned.append(BadLine(row.line, row.number, code, detail))

    def add(self, other: "Answers") -> None:
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.refused |= other.refused
        self.warned += other.warned


def _write_answers(order_import: Import, chunk: Chunk, answers: Answers) -> None:
    order_import.lines_read += chunk.lines
    order_import.lines_refused += len(answers.refused)
    order_import.orders_created += answers.created
    order_import.orders_updated += answers.updated
    order_import.orders_unchanged += answers.unchanged
    order_import.save(
        update_fields=["lines_read", "lines_refused", "orders_created", "orders_updated", "orders_unchanged"]
    )
    said = [(ImportLine.Result.ERROR, answer) for answer in answers.refused.values()]
    said += [(ImportLine.Result.WARNING, answer) for answer in answers.warned]
    _keep(
        order_import,
        [
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


def _keep(order_import: Import, lines: Sequence[ImportLine]) -> None:
    """Keep answers up to the cap; the first one beyond it is kept as the note that there are more."""
    if not lines:
        return
    room = LINES_KEPT - order_import.lines.count()
    kept = list(lines[: max(0, room)])
    if room >= 0 and len(lines) > room:
        beyond = lines[room]
        beyond.result, beyond.code, beyond.detail = ImportLine.Result.WARNING, "LINES_NOT_KEPT", str(LINES_KEPT)
        kept.append(beyond)
    ImportLine.objects.bulk_create(kept)


# --- taking over ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taking:
    """What is the same for all orders of one import."""

    seller: Seller
    layout: Layout
    by: Actor
    now: datetime
    auto_cancel_days: int


Pairs = list[tuple[OrderItem, Row]]


def _take_over(orders: Sequence[list[Row]], broken: set[str], taking: Taking, answers: Answers) -> None:
    """Place the new orders, update the known ones."""
    known = {
        order.number: order
        for order in Order.objects.filter(number__in=[rows[0].number for rows in orders]).only(
            "number", "seller_id", "status", "placed_at", "ship_by_date", "payment_verified_at"
        )
    }
    queries.attach_lines(order for order in known.values() if order.seller_id == taking.seller.pk)
    taken = dict(
        OrderItem.objects.filter(
            item_id__in=[row.item_id for rows in orders for row in rows if row.item_id]
        ).values_list("item_id", "order_id")
    )
    new: list[list[Row]] = []
    updated: list[tuple[Order, Pairs]] = []
    for rows in orders:
        order = known.get(rows[0].number)
        rows = _without_repeats(rows, taking.layout, answers)
        if order is None:
            if _may_be_placed(rows, taken, broken, taking, answers):
                new.append(rows)
        elif order.seller_id != taking.seller.pk:
            for row in rows:
                answers.refuse(row.line, row.number, "ORDER_NOT_FOUND")
        elif pairs := _matched(order, rows, taken, answers):
            updated.append((order, pairs))
    answers.created += len(new)
    _place(new, taking, answers)
    _update(updated, taking, answers)


def _without_repeats(rows: list[Row], layout: Layout, answers: Answers) -> list[Row]:
    """One row per item. Of an order that the file describes at several moments, the latest description counts."""
    if layout == Layout.ALL_ORDERS:
        latest = max((row.reported_at for row in rows if row.reported_at), default=None)
        return [row for row in rows if row.reported_at == latest] if latest else rows
    once: dict[str, Row] = {}
    for row in rows:
        first = once.setdefault(row.item_id, row)
        if first is row:
            continue
        if first == row:
            answers.warn(row, "DUPLICATE_LINE", str(first.line))
        else:
            answers.refuse(row.line, row.number, "CONFLICTING_DUPLICATE", str(first.line))
    return list(once.values())


def _may_be_placed(
    rows: Sequence[Row], taken: dict[str, int], broken: set[str], taking: Taking, answers: Answers
) -> bool:
    """Whether a new order is complete and none of its items belongs to another one; else its lines are refused."""
    refused: dict[int, tuple[str, str]] = {}
    for row in rows:
        if row.item_id in taken:
            refused[row.line] = ("ITEM_NOT_FOUND", f"order-item-id: {row.item_id}")
        elif row.placed_at > taking.now + GREATEST_LEAD:
            refused[row.line] = ("DATE_FORMAT", f"purchase-date: {row.placed_at.isoformat()}")
        elif row.currency != rows[0].currency:
            refused[row.line] = ("CURRENCY", f"{row.currency} / {rows[0].currency}")
    if not refused and rows[0].number not in broken:
        taken.update((row.item_id, 0) for row in rows if row.item_id)
        return True
    for row in rows:
        answers.refuse(row.line, row.number, *refused.get(row.line, ("ORDER_INCOMPLETE",)))
    return False


def _matched(order: Order, rows: Sequence[Row], taken: dict[str, int], answers: Answers) -> Pairs:
    """The items of a known order that rows speak of; rows of anything else are refused."""
    by_id = {item.item_id: item for item in order.lines}
    left = [row for row in rows if row.item_id not in by_id]
    pairs = [(by_id[row.item_id], row) for row in rows if row.item_id in by_id]
    spoken_of = {item.pk for item, _ in pairs}
    by_sku: dict[str, list[OrderItem]] = defaultdict(list)
    for item in order.lines:
        if item.pk not in spoken_of:
            by_sku[item.sku].append(item)
    for row in left:
        if by_sku[row.sku] and row.item_id not in taken:
            pairs.append((by_sku[row.sku].pop(0), row))
        else:
            answers.refuse(row.line, row.number, "ITEM_NOT_FOUND", row.item_id or row.sku)
    return pairs


# --- new orders -------------------------------------------------------------------------------------------


def _place(orders: Sequence[list[Row]], taking: Taking, answers: Answers) -> None:
    if not orders:
        return
    buyer_ids = buyers_for({rows[0].buyer_email: rows[0].buyer_name for rows in orders if rows[0].buyer_email})
    placed = place_orders(
        drafts=[_draft(rows, buyer_ids, taking) for rows in orders],
        auto_cancel_days=taking.auto_cancel_days,
        by=taking.by,
        now=taking.now,
        mute=MUTED,
    )
    pairs = [
        (order, list(zip(order.lines, rows, strict=True))) for order, rows in zip(placed, orders, strict=True)
    ]
    book_imported([order for order, of_order in pairs if not _is_finished_by(of_order)])
    _cancel_and_ship(pairs, taking, answers)


def _draft(rows: Sequence[Row], buyer_ids: dict[str, int], taking: Taking) -> OrderDraft:
    first = rows[0]
    paid_at = None if _is_pending(rows) else first.paid_at or first.placed_at
    return OrderDraft(
        seller_id=taking.seller.pk,
        buyer_id=buyer_ids.get(first.buyer_email),
        placed_at=first.placed_at,
        items=[
            ItemDraft(
                sku=row.sku,
                title=row.title,
                quantity=row.quantity,
                item_price=row.item_price,
                item_tax=row.item_tax,
                shipping_price=row.shipping_price,
                shipping_tax=row.shipping_tax,
                discount=row.discount,
                item_id=row.item_id,
            )
            for row in rows
        ],
        recipient=first.recipient,
        number=first.number,
        payment_verified_at=paid_at,
        ship_by_date=_ship_by(rows),
        service_level=first.service_level,
        payment_method=first.payment_method,
        currency=first.currency,
        fulfillment_channel=Order.Channel.MARKETPLACE if first.by_marketplace else Order.Channel.SELLER,
    )


def _is_pending(rows: Iterable[Row]) -> bool:
    """Whether payment is still awaited: the file says so of a line, and nothing of the order was shipped."""
    said = {row.said for row in rows}
    return Said.PENDING in said and Said.SHIPPED not in said


def _ship_by(rows: Iterable[Row]) -> date | None:
    """The earliest promise of an order's lines, as a local day."""
    promised = [
        queries.local_day(row.ship_by) if isinstance(row.ship_by, datetime) else row.ship_by
        for row in rows
        if row.ship_by
    ]
    return min(promised, default=None)


def _is_finished_by(pairs: Pairs) -> bool:
    return all(not item.quantity_open - to_cancel - to_ship for item, to_cancel, to_ship in map(_missing, pairs))


# --- known orders -----------------------------------------------------------------------------------------


def _update(known: Sequence[tuple[Order, Pairs]], taking: Taking, answers: Answers) -> None:
    """Catch up with what the file says more than the portal knows; the rest is no change."""
    behind = [(order, pairs) for order, pairs in known if _is_behind(order, pairs)]
    if behind:
        behind = _under_lock(behind)
    changed: set[int] = set()
    to_verify = [order.pk for order, pairs in behind if _is_newly_verified(order, pairs)]
    changed |= _done(verify_payment(order_ids=to_verify, by=taking.by, now=taking.now), behind, answers)
    by_day: dict[date, list[int]] = defaultdict(list)
    for order, pairs in behind:
        if day := _new_ship_by(order, pairs):
            by_day[day].append(order.pk)
    for day, order_ids in by_day.items():
        outcomes = set_ship_by(
            order_ids=order_ids,
            ship_by_date=day,
            auto_cancel_days=taking.auto_cancel_days,
            note="",
            by=taking.by,
            now=taking.now,
        )
        changed |= _done(outcomes, behind, answers)
    changed |= _cancel_and_ship(behind, taking, answers)
    answers.updated += len(changed)
    for order, pairs in known:
        if order.pk in changed:
            continue
        if all(row.line in answers.refused for _, row in pairs):
            continue
        answers.unchanged += 1
        for item, row in pairs:
            _warn_of_contradiction(item, row, answers)


def _is_behind(order: Order, pairs: Pairs) -> bool:
    if order.status in {rules.Status.SHIPPED, rules.Status.CANCELED}:
        return False
    if _is_newly_verified(order, pairs) or _new_ship_by(order, pairs):
        return True
    return any(to_cancel or to_ship for _, to_cancel, to_ship in map(_missing, pairs))


def _under_lock(known: Sequence[tuple[Order, Pairs]]) -> list[tuple[Order, Pairs]]:
    """The same orders as they stand once nobody else can change them."""
    locked = queries.lock_orders(order.pk for order, _ in known)
    fresh: list[tuple[Order, Pairs]] = []
    for order, pairs in known:
        items = {item.pk: item for item in locked[order.pk].lines}
        fresh.append((locked[order.pk], [(items[item.pk], row) for item, row in pairs]))
    return fresh


def _is_newly_verified(order: Order, pairs: Pairs) -> bool:
    rows = [row for _, row in pairs]
    is_awaited = order.status == rules.Status.PENDING
    return is_awaited and not _is_pending(rows) and any(row.said != Said.CANCELLED for row in rows)


def _new_ship_by(order: Order, pairs: Pairs) -> date | None:
    """The day a file gives to an order that has none and goes on."""
    if order.ship_by_date or order.status == rules.Status.PENDING or _is_finished_by(pairs):
        return None
    return _ship_by(row for _, row in pairs)


def _warn_of_contradiction(item: OrderItem, row: Row, answers: Answers) -> None:
    """Say where file and portal differ for good: nothing is un-shipped or un-cancelled."""
    if row.said == Said.CANCELLED and not item.quantity_cancelled:
        answers.warn(row, "KEPT_SHIPPED", str(item.quantity_shipped))
    elif row.shipped > item.quantity_shipped:
        answers.warn(row, "KEPT_CANCELLED", str(item.quantity_cancelled))


# --- units ------------------------------------------------------------------------------------------------


def _missing(pair: tuple[OrderItem, Row]) -> tuple[OrderItem, int, int]:
    """How many units of an item the file calls cancelled, and how many shipped, beyond what the portal knows."""
    item, row = pair
    if row.said == Said.CANCELLED:
        return item, item.quantity_open, 0
    return item, 0, max(0, min(row.shipped - item.quantity_shipped, item.quantity_open))


def _cancel_and_ship(orders: Sequence[tuple[Order, Pairs]], taking: Taking, answers: Answers) -> set[int]:
    """Book what the file says was cancelled and shipped; return the orders changed."""
    cancels: list[CancelTarget] = []
    ships: list[ConfirmTarget] = []
    today = queries.local_day(taking.now)
    for order, pairs in orders:
        missing = [_missing(pair) for pair in pairs]
        if cancelled := {item.pk: to_cancel for item, to_cancel, _ in missing if to_cancel}:
            cancels.append(CancelTarget(order.pk, Reason.IMPORTED, cancelled))
        if shipped := {item.pk: to_ship for item, _, to_ship in missing if to_ship}:
            looked_at = max((row.reported_at for _, row in pairs if row.reported_at), default=None)
            shipped_on = min(queries.local_day(looked_at), today) if looked_at else today
            ships.append(ConfirmTarget(order.pk, max(shipped_on, queries.local_day(order.placed_at)), shipped))
    changed = _done(cancel(targets=cancels, by=taking.by, now=taking.now), orders, answers)
    end_imported(changed)
    return changed | _done(take_over_shipments(targets=ships, by=taking.by, now=taking.now), orders, answers)


def _done(outcomes: Sequence[Outcome], orders: Sequence[tuple[Order, Pairs]], answers: Answers) -> set[int]:
    """The orders an act changed; refusals and warnings of it go to the order's lines."""
    said = [outcome for outcome in outcomes if outcome.code]
    rows = {order.pk: [row for _, row in pairs] for order, pairs in orders} if said else {}
    for outcome in said:
        if outcome.result == Result.ERROR:
            for row in rows[outcome.order_id]:
                answers.refuse(row.line, row.number, outcome.code)
        else:
            answers.warn(rows[outcome.order_id][0], outcome.code)
    return {outcome.order_id for outcome in outcomes if outcome.result in {Result.DONE, Result.WARNING}}
