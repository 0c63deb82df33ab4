"""The seller's acts: cancel an order, cancel items, decline a request."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import ShopRequest, acting_seller_page, seller_of
from cancellations import policy
from cancellations import queries as cancellation_queries
from cancellations.actions import CancelTarget, DeclineTarget, cancel, decline
from cancellations.forms import CancelForm, CancelItemsForm, DeclineForm
from cancellations.policy import Reason, Refusal
from cancellations.wording import BANNER, prospect, reason_label, refusal
from events.forms import VersionedActForm
from metrics.effects import Change, change
from metrics.queries import facts_of_orders
from orders.outcomes import Outcome, Refused, Result
from orders.rules import share
from orders.views.acts import answered_before, done_once
from orders.views.history import Story
from orders.views.seller import Effect, effects_of, prospect_on, show_order
from orders.views.standing import Standing, find_order, standing_of, standing_shown
from payments import queries as payment_queries
from payments.rules import what_cancelling_gives


@require_http_methods(["GET", "HEAD", "POST"])
@acting_seller_page
def cancel_order(request: ShopRequest, number: str) -> HttpResponse:
    """注文キャンセル: the form stands on the order's own page, and comes back there with its answer."""
    order = find_order(request, number)
    now = timezone.now()
    if request.method != "POST":
        return _effect(request, order, now) if _asks_for_effect(request) else show_order(request, order, now)
    form = CancelForm(request.POST)
    if not form.is_valid():
        return show_order(request, order, now, form=form)
    if "change" in request.POST:
        return show_order(request, order, now, form=_shown_again(form))
    reason = form.reason_chosen
    standing = standing_of(request, order, now)
    if standing.may_cancel and order.version == form.cleaned_data["expected_version"]:
        effects = effects_of(standing, prospect_on([order], standing, now))
        question = _question(standing, reason, effects)
        if question and form.cleaned_data["confirmed"] != reason:
            return show_order(request, order, now, form=_shown_again(form), question=question)
    target = CancelTarget(
        order.pk,
        reason,
        memo=form.cleaned_data["seller_memo"],
        restock=form.restock_chosen,
        expected_version=form.cleaned_data["expected_version"],
    )
    try:
        answer = done_once(
            request,
            form,
            ["cancel", order.pk],
            lambda: _all_done(cancel(targets=[target], by=seller_of(request), now=now)),
            now=now,
        )
    except Refused as refused:
        return _refused(request, number, form, refused.code, now)
    messages.success(request, _said(counted=answer["counted"]))
    return HttpResponseRedirect(reverse("seller:order", args=[number]) + "#said")


def _asks_for_effect(request: ShopRequest) -> bool:
    return bool(request.headers.get("HX-Request")) and "reason" in request.GET


def _effect(request: ShopRequest, order, now) -> HttpResponse:
    """Only the note under the reason, for a page that asks while the person chooses."""
    standing = standing_of(request, order, now)
    effects = effects_of(standing, prospect_on([order], standing, now)) if standing.may_cancel else {}
    return render(request, "cancellations/_effect.html", {"effect": effects.get(request.GET["reason"])})


def _question(standing: Standing, reason: Reason, effects: Mapping[str, Effect]) -> str:
    """Which second question a cancellation of the whole order raises; none if it does not count (domain 7.3)."""
    if not effects[reason].counted:
        return ""
    if reason == Reason.BUYER_CANCELED:
        return "partial" if standing.request else "no-request"
    return "request-open" if standing.request and standing.whole_request else "counts"


def _shown_again(form: CancelForm) -> CancelForm:
    """The form as sent, with the stock's box as it is usual for the reason, unless the person chose it."""
    data = QueryDict(mutable=True)
    data.update(form.data)
    if form.restock_chosen is None:
        data.pop("restock", None)
        if form.reason_chosen not in policy.NOT_RESTOCKED:
            data["restock"] = "on"
        data["restock_for"] = form.reason_chosen.value
    shown = CancelForm(data)
    shown.is_valid()
    return shown


