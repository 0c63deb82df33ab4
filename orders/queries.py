"""Reads of orders. The only way to an order is a query that takes the person (wall 7)."""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q, QuerySet

from . import rules
from .models import Import, Order, OrderItem

ORDERS_PER_BATCH = 1000


def zone() -> ZoneInfo:
    """The marketplace's zone: dates of orders are its local days (domain 19)."""
    return ZoneInfo(settings.TIME_ZONE)


def local_day(moment: datetime) -> date:
    """The marketplace's local day of a moment."""
    return moment.astimezone(zone()).date()


# --- under the lock ---------------------------------------------------------------------------------------


def lock_orders(order_ids: Iterable[int], *, skip_locked: bool = False) -> dict[int, Order]:
    """Lock orders in key order, then read their items as `order.lines`; call inside a transaction (M2).

    The items are read after the lock is held: a statement that waits for a lock sees old rows of other tables.
    """
    locked = {
        order.pk: order
        for order in Order.objects.select_for_update(of=("self",), skip_locked=skip_locked)
        .filter(pk__in=list(order_ids))
        .order_by("pk")
    }
    attach_lines(locked.values())
    return locked


def lock_overdue(*, now: datetime, limit: int, leave_out: Iterable[int] = ()) -> dict[int, Order]:
    """Lock the longest overdue orders that nobody else holds: the sweep's pick (domain 10)."""
    picked = list(
        Order.objects.filter(
            status__in=sorted(rules.OPEN_STATUSES),
            on_hold=False,
            auto_cancel_due_at__lte=now,
            fulfillment_channel=Order.Channel.SELLER,
        )
        .exclude(pk__in=list(leave_out))
        .select_for_update(of=("self",), skip_locked=True)
        .order_by("auto_cancel_due_at", "id")[:limit]
    )
    attach_lines(picked)
    return {order.pk: order for order in picked}


def attach_lines(orders: Iterable[Order]) -> None:
    """Read the items of all these orders in one statement, as `order.lines`."""
    by_id = {order.pk: order for order in orders}
    for order in by_id.values():
        order.lines = []
    for item in OrderItem.objects.filter(order_id__in=by_id).order_by("pk"):
        by_id[item.order_id].lines.append(item)


def count_overdue(now: datetime) -> int:
    """How many orders the sweep would look at."""
    return overdue(now).count()


def overdue(now: datetime) -> QuerySet[Order]:
    """Orders whose due moment has come, oldest first."""
    return Order.objects.filter(
        status__in=sorted(rules.OPEN_STATUSES),
        on_hold=False,
        auto_cancel_due_at__lte=now,
        fulfillment_channel=Order.Channel.SELLER,
    ).order_by("auto_cancel_due_at", "id")


# --- scoped reads -----------------------------------------------------------------------------------------


def order_of_seller(seller_id: int, number: str) -> Order | None:
    """The shop's order of this number with items and recipient; None for unknown and for another shop's."""
    return _whole(Order.objects.filter(seller_id=seller_id, number=number))


def order_of_buyer(user_id: int, number: str) -> Order | None:
    """The buyer's order of this number with items and recipient; None for unknown and for another buyer's."""
    return _whole(Order.objects.filter(buyer_id=user_id, number=number))


def order_for_operator(order_id: int) -> Order | None:
    """Any order, for an operator."""
    return _whole(Order.objects.filter(pk=order_id))


def order_for_mail(order_id: int) -> Order:
    """The order a mail speaks of.

    Raises Order.DoesNotExist if there is none.
    """
    if order := order_for_operator(order_id):
        return order
    raise Order.DoesNotExist(order_id)


def _whole(found: QuerySet[Order]) -> Order | None:
    order = found.select_related("seller", "buyer", "recipient").first()
    if order:
        attach_lines([order])
    return order


def orders_without_ship_by() -> QuerySet[Order]:
    """Open orders that no sweep will ever see, for the operator to set a date (domain 3.2)."""
    return Order.objects.filter(Q(status__in=sorted(rules.OPEN_STATUSES)), ship_by_date__isnull=True)


def import_by_id(import_id: int) -> Import:
    """One taken-over order file."""
    return Import.objects.select_related("seller").get(pk=import_id)
