"""Disputes and corrections in the admin: the one that waits longest first; granted or rejected with a reason."""

from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.access import operator_of
from accounts.admin import ReadOnlyAdmin
from accounts.admin.base import note
from accounts.duties import Duty
from messaging.views.writing import file_answer
from metrics import wording
from metrics.actions import Refused, decide
from metrics.dispute_queries import file_of_dispute, whole_disputes
from metrics.forms import DecisionForm
from metrics.models import Dispute
from orders.views.history import Story


class Undecided(admin.SimpleListFilter):
    """Those that wait for a decision, or all; the first is shown first (index `open_disputes`)."""

    title = _("状態")
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return [("all", _("決定済みを含む"))]

    def choices(self, changelist):
        """The open ones instead of all as the first choice."""
        first, *others = super().choices(changelist)
        yield {**first, "display": _("審査中")}
        yield from others

    def queryset(self, request, queryset):
        if self.value() == "all" or request.GET.get("q"):
            return queryset
        return queryset.filter(state=Dispute.State.OPEN)


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    """What shops contest: with the record, what they point at, and the decision."""

    has_audit = True
    list_display = ["opened_at", "order", "seller", "kind", "state", "why"]
    list_filter = [Undecided]
    list_select_related = ["cancellation__order", "seller"]
    search_fields = ["cancellation__order__number__exact"]
    search_help_text = _("注文番号（17桁すべて。ハイフンはなくてもかまいません）")
    change_form_template = "admin/metrics/dispute/change_form.html"
    exclude = ["events", "messages", "cancellation"]
    readonly_fields = ["order", "why"]

    def get_ordering(self, request):
        """Who waits longest comes first; among all, the newest."""
        return ["-id"] if request.GET.get(Undecided.parameter_name) == "all" else ["opened_at", "id"]

    def called(self, row) -> str:
        return f"{row.get_kind_display()} {row.cancellation.order.number}"

    @admin.display(description=_("注文"))
    def order(self, dispute: Dispute) -> str:
        address = reverse("admin:orders_order_change", args=[dispute.cancellation.order_id])
        return format_html('<a href="{}">{}</a>', address, dispute.cancellation.order)

    @admin.display(description=_("判定"))
    def why(self, dispute: Dispute) -> str:
        return wording.why(dispute.cancellation)

    def get_urls(self):
        own = [
            path(
                "<int:dispute_id>/decide/", self.admin_site.admin_view(self.decide), name="metrics_dispute_decide"
            ),
            path(
                "<int:dispute_id>/files/<int:file_id>/",
                self.admin_site.admin_view(self.file),
                name="metrics_dispute_file",
            ),
        ]
        return own + super().get_urls()

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """The dispute with all that the shop points at."""
        dispute = whole_disputes().filter(pk=object_id).first() if self.get_object(request, object_id) else None
        more = {}
        if dispute is not None and self.has_view_permission(request):
            lines = dict(Story(dispute.cancellation.order).of_events())
            more = {
                "dispute": dispute,
                "lines": [lines[event.pk] for event in dispute.events.all() if event.pk in lines],
                "may_decide": self.has(request, Duty.DISPUTES) and dispute.state == Dispute.State.OPEN,
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def decide(self, request: HttpRequest, dispute_id: int) -> HttpResponse:
        """Grant or reject, with a reason that the shop reads."""
        by = operator_of(request, duty=Duty.DISPUTES)
        dispute = whole_disputes().filter(pk=dispute_id).first()
        if dispute is None:
            raise Http404
        form = DecisionForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            grant, reason = form.cleaned_data["decision"] == DecisionForm.GRANT, form.cleaned_data["reason"]
            try:
                with transaction.atomic():
                    decide(dispute_id=dispute_id, grant=grant, reason=reason, by=by, now=timezone.now())
                    number = dispute.cancellation.order.number
                    note(request, "dispute.granted" if grant else "dispute.rejected", number, reason=reason)
            except Refused as refused:
                messages.error(request, wording.refusal(refused.refusal))
            else:
                messages.success(request, _("決定を保存しました。出品者にメールでお知らせします。"))
            return self._to(dispute_id)
        elif dispute.state != Dispute.State.OPEN:
            messages.error(request, _("この申し立てはすでに決定されています。"))
            return self._to(dispute_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": dispute,
            "title": _("申し立てを決定する"),
            "said": dispute.text,
            "about": f"{dispute.cancellation.order} — {wording.why(dispute.cancellation)}",
            "form": form,
        }
        return TemplateResponse(request, "admin/act.html", context)

    def file(self, request: HttpRequest, dispute_id: int, file_id: int) -> HttpResponse:
        """A file that the shop added."""
        operator_of(request)
        return file_answer(file_of_dispute(dispute_id, file_id))

    def _to(self, dispute_id: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:metrics_dispute_change", args=[dispute_id]))
