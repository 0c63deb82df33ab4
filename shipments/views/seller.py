"""出荷通知の送信, with the stop that an open request puts before it (domain 7.6)."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import ShopRequest, acting_seller_page, owner_of, seller_of
from cancellations import policy
from cancellations.policy import Refusal
from cancellations.wording import refusal
from events.actions import IdempotencyMismatch, once
from events.queries import stored_answer
from orders.outcomes import Refused, sole
from orders.queries import local_day
from orders.views.history import Story
from orders.views.seller import find_order, standing_of
from shipments.actions import ConfirmTarget, confirm_shipment
from shipments.forms import ConfirmShipmentForm


@require_http_methods(["GET", "HEAD", "POST"])
@acting_seller_page
def confirm(request: ShopRequest, number: str) -> HttpResponse:
    """Say what left: the whole rest at first, items and quantities by choice."""
    order = find_order(request, number)
    now = timezone.now()
    standing = standing_of(request, order, now)
    if request.method == "POST":
        key = request.POST.get("key", "")
        if stored_answer(owner=owner_of(request), key=key, order_id=order.pk):
            return _confirmed(request, order)
    if not standing.may_ship:
        code = Refusal.ORDER_ON_HOLD if order.on_hold else Refusal.ORDER_NOT_SHIPPABLE
        messages.warning(request, refusal(code))
        return redirect("seller:order", order.number)
    form = _form(request.POST if request.method == "POST" else None, order, now)
    changes_since = None
    if form.is_bound and form.is_valid():
        target = ConfirmTarget(
            order.pk,
            form.cleaned_data["shipped_on"],
            units=form.units,
            carrier=form.cleaned_data["carrier"],
            tracking_number=form.cleaned_data["tracking_number"],
            says_already_shipped=form.cleaned_data["already_shipped"],
            expected_version=form.cleaned_data["expected_version"],
        )
        try:
            once(
                owner=owner_of(request),
                key=form.cleaned_data["key"],
                content=["confirm-shipment", order.pk, form.content],
                now=now,
                act=lambda: sole(
                    confirm_shipment(
                        targets=[target], interlock=policy.Interlock.ASK, by=seller_of(request), now=now
                    )
                ).as_dict(),
            )
        except Refused as refused:
            order = find_order(request, number)
            standing = standing_of(request, order, now)
            if not standing.may_ship:
                messages.warning(request, refusal(Refusal(refused.code)))
                return redirect("seller:order", order.number)
            if refused.code == Refusal.VERSION_CONFLICT:
                changes_since = form.cleaned_data["expected_version"]
            elif refused.code == Refusal.OPEN_CANCELLATION_REQUEST:
                form.add_error(
                    "already_shipped", _("すでに商品を発送済みの場合のみ、チェックを入れて送信してください。")
                )
            else:
                form.add_error(None, refusal(Refusal(refused.code)))
        except IdempotencyMismatch:
            form.add_error(None, refusal(Refusal.IDEMPOTENCY_MISMATCH))
        else:
            return _confirmed(request, order)
    return render(
        request,
        "shipments/seller_confirm.html",
        {
            "here": "orders",
            "now": now,
            "order": order,
            "standing": standing,
            "asked": standing.request,
            "stop_words": refusal(Refusal.OPEN_CANCELLATION_REQUEST),
            "form": form,
            "changed": changes_since is not None,
            "changes": Story(order).since(changes_since) if changes_since is not None else [],
        },
    )


def _confirmed(request: ShopRequest, order) -> HttpResponse:
    messages.success(request, _("出荷通知を送信しました。購入者にメールでお知らせします。"))
    return HttpResponseRedirect(reverse("seller:order", args=[order.number]) + "#said")


def _form(data, order, now) -> ConfirmShipmentForm:
    return ConfirmShipmentForm(
        data,
        lines=[line for line in order.lines if line.quantity_open],
        today=local_day(now),
        placed_on=local_day(order.placed_at),
    )
