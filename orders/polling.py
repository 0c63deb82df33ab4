"""How software reads a shop's orders: what changed or was placed since a moment, page by page (domain 14.8).

Pages go up by (moment, key): whoever asks again from the last moment they saw misses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from .models import Order, OrderItem

PLACED, UPDATED = "placed_at", "last_updated_at"


@dataclass(frozen=True, slots=True)
class Poll:
    """Which orders: by `column` (`placed_at` or `last_updated_at`) from `after` to `before`, both included.

    Empty filters let everything pass. `not_payments` are ways of paying that are left out, for "any other".
    """

    column: str = UPDATED
    after: datetime | None = None
    before: datetime | None = None
    statuses: Sequence[str] = ()
    channels: Sequence[str] = ()
    payments: Sequence[str] = ()
    not_payments: Sequence[str] = ()
    buyer_email: str = ""
    numbers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Polled:
    """One order as software reads it; `shipped` and `open` are units."""

    pk: int
    number: str
    status: str
    placed_at: datetime
    last_updated_at: datetime
    fulfillment_channel: str
    service_level: str
    payment_method: str
    currency: str
    total: Decimal | None
    ship_by_date: date | None
    buyer_name: str | None
    buyer_email: str | None
    recipient: dict[str, str]
    shipped: int
    open: int

    def moment(self, column: str) -> datetime:
        """The moment by which its list is ordered."""
        return self.placed_at if column == PLACED else self.last_updated_at


_PLACE = ("name", "phone", "country", "postal_code", "state", "city", "line1", "line2", "line3")
_COLUMNS = (
    "pk",
    "number",
    "status",
    "placed_at",
    "last_updated_at",
    "fulfillment_channel",
    "service_level",
    "payment_method",
    "currency",
    "total",
    "ship_by_date",
    "buyer__name",
    "buyer__email",
    *(f"recipient__{name}" for name in _PLACE),
    "shipped",
    "open",
)


def poll(seller_id: int, wish: Poll, *, behind: tuple[datetime, int] | None = None, limit: int) -> list[Polled]:
    """The shop's orders of a wish, the earliest first, behind a position. One statement."""
    found = Order.objects.filter(seller_id=seller_id)
    if wish.numbers:
        found = found.filter(number__in=wish.numbers)
    for name, values in (
        ("status__in", wish.statuses),
        ("fulfillment_channel__in", wish.channels),
        ("payment_method__in", wish.payments),
    ):
        if values:
            found = found.filter(**{name: values})
    if wish.not_payments:
        found = found.exclude(payment_method__in=wish.not_payments)
    if wish.buyer_email:
        found = found.filter(buyer__email=wish.buyer_email.lower())
    if wish.after:
        found = found.filter(**{f"{wish.column}__gte": wish.after})
    if wish.before:
        found = found.filter(**{f"{wish.column}__lte": wish.before})
    if behind:
        moment, key = behind
        found = found.filter(
            Q(**{f"{wish.column}__gt": moment}) | Q(**{wish.column: moment}, pk__gt=key),
            **{f"{wish.column}__gte": moment},
        )
    return _read(found.order_by(wish.column, "pk")[:limit])


def polled_order(seller_id: int, number: str) -> Polled | None:
    """One order of the shop; None for unknown and for another shop's."""
    return next(iter(_read(Order.objects.filter(seller_id=seller_id, number=number))), None)


def items_of(orders: Sequence[Polled]) -> dict[int, list[OrderItem]]:
    """The items of orders, by the order's key, in their order."""
    items: dict[int, list[OrderItem]] = {order.pk: [] for order in orders}
    for item in OrderItem.objects.filter(order_id__in=items).order_by("pk"):
        items[item.order_id].append(item)
    return items


def _read(found: Any) -> list[Polled]:
    rows = found.annotate(
        shipped=_units(F("quantity_shipped")),
        open=_units(F("quantity_ordered") - F("quantity_shipped") - F("quantity_cancelled")),
    ).values_list(*_COLUMNS)
    return [_polled(*row) for row in rows]


def _polled(*row: Any) -> Polled:
    """An order from its columns; those of the recipient become one."""
    first = _COLUMNS.index(f"recipient__{_PLACE[0]}")
    behind = first + len(_PLACE)
    recipient = dict(zip(_PLACE, (cell or "" for cell in row[first:behind]), strict=True))
    return Polled(*[*row[:first], recipient, *row[behind:]])


def _units(of_item: Any) -> Coalesce:
    """Units of all items of an order, added up."""
    items = OrderItem.objects.filter(order=OuterRef("pk")).order_by().values("order")
    return Coalesce(Subquery(items.annotate(units=Sum(of_item)).values("units")), 0)
