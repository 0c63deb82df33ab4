"""Whatever runs in the background bears being run twice: the second time changes no row (reliability M5)."""

import io
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts.actors import Actor, Door, Role
from accounts.developers import issue, register
from accounts.passwords import ask_for_link
from accounts.rules import Scope
from accounts.tokens import refresh
from cancellations.actions import CancelTarget, set_shop_rules, start_bulk
from cancellations.models import Closure, PolicyVersion
from cancellations.policy import Reason, ShopRules
from events.actions import subscriptions
from events.idempotency import once
from events.models import Delivery
from feeds.actions import run_feeds, submit
from feeds.models import FeedDocument
from feeds.parsers import Kind
from messaging.actions import MessageTarget, keep_files, send
from messaging.files import File
from messaging.files import Kind as FileKind
from messaging.rules import Topic
from metrics.actions import Evidence, decide, look_again, look_at_states, open_dispute
from metrics.models import RateState
from metrics.rate import SEVERITY, State
from orders import imports
from payments.incoming import take_notice
from payments.models import ProviderNotice
from payments.providers.base import About, Notice
from payments.refunds import RefundTarget, refund
from payments.rules import RefundReason
from reports.actions import make_report, order_report, schedule_report
from reports.models import ReportDocument, ReportSchedule
from reports.rules import Encoding, Every, Period
from reports.rules import Kind as ReportKind
from sellercentral.celery import app
from spapi.actions import add_webhook
from spapi.rules import Topic as Told
from spapi.webhooks import Network
from tests.books import checksums
from tests.cast import Cast, deliver, lines_of
from tests.orders.order_files import SECOND, unshipped

# Tasks of rooms that nobody imported so far are found as a worker finds them.
app.loader.import_default_modules()
OURS = (
    "accounts",
    "events",
    "orders",
    "payments",
    "messaging",
    "cancellations",
    "shipments",
    "metrics",
    "feeds",
    "reports",
    "spapi",
    "sellercentral",
)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch, settings, tmp_path):
    """No broker, and a folder of its own for uploads."""
    monkeypatch.setattr("events.actions.nudge", lambda: None)
    monkeypatch.setattr("spapi.tasks.nudge_pushes", lambda: None)
    monkeypatch.setattr("spapi.webhooks.INTERNET", Network(resolve=lambda host: []))
    monkeypatch.setattr("orders.imports.enqueue", lambda _import_id: None)
    monkeypatch.setattr("cancellations.actions.bulk.enqueue_bulk", lambda _bulk_id: None)
    monkeypatch.setattr("cancellations.actions.enqueue_bulk", lambda _bulk_id: None)
    settings.VAR_DIR = tmp_path


def a_story(cast: Cast) -> None:
    """Orders that bring about every event that anybody listens to."""
    now = timezone.now()
    rules = ShopRules(approves=True, reasons=frozenset({"NO_LONGER_NEEDED"}), max_amount=Decimal(1300))
    set_shop_rules(seller_id=cast.shop.pk, rules=rules, by=cast.seller, now=now)
    cast.request(cast.order(1))
    early = now - timedelta(hours=2)
    for ending in ("withdraw", "decline"):
        order = cast.order(2, placed_at=early)
        cast.request(order, now=early + timedelta(minutes=30))
        getattr(cast, ending)(order, now=early + timedelta(hours=1))
    cast.cancel(cast.order(2, placed_at=early), now=now)
    cast.order(2, placed_at=early, verified=False)
    partly = cast.order(3, placed_at=early)
    cast.confirm(partly, {lines_of(partly)[0]: 1}, now=early + timedelta(hours=1))
    cast.cancel(partly, Reason.NO_INVENTORY, {lines_of(partly)[0]: 1}, now=now)
    for by in (cast.buyer, cast.seller):
        send(targets=[MessageTarget(partly.pk, Topic.CANCEL, "キャンセルについて")], by=by, now=now)
    refund(targets=[RefundTarget(partly.pk, RefundReason.RETURN, beside=Decimal(1))], by=cast.seller, now=now)
    cast.order(2, placed_at=now - timedelta(days=40))
    contested = cast.order(2, placed_at=early)
    cast.cancel(contested, now=now)
    record = contested.cancellations.get().pk
    made = open_dispute(
        seller_id=cast.shop.pk, cancellation_id=record, text="誤り", evidence=Evidence(), by=cast.seller, now=now
    )
    decide(dispute_id=made.pk, grant=False, reason="記録のとおり", by=cast.operator, now=now)
    for days_late in (3, 6):
        late = cast.order(2, placed_at=now - timedelta(days=9), ship_by=(now - timedelta(days=days_late)).date())
        cast.request(late, now=now - timedelta(hours=30))


