"""The front door, and the pages for trouble."""

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.access import frame_of, own_address, page_before, sign_in_first
from accounts.queries import membership_of
from mws.sections import at_root


@csrf_exempt
def root(request: HttpRequest) -> HttpResponseBase:
    """The front door; older software of sellers sends feeds and reports here, each with its action (mws 1)."""
    # No page posts a form here: the action may stand in its body.
    is_form = request.method == "POST" and request.content_type == "application/x-www-form-urlencoded"
    return at_root(request) if is_form or "Action" in request.GET else home(request)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Send everybody to where their work is: shop, operator's desk, or account."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    if membership_of(request.user):
        return redirect("seller:home")
    if request.user.is_staff:
        return redirect("admin:index")
    return redirect("buyer:account")


@require_safe
def operator_sign_in(request: HttpRequest) -> HttpResponse:
    """Send operators to sign in where everybody does: one door, one throttle; refuse whoever is no operator."""
    if not request.user.is_authenticated:
        back = request.GET.get("next") or reverse("admin:index")
        return HttpResponseRedirect(f"{settings.LOGIN_URL}?{urlencode({'next': back})}")
    if not admin.site.has_permission(request):
        raise PermissionDenied
    return redirect("admin:index")


@require_safe
def help_index(request: HttpRequest) -> HttpResponse:
    """ヘルプ: the pages that explain the portal, for everybody."""
    return render(request, "help/index.html", {"here": "help", "frame": frame_of(request)})


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Answer browsers that look for a sign where no page names one, as in the admin."""
    return HttpResponseRedirect(static("portal/favicon.svg"))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer what could not be read."""
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an act the person may not do."""
    places = {"/admin/": "admin", "/seller/": "seller", "/apps/": "seller"}
    kind = next((kind for place, kind in places.items() if request.path.startswith(place)), "")
    works_in_shop = request.user.is_authenticated and membership_of(request.user) is not None
    return render(request, "403.html", {"kind": kind, "works_in_shop": works_in_shop}, status=403)


# What people type at length, by the name of its field: worth keeping when a form cannot be taken.
TYPED = {"text": gettext_lazy("入力した内容"), "seller_memo": gettext_lazy("出品者メモ")}


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without its token, as after signing in anew in another window: what was typed is not lost.

    It is shown to its writer only: a form that came from another site is told nothing back.
    """
    ours = urlsplit(request.headers.get("Referer", "")).netloc == request.get_host()
    back = own_address(request, page_before(request))
    typed = [
        (label, text) for name, label in TYPED.items() if ours and (text := request.POST.get(name, "").strip())
    ]
    return render(request, "403_csrf.html", {"typed": typed, "back": back}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an address that leads nowhere, or to somebody else's order: the same page for both."""
    return render(request, "404.html", status=404)


def failed(request: HttpRequest) -> HttpResponse:
    """Answer after an error of ours, without database, session or context: only a number to quote."""
    return HttpResponse(render_to_string("500.html", {"request_id": getattr(request, "id", "")}), status=500)
