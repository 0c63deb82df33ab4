"""What every answer carries, in which language it speaks, and what a reader sees when the database is away."""

import re
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from django.conf import settings
from django.contrib.auth import logout as end_session
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from accounts import second_factor
from accounts.access import (
    PersonRequest,
    is_proved,
    is_session_over,
    keep_seen,
    prove_first,
    sign_in_first,
)
from events.busy import is_busy
from sellercentral.logs import current_request_id

GetResponse = Callable[[HttpRequest], HttpResponseBase]

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "browsing-topics",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "payment",
        "usb",
    )
)
RETRY_AFTER_SECONDS = 30
# Pages that ask nobody who they are.
OPEN = frozenset(
    {
        "login",
        "password-forgotten",
        "password-link",
        "password-new",
        "logout",
        "language",
        "favicon",
        "health-live",
        "health-ready",
    }
)


def content_security_policy(changes: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return the header's text; `changes` replaces single directives, for the few pages that need it."""
    policy = {**settings.SECURE_CSP, **(changes or {})}
    return "; ".join(f"{directive} {' '.join(sources)}" for directive, sources in policy.items())


# The most bytes that an address takes, by how it begins: a feed of 10 MB with its form, five files of a message.
LARGEST_BODIES = (
    ("/admin/", None),
    ("/seller/feeds/", 10_600_000),
    ("/documents/", 10_600_000),
    ("/", 40_000_000),
)


class RequestIdMiddleware:
    """Names each request once, for its answer, its log lines and the sentence a reader can quote."""

    def __init__(self, get_response: GetResponse) -> None:
        """Keep the rest of the chain."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Take over the id that a proxy gave, if it looks like one, else make one."""
        given = request.headers.get("X-Request-Id", "")
        request.id = given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())  # type: ignore[attr-defined]
        if settings.PROXY_HOPS:
            _believe_proxies(request)
        token = current_request_id.set(request.id)  # type: ignore[attr-defined]
        try:
            response = self.get_response(request)
        finally:
            current_request_id.reset(token)
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
        return response


def _believe_proxies(request: HttpRequest) -> None:
    """Put the client's address in place: what our own proxies appended, never what the client wrote before."""
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    if len(hops) >= settings.PROXY_HOPS:
        request.META["REMOTE_ADDR"] = hops[-settings.PROXY_HOPS]


class HeadersMiddleware:
    """Tells browsers what a page may do. A view that needs something else sets the header itself."""

    def __init__(self, get_response: GetResponse) -> None:
        """Keep the rest of the chain; the policy is the same for every page."""
        self.get_response = get_response
        self.policy = content_security_policy()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Add what the answer does not say already."""
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response


class BodySizeMiddleware:
    """Refuses a body that is larger than its address takes, before anything of it is read (reliability B-02)."""

    def __init__(self, get_response: GetResponse) -> None:
        """Keep the rest of the chain."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 413 instead of going on. What operators send has no limit: order files are large."""
        length = request.META.get("CONTENT_LENGTH") or "0"
        most = next((most for start, most in LARGEST_BODIES if request.path.startswith(start)), None)
        if most is not None and length.isdigit() and int(length) > most:
            return HttpResponse(render_to_string("413.html", {"request_id": request.id}), status=413)  # type: ignore[attr-defined]
        return self.get_response(request)


