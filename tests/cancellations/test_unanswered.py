"""Requests that nobody answers: reminders, and approval where the policy says so (domain 8, 12.2, 17)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail as outbox
from django.db import connection

from accounts.actions import silence_mails
from accounts.models import Membership, User
from cancellations import policy
from cancellations.actions import approve_unanswered, remind_of_requests, warn_late
from cancellations.models import Cancellation, CancellationRequest, PolicyVersion
from cancellations.policy import Reason
from events.models import Delivery, Event
from orders.actions import hold
from orders.models import Order
from tests.books import nothing_changes, plans_of
from tests.cast import LATER, NOON, deliver, last_event, lines_of

STAFF = {"alice@seller.example", "bob@seller.example"}
HALF, DUE = LATER + timedelta(hours=24), LATER + timedelta(hours=48)


def nine(days: int) -> datetime:
    """09:00 in Tokyo, so many days after the ship-by date of an order placed at NOON."""
    return datetime(2026, 7, 4, 0, 0, tzinfo=UTC) + timedelta(days=days)


def names() -> list[str]:
    return list(Event.objects.filter(order=None).order_by("pk").values_list("name", flat=True))


def remind_at(order: Order) -> datetime | None:
    return CancellationRequest.objects.get(order=order).remind_at


def test_a_shop_is_reminded_at_half_of_the_time_and_when_the_answer_is_due(cast):
    order = cast.order()
    cast.request(order)
    assert remind_at(order) == HALF
    with nothing_changes():
        assert remind_of_requests(now=HALF - timedelta(microseconds=1)) == 0
    assert remind_of_requests(now=HALF) == 1
    assert remind_at(order) == DUE
    assert remind_of_requests(now=DUE) == 1
    assert remind_at(order) is None
    assert remind_of_requests(now=DUE + timedelta(days=1)) == 0
    assert names() == ["cancellation.unanswered"] * 2


def test_after_an_outage_a_shop_is_reminded_once(cast):
    order = cast.order()
    cast.request(order)
    assert remind_of_requests(now=DUE + timedelta(hours=1)) == 1
    assert remind_at(order) is None
    assert names() == ["cancellation.unanswered"]


@pytest.mark.parametrize(
    "act",
    [
        lambda cast, order: cast.withdraw(order),
        lambda cast, order: cast.decline(order),
        lambda cast, order: cast.cancel(order),
        lambda cast, order: cast.confirm(order),
    ],
    ids=["withdrawn", "declined", "cancelled", "shipped"],
)
def test_a_request_that_ended_awaits_no_reminder(cast, act):
    order = cast.order()
    cast.request(order)
    act(cast, order)
    assert remind_at(order) is None
    assert remind_of_requests(now=DUE) == 0


def test_approving_some_of_a_request_leaves_its_reminder_to_who_reminds(cast, monkeypatch):
    order = cast.order(2)
    cast.request(order)
    settle = policy.settle

    def reminded_meanwhile(*args, **kwargs):
        CancellationRequest.objects.update(remind_at=DUE)
        return settle(*args, **kwargs)

    monkeypatch.setattr(policy, "settle", reminded_meanwhile)
    cast.cancel(order, Reason.BUYER_CANCELED, units={lines_of(order)[0]: 1})
    assert order.requests.get().status == "OPEN"
    assert remind_at(order) == DUE


@pytest.mark.parametrize(
    "leave",
    [
        lambda bob: User.objects.filter(pk=bob.pk).update(is_active=False),
        lambda bob: Membership.objects.filter(user=bob).update(role="READ_ONLY"),
        lambda bob: Membership.objects.filter(user=bob).delete(),
    ],
    ids=["closed", "only looks", "removed"],
)
def test_who_left_the_shop_before_a_mail_leaves_does_not_get_it(cast, leave):
    cast.request(cast.order())
    cast.request(cast.order(), now=HALF)
    remind_of_requests(now=HALF)
    warn_late(now=nine(1))
    leave(cast.bob)
    deliver(nine(1))
    told = [address for mail in outbox.outbox for address in mail.to if address.endswith("@seller.example")]
    assert told == ["alice@seller.example"] * 4
    assert not Delivery.objects.exclude(state="DELIVERED").exists()


def test_a_reminder_is_one_mail_for_all_requests_and_says_that_approving_has_no_effect(cast):
    orders = [cast.order(), cast.order()]
    for order in orders:
        cast.request(order)
    deliver()
    outbox.outbox.clear()
    remind_of_requests(now=HALF)
    deliver(HALF)
    assert {message.to[0] for message in outbox.outbox} == STAFF
    message = outbox.outbox[0]
    assert message.subject == "【マーケットプレイス】未対応のキャンセルリクエストがあります（2件）"
    for words in (message.body, message.alternatives[0].content):
        assert all(order.number in words for order in orders)
        assert "2026/07/03 13:00 JST" in words
        assert "キャンセル率に影響しません。" in words
        assert "/seller/orders/?requested=1" in words


def test_a_run_of_reminders_goes_by_its_index(cast):
    cast.request(cast.order())
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    (plan,) = plans_of(lambda: remind_of_requests(now=NOON))
    assert "requests_to_remind_of" in plan


# --- mails that a person stopped ----------------------------------------------------------------------------


def test_a_stopped_mail_makes_no_delivery_for_that_person_and_leaves_the_others_theirs(cast):
    silence_mails(user_id=cast.alice.pk, mails={"M-07", "M-14", "M-15"}, now=NOON)
    cast.request(cast.order())
    alone = cast.order()
    cast.cancel_alone(alone)
    remind_of_requests(now=HALF)
    warn_late(now=nine(1))
    for name in ("cancellation.unanswered", "orders.past_ship_by", "order.cancelled"):
        told = Delivery.objects.filter(event__name=name, listener="mail_seller")
        assert set(told.values_list("recipient__email", flat=True)) == {"bob@seller.example"}, name


def test_no_other_mail_is_stopped_by_it(cast):
    silence_mails(user_id=cast.alice.pk, mails={"M-07", "M-14", "M-15"}, now=NOON)
    order = cast.order()
    cast.request(order)
    cast.cancel(order)
    for name in ("cancellation.requested", "order.cancelled"):
        told = Delivery.objects.filter(event__name=name, listener="mail_seller")
        assert set(told.values_list("recipient__email", flat=True)) == STAFF


def test_a_request_that_another_worker_reminds_of_is_left_to_it(other_worker, cast):
    orders = [cast.order(), cast.order()]
    for order in orders:
        cast.request(order)
    with other_worker.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM cancellations_cancellationrequest WHERE order_id = %s FOR UPDATE", [orders[0].pk]
        )
    assert remind_of_requests(now=HALF) == 1
    other_worker.rollback()
    assert remind_of_requests(now=HALF) == 1
    assert {remind_at(order) for order in orders} == {DUE}


# --- approval of what nobody answered -----------------------------------------------------------------------


def policy_approves() -> None:
    PolicyVersion.objects.create(number=2, starts_at=NOON, on_response_overdue="auto_approve")


@pytest.mark.usefixtures("no_mails")
def test_a_request_that_nobody_answered_is_approved_when_its_answer_is_due_and_never_counts(cast):
    policy_approves()
    order = cast.order(2)
    cast.request(order)
    with nothing_changes():
        assert approve_unanswered(now=DUE - timedelta(microseconds=1)) == 0
    assert approve_unanswered(now=DUE) == 1
    done = Cancellation.objects.get(order=order)
    assert (done.role, done.reason, done.code, done.counted) == ("SYSTEM", "BUYER_CANCELED", "BUY-1", False)
    assert order.requests.get().status == "APPROVED"
    assert (last_event(order).role, last_event(order).door) == ("SYSTEM", "SWEEP")
    with nothing_changes():
        assert approve_unanswered(now=DUE + timedelta(days=1)) == 0


@pytest.mark.usefixtures("no_mails")
def test_only_the_units_asked_for_are_approved(cast):
    policy_approves()
    order = cast.order(2, 1)
    cast.request(order, {lines_of(order)[0]: 1})
    assert approve_unanswered(now=DUE) == 1
    assert Cancellation.objects.get(order=order).items.get().quantity == 1
    order.refresh_from_db()
    assert order.status == "UNSHIPPED"


def test_at_first_a_request_waits_for_its_shop_however_long(cast):
    cast.request(cast.order())
    with nothing_changes():
        assert approve_unanswered(now=DUE + timedelta(days=30)) == 0


@pytest.mark.parametrize(
    ("versions", "approved"),
    [
        ([(DUE, "auto_approve")], 1),
        ([(DUE + timedelta(microseconds=1), "auto_approve")], 0),
        ([(NOON, "auto_approve"), (DUE, "nothing")], 0),
        ([(NOON, "auto_approve"), (DUE + timedelta(microseconds=1), "nothing")], 1),
    ],
    ids=["begins as it falls due", "begins later", "ends as it falls due", "ends later"],
)
@pytest.mark.usefixtures("no_mails")
def test_the_policy_in_force_when_the_answer_falls_due_decides(cast, versions, approved):
    for number, (starts_at, chosen) in enumerate(versions, start=2):
        PolicyVersion.objects.create(number=number, starts_at=starts_at, on_response_overdue=chosen)
    cast.request(cast.order())
    assert approve_unanswered(now=DUE + timedelta(days=1)) == approved


@pytest.mark.usefixtures("no_mails")
def test_an_order_that_somebody_else_holds_is_passed_by(other_worker, cast):
    policy_approves()
    locked, free = cast.order(), cast.order()
    for order in (locked, free):
        cast.request(order)
    with other_worker.cursor() as cursor:
        cursor.execute("SELECT 1 FROM orders_order WHERE id = %s FOR UPDATE", [locked.pk])
    assert approve_unanswered(now=DUE) == 1
    assert [each.requests.get().status for each in (locked, free)] == ["OPEN", "APPROVED"]
    other_worker.rollback()
    assert approve_unanswered(now=DUE) == 1


@pytest.mark.usefixtures("no_mails")
def test_an_order_on_hold_waits_and_keeps_no_other_from_its_approval(cast, monkeypatch):
    monkeypatch.setattr("cancellations.actions.unanswered.REQUESTS_PER_BATCH", 1)
    policy_approves()
    held, other = cast.order(), cast.order()
    cast.request(held)
    cast.request(other, now=LATER + timedelta(seconds=1))
    hold(order_ids=[held.pk], note="", by=cast.operator, now=LATER)
    assert approve_unanswered(now=DUE + timedelta(hours=1)) == 1
    assert [each.requests.get().status for each in (held, other)] == ["OPEN", "APPROVED"]


def test_the_shop_is_told_beforehand_and_afterwards_that_the_request_approves_itself(cast, client, time_machine):
    time_machine.move_to(LATER, tick=False)
    policy_approves()
    order = cast.order()
    cast.request(order)
    deliver()
    before = "期限までに回答がない場合は、自動的に承認されます。"
    told = [mail for mail in outbox.outbox if mail.to == ["alice@seller.example"]]
    assert all(before in words for words in (told[0].body, told[0].alternatives[0].content))
    client.force_login(cast.alice)
    assert before in client.get(f"/seller/orders/{order.number}/").content.decode()
    outbox.outbox.clear()
    approve_unanswered(now=DUE)
    deliver(DUE)
    after = "回答期限までに回答がなかったリクエストのため、自動的に承認されました。"
    told = [mail for mail in outbox.outbox if mail.to == ["alice@seller.example"]]
    assert all(after in words for words in (told[0].body, told[0].alternatives[0].content))


def test_without_that_policy_nothing_speaks_of_approval(cast, client):
    order = cast.order()
    cast.request(order)
    deliver()
    client.force_login(cast.alice)
    page = client.get(f"/seller/orders/{order.number}/").content.decode()
    assert "自動的に承認されます" not in page + "".join(mail.body for mail in outbox.outbox)
