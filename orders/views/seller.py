"""注文管理 and 注文の詳細."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import ShopRequest, seller_page
from cancellations import policy
from cancellations import queries as cancellation_queries
from cancellations.actions import see_requests
from cancellations.forms import CancelForm
from cancellations.policy import Reason
from cancellations.wording import BANNER, reason_label, sentence
from orders import lists
from orders.forms import FilterForm
from orders.queries import order_of_seller
from orders.rules import Status
from payments.queries import charges_of, refunded

from .history import Story

STATUS_OF_TAB = {
    "pending": Status.PENDING,
    "unshipped": Status.UNSHIPPED,
    "partially-shipped": Status.PARTIALLY_SHIPPED,
    "shipped": Status.SHIPPED,
    "cancelled": Status.CANCELED,
}


@dataclass(frozen=True, slots=True)
class Act:
    """One way on from a row: its address, its words, how loud it is; `answers` if it answers the open request."""

    url: str
    words: str
    kind: str
    answers: bool = False


@dataclass
class Standing:
    """One order as its shop sees it: the open request, and what may be done about it."""

    order: Any  # a whole order, or a row of the list
    facts: policy.OrderFacts
    request: Any  # the open request or its note in the list; None without one
    titles: Mapping[int, str]
    may_act: bool
    rules: policy.Rules
    note: cancellation_queries.Note | None = None

    @cached_property
    def whole_request(self) -> bool:
        """Whether the open request covers all that is open."""
        covered = self.facts.request.covered if self.facts.request else None
        return policy.covers(covered, self.facts.open_units())

    @property
    def requested(self) -> list[tuple[str, int]]:
        """What the open request still covers: title and units."""
        covered = self.facts.request.covered if self.facts.request else {}
        return [(self.titles[key], quantity) for key, quantity in covered.items()]

    @cached_property
    def may_cancel(self) -> bool:
        """Whether the whole order may be cancelled here."""
        return self.may_act and not policy.why_seller_cannot_cancel(
            self.facts, self.facts.open_units(), whole=True
        )

    @cached_property
    def may_cancel_items(self) -> bool:
        """Whether open units may be cancelled here."""
        return self.may_act and not policy.why_seller_cannot_cancel(
            self.facts, self.facts.open_units(), whole=False
        )

    @cached_property
    def may_ship(self) -> bool:
        """Whether a shipment may be confirmed here, an open request aside."""
        return self.may_act and not policy.why_seller_cannot_confirm(
            self.facts, self.facts.open_units(), interlock=policy.Interlock.ASK, says_already_shipped=True
        )

    @cached_property
    def may_decline(self) -> bool:
        """Whether the open request may be declined here."""
        return self.may_act and not policy.why_seller_cannot_decline(self.facts, self.rules)

    @property
    def hides_buyer(self) -> bool:
        """Whether payment was never verified, so that the buyer stays unnamed: also if the order ended before."""
        return self.order.payment_verified_at is None

    @cached_property
    def units_open(self) -> int:
        """Open units in all."""
        return sum(self.facts.open_units().values())

    @property
    def units_shipped(self) -> int:
        """Shipped units in all."""
        return sum(item.shipped for item in self.facts.items)

    @property
    def units_ordered(self) -> int:
        """Ordered units in all."""
        return sum(item.ordered for item in self.facts.items)

    @property
    def reason_of_end(self) -> str:
        """Why a cancelled order was cancelled, in words."""
        if self.order.status != Status.CANCELED or not (self.note and self.note.reason):
            return ""
        return reason_label(self.note.reason)

    @cached_property
    def url(self) -> str:
        """Where the order is shown."""
        return reverse("seller:order", args=[self.order.number])

    def act(self, name: str, words: str, kind: str, *, answers: bool = False) -> Act:
        """A way on to one of the order's own pages."""
        return Act(reverse(f"seller:{name}", args=[self.order.number]), words, kind, answers)

    @property
    def waits(self) -> str:
        """Why nothing can be done just now, in words."""
        if self.order.status == Status.PENDING:
            return _("お支払いの確認中です")
        return (
            _("%(brand)sが確認中です") % {"brand": settings.BRAND_NAME}
            if self.order.on_hold and self.units_open
            else ""
        )

    @property
    def acts(self) -> list[Act]:
        """The アクション column: at most one of them is loud, and that one answers the open request."""
        asked = self.request is not None
        ship, cancel, items = _("出荷通知を送信"), _("注文キャンセル"), _("一部キャンセル")
        if self.may_cancel and self.whole_request:
            return [
                self.act("order-cancel", cancel, "btn btn-main btn-low", answers=True),
                self.act("order-confirm-shipment", ship, "small heavy"),
            ]
        if self.may_cancel and asked:
            return [
                self.act("order-cancel-items", items, "btn btn-main btn-low", answers=True),
                self.act("order-cancel", cancel, "btn btn-line btn-low"),
            ]
        if self.may_cancel:
            return [
                self.act("order-confirm-shipment", ship, "btn btn-line btn-low"),
                self.act("order-cancel", cancel, "btn btn-line btn-low"),
            ]
        if self.may_cancel_items and asked:
            return [
                self.act("order-cancel-items", items, "btn btn-main btn-low", answers=True),
                self.act("order-confirm-shipment", ship, "small heavy"),
            ]
        if self.may_cancel_items:
            return [
                self.act("order-confirm-shipment", ship, "btn btn-line btn-low"),
                self.act("order-cancel-items", items, "btn btn-line btn-low"),
            ]
        return [Act(self.url, _("詳細を見る"), "small heavy")]


