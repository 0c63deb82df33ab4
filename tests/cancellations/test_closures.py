"""Days on which shops cannot send: whom they reach, by how many days, once (domain 21, B16)."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from cancellations.actions import apply_closures, cancel_overdue
from cancellations.models import Closure, ClosureGrant
from cancellations.policy import Closed, Reason, days_granted
from events.models import Event
from orders.actions import hold
from orders.models import Order
from orders.rules import moved_by_days
from tests.books import offences
from tests.cast import LATER
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_mails")]
DAY = timedelta(days=1)
OVER = date(2026, 6, 30)
JULY = Closed(date(2026, 7, 4), date(2026, 7, 6))


@pytest.mark.parametrize(
    ("ship_by", "last_day", "granted"),
    [
        (date(2026, 7, 4), date(2026, 7, 11), (3, 3)),
        (date(2026, 7, 6), date(2026, 7, 13), (3, 3)),
        (date(2026, 7, 3), date(2026, 7, 10), (0, 3)),
        (date(2026, 6, 27), date(2026, 7, 4), (0, 3)),
        (date(2026, 6, 26), date(2026, 7, 3), (0, 0)),
        (date(2026, 7, 7), date(2026, 7, 14), (0, 0)),
    ],
)
def test_who_was_to_ship_in_it_gets_its_days_who_was_late_gets_them_for_the_cancellation(
    ship_by, last_day, granted
):
    assert days_granted(JULY, ship_by=ship_by, last_day=last_day) == granted


def test_days_are_local_days_where_clocks_change():
    berlin = ZoneInfo("Europe/Berlin")
    moved = moved_by_days(datetime(2026, 3, 28, tzinfo=berlin), 2, berlin)
    assert moved == datetime(2026, 3, 30, tzinfo=berlin)


def closure(**fields) -> Closure:
    given = {"first_day": JULY.first, "last_day": JULY.last, "reason_ja": "台風", "reason_en": "Typhoon"}
    return Closure.objects.create(**given | {"added_at": NOON} | fields)


def times(order: Order) -> tuple[date, datetime]:
    order.refresh_from_db()
    return order.ship_by_date, order.auto_cancel_due_at


def test_every_open_order_it_reaches_is_given_its_days_once(cast):
    within, late, after = (cast.order(1, ship_by=date(2026, 7, day)) for day in (4, 2, 7))
    shipped, cancelled = cast.order(1, ship_by=date(2026, 7, 4)), cast.order(1, ship_by=date(2026, 7, 4))
    cast.confirm(shipped)
    cast.cancel(cancelled)
    before = {order.pk: times(order) for order in (within, late, after, shipped, cancelled)}
    closure()
    assert apply_closures(now=LATER) == 2
    assert times(within) == (date(2026, 7, 7), before[within.pk][1] + 3 * DAY)
    assert times(late) == (date(2026, 7, 2), before[late.pk][1] + 3 * DAY)
    for order in (after, shipped, cancelled):
        assert times(order) == before[order.pk]
    assert apply_closures(now=LATER) == 0
    event = Event.objects.filter(name="order.extended").latest("pk")
    assert (event.role, event.payload) == ("SYSTEM", {"note": "台風"})
    assert offences() == {}


def test_orders_that_come_in_later_are_reached_too(cast):
    closure()
    assert apply_closures(now=LATER) == 0
    order = cast.order(1, ship_by=date(2026, 7, 5))
    assert apply_closures(now=LATER) == 1
    assert times(order)[0] == date(2026, 7, 8)


def test_of_an_area_only_orders_that_are_sent_there_are_reached(cast):
    order = cast.order(1, ship_by=date(2026, 7, 5))
    closure(area="北海道")
    assert apply_closures(now=LATER) == 0
    closure(area="京都府")
    assert apply_closures(now=LATER) == 1
    assert times(order)[0] == date(2026, 7, 8)


@pytest.mark.parametrize("fields", [{"is_active": False}, {"last_day": OVER, "first_day": OVER}])
def test_what_is_over_or_switched_off_gives_nothing(cast, fields):
    cast.order(1, ship_by=date(2026, 7, 4))
    closure(**fields)
    assert apply_closures(now=LATER) == 0


def test_the_sweep_waits_as_long_as_was_given(cast):
    order = cast.order(1, ship_by=date(2026, 7, 4))
    due = order.auto_cancel_due_at
    closure()
    apply_closures(now=LATER)
    assert cancel_overdue(now=due) == []
    (outcome,) = cancel_overdue(now=due + 3 * DAY)
    assert outcome.order_id == order.pk
    assert Order.objects.get(pk=order.pk).cancellations.get().reason == Reason.AUTO_NOT_CONFIRMED


def test_an_order_on_hold_is_given_its_days_too(cast):
    order = cast.order(1, ship_by=date(2026, 7, 4))
    hold(order_ids=[order.pk], note="", by=cast.operator, now=NOON)
    closure()
    assert apply_closures(now=LATER) == 1
    assert times(order)[0] == date(2026, 7, 7)


def test_shops_are_told_of_it_in_their_language(cast, time_machine):
    time_machine.move_to(LATER)
    client = Client()
    client.force_login(cast.alice)
    assert "出荷予定日と自動キャンセルの期限を延長しています。" not in client.get("/seller/").content.decode()
    closure(area="京都府")
    page = client.get("/seller/").content.decode()
    assert "2026/07/04 から 2026/07/06 まで、京都府へのお届けの" in page
    assert "台風" in page
    cast.alice.language = "en"
    cast.alice.save()
    page = client.get("/seller/").content.decode()
    assert "Typhoon" in page
    assert "台風" not in page


def test_the_database_keeps_no_closure_that_ends_before_it_begins_and_no_second_grant(cast):
    row, order = closure(), cast.order(1)
    ClosureGrant.objects.create(closure=row, order=order)
    for broken in (
        lambda: ClosureGrant.objects.create(closure=row, order=order),
        lambda: Closure.objects.filter(pk=row.pk).update(last_day=date(2026, 7, 1)),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            broken()
