"""出荷通知の送信, with the stop that an open request puts before it (domain 7.6)."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import ShopRequest, acting_seller_page, seller_of
from cancellations import policy
from cancellations.policy import Refusal
from cancellations.wording import refusal
from orders.outcomes import Refused, sole
from orders.queries import local_day
from orders.views.acts import answered_before, done_once
from orders.views.history import Story
from orders.views.standing import find_order, standing_of, standing_shown
from shipments.actions import ConfirmTarget, confirm_shipment
from shipments.forms import ConfirmShipmentForm


@require_http_methods(["GET", "HEAD", "POST"])
@acting_seller_page
def confirm(request: ShopRequest, number: str) -> HttpResponse:
    """Say what left: the whole rest at first, items and quantities by choice."""
    order = find_order(request, number)
    now = timezone.now()
    standing = standing_shown(request, order, now)
    about = ["confirm-shipment", order.pk]
    if answered_before(request, about):
        return _confirmed(request, order, ended_request=False)
    if not standing.may_ship:
        code = Refusal.ORDER_ON_HOLD if order.on_hold else Refusal.ORDER_NOT_SHIPPABLE
        messages.warning(request, refusal(code))
        return redirect("seller:order", order.number)
    form = _form(
        request.POST if request.method == "POST" else None, order, now, tracking=request.GET.get("tracking", "")
    )
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
            done_once(
                request,
                form,
                about,
                lambda: sole(
                    confirm_shipment(
                        targets=[target], interlock=policy.Interlock.ASK, by=seller_of(request), now=now
                    )
                ).as_dict(),
                now=now,
            )
        except Refused as refused:
            order = find_order(request, number)
            standing = standing_of(request, order, now)
            if not standing.may_ship:
                messages.warning(request, refusal(refused.code))
                return redirect("seller:order", order.number)
            if refused.code == Refusal.VERSION_CONFLICT:
                changes_since = form.cleaned_data["expected_version"]
            elif refused.code == Refusal.OPEN_CANCELLATION_REQUEST:
                form.add_error(
                    "already_shipped", _("すでに商品を発送済みの場合のみ、チェックを入れて送信してください。")
                )
            else:
                form.add_error(None, refusal(refused.code))
        else:
            after = standing_of(request, find_order(request, number), now)
            return _confirmed(request, order, ended_request=bool(standing.request and not after.request))
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
            "declining": request.GET.get("declining") == "1",
            "changed": changes_since is not None,
            "changes": Story(order).since(changes_since) if changes_since is not None else [],
        },
    )


def _confirmed(request: ShopRequest, order, *, ended_request: bool) -> HttpResponse:
    said = _("出荷通知を送信しました。購入者にメールでお知らせします。")
    if ended_request:
        said = _(
            "出荷通知を送信しました。キャンセルリクエストは終了しました。"
            "購入者には、受取の拒否または返品の手続きをメールで案内します。"
        )
    messages.success(request, said)
    if ended_request and order.buyer_id:  # the second way of the guide goes on to the buyer (domain 7.2)
        return HttpResponseRedirect(f"{reverse('seller:message', args=[order.number])}?template=return#write")
    return HttpResponseRedirect(reverse("seller:order", args=[order.number]) + "#said")


def _form(data, order, now, *, tracking: str) -> ConfirmShipmentForm:
    return ConfirmShipmentForm(
        data,
        initial={"tracking_number": tracking},
        lines=[line for line in order.lines if line.quantity_open],
        today=local_day(now),
        placed_on=local_day(order.placed_at),
    )