def standing_of(request: ShopRequest, order, now: datetime) -> Standing:
    """Put an order of the shop beside what was asked about it."""
    asked = cancellation_queries.asked_of([order.pk]).get(order.pk)
    return Standing(
        order,
        cancellation_queries.facts_of(order, asked),
        asked.open if asked else None,
        {line.pk: line.title for line in order.lines},
        request.membership.may_act,
        cancellation_queries.rules_at(now),
    )


HOME_ROWS = 5


@require_safe
@seller_page
def home(request: ShopRequest) -> HttpResponse:
    """ホーム: what waits for an answer and what is about to be cancelled, by deadline."""
    now = timezone.now()
    seller_id, may_act = request.membership.seller_id, request.membership.may_act
    asked = lists.page_of_seller(seller_id, lists.Wish(requested=True), cursor="", now=now, size=HOME_ROWS)
    due = lists.page_of_seller(seller_id, lists.Wish(due=True), cursor="", now=now, size=HOME_ROWS)
    counts = lists.counts_of_seller(seller_id, now=now)
    return render(
        request,
        "orders/seller_home.html",
        {
            "here": "home",
            "now": now,
            "waiting": counts["requested"],
            "counts": counts,
            "asked": _standings(asked.rows, may_act=may_act, now=now),
            "due": _standings(due.rows, may_act=may_act, now=now),
        },
    )


@require_safe
@seller_page
def orders(request: ShopRequest) -> HttpResponse:
    """注文管理: the shop's orders, what runs out first at the top."""
    now = timezone.now()
    seller_id = request.membership.seller_id
    form = FilterForm(request.GET)
    form.is_valid()
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
    cursor = request.GET.get("cursor", "")
    try:
        page = lists.page_of_seller(seller_id, wish, cursor=cursor, now=now)
    except lists.BadCursor:
        page = lists.page_of_seller(seller_id, wish, cursor="", now=now)
    rows = _standings(page.rows, may_act=request.membership.may_act, now=now)
    _mark_seen(
        seller_id,
        [row.order.pk for row in rows if row.request and not row.request.seen_at],
        now,
    )
    counts = lists.counts_of_seller(seller_id, now=now)
    return render(
        request,
        "orders/seller_orders.html",
        {
            "here": "orders",
            "now": now,
            "waiting": counts["requested"],
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
            "narrowed": replace(wish, sort=lists.SORT_ANSWER) != lists.Wish(),
            "rows": rows,
            "page": page,
            "soon": now + lists.CANCEL_SOON,
            "banner": BANNER,
        },
    )


def _standings(rows: Sequence[lists.Row], *, may_act: bool, now: datetime) -> list[Standing]:
    """Put each row of the list beside its open request."""
    notes = cancellation_queries.notes_for([row.pk for row in rows]) if rows else {}
    rules = cancellation_queries.rules_at(now)
    return [
        Standing(
            row,
            facts_of_row(row, notes[row.pk]),
            notes[row.pk].request,
            {line.key: line.title for line in row.lines},
            may_act,
            rules,
            notes[row.pk],
        )
        for row in rows
    ]


