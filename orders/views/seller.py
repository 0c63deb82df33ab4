"""注文管理 and 注文の詳細."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import seller_page
from cancellations import policy
from cancellations import queries as cancellation_queries
from cancellations.actions import see_requests
from cancellations.forms import CancelForm
from cancellations.policy import Reason
from cancellations.wording import BANNER, reason_label, sentence
from orders import listing
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


@dataclass(slots=True)
class Standing:
    """One order as its shop sees it: the open request, and what may be done about it."""

    order: object
    facts: policy.OrderFacts
    request: object | None
    may_act: bool
    decline_offered: bool = True
    cancellation: object | None = None
    requested: list[tuple[object, int]] = field(default_factory=list)

    @property
    def whole_request(self) -> bool:
        """Whether the open request covers all that is open."""
        return bool(self.facts.request) and policy.covers(self.facts.request.covered, self.facts.open_units())

    @property
    def may_cancel(self) -> bool:
        """Whether the whole order may be cancelled here."""
        return self.may_act and not policy.why_seller_cannot_cancel(self.facts, self.facts.open_units(), whole=True)

    @property
    def may_cancel_items(self) -> bool:
        """Whether open units may be cancelled here."""
        return self.may_act and not policy.why_seller_cannot_cancel(self.facts, self.facts.open_units(), whole=False)

    @property
    def may_ship(self) -> bool:
        """Whether a shipment may be confirmed here, an open request aside."""
        return self.may_act and not policy.why_seller_cannot_confirm(
            self.facts, self.facts.open_units(), interlock=policy.Interlock.ASK, says_already_shipped=True
        )

    @property
    def may_decline(self) -> bool:
        """Whether the open request may be declined here."""
        return self.may_act and self.decline_offered and self.request is not None

    @property
    def hides_buyer(self) -> bool:
        """Whether payment is not verified, so that the buyer stays unnamed."""
        return self.order.status == Status.PENDING

    @property
    def units_open(self) -> int:
        """Open units in all."""
        return sum(self.facts.open_units().values())

    @property
    def units_shipped(self) -> int:
        """Shipped units in all."""
        return sum(line.quantity_shipped for line in self.order.lines)

    @property
    def units_ordered(self) -> int:
        """Ordered units in all."""
        return sum(line.quantity_ordered for line in self.order.lines)

    @property
    def reason_of_end(self) -> str:
        """Why a cancelled order was cancelled, in words."""
        return reason_label(self.cancellation.reason) if self.cancellation else ""


def standing_of(order, request, *, may_act: bool, rules: policy.Rules, cancellation=None) -> Standing:
    """Put an order beside its open request."""
    asked = cancellation_queries.Asked()
    if request is not None:
        asked.open, asked.lines = request, list(request.items.all())
    facts = cancellation_queries.facts_of(order, asked)
    titles = {line.pk: line for line in order.lines}
    covered = facts.request.covered if facts.request else {}
    return Standing(
        order,
        facts,
        request,
        may_act,
        rules.seller_may_decline,
        cancellation,
        [(titles[key], quantity) for key, quantity in covered.items()],
    )


@require_safe
@seller_page
def orders(request: HttpRequest) -> HttpResponse:
    """注文管理: the shop's orders, what runs out first at the top."""
    now = timezone.now()
    seller = request.membership.seller
    form = FilterForm(request.GET)
    form.is_valid()
    tab = request.GET.get("status", "")
    filters = listing.Filters(
        status=STATUS_OF_TAB.get(tab, ""),
        requested=request.GET.get("requested") == "1",
        due_soon=request.GET.get("due") == "1",
        late=request.GET.get("late") == "1",
        search=form.cleaned_data.get("q", ""),
        placed_from=form.day_from,
        placed_to=form.day_to,
    )
    page = listing.orders_of_seller(
        seller.pk,
        filters,
        sort=form.cleaned_data.get("sort") or "due",
        cursor=request.GET.get("cursor", ""),
        now=now,
    )
    rows = _rows(page.orders, request.membership.may_act, now)
    _mark_seen(seller.pk, [row.request for row in rows], now)
    counts = listing.counts_of_seller(seller.pk, now)
    return render(
        request,
        "orders/seller_orders.html",
        {
            "here": "orders",
            "now": now,
            "waiting": counts.requested,
            "counts": counts,
            "tabs": [(value, words, getattr(counts, name) if name else 0) for value, words, name in _tabs()],
            "tab": tab if tab in STATUS_OF_TAB else "",
            "form": form,
            "filters": filters,
            "rows": rows,
            "page": page,
            "soon": now + listing.SOON,
            "banner": BANNER,
        },
    )


