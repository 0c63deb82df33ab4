"""Asking for the second factor, and setting it up (reliability S-13)."""

from typing import TYPE_CHECKING, cast

import segno
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django_otp import login as remember_device

from accounts import second_factor
from accounts.access import PersonRequest, is_proved, own_address, self_of, sign_in_first
from accounts.forms import CodeForm

if TYPE_CHECKING:
    from django_otp.plugins.otp_totp.models import TOTPDevice

# Where a session keeps the key that it shows, until a code of it was sent.
KEY = "second_factor_key"


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("code")
@never_cache
def ask(request: HttpRequest) -> HttpResponse:
    """Ask whoever has given the password for a code of the app, or for a recovery code."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    back = own_address(request, request.POST.get("next") or request.GET.get("next") or "/")
    if is_proved(request) or not second_factor.is_set_up(request.user.pk):
        return HttpResponseRedirect(back)
    form = CodeForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            device = second_factor.prove(request.user, form.cleaned_data["code"], now=timezone.now())
        except second_factor.TooManyCodes:
            status = _tell_to_wait(form)
        else:
            if device is not None:
                _open_session(request, device)
                return HttpResponseRedirect(back)
            form.add_error("code", _("コードが正しくないか、すでに使用されています。"))
    context = {"form": form, "next": back}
    return render(request, "accounts/second_factor.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("code")
@never_cache
def set_up(request: HttpRequest) -> HttpResponse:
    """Set the second factor up, or renew the recovery codes of one that is; the codes are shown this once."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    back = own_address(request, request.POST.get("next") or request.GET.get("next") or "/")
    person = cast(PersonRequest, request)
    known = second_factor.is_set_up(request.user.pk)
    form = CodeForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            codes = _renew(person, form) if known else _confirm(person, form)
        except second_factor.TooManyCodes:
            status = _tell_to_wait(form)
        else:
            if codes:
                return render(request, "accounts/recovery_codes.html", {"codes": codes, "next": back})
            form.add_error("code", _("コードが正しくないか、すでに使用されています。"))
    context = {"form": form, "next": back}
    if known:
        context["codes_left"] = second_factor.recovery_codes_left(request.user.pk)
    else:
        device = _device_of_session(person)
        context["key"] = second_factor.key_of(device)
        context["picture"] = segno.make(device.config_url).svg_data_uri(scale=5, border=4, light="#fff")
    return render(request, "accounts/second_factor_set_up.html", context, status=status)


def _device_of_session(request: PersonRequest) -> "TOTPDevice":
    """The device that this session shows: the same until it is confirmed."""
    device = second_factor.new_device(request.user, request.session.get(KEY, ""))
    request.session[KEY] = device.key
    return device


def _confirm(request: PersonRequest, form: CodeForm) -> list[str] | None:
    device = _device_of_session(request)
    codes = second_factor.confirm(
        device,
        form.cleaned_data["code"],
        by=self_of(request),
        now=timezone.now(),
        address=request.META["REMOTE_ADDR"],
    )
    if codes is not None:
        del request.session[KEY]
        _open_session(request, device)
    return codes


def _renew(request: PersonRequest, form: CodeForm) -> list[str] | None:
    return second_factor.renew_recovery_codes(
        request.user,
        form.cleaned_data["code"],
        by=self_of(request),
        now=timezone.now(),
        address=request.META["REMOTE_ADDR"],
    )


def _open_session(request: HttpRequest, device) -> None:
    """Go on as somebody who has proved both, in a session of a new name (reliability S-14)."""
    remember_device(request, device)
    request.session.cycle_key()


def _tell_to_wait(form: CodeForm) -> int:
    form.add_error(None, _("正しくないコードが続きました。少し待ってから、もう一度お試しください。"))
    return 429
