"""返金: money of a charged order goes back to its buyer (domain 11)."""

import hashlib
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import ShopRequest, acting_seller_page, seller_of
from cancellations.wording import refusal
from cancellations.words import Refusal
from events.forms import VersionedActForm
from orders.outcomes import Refused, sole
from orders.views.acts import answered_before, done_once
from orders.views.history import Story
from orders.views.standing import find_order
from payments.forms import RefundForm
from payments.queries import is_charging, refunds_of, sold_of
from payments.refunds import RefundTarget, refund
from payments.rules import Back, RefundReason, Sold, what_goes_back, why_not_refund
from sellercentral.templatetags.portal import yen


@require_http_methods(["GET", "HEAD", "POST"])
@acting_seller_page
def give_back(request: ShopRequest, number: str) -> HttpResponse:
    """返金: what goes back is shown before it is done."""
    order = find_order(request, number)
    now = timezone.now()
    about = ["refund", order.pk]
    if answer := answered_before(request, about):
        return _refunded(request, order, answer["amount"])
    sold = sold_of([order]).get(order.pk)
    since = _stale_since(request, order)
    if sold is None or sold.left <= 0:
        return _show(request, order, now, sold, None, changes_since=since)
    if since is not None:
        return _show(request, order, now, sold, _form(request, order, sold), changes_since=since)
    if request.method != "POST":
        return _show(request, order, now, sold, _form(None, order, sold, reason=request.GET.get("reason", "")))
    form = _form(request, order, sold)
    if not form.is_valid():
        return _show(request, order, now, sold, form)
    back = what_goes_back(sold, **form.asked)
    if why_not := why_not_refund(sold, form.reason_chosen, back, beside=form.asked["beside"]):
        form.add_error(None, refusal(why_not))
        return _show(request, order, now, sold, form)
    if form.cleaned_data["confirmed"] != _fingerprint(back):
        return _show(request, order, now, sold, form, back=back)
    target = RefundTarget(
        order.pk,
        form.reason_chosen,
        **form.asked,
        memo=form.cleaned_data["seller_memo"],
        expected_version=form.cleaned_data["expected_version"],
    )

    amount = yen(back.amount, sold.currency)

    def act() -> dict:
        sole(refund(targets=[target], by=seller_of(request), now=now))
        return {"amount": amount}

    try:
        answer = done_once(request, form, about, act, now=now)
    except Refused as refused:
        order = find_order(request, number)
        sold = sold_of([order]).get(order.pk)
        if refused.code == Refusal.VERSION_CONFLICT and sold:
            since = form.cleaned_data["expected_version"]
            return _show(request, order, now, sold, _form(request, order, sold), changes_since=since)
        form.add_error(None, refusal(refused.code))
        return _show(request, order, now, sold, form)
    return _refunded(request, order, answer["amount"])


def _stale_since(request: ShopRequest, order) -> int | None:
    """The version that was looked at, if the order has changed since (D-11)."""
    seen = VersionedActForm(request.POST) if request.method == "POST" else None
    if seen is None or not seen.is_valid() or seen.cleaned_data["expected_version"] == order.version:
        return None
    return int(seen.cleaned_data["expected_version"])


def _form(request: ShopRequest | None, order, sold: Sold, *, reason: str = "") -> RefundForm:
    initial = {"reason": reason if reason in set(RefundReason) else ""}
    return RefundForm(request.POST if request else None, lines=order.lines, sold=sold, initial=initial)


def _fingerprint(back: Back) -> str:
    """What the person agrees to when going on."""
    return hashlib.sha256(f"{back.amount}/{sorted(back.units.items())}".encode()).hexdigest()


def _refunded(request: ShopRequest, order, amount: str) -> HttpResponse:
    said = _("%(amount)s の返金を受け付けました。購入者に確認のメールを送信します。")
    if not order.buyer_id:
        said = _("%(amount)s の返金を受け付けました。")
    messages.success(request, said % {"amount": amount})
    return HttpResponseRedirect(reverse("seller:order", args=[order.number]) + "#said")


def _show(
    request: ShopRequest,
    order,
    now: datetime,
    sold: Sold | None,
    form: RefundForm | None,
    *,
    back: Back | None = None,
    changes_since: int | None = None,
) -> HttpResponse:
    """The page: what was charged and went back, the form, or why there is none."""
    goes_back = (
        []
        if back is None
        else [
            (line, back.units[line.pk], back.amounts.get(line.pk)) for line in order.lines if line.pk in back.units
        ]
    )
    return render(
        request,
        "payments/seller_refund.html",
        {
            "here": "orders",
            "now": now,
            "order": order,
            "sold": sold,
            "form": form,
            "refunds": refunds_of(order.pk),
            "is_charging": is_charging(order.pk),
            "back": back,
            "goes_back": goes_back,
            "beside": back.amount - sum(back.amounts.values()) if back else None,
            "fingerprint": _fingerprint(back) if back else "",
            "changed": changes_since is not None,
            "changes": Story(order).since(changes_since) if changes_since is not None else [],
            "not_charged": refusal(Refusal.ORDER_NOT_CHARGED),
        },
    )
