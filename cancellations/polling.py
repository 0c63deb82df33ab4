"""What software reads of orders beside `orders.polling`: the buyers' requests, and what was cancelled (domain 14.8)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Q

from . import policy
from .models import CancellationItem, CancellationRequest, RequestItem

# The states of a requested item that show it as requested (D-16).
_FLAGGED = [state for state in RequestItem.State.values if policy.is_flagged(state)]


@dataclass(frozen=True, slots=True)
class PolledItem:
    """One item as software reads it, with its order's status and currency, and the reason of the buyer's request.

    `requested` is None for an item that does not show as requested; a request may have no reason.
    """

    item_id: str
    sku: str
    title: str
    quantity_ordered: int
    quantity_shipped: int
    quantity_cancelled: int
    item_price: Decimal | None
    item_tax: Decimal
    discount: Decimal
    shipping_price: Decimal
    shipping_tax: Decimal
    status: str
    currency: str
    requested: str | None


# Software asks for every order that it sees change: the ORM would take longer to write this down than it takes to run.
_ITEMS = """
SELECT i.item_id, i.sku, i.title, i.quantity_ordered, i.quantity_shipped, i.quantity_cancelled, i.item_price,
    i.item_tax, i.discount, i.shipping_price, i.shipping_tax, o.status, o.currency,
    (SELECT r.reason_label FROM cancellations_requestitem AS a
     JOIN cancellations_cancellationrequest AS r ON r.id = a.request_id
     WHERE a.item_id = i.id AND a.state = ANY (%s) ORDER BY r.id DESC LIMIT 1)
FROM orders_order AS o JOIN orders_orderitem AS i ON i.order_id = o.id
WHERE o.seller_id = %s AND o.number = %s ORDER BY i.id
"""


def items_of_order(seller_id: int, number: str) -> list[PolledItem]:
    """The items of one order of the shop, in one statement; none for unknown and for another shop's."""
    with connection.cursor() as cursor:
        cursor.execute(_ITEMS, [_FLAGGED, seller_id, number])
        return [PolledItem(*row) for row in cursor.fetchall()]


def requested_items(order_ids: Iterable[int]) -> dict[int, str]:
    """The items of orders that show as requested by the buyer, with the reason given: open or approved (D-16)."""
    found = RequestItem.objects.filter(request__order_id__in=list(order_ids), state__in=_FLAGGED)
    return dict(found.order_by("request_id").values_list("item_id", "request__reason_label"))


def executed_items(order_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """The items of orders of which units were cancelled: by whom, and for what reason, the last time."""
    found = CancellationItem.objects.filter(cancellation__order_id__in=list(order_ids)).order_by("cancellation_id")
    rows = found.values_list("item_id", "cancellation__role", "cancellation__reason")
    return {item: (role, reason) for item, role, reason in rows}


def requests_for_software(
    seller_id: int,
    *,
    status: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    behind: tuple[datetime, int] | None = None,
    limit: int,
) -> list[CancellationRequest]:
    """The shop's requests by the last change of their order, earliest first, behind a position (domain 14.8)."""
    found = CancellationRequest.objects.filter(seller_id=seller_id).select_related("order")
    if status:
        found = found.filter(status=status)
    if since:
        found = found.filter(order__last_updated_at__gte=since)
    if until:
        found = found.filter(order__last_updated_at__lte=until)
    if behind:
        moment, key = behind
        found = found.filter(
            Q(order__last_updated_at__gt=moment) | Q(order__last_updated_at=moment, pk__gt=key),
            order__last_updated_at__gte=moment,
        )
    found = found.prefetch_related("items__item")
    return list(found.order_by("order__last_updated_at", "pk")[:limit])
