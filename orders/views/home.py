"""ホーム: what waits for an answer, what is about to be cancelled, what happened meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import ShopRequest, last_visit, seller_page
from accounts.actors import Role
from cancellations.closure_queries import closures_told
from cancellations.queries import rules_at
from cancellations.wording import area_words
from messaging.queries import unread_threads
from metrics.queries import forecast_of, parts_of_rate, standing_from, window_at
from metrics.wording import short
from orders import lists
from orders.queries import count_due_on, local_day, news_of_seller

from .standing import standings_of

HOME_ROWS = 5
NEWS_ROWS = 10
# Whoever signs in for the first time sees what happened within this time.
FIRST_LOOK_BACK = timedelta(hours=24)


@require_safe
@seller_page
def home(request: ShopRequest) -> HttpResponse:
    """ホーム: work by deadline, and what others did to the shop's orders since the last visit."""
    now = timezone.now()
    seller_id = request.membership.seller_id
    rules = rules_at(now)
    parts = parts_of_rate(seller_id, window_at(now, rules))
    counts = lists.counts_of_seller(seller_id, now=now, besides={"unread": unread_threads(seller_id)}, also=parts)
    asked, due = _rows(request, lists.Wish(requested=True), now), _rows(request, lists.Wish(due=True), now)
    # An order that is about to be cancelled is late as well: it is shown once, where it hurts more.
    late = _rows(request, lists.Wish(only_late=True), now)
    standings = standings_of([*asked, *due, *late], may_act=request.membership.may_act, rules=rules)
    rate = standing_from(seller_id, counts, at=now, rules=rules)
    forecast = forecast_of(rate, seller_id) if counts["due"] else None
    before = last_visit(request)
    news = news_of_seller(seller_id, since=before or now - FIRST_LOOK_BACK, limit=NEWS_ROWS)
    return render(
        request,
        "orders/seller_home.html",
        {
            "here": "home",
            "now": now,
            "waiting": counts["requested"],
            "counts": counts,
            "unread": counts["unread"],
            "rate": rate,
            "limit": short(rate.target.limit),
            "forecast": forecast,
            "closures": [(each, area_words(each.area)) for each in closures_told(now)],
            "ship_today": count_due_on(seller_id, local_day(now), cap=lists.CHIP_CAP),
            "asked": standings[: len(asked)],
            "due": standings[len(asked) : len(asked) + len(due)],
            "late": standings[len(asked) + len(due) :],
            "last_visit": before,
            "news": [_told(event) for event in news],
        },
    )


def _rows(request: ShopRequest, wish: lists.Wish, now: datetime) -> Sequence[lists.Row]:
    return lists.page_of_seller(request.membership.seller_id, wish, cursor="", now=now, size=HOME_ROWS).rows


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened: a sign, what, to which order, when."""

    icon: str
    what: str
    number: str
    at: datetime


def _told(event) -> News:
    """What somebody else did, in one sentence."""
    match event.name, event.role:
        case "cancellation.requested", _who:
            icon, what = "undo", _("購入者がキャンセルをリクエストしました")
        case "cancellation.withdrawn", _who:
            icon, what = "undo", _("購入者がリクエストを取り下げました")
        case _name, Role.BUYER:
            icon, what = "cross", _("購入者がキャンセルしました")
        case _name, Role.MARKETPLACE:
            icon, what = "cross", _("%(brand)sがキャンセルしました") % {"brand": settings.BRAND_NAME}
        case _:
            icon, what = "alert", _("自動的にキャンセルされました")
    return News(icon, what, event.order.number, event.happened_at)
