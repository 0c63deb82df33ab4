"""納品書 and ピッキングリスト: paper for whoever packs, with the stop that an open request puts on it (domain 7.6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import ShopRequest, seller_page
from cancellations import policy
from cancellations import queries as cancellation_queries
from cancellations.policy import Refusal
from cancellations.wording import refusal
from orders.actions import note_slips_printed
from orders.queries import orders_by_number
from orders.rules import share, sum_or_none
from orders.views.standing import find_order
from shipments import queries

# So many numbers fit into an address that every server takes; a pick list of all orders needs none of them.
MOST_CHOSEN = 200
MOST_PICKED = 500


@dataclass(frozen=True, slots=True)
class SlipLine:
    """Units of one item that are still to be sent; `requested` of them the buyer asks to cancel."""

    title: str
    sku: str
    quantity: int
    requested: int
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class Slip:
    """One order on paper: what is still to be sent of it, and why it is left out if it is."""

    order: Any
    lines: Sequence[SlipLine]
    is_requested: bool
    is_partly_requested: bool
    why_not: Refusal | None
    shipping: Decimal
    is_rest: bool

    @property
    def goods(self) -> Decimal | None:
        """The money of these goods; None if a price is unknown."""
        return sum_or_none(line.amount for line in self.lines)

    @property
    def total(self) -> Decimal | None:
        """The money of these goods and of sending them; None if a price is unknown."""
        return sum_or_none([self.goods, self.shipping])


@require_safe
@seller_page
def packing_slip(request: ShopRequest, number: str) -> HttpResponse:
    """納品書 of one order. A requested one is printed too, under the stop: it was asked for by name."""
    (slip,) = _slips([find_order(request, number)])
    if slip.why_not:
        messages.warning(request, _why_not_printed(slip))
        return redirect("seller:order", number)
    _note_printed(request, [slip])
    return _show(request, "shipments/packing_slips.html", [slip], slips=[slip], single=True)


@require_safe
@seller_page
def packing_slips(request: ShopRequest) -> HttpResponse:
    """納品書 of the chosen orders, one per page; requested ones only if the box for them is ticked."""
    numbers = _chosen(request)
    if len(numbers) > MOST_CHOSEN:
        return _show(request, "shipments/packing_slips.html", [], too_many=MOST_CHOSEN)
    slips = _slips(_chosen_orders(request, numbers))
    printed = [slip for slip in slips if not slip.why_not and (_with_requested(request) or not slip.is_requested)]
    _note_printed(request, printed)
    return _show(request, "shipments/packing_slips.html", slips, slips=printed)


@require_safe
@seller_page
def pick_list(request: ShopRequest) -> HttpResponse:
    """ピッキングリスト: units to fetch of each SKU, for the chosen orders or for all that wait for shipment."""
    numbers = _chosen(request)
    if len(numbers) > MOST_CHOSEN:
        return _show(request, "shipments/pick_list.html", [], too_many=MOST_CHOSEN)
    if numbers:
        waiting = _chosen_orders(request, numbers)
    else:
        waiting = queries.orders_to_send(request.membership.seller_id, limit=MOST_PICKED + 1)
    is_cut = len(waiting) > MOST_PICKED
    slips = _slips(waiting[:MOST_PICKED])
    picked = [slip for slip in slips if not slip.why_not and (_with_requested(request) or not slip.is_requested)]
    return _show(
        request,
        "shipments/pick_list.html",
        slips,
        slips=picked,
        goods=_goods(picked),
        cut_at=MOST_PICKED if is_cut else 0,
        chosen=bool(numbers),
    )


def _chosen(request: ShopRequest) -> list[str]:
    """The numbers of the chosen orders, each once."""
    return list(dict.fromkeys(request.GET.getlist("order")))


def _with_requested(request: ShopRequest) -> bool:
    return request.GET.get("requested") == "1"


def _chosen_orders(request: ShopRequest, numbers: Sequence[str]) -> list:
    """The shop's orders of these numbers, or 404: the same for unknown ones and other shops'."""
    if not all(number.isprintable() for number in numbers):
        raise Http404
    found = orders_by_number(request.membership.seller_id, numbers)
    if len(found) != len(numbers):
        raise Http404
    return found


def _note_printed(request: ShopRequest, slips: Sequence[Slip]) -> None:
    """Keep that these were printed: a shop's rules may approve requests by themselves only before (domain 8)."""
    fresh = [slip.order.pk for slip in slips if slip.order.slip_printed_at is None]
    if fresh and request.method == "GET":
        note_slips_printed(fresh, now=timezone.now())