def warned_and_reminded() -> None:
    """What only the timetable brings about."""
    app.tasks["cancellations.tasks.warn_of_late_orders"]()
    app.tasks["cancellations.tasks.remind_of_requests"]()
    app.tasks["metrics.tasks.take_snapshots"]()
    app.tasks["metrics.tasks.look_at_states"]()


def a_bulk(cast: Cast) -> int:
    """Orders to be cancelled in one go, of which none is yet."""
    targets = [CancelTarget(cast.order(2).pk, Reason.NO_INVENTORY, expected_version=1) for _ in range(2)]
    return start_bulk(seller_id=cast.shop.pk, targets=targets, by=cast.seller, now=timezone.now()).pk


def an_upload(cast: Cast) -> int:
    """An uploaded order file that nobody took over yet."""
    by = Actor(Role.MARKETPLACE, Door.IMPORT, None, "")
    file = io.BytesIO(unshipped({}, SECOND))
    return imports.start_import(
        seller=cast.shop, file_name="orders.txt", content=file, by=by, now=timezone.now()
    ).pk


def a_feed(cast: Cast) -> int:
    """A file that cancels an order, which nobody has carried out yet; its shop."""
    text = f"order-id\tcancellation-reason-code\n{cast.order(2).number}\tNoInventory\n"
    submit(
        seller_id=cast.shop.pk,
        kind=Kind.CANCELLATION,
        file_name="a.txt",
        content=io.BytesIO(text.encode()),
        is_dry_run=False,
        by=cast.seller,
        now=timezone.now(),
    )
    return cast.shop.pk


def an_old_token(cast: Cast) -> None:
    """A token of the shop's software that ran out long ago."""
    long_ago = timezone.now() - timedelta(days=2)
    given = {"seller_id": cast.shop.pk, "by": cast.seller, "now": long_ago}
    software = register(name="在庫管理", purpose="-", contact=cast.alice.email, needs_approval=False, **given)
    keys = issue(application_id=software.pk, scopes=list(Scope), days=90, newest=0, **given)
    refresh(
        client_id=software.client_id,
        client_secret=keys.client_secret,
        refresh_token=keys.refresh_token,
        now=long_ago,
    )


def an_old_feed(cast: Cast) -> None:
    """A file that was carried out long ago."""
    run_feeds(seller_id=a_feed(cast), clock=timezone.now)
    FeedDocument.objects.update(created_at=timezone.now() - timedelta(days=31))


def a_report(cast: Cast) -> int:
    """A report that nobody has made yet."""
    now = timezone.now()
    cast.order(1, placed_at=now - timedelta(hours=1))
    return order_report(
        seller_id=cast.shop.pk,
        kind=ReportKind.UNSHIPPED,
        encoding=Encoding.UTF_8,
        period=Period(now - timedelta(days=1), now),
        by=cast.seller,
        now=now,
    ).pk


def an_old_report(cast: Cast) -> None:
    """A report that was made long ago."""
    make_report(report_id=a_report(cast), clock=timezone.now)
    ReportDocument.objects.update(created_at=timezone.now() - timedelta(days=31))


