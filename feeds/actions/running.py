"""Carrying feeds out: one after the other for each shop, line by line, so that a killed worker's successor goes on."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from celery import current_app
from django.db import OperationalError, transaction

from accounts.actors import Actor, Door, Role
from accounts.queries import acts_for
from cancellations.policy import Refusal
from cancellations.queries import rules_at
from events.actions import Entry, record
from events.queries import alone
from feeds import queries
from feeds.models import Feed, LineResult
from feeds.parsers import BadRow, CancelRow, FeedFile, Kind, Row, Unreadable, XmlFeed, is_xml, read_feed
from feeds.store import stored
from orders.outcomes import Result
from orders.queries import keys_by_number, statuses_of, zone

from .lines import Answer, Before, carry_out

logger = logging.getLogger(__name__)

# One step is one transaction: short locks, and a progress that moves.
LINES_PER_STEP = 200
LOCK = "feeds_feed"
# The mail about a finished file, which people may stop (domain 12.2).
SENDERS_MAIL = "M-24"
RUNNER = Actor(Role.SYSTEM, Door.FEED)


def enqueue(seller_id: int) -> None:
    """Ask a worker to carry out a shop's feeds; if the broker is away, the timetable finds them waiting."""
    current_app.send_task("feeds.tasks.run_feeds_of", args=[seller_id])


def run_feeds(*, seller_id: int, clock: Callable[[], datetime]) -> None:
    """Carry out what waits in a shop's queue, the earliest first. Harmless beside itself, and when run again.

    The answers are kept in the transaction that acts, so a run that was killed goes on at the first line without
    an answer. Whoever was taken out of the shop since, or may only look now, gets no more lines carried out.
    """
    with alone(LOCK, seller_id) as is_alone:
        while is_alone and (feed := queries.next_feed(seller_id)):
            _run(feed, clock)


def _run(feed: Feed, clock: Callable[[], datetime]) -> None:
    """Carry out one feed."""
    form = False
    try:
        content = stored(feed.document.name)
        form = is_xml(content)
        file = read_feed(content, Kind(feed.kind), zone=zone())
        if isinstance(file, XmlFeed) and file.merchant != feed.seller.merchant_id:
            raise Unreadable("FEED_MERCHANT", found=file.merchant[:60])
    except Unreadable as error:
        _end_fatal(feed.pk, error.code, error.facts, clock, is_xml=form)
        return
    except FileNotFoundError:
        _end_fatal(feed.pk, "FILE_GONE", {}, clock)
        return
    run = _Run(feed, file)
    while not run.step(clock):
        pass


def _end_fatal(
    feed_id: int,
    code: str,
    facts: dict[str, str | int],
    clock: Callable[[], datetime],
    *,
    is_xml: bool = False,
) -> None:
    """Nothing more of the file is carried out."""
    with transaction.atomic():
        feed = queries.lock_feed(feed_id)
        if feed is not None:
            feed.error_code, feed.error_facts, feed.is_xml = code, facts, feed.is_xml or is_xml
            _end(feed, Feed.State.FATAL, clock())


def give_up(*, seller_id: int, clock: Callable[[], datetime]) -> None:
    """End the feed that an error of ours stopped, so that it does not block the shop's queue."""
    if feed := queries.next_feed(seller_id):
        _end_fatal(feed.pk, "FAILED", {}, clock)


def _end(feed: Feed, state: Feed.State, now: datetime) -> None:
    feed.state, feed.finished_at = state, now
    feed.save()
    # Whoever tries a file out sits at its page.
    record_end(feed, now, mute=frozenset({"mail_person"}) if feed.is_dry_run else frozenset())


def record_end(feed: Feed, now: datetime, *, mute: frozenset[str], by: Actor = RUNNER) -> None:
    """Write into the history that a feed came to its end; `mute` names whoever is not told."""
    record(
        [
            Entry(
                "feed.finished",
                subject=f"feed:{feed.pk}",
                payload={"state": feed.state},
                seller_id=feed.seller_id,
                mute=mute,
                may_silence=SENDERS_MAIL,
                person_id=feed.submitted_by_id,
            )
        ],
        by=by,
        now=now,
    )


