"""The rows behind a rate: cancellations that count, those that do not, and all orders looked at (domain 9.5)."""

from collections.abc import Iterator, Sequence

from django.db.models import Q, QuerySet

from cancellations.models import Cancellation
from orders.models import Order

from .queries import Standing, counted_from_before, counting_in, facts_of_orders, orders_in
from .rate import Window, is_in

ROWS_SHOWN = 25
# The file is read in pieces of so many orders.
PIECE = 1000
# The lists of cancellations end here.
MOST_ROWS = 200
# A mail names so many cancellations; the page has them all.
LISTED = 20


def counting_rows(seller_id: int, window: Window) -> QuerySet[Cancellation]:
    """The cancellations behind the numerator, newest first, with what the page shows of them."""
    return _with_order(counting_in(seller_id, window))


def other_rows(seller_id: int, window: Window) -> QuerySet[Cancellation]:
    """The cancellations of the window that do not count, or were excluded, newest first."""
    return _with_order(
        Cancellation.objects.filter(
            Q(counted=False) | Q(excluded=True) | Q(order__fulfillment_channel=Order.Channel.MARKETPLACE),
            seller_id=seller_id,
            cancelled_at__gte=window.start,
            cancelled_at__lt=window.end,
        )
    )


def _with_order(cancellations: QuerySet[Cancellation]) -> QuerySet[Cancellation]:
    return (
        cancellations.order_by("-cancelled_at", "-pk")
        .select_related("order")
        .prefetch_related("items__item", "disputes")
    )


def order_rows(standing: Standing, seller_id: int, *, after: str = "", size: int = ROWS_SHOWN) -> list[Order]:
    """The orders behind the denominator, newest first, one more than a page; `after` is the last one's number.

    Those that only the union takes in come last.
    """
    window = standing.window
    inside = orders_in(seller_id, window).order_by("-placed_at", "-pk")
    outside = counted_from_before(seller_id, window).order_by("-placed_at", "-pk")
    last = Order.objects.filter(seller_id=seller_id, number=after).first() if after else None
    if last is not None:
        older = Q(placed_at__lt=last.placed_at) | Q(placed_at=last.placed_at, pk__lt=last.pk)
        # Those that only the union takes in follow all others.
        if is_in(facts_of_orders([last])[0], window):
            inside = inside.filter(older)
        else:
            inside, outside = inside.none(), outside.filter(older)
    found = list(inside[: size + 1])
    return found + list(outside[: size + 1 - len(found)])


def verdicts_on(order_ids: Sequence[int], window: Window) -> dict[int, Cancellation]:
    """The cancellation of each order in the window that says most: one that counts before one that does not."""
    found = Cancellation.objects.select_related("order").filter(
        order_id__in=order_ids, cancelled_at__gte=window.start, cancelled_at__lt=window.end
    )
    by_weight = sorted(found, key=lambda each: (each.counted and not each.excluded, each.counted, each.pk))
    return {each.order_id: each for each in by_weight}


def all_rows(standing: Standing, seller_id: int) -> Iterator[tuple[Order, Cancellation | None, bool]]:
    """Every order behind the rate, newest first, with its weightiest cancellation, and whether it is the window's own.

    Read in pieces: the memory that it takes does not grow with the shop.
    """
    after = ""
    while True:
        found = order_rows(standing, seller_id, after=after, size=PIECE)
        shown = found[:PIECE]
        verdicts = verdicts_on([order.pk for order in shown], standing.window)
        for order, facts in zip(shown, facts_of_orders(shown), strict=True):
            yield order, verdicts.get(order.pk), is_in(facts, standing.window)
        if len(found) <= PIECE:
            return
        after = shown[-1].number
