"""Signing in and out, and the language of the pages."""

from django.conf import settings
from django.contrib.auth import login as start_session
from django.contrib.auth import logout as end_session
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import check_for_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import keep_last_visit, own_address
from accounts.actions import SignInThrottled, set_language, sign_in
from accounts.forms import LoginForm


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """Ask for address and password, and go on to where the person wanted to go."""
    back = own_address(request, request.POST.get("next") or request.GET.get("next") or "/")
    if request.user.is_authenticated and request.method != "POST":
        return HttpResponseRedirect(back)
    form = LoginForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            user = sign_in(
                request=request,
                email=form.cleaned_data["email"],
                password=form.cleaned_data["password"],
                address=request.META["REMOTE_ADDR"],
                now=timezone.now(),
            )
        except SignInThrottled:
            form.add_error(
                None, _("ログインの失敗が続いたため、一時的に制限しています。15分後にもう一度お試しください。")
            )
            status = 429
        else:
            if user is not None:
                before = user.last_login
                start_session(request, user)
                keep_last_visit(request, before)
                return in_language(HttpResponseRedirect(back), user.language)
            form.add_error(None, _("メールアドレスまたはパスワードが正しくありません。"))
    looks = request.method != "POST"
    context = {
        "form": form,
        "next": back,
        "ended": looks and "ended" in request.GET,
        "renewed": looks and "renewed" in request.GET,
    }
    return render(request, "accounts/login.html", context, status=status)


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """End the session."""
    end_session(request)
    return redirect("login")


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Turn the pages to another language, and keep the choice with the person."""
    code = request.POST.get("language", "")
    back = HttpResponseRedirect(own_address(request, request.POST.get("next", "/")))
    if code not in dict(settings.LANGUAGES) or not check_for_language(code):
        return back
    if request.user.is_authenticated:
        set_language(user=request.user, language=code)
    return in_language(back, code)


def in_language(response: HttpResponse, code: str) -> HttpResponse:
    """Let the browser remember the language."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        max_age=365 * 24 * 3600,
        path="/",
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
    return response
