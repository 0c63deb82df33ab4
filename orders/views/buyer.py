"""アカウントサービス, 注文履歴, 注文内容, and the demo's test order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import PersonRequest, buyer_of, buyer_page
from accounts.queries import sellers
from cancellations import policy
from cancellations import queries as cancellation_queries
from cancellations.policy import Refusal
from cancellations.wording import ALREADY_SHIPPED, refusal, span
from orders import lists
from orders.actions import ItemDraft, OrderDraft, place_orders
from orders.forms import TestOrderForm
from orders.outcomes import Refused
from orders.queries import local_day, order_of_buyer
from orders.rules import Status, cancelled_amount
from payments.wording import TEST_ANSWERS
from sellercentral.templatetags.portal import yen

from .acts import done_once
from .history import Story
from .money import money_of


@dataclass(slots=True)
class Standing:
    """One order as its buyer sees it: exactly one way to end it early, or why there is none."""

    order: Any  # a whole order, or a row of the list
    facts: policy.OrderFacts
    asked: cancellation_queries.Asked
    rules: policy.Rules
    now: datetime
    cannot: Mapping[int, str]
    titles: Mapping[int, str]
    cancelled_at: datetime | None = None
    cancelled_amount: Decimal = Decimal(0)

    @property
    def to_pay(self) -> Decimal | None:
        """The order's total without what was cancelled; None if a price is unknown."""
        return None if self.order.total is None else self.order.total - self.cancelled_amount

    @property
    def request(self):
        """The open request, if there is one."""
        return self.asked.open

    @property
    def requested(self) -> list[tuple[str, int]]:
        """What the open request still covers: title and units."""
        covered = self.facts.request.covered if self.facts.request else {}
        return [(self.titles[key], quantity) for key, quantity in covered.items()]

    @property
    def units(self) -> dict[int, int]:
        """The units that a request may be about: open ones of items that may be cancelled."""
        return {key: quantity for key, quantity in self.facts.open_units().items() if key not in self.cannot}

    @property
    def way(self) -> str:
        """`direct`, `withdraw` or `request`; empty if the order cannot be ended early."""
        if self.request:
            return "withdraw"
        if not self.why_not_direct:
            return "direct"
        return "" if self.why_not_request else "request"

    @property
    def why_not_direct(self) -> Refusal | None:
        """Why the buyer cannot cancel alone."""
        return policy.why_buyer_cannot_cancel(self.facts, self.facts.open_units(), self.rules, self.now)

    @property
    def why_not_request(self) -> Refusal | None:
        """Why the buyer cannot ask the seller."""
        if self.facts.open_units() and not self.units:
            return Refusal.ITEM_NOT_BUYER_CANCELABLE
        return policy.why_buyer_cannot_request(self.facts, self.units, self.rules, local_day(self.now))

    @property
    def requests_left(self) -> int:
        """How often the buyer may still ask after withdrawing."""
        return max(self.rules.max_requests_per_order - self.facts.requests_made, 0)

    @property
    def direct_until(self) -> datetime | None:
        """The end of the direct window; None while payment is being verified, when there is no end."""
        if self.order.status == Status.PENDING and self.rules.direct_cancel_while_pending:
            return None
        return policy.direct_until(self.facts, self.rules)

    @property
    def may_ask_later(self) -> bool:
        """Whether a request is possible once the window is over."""
        return not self.why_not_request

    @property
    def minutes(self) -> int:
        """Length of the direct window."""
        return policy.direct_minutes(self.facts, self.rules)

    @property
    def window(self) -> str:
        """Length of the direct window, in words."""
        return span(self.minutes)

    @property
    def why_not(self) -> str:
        """Why nothing can be done, in one line."""
        if self.order.status == Status.SHIPPED:
            return str(ALREADY_SHIPPED)
        if self.facts.marketplace_fulfilled and self.facts.open_units():
            return _("%(brand)sが出荷するご注文です。キャンセルについては、%(brand)sにお問い合わせください。") % {
                "brand": settings.BRAND_NAME
            }
        code = self.why_not_request
        if code == Refusal.ITEM_NOT_BUYER_CANCELABLE:
            return " ".join({reason for reason in self.cannot.values() if reason}) or refusal(code)
        return refusal(code) if code else ""