def _refused(request: ShopRequest, number: str, form: CancelForm, code: str, now) -> HttpResponse:
    """The order's page as it is now, with why nothing was done; what was typed stays."""
    order = find_order(request, number)
    if code == Refusal.VERSION_CONFLICT:
        fresh = CancelForm(initial={**form.cleaned_data, "confirmed": ""})
        return show_order(request, order, now, form=fresh, changes_since=form.cleaned_data["expected_version"])
    form.add_error(None, refusal(code))
    return show_order(request, order, now, form=form)


def _said(*, counted: bool | None) -> str:
    if counted:
        return _("注文をキャンセルしました。出品者と購入者に確認のメールを送信します。キャンセル率への影響：あり")
    return _("注文をキャンセルしました。出品者と購入者に確認のメールを送信します。キャンセル率への影響：なし")


def _all_done(outcomes: Sequence[Outcome]) -> dict:
    """The answer to keep: all or nothing, counted if any part counts.

    Raises Refused for the first part that was refused, so that the rest is undone with it.
    """
    for outcome in outcomes:
        if outcome.result == Result.ERROR:
            raise Refused(outcome)
    last = outcomes[-1]
    counted = any(outcome.counted for outcome in outcomes)
    return {"order_id": last.order_id, "counted": counted, "status": last.status}


# --- 一部キャンセル -------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@acting_seller_page
def cancel_items(request: ShopRequest, number: str) -> HttpResponse:
    """一部キャンセル: items and quantities, a reason for each; money and effect are shown before it is done."""
    order = find_order(request, number)
    now = timezone.now()
    standing = standing_shown(request, order, now)
    about = ["cancel-items", order.pk]
    if answer := answered_before(request, about):
        return _items_cancelled(request, order, counted=answer["counted"])
    if request.method == "POST" and request.headers.get("HX-Request"):
        return _items_effect(request, standing, now)
    seen = VersionedActForm(request.POST) if request.method == "POST" else None
    if seen and seen.is_valid() and seen.cleaned_data["expected_version"] != order.version:
        return _items_changed(request, standing, now, since=seen.cleaned_data["expected_version"])
    if not standing.may_cancel_items:
        return show_order(request, order, now)
    if request.method != "POST":
        return _show_items(request, standing, now, _items_form(standing))
    form = CancelItemsForm(request.POST, lines=[line for line in order.lines if line.quantity_open])
    if not form.is_valid():
        return _show_items(request, standing, now, form)
    plan = _plan(standing, form, now)
    if form.cleaned_data["confirmed"] != plan.fingerprint:
        return _show_items(request, standing, now, form, plan=plan)
    version = form.cleaned_data["expected_version"]
    targets = [
        CancelTarget(
            order.pk,
            reason,
            units=units,
            memo=form.cleaned_data["seller_memo"],
            # The parts of one act follow each other under one lock: only the first can find a stranger's change.
            expected_version=version if place == 0 else None,
        )
        for place, (reason, units) in enumerate(_parts(standing, form))
    ]
    try:
        answer = done_once(
            request,
            form,
            about,
            lambda: _all_done(cancel(targets=targets, by=seller_of(request), now=now)),
            now=now,
        )
    except Refused as refused:
        after = standing_of(request, find_order(request, number), now)
        if refused.code == Refusal.VERSION_CONFLICT:
            return _items_changed(request, after, now, since=version)
        form.add_error(None, refusal(refused.code))
        return _show_items(request, after, now, form)
    return _items_cancelled(request, order, counted=answer["counted"])


def _items_effect(request: ShopRequest, standing: Standing, now) -> HttpResponse:
    """Only the note under the items, for a page that asks while the person chooses."""
    form = CancelItemsForm(request.POST, lines=[line for line in standing.order.lines if line.quantity_open])
    plan = _plan(standing, form, now) if standing.may_cancel_items and form.is_valid() else None
    return render(request, "cancellations/_items_effect.html", {"plan": plan, "order": standing.order})


