"""開発者とキー: a shop's OWNERs register software, issue its keys, and end both (help page rule 19, domain 14.1)."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts import queries
from accounts.access import ShopRequest, hear_own_password, owner_page, seller_of
from accounts.developers import Refused, close, issue, register, revoke, set_redirects
from accounts.forms import ApplicationForm, KeysForm, RedirectsForm
from accounts.rules import OVERLAP, Why
from accounts.wording import SCOPES, why_refused
from cancellations.queries import rules_at

# Keys that end within this time are marked.
ENDS_SOON = timedelta(days=14)


@require_http_methods(["GET", "HEAD", "POST"])
@owner_page
def developer(request: ShopRequest) -> HttpResponse:
    """What the shop has registered, and the form for one more."""
    now, seller_id = timezone.now(), request.membership.seller_id
    needs_approval = rules_at(now).developer_approval
    form = ApplicationForm(
        request.POST if request.method == "POST" else None, initial={"contact": request.user.email}
    )
    if form.is_bound and form.is_valid():
        try:
            made = register(
                seller_id=seller_id,
                **form.cleaned_data,
                needs_approval=needs_approval,
                by=seller_of(request),
                now=now,
                address=request.META["REMOTE_ADDR"],
            )
        except Refused as refused:
            form.add_error("name" if refused.why == Why.NAME_TAKEN else None, why_refused(refused.why))
        else:
            says = _("登録を受け付けました。運営の承認後に、キーを発行できます。")
            messages.success(request, says if needs_approval else _("登録しました。続けてキーを発行できます。"))
            return redirect("seller:application", made.pk)
    context = {
        "here": "settings",
        "form": form,
        "applications": queries.applications_of_shop(seller_id, now=now),
        "needs_approval": needs_approval,
        "now": now,
    }
    return render(request, "accounts/developer.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("own_password")
@sensitive_variables()
@owner_page
def application(request: ShopRequest, application_id: int) -> HttpResponse:
    """One registration with its keys; new keys are shown in answer to the form, this one time."""
    now, seller_id = timezone.now(), request.membership.seller_id
    found = queries.application_of_shop(seller_id, application_id)
    if found is None:
        raise Http404
    issued = queries.latest_credentials(found)
    initial: dict[str, Any] = {"newest": 0}
    if issued:
        initial = {"newest": issued[0].pk, "scopes": issued[0].scopes, "days": issued[0].lifetime}
    form = KeysForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_bound and form.is_valid():
        try:
            hear_own_password(request, form.cleaned_data["own_password"], now=now)
            keys = issue(
                seller_id=seller_id,
                application_id=application_id,
                scopes=form.cleaned_data["scopes"],
                days=form.cleaned_data["days"],
                newest=form.cleaned_data["newest"],
                by=seller_of(request),
                now=now,
                address=request.META["REMOTE_ADDR"],
            )
        except ValidationError as error:
            form.add_error("own_password", error)
        except Refused as refused:
            form.add_error(None, why_refused(refused.why))
        else:
            context = {
                "here": "settings",
                "application": found,
                "keys": keys,
                "merchant": found.seller.merchant_id,
            }
            return render(request, "accounts/developer_keys.html", context)
    soon = now + ENDS_SOON
    context = {
        "here": "settings",
        "application": found,
        "keys": [(each, _operations(each.scopes), each.expires_at <= soon) for each in issued],
        "form": form,
        "now": now,
        "overlap": OVERLAP.days,
    }
    return render(request, "accounts/developer_application.html", context)


def _operations(scopes: Collection[str]) -> list[Promise]:
    """What keys are good for, in the words and the order of the form."""
    return [words for scope, words in SCOPES if scope in scopes]


@require_http_methods(["GET", "HEAD", "POST"])
@owner_page
def redirects(request: ShopRequest, application_id: int) -> HttpResponse:
    """Where a consent for this software may lead back to."""
    seller_id = request.membership.seller_id
    found = queries.application_of_shop(seller_id, application_id)
    if found is None or not found.is_open:
        raise Http404
    form = RedirectsForm(
        request.POST if request.method == "POST" else None, initial={"redirects": "\n".join(found.redirects)}
    )
    if form.is_bound and form.is_valid():
        changed = set_redirects(
            seller_id=seller_id,
            application_id=found.pk,
            redirects=form.cleaned_data["redirects"],
            by=seller_of(request),
            now=timezone.now(),
            address=request.META["REMOTE_ADDR"],
        )
        if changed:
            messages.success(request, _("リダイレクトURIを保存しました。"))
        else:
            messages.info(request, _("変更はありませんでした。"))
        return redirect("seller:application", found.pk)
    context = {"here": "settings", "application": found, "form": form}
    return render(request, "accounts/developer_redirects.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@owner_page
def keys_end(request: ShopRequest, application_id: int, credential_id: int) -> HttpResponse:
    """A set of keys is good for nothing any more, after a second question."""
    now, seller_id = timezone.now(), request.membership.seller_id
    found = queries.application_of_shop(seller_id, application_id)
    keys = queries.credential_of(found, credential_id) if found else None
    if found is None or keys is None:
        raise Http404
    if request.method == "POST":
        address = request.META["REMOTE_ADDR"]
        if revoke(seller_id=seller_id, credential_id=keys.pk, by=seller_of(request), now=now, address=address):
            messages.success(request, _("キーを無効にしました。"))
        else:
            messages.info(request, _("変更はありませんでした。"))
        return redirect("seller:application", found.pk)
    return render(request, "accounts/developer_end.html", {"here": "settings", "application": found, "keys": keys})


@require_http_methods(["GET", "HEAD", "POST"])
@owner_page
def application_end(request: ShopRequest, application_id: int) -> HttpResponse:
    """A registration ends with all its keys, after a second question."""
    found = queries.application_of_shop(request.membership.seller_id, application_id)
    if found is None:
        raise Http404
    if not found.is_open:
        messages.info(request, _("この登録は、すでに終了しています。"))
        return redirect("seller:application", found.pk)
    if request.method == "POST":
        address = request.META["REMOTE_ADDR"]
        if close(application_id=found.pk, by=seller_of(request), now=timezone.now(), address=address):
            messages.success(request, _("登録を終了しました。"))
        else:
            messages.info(request, _("変更はありませんでした。"))
        return redirect("seller:developer")
    return render(request, "accounts/developer_end.html", {"here": "settings", "application": found})
