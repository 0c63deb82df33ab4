"""What a person sets for themselves: language and look, which mails reach them, which messages they refuse."""

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_http_methods

from accounts import queries
from accounts.access import PersonRequest, ShopRequest, buyer_page, seller_page
from accounts.actions import set_preferences, silence_mails
from accounts.forms import BuyerPreferencesForm, MailsForm, PreferencesForm
from accounts.wording import always_sent

from .signing_in import in_language


@require_http_methods(["GET", "HEAD", "POST"])
@seller_page
def settings_of_seller(request: ShopRequest) -> HttpResponse:
    """設定: language and look of the person, and the ways to the other settings."""
    form = PreferencesForm(_sent(request), initial=_preferences_of(request))
    if form.is_bound and form.is_valid():
        return _kept(request, form, "seller:settings")
    return render(request, "accounts/seller_settings.html", {"here": "settings", "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@buyer_page
def preferences_of_buyer(request: PersonRequest) -> HttpResponse:
    """受信設定: whether unimportant messages are refused; language and look."""
    initial = _preferences_of(request) | {
        "refuses_unimportant_messages": request.user.refuses_unimportant_messages
    }
    form = BuyerPreferencesForm(_sent(request), initial=initial)
    if form.is_bound and form.is_valid():
        return _kept(request, form, "buyer:preferences")
    return render(request, "accounts/buyer_preferences.html", {"here": "preferences", "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@seller_page
def notifications(request: ShopRequest) -> HttpResponse:
    """通知: which mails reach this person; those that cannot be stopped are named with why (domain 12.2)."""
    form = MailsForm(_sent(request), silenced=queries.silenced_mails_of(request.user.pk))
    if form.is_bound and form.is_valid():
        silence_mails(user_id=request.user.pk, mails=form.silenced, now=timezone.now())
        messages.success(request, _("設定を保存しました。"))
        return redirect("seller:notifications")
    context = {"here": "settings", "form": form, "always_sent": always_sent()}
    return render(request, "accounts/seller_notifications.html", context)


def _sent(request: PersonRequest) -> QueryDict | None:
    """What a form sent, however little; None for a page that is only looked at."""
    return request.POST if request.method == "POST" else None


def _preferences_of(request: PersonRequest) -> dict[str, str]:
    return {"language": request.user.language, "look": request.user.look}


def _kept(request: PersonRequest, form: PreferencesForm, route: str) -> HttpResponse:
    """Keep what was chosen, and say so in the language that was chosen."""
    set_preferences(user_id=request.user.pk, **form.cleaned_data)
    language = form.cleaned_data["language"]
    with override(language):
        messages.success(request, _("設定を保存しました。"))
    return in_language(redirect(route), language)