def _items_form(standing: Standing) -> CancelItemsForm:
    """The form as it is shown first: the units that an open request covers are chosen."""
    covered = standing.facts.request.covered if standing.facts.request else {}
    lines = [line for line in standing.order.lines if line.quantity_open]
    return CancelItemsForm(lines=lines, preset=covered)


def _items_changed(request: ShopRequest, standing: Standing, now, *, since: int) -> HttpResponse:
    """Say what changed since the person looked, over a fresh form; over the order if no item is left to cancel."""
    if not standing.may_cancel_items:
        return show_order(request, standing.order, now, changes_since=since)
    return _show_items(request, standing, now, _items_form(standing), changes_since=since)


def _items_cancelled(request: ShopRequest, order, *, counted: bool) -> HttpResponse:
    messages.success(request, _said_of_items(counted=counted))
    return HttpResponseRedirect(reverse("seller:order", args=[order.number]) + "#said")


def _said_of_items(*, counted: bool) -> str:
    if counted:
        return _(
            "選択した商品をキャンセルしました。出品者と購入者に確認のメールを送信します。"
            "キャンセル率への影響：あり"
        )
    return _(
        "選択した商品をキャンセルしました。出品者と購入者に確認のメールを送信します。キャンセル率への影響：なし"
    )


class Plan:
    """What would be cancelled, line by line, with its money and its effect."""

    def __init__(self, lines: list[dict], fingerprint: str, *, is_charged: bool, change: Change):
        self.lines = lines
        # What it makes of the shop's rate, if anything of it counts.
        self.change = change
        self.fingerprint = fingerprint
        # Whether money goes back, or what was only reserved is no longer charged.
        self.is_charged = is_charged

    @property
    def counted(self) -> bool:
        """Whether any line counts."""
        return any(line["counted"] for line in self.lines)

    @property
    def amount(self):
        """The money of all lines; None if a price is unknown."""
        amounts = [line["amount"] for line in self.lines]
        return None if any(amount is None for amount in amounts) else sum(amounts)


def _parts(standing: Standing, form: CancelItemsForm) -> list[tuple[Reason, dict[int, int]]]:
    """What is cancelled and judged by itself: the units of one reason; of the buyer's, those asked for apart."""
    covered = standing.facts.request.covered if standing.facts.request else None
    return [
        (reason, part)
        for reason, units in form.units_by_reason.items()
        for part in policy.judged_apart(reason, covered, units)
    ]


def _plan(standing: Standing, form: CancelItemsForm, now) -> Plan:
    """Judge the chosen units as the act would, without doing it."""
    rules = cancellation_queries.rules_at(now)
    by_key = {line.pk: line for line in standing.order.lines}
    sold = payment_queries.sold_of([standing.order]).get(standing.order.pk)
    planned = []
    for reason, units in _parts(standing, form):
        facts = cancellation_queries.cancellation_facts(
            standing.order, standing.facts, role="SELLER", reason=reason, units=units, rules=rules
        )
        verdict = policy.classify(facts)
        if sold:  # charged: what goes back, and not what is no longer charged
            goes_back = what_cancelling_gives(sold, units)
            sold = sold.less(goes_back, cancels=True)
        for key, quantity in units.items():
            line = by_key[key]
            planned.append(
                {
                    "line": line,
                    "quantity": quantity,
                    "reason": reason_label(reason),
                    "counted": verdict.counted,
                    "why": prospect(verdict.code, verdict.counted),
                    "no_stock": reason == Reason.NO_INVENTORY,
                    "amount": goes_back.amounts.get(key)
                    if sold
                    else _share(line, quantity, standing.order.currency),
                }
            )
    fingerprint = ",".join(
        f"{by_key[key].item_id}:{quantity}:{reason.value}"
        for reason, units in form.units_by_reason.items()
        for key, quantity in units.items()
    )
    changes = change(prospect_on([standing.order], standing, now), facts_of_orders([standing.order]))
    return Plan(planned, fingerprint, is_charged=sold is not None, change=changes)


