"""Worker, beat, Redis and the mail server as they are, and what a crash of any of them leaves behind."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Membership, Seller, User
from cancellations.actions import CancelTarget, cancel, start_bulk
from cancellations.actions.bulk import ORDERS_PER_STEP
from cancellations.models import BulkCancellation, Cancellation, SweepRun
from cancellations.policy import Reason
from events.actions import deliver_due
from events.models import Delivery, Event, SentMail
from orders import queries as order_queries
from orders.models import Order
from payments.models import Authorization
from tests import factories, processes
from tests.books import offences
from tests.factories import seller_actor

from .conftest import Stage

MAILS = ("mail_buyer", "mail_seller")
DOMAIN = "localhost"


@pytest.fixture
def shop(stage: Stage) -> tuple[Seller, User, User]:
    """A shop with one person to write to, and a buyer."""
    seller = factories.shop()
    alice = factories.member(seller, Membership.Role.OWNER, "alice@seller.example", "中村 葵")
    return seller, alice, factories.person("dora@buyer.example", "森下 遥")


def place(shop: tuple[Seller, User, User], count: int, *, overdue: bool) -> list[Order]:
    """Orders that wait for their shipment, too long or not."""
    seller, _, dora = shop
    placed_at = timezone.now() - (timedelta(days=30) if overdue else timedelta(hours=1))
    return [factories.order(seller, dora, placed_at=placed_at) for _ in range(count)]


def place_reserved(shop: tuple[Seller, User, User], count: int, *, overdue: bool) -> list[Order]:
    """Orders whose money is reserved already."""
    orders = place(shop, count, overdue=overdue)
    while deliver_due(clock=timezone.now):
        pass
    assert set(Authorization.objects.values_list("state", flat=True)) == {"HELD"}
    return orders


def drained() -> bool:
    """Whether everything that was to be told is told."""
    return not Delivery.objects.exclude(state=Delivery.State.DELIVERED).exists()


def mail_ids() -> set[str]:
    """The Message-ID of every mail that the outbox owes, one per delivery key."""
    keys = Delivery.objects.filter(listener__in=MAILS).values_list("key", flat=True)
    return {f"<{key}@{DOMAIN}>" for key in keys}


def all_done_once(orders: list[Order]) -> None:
    """Every order ended cancelled by one cancellation with one event, its money is free, and the books add up."""
    ids = [order.pk for order in orders]
    assert set(Order.objects.filter(pk__in=ids).values_list("status", flat=True)) == {"CANCELED"}
    assert sorted(Cancellation.objects.values_list("order_id", flat=True)) == sorted(ids)
    assert sorted(Event.objects.filter(name="order.cancelled").values_list("order_id", flat=True)) == sorted(ids)
    assert set(Authorization.objects.values_list("state", flat=True)) <= {"RELEASED"}
    assert Delivery.objects.filter(listener__in=MAILS).count() == 2 * len(ids)
    assert SentMail.objects.count() == 2 * len(ids)
    assert offences(now=timezone.now()) == {}


def test_beat_cancels_an_overdue_order_in_its_next_sweep_and_both_mails_reach_the_server(stage: Stage, shop):
    stage.worker()
    stage.beat()
    stage.eventually(SweepRun.objects.exists, "a first sweep")
    (order,) = place(shop, 1, overdue=True)
    placed_at = timezone.now()
    stage.eventually(lambda: Cancellation.objects.filter(order=order).exists(), "a cancellation")
    stage.eventually(drained, "mails")
    cancellation = Cancellation.objects.get(order=order)
    assert (cancellation.code, cancellation.role) == ("MKT-1", "SYSTEM")
    next_sweep = SweepRun.objects.filter(started_at__gt=placed_at).order_by("started_at").first()
    assert cancellation.cancelled_at <= next_sweep.started_at
    assert sorted(stage.sink.mails) == sorted(
        (f"<{cancellation.event_id}.{listener}.{person.pk}@{DOMAIN}>", person.email)
        for listener, person in zip(MAILS, (shop[2], shop[1]), strict=True)
    )
    assert sorted(SentMail.objects.values_list("mail", flat=True)) == ["m17", "m18"]
    all_done_once([order])


def test_two_beats_at_once_cancel_each_order_once_f40(stage: Stage, shop):
    orders = place_reserved(shop, 40, overdue=True)
    for _ in range(2):
        stage.worker()
    for _ in range(2):
        stage.beat()
    stage.eventually(lambda: Cancellation.objects.count() >= len(orders), "every order cancelled")
    runs = SweepRun.objects.count()
    stage.eventually(lambda: SweepRun.objects.count() >= runs + 4, "both beats again")
    stage.eventually(drained, "every mail")
    all_done_once(orders)
    assert stage.sink.copies == dict.fromkeys(mail_ids(), 1)


def test_a_killed_worker_and_an_emptied_redis_lose_nothing_and_do_nothing_twice_f23_f30_f36(stage: Stage, shop):
    """Killed once after the server stored a mail, once before it did; only the first may come twice, recognisably."""
    orders = place_reserved(shop, 40, overdue=False)
    targets = [CancelTarget(order.pk, Reason.NO_INVENTORY) for order in orders]
    cancel(targets=targets, by=seller_actor(shop[1]), now=timezone.now())
    stage.beat()
    kills = 0
    for number, stored in ((10, True), (30, False)):
        stage.sink.stand_still_at(number, stored=stored)
        worker = stage.worker()
        assert stage.sink.stands.wait(45), worker.said()[-2000:]
        worker.kill()
        kills += 1
        stage.sink.go_on()
        assert not drained()
        stage.empty_redis()
        # The killed worker's rows come back when its lease is over; that time passes here at once.
        Delivery.objects.filter(state=Delivery.State.PENDING).update(due_at=timezone.now())
    stage.worker()
    stage.eventually(drained, "every delivery after the last start")
    all_done_once(orders)
    copies = stage.sink.copies
    assert set(copies) == mail_ids()
    assert 1 <= sum(copies.values()) - len(copies) <= kills


def test_an_emptied_redis_alone_loses_nothing_f23(stage: Stage, shop):
    """Messages on their way vanish; rows do not, and the next sweep finds them."""
    orders = place_reserved(shop, 10, overdue=False)
    stage.beat()
    stage.eventually(stage.empty_redis, "messages in Redis, now gone")
    targets = [CancelTarget(order.pk, Reason.NO_INVENTORY) for order in orders]
    cancel(targets=targets, by=seller_actor(shop[1]), now=timezone.now())
    stage.empty_redis()
    stage.worker()
    stage.eventually(drained, "every delivery")
    all_done_once(orders)
    assert stage.sink.copies == dict.fromkeys(mail_ids(), 1)


def test_a_worker_killed_in_the_middle_of_a_bulk_leaves_whole_steps_and_the_next_one_ends_it(stage: Stage, shop):
    """Somebody holds an order of the second step, so that the worker stands there when it is killed."""
    seller, alice, _ = shop
    orders = place_reserved(shop, ORDERS_PER_STEP + 20, overdue=False)
    targets = [CancelTarget(order.pk, Reason.NO_INVENTORY, expected_version=order.version) for order in orders]
    bulk = start_bulk(seller_id=seller.pk, targets=targets, by=seller_actor(alice), now=timezone.now())
    with transaction.atomic():
        order_queries.lock_orders([orders[-1].pk])
        worker = stage.worker()
        start_waiting_bulks(stage)
        stage.eventually(somebody_waits_for_us, "the worker at the order that is held")
        worker.kill()
        bulk.refresh_from_db()
        assert (bulk.state, bulk.orders_done) == ("IN_PROGRESS", ORDERS_PER_STEP)
        assert Cancellation.objects.count() == ORDERS_PER_STEP
    stage.beat()
    stage.worker()
    start_waiting_bulks(stage)
    stage.eventually(lambda: BulkCancellation.objects.filter(state="DONE").exists(), "the whole bulk")
    stage.eventually(drained, "every mail")
    assert list(bulk.lines.values_list("result", flat=True).distinct()) == ["DONE"]
    all_done_once(orders)
    assert stage.sink.copies == dict.fromkeys(mail_ids(), 1)


def start_waiting_bulks(stage: Stage) -> None:
    """What beat does every minute."""
    task = "cancellations.tasks.start_waiting_bulk_cancellations"
    stage.start(processes.celery("call", task, "--queue", stage.name), says="").popen.wait(60)


def somebody_waits_for_us() -> bool:
    """Whether another process waits for a lock of this test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else the first look is repeated within a transaction
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return bool(cursor.fetchone()[0])
