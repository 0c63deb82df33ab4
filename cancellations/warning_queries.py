"""Reads of what shops are warned and reminded of (domain 8, 10)."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from accounts.models import Seller
from orders import rules as order_rules
from orders.models import Order

from .models import CancellationRequest, ShipWarning

# Open orders past their ship-by date that no sweep takes yet, with the latest warning due for each and not given.
_TO_WARN_OF = """
    SELECT o.id, due.kind, o.auto_cancel_due_at
    FROM orders_order AS o CROSS JOIN LATERAL (
        SELECT w.kind FROM unnest(%(kinds)s::text[], %(days)s::int[]) AS w (kind, days)
        WHERE o.ship_by_date + w.days <= %(day)s ORDER BY w.days DESC, w.kind DESC LIMIT 1
    ) AS due
    WHERE o.seller_id = {seller} AND o.status IN ('UNSHIPPED', 'PARTIALLY_SHIPPED') AND NOT o.on_hold
      AND o.fulfillment_channel = 'SELLER' AND o.ship_by_date < %(day)s AND o.auto_cancel_due_at > %(now)s
      AND NOT EXISTS (
        SELECT FROM cancellations_shipwarning AS given WHERE given.order_id = o.id AND given.kind = due.kind)
"""


def _warnings(days: Mapping[str, int], latest_day: date, now: datetime) -> dict[str, Any]:
    return {"kinds": list(days), "days": list(days.values()), "day": latest_day, "now": now}


def shops_to_warn(days: Mapping[str, int], latest_day: date, *, now: datetime) -> list[int]:
    """Shops with open orders that a warning of `latest_day` or before is due for and was not given."""
    with connection.cursor() as cursor:
        # Shop by shop through its index of open orders by ship-by date: what a run costs does not grow with the
        # orders that are done.
        cursor.execute(
            "SELECT s.id FROM accounts_seller AS s CROSS JOIN LATERAL ("  # noqa: S608 - our own text
            + _TO_WARN_OF.format(seller="s.id")
            + " LIMIT 1) AS due ORDER BY s.id",
            _warnings(days, latest_day, now),
        )
        return [key for (key,) in cursor.fetchall()]


def lock_shop_to_warn(seller_id: int) -> bool:
    """Take the shop for warning it; False while another worker has it. It stays open to everything else."""
    shop = Seller.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=seller_id)
    return bool(shop.values_list("pk", flat=True))


def orders_to_warn_of(
    seller_id: int, days: Mapping[str, int], latest_day: date, *, now: datetime, limit: int
) -> list[tuple[int, str]]:
    """The shop's orders to warn of, those cancelled soonest first, each with the latest warning due."""
    with connection.cursor() as cursor:
        cursor.execute(
            _TO_WARN_OF.format(seller="%(seller)s") + " ORDER BY o.auto_cancel_due_at, o.id LIMIT %(limit)s",
            {**_warnings(days, latest_day, now), "seller": seller_id, "limit": limit},
        )
        return [(order_id, kind) for order_id, kind, _ in cursor.fetchall()]


def lock_requests_to_remind_of(*, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Lock open requests whose reminder is due and that no other worker has; request and shop of each."""
    due = (
        CancellationRequest.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(status=CancellationRequest.Status.OPEN, remind_at__lte=now)
        .order_by("remind_at", "pk")
    )
    return list(due.values_list("pk", "seller_id")[:limit])


def orders_warned_of(event_id: int) -> QuerySet[Order]:
    """The orders of one warning that still stand: what was shipped, cancelled or held since needs none."""
    return (
        Order.objects.filter(
            ship_warnings__event_id=event_id, status__in=sorted(order_rules.OPEN_STATUSES), on_hold=False
        )
        .distinct()
        .order_by("auto_cancel_due_at", "pk")
    )


def warnings_of(order_id: int) -> list[ShipWarning]:
    """The warnings that the shop was told of an order, without those that a later one took the place of."""
    told = {given.event_id: given for given in ShipWarning.objects.filter(order_id=order_id).order_by("kind")}
    return list(told.values())


def unanswered(request_ids: Iterable[int]) -> QuerySet[CancellationRequest]:
    """Those of these requests that are still open, by when their answer is due."""
    return (
        CancellationRequest.objects.filter(pk__in=list(request_ids), status=CancellationRequest.Status.OPEN)
        .select_related("order")
        .order_by("response_due_at", "pk")
    )