def a_timetable(cast: Cast) -> None:
    """A report that is due every day, since an hour ago."""
    made = schedule_report(
        seller_id=cast.shop.pk,
        kind=ReportKind.UNSHIPPED,
        encoding=Encoding.UTF_8,
        every=Every.DAY,
        hour=9,
        by=cast.seller,
        now=timezone.now(),
    )
    ReportSchedule.objects.filter(pk=made.pk).update(next_at=timezone.now() - timedelta(hours=1))


def a_notice(cast: Cast) -> None:
    """What a provider told of a payment before the portal knew of it."""
    now = timezone.now()
    order = cast.order(verified=False, payment_method="CVS", placed_at=now)
    deliver(now)
    told = Notice("n-1", About.RESERVATION, "reserve-of-nobody", "test-of-nobody", succeeded=True)
    take_notice(told, provider="test", now=now)
    ProviderNotice.objects.update(key=f"reserve-{order.number}")


def an_unsent_file(cast: Cast) -> None:
    """A file that somebody added to a message two days ago and never sent."""
    paper = File("書類.pdf", FileKind.PDF, b"%PDF-1.7")
    then = timezone.now() - timedelta(days=2)
    keep_files(order_id=cast.order().pk, files=[paper], keeping=[], by=cast.buyer, now=then)


def nothing(cast: Cast) -> tuple:
    """A task without arguments, with a story to work on."""
    a_story(cast)
    once(owner="user:1", key="old", content=[], now=timezone.now() - timedelta(days=2), act=lambda: {"a": 1})
    return ()


def a_closure(cast: Cast) -> None:
    """A day on which nobody can send, and an order that was to leave on it."""
    now = timezone.now()
    today = timezone.localdate(now)
    cast.order(1, placed_at=now - timedelta(hours=2), ship_by=today)
    Closure.objects.create(first_day=today, last_day=today, reason_ja="台風", reason_en="Typhoon", added_at=now)


def unanswered(cast: Cast) -> None:
    """A request that nobody answered in time, under a policy that approves it."""
    now = timezone.now()
    asked_at = now - timedelta(hours=50)
    PolicyVersion.objects.create(number=2, starts_at=asked_at, on_response_overdue="auto_approve")
    cast.request(cast.order(2, placed_at=asked_at - timedelta(hours=1)), now=asked_at)


def a_named_shop(cast: Cast) -> None:
    """A shop with a cancellation that counts, named for a look."""
    now = timezone.now()
    cast.cancel(cast.order(1, placed_at=now - timedelta(hours=2)), now=now)
    look_again(seller_id=cast.shop.pk)


def a_webhook(cast: Cast) -> None:
    """Software that is told of everything."""
    url, now = "https://hooks.shop.example/", timezone.now()
    add_webhook(seller=cast.shop, name="在庫", address=url, topics=list(Told), by=cast.seller, now=now)


def a_waiting_message(cast: Cast) -> None:
    """News for software that does not answer."""
    a_webhook(cast)
    now = timezone.now()
    cast.request(cast.order(1, placed_at=now - timedelta(hours=2)), now=now)


def a_better_rate(cast: Cast) -> None:
    """The shop was told of a worse state than it has."""
    worst = State.AT_RISK
    told = {"state": worst, "severity": SEVERITY[worst], "look_again": True}
    RateState.objects.update_or_create(seller=cast.shop, defaults=told)
    look_at_states(now=timezone.now())


