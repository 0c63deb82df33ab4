"""マーケットプレイス・メッセージ管理: the shop's talks with its buyers."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import ShopRequest, seller_of, seller_page
from cancellations.wording import refusal
from messaging import queries
from messaging.actions import MessageTarget, mark_read, send
from messaging.forms import MessageForm
from messaging.rules import Topic, pushes_to_cancel
from messaging.wording import official_way, refuse_or_return
from orders.outcomes import Refused, sole
from orders.views.acts import answered_before, done_once
from orders.views.standing import find_order, standing_of

from .lines import lines_of, rows_of

OFFICIAL, RETURN = "official", "return"


@require_safe
@seller_page
def talks(request: ShopRequest) -> HttpResponse:
    """The list of talks: all, those with something new, those with a wish for a cancellation."""
    return render(request, "messaging/seller.html", _list(request))


@require_http_methods(["GET", "HEAD", "POST"])
@seller_page
def talk(request: ShopRequest, number: str) -> HttpResponse:
    """One talk, with the form to answer in it."""
    if request.method == "POST" and not request.membership.may_act:
        raise PermissionDenied
    order = find_order(request, number)
    now = timezone.now()
    about = ["message", order.pk]
    if answered_before(request, about):
        return _sent(number)
    thread = queries.thread_of(order.pk)
    if request.method != "POST":
        if request.method == "GET" and request.membership.may_act:
            mark_read(order_id=order.pk, by_seller=True)
        return _show(request, order, thread, MessageForm(of_seller=True, initial=_template(request, order)))
    form = MessageForm(request.POST, of_seller=True)
    if not form.is_valid():
        return _show(request, order, thread, form)
    text = form.cleaned_data["text"]
    has_wish = thread is not None and thread.has_wish
    if pushes_to_cancel(text) and not has_wish and form.cleaned_data["confirmed"] != "push":
        return _show(request, order, thread, form, pushes=True)
    target = MessageTarget(order.pk, form.topic_chosen, text)
    try:
        done_once(
            request,
            form,
            about,
            lambda: sole(send(targets=[target], by=seller_of(request), now=now)).as_dict(),
            now=now,
        )
    except Refused as refused:
        form.add_error(None, refusal(refused.code))
        return _show(request, order, thread, form)
    messages.success(request, _("メッセージを送信しました。"))
    return _sent(number)


def _template(request: ShopRequest, order) -> dict[str, str]:
    """A ready-written text, chosen by its button; the person still reads and sends it."""
    wanted = request.GET.get("template", "")
    if wanted == OFFICIAL:
        url = f"{settings.SITE_URL}{reverse('buyer:order-request', args=[order.number])}"
        return {"topic": Topic.CANCEL.value, "text": official_way(request_url=url)}
    if wanted == RETURN:
        return {"topic": Topic.CANCEL.value, "text": refuse_or_return()}
    return {}


def _sent(number: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("seller:message", args=[number]) + "#said")


def _list(request: ShopRequest) -> dict:
    show = request.GET.get("show", "")
    seller_id = request.membership.seller_id
    page = queries.threads_of_seller(
        seller_id, unread=show == "unread", wish=show == "cancel", before=request.GET.get("before", "")
    )
    return {
        "here": "messages",
        "show": show if show in {"unread", "cancel"} else "",
        "rows": rows_of(page.threads, by_seller=True),
        "older": page.older,
        "unread": queries.unread_of_seller(seller_id),
        "wishes": queries.wishes_of_seller(seller_id),
    }


def _show(request: ShopRequest, order, thread, form: MessageForm, *, pushes: bool = False) -> HttpResponse:
    standing = standing_of(request, order, timezone.now())
    is_unofficial = bool(thread and thread.has_wish) and standing.request is None and standing.units_open > 0
    return render(
        request,
        "messaging/seller.html",
        {
            **_list(request),
            "order": order,
            "standing": standing,
            "lines": lines_of(thread),
            "form": form,
            "pushes": pushes,
            "is_unofficial": is_unofficial,
            "refuses": bool(order.buyer and order.buyer.refuses_unimportant_messages),
            "may_write": request.membership.may_act and order.buyer_id and not standing.hides_buyer,
        },
    )