def _tabs():
    return (
        ("", _("すべて"), ""),
        ("pending", _("保留中"), "pending"),
        ("unshipped", _("未出荷"), "unshipped"),
        ("partially-shipped", _("一部出荷済み"), "partially_shipped"),
        ("shipped", _("出荷済み"), ""),
        ("cancelled", _("キャンセル済み"), ""),
    )


def _rows(found, may_act: bool, now) -> list[Standing]:
    asked = [order.pk for order in found if order.answer_due_at]
    ended = [order.pk for order in found if order.status == Status.CANCELED]
    requests = cancellation_queries.open_requests_of(asked) if asked else {}
    cancellations = cancellation_queries.last_cancellations_of(ended) if ended else {}
    rules = cancellation_queries.rules_at(now)
    return [
        standing_of(
            order,
            requests.get(order.pk),
            may_act=may_act,
            rules=rules,
            cancellation=cancellations.get(order.pk),
        )
        for order in found
    ]


def _mark_seen(seller_id: int, requests, now) -> None:
    """Keep that a person of the shop has seen these requests; once each (domain 8)."""
    unseen = [request.order_id for request in requests if request and not request.seen_by_seller_at]
    if unseen:
        see_requests(seller_id=seller_id, order_ids=unseen, now=now)


@require_safe
@seller_page
def order(request: HttpRequest, number: str) -> HttpResponse:
    """注文の詳細: the request and what to do about it, the cancel form, items, money, story."""
    return show_order(request, find_order(request, number), timezone.now())


def find_order(request: HttpRequest, number: str):
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


def effects_of(standing: Standing, now, units: Mapping[int, int] | None = None) -> dict[str, Effect]:
    """The effect of every reason of the list on cancelling these units (all open ones without `units`)."""
    units = standing.facts.open_units() if units is None else units
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
            else _("公式のキャンセルリクエストがあり、キャンセルする商品がすべて対象です。"),
            reason == Reason.NO_INVENTORY,
        )
        for reason, verdict in verdicts.items()
    }


def show_order(
    request: HttpRequest,
    found,
    now,
    *,
    form: CancelForm | None = None,
    question: str = "",
    changes_since: int | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of an order, with a cancel form that was sent and came back if there is one."""
    story = Story(found)
    open_request = next((each for each in story.requests if each.status == policy.RequestStatus.OPEN), None)
    rules = cancellation_queries.rules_at(now)
    standing = standing_of(found, open_request, may_act=request.membership.may_act, rules=rules)
    _mark_seen(found.seller_id, [open_request], now)
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
            "asked": open_request,
            "banner": BANNER,
            "form": form,
            "effects": effects.values(),
            "effect": effects.get(chosen),
            "question": question,
            "changes": story.since(changes_since) if changes_since is not None else [],
            "changed": changes_since is not None,
            "cancellations": [
                (each, reason_label(each.reason), sentence(each.code, each.counted)) for each in story.cancellations
            ],
            "shipments": story.shipments,
            "past_requests": [each for each in story.requests if each is not open_request],
            "story": story.for_seller(),
            "charge": charge,
            "refunded": refunded(found.pk) if charge else None,
            "shipping": sum(line.shipping_amount for line in found.lines),
            "not_restocked": " ".join(sorted(policy.NOT_RESTOCKED)),
            "cancel_url": reverse("seller:order-cancel", args=[found.number]),
        },
        status=status,
    )


def _preselected(standing: Standing, request: HttpRequest) -> dict:
    """The reason chosen at first: the one of an open request for the whole order (D-10), or the one asked for."""
    wanted = request.GET.get("reason", "")
    if wanted not in policy.SELLER_REASONS:
        wanted = Reason.BUYER_CANCELED.value if standing.whole_request else ""
    usual = wanted not in policy.NOT_RESTOCKED
    return {"reason": wanted, "restock": usual, "restock_for": "" if usual else wanted}
