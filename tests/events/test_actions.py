"""History and outbox: recorded with the change, delivered later, tried again, given up; and acts under a key."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from accounts.actors import Actor, Door, Role
from accounts.models import User
from events import actions, queries, tasks
from events.actions import (
    BUYER,
    LEASE,
    MAX_ATTEMPTS,
    STAFF,
    Entry,
    Listener,
    NotYet,
    Undeliverable,
    deliver_due,
    pause_after,
    record,
    retry,
)
from events.idempotency import IdempotencyMismatch, forget_old_keys, once
from events.models import Delivery, Event, IdempotencyKey
from tests.books import counted_statements, nothing_changes
from tests.cast import LATER, deliver
from tests.conftest import REFUSE
from tests.factories import NOON
from tests.races.arena import Runner

SYSTEM = Actor(Role.SYSTEM, Door.COMMAND)
HEARD: list[str] = []


def hear(delivery: Delivery, *, now) -> None:
    """A listener that remembers what it was told."""
    HEARD.append(delivery.key)


@pytest.fixture(autouse=True)
def silence() -> None:
    HEARD.clear()


@pytest.fixture
def table(monkeypatch) -> dict[str, dict[str, Listener]]:
    """Who is told what, and three things besides that only tests hear of."""
    small = {
        **actions.subscriptions(),
        "thing.happened": {"hear": Listener("tests.events.test_actions.hear")},
        "thing.unheard": {},
        "order.told": {
            "buyer": Listener("tests.events.test_actions.hear", BUYER),
            "staff": Listener("tests.events.test_actions.hear", STAFF),
        },
    }
    monkeypatch.setattr(actions, "subscriptions", lambda: small)
    return small


def happen(count: int = 1, now=NOON) -> list[Delivery]:
    """Record this many things; return their deliveries."""
    entries = [Entry("thing.happened", subject=f"thing {number}") for number in range(count)]
    with transaction.atomic():
        record(entries, by=SYSTEM, now=now)
    return list(Delivery.objects.order_by("pk"))


def listen(monkeypatch, act) -> None:
    monkeypatch.setattr("tests.events.test_actions.hear", act)


# --- recording ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_history_is_not_written_outside_the_transaction_of_the_change(table):
    with pytest.raises(RuntimeError, match="inside the transaction"):
        record([Entry("thing.happened")], by=SYSTEM, now=NOON)
    assert Event.objects.count() == 0


def test_an_event_keeps_who_when_and_what(db, table):
    alice = User.objects.create_user("alice@seller.example", name="中村 葵")
    by = Actor(Role.SELLER, Door.PAGE, alice.pk, "中村 葵")
    (key,) = record([Entry("thing.unheard", subject="report 7", payload={"rows": 3})], by=by, now=NOON)
    event = Event.objects.get(pk=key)
    assert (event.subject, event.payload, event.happened_at) == ("report 7", {"rows": 3}, NOON)
    assert (event.role, event.door, event.user, event.actor_name) == ("SELLER", "PAGE", alice, "中村 葵")
    assert (event.order, event.order_version) == (None, None)


def test_each_recipient_gets_a_delivery_under_a_key_of_its_own(cast, table):
    placed = cast.order()
    placed.version = 2
    (key,) = record([Entry("order.told", placed)], by=SYSTEM, now=NOON)
    told = {one.key: one.recipient for one in Delivery.objects.filter(event=key)}
    assert told == {
        f"{key}.buyer.{cast.dora.pk}": cast.dora,
        f"{key}.staff.{cast.alice.pk}": cast.alice,
        f"{key}.staff.{cast.bob.pk}": cast.bob,
    }


def test_people_who_left_and_readers_are_not_told(cast, table):
    User.objects.filter(pk=cast.bob.pk).update(is_active=False)
    placed = cast.order()
    placed.version = 2
    (key,) = record([Entry("order.told", placed, mute=frozenset({"buyer"}))], by=SYSTEM, now=NOON)
    assert [one.recipient for one in Delivery.objects.filter(event=key)] == [cast.alice]


def test_an_order_without_a_buyer_tells_no_buyer(cast, table):
    placed = cast.order()
    placed.version, placed.buyer_id = 2, None
    (key,) = record([Entry("order.told", placed, mute=frozenset({"staff"}))], by=SYSTEM, now=NOON)
    assert not Delivery.objects.filter(event=key).exists()


def test_events_come_back_in_the_order_of_their_entries(db, table):
    entries = [Entry("thing.happened", subject=f"thing {number}") for number in range(200)]
    keys = record(entries, by=SYSTEM, now=NOON)
    subjects = dict(Event.objects.values_list("pk", "subject"))
    assert [subjects[key] for key in keys] == [entry.subject for entry in entries]


def test_recording_fifty_takes_as_many_statements_as_one(cast, table):
    found = []
    for count in (1, 50):
        orders = cast.orders(count)
        for placed in orders:
            placed.version = 2
        with counted_statements() as count_of:
            record([Entry("order.told", placed) for placed in orders], by=SYSTEM, now=NOON)
        found += count_of
    assert found[0] == found[1]


def test_one_version_of_an_order_has_one_event(cast, table):
    placed = cast.order()
    with pytest.raises(IntegrityError), transaction.atomic():
        record([Entry("order.told", placed)], by=SYSTEM, now=NOON)  # version 1 is its placing


def test_text_that_is_too_long_is_refused_not_cut(db, table):
    by = Actor(Role.SELLER, Door.PAGE, None, "あ" * 101)
    with pytest.raises(DataError), transaction.atomic():
        record([Entry("thing.happened")], by=by, now=NOON)


# --- the nudge (M4, M10) ------------------------------------------------------------------------------------


def test_a_broker_that_is_down_is_logged_and_left_alone_for_a_while(
    db, table, monkeypatch, caplog, django_capture_on_commit_callbacks
):
    tries = []

    def send(name):
        tries.append(name)
        raise ConnectionError("no broker")

    monkeypatch.setattr(actions.current_app, "send_task", send)
    monkeypatch.setattr(actions, "_quiet_until", 0.0)
    for _ in range(3):
        with django_capture_on_commit_callbacks(execute=True):
            happen()
    assert tries == ["events.tasks.deliver_due"]
    assert "did not take a nudge" in caplog.text
    assert deliver() == 3  # nothing was lost


# --- delivering ---------------------------------------------------------------------------------------------


def test_what_is_due_is_delivered_once(db, table):
    (one,) = happen()
    assert deliver_due(clock=lambda: NOON) == 1
    one.refresh_from_db()
    assert (one.state, one.delivered_at, one.attempts, HEARD) == ("DELIVERED", NOON, 1, [one.key])
    assert deliver_due(clock=lambda: LATER) == 0
    assert [one.key] == HEARD


def test_what_is_not_due_yet_waits(db, table):
    happen(now=LATER)
    assert deliver_due(clock=lambda: LATER - timedelta(microseconds=1)) == 0
    assert deliver_due(clock=lambda: LATER) == 1


def test_the_oldest_go_first_and_no_more_than_the_limit(db, table):
    happen(now=LATER)
    happen(2, now=NOON)
    assert deliver_due(clock=lambda: LATER, limit=2) == 2
    assert [Delivery.objects.get(key=key).event.happened_at for key in HEARD] == [NOON, NOON]


def test_the_task_delivers_until_nothing_is_due(db, table, monkeypatch):
    monkeypatch.setattr(tasks.timezone, "now", lambda: NOON)
    monkeypatch.setattr(tasks, "BATCH", 2)
    happen(5)
    assert tasks.deliver_due() == 5
    assert tasks.deliver_due() == 0


def test_a_claimed_delivery_comes_back_after_its_lease_if_the_worker_died(db, table):
    (one,) = happen()
    assert actions._claim(NOON, 50) == [one]  # and then: kill -9
    assert deliver_due(clock=lambda: NOON + LEASE - timedelta(microseconds=1)) == 0
    assert deliver_due(clock=lambda: NOON + LEASE) == 1
    one.refresh_from_db()
    assert (one.state, one.attempts) == ("DELIVERED", 2)


def test_the_lease_is_longer_than_a_mail_server_may_take():
    assert timedelta(seconds=120) <= LEASE


def test_a_worker_that_wakes_up_after_its_lease_changes_nothing(db, table):  # F-33, R-21
    (one,) = happen()
    (asleep,) = actions._claim(NOON, 50)
    after = NOON + LEASE
    (mine,) = actions._claim(after, 50)  # another worker took over
    actions._mark(asleep, state=Delivery.State.FAILED, last_error="late")
    one.refresh_from_db()
    assert (one.state, one.last_error, one.attempts) == ("PENDING", "", 2)
    actions._mark(mine, state=Delivery.State.DELIVERED, delivered_at=after)
    actions._mark(asleep, state=Delivery.State.PENDING, due_at=NOON)
    one.refresh_from_db()
    assert (one.state, one.delivered_at) == ("DELIVERED", after)


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_claim_the_same(table):
    happen(4)
    with transaction.atomic():
        ours = actions._claim(NOON, 2)
        other = Runner(lambda: actions._claim(NOON, 50))
        other.start()
        theirs = other.result()
    assert len(ours) == len(theirs) == 2
    assert not {one.pk for one in ours} & {one.pk for one in theirs}


def test_a_slow_batch_hands_back_what_it_did_not_get_to(db, table):
    happen(3)
    moments = iter([NOON, NOON, NOON, NOON])
    late = NOON + LEASE

    assert deliver_due(clock=lambda: next(moments, late)) == 3
    assert len(HEARD) == 1
    waiting = Delivery.objects.filter(state="PENDING")
    assert list(waiting.values_list("attempts", "due_at")) == [(0, late)] * 2
    assert deliver_due(clock=lambda: late) == 2
    assert sorted(HEARD) == sorted(Delivery.objects.values_list("key", flat=True))


# --- trying again (M7) --------------------------------------------------------------------------------------


def fail(error: Exception):
    def listener(delivery, *, now):
        raise error

    return listener


def test_a_listener_that_fails_is_asked_again_later_and_holds_up_nobody(db, table, monkeypatch, caplog):
    bad, good = happen(2)
    heard = []

    def listener(delivery, *, now):
        if delivery.key == bad.key:
            raise OSError("disk full")
        heard.append(delivery.key)

    listen(monkeypatch, listener)
    deliver_due(clock=lambda: NOON)
    bad.refresh_from_db()
    assert heard == [good.key]
    assert (bad.state, bad.attempts, bad.last_error) == ("PENDING", 1, "OSError('disk full')")
    assert NOON <= bad.due_at <= NOON + timedelta(minutes=1)
    assert f"Delivery {bad.key} failed" in caplog.text


@pytest.mark.parametrize("error", [OSError("always"), NotYet("never ready")])
def test_after_twelve_attempts_a_delivery_waits_for_a_person(db, table, monkeypatch, error):  # F-35
    (one,) = happen()
    listen(monkeypatch, fail(error))
    now = NOON
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert deliver_due(clock=partial(next, iter([now] * 9))) == 1
        one.refresh_from_db()
        assert (one.attempts, one.state) == (attempt, "FAILED" if attempt == 12 else "PENDING")
        now += timedelta(hours=1)
    assert deliver_due(clock=lambda: now + timedelta(days=9)) == 0
    assert list(queries.failed_deliveries()) == [one]


def test_what_is_refused_for_good_is_not_tried_again(db, table, monkeypatch):
    (one,) = happen()
    listen(monkeypatch, fail(Undeliverable("no such person")))
    deliver_due(clock=lambda: NOON)
    one.refresh_from_db()
    assert (one.state, one.attempts, one.last_error, one.delivered_at) == ("FAILED", 1, "no such person", None)


@pytest.mark.parametrize("gone", ["listener", "event"])
def test_a_delivery_nobody_listens_to_any_more_waits_for_a_person(db, table, gone):  # F-35
    (one,) = happen()
    table["thing.happened"].clear() if gone == "listener" else table.pop("thing.happened")
    deliver_due(clock=lambda: NOON)
    one.refresh_from_db()
    assert one.state == "FAILED"
    assert "nobody listens as hear to thing.happened" in one.last_error


@pytest.mark.parametrize(
    ("attempts", "longest"),
    [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60), (11, 60)],
)
def test_pauses_double_up_to_an_hour_with_full_jitter(monkeypatch, attempts, longest):
    monkeypatch.setattr(actions.random, "random", lambda: 1.0)
    assert pause_after(attempts) == timedelta(minutes=longest)
    monkeypatch.setattr(actions.random, "random", lambda: 0.0)
    assert pause_after(attempts) <= timedelta(seconds=10)


def test_a_failed_delivery_starts_anew_when_a_person_says_so(db, table, monkeypatch):
    one, other = happen(2)
    with monkeypatch.context() as patched:
        patched.setattr("tests.events.test_actions.hear", fail(Undeliverable("full")))
        deliver_due(clock=lambda: NOON)
    assert retry(delivery_ids=[one.pk], now=LATER) == 1
    assert retry(delivery_ids=[one.pk], now=LATER) == 0  # it waits already
    deliver_due(clock=lambda: LATER)
    states = dict(Delivery.objects.values_list("pk", "state"))
    assert states == {one.pk: "DELIVERED", other.pk: "FAILED"}


def test_the_age_of_the_oldest_due_delivery_is_known(db, table):
    assert queries.oldest_due(NOON) is None
    happen(now=LATER)
    happen(now=NOON)
    assert queries.oldest_due(LATER) == NOON
    assert queries.oldest_due(NOON - timedelta(seconds=1)) is None


# --- acts under a key (M8, R-09) ----------------------------------------------------------------------------


def send(key="form-1", content=None, act=None, owner="user:1", now=NOON) -> dict:
    return once(
        owner=owner, key=key, content=content or {"a": 1}, now=now, act=act or (lambda: {"done": len(HEARD)})
    )


def count_and_answer() -> dict:
    HEARD.append("acted")
    return {"acted": len(HEARD)}


def test_an_act_sent_again_is_not_done_again_and_gets_the_first_answer(db):
    assert send(act=count_and_answer) == {"acted": 1}
    with nothing_changes():
        assert send(act=count_and_answer) == {"acted": 1}
    assert HEARD == ["acted"]
    row = IdempotencyKey.objects.get()
    assert (row.state, row.answer, row.locked_at) == ("DONE", {"acted": 1}, NOON)


def test_content_is_the_same_whatever_the_order_of_its_fields(db):
    send(content={"a": 1, "b": 2}, act=count_and_answer)
    assert send(content={"b": 2, "a": 1}, act=count_and_answer) == {"acted": 1}


def test_the_same_key_with_other_content_is_refused(db):
    send(act=count_and_answer)
    with nothing_changes(), pytest.raises(IdempotencyMismatch):
        send(content={"a": 2}, act=count_and_answer)
    assert HEARD == ["acted"]


def test_keys_of_two_people_and_two_keys_of_one_do_not_meet(db):
    send(act=count_and_answer)
    assert send(act=count_and_answer, owner="user:2") == {"acted": 2}
    assert send(act=count_and_answer, key="form-2") == {"acted": 3}


def test_an_act_that_was_undone_leaves_no_key_and_may_be_sent_again(db):
    def fail_after_writing():
        happen_in_act()
        raise OSError("cut off")

    with nothing_changes(), pytest.raises(OSError, match="cut off"):
        send(act=fail_after_writing)
    assert send(act=count_and_answer) == {"acted": 1}


def happen_in_act() -> None:
    User.objects.create_user("eve@buyer.example", name="eve")


def test_keys_are_forgotten_after_a_day(db):
    send(key="old")
    send(key="young", now=NOON + timedelta(seconds=1))
    assert forget_old_keys(now=NOON + timedelta(hours=24)) == 0
    assert forget_old_keys(now=NOON + timedelta(hours=24, seconds=1)) == 1
    assert IdempotencyKey.objects.get().key == "young"


@pytest.mark.parametrize(
    ("_case", "statement"),
    [
        ("one key twice", ("INSERT INTO events_idempotencykey (owner, key, content_hash, state, locked_at)"
         " SELECT owner, key, '', 'STARTED', locked_at FROM events_idempotencykey")),
        ("done without an answer", "UPDATE events_idempotencykey SET answer = NULL"),
        ("an answer before it is done", "UPDATE events_idempotencykey SET state = 'STARTED'"),
        ("one delivery key twice", "UPDATE events_delivery SET key = 'same'"),
        ("a delivery without a key", "UPDATE events_delivery SET key = NULL"),
        ("delivered without a moment", "UPDATE events_delivery SET state = 'DELIVERED'"),
        ("history changed", "UPDATE events_event SET subject = 'other'"),
        ("history deleted", "DELETE FROM events_event"),
    ],
)  # fmt: skip
def test_the_database_refuses(db, table, _case, statement):
    send()
    happen(2)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("table", REFUSE)
def test_the_database_refuses_to_empty_history_and_audit(db, table):
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table} CASCADE")
