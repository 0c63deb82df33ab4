"""The people of the tests around one shop, and what they do: short words for the acts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from accounts.actors import Actor
from accounts.models import Membership, Seller, User
from cancellations import actions as cancelling
from cancellations.actions import CancelTarget, DeclineTarget, RequestTarget, WithdrawTarget
from cancellations.policy import DeclineReason, Interlock, Reason
from events.actions import deliver_due
from events.models import Event
from orders.actions import OrderDraft, place_orders
from orders.models import Order
from orders.outcomes import Outcome
from shipments.actions import ConfirmTarget, confirm_shipment
from tests import factories
from tests.factories import NOON

# An hour after the orders were placed: the buyer's window is over.
LATER = NOON + timedelta(hours=1)


@dataclass
class Cast:
    """alice owns the shop, bob works there, rei only looks; charlie owns another; dora buys."""

    shop: Seller
    other_shop: Seller
    alice: User
    bob: User
    rei: User
    charlie: User
    dora: User

    @property
    def seller(self) -> Actor:
        return factories.seller_actor(self.alice)

    @property
    def buyer(self) -> Actor:
        return factories.buyer_actor(self.dora)

    @property
    def operator(self) -> Actor:
        return factories.operator_actor()

    def order(self, *quantities: int, **fields) -> Order:
        """An order of dora's; one item of 1,000 yen apiece for each quantity, 300 yen for sending the first."""
        items = [
            factories.item(
                f"素焼き鉢 {number}号",
                sku=f"POT-{number}",
                quantity=quantity,
                price=1000,
                shipping_price=300 if number == 1 else 0,
            )
            for number, quantity in enumerate(quantities or (1,), start=1)
        ]
        return factories.order(self.shop, self.dora, **{"items": items} | fields)

    def orders(self, count: int, *, verified: bool = True, placed_at: datetime = NOON) -> list[Order]:
        """Many orders of dora's at once, two of one thing each."""
        draft = OrderDraft(
            seller_id=self.shop.pk,
            buyer_id=self.dora.pk,
            placed_at=placed_at,
            items=[factories.item(quantity=2, price=1000)],
            recipient={"name": "森下 遥"},
            payment_verified_at=placed_at if verified else None,
            ship_by_date=(placed_at + timedelta(days=3)).date(),
        )
        return place_orders(drafts=[draft] * count, auto_cancel_days=7, by=factories.SYSTEM, now=placed_at)

    def request(self, order: Order, units: Mapping[int, int] | None = None, *, now: datetime = LATER) -> Outcome:
        target = RequestTarget(order.pk, "NO_LONGER_NEEDED", "商品が不要になった", units, "すみません")
        (outcome,) = cancelling.request_cancellation(targets=[target], by=self.buyer, now=now)
        return outcome

    def withdraw(self, order: Order, *, now: datetime = LATER) -> Outcome:
        (outcome,) = cancelling.withdraw(targets=[WithdrawTarget(order.pk)], by=self.buyer, now=now)
        return outcome

    def decline(self, order: Order, *, now: datetime = LATER, **fields) -> Outcome:
        target = DeclineTarget(order.pk, **{"reason": DeclineReason.IN_PRODUCTION} | fields)
        (outcome,) = cancelling.decline(targets=[target], by=self.seller, now=now)
        return outcome

    def cancel(
        self,
        order: Order,
        reason: Reason = Reason.NO_INVENTORY,
        units: Mapping[int, int] | None = None,
        *,
        by: Actor | None = None,
        now: datetime = LATER,
        **fields,
    ) -> Outcome:
        target = CancelTarget(order.pk, reason, units, **fields)
        (outcome,) = cancelling.cancel(targets=[target], by=by or self.seller, now=now)
        return outcome

    def cancel_alone(
        self, order: Order, units: Mapping[int, int] | None = None, *, now: datetime = NOON
    ) -> Outcome:
        return self.cancel(order, Reason.BUYER_DIRECT, units, by=self.buyer, now=now)

    def confirm(
        self,
        order: Order,
        units: Mapping[int, int] | None = None,
        *,
        interlock: Interlock = Interlock.WARN,
        now: datetime = LATER,
        **fields,
    ) -> Outcome:
        target = ConfirmTarget(order.pk, now.date(), units, **fields)
        (outcome,) = confirm_shipment(targets=[target], interlock=interlock, by=self.seller, now=now)
        return outcome


@pytest.fixture
def cast(db) -> Cast:
    """Everybody, in their places."""
    shop, other = factories.shop(), factories.shop("べつの商店")
    role = Membership.Role
    return Cast(
        shop=shop,
        other_shop=other,
        alice=factories.member(shop, role.OWNER, "alice@seller.example", "中村 葵"),
        bob=factories.member(shop, role.ORDER_STAFF, "bob@seller.example", "佐藤 蓮"),
        rei=factories.member(shop, role.READ_ONLY, "rei@seller.example", "林 玲"),
        charlie=factories.member(other, role.OWNER, "charlie@rival.example", "高橋 潤"),
        dora=factories.person("dora@buyer.example", "森下 遥"),
    )


@pytest.fixture
def no_mails(monkeypatch) -> None:
    """Deliveries of mails count as done; nothing is rendered."""
    monkeypatch.setattr("cancellations.notices.send", lambda mail, delivery, now: None)
    monkeypatch.setattr("shipments.notices.send", lambda mail, delivery, now: None)
    monkeypatch.setattr("messaging.notices.send", lambda mail, delivery, now: None)
    monkeypatch.setattr("payments.notices.send", lambda mail, delivery, now: None)


def deliver(now: datetime = LATER) -> int:
    """Tell whoever is due at `now` until nobody is; return how many were told."""
    total = 0
    while claimed := deliver_due(clock=lambda: now):
        total += claimed
    return total


def lines_of(order: Order) -> list[int]:
    """Keys of an order's items, in order."""
    return list(order.items.order_by("pk").values_list("pk", flat=True))


def units_of(order: Order) -> list[tuple[int, int, int]]:
    """Ordered, shipped and cancelled units of an order's items."""
    quantities = ("quantity_ordered", "quantity_shipped", "quantity_cancelled")
    return list(order.items.order_by("pk").values_list(*quantities))


def told(event: Event) -> set[tuple[str, str | None]]:
    """Who is told of an event: listener and address."""
    return set(event.deliveries.values_list("listener", "recipient__email"))


def last_event(order: Order) -> Event:
    """What happened to an order last."""
    return order.events.order_by("-order_version").first()


def names_of(order: Order) -> list[str]:
    """What happened to an order, from the first to the last."""
    return list(order.events.order_by("order_version").values_list("name", flat=True))