def _asked_of(order_ids: Sequence[int]) -> dict[int, cancellation_queries.Asked]:
    """What was asked about these orders, and how long their shops let buyers cancel alone."""
    return cancellation_queries.with_shop_windows(order_ids, cancellation_queries.asked_of(order_ids))


def standing_of(order, now: datetime) -> Standing:
    """Put the buyer's order beside what was asked about it."""
    asked = _asked_of([order.pk]).get(order.pk) or cancellation_queries.Asked()
    cannot = {line.pk: line.not_cancelable_reason for line in order.lines if not line.buyer_cancelable}
    facts = cancellation_queries.facts_of(order, asked)
    titles = {line.pk: line.title for line in order.lines}
    return Standing(
        order, facts, asked, cancellation_queries.rules_at(now), now, cannot, titles, order.cancelled_at
    )


@require_safe
@buyer_page
def account(request: PersonRequest) -> HttpResponse:
    """アカウントサービス: where everything of the buyer begins."""
    return render(request, "orders/buyer_account.html", {"here": "account"})


@require_safe
@buyer_page
def orders(request: PersonRequest) -> HttpResponse:
    """注文履歴: newest first, each order with one way to end it early or why there is none."""
    now = timezone.now()
    wanted = request.GET.get("q", "").replace("\x00", "")[:100]
    cursor = request.GET.get("cursor", "")
    try:
        page = lists.page_of_buyer(request.user.pk, q=wanted, cursor=cursor)
    except lists.BadCursor:
        page = lists.page_of_buyer(request.user.pk, q=wanted, cursor="")
    return render(
        request,
        "orders/buyer_orders.html",
        {
            "here": "orders",
            "now": now,
            "q": wanted,
            "page": page,
            "standings": _standings(page.rows, now),
        },
    )


def _standings(rows: Sequence[lists.Row], now: datetime) -> list[Standing]:
    order_ids = [row.pk for row in rows]
    asked = _asked_of(order_ids) if rows else {}
    cannot = lists.not_cancelable_in(order_ids) if rows else {}
    rules = cancellation_queries.rules_at(now)
    return [
        _standing_of_row(row, asked.get(row.pk) or cancellation_queries.Asked(), cannot, rules, now)
        for row in rows
    ]


def _standing_of_row(
    row: lists.Row,
    asked: cancellation_queries.Asked,
    cannot: Mapping[int, str],
    rules: policy.Rules,
    now: datetime,
) -> Standing:
    facts = policy.OrderFacts(
        status=row.status,
        placed_at=row.placed_at,
        items=tuple(
            policy.ItemFacts(
                line.key, line.ordered, line.shipped, line.cancelled, buyer_cancelable=line.key not in cannot
            )
            for line in row.lines
        ),
        ship_by_date=row.ship_by_date,
        auto_cancel_due_at=row.auto_cancel_due_at,
        on_hold=row.on_hold,
        marketplace_fulfilled=row.fulfillment_channel == "MARKETPLACE",
        request=cancellation_queries.open_request_facts(asked),
        requests_made=asked.made,
        was_declined=asked.was_declined,
        shop_direct_minutes=asked.shop_direct_minutes,
    )
    of_order = {line.key: cannot[line.key] for line in row.lines if line.key in cannot}
    titles = {line.key: line.title for line in row.lines}
    cancelled = cancelled_amount(
        ((line.amount, line.ordered, line.cancelled) for line in row.lines), currency=row.currency
    )
    return Standing(row, facts, asked, rules, now, of_order, titles, row.cancelled_at, cancelled)


