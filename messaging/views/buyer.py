"""メッセージ: the buyer's talks with shops."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import PersonRequest, buyer_of, buyer_page
from cancellations.wording import refusal
from messaging import queries
from messaging.actions import MessageTarget, mark_read, send
from messaging.forms import MessageForm
from messaging.rules import Topic
from orders.outcomes import Refused, sole
from orders.views.acts import answered_before, done_once
from orders.views.buyer import find_order, standing_of

from .lines import lines_of, rows_of


@require_safe
@buyer_page
def talks(request: PersonRequest) -> HttpResponse:
    """The list of talks, newest first."""
    return render(request, "messaging/buyer.html", _list(request))


@require_http_methods(["GET", "HEAD", "POST"])
@buyer_page
def talk(request: PersonRequest, number: str) -> HttpResponse:
    """One talk, with the form to write in it; who writes of a cancellation is shown the official way first."""
    order = find_order(request, number)
    now = timezone.now()
    about = ["message", order.pk]
    if answered_before(request, about):
        return _sent(number)
    thread = queries.thread_of(order.pk)
    if request.method != "POST":
        if request.method == "GET":
            mark_read(order_id=order.pk, by_seller=False)
        return _show(request, order, thread, MessageForm(of_seller=False), now)
    form = MessageForm(request.POST, of_seller=False)
    if not form.is_valid():
        return _show(request, order, thread, form, now)
    is_asked = form.topic_chosen == Topic.CANCEL and bool(standing_of(order, now).way)
    if is_asked and form.cleaned_data["confirmed"] != "message":
        return _show(request, order, thread, form, now, official=True)
    target = MessageTarget(order.pk, form.topic_chosen, form.cleaned_data["text"])
    try:
        done_once(
            request,
            form,
            about,
            lambda: sole(send(targets=[target], by=buyer_of(request), now=now)).as_dict(),
            now=now,
        )
    except Refused as refused:
        form.add_error(None, refusal(refused.code))
        return _show(request, order, thread, form, now)
    messages.success(request, _("メッセージを送信しました。"))
    return _sent(number)


def _sent(number: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("buyer:message", args=[number]) + "#said")


def _list(request: PersonRequest) -> dict:
    page = queries.threads_of_buyer(request.user.pk, before=request.GET.get("before", ""))
    return {"here": "messages", "rows": rows_of(page.threads, by_seller=False), "older": page.older}


def _show(
    request: PersonRequest, order, thread, form: MessageForm, now, *, official: bool = False
) -> HttpResponse:
    return render(
        request,
        "messaging/buyer.html",
        {
            **_list(request),
            "order": order,
            "standing": standing_of(order, now),
            "lines": lines_of(thread),
            "form": form,
            "official": official,
            "may_write": order.payment_verified_at is not None,
        },
    )