def facts_of_row(row: lists.Row, note: cancellation_queries.Note) -> policy.OrderFacts:
    """What the policy looks at, from a row of a list."""
    request = note.request
    return policy.OrderFacts(
        status=row.status,
        placed_at=row.placed_at,
        items=tuple(policy.ItemFacts(line.key, line.ordered, line.shipped, line.cancelled) for line in row.lines),
        ship_by_date=row.ship_by_date,
        auto_cancel_due_at=row.auto_cancel_due_at,
        on_hold=row.on_hold,
        marketplace_fulfilled=row.fulfillment_channel == "MARKETPLACE",
        request=policy.RequestFacts(request.pk, request.requested_at, request.covered) if request else None,
    )


def _mark_seen(seller_id: int, order_ids: Sequence[int], now: datetime) -> None:
    """Keep that a person of the shop has seen the requests on these orders; once each (domain 8)."""
    if order_ids:
        see_requests(seller_id=seller_id, order_ids=order_ids, now=now)


@require_safe
@seller_page
def order(request: ShopRequest, number: str) -> HttpResponse:
    """注文の詳細: the request and what to do about it, the cancel form, items, money, story."""
    return show_order(request, find_order(request, number), timezone.now())


def find_order(request: ShopRequest, number: str):
    """The shop's order, or 404: the same for unknown ones and other shops'."""
    found = order_of_seller(request.membership.seller_id, number)
    if found is None:
        raise Http404
    return found


@dataclass(frozen=True, slots=True)
class Effect:
    """What cancelling for one reason does to the rate, in words."""

    reason: str = ""
    label: str = ""
    counted: bool = False
    why: str = ""
    no_stock: bool = False


def effects_of(standing: Standing, now: datetime) -> dict[str, Effect]:
    """The effect of every reason of the list on cancelling the whole order."""
    units = standing.facts.open_units()
    verdicts = cancellation_queries.verdicts_for(
        standing.order, standing.facts, units=units, rules=cancellation_queries.rules_at(now)
    )
    return {
        reason.value: Effect(
            reason.value,
            reason_label(reason),
            verdict.counted,
            sentence(verdict.code, verdict.counted)
            if verdict.counted
            else _("公式のキャンセルリクエストがあり、注文全体が対象です。"),
            reason == Reason.NO_INVENTORY,
        )
        for reason, verdict in verdicts.items()
    }


def show_order(
    request: ShopRequest,
    found,
    now,
    *,
    form: CancelForm | None = None,
    question: str = "",
    changes_since: int | None = None,
) -> HttpResponse:
    """The page of an order, with a cancel form that was sent and came back if there is one."""
    standing = standing_of(request, found, now)
    if standing.request and not standing.request.seen_by_seller_at:
        _mark_seen(found.seller_id, [found.pk], now)
    story = Story(found)
    effects = effects_of(standing, now) if standing.may_cancel else {}
    if form is None:
        form = CancelForm(initial=_preselected(standing, request))
    chosen = form["reason"].value() or ""
    charge = charges_of([found.pk]).get(found.pk)
    return render(
        request,
        "orders/seller_order.html",
        {
            "here": "orders",
            "now": now,
            "order": found,
            "standing": standing,
            "asked": standing.request,
            "banner": BANNER,
            "form": form,
            "effects": effects.values(),
            "effect": effects.get(chosen),
            "question": question,
            "changes": story.since(changes_since) if changes_since is not None else [],
            "changed": changes_since is not None,
            "cancellations": [
                (each, reason_label(each.reason), sentence(each.code, each.counted))
                for each in story.cancellations
            ],
            "shipments": story.shipments,
            "past_requests": [each for each in story.requests if each.status != policy.RequestStatus.OPEN],
            "story": story.for_seller(),
            "charge": charge,
            "refunded": refunded(found.pk) if charge else None,
            "shipping": sum(line.shipping_amount for line in found.lines),
            "not_restocked": " ".join(sorted(policy.NOT_RESTOCKED)),
            "cancel_url": reverse("seller:order-cancel", args=[found.number]),
        },
    )


def _preselected(standing: Standing, request: ShopRequest) -> dict:
    """The reason chosen at first: the one of an open request for the whole order (D-10), or the one asked for."""
    wanted = request.GET.get("reason", "")
    if wanted not in policy.SELLER_REASONS:
        wanted = Reason.BUYER_CANCELED.value if standing.whole_request else ""
    usual = wanted not in policy.NOT_RESTOCKED
    return {"reason": wanted, "restock": usual, "restock_for": "" if usual else wanted}
