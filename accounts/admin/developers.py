"""Registered developers in the admin: approved, rejected or ended with a reason."""

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.access import operator_of
from accounts.developers import close, decide
from accounts.duties import Duty
from accounts.models import Application, Credential
from accounts.rules import Scope
from accounts.wording import SCOPES

from .base import ReadOnlyAdmin, ReadOnlyInline
from .forms import ReasonForm

# What an operator may do: act → (title, the state that it needs, what is said afterwards).
ACTS = {
    "approve": (_("登録を承認する"), {"PENDING"}, _("登録を承認しました。")),
    "reject": (_("登録を却下する"), {"PENDING"}, _("登録を却下しました。")),
    "close": (
        _("登録を終了する"),
        {"PENDING", "APPROVED"},
        _("登録を終了しました。キーもすべて無効になりました。"),
    ),
}


ALREADY_CHANGED = _("この登録の状態は、すでに変わっています。")


class CredentialInline(ReadOnlyInline):
    """An application's sets of keys: what they are good for, never the keys."""

    model = Credential
    fields = ["access_key", "may", "issued_by", "issued_at", "expires_at", "revoked_at", "last_used_at"]
    readonly_fields = ["may"]

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("issued_by").order_by("-pk")

    @admin.display(description=_("許可する操作"))
    def may(self, credential: Credential) -> str:
        """What the keys allow, as the shop's page says it."""
        words = dict(SCOPES)
        return format_html_join(mark_safe("<br>"), "{}", ((words[Scope(each)],) for each in credential.scopes))


class ToDecide(admin.SimpleListFilter):
    """Those that wait for a decision (index `applications_to_decide`), or all."""

    title = _("状態")
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return [("pending", _("承認待ち"))]

    def queryset(self, request, queryset):
        return queryset.filter(state=Application.State.PENDING) if self.value() == "pending" else queryset


@admin.register(Application)
class ApplicationAdmin(ReadOnlyAdmin):
    """What shops have registered, with the acts of operators."""

    has_audit = True
    list_display = ["registered_at", "short_name", "seller", "state", "contact"]
    list_display_links = ["short_name"]
    list_filter = [ToDecide]
    list_select_related = ["seller"]
    search_fields = ["seller__merchant_id__exact"]
    search_help_text = _("出品者ID")
    fields = [
        "seller",
        "name",
        "purpose",
        "contact",
        "client_id",
        "state",
        "registered_by",
        "registered_at",
        "decided_at",
        "decision_reason",
        "closed_at",
    ]
    inlines = [CredentialInline]
    change_form_template = "admin/accounts/application/change_form.html"

    @admin.display(description=_("ソフトウェアの名前"))
    def short_name(self, application: Application) -> str:
        return Truncator(application.name).chars(40)

    def get_urls(self):
        act = path(
            "<int:application_id>/<str:act>/do/",
            self.admin_site.admin_view(self.act),
            name="accounts_application_act",
        )
        return [act, *super().get_urls()]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        found = self.get_object(request, object_id)
        acts = []
        if found is not None and self.has(request, Duty.DEVELOPERS):
            acts = [(act, title) for act, (title, states, _says) in ACTS.items() if found.state in states]
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "acts": acts})

    @method_decorator(sensitive_post_parameters("own_password"))
    def act(self, request: HttpRequest, application_id: int, act: str) -> HttpResponse:
        """Approve, reject or end a registration; the shop reads the reason."""
        by = operator_of(request, duty=Duty.DEVELOPERS)
        found = self.get_object(request, str(application_id))
        if found is None or act not in ACTS:
            raise Http404
        title, states, says = ACTS[act]
        page = HttpResponseRedirect(reverse("admin:accounts_application_change", args=[found.pk]))
        if found.state not in states:
            messages.warning(request, ALREADY_CHANGED)
            return page
        form = ReasonForm(request.POST if request.method == "POST" else None, request=request)
        form.fields["reason"].help_text = _("出品者にも表示されます。")
        if request.method == "POST" and form.is_valid():
            told = {
                "application_id": found.pk,
                "reason": form.cleaned_data["reason"],
                "by": by,
                "now": timezone.now(),
                "address": request.META["REMOTE_ADDR"],
            }
            done = close(**told) if act == "close" else decide(grant=act == "approve", **told)
            if done:
                messages.success(request, says)
            else:
                messages.warning(request, ALREADY_CHANGED)
            return page
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": found,
            "title": title,
            "about": f"{found.name} — {found.seller}",
            "said": found.purpose,
            "form": form,
        }
        return TemplateResponse(request, "admin/act.html", context)
