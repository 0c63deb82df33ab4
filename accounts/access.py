"""Who may open a page: the shop's people, the buyer, and in which role they act there."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect

from . import second_factor
from .actions import SignInThrottled, knows_password
from .actors import Actor, Door, Role
from .duties import Duty, may
from .queries import membership_of

if TYPE_CHECKING:
    from .models import Membership, User

View = Callable[..., HttpResponseBase]
LAST_VISIT = "last_visit"
# When a session's person signed in and last asked for something, in seconds; written anew once a minute at most.
BEGAN, SEEN = "began", "seen"
SEEN_EVERY = 60


class PersonRequest(HttpRequest):
    """A request of somebody who is signed in."""

    user: "User"


class ShopRequest(PersonRequest):
    """A request of somebody who works for a shop."""

    membership: "Membership"


def seller_page(view: View) -> View:
    """Let in the people of a shop; `request.membership` says which shop, and in which role."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponseBase:
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
    def guarded(request: ShopRequest, *args, **kwargs) -> HttpResponseBase:
        if not request.membership.may_act:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return seller_page(guarded)


def owner_page(view: View) -> View:
    """Let in the OWNERs of a shop."""

    @wraps(view)
    def guarded(request: ShopRequest, *args, **kwargs) -> HttpResponseBase:
        if not request.membership.is_owner:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return seller_page(guarded)


def buyer_page(view: View) -> View:
    """Let in whoever is signed in: everybody may buy."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return sign_in_first(request)
        return view(request, *args, **kwargs)

    return guarded


def hear_own_password(request: HttpRequest, password: str, *, now: datetime) -> None:
    """Go on only for the person's own password (reliability S-16).

    Raises ValidationError if it is missing or another, or was asked too often.
    """
    if not password:
        raise ValidationError(_("あなたのパスワードを入力してください。"), code="required")
    try:
        known = knows_password(user=request.user, password=password, address=request.META["REMOTE_ADDR"], now=now)
    except SignInThrottled as error:
        words = _("パスワードの誤りが続いたため、一時的に制限しています。15分後にもう一度お試しください。")
        raise ValidationError(words, code="throttled") from error
    if not known:
        raise ValidationError(_("パスワードが正しくありません。"), code="wrong")


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """Send a visitor to sign in and then back, to a page that only shows: nothing is done on the way back.

    Whoever still holds a session's cookie, or sends a form, was signed in before: they are told that this ended.
    """
    only_looks = request.method in {"GET", "HEAD"}
    asked = {"next": request.get_full_path() if only_looks else page_before(request)}
    if not only_looks or settings.SESSION_COOKIE_NAME in request.COOKIES:
        asked["ended"] = "1"
    return _with_whole_window(request, f"{settings.LOGIN_URL}?{urlencode(asked)}")


def is_proved(request: HttpRequest) -> bool:
    """Whether this session gave a second factor; django-otp hangs the answer on the person."""
    return bool(request.user.is_verified())  # type: ignore[union-attr]


def prove_first(request: HttpRequest, gate: str) -> HttpResponse:
    """Send somebody who gave the password to a page of the second factor, and then back as `sign_in_first` does."""
    back = request.get_full_path() if request.method in {"GET", "HEAD"} else page_before(request)
    return _with_whole_window(request, f"{gate}?{urlencode({'next': back})}")


def _with_whole_window(request: HttpRequest, address: str) -> HttpResponse:
    """A piece of a page that was asked for in the background takes the whole window along."""
    return (
        HttpResponseClientRedirect(address) if request.headers.get("HX-Request") else HttpResponseRedirect(address)
    )


def own_address(request: HttpRequest, address: str) -> str:
    """An address of this portal as it is, any other as the home page (reliability S-18)."""
    safe = address.startswith("/") and url_has_allowed_host_and_scheme(
        address, {request.get_host()}, require_https=request.is_secure()
    )
    return address if safe else "/"


def page_before(request: HttpRequest) -> str:
    """The page that held the form, if it was one of ours."""
    referrer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referrer, {request.get_host()}, require_https=request.is_secure()):
        return "/"
    parts = urlsplit(referrer)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def frame_of(request: HttpRequest) -> str:
    """The frame of a page that is for everybody: with the menu of whoever looks, or of a visitor."""
    if not request.user.is_authenticated or (second_factor.must_prove(request.user) and not is_proved(request)):
        return "base_help.html"
    return "base_seller.html" if membership_of(request.user) else "base_buyer.html"


def keep_last_visit(request: HttpRequest, moment: datetime | None) -> None:
    """Keep in a new session when its person signed in before; nothing at the first time."""
    if moment:
        request.session[LAST_VISIT] = moment.isoformat()


def last_visit(request: PersonRequest) -> datetime | None:
    """When this person signed in before; None at the first time."""
    kept = request.session.get(LAST_VISIT)
    return datetime.fromisoformat(kept) if kept else None


def begin_session(request: HttpRequest, *, now: datetime) -> None:
    """Keep in a session that its person has signed in."""
    request.session[BEGAN] = request.session[SEEN] = int(now.timestamp())


def is_session_over(request: PersonRequest, *, now: datetime) -> bool:
    """Whether an operator's or a shop's session is too old, or was left alone too long (reliability S-15, S-50).

    Buyers keep theirs; the database is asked only about whoever was away or signed in for so long.
    """
    moment = now.timestamp()
    age, idle = (moment - request.session.get(key, 0) for key in (BEGAN, SEEN))
    longest = settings.SESSION_LONGEST.total_seconds()
    if request.user.is_staff or request.user.operator_role:
        return age >= longest or idle >= settings.SESSION_OPERATOR_IDLE.total_seconds()
    is_old = age >= longest or idle >= settings.SESSION_SELLER_IDLE.total_seconds()
    return is_old and membership_of(request.user) is not None


def keep_seen(request: PersonRequest, *, now: datetime) -> None:
    """Keep that the person asked for something; what a page asks for by itself does not count."""
    moment = int(now.timestamp())
    if not request.headers.get("HX-Request") and moment - request.session.get(SEEN, 0) >= SEEN_EVERY:
        request.session[SEEN] = moment


def seller_of(request: PersonRequest) -> Actor:
    """The person of a shop, acting on a page."""
    return Actor(Role.SELLER, Door.PAGE, request.user.pk, request.user.name)


def buyer_of(request: PersonRequest) -> Actor:
    """The buyer, acting on a page."""
    return Actor(Role.BUYER, Door.PAGE, request.user.pk, request.user.name)


def self_of(request: PersonRequest) -> Actor:
    """Whoever is signed in, acting on what is their own."""
    user = request.user
    if user.is_staff:
        return Actor(Role.MARKETPLACE, Door.PAGE, user.pk, user.name)
    return seller_of(request) if membership_of(user) else buyer_of(request)


def owner_of(request: PersonRequest) -> str:
    """Whose idempotency keys a page's acts are kept under."""
    return f"user:{request.user.pk}"


def operator_of(request: HttpRequest, door: Door = Door.ADMIN, *, duty: Duty | None = None) -> Actor:
    """The operator, acting in the admin.

    Raises PermissionDenied for anybody without an operator's role, and for a role without this duty.
    """
    user = request.user
    if not user.is_authenticated or not user.operator_role:
        raise PermissionDenied
    if duty is not None and not may(user.operator_role, duty):
        raise PermissionDenied
    return Actor(Role.MARKETPLACE, door, user.pk, user.name)
