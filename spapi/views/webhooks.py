"""Webhook: a shop's OWNERs say where its software hears of news, see what was sent, and send it again (domain 14.9)."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import ShopRequest, hear_own_password, owner_page, seller_of
from accounts.forms import asked_anew
from spapi import queries
from spapi.actions import Refused, add_webhook, end_webhook, mark_of, renew_secret, replay, set_topics
from spapi.forms import SecretForm, TopicsForm, WebhookForm
from spapi.params import key_of
from spapi.rules import SECRETS_OVERLAP, Why
from spapi.webhooks import Unreachable, addresses_of
from spapi.wording import in_words, state_tag, topic_words, what_happened, why_refused


def _by(request: ShopRequest) -> dict[str, Any]:
    """Who acts, when and from where."""
    return {"by": seller_of(request), "now": timezone.now(), "from_address": request.META["REMOTE_ADDR"]}


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("own_password")
@sensitive_variables()
@owner_page
def webhooks(request: ShopRequest) -> HttpResponse:
    """The shop's webhooks and its software's queues, and the form for one more webhook.

    Its secret is shown in answer to the form, this one time.
    """
    shop = request.membership.seller
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        try:
            hear_own_password(request, given["own_password"], now=timezone.now())
            addresses_of(given["address"])
            made, secret = add_webhook(
                seller=shop, name=given["name"], address=given["address"], topics=given["topics"], **_by(request)
            )
        except ValidationError as error:
            form.add_error("own_password", error)
        except Unreachable as error:
            form.add_error("address", in_words(f"{error}"))
        except Refused as refused:
            form.add_error("address" if refused.why == Why.ADDRESS_TAKEN else None, why_refused(refused.why))
        else:
            return _show_secret(request, made, secret)
    context = {
        "here": "settings",
        "form": form,
        "webhooks": _with_topics(queries.webhooks_of(shop.pk)),
        "queues": [
            (each, topics, in_words(each.last_error))
            for each, topics in _with_topics(queries.queues_of_shop(shop.pk, now=timezone.now()))
        ],
    }
    return render(request, "spapi/webhooks.html", context)


def _with_topics(found: list[Any]) -> list[tuple[Any, list[str]]]:
    return [(each, [topic_words(topic) for topic in queries.topics_of(each)]) for each in found]


@sensitive_variables()
def _show_secret(request: HttpRequest, webhook: Any, secret: str) -> HttpResponse:
    context = {"here": "settings", "webhook": webhook, "secret": secret}
    return render(request, "spapi/webhook_secret.html", context)


def _webhook(request: ShopRequest, webhook_id: int) -> Any:
    found = queries.webhook_of(request.membership.seller_id, webhook_id)
    if found is None:
        raise Http404
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@owner_page
def webhook(request: ShopRequest, webhook_id: int) -> HttpResponse:
    """One webhook: what it is told of, and the latest messages to it."""
    found = _webhook(request, webhook_id)
    form = TopicsForm(
        request.POST if request.method == "POST" else None, initial={"topics": queries.topics_of(found)}
    )
    if form.is_bound and form.is_valid():
        seller_id, topics = request.membership.seller_id, form.cleaned_data["topics"]
        if set_topics(seller_id=seller_id, destination_id=found.pk, topics=topics, **_by(request)):
            messages.success(request, _("通知の種類を保存しました。"))
        else:
            messages.info(request, _("変更はありませんでした。"))
        return redirect("seller:webhook", found.pk)
    position = key_of(request.GET.get("behind", ""))
    sent = queries.pushes_to(found, behind=position, limit=queries.PUSHES_SHOWN + 1)
    context = {
        "here": "settings",
        "webhook": found,
        "form": form,
        "sent": [
            (each, what_happened(each.event.name), state_tag(each.state), in_words(each.last_error))
            for each in sent[: queries.PUSHES_SHOWN]
        ],
        "why": in_words(found.last_error),
        "next_at": found.rests_until if found.is_resting(timezone.now()) and queries.has_waiting(found) else None,
        "behind": position,
        "go_on": sent[queries.PUSHES_SHOWN - 1].pk if len(sent) > queries.PUSHES_SHOWN else 0,
        "now": timezone.now(),
    }
    return render(request, "spapi/webhook.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("own_password")
@sensitive_variables()
@owner_page
def secret(request: ShopRequest, webhook_id: int) -> HttpResponse:
    """A new secret, after the own password; it is shown in answer to the form, this one time."""
    found = _webhook(request, webhook_id)
    form = SecretForm(request.POST if request.method == "POST" else None, initial={"seen": mark_of(found)})
    if form.is_bound and form.is_valid():
        try:
            hear_own_password(request, form.cleaned_data["own_password"], now=timezone.now())
        except ValidationError as error:
            form.add_error("own_password", error)
        else:
            seller_id = request.membership.seller_id
            seen = form.cleaned_data["seen"]
            try:
                made = renew_secret(seller_id=seller_id, destination_id=found.pk, seen=seen, **_by(request))
            except Refused as refused:
                # The next form is about the secret that there is now.
                found = _webhook(request, webhook_id)
                form = asked_anew(SecretForm, why_refused(refused.why), seen=mark_of(found))
            else:
                if made is None:
                    raise Http404
                return _show_secret(request, found, made)
    until = found.former_secret_until
    context = {
        "here": "settings",
        "webhook": found,
        "form": form,
        "overlap": SECRETS_OVERLAP.days,
        "both_until": until if until and until > timezone.now() else None,
    }
    return render(request, "spapi/webhook_renew.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@owner_page
def end(request: ShopRequest, webhook_id: int) -> HttpResponse:
    """A webhook ends, after a second question."""
    found = _webhook(request, webhook_id)
    if request.method == "POST":
        if end_webhook(seller_id=request.membership.seller_id, destination_id=found.pk, **_by(request)):
            messages.success(request, _("Webhookを終了しました。"))
        return redirect("seller:webhooks")
    return render(request, "spapi/webhook_end.html", {"here": "settings", "webhook": found})


@require_POST
@owner_page
def again(request: ShopRequest, webhook_id: int, message_id: int) -> HttpResponse:
    """Send a message once more."""
    found = _webhook(request, webhook_id)
    seller_id = request.membership.seller_id
    if queries.push_of(seller_id, found.pk, message_id) is None:
        raise Http404
    if replay(seller_id=seller_id, destination_id=found.pk, delivery_id=message_id, **_by(request)):
        if found.is_resting(timezone.now()):
            messages.success(request, _("応答がないため、次の送信のときにもう一度送信します。"))
        else:
            messages.success(request, _("もう一度送信します。"))
    else:
        messages.info(request, _("この通知は、すでに送信を待っています。"))
    position = key_of(request.GET.get("behind", ""))
    return redirect(reverse("seller:webhook", args=[found.pk]) + (f"?behind={position}" if position else ""))
