"""A shop in which everything happens once, by the actions: every table has rows to plant a violation in."""

from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO

import pytest

from accounts.models import Membership, Seller
from cancellations import actions as cancelling
from cancellations.actions import CancelTarget, DeclineTarget, RequestTarget, WithdrawTarget
from cancellations.models import BulkCancellation, BulkCancellationLine
from cancellations.policy import DeclineReason, Interlock, Reason
from events.actions import deliver_due
from events.models import Delivery
from feeds.actions import run_feeds, submit
from feeds.parsers import Kind
from metrics.actions import Evidence, decide, open_dispute, take_missing_snapshots
from orders.models import Order
from shipments.actions import ConfirmTarget, confirm_shipment
from tests import factories
from tests.factories import NOON


@dataclass
class Shop:
    """The shop, its orders by what became of them, and the moment after all of it."""

    seller: Seller
    orders: dict[str, Order]
    now: datetime

    def __getitem__(self, name: str) -> Order:
        return self.orders[name]


@pytest.fixture(scope="module")
def books(rows_of_module) -> Shop:
    """Orders in every state, with requests, cancellations, shipments, money and history."""
    with pytest.MonkeyPatch.context() as patch:
        for room in ("cancellations", "metrics", "shipments"):
            patch.setattr(f"{room}.notices.send", lambda mail, delivery, now: None)
        return write_books()


@pytest.fixture
def shop(books, db) -> Shop:
    """The shop, for one test to change."""
    return deepcopy(books)


def write_books() -> Shop:
    """The whole story."""
    seller = factories.shop()
    alice = factories.member(seller, Membership.Role.OWNER, "alice@seller.example", "中村 葵")
    dora = factories.person("dora@buyer.example", "森下 遥")
    goods = [factories.item(quantity=3), factories.item("じょうろ", quantity=2, price=2400, sku="CAN-1")]
    names = [
        "pending",
        "unshipped",
        "partly",
        "shipped",
        "approved",
        "counted",
        "requested",
        "asked",
        "auto",
        "direct",
    ]
    orders = {
        name: factories.order(seller, dora, items=goods, verified=name != "pending", payment_method="CVS")
        if name == "pending"
        else factories.order(seller, dora, items=goods)
        for name in names
    }
    by_seller, by_dora = factories.seller_actor(alice), factories.buyer_actor(dora)
    later = NOON + timedelta(hours=1)

    def first(name: str, quantity: int = 1) -> dict[int, int]:
        return {orders[name].lines[0].pk: quantity}

    def deliver(now: datetime) -> None:
        while deliver_due(clock=lambda: now):
            pass

    def request(name: str, now: datetime, units: dict[int, int] | None = None) -> None:
        target = RequestTarget(orders[name].pk, "OTHER", "その他", units)
        cancelling.request_cancellation(targets=[target], by=by_dora, now=now)

    deliver(NOON)
    for name in ("approved", "requested", "asked"):
        request(name, later)
    cancelling.cancel(targets=[CancelTarget(orders["direct"].pk, Reason.BUYER_DIRECT)], by=by_dora, now=NOON)
    cancelling.withdraw(targets=[WithdrawTarget(orders["asked"].pk)], by=by_dora, now=later)
    request("asked", later)
    decline = DeclineTarget(orders["asked"].pk, DeclineReason.IN_PRODUCTION)
    cancelling.decline(targets=[decline], by=by_seller, now=later)
    cancelling.cancel(
        targets=[
            CancelTarget(orders["approved"].pk, Reason.BUYER_CANCELED),
            CancelTarget(orders["counted"].pk, Reason.NO_INVENTORY, first("counted", 2)),
        ],
        by=by_seller,
        now=later,
    )
    confirm_shipment(
        targets=[
            ConfirmTarget(orders["partly"].pk, later.date(), first("partly", 2)),
            ConfirmTarget(orders["shipped"].pk, later.date(), first("shipped", 3)),
        ],
        interlock=Interlock.WARN,
        by=by_seller,
        now=later,
    )
    deliver(later)
    cancelling.cancel(
        targets=[CancelTarget(orders["shipped"].pk, Reason.OTHER, {orders["shipped"].lines[1].pk: 2})],
        by=by_seller,
        now=later,
    )
    cancelling.remind_of_requests(now=later + timedelta(days=1))
    Order.objects.exclude(pk=orders["auto"].pk).update(auto_cancel_due_at=NOON + timedelta(days=30))
    due = orders["auto"].auto_cancel_due_at
    for days in (1, 5, 7):
        cancelling.warn_late(now=due - timedelta(days=8 - days) + timedelta(hours=9))
    deliver(due)
    bulk = BulkCancellation.objects.create(
        seller=seller,
        started_by=alice,
        started_at=later,
        finished_at=later,
        state=BulkCancellation.State.DONE,
        orders_in_all=1,
        orders_done=1,
    )
    bulk.lines.create(
        position=1,
        order=orders["counted"],
        reason=Reason.NO_INVENTORY,
        expected_version=1,
        result=BulkCancellationLine.Result.DONE,
        counted=True,
    )
    cancelling.cancel_overdue(now=due)
    deliver(due)
    take_missing_snapshots(now=due)
    counted = {name: orders[name].cancellations.get() for name in ("counted", "shipped")}
    made = open_dispute(
        seller_id=seller.pk,
        cancellation_id=counted["shipped"].pk,
        text="在庫はありました。",
        evidence=Evidence(),
        by=by_seller,
        now=due,
    )
    decide(dispute_id=made.pk, grant=True, reason="確認", by=factories.operator_actor(), now=due)
    text = f"order-id\tcancellation-reason-code\n{orders['shipped'].number}\tNoInventory\n"
    submit(
        seller_id=seller.pk,
        kind=Kind.CANCELLATION,
        file_name="orders.txt",
        content=BytesIO(text.encode()),
        is_dry_run=False,
        by=by_seller,
        now=due,
    )
    run_feeds(seller_id=seller.pk, clock=lambda: due)
    deliver(due)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"DELIVERED"}
    return Shop(seller, {name: Order.objects.get(pk=order.pk) for name, order in orders.items()}, due)
