"""The everyday business around the story: any number of orders, taken over as if from another system.

Nobody is mailed and no provider is called about them, so they may be many.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from accounts.actions import buyers_for
from cancellations.actions import CancelTarget, cancel
from cancellations.policy import Reason
from orders.actions import MONEY_LISTENERS, NEWS_LISTENERS, OrderDraft, place_orders
from orders.models import Order
from orders.queries import local_day
from payments.actions import book_imported
from shipments.actions import ConfirmTarget, take_over_shipments

from . import catalogue
from .cast import OTHER_SYSTEM, Cast

SPAN = timedelta(days=100)
# One batch of acts per moment: few orders get a moment each, many share one.
MOMENTS = 300
ORDERS_PER_BUYER = 4
SENT_WITHIN = timedelta(hours=30)
SHARE_CANCELLED, SHARE_IN_PART = 0.03, 0.3


def trade(cast: Cast, *, orders: int, now: datetime) -> None:
    """Place `orders` orders over the last weeks, most of them recent, and ship what is older than a day or so."""
    chance = cast.chance
    people = [catalogue.buyer(number) for number in range(max(1, orders // ORDERS_PER_BUYER))]
    buyer_ids = buyers_for(dict(people))
    # The square leaves about a fifth of all orders within the last two days, still open.
    moments = sorted(now - timedelta(minutes=6) - SPAN * chance.random() ** 2 for _ in range(orders))
    for placed in _parts(moments):
        buyers = chance.choices(people, k=len(placed))
        batch = place_orders(
            drafts=[
                _draft(cast, buyer_ids[email], name, placed_at)
                for (email, name), placed_at in zip(buyers, placed, strict=True)
            ],
            auto_cancel_days=cast.auto_cancel_days,
            by=OTHER_SYSTEM,
            now=placed[-1],
            mute=NEWS_LISTENERS | MONEY_LISTENERS,
        )
        sent_at = placed[-1] + SENT_WITHIN
        if sent_at < now:
            _finish(batch, cast, at=sent_at, now=now)
        else:
            book_imported(batch)


def _draft(cast: Cast, buyer_id: int, name: str, placed_at: datetime) -> OrderDraft:
    chance = cast.chance
    return OrderDraft(
        seller_id=cast.seedling.pk,
        buyer_id=buyer_id,
        placed_at=placed_at,
        items=catalogue.basket(catalogue.GARDEN_AND_KITCHEN, chance),
        recipient=catalogue.recipient(name, chance),
        payment_verified_at=placed_at,
        ship_by_date=local_day(placed_at) + timedelta(days=chance.choice((2, 3, 3, 4))),
        service_level=chance.choice(catalogue.SERVICE_LEVELS),
        payment_method=chance.choice(catalogue.PAYMENT_METHODS),
    )


def _parts(moments: Sequence[datetime]) -> Iterator[Sequence[datetime]]:
    size = -(-len(moments) // MOMENTS)
    for start in range(0, len(moments), size or 1):
        yield moments[start : start + size]


def _finish(orders: Sequence[Order], cast: Cast, *, at: datetime, now: datetime) -> None:
    """Most orders leave whole; a few end cancelled, and some of those that may still wait leave in part."""
    cancelled, in_part, whole = [], [], []
    for order in orders:
        may_wait = len(order.lines) > 1 and order.ship_by_date and order.ship_by_date > local_day(now)
        fate = cast.chance.random()
        if fate < SHARE_CANCELLED:
            cancelled.append(CancelTarget(order.pk, Reason.IMPORTED))
        elif may_wait and fate < SHARE_IN_PART:
            in_part.append(order)
        else:
            whole.append(order)
    book_imported(in_part)
    cancel(targets=cancelled, by=OTHER_SYSTEM, now=at)
    parcels: list[tuple[Order, dict[int, int] | None]] = [(order, None) for order in whole]
    parcels += [(order, {order.lines[0].pk: order.lines[0].quantity_ordered}) for order in in_part]
    take_over_shipments(
        targets=[
            ConfirmTarget(
                order.pk,
                local_day(at),
                units,
                carrier=cast.chance.choice(catalogue.CARRIERS),
                tracking_number=catalogue.tracking_number(cast.chance),
            )
            for order, units in parcels
        ],
        by=OTHER_SYSTEM,
        now=at,
    )
