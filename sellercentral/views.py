"""The front door, and the pages for trouble."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import sign_in_first
from accounts.queries import membership_of


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


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer what could not be read."""
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an act the person may not do."""
    return render(request, "403.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an address that leads nowhere, or to somebody else's order: the same page for both."""
    return render(request, "404.html", status=404)


def failed(request: HttpRequest) -> HttpResponse:
    """Answer after an error of ours, without database, session or context: only a number to quote."""
    return HttpResponse(render_to_string("500.html", {"request_id": getattr(request, "id", "")}), status=500)
