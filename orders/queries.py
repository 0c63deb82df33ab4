"""Reads of orders. The only way to an order is a query that takes the person (wall 7)."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import Min, Q, QuerySet

from accounts.actors import Door, Role
from accounts.queries import people_named, shops_named
from events.models import Event

from . import rules
from .models import Import, Order, OrderItem

ORDERS_PER_BATCH = 1000
UNFINISHED = (Import.State.IN_QUEUE, Import.State.IN_PROGRESS)


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


def earliest_placed(seller_id: int, *, changed_since: datetime) -> datetime | None:
    """When the earliest of the shop's orders that changed since then was placed (index `orders_by_last_update`)."""
    changed = Order.objects.filter(seller_id=seller_id, last_updated_at__gte=changed_since)
    return changed.aggregate(earliest=Min("placed_at"))["earliest"]


def orders_by_number(seller_id: int, numbers: Sequence[str]) -> list[Order]:
    """The shop's orders of these numbers with items and recipient, as asked; unknown and other shops' are left out."""
    place = {number: index for index, number in enumerate(numbers)}
    found = Order.objects.filter(seller_id=seller_id, number__in=numbers).select_related("seller", "recipient")
    orders = sorted(found, key=lambda order: place[order.number])
    attach_lines(orders)
    return orders


def keys_by_number(seller_id: int, numbers: Iterable[str]) -> dict[str, int]:
    """The keys of the shop's orders of these numbers; unknown and other shops' are left out."""
    found = Order.objects.filter(seller_id=seller_id, number__in=list(numbers))
    return dict(found.values_list("number", "pk"))


def statuses_of(order_ids: Iterable[int]) -> dict[int, str]:
    """How orders stand, by key."""
    return dict(Order.objects.filter(pk__in=list(order_ids)).values_list("pk", "status"))


def order_of_buyer(user_id: int, number: str) -> Order | None:
    """The buyer's order of this number with items and recipient; None for unknown and for another buyer's."""
    return _whole(Order.objects.filter(buyer_id=user_id, number=number))


def order_for_operator(order_id: int) -> Order | None:
    """Any order, for an operator."""
    return _whole(Order.objects.filter(pk=order_id))


# How many of the newest orders of a shop or a person an operator's search shows; a shop alone shows all of its.
NEWEST_OF_EACH = 100
_NUMBER = re.compile(r"\d{3}-\d{7}(-\d{0,7})?")


def looks_like_a_number(term: str) -> bool:
    """Whether this is an order's number, or its first two groups and more."""
    return bool(_NUMBER.fullmatch(term))


def meant_by_operator(term: str) -> Q:
    """The orders an operator searches for by number, buyer or shop; the cost does not grow with the orders."""
    if looks_like_a_number(term):
        return Q(number__startswith=term)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT o.id FROM unnest(%(shops)s::bigint[]) AS s (id) CROSS JOIN LATERAL (
                SELECT id FROM orders_order WHERE seller_id = s.id ORDER BY placed_at DESC, id DESC LIMIT %(limit)s
            ) AS o
            UNION
            SELECT o.id FROM unnest(%(people)s::bigint[]) AS p (id) CROSS JOIN LATERAL (
                SELECT id FROM orders_order WHERE buyer_id = p.id ORDER BY placed_at DESC, id DESC LIMIT %(limit)s
            ) AS o
            """,
            {
                "shops": shops_named(term, limit=10),
                "people": people_named(term, limit=20),
                "limit": NEWEST_OF_EACH,
            },
        )
        return Q(pk__in=[key for (key,) in cursor.fetchall()])


def refused_imports(*, since: datetime) -> QuerySet[Import]:
    """Order files of late that could not be read, or of which lines were refused, newest first."""
    return Import.objects.filter(
        Q(state=Import.State.FATAL) | Q(lines_refused__gt=0), started_at__gte=since
    ).order_by("-pk")


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


# News of a shop come from no more of its orders than this, the last changed first.
ORDERS_LOOKED_AT = 500
NEWS = ("cancellation.requested", "cancellation.withdrawn", "order.cancelled")


def news_of_seller(seller_id: int, *, since: datetime, limit: int) -> list[Event]:
    """What others did to the shop's orders since a moment, newest first: requests, withdrawals, cancellations.

    Costs the same however many orders the shop has: index `orders_by_last_update`, then the events of these few.
    The keys are read first: put into one statement, the planner would rather read every event there is.
    """
    changed = list(
        Order.objects.filter(seller_id=seller_id, last_updated_at__gte=since)
        .order_by("-last_updated_at", "-pk")
        .values_list("pk", flat=True)[:ORDERS_LOOKED_AT]
    )
    return list(
        Event.objects.filter(order_id__in=changed, happened_at__gte=since, name__in=NEWS)
        .exclude(role=Role.SELLER)
        .exclude(door=Door.IMPORT)
        .select_related("order")
        .order_by("-happened_at", "-pk")[:limit]
    )


def count_due_on(seller_id: int, day: date, *, cap: int) -> int:
    """How many orders the shop itself should send on a day, up to a cap, by an index of ship-by dates."""
    due = Order.objects.filter(
        seller_id=seller_id,
        status__in=sorted(rules.OPEN_STATUSES),
        ship_by_date=day,
        on_hold=False,
        fulfillment_channel=Order.Channel.SELLER,
    )
    return due[:cap].count()


def orders_without_ship_by() -> QuerySet[Order]:
    """Open orders that no sweep will ever see, for the operator to set a date (domain 3.2)."""
    return Order.objects.filter(Q(status__in=sorted(rules.OPEN_STATUSES)), ship_by_date__isnull=True)


def import_by_id(import_id: int) -> Import:
    """One taken-over order file."""
    return Import.objects.select_related("seller").get(pk=import_id)


def unfinished_imports() -> list[int]:
    """Imports that wait or run, oldest first."""
    return list(Import.objects.filter(state__in=UNFINISHED).order_by("pk").values_list("pk", flat=True))


def known_orders(numbers: Iterable[str]) -> dict[str, Order]:
    """Orders of any shop by number, with what an import compares: a number is taken only once."""
    found = Order.objects.filter(number__in=list(numbers)).only(
        "number", "seller_id", "status", "placed_at", "ship_by_date", "payment_verified_at"
    )
    return {order.number: order for order in found}


def orders_of_items(item_ids: Iterable[str]) -> dict[str, int]:
    """Which order each of these item numbers belongs to already."""
    return dict(OrderItem.objects.filter(item_id__in=list(item_ids)).values_list("item_id", "order_id"))
