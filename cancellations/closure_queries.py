"""Reads of closures: those that hold, the orders that they reach, and what shops are told of them."""

from datetime import date, datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from orders import queries as order_queries
from orders.models import IS_OPEN_AT_SHOP, Order
from orders.rules import start_of_day

from .models import Closure, ClosureGrant

# Shops are told of a closure from so many days before it begins.
TOLD_BEFORE = timedelta(days=14)


def closures_to_apply(today: date) -> list[Closure]:
    """Closures that are not over (index `closures_by_end`)."""
    return list(Closure.objects.filter(is_active=True, last_day__gte=today).order_by("pk"))


def closures_told(now: datetime) -> list[Closure]:
    """Closures that shops are told of now: those that are on, or begin within two weeks."""
    today = order_queries.local_day(now)
    holding = Closure.objects.filter(is_active=True, last_day__gte=today, first_day__lte=today + TOLD_BEFORE)
    return list(holding.order_by("first_day", "pk"))


def lock_reached(closure: Closure, *, limit: int) -> dict[int, Order]:
    """Open orders that the closure reaches and has not given its days yet, locked; held ones are skipped.

    The condition finds what `policy.days_granted` grants something to: to ship within the closure, or late before
    it and not yet cancelled.
    """
    begins = start_of_day(closure.first_day, order_queries.zone())
    reached = Q(ship_by_date__gte=closure.first_day, ship_by_date__lte=closure.last_day) | Q(
        ship_by_date__lt=closure.first_day, auto_cancel_due_at__gt=begins
    )
    orders: QuerySet[Order] = Order.objects.filter(
        IS_OPEN_AT_SHOP, reached, auto_cancel_due_at__isnull=False, ship_by_date__lte=closure.last_day
    )
    if closure.area:
        orders = orders.filter(recipient__state=closure.area)
    given = ClosureGrant.objects.filter(closure=closure, order_id=OuterRef("pk"))
    waiting = orders.filter(~Exists(given))
    picked = list(waiting.order_by("ship_by_date", "pk").values_list("pk", flat=True)[:limit])
    locked = order_queries.lock_orders(picked, skip_locked=True)
    # Asked once more under the lock: another run, or whoever ended an order, may have been quicker.
    still = set(waiting.filter(pk__in=locked).values_list("pk", flat=True))
    return {key: order for key, order in locked.items() if key in still}
