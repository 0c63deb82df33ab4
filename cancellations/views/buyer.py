"""The buyer's acts: cancel alone, ask the seller, take the request back."""

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import PersonRequest, buyer_of, buyer_page
from cancellations import queries as cancellation_queries
from cancellations.actions import (
    CancelTarget,
    RequestTarget,
    WithdrawTarget,
    cancel,
    request_cancellation,
    withdraw,
)
from cancellations.forms import DirectCancelForm, RequestForm, WithdrawForm
from cancellations.policy import Reason, Refusal
from cancellations.wording import refusal
from orders.outcomes import Refused, sole
from orders.views.acts import answered_before, done_once
from orders.views.buyer import Standing, find_order, standing_of


@require_http_methods(["GET", "HEAD", "POST"])
@buyer_page
def cancel_alone(request: PersonRequest, number: str) -> HttpResponse:
    """商品をキャンセル: inside the window, items by choice. Too late, it offers the request and does nothing."""
    now = timezone.now()  # the moment of receipt decides, however long anything below takes (D-36)
    order = find_order(request, number)
    standing = standing_of(order, now)
    lines = [line for line in order.lines if line.quantity_open]
    reasons = cancellation_queries.buyer_reasons()
    form = DirectCancelForm(request.POST if request.method == "POST" else None, lines=lines, reasons=reasons)
    about = ["cancel-alone", order.pk]
    if answered_before(request, about):
        return _cancelled_alone(request, order)
    if not form.is_bound and standing.why_not_direct:
        return _too_late(request, standing, standing.why_not_direct)
    if form.is_bound and form.is_valid():
        target = CancelTarget(order.pk, Reason.BUYER_DIRECT, units=form.units, note=form.reason_label)
        try:
            done_once(
                request,
                form,
                about,
                lambda: sole(cancel(targets=[target], by=buyer_of(request), now=now)).as_dict(),
                now=now,
            )
        except Refused as refused:
            after = standing_of(find_order(request, number), now)
            return _too_late(
                request, after, Refusal(refused.code), units=form.units, reason=form.cleaned_data["reason"]
            )
        return _cancelled_alone(request, order)
    return render(
        request,
        "cancellations/buyer_cancel.html",
        {"here": "orders", "now": now, "order": order, "standing": standing, "form": form},
    )


def _cancelled_alone(request: PersonRequest, order) -> HttpResponse:
    messages.success(request, _("キャンセルが完了しました。確認のメールをお送りします。"))
    return _back_to(order)


def _too_late(
    request: PersonRequest,
    standing: Standing,
    code: Refusal,
    *,
    units: Mapping[int, int] | None = None,
    reason: str = "",
) -> HttpResponse:
    """Say that nothing was cancelled; after the window offer the request, filled in (D-07)."""
    says = refusal(code, minutes=standing.minutes)
    if code != Refusal.DIRECT_WINDOW_ELAPSED or standing.why_not_request:
        messages.warning(request, says)
        return _back_to(standing.order)
    form = _request_form(standing, preset=standing.units if units is None else units, reason=reason)
    return _show_request(request, standing, form, says=says)


def _request_form(standing: Standing, *, data=None, preset: Mapping[int, int] | None = None, reason: str = ""):
    lines = [line for line in standing.order.lines if line.pk in standing.units]
    reasons = cancellation_queries.buyer_reasons()
    return RequestForm(data, lines=lines, preset=preset, reasons=reasons, initial={"reason": reason})


def _show_request(
    request: PersonRequest, standing: Standing, form: RequestForm, *, says: str = ""
) -> HttpResponse:
    kept = [
        (line, standing.cannot[line.pk])
        for line in standing.order.lines
        if line.quantity_open and line.pk in standing.cannot
    ]
    return render(
        request,
        "cancellations/buyer_request.html",
        {
            "here": "orders",
            "order": standing.order,
            "standing": standing,
            "form": form,
            "says": says,
            "kept": kept,
            "hours": standing.rules.request_response_hours,
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@buyer_page
def ask(request: PersonRequest, number: str) -> HttpResponse:
    """キャンセル依頼: items, reason and comment go to the seller, who decides."""
    order = find_order(request, number)
    now = timezone.now()
    standing = standing_of(order, now)
    data = request.POST if request.method == "POST" else None
    if not standing.why_not_direct and not order.on_hold:
        messages.info(request, _("このご注文は、出品者にリクエストせずにご自身でキャンセルできます。"))
        return redirect("buyer:order-cancel", order.number)
    if data is None and standing.why_not_request:
        return _not_possible(request, standing, standing.why_not_request)
    form = _request_form(standing, data=data)
    if form.is_bound and form.is_valid():
        target = RequestTarget(
            order.pk,
            reason_code=form.cleaned_data["reason"],
            reason_label=form.reason_label,
            units=form.units,
            text=form.cleaned_data["text"],
        )
        try:
            done_once(
                request,
                form,
                ["request", order.pk],
                lambda: sole(request_cancellation(targets=[target], by=buyer_of(request), now=now)).as_dict(),
                now=now,
            )
        except Refused as refused:
            return _not_possible(request, standing_of(find_order(request, number), now), Refusal(refused.code))
        messages.success(
            request,
            _(
                "キャンセルをリクエストしました。ご注文はまだキャンセルされていません。出品者の回答をお待ちください。"
            ),
        )
        return _back_to(order)
    if form.is_bound and standing.why_not_request:
        return _not_possible(request, standing, standing.why_not_request)
    return _show_request(request, standing, form)


def _not_possible(request: PersonRequest, standing: Standing, code: Refusal) -> HttpResponse:
    """Show the order as it is now, with why nothing was requested."""
    messages.warning(request, standing.why_not if code == Refusal.ORDER_NOT_CANCELABLE else refusal(code))
    return _back_to(standing.order)


@require_POST
@buyer_page
def take_back(request: PersonRequest, number: str) -> HttpResponse:
    """リクエストを取り下げる: the order goes on."""
    order = find_order(request, number)
    form = WithdrawForm(request.POST)
    if not form.is_valid():
        messages.warning(request, str(form.non_field_errors()[0]))
        return _back_to(order)
    now = timezone.now()
    try:
        done_once(
            request,
            form,
            ["withdraw", order.pk],
            lambda: sole(withdraw(targets=[WithdrawTarget(order.pk)], by=buyer_of(request), now=now)).as_dict(),
            now=now,
        )
    except Refused as refused:
        messages.warning(request, refusal(refused.code))
    else:
        messages.success(request, _("リクエストを取り下げました。ご注文はそのまま続きます。"))
    return _back_to(order)


def _back_to(order) -> HttpResponseRedirect | HttpResponse:
    return redirect(reverse("buyer:order", args=[order.number]) + "#said")
