"""R-20: a provider's notice meets our own answer, or itself: one refund, told once, whichever comes first."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from payments import actions
from payments.incoming import take_notice
from payments.models import ProviderNotice, Refund
from payments.providers.base import About, Notice
from payments.refunds import RefundTarget, refund
from payments.rules import RefundReason
from tests.books import offences
from tests.cast import LATER, Cast, deliver
from tests.factories import NOON
from tests.races.arena import Act, forced, goes_wrong, storm

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_mails")]
APPLIED, NO_CHANGE = "APPLIED", "NO_CHANGE"


def pending(cast: Cast) -> Refund:
    """A refund that the provider was asked for and that nobody knows the end of."""
    order = cast.order()
    deliver(NOON)
    cast.confirm(order)
    deliver()
    target = RefundTarget(order.pk, RefundReason.RETURN, beside=Decimal(500))
    refund(targets=[target], by=cast.seller, now=LATER)
    return Refund.objects.latest("pk")


def own_answer(row: Refund) -> Act:
    return lambda: actions.mark_refunded(row, reference=f"test-{row.idempotency_key}", now=LATER)


def notice(row: Refund, *, number: str = "", succeeded: bool = True) -> Act:
    told = Notice(
        number or f"n-{row.pk}",
        About.REFUND,
        row.idempotency_key,
        f"test-{row.idempotency_key}",
        succeeded=succeeded,
    )
    return lambda: take_notice(told, provider="test", now=LATER)


def first_one_wins(row: Refund, answers: Sequence) -> None:
    """One of both was the first; the money went back once."""
    assert sum(answer in {True, APPLIED} for answer in answers) == 1, answers
    row.refresh_from_db()
    assert row.state in {"SUCCEEDED", "FAILED"}
    assert offences(now=NOON) == {}


@pytest.mark.parametrize("notice_first", [True, False])
def test_r20_our_own_answer_and_the_notice_wait_for_each_other(cast: Cast, notice_first: bool):
    row = pending(cast)
    acts = [notice(row), own_answer(row)]
    answers = forced(*acts) if notice_first else forced(*acts[::-1])
    assert answers == ((APPLIED, False) if notice_first else (True, NO_CHANGE))
    first_one_wins(row, answers)


def test_r20_the_same_notice_twice_at_once_is_kept_once(cast: Cast):
    row = pending(cast)
    assert forced(notice(row), notice(row)) == (APPLIED, NO_CHANGE)
    assert ProviderNotice.objects.count() == 1
    first_one_wins(row, [True])


def test_r20_of_two_notices_that_contradict_each_other_the_first_holds(cast: Cast):
    row = pending(cast)
    answers = forced(notice(row, number="a"), notice(row, number="b", succeeded=False))
    assert answers == (APPLIED, NO_CHANGE)
    row.refresh_from_db()
    assert row.state == "SUCCEEDED"


def test_r20_in_a_storm_of_answers_and_notices_one_is_the_first(cast: Cast):
    current: list[Refund] = []

    def prepare() -> list[Act]:
        current[:] = [pending(cast)]
        (row,) = current
        return [own_answer(row), notice(row), notice(row), notice(row, number=f"x-{row.pk}")]

    storm(prepare, lambda answers: first_one_wins(current[0], answers))


def test_r20_without_the_guard_both_are_the_first(cast: Cast, monkeypatch):
    row = pending(cast)

    def unguarded(of, **answer):
        return bool(type(of).objects.filter(pk=of.pk).update(**answer))

    monkeypatch.setattr(actions, "_first_answer", unguarded)
    assert goes_wrong([own_answer(row), notice(row)], lambda answers: first_one_wins(row, answers))
