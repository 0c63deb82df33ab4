"""注文管理: the shop's orders."""

from dataclasses import replace
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import ShopRequest, seller_page
from cancellations.queries import rules_at
from cancellations.wording import BANNER
from messaging.queries import unread_threads
from metrics.queries import parts_of_rate, standing_from, window_at
from orders import lists
from orders.forms import FilterForm
from orders.rules import Status

from .standing import mark_seen, standings_of

STATUS_OF_TAB = {
    "pending": Status.PENDING,
    "unshipped": Status.UNSHIPPED,
    "partially-shipped": Status.PARTIALLY_SHIPPED,
    "shipped": Status.SHIPPED,
    "cancelled": Status.CANCELED,
}


@require_safe
@seller_page
def orders(request: ShopRequest) -> HttpResponse:
    """注文管理: the shop's orders, what runs out first at the top."""
    now = timezone.now()
    seller_id = request.membership.seller_id
    form = FilterForm(request.GET)
    is_readable = form.is_valid()
    tab = request.GET.get("status", "")
    wish = lists.Wish(
        status=STATUS_OF_TAB.get(tab, ""),
        requested=request.GET.get("requested") == "1",
        due=request.GET.get("due") == "1",
        late=request.GET.get("late") == "1",
        q=form.cleaned_data.get("q", ""),
        placed_from=form.cleaned_data.get("placed_from"),
        placed_to=form.cleaned_data.get("placed_to"),
        sort=form.cleaned_data.get("sort") or lists.SORT_ANSWER,
    )
    page = _page(seller_id, wish, request.GET.get("cursor", ""), now) if is_readable else lists.Page([])
    rules = rules_at(now)
    rows = standings_of(page.rows, may_act=request.membership.may_act, rules=rules)
    mark_seen(
        seller_id,
        [row.order.pk for row in rows if row.request and not row.request.seen_at],
        now,
    )
    parts = parts_of_rate(seller_id, window_at(now, rules))
    counts = lists.counts_of_seller(seller_id, now=now, besides={"unread": unread_threads(seller_id)}, also=parts)
    return render(
        request,
        "orders/seller_orders.html",
        {
            "here": "orders",
            "now": now,
            "waiting": counts["requested"],
            "unread": counts["unread"],
            "rate": standing_from(seller_id, counts, at=now, rules=rules),
            "counts": counts,
            "tabs": [
                ("", _("すべて"), 0),
                ("pending", _("保留中"), counts["PENDING"]),
                ("unshipped", _("未出荷"), counts["UNSHIPPED"]),
                ("partially-shipped", _("一部出荷済み"), counts["PARTIALLY_SHIPPED"]),
                ("shipped", _("出荷済み"), 0),
                ("cancelled", _("キャンセル済み"), 0),
            ],
            "tab": tab if tab in STATUS_OF_TAB else "",
            "form": form,
            "wish": wish,
            "unreadable": not is_readable,
            "may_choose": any(row.may_choose for row in rows),
            "narrowed": replace(wish, sort=lists.SORT_ANSWER) != lists.Wish(),
            "rows": rows,
            "page": page,
            "soon": now + lists.CANCEL_SOON,
            "banner": BANNER,
        },
    )


def _page(seller_id: int, wish: lists.Wish, cursor: str, now: datetime) -> lists.Page:
    """One page of the list; a cursor of another list begins it anew."""
    try:
        return lists.page_of_seller(seller_id, wish, cursor=cursor, now=now)
    except lists.BadCursor:
        return lists.page_of_seller(seller_id, wish, cursor="", now=now)