class _Run:
    """One feed that is being carried out, with what its earlier lines have done."""

    def __init__(self, feed: Feed, file: FeedFile | XmlFeed) -> None:
        self.feed_id, self.kind, self.file = feed.pk, Kind(feed.kind), file
        self.before = Before()
        self.skips_busy = False
        self.records = file.records if isinstance(file, XmlFeed) else {}
        self.settled = queries.settled_before(feed)
        for line in feed.lines.filter(result__in=[Result.DONE, Result.WARNING]):
            row = file.rows[line.position - 1]
            self.before.note(Answer(row, Result(line.result), line.code, units=_units_said(row)))

    def step(self, clock: Callable[[], datetime]) -> bool:
        """Answer the next lines in one transaction; True once all are answered.

        An order that somebody holds for too long is answered ORDER_BUSY at the second try.
        """
        try:
            with transaction.atomic():
                is_over, answers = self._step(clock())
        except OperationalError:
            if self.skips_busy:
                raise
            logger.warning("A step of feed %s is tried again", self.feed_id, exc_info=True)
            self.skips_busy = True
            return False
        self.skips_busy = False
        for answer in answers:
            self.before.note(answer)
        return is_over

    def _step(self, now: datetime) -> tuple[bool, list[Answer]]:
        feed = queries.lock_feed(self.feed_id)
        if feed is None:
            return True, []
        if feed.state == Feed.State.IN_QUEUE:
            feed.state, feed.started_at = Feed.State.IN_PROGRESS, now
            feed.lines_read, feed.encoding = len(self.file.rows), self.file.encoding
            feed.is_xml = isinstance(self.file, XmlFeed)
            feed.ignored = ", ".join(self.file.ignored)[:300]
        first = feed.lines_answered
        rows = self.file.rows[first : first + LINES_PER_STEP]
        answers = self._answer(feed, first, rows, now)
        self._keep(feed, first, answers)
        is_over = feed.lines_answered == feed.lines_read
        if is_over:
            feed.orders_counted = queries.orders_counted(feed)
            _end(feed, Feed.State.DONE, now)
        else:
            feed.save()
        return is_over, answers

    def _answer(self, feed: Feed, first: int, rows: Sequence[Row | BadRow], now: datetime) -> list[Answer]:
        """What becomes of these lines; a dry run takes back all that it did."""
        if not acts_for(user_id=feed.submitted_by_id, seller_id=feed.seller_id):
            return [Answer(row, Result.ERROR, Refusal.PERMISSION_DENIED) for row in rows]
        answers = self._settled(feed, first, rows)
        asked = [place for place in range(len(rows)) if place not in answers]
        with transaction.atomic():
            found = carry_out(
                self.kind,
                [rows[place] for place in asked],
                self.before,
                seller_id=feed.seller_id,
                interlock=rules_at(now).ship_interlock_api,
                by=Actor(Role.SELLER, Door.FEED, feed.submitted_by_id, feed.submitted_by.name),
                now=now,
                is_dry_run=feed.is_dry_run,
                busy_is_skipped=self.skips_busy,
            )
            if feed.is_dry_run:
                transaction.set_rollback(True)
        answers |= dict(zip(asked, found, strict=True))
        return [answers[place] for place in range(len(rows))]

    def _settled(self, feed: Feed, first: int, rows: Sequence[Row | BadRow]) -> dict[int, Answer]:
        """Lines that an earlier feed of the same bytes has carried out: no change, with the order as it is now."""
        known = {place: self.settled.get(first + place + 1, "") for place in range(len(rows))}
        places = {place: receipt for place, receipt in known.items() if receipt}
        keys = keys_by_number(feed.seller_id, {rows[place].number for place in places})
        statuses = statuses_of(keys.values())
        return {
            place: Answer(
                rows[place],
                Result.NO_CHANGE,
                Result.NO_CHANGE,
                told,
                statuses.get(keys.get(rows[place].number, 0), ""),
            )
            for place, told in places.items()
        }

    def _keep(self, feed: Feed, first: int, answers: Sequence[Answer]) -> None:
        LineResult.objects.bulk_create(
            LineResult(
                feed=feed,
                position=first + place,
                line_number=answer.row.line,
                record=self.records.get(answer.row.line, ""),
                order_number=answer.row.number,
                item_number=answer.row.item_id,
                result=answer.result,
                code=answer.code,
                detail=answer.detail[:300],
                status_after=answer.status,
                counted=answer.counted,
            )
            for place, answer in enumerate(answers, start=1)
        )
        feed.lines_answered += len(answers)
        counts = {result: sum(answer.result == result for answer in answers) for result in Result}
        feed.lines_done += counts[Result.DONE]
        feed.lines_unchanged += counts[Result.NO_CHANGE]
        feed.lines_warned += counts[Result.WARNING]
        feed.lines_refused += counts[Result.ERROR]


def _units_said(row: Row | BadRow) -> dict[str, int]:
    """The items that a line speaks of with their units, for a run that goes on where another one stopped."""
    if isinstance(row, CancelRow):
        return {item: 0 for item, _ in row.others}
    quantity = getattr(row, "quantity", None)
    return {row.item_id: quantity} if quantity and row.item_id else {}