def find_order(request: PersonRequest, number: str):
    """The buyer's own order, or 404: the same for unknown ones and other people's."""
    found = order_of_buyer(request.user.pk, number)
    if found is None:
        raise Http404
    return found


@require_safe
@buyer_page
def order(request: PersonRequest, number: str) -> HttpResponse:
    """注文内容: items, money, how far a request has come, and what happened."""
    now = timezone.now()
    found = find_order(request, number)
    story = Story(found)
    return render(
        request,
        "orders/buyer_order.html",
        {
            "here": "orders",
            "now": now,
            "order": found,
            "standing": standing_of(found, now),
            "requests": [
                (each, [(line.item.title, line.quantity) for line in each.items.all()]) for each in story.requests
            ],
            "shipments": story.shipments,
            "story": story.for_buyer(),
            "money": money_of(found),
        },
    )


# --- テスト注文 ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Goods:
    """Something to order in the demo."""

    sku: str
    title: str
    price: int


GOODS = {
    goods.sku: goods
    for goods in (
        Goods("CAN-S12", "ステンレス製じょうろ 1.2L 細口", 2200),
        Goods("POT-T5-02", "素焼き鉢 5号（受け皿つき）", 980),
        Goods("KIT-HERB-3W", "ハーブ栽培キット（バジル・ミント・パセリ）木製プランターつき", 3480),
        Goods("SEED-BSL", "バジルの種 200粒", 280),
    )
}
DAYS_TO_SHIP = 3


@require_http_methods(["GET", "HEAD", "POST"])
@buyer_page
def test_order(request: PersonRequest) -> HttpResponse:
    """テスト注文: place an order in the demo, to try the minutes in which a buyer cancels alone."""
    if not settings.DEMO:
        raise Http404
    now = timezone.now()
    form = TestOrderForm(
        request.POST if request.method == "POST" else None,
        sellers=[(shop.pk, shop.name) for shop in sellers()],
        payments=TEST_ANSWERS,
        goods=[(goods.sku, f"{goods.title} · {yen(Decimal(goods.price))}") for goods in GOODS.values()],
    )
    if form.is_bound and form.is_valid():
        try:
            answer = done_once(request, form, ["test-order"], lambda: _place(request, form, now), now=now)
        except Refused as refused:
            form.add_error(None, refusal(refused.code))
        else:
            messages.success(request, _("テスト注文を受け付けました。"))
            return redirect("buyer:order", answer["number"])
    return render(
        request,
        "orders/buyer_test_order.html",
        {"here": "test-order", "form": form, "minutes": cancellation_queries.rules_at(now).direct_cancel_minutes},
    )


def _place(request: PersonRequest, form: TestOrderForm, now: datetime) -> dict:
    goods, quantity = GOODS[form.cleaned_data["goods"]], form.cleaned_data["quantity"]
    (placed,) = place_orders(
        drafts=[
            OrderDraft(
                seller_id=form.cleaned_data["seller"],
                buyer_id=request.user.pk,
                placed_at=now,
                items=[
                    ItemDraft(
                        sku=goods.sku,
                        title=goods.title,
                        quantity=quantity,
                        item_price=Decimal(goods.price * quantity),
                        shipping_price=Decimal(500),
                    )
                ],
                recipient={
                    "name": request.user.name,
                    "postal_code": "150-0000",
                    "state": "東京都",
                    "city": "渋谷区",
                    "line1": "見本 4-5-6",
                },
                payment_verified_at=None if form.cleaned_data["is_pending"] else now,
                ship_by_date=local_day(now) + timedelta(days=DAYS_TO_SHIP),
                service_level=_("通常配送"),
                payment_method=form.cleaned_data["payment"],
            )
        ],
        auto_cancel_days=cancellation_queries.rules_at(now).auto_cancel_days,
        by=buyer_of(request),
        now=now,
    )
    return {"number": placed.number}
