"""No mail, no HTTP call and no message to the broker while a transaction is open (reliability M1)."""

import http.client
import io
import smtplib
import socket
from datetime import timedelta
from uuid import uuid4

import celery.app.base
import pytest
import redis.connection
from celery import current_app
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cancellations.models import BuyerReason, Cancellation
from cancellations.tasks import cancel_overdue_orders
from events.models import Delivery
from events.tasks import deliver_due
from orders import imports
from orders.models import Order
from tests import factories
from tests.cast import Cast
from tests.orders.order_files import SECOND, unshipped

OUTSIDE = (
    (EmailMessage, "send"),
    (smtplib.SMTP, "connect"),
    (http.client.HTTPConnection, "connect"),
    (celery.app.base.Celery, "send_task"),
    (redis.connection.Connection, "connect"),
    (socket, "create_connection"),
)


@pytest.fixture
def crossed(monkeypatch) -> list[str]:
    """Calls that left the house while a transaction was open; each of them is made to fail as well."""
    found: list[str] = []
    calls: list[str] = []

    def watch(place, name: str) -> None:
        real = getattr(place, name)

        def watched(*args, **kwargs):
            calls.append(name)
            if connection.in_atomic_block:
                found.append(f"{place.__name__}.{name}")
                raise AssertionError(f"{name} inside a transaction")
            return real(*args, **kwargs)

        monkeypatch.setattr(place, name, watched)

    for place, name in OUTSIDE:
        watch(place, name)
    monkeypatch.setattr("events.actions._quiet_until", 0.0)
    yield found
    assert {"send", "send_task"} <= set(calls), "the watched calls were made"


@pytest.fixture
def stage(transactional_db, cast: Cast, settings, tmp_path) -> Cast:
    """Everybody, in a database that really commits."""
    settings.VAR_DIR = tmp_path
    return cast


def send(client: Client, name: str, order: Order, **fields: str) -> None:
    """Send a page's form; it must be done."""
    order.refresh_from_db()
    data = {"key": uuid4().hex, "expected_version": order.version, **fields}
    response = client.post(reverse(name, args=[order.number]), data)
    assert response.status_code == 302, response.content.decode()


def take(order: Order) -> dict[str, str]:
    """Everything of an order."""
    return {f"take-{line.item_id}": "on" for line in order.items.all()} | {
        f"quantity-{line.item_id}": "1" for line in order.items.all()
    }


def test_m1_the_main_acts_call_nobody_outside_before_they_are_committed(stage: Cast, crossed: list[str]):
    """Place, ask, withdraw, decline, cancel, cancel items, confirm, operate, sweep, import, deliver."""
    BuyerReason.objects.get_or_create(
        code="NO_LONGER_NEEDED", defaults={"position": 1, "label_ja": "不要", "label_en": "Not needed"}
    )
    alice, dora, olga = Client(), Client(), Client()
    alice.force_login(stage.alice)
    dora.force_login(stage.dora)
    operator = factories.person(
        "olga@operator.example", "大森", is_staff=True, is_superuser=True, operator_role="ADMIN"
    )
    olga.force_login(operator)
    now = timezone.now()
    orders = [stage.order(1, 1, placed_at=now - timedelta(hours=1)) for _ in range(6)]
    asked = {"reason": "NO_LONGER_NEEDED", "text": "すみません"}
    for order in orders[:3]:
        send(dora, "buyer:order-request", order, **take(order), **asked)
    send(dora, "buyer:order-withdraw", orders[0])
    send(alice, "seller:order-decline", orders[1], reason="IN_PRODUCTION")
    send(alice, "seller:order-cancel", orders[2], reason="BUYER_CANCELED")
    line = orders[3].items.order_by("pk").first().item_id
    chosen = {f"quantity-{line}": "1", f"reason-{line}": "OTHER", "confirmed": f"{line}:1:OTHER"}
    send(alice, "seller:order-cancel-items", orders[3], **chosen)
    send(
        alice,
        "seller:order-confirm-shipment",
        orders[4],
        **take(orders[4]),
        shipped_on=timezone.localdate().isoformat(),
    )
    fresh = stage.order(1, placed_at=timezone.now())
    send(dora, "buyer:order-cancel", fresh, **take(fresh), reason="")
    for act, fields in (
        ("hold", {"note": "x"}),
        ("release", {"note": "x"}),
        ("cancel-fraud", {"note": "x"}),
    ):
        address = reverse("admin:orders_order_act", args=[orders[5].pk, act])
        version = Order.objects.get(pk=orders[5].pk).version
        assert olga.post(address, {"expected_version": version, **fields}).status_code == 302
    pending = stage.order(1, placed_at=now, verified=False)
    verify = reverse("admin:orders_order_act", args=[pending.pk, "verify-payment"])
    assert olga.post(verify, {"note": "x"}).status_code == 302
    stage.order(1, placed_at=now - timedelta(days=40))
    assert cancel_overdue_orders() == 1
    file = io.BytesIO(unshipped({}, SECOND))
    imports.start_import(seller=stage.shop, file_name="orders.txt", content=file, by=factories.SYSTEM, now=now)
    while deliver_due():
        pass
    assert crossed == []
    assert Cancellation.objects.count() == 5
    assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.DELIVERED}


def test_m1_a_call_inside_a_transaction_is_seen(stage: Cast, crossed: list[str]):
    """The control: a mail and a nudge in the middle of an act are found."""
    with transaction.atomic():
        with pytest.raises(AssertionError):
            EmailMessage("subject", "text", to=["dora@buyer.example"]).send()
        with pytest.raises(AssertionError):
            current_app.send_task("events.tasks.deliver_due")
    assert crossed == ["EmailMessage.send", "Celery.send_task"]
