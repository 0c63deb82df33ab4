"""Reads of cancellations of several orders in one go: what may be chosen, what is still to do, what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from orders.models import Order
from orders.queries import attach_lines

from .models import BulkCancellation, BulkCancellationLine

LINES_PER_PAGE = 200


def requested_orders(seller_id: int, *, limit: int) -> list[Order]:
    """The shop's orders with an open request and their items, the earliest answer due first."""
    found = list(
        Order.objects.filter(seller_id=seller_id, answer_due_at__isnull=False).order_by("answer_due_at", "pk")[
            :limit
        ]
    )
    attach_lines(found)
    return found


# --- running ----------------------------------------------------------------------------------------------


def lock_bulk(bulk_id: int) -> BulkCancellation | None:
    """Take a bulk for its next step; None if it is done, or another worker is at it just now."""
    unfinished = BulkCancellation.objects.filter(pk=bulk_id, state=BulkCancellation.State.IN_PROGRESS)
    return (
        unfinished.select_for_update(of=("self",), no_key=True, skip_locked=True)
        .select_related("started_by")
        .first()
    )


def lines_to_do(bulk: BulkCancellation, *, limit: int) -> list[BulkCancellationLine]:
    """The next lines without an answer. They are answered in their order, so the others lie before them."""
    return list(bulk.lines.filter(position__gte=bulk.orders_done).order_by("position")[:limit])


def waiting_bulks() -> list[int]:
    """Bulks that are not done, the oldest first."""
    unfinished = BulkCancellation.objects.filter(state=BulkCancellation.State.IN_PROGRESS)
    return list(unfinished.order_by("pk").values_list("pk", flat=True))


# --- pages ------------------------------------------------------------------------------------------------


def bulk_of_seller(seller_id: int, bulk_id: int) -> BulkCancellation | None:
    """The shop's bulk; None for unknown and for another shop's."""
    return BulkCancellation.objects.filter(seller_id=seller_id, pk=bulk_id).first()


def recent_of_seller(seller_id: int, *, limit: int) -> list[BulkCancellation]:
    """The shop's latest bulks (index `bulk_cancellations_of_seller`): those still running, then the newest."""
    latest = BulkCancellation.objects.filter(seller_id=seller_id).order_by("-pk")[:limit]
    return sorted(latest, key=lambda bulk: bulk.state == BulkCancellation.State.DONE)


@dataclass(frozen=True, slots=True)
class Page:
    """Lines of a bulk with their orders and items, and the cursors of the neighbouring pages ("": there is none)."""

    lines: Sequence[BulkCancellationLine]
    next_cursor: str = ""
    previous_cursor: str = ""


def page_of_bulk(bulk: BulkCancellation, *, cursor: str, only_failed: bool) -> Page:
    """One page of a bulk's lines, cut by their position.

    A cursor is `after-` or `before-` and a position; whatever else comes is the first page.
    """
    lines = _of_bulk(bulk, only_failed=only_failed)
    way, _, place = cursor.partition("-")
    position = int(place) if place.isascii() and place.isdecimal() and len(place) < len(str(10**9)) else None
    if way == "before" and position is not None:
        found = list(lines.filter(position__lt=position).order_by("-position")[: LINES_PER_PAGE + 1])
        has_more_before, has_more_after = len(found) > LINES_PER_PAGE, True
        found = found[:LINES_PER_PAGE][::-1]
    else:
        if way == "after" and position is not None:
            lines = lines.filter(position__gt=position)
            has_more_before = True
        else:
            has_more_before = False
        found = list(lines.order_by("position")[: LINES_PER_PAGE + 1])
        has_more_after = len(found) > LINES_PER_PAGE
        found = found[:LINES_PER_PAGE]
    attach_lines(line.order for line in found)
    return Page(
        found,
        next_cursor=f"after-{found[-1].position}" if found and has_more_after else "",
        previous_cursor=f"before-{found[0].position}" if found and has_more_before else "",
    )


def _of_bulk(bulk: BulkCancellation, *, only_failed: bool) -> QuerySet[BulkCancellationLine]:
    lines = bulk.lines.select_related("order")
    return lines.filter(result=BulkCancellationLine.Result.ERROR) if only_failed else lines


@dataclass(frozen=True, slots=True)
class Sums:
    """How a bulk ended: orders cancelled, those of them that count, cancelled before, refused."""

    done: int
    counted: int
    unchanged: int
    failed: int


def sums_of_bulk(bulk: BulkCancellation) -> Sums:
    """The results of a bulk's lines, added up."""
    result = BulkCancellationLine.Result
    return Sums(
        **bulk.lines.aggregate(
            done=Count("pk", filter=Q(result=result.DONE)),
            counted=Count("pk", filter=Q(result=result.DONE, counted=True)),
            unchanged=Count("pk", filter=Q(result=result.NO_CHANGE)),
            failed=Count("pk", filter=Q(result=result.ERROR)),
        )
    )
