"""Who may open a page: the shop's people, the buyer, and in which role they act there."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from .actors import Actor, Door, Role
from .queries import membership_of

if TYPE_CHECKING:
    from .models import Membership, User

View = Callable[..., HttpResponse]


class PersonRequest(HttpRequest):
    """A request of somebody who is signed in."""

    user: "User"


class ShopRequest(PersonRequest):
    """A request of somebody who works for a shop."""

    membership: "Membership"


def seller_page(view: View) -> View:
    """Let in the people of a shop; `request.membership` says which shop, and in which role."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return sign_in_first(request)
        membership = membership_of(request.user)
        if membership is None:
            raise PermissionDenied
        cast(ShopRequest, request).membership = membership
        return view(request, *args, **kwargs)

    return guarded


def acting_seller_page(view: View) -> View:
    """Let in those people of a shop who may change something there."""

    @wraps(view)
    def guarded(request: ShopRequest, *args, **kwargs) -> HttpResponse:
        if not request.membership.may_act:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return seller_page(guarded)


def buyer_page(view: View) -> View:
    """Let in whoever is signed in: everybody may buy."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return sign_in_first(request)
        return view(request, *args, **kwargs)

    return guarded


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """Send a visitor to sign in and then back, to a page that only shows: nothing is done on the way back."""
    back = request.get_full_path() if request.method in {"GET", "HEAD"} else _page_before(request)
    address = f"{settings.LOGIN_URL}?{urlencode({'next': back})}"
    # A piece of a page that was asked for in the background takes the whole window along.
    return (
        HttpResponseClientRedirect(address) if request.headers.get("HX-Request") else HttpResponseRedirect(address)
    )


def _page_before(request: HttpRequest) -> str:
    """The page that held the form, if it was one of ours."""
    referrer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referrer, {request.get_host()}, require_https=request.is_secure()):
        return "/"
    parts = urlsplit(referrer)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def seller_of(request: PersonRequest) -> Actor:
    """The person of a shop, acting on a page."""
    return Actor(Role.SELLER, Door.PAGE, request.user.pk, request.user.name)


def buyer_of(request: PersonRequest) -> Actor:
    """The buyer, acting on a page."""
    return Actor(Role.BUYER, Door.PAGE, request.user.pk, request.user.name)


def owner_of(request: PersonRequest) -> str:
    """Whose idempotency keys a page's acts are kept under."""
    return f"user:{request.user.pk}"


def operator_of(request: HttpRequest, door: Door = Door.ADMIN) -> Actor:
    """The operator, acting in the admin.

    Raises PermissionDenied for anybody without an operator's role.
    """
    user = request.user
    if not user.is_authenticated or not user.operator_role:
        raise PermissionDenied
    return Actor(Role.MARKETPLACE, door, user.pk, user.name)
