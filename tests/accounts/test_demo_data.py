"""The demo shop: who is there, that every state can be seen, and that it is made once and never in production."""

from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.management.commands.create_demo_data import PASSWORD
from accounts.models import Membership, Seller, User
from cancellations.actions import run_sweep
from cancellations.models import Cancellation, CancellationRequest
from cancellations.policy import TABLE
from events.models import Event, SentMail
from orders.models import Order, OrderItem
from orders.queries import local_day, orders_without_ship_by, overdue
from payments.models import Refund
from tests.books import checksums, offences
from tests.cast import deliver


@pytest.fixture
def demo(db):
    call_command("create_demo_data", orders=40, verbosity=0)
    return Seller.objects.get(merchant_id="A2SEEDLINGDEMO1")


def test_the_people_of_the_contract_sign_in_with_the_published_password(demo):
    assert PASSWORD == "demo-portal-2026"
    assert demo.name == "シードリング商店"
    addresses = {
        "alice@seller.example",
        "bob@seller.example",
        "rei@seller.example",
        "charlie@rival.example",
        "dora@buyer.example",
        "eiji@buyer.example",
        "olga@operator.example",
    }
    people = User.objects.filter(email__in=addresses)
    assert {person.email for person in people if person.check_password(PASSWORD)} == addresses
    assert set(Membership.objects.filter(seller=demo).values_list("user__email", "role")) == {
        ("alice@seller.example", "OWNER"),
        ("bob@seller.example", "ORDER_STAFF"),
        ("rei@seller.example", "READ_ONLY"),
    }
    assert Membership.objects.get(user__email="charlie@rival.example").role == "OWNER"
    assert User.objects.get(email="olga@operator.example").is_superuser
    others = User.objects.exclude(email__in=addresses)
    assert all(person.email.endswith("@buyer.example") and not person.has_usable_password() for person in others)


def test_every_state_can_be_seen(demo):
    orders = Order.objects.filter(seller=demo)
    assert set(orders.values_list("status", flat=True)) == set(Order.Status.values)
    assert set(CancellationRequest.objects.values_list("status", flat=True)) == set(
        CancellationRequest.Status.values
    )
    assert set(orders.filter(fulfillment_channel="MARKETPLACE").values_list("status", flat=True)) == {"UNSHIPPED"}
    assert orders.filter(on_hold=True).exists()
    assert orders_without_ship_by().exists()
    assert OrderItem.objects.filter(buyer_cancelable=False).exclude(not_cancelable_reason="").exists()
    assert Refund.objects.get().amount == 500
    assert orders.filter(status="PENDING", payment_method="CVS").count() == 2
    names = set(Event.objects.values_list("name", flat=True))
    assert {"order.held", "order.released", "order.extended", "cancellation.withdrawn"} <= names
    covered = [
        sum(item.quantity_open for item in request.items.all())
        == sum(item.quantity_open for item in request.order.items.all())
        for request in CancellationRequest.objects.filter(status="OPEN", seller=demo)
    ]
    assert {True, False} == set(covered)


def test_every_row_of_the_rate_table_but_the_one_that_needs_messages_is_there(demo):
    codes = {row.code for row in TABLE}
    assert set(Cancellation.objects.filter(seller=demo).values_list("code", flat=True)) == codes


def test_orders_of_a_moment_ago_may_still_be_cancelled_alone(demo):
    fresh = Order.objects.filter(
        seller=demo, placed_at__gt=timezone.now() - timedelta(minutes=4), status="UNSHIPPED"
    )
    assert {order.buyer.email for order in fresh} == {"dora@buyer.example", "eiji@buyer.example"}


def test_overdue_orders_wait_and_the_sweep_takes_the_one_over_the_limit(demo):
    today = local_day(timezone.now())
    late = Order.objects.filter(seller=demo, status="UNSHIPPED", ship_by_date__lt=today)
    assert {(today - order.ship_by_date).days for order in late} >= {1, 5, 7, 8}
    (due,) = overdue(timezone.now())
    assert (today - due.ship_by_date).days == 8
    assert run_sweep(now=timezone.now()).cancelled == 1


def test_the_other_shop_has_its_own_orders(demo):
    others = Order.objects.exclude(seller=demo)
    assert set(others.values_list("status", flat=True)) >= {"UNSHIPPED", "SHIPPED", "CANCELED"}
    assert CancellationRequest.objects.filter(status="OPEN").exclude(seller=demo).exists()


def test_the_books_add_up_before_and_after_everybody_is_told(demo):
    run_sweep(now=timezone.now())
    now_or_in_a_moment = timezone.now()
    assert set(offences(now=now_or_in_a_moment)) <= {"INV-13"}  # deliveries of the past wait for the worker
    deliver(timezone.now())
    assert offences(now=timezone.now()) == {}
    assert 100 < SentMail.objects.count() < 200
    assert Order.objects.filter(status="PENDING").count() == 2


def test_a_second_run_changes_nothing(demo, capsys):
    before = checksums()
    call_command("create_demo_data")
    assert "nothing was changed" in capsys.readouterr().out
    assert checksums() == before


def test_the_number_of_everyday_orders_is_a_wish(db, capsys):
    call_command("create_demo_data", orders=700)
    assert "700 everyday orders" in capsys.readouterr().out
    assert Order.objects.count() > 700
    assert set(offences(now=timezone.now(), only=["INV-01", "INV-02", "INV-04", "INV-05", "INV-15"])) == set()


def test_production_gets_no_demo_people(db, monkeypatch):
    monkeypatch.setattr(django_settings, "PRODUCTION", True)
    with pytest.raises(CommandError, match="not made in production"):
        call_command("create_demo_data")
    assert not User.objects.exists()


def test_fewer_than_no_orders_are_refused(db):
    with pytest.raises(CommandError, match="negative"):
        call_command("create_demo_data", orders=-1)
