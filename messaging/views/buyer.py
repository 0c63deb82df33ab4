"""メッセージ: the buyer's talks with shops."""

from functools import partial

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
from messaging.actions import mark_read
from messaging.forms import MessageForm
from messaging.rules import Topic
from messaging.search import said_to_buyer
from orders.outcomes import Refused
from orders.queries import order_of_buyer
from orders.rules import order_number
from orders.views.buyer import find_order, standing_of

from .lines import rows_of, search_of, talk_of
from .writing import Writing, answer_with_file


@require_safe
@buyer_page
def talks(request: PersonRequest) -> HttpResponse:
    """The list of talks, newest first, or what was said of some words; a whole order number leads to its talk."""
    number = order_number(request.GET.get("q", "").strip())
    if number and order_of_buyer(request.user.pk, number):
        return HttpResponseRedirect(reverse("buyer:message", args=[number]))
    return render(request, "messaging/buyer.html", _list(request))


@require_http_methods(["GET", "HEAD", "POST"])
@buyer_page
def talk(request: PersonRequest, number: str) -> HttpResponse:
    """One talk, with the form to write in it; who writes of a cancellation is shown the official way first."""
    order = find_order(request, number)
    now = timezone.now()
    writing = Writing(request, order.pk, buyer_of(request), now)
    if writing.was_sent_before():
        return _sent(number)
    thread = queries.thread_of(order.pk)
    if request.method != "POST":
        if request.method == "GET":
            mark_read(order_id=order.pk, by_seller=False)
        return _show(request, order, thread, writing.form(of_seller=False), now)
    form = writing.form(of_seller=False)
    if not form.is_valid():
        writing.keep(form)
        return _show(request, order, thread, form, now)
    is_asked = form.topic_chosen == Topic.CANCEL and bool(standing_of(order, now).way)
    if is_asked and form.cleaned_data["confirmed"] != "message":
        writing.keep(form)
        return _show(request, order, thread, form, now, official=True)
    try:
        writing.send(form)
    except Refused as refused:
        form.add_error(None, refusal(refused.code))
        return _show(request, order, thread, form, now)
    messages.success(request, _("メッセージを送信しました。"))
    return _sent(number)


@require_safe
@buyer_page
def file(request: PersonRequest, number: str, key: int) -> HttpResponse:
    """A file that went with a message."""
    return answer_with_file(find_order(request, number).pk, key, request.user.pk)


def _sent(number: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("buyer:message", args=[number]) + "#said")


def _list(request: PersonRequest) -> dict:
    search = search_of(request, partial(said_to_buyer, request.user.pk), by_seller=False)
    if search is not None:
        return search
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
            **talk_of(request, thread),
            "form": form,
            "official": official,
            "may_write": order.payment_verified_at is not None,
        },
    )
