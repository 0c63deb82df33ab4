"""The OWNER's consent: software sends its reader here, and gets a code for keys of its own (sp-api 2)."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts import queries
from accounts.access import ShopRequest, hear_own_password, owner_page, seller_of
from accounts.developers import Refused, consent
from accounts.forms import ConsentForm, asked_anew
from accounts.rules import Why
from accounts.wording import SCOPES, why_refused

LONGEST_STATE = 2000


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("own_password")
@sensitive_variables()
@owner_page
def ask(request: ShopRequest) -> HttpResponse:
    """What the software would be allowed, and the two answers; either leads back to it."""
    now, seller_id = timezone.now(), request.membership.seller_id
    found = queries.approved_application(seller_id, request.GET.get("application_id", ""))
    if found is None:
        return _cannot(request, _("このソフトウェアは、あなたの店舗に登録されていないか、承認されていません。"))
    state = request.GET.get("state", "")
    if not state or len(state) > LONGEST_STATE:
        return _cannot(request, _("ソフトウェアからの情報（state）が不足しているか、長すぎます。"))
    redirect = request.GET.get("redirect_uri", "") or next(iter(found.redirects), "")
    if redirect not in found.redirects:
        return _cannot(
            request, _("戻り先のアドレスが、このソフトウェアのリダイレクトURIとして登録されていません。")
        )
    present = queries.present_credential(found, now=now)
    if present is None:
        return _cannot(request, why_refused(Why.NO_KEYS))
    form = ConsentForm(request.POST if request.method == "POST" else None, initial={"present": present.pk})
    if form.is_bound and form.is_valid():
        try:
            hear_own_password(request, form.cleaned_data["own_password"], now=now)
            code = consent(
                seller_id=seller_id,
                application_id=found.pk,
                redirect=redirect,
                present_key=form.cleaned_data["present"],
                by=seller_of(request),
                now=now,
                address=request.META["REMOTE_ADDR"],
            )
        except ValidationError as error:
            form.add_error("own_password", error)
        except Refused as refused:
            # The next form is about the keys that there are now.
            present = queries.present_credential(found, now=now) or present
            form = asked_anew(ConsentForm, why_refused(refused.why), present=present.pk)
        else:
            back = _with(redirect, state=state, selling_partner_id=found.seller.merchant_id, spapi_oauth_code=code)
            response = render(request, "accounts/consent_given.html", {"application": found, "back": back})
            # A form may not lead away from the portal; a page that was read may.
            response["Refresh"] = f"0; url={back}"
            return response
    context = {
        "application": found,
        "form": form,
        "scopes": [words for scope, words in SCOPES if scope in present.scopes],
        "days": present.lifetime,
        "host": urlsplit(redirect).netloc,
        "refuse": _with(redirect, error="access_denied", state=state),
    }
    return render(request, "accounts/consent.html", context)


def _with(address: str, **more: str) -> str:
    """An address with more in its query."""
    parts = urlsplit(address)
    query = "&".join(each for each in (parts.query, urlencode(more)) if each)
    return urlunsplit(parts._replace(query=query))


def _cannot(request: ShopRequest, why: str) -> HttpResponse:
    """A page that leads nowhere: who sent the reader here is not known well enough to send anybody back."""
    return render(request, "accounts/consent_refused.html", {"why": why}, status=400)