def _share(line, quantity: int, currency: str):
    """The money of units that are not charged any more; None if the file named no price."""
    return line.goods_amount and share(
        amount=line.goods_amount,
        units=line.quantity_ordered,
        before=line.quantity_cancelled,
        taken=quantity,
        currency=currency,
    )


def _plan_at_first(standing: Standing, now) -> Plan | None:
    """What would become of the units that are chosen when the page opens: those that a request asks for."""
    covered = standing.facts.request.covered if standing.facts.request else {}
    lines = [line for line in standing.order.lines if covered.get(line.pk)]
    if not lines:
        return None
    chosen: dict[str, object] = {"key": "-", "expected_version": standing.order.version}
    for line in lines:
        chosen |= {
            f"quantity-{line.item_id}": covered[line.pk],
            f"reason-{line.item_id}": Reason.BUYER_CANCELED.value,
        }
    form = CancelItemsForm(chosen, lines=lines)
    return _plan(standing, form, now) if form.is_valid() else None


def _show_items(
    request: ShopRequest,
    standing: Standing,
    now,
    form: CancelItemsForm,
    *,
    plan: Plan | None = None,
    changes_since: int | None = None,
) -> HttpResponse:
    return render(
        request,
        "cancellations/seller_cancel_items.html",
        {
            "here": "orders",
            "now": now,
            "order": standing.order,
            "standing": standing,
            "asked": standing.request,
            "banner": BANNER,
            "form": form,
            "plan": plan,
            "effect_plan": plan or _plan_at_first(standing, now),
            "changed": changes_since is not None,
            "changes": Story(standing.order).since(changes_since) if changes_since is not None else [],
        },
    )


# --- リクエストを断る -----------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@acting_seller_page
def decline_request(request: ShopRequest, number: str) -> HttpResponse:
    """リクエストを断る: a reason, and what it means for a later cancellation."""
    order = find_order(request, number)
    now = timezone.now()
    standing = standing_shown(request, order, now)
    form = DeclineForm(request.POST if request.method == "POST" else None, may_ship=standing.may_ship)
    if form.is_bound and form.is_valid():
        if form.says_already_shipped and standing.may_decline and standing.may_ship:
            return _to_shipment(number, tracking=form.cleaned_data["tracking"])
        target = DeclineTarget(
            order.pk,
            policy.DeclineReason(form.cleaned_data["reason"]),
            text=form.cleaned_data["text"],
            tracking=form.cleaned_data["tracking"],
            expected_version=form.cleaned_data["expected_version"],
        )
        try:
            done_once(
                request,
                form,
                ["decline", order.pk],
                lambda: _all_done(decline(targets=[target], by=seller_of(request), now=now)),
                now=now,
            )
        except Refused as refused:
            form.add_error(None, refusal(refused.code))
        else:
            messages.success(request, _("リクエストを断りました。購入者にメールでお知らせします。"))
            return HttpResponseRedirect(reverse("seller:order", args=[order.number]) + "#said")
        order = find_order(request, number)
        standing = standing_of(request, order, now)
    if why_not := policy.why_seller_cannot_decline(standing.facts, standing.rules):
        messages.warning(request, refusal(why_not))
        return redirect("seller:order", order.number)
    return render(
        request,
        "cancellations/seller_decline.html",
        {
            "here": "orders",
            "now": now,
            "order": order,
            "standing": standing,
            "asked": standing.request,
            "banner": BANNER,
            "form": form,
        },
    )


def _to_shipment(number: str, *, tracking: str) -> HttpResponse:
    """What has left is answered by its shipment confirmation, which ends the request (domain 7.5, 7.6)."""
    asked = urlencode({"declining": 1, "tracking": tracking})
    return HttpResponseRedirect(f"{reverse('seller:order-confirm-shipment', args=[number])}?{asked}")
