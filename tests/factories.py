"""Believable people and orders for tests, made through the actions.

alice owns a shop, bob works for her, rei only looks, charlie owns another shop; dora and eiji buy; olga operates.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count

from accounts.actors import Actor, Door, Role
from accounts.models import Membership, Seller, User
from orders.actions import ItemDraft, OrderDraft, place_orders
from orders.models import Order

PASSWORD = "demo-portal-2026"
# A Wednesday noon in Tokyo.
NOON = datetime(2026, 7, 1, 3, 0, tzinfo=UTC)
SYSTEM = Actor(Role.SYSTEM, Door.COMMAND)

_serial = count(1)


def person(email: str, name: str, **fields) -> User:
    """Someone who signs in with the demo's password."""
    return User.objects.create_user(email, PASSWORD, name=name, **fields)


def shop(name: str = "シードリング商店") -> Seller:
    """A shop without people."""
    return Seller.objects.create(name=name, merchant_id=f"A{next(_serial):012d}")


def member(seller: Seller, role: str, email: str, name: str) -> User:
    """Someone with a role in a shop."""
    user = person(email, name)
    Membership.objects.create(seller=seller, user=user, role=role)
    return user


def item(title: str = "素焼き鉢 5号", *, quantity: int = 1, price: int | None = 980, **fields) -> ItemDraft:
    """One line; `price` is of one unit, in yen."""
    amount = None if price is None else Decimal(price * quantity)
    return ItemDraft(sku=fields.pop("sku", "POT-T5"), title=title, quantity=quantity, item_price=amount, **fields)


def order(
    seller: Seller,
    buyer: User | None,
    *,
    placed_at: datetime = NOON,
    items: Sequence[ItemDraft] = (),
    verified: bool = True,
    ship_by: date | None = None,
    by: Actor = SYSTEM,
    **fields,
) -> Order:
    """A placed order; ship-by three days after, unless said otherwise."""
    recipient = {
        "name": "森下 遥",
        "state": "京都府",
        "city": "京都市",
        "line1": "見本町 12-3",
        "postal_code": "604-0000",
    }
    (placed,) = place_orders(
        drafts=[
            OrderDraft(
                seller_id=seller.pk,
                buyer_id=buyer.pk if buyer else None,
                placed_at=placed_at,
                items=list(items) or [item()],
                recipient=recipient,
                payment_verified_at=placed_at if verified else None,
                ship_by_date=ship_by or (placed_at + timedelta(days=3)).date(),
                **fields,
            )
        ],
        auto_cancel_days=7,
        by=by,
        now=placed_at,
    )
    return placed


def seller_actor(user: User | None = None) -> Actor:
    """A person of the shop at a page."""
    return Actor(Role.SELLER, Door.PAGE, user and user.pk, user.name if user else "")


def buyer_actor(user: User) -> Actor:
    """A buyer at a page."""
    return Actor(Role.BUYER, Door.PAGE, user.pk, user.name)


def operator_actor(user: User | None = None) -> Actor:
    """An operator in the admin."""
    return Actor(Role.MARKETPLACE, Door.ADMIN, user and user.pk, user.name if user else "")
