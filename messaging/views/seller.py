"""マーケットプレイス・メッセージ管理: the shop's talks with its buyers."""

import hashlib
from functools import partial

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import ShopRequest, seller_of, seller_page
from cancellations.queries import buyer_spoke_of_cancelling
from cancellations.wording import refusal
from messaging import queries
from messaging.actions import mark_read
from messaging.forms import MessageForm
from messaging.rules import Topic, pushes_to_cancel
from messaging.search import said_to_seller
from messaging.wording import official_way, refuse_or_return
from orders.outcomes import Refused
from orders.queries import order_of_seller
from orders.rules import order_number
from orders.views.standing import find_order, standing_of

from .lines import rows_of, search_of, talk_of
from .writing import Writing, answer_with_file

OFFICIAL, RETURN = "official", "return"


@require_safe
@seller_page
def talks(request: ShopRequest) -> HttpResponse:
    """The list of talks: all, those with something new, those with a wish for a cancellation, those that say words.

    A whole order number leads straight to its talk.
    """
    number = order_number(request.GET.get("q", "").strip())
    if number and order_of_seller(request.membership.seller_id, number):
        return HttpResponseRedirect(reverse("seller:message", args=[number]))
    return render(request, "messaging/seller.html", _list(request))


@require_http_methods(["GET", "HEAD", "POST"])
@seller_page
def talk(request: ShopRequest, number: str) -> HttpResponse:
    """One talk, with the form to answer in it."""
    if request.method == "POST" and not request.membership.may_act:
        raise PermissionDenied
    order = find_order(request, number)
    writing = Writing(request, order.pk, seller_of(request), timezone.now())
    if writing.was_sent_before():
        return _sent(number)
    thread = queries.thread_of(order.pk)
    if request.method != "POST":
        if request.method == "GET" and request.membership.may_act:
            mark_read(order_id=order.pk, by_seller=True)
        return _show(request, order, thread, writing.form(of_seller=True, **_template(request, order)))
    form = writing.form(of_seller=True)
    if not form.is_valid():
        writing.keep(form)
        return _show(request, order, thread, form)
    text = form.cleaned_data["text"]
    may_speak = _may_speak_of_cancelling(order, text)
    insists = hashlib.sha256(text.encode()).hexdigest()
    if pushes_to_cancel(text, buyer_spoke=may_speak) and form.cleaned_data["confirmed"] != insists:
        writing.keep(form)
        return _show(request, order, thread, form, insists=insists)
    try:
        writing.send(form, may_speak_of_cancelling=may_speak)
    except Refused as refused:
        form.add_error(None, refusal(refused.code))
        return _show(request, order, thread, form)
    messages.success(request, _("メッセージを送信しました。"))
    return _sent(number)


@require_safe
@seller_page
def file(request: ShopRequest, number: str, key: int) -> HttpResponse:
    """A file that went with a message."""
    return answer_with_file(find_order(request, number).pk, key, request.user.pk)


def _may_speak_of_cancelling(order, text: str) -> bool:
    """Whether the buyer spoke of it first, in a message or by a request, or the words are the portal's own (B17)."""
    return text.split() == _official(order)["text"].split() or buyer_spoke_of_cancelling(order.pk)


def _official(order) -> dict[str, str]:
    url = f"{settings.SITE_URL}{reverse('buyer:order-request', args=[order.number])}"
    with override(_language_of(order)):
        return {"topic": Topic.CANCEL.value, "text": official_way(request_url=url)}


def _language_of(order) -> str:
    """What is ready-written is read by the buyer, whatever language the shop's people work in."""
    return order.buyer.language if order.buyer else settings.LANGUAGE_CODE


def _template(request: ShopRequest, order) -> dict[str, str]:
    """A ready-written text, chosen by its button; the person still reads and sends it."""
    wanted = request.GET.get("template", "")
    if wanted == OFFICIAL:
        return _official(order)
    if wanted == RETURN:
        with override(_language_of(order)):
            return {"topic": Topic.CANCEL.value, "text": refuse_or_return()}
    return {}


def _sent(number: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("seller:message", args=[number]) + "#said")


def _list(request: ShopRequest) -> dict:
    show = request.GET.get("show", "")
    seller_id = request.membership.seller_id
    search = search_of(request, partial(said_to_seller, seller_id), by_seller=True)
    if search is not None:
        return search
    page = queries.threads_of_seller(
        seller_id, unread=show == "unread", wish=show == "cancel", before=request.GET.get("before", "")
    )
    return {
        "here": "messages",
        "show": show if show in {"unread", "cancel"} else "",
        "rows": rows_of(page.threads, by_seller=True),
        "older": page.older,
        "unread": queries.unread_of_seller(seller_id),
    }


def _show(request: ShopRequest, order, thread, form: MessageForm, *, insists: str = "") -> HttpResponse:
    standing = standing_of(request, order, timezone.now())
    is_unofficial = bool(thread and thread.has_wish) and standing.request is None and standing.units_open > 0
    return render(
        request,
        "messaging/seller.html",
        {
            **_list(request),
            "order": order,
            "standing": standing,
            **talk_of(request, thread),
            "form": form,
            "insists": insists,
            "is_unofficial": is_unofficial,
            "refuses": bool(order.buyer and order.buyer.refuses_unimportant_messages),
            "may_write": request.membership.may_act and order.buyer_id and not standing.hides_buyer,
        },
    )
