"""Requests, cancellations, the policy's versions and the sweep's runs in the admin."""

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.admin import ReadOnlyAdmin, ReadOnlyInline

from .actions import start_policy
from .models import (
    BuyerReason,
    Cancellation,
    CancellationItem,
    CancellationRequest,
    PolicyVersion,
    RequestItem,
    SweepRun,
)


class RequestItemInline(ReadOnlyInline):
    """Units of a request."""

    model = RequestItem


@admin.register(CancellationRequest)
class CancellationRequestAdmin(ReadOnlyAdmin):
    """The buyers' requests, those that wait longest first."""

    list_display = [
        "requested_at",
        "order",
        "seller",
        "status",
        "reason_label",
        "response_due_at",
        "seen_by_seller_at",
    ]
    list_filter = ["status", "close_reason"]
    search_fields = ["order__number__exact"]
    search_help_text = _("注文番号")
    list_select_related = ["order", "seller"]
    ordering = ["requested_at"]
    inlines = [RequestItemInline]


class CancellationItemInline(ReadOnlyInline):
    """Units of a cancellation."""

    model = CancellationItem


@admin.register(Cancellation)
class CancellationAdmin(ReadOnlyAdmin):
    """What was cancelled, why, and whether it counts."""

    list_display = ["cancelled_at", "order", "seller", "code", "counted", "excluded", "reason", "sentence"]
    list_filter = ["code", "counted", "excluded", "role"]
    search_fields = ["order__number__exact"]
    search_help_text = _("注文番号")
    list_select_related = ["order", "seller"]
    ordering = ["-id"]
    inlines = [CancellationItemInline]


class PolicyVersionForm(forms.ModelForm):
    """A new version rules from a moment to come: what was judged before keeps its judgement (E35)."""

    class Meta:
        model = PolicyVersion
        exclude = ["number"]  # noqa: DJ006 - all but the number, which follows the last one

    def clean_starts_at(self):
        starts_at = self.cleaned_data["starts_at"]
        if starts_at <= timezone.now():
            raise ValidationError(_("適用開始には、これから先の日時を指定してください。"), code="past")
        return starts_at


@admin.register(PolicyVersion)
class PolicyVersionAdmin(admin.ModelAdmin):
    """The policy's versions. A version is added, never changed."""

    form = PolicyVersionForm
    list_display = ["number", "starts_at", "direct_cancel_minutes", "auto_cancel_days", "request_response_hours"]

    def save_model(self, request, obj, form, change) -> None:
        start_policy(obj)

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


@admin.register(BuyerReason)
class BuyerReasonAdmin(admin.ModelAdmin):
    """The reasons on the buyer's form. Requests keep the label they were made with."""

    list_display = ["position", "code", "label_ja", "label_en", "suggests_message", "is_active"]
    list_display_links = ["code"]

    def get_readonly_fields(self, request, obj=None):
        return ["code"] if obj else []

    def has_delete_permission(self, request, obj=None) -> bool:
        """Reasons are switched off: requests name them."""
        return False


@admin.register(SweepRun)
class SweepRunAdmin(ReadOnlyAdmin):
    """Runs of the automatic cancellation, newest first."""

    list_display = ["started_at", "finished_at", "cancelled", "failed", "oldest_due_at", "refusal"]
    ordering = ["-started_at"]