def _slips(found: Sequence) -> list[Slip]:
    """What is still to be sent of these orders, beside what was asked about them."""
    asked = cancellation_queries.asked_of(order.pk for order in found)
    return [_slip(order, cancellation_queries.facts_of(order, asked.get(order.pk))) for order in found]


def _slip(order, facts: policy.OrderFacts) -> Slip:
    covered = facts.request.covered if facts.request else {}
    lines = [
        SlipLine(
            line.title,
            line.sku,
            line.quantity_open,
            covered.get(line.pk, 0),
            line.goods_amount
            and share(
                amount=line.goods_amount,
                units=line.quantity_ordered,
                before=line.quantity_ordered - line.quantity_open,
                taken=line.quantity_open,
                currency=order.currency,
            ),
        )
        for line in order.lines
        if line.quantity_open
    ]
    return Slip(
        order,
        lines,
        is_requested=facts.request is not None,
        is_partly_requested=facts.request is not None and not policy.covers(covered, facts.open_units()),
        why_not=policy.why_seller_cannot_confirm(
            facts, facts.open_units(), interlock=policy.Interlock.ASK, says_already_shipped=True
        ),
        shipping=sum((line.shipping_amount for line in order.lines), Decimal(0)),
        is_rest=any(line.quantity_shipped for line in order.lines),
    )


@dataclass(slots=True)
class Goods:
    """Units of one SKU to fetch, and for how many orders; `requested` of them under an open request."""

    sku: str
    title: str
    quantity: int = 0
    requested: int = 0
    orders: int = 0


def _goods(slips: Sequence[Slip]) -> list[Goods]:
    """All units of these orders by SKU, in the order of the SKUs, as shelves are."""
    by_sku: dict[tuple[str, str], Goods] = {}
    for slip in slips:
        for line in slip.lines:
            goods = by_sku.setdefault((line.sku, line.title), Goods(line.sku, line.title))
            goods.quantity += line.quantity
            goods.requested += line.requested
            goods.orders += 1
    return [by_sku[key] for key in sorted(by_sku)]


def _show(
    request: ShopRequest, template: str, asked_for: Sequence[Slip], *, slips: Sequence[Slip] = (), **more
) -> HttpResponse:
    """A page of paper: what is printed, and what was left out with why."""
    printed = {slip.order.number for slip in slips}
    left_out = [slip for slip in asked_for if slip.order.number not in printed]
    return render(
        request,
        template,
        {
            "here": "orders",
            "now": timezone.now(),
            "slips": slips,
            "requested_printed": sum(slip.is_requested for slip in slips),
            "requested_left_out": [slip for slip in left_out if not slip.why_not],
            "left_out": [(slip, _why_left_out(slip)) for slip in left_out if slip.why_not],
            "with_requested": _with_requested(request),
            "numbers": _chosen(request),
            **more,
        },
    )


def _why_not_printed(slip: Slip) -> str:
    """Why an order has no packing slip, in a sentence."""
    if slip.order.status == "PENDING":
        return _("お支払いの確認中のため、納品書を印刷できません。")
    if slip.why_not == Refusal.ORDER_ON_HOLD:
        return refusal(slip.why_not)
    return _("出荷する商品がないため、納品書を印刷できません。")


def _why_left_out(slip: Slip) -> str:
    """Why nothing is printed for an order, in a few words."""
    if slip.order.status == "PENDING":
        return _("お支払いの確認中です")
    if slip.why_not == Refusal.ORDER_ON_HOLD:
        return refusal(slip.why_not)
    return _("出荷する商品がありません")