class DatabaseTroubleMiddleware:
    """Turns a lost database into 503 and a lock that was not had in time into 409.

    Errors of views arrive in `process_exception`. Those of other middleware (the session is a row, too) have
    become a 500 on the way; the signal that Django sends for them leaves a mark on the request.
    """

    def __init__(self, get_response: GetResponse) -> None:
        """Keep the rest of the chain."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Replace an error page that database trouble below caused."""
        response = self.get_response(request)
        if response.status_code == 500 and (error := getattr(request, "database_trouble", None)):
            return trouble_page(request, error) or response
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for a view that failed for want of the database."""
        return trouble_page(request, exception)


def _mark_database_trouble(sender: object, request: HttpRequest | None = None, **_: object) -> None:
    error = sys.exc_info()[1]
    if request is not None and isinstance(error, OperationalError | InterfaceError):
        request.database_trouble = error  # type: ignore[attr-defined]


got_request_exception.connect(_mark_database_trouble, dispatch_uid="sellercentral.database_trouble")


def trouble_page(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """Return the page for this database error, or None if it is some other error."""
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    busy = is_busy(error)
    status = 409 if busy else 503
    response = HttpResponse(_page_without_database(request, f"{status}.html"), status=status)
    response["Cache-Control"] = "no-store"
    if not busy:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _page_without_database(request: HttpRequest, template: str) -> str:
    """Render without context processors: they would ask the database who is signed in."""
    context = {
        "brand_name": settings.BRAND_NAME,
        "portal_name": settings.PORTAL_NAME,
        "request_id": getattr(request, "id", ""),
        "retry_after": RETRY_AFTER_SECONDS,
    }
    with translation.override(translation.get_language_from_request(request)):
        return render_to_string(template, context)


class SignedInMiddleware:
    """Keeps what a signed-in person sees out of every cache, the browser's own after signing out included."""

    def __init__(self, get_response: GetResponse) -> None:
        """Keep the rest of the chain."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Mark answers to whoever was signed in when asking, or is signed in now."""
        before = request.user.is_authenticated
        response = self.get_response(request)
        if before or request.user.is_authenticated:
            response["Cache-Control"] = "no-store"
        return response


class SessionAgeMiddleware:
    """Ends sessions of operators and of shops' people that are too old or were left alone (reliability S-15, S-50).

    Nothing is done by the request that comes too late: its person signs in and comes back to a page.
    """

    def __init__(self, get_response: GetResponse) -> None:
        """Keep the rest of the chain."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer as ever."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponse | None:
        """Send the person to sign in anew, or note that the session is in use."""
        if not request.user.is_authenticated:
            return None
        now, person, match = timezone.now(), cast(PersonRequest, request), request.resolver_match
        if not is_session_over(person, now=now):
            keep_seen(person, now=now)
            return None
        end_session(request)
        is_open = match is not None and (match.view_name in OPEN or "help" in match.namespaces)
        return None if is_open else sign_in_first(request)


class SecondFactorMiddleware:
    """Leads whoever owes a second factor to it before anything else (reliability S-13).

    Stands in one place for all pages, so that no page can forget it. Which page of the two: the one that asks for a
    code, or the one that sets a device up for somebody who has none.
    """

    def __init__(self, get_response: GetResponse) -> None:
        """Keep the rest of the chain."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer as ever."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponse | None:
        """Send the person to the gate, unless it is open to them already or they stand at it."""
        person, match = request.user, request.resolver_match
        if settings.DEMO or not person.is_authenticated or is_proved(request) or match is None:
            return None
        if match.view_name in OPEN or not second_factor.must_prove(person):
            return None
        gate = "second-factor" if second_factor.is_set_up(person.pk) else "second-factor-set-up"
        return None if match.view_name == gate else prove_first(request, reverse(gate))


class LanguageMiddleware:
    """Speaks the language that a signed-in person has chosen, else that of the cookie, else of the browser."""

    def __init__(self, get_response: GetResponse) -> None:
        """Keep the rest of the chain."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Activate the language for the time of the request and name it in the answer."""
        with translation.override(language_of(request)):
            request.LANGUAGE_CODE = translation.get_language() or settings.LANGUAGE_CODE
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", translation.get_language() or settings.LANGUAGE_CODE)
        patch_vary_headers(response, ["Accept-Language"])
        return response


def language_of(request: HttpRequest) -> str:
    """Return the language to answer in."""
    chosen = getattr(request.user, "language", "") if request.user.is_authenticated else ""
    return chosen if chosen in dict(settings.LANGUAGES) else translation.get_language_from_request(request)
