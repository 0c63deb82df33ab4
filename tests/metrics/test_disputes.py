"""Contesting a record: who may, until when, what is granted at once, and what it does to the rate (domain 9.6, B13)."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction

from cancellations.models import Cancellation
from cancellations.policy import Reason
from events.models import Delivery, Event
from messaging.actions import MessageTarget, send
from messaging.files import File, Kind
from messaging.rules import Topic
from metrics import contest
from metrics.actions import Evidence, Refused, ask_correction, decide, open_dispute, take_missing_snapshots
from metrics.contest import Record, Refusal, corrects_itself, why_cannot_ask
from metrics.models import Dispute, DisputeFile, RateSnapshot
from metrics.queries import rate_at
from metrics.rate import Rate
from tests.books import nothing_changes, offences
from tests.cast import LATER, lines_of
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_mails")]
JST = ZoneInfo("Asia/Tokyo")
DAY = timedelta(days=1)
PAPER = File("在庫表.pdf", Kind.PDF, b"%PDF-1.7\n%%EOF")


# --- the rules, without a database ------------------------------------------------------------------------

CANCELLED_AT = datetime(2026, 7, 5, 23, 59, tzinfo=JST)
RECORD = Record(
    counts=True, cancelled_at=CANCELLED_AT, role="SELLER", reason="OTHER", units={1: 2}, covered={1: 2}
)


@pytest.mark.parametrize(("kind", "days"), [(contest.Kind.DISPUTE, 30), (contest.Kind.CORRECTION, 7)])
def test_the_last_day_is_counted_from_the_cancellations_own_and_included(kind, days):
    last = date(2026, 7, 5) + days * DAY
    assert contest.last_day(kind, CANCELLED_AT, JST) == last
    end = datetime.combine(last + DAY, datetime.min.time(), JST)
    just_in_time = end - timedelta(microseconds=1)
    assert why_cannot_ask(kind, RECORD, now=just_in_time, zone=JST) is None
    assert why_cannot_ask(kind, RECORD, now=end, zone=JST) == Refusal.TOO_LATE


@pytest.mark.parametrize(
    ("kind", "changes", "refusal"),
    [
        (contest.Kind.DISPUTE, {"counts": False}, Refusal.NOT_COUNTED),
        (contest.Kind.DISPUTE, {"asked": frozenset({"DISPUTE"})}, Refusal.ASKED_BEFORE),
        (contest.Kind.DISPUTE, {"asked": frozenset({"CORRECTION"})}, None),
        (contest.Kind.DISPUTE, {"role": "SYSTEM", "covered": None}, None),
        (contest.Kind.CORRECTION, {"counts": False}, Refusal.NOT_COUNTED),
        (contest.Kind.CORRECTION, {"asked": frozenset({"CORRECTION"})}, Refusal.ASKED_BEFORE),
        (contest.Kind.CORRECTION, {"covered": None}, Refusal.NO_REQUEST),
        (contest.Kind.CORRECTION, {"role": "SYSTEM"}, Refusal.NO_REQUEST),
        (contest.Kind.CORRECTION, {"reason": "BUYER_CANCELED"}, Refusal.NO_REQUEST),
        (contest.Kind.CORRECTION, {}, None),
    ],
)
def test_what_may_be_asked(kind, changes, refusal):
    fields = {name: getattr(RECORD, name) for name in Record.__slots__} | changes
    assert why_cannot_ask(kind, Record(**fields), now=CANCELLED_AT + DAY, zone=JST) == refusal


@pytest.mark.parametrize(
    ("reason", "covered", "at_once"),
    [("OTHER", {1: 2}, True), ("OTHER", {1: 1}, False), ("OTHER", {}, False), ("NO_INVENTORY", {1: 2}, False)],
)
def test_a_correction_is_granted_at_once_if_all_was_asked_for_and_no_stock_was_said_to_lack(
    reason, covered, at_once
):
    record = Record(
        counts=True, cancelled_at=CANCELLED_AT, role="SELLER", reason=reason, units={1: 2}, covered=covered
    )
    assert corrects_itself(record) is at_once


# --- disputes ---------------------------------------------------------------------------------------------


@pytest.fixture
def record(cast) -> Cancellation:
    """One order of four cancelled for lack of stock."""
    order, *_others = cast.orders(4)
    cast.cancel(order)
    return Cancellation.objects.get()


def contest_it(cast, record: Cancellation, *, now=LATER + DAY, **evidence) -> Dispute:
    return open_dispute(
        seller_id=cast.shop.pk,
        cancellation_id=record.pk,
        text="在庫はありました。",
        evidence=Evidence(**evidence),
        by=cast.seller,
        now=now,
    )


def test_a_dispute_keeps_what_the_shop_points_at_and_nothing_of_other_orders(cast, record):
    stranger = cast.order(1)
    for order in (record.order, stranger):
        send(targets=[MessageTarget(order.pk, Topic.OTHER, "こんにちは")], by=cast.buyer, now=LATER)
    own, foreign = (Event.objects.filter(order=order).first() for order in (record.order, stranger))
    messages = [order.thread.messages.get().pk for order in (record.order, stranger)]
    dispute = contest_it(cast, record, events=[own.pk, foreign.pk], messages=messages, files=[PAPER] * 7)
    assert list(dispute.events.all()) == [own]
    assert list(dispute.messages.values_list("pk", flat=True)) == messages[:1]
    assert dispute.files.count() == contest.MOST_FILES
    assert rate_at(cast.shop.pk, LATER + DAY).rate == Rate(1, 5)


def test_a_granted_dispute_leaves_the_rate_at_once_and_snapshots_keep_both_values(cast, record):  # E26
    take_missing_snapshots(now=NOON + 4 * DAY)
    dispute = contest_it(cast, record, now=NOON + 4 * DAY)
    decide(dispute_id=dispute.pk, grant=True, reason="確認しました", by=cast.operator, now=NOON + 5 * DAY)
    assert rate_at(cast.shop.pk, NOON + 5 * DAY).rate == Rate(0, 4)
    record.refresh_from_db()
    assert (record.counted, record.excluded, record.code) == (True, True, "SEL-1")
    first = RateSnapshot.objects.get(seller=cast.shop, day=date(2026, 7, 1))
    assert (first.counted, first.denominator, first.corrected_counted, first.corrected_denominator) == (1, 4, 0, 4)
    assert offences(only=["INV-28", "INV-32", "INV-41"]) == {}
    told = Delivery.objects.filter(event__name="dispute.decided")
    assert {delivery.recipient.email for delivery in told} == {"alice@seller.example", "bob@seller.example"}


def test_a_rejected_dispute_changes_nothing_but_itself(cast, record):
    dispute = contest_it(cast, record)
    decide(dispute_id=dispute.pk, grant=False, reason="記録どおり", by=cast.operator, now=LATER + 2 * DAY)
    dispute.refresh_from_db()
    assert (dispute.state, dispute.decision_reason) == ("REJECTED", "記録どおり")
    assert rate_at(cast.shop.pk, LATER + 2 * DAY).rate == Rate(1, 4)


def test_a_dispute_is_decided_once(cast, record):
    dispute = contest_it(cast, record)
    decide(dispute_id=dispute.pk, grant=False, reason="記録どおり", by=cast.operator, now=LATER + 2 * DAY)
    with nothing_changes(), pytest.raises(Refused) as refused:
        decide(dispute_id=dispute.pk, grant=True, reason="やはり", by=cast.operator, now=LATER + 2 * DAY)
    assert refused.value.refusal == Refusal.NOT_OPEN


def test_a_record_is_disputed_once(cast, record):
    contest_it(cast, record)
    with nothing_changes(), pytest.raises(Refused) as refused:
        contest_it(cast, record)
    assert refused.value.refusal == Refusal.ASKED_BEFORE


def test_another_shops_record_cannot_be_contested(cast, record):
    with nothing_changes(), pytest.raises(LookupError):
        open_dispute(
            seller_id=cast.other_shop.pk,
            cancellation_id=record.pk,
            text="x",
            evidence=Evidence(),
            by=cast.seller,
            now=LATER,
        )


def test_what_else_was_asked_about_a_record_is_granted_with_it(cast):
    """A record that is out has nothing left to contest: no later no can say that it counts."""
    order = cast.order(2)
    cast.request(order)
    cast.cancel(order, Reason.OTHER)
    dispute = contest_it(cast, Cancellation.objects.get())
    ask_correction(
        seller_id=cast.shop.pk, cancellation_id=dispute.cancellation_id, text="", by=cast.seller, now=LATER + DAY
    )
    dispute.refresh_from_db()
    assert (dispute.state, dispute.decided_by) == ("GRANTED", None)
    assert Event.objects.filter(name="dispute.decided").count() == 2


# --- corrections ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "units", "state", "rate"),
    [
        (Reason.OTHER, None, "GRANTED", Rate(0, 1)),
        (Reason.NO_INVENTORY, None, "OPEN", Rate(1, 1)),
        (Reason.OTHER, 1, "OPEN", Rate(1, 1)),
    ],
)
def test_a_correction_is_granted_at_once_where_the_facts_allow_else_an_operator_decides(
    cast, reason, units, state, rate
):  # B13
    order = cast.order(2)
    cast.request(order, {lines_of(order)[0]: units} if units else None)
    cast.cancel(order, reason)
    record = Cancellation.objects.get()
    made = ask_correction(
        seller_id=cast.shop.pk, cancellation_id=record.pk, text="", by=cast.seller, now=LATER + DAY
    )
    assert made.state == state
    assert rate_at(cast.shop.pk, LATER + DAY).rate == rate
    assert offences(only=["INV-32", "INV-41"]) == {}
    with pytest.raises(Refused):
        ask_correction(seller_id=cast.shop.pk, cancellation_id=record.pk, text="", by=cast.seller, now=LATER + DAY)


def test_without_a_request_there_is_nothing_to_correct(cast, record):
    with pytest.raises(Refused) as refused:
        ask_correction(seller_id=cast.shop.pk, cancellation_id=record.pk, text="", by=cast.seller, now=LATER)
    assert refused.value.refusal == Refusal.NO_REQUEST


# --- what the database promises ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"state": "GRANTED"},
        {"decided_at": LATER},
        {"text": ""},
        {"state": "REJECTED", "decided_at": LATER, "decided_by": 1},
    ],
)
def test_the_database_keeps_no_half_decided_dispute(cast, record, change):
    dispute = contest_it(cast, record)
    if "decided_by" in change:
        change |= {"decided_by": cast.alice}
    with pytest.raises(IntegrityError), transaction.atomic():
        Dispute.objects.filter(pk=dispute.pk).update(**change)


def test_the_database_keeps_no_empty_file(cast, record):
    dispute = contest_it(cast, record, files=[PAPER])
    with pytest.raises(IntegrityError), transaction.atomic():
        DisputeFile.objects.filter(dispute=dispute).update(size=0)