TASKS: dict[str, Callable[[Cast], tuple]] = {
    "accounts.tasks.forget_tokens": lambda cast: (an_old_token(cast), ())[1],
    "cancellations.tasks.apply_closures": lambda cast: (a_closure(cast), ())[1],
    "metrics.tasks.take_snapshots": nothing,
    "metrics.tasks.look_at_states": lambda cast: (a_named_shop(cast), ())[1],
    "cancellations.tasks.cancel_overdue_orders": nothing,
    "cancellations.tasks.warn_of_late_orders": nothing,
    "cancellations.tasks.remind_of_requests": nothing,
    "cancellations.tasks.approve_unanswered_requests": lambda cast: (unanswered(cast), ())[1],
    "cancellations.tasks.start_waiting_bulk_cancellations": lambda cast: (a_bulk(cast), ())[1],
    "cancellations.tasks.run_bulk_cancellation": lambda cast: (a_bulk(cast),),
    "events.tasks.deliver_due": nothing,
    "spapi.tasks.push_due": lambda cast: (a_waiting_message(cast), ())[1],
    "events.tasks.forget_old_keys": nothing,
    "feeds.tasks.run_feeds_of": lambda cast: (a_feed(cast),),
    "feeds.tasks.start_waiting_feeds": lambda cast: (a_feed(cast), ())[1],
    "feeds.tasks.forget_documents": lambda cast: (an_old_feed(cast), ())[1],
    "reports.tasks.make_report": lambda cast: (a_report(cast),),
    "reports.tasks.start_waiting_reports": lambda cast: (a_report(cast), ())[1],
    "reports.tasks.order_scheduled_reports": lambda cast: (a_timetable(cast), ())[1],
    "reports.tasks.forget_documents": lambda cast: (an_old_report(cast), ())[1],
    "messaging.tasks.forget_files": lambda cast: (an_unsent_file(cast), ())[1],
    "payments.tasks.place_unknown_notices": lambda cast: (a_notice(cast), ())[1],
    "orders.tasks.start_waiting_imports": lambda cast: (an_upload(cast), ())[1],
    "orders.tasks.import_file": lambda cast: (an_upload(cast),),
}
# A sweep notes each of its runs: how it went, also when there was nothing to do.
NOTES_ITS_RUNS = {"cancellations.tasks.cancel_overdue_orders": {"cancellations_sweeprun"}}
# What only enqueues leaves its work to another task.
ONLY_ENQUEUES = {
    "reports.tasks.start_waiting_reports",
    "feeds.tasks.start_waiting_feeds",
    "cancellations.tasks.start_waiting_bulk_cancellations",
    "orders.tasks.start_waiting_imports",
}


def changed_since(before: dict[str, str]) -> set[str]:
    """The tables that differ now."""
    return {table for table, value in checksums().items() if before[table] != value}


def test_every_task_of_ours_is_run_twice_here():
    assert set(TASKS) == {name for name in app.tasks if name.startswith(OURS)}


@pytest.mark.parametrize("name", TASKS)
def test_m5_a_task_that_comes_twice_changes_nothing_the_second_time(cast: Cast, name: str):
    arguments = TASKS[name](cast)
    before = checksums()
    app.tasks[name](*arguments)
    assert changed_since(before) or name in ONLY_ENQUEUES, "the first run does its work"
    between = checksums()
    app.tasks[name](*arguments)
    assert changed_since(between) <= NOTES_ITS_RUNS.get(name, set())


def test_m5_every_listener_that_is_called_twice_changes_nothing_the_second_time(cast: Cast, mailoutbox):
    """Called again by a worker that died before it could mark the delivery as done."""
    a_webhook(cast)
    a_better_rate(cast)
    a_story(cast)
    warned_and_reminded()
    run_feeds(seller_id=a_feed(cast), clock=timezone.now)
    make_report(report_id=a_report(cast), clock=timezone.now)
    ask_for_link(email=cast.dora.email, address="127.0.0.1", now=timezone.now())
    tasks = app.tasks
    while tasks["events.tasks.deliver_due"]():
        pass
    deliveries = list(Delivery.objects.select_related("event__order", "recipient").order_by("pk"))
    assert {each.state for each in deliveries if not each.subscription_id} == {Delivery.State.DELIVERED}
    before, sent = checksums(), len(mailoutbox)
    called = set()
    for delivery in deliveries:
        listener = subscriptions()[delivery.event.name][delivery.listener]
        import_string(listener.path)(delivery, now=timezone.now())
        called.add((delivery.event.name, delivery.listener))
        assert changed_since(before) == set(), delivery.key
    assert len(mailoutbox) == sent
    assert called == {(event, name) for event, listeners in subscriptions().items() for name in listeners}
