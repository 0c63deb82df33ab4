"""R-28: a snapshot beside a granted dispute. The recorded value is kept, the corrected one stands beside it."""

from datetime import timedelta

import pytest
from django.db import transaction

from cancellations.models import Cancellation
from cancellations.policy import Reason
from metrics.actions import Evidence, decide, open_dispute
from metrics.actions import disputes as deciding
from metrics.actions import snapshots as taking
from metrics.models import Dispute, RateSnapshot
from metrics.queries import rate_at
from metrics.rate import Rate
from orders.queries import local_day
from tests.books import offences
from tests.cast import Cast
from tests.factories import NOON
from tests.races.arena import Runner, at_once, forced, storm

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_mails")]
DAY = timedelta(days=1)
DECIDED = NOON + 3 * DAY


def contested(cast: Cast) -> Dispute:
    """One of two orders, cancelled so that it counts, and contested."""
    order, _other = cast.orders(2)
    cast.cancel(order, Reason.NO_INVENTORY)
    return open_dispute(
        seller_id=cast.shop.pk,
        cancellation_id=Cancellation.objects.latest("pk").pk,
        text="在庫はありました。",
        evidence=Evidence(),
        by=cast.seller,
        now=NOON + DAY,
    )


def grant(cast: Cast, dispute: Dispute):
    return lambda: decide(dispute_id=dispute.pk, grant=True, reason="確認", by=cast.operator, now=DECIDED)


def take(cast: Cast):
    return lambda: taking.take_snapshots(day=local_day(NOON), seller_ids=[cast.shop.pk], now=DECIDED)


def kept(cast: Cast) -> tuple[int, int, int | None, int | None]:
    return RateSnapshot.objects.values_list(
        "counted", "denominator", "corrected_counted", "corrected_denominator"
    ).get(seller=cast.shop)


@pytest.mark.parametrize("grants_first", [True, False])
def test_r28_whoever_is_second_waits_and_the_books_add_up(cast, grants_first):
    dispute = contested(cast)
    acts = (grant(cast, dispute), take(cast))
    forced(*(acts if grants_first else acts[::-1]))
    assert kept(cast) == ((0, 2, None, None) if grants_first else (1, 2, 0, 2))
    assert rate_at(cast.shop.pk, NOON + 2 * DAY).rate == Rate(0, 2)
    assert offences(now=DECIDED, only=["INV-28", "INV-41"]) == {}


def test_r28_in_a_storm_no_snapshot_keeps_what_was_taken_out(cast):
    def prepare():
        RateSnapshot.objects.all().delete()
        return grant(cast, contested(cast)), take(cast)

    def check(_answers) -> None:
        assert offences(now=DECIDED, only=["INV-28", "INV-41"]) == {}

    storm(prepare, check)


def test_r28_without_the_lock_a_snapshot_keeps_what_was_taken_out(cast, monkeypatch):
    """The control: a snapshot that does not wait reads what the decision has not committed yet."""
    dispute = contested(cast)
    monkeypatch.setattr(taking, "lock_sellers", lambda _seller_ids: None)
    # Both name the shop for a look at its state, and would meet at that row.
    monkeypatch.setattr(deciding, "look_again", lambda *, seller_id: None)
    behind = Runner(take(cast))
    with transaction.atomic():
        grant(cast, dispute)()
        behind.start()
        behind.result()
    assert kept(cast) == (1, 2, None, None)
    assert set(offences(now=DECIDED, only=["INV-28"])) == {"INV-28"}


def test_two_operators_decide_a_dispute_once(cast):
    dispute = contested(cast)

    def refuse():
        return decide(dispute_id=dispute.pk, grant=False, reason="記録どおり", by=cast.operator, now=DECIDED)

    runners = at_once(grant(cast, dispute), refuse)
    errors = [type(each.error).__name__ for each in runners if each.error]
    assert errors == ["Refused"]
    dispute.refresh_from_db()
    assert dispute.cancellation.excluded is (dispute.state == Dispute.State.GRANTED)
