"""A forgotten password: ask for a link, and set a new one by it (reliability S-17)."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actions import SignInThrottled
from accounts.forms import EmailForm, NewPasswordForm
from accounts.passwords import ask_for_link, person_of_link, set_new_password

# Where a session keeps the link that was followed, until the password is set.
LINK = "password_link"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for an address, and say the same whether somebody has it or not."""
    form = EmailForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            ask_for_link(email=form.cleaned_data["email"], address=request.META["REMOTE_ADDR"], now=timezone.now())
        except SignInThrottled:
            form.add_error(None, _("操作が続いたため、一時的に制限しています。15分後にもう一度お試しください。"))
            status = 429
        else:
            return HttpResponseRedirect(f"{reverse('password-forgotten')}?{urlencode({'sent': 1})}")
    context = {"form": form, "sent": request.method != "POST" and "sent" in request.GET}
    return render(request, "accounts/password_forgotten.html", context, status=status)


@require_safe
@never_cache
def follow_link(request: HttpRequest, link: str) -> HttpResponse:
    """Take the link out of the address, where logs and histories would keep it, into the session."""
    if person_of_link(link, now=timezone.now()) is None:
        return _over(request)
    request.session[LINK] = link
    return redirect("password-new")


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password", "again")
@never_cache
def new(request: HttpRequest) -> HttpResponse:
    """Take a new password from whoever came by a link that still holds, and send them to sign in with it."""
    now = timezone.now()
    link = request.session.get(LINK, "")
    person = person_of_link(link, now=now)
    if person is None:
        return _over(request)
    form = NewPasswordForm(request.POST if request.method == "POST" else None, person=person)
    if form.is_bound and form.is_valid():
        is_set = set_new_password(
            link=link, password=form.cleaned_data["password"], address=request.META["REMOTE_ADDR"], now=now
        )
        if not is_set:
            return _over(request)
        del request.session[LINK]
        return HttpResponseRedirect(f"{reverse('login')}?{urlencode({'renewed': 1})}")
    return render(request, "accounts/password_new.html", {"form": form, "person": person})


def _over(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/password_link_over.html", status=410)
