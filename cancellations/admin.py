"""Requests, cancellations, the policy's versions and the sweep's runs in the admin."""

from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.actors import Role
from accounts.admin import OperatorAdmin, ReadOnlyAdmin, ReadOnlyInline
from accounts.admin.base import note
from accounts.admin.forms import reason_field
from accounts.duties import Duty
from events.wording import ROLES
from metrics.wording import why
from orders.places import PREFECTURES
from orders.queries import local_day

from .actions import start_policy
from .forms import WATCH_AFTER_TARGET
from .models import (
    BuyerReason,
    Cancellation,
    CancellationItem,
    CancellationRequest,
    Closure,
    PolicyVersion,
    RequestItem,
    SweepRun,
)
from .queries import buyer_reasons, first_rules, rules_at, sweep_health
from .wording import area_words, areas


class RequestItemInline(ReadOnlyInline):
    """Units of a request."""

    model = RequestItem


class Waiting(admin.SimpleListFilter):
    """Open requests, those overdue, or all; open ones are shown first (index `open_requests_by_due`)."""

    title = _("状態")
    parameter_name = "waiting"

    def lookups(self, request, model_admin):
        return [("overdue", _("回答期限を過ぎたもの")), ("all", _("終了したものを含む"))]

    def choices(self, changelist):
        """The open ones instead of all as the first choice."""
        first, *others = super().choices(changelist)
        yield {**first, "display": _("リクエスト中")}
        yield from others

    def queryset(self, request, queryset):
        if self.value() == "all" or request.GET.get("q"):
            return queryset
        waiting = queryset.filter(status=CancellationRequest.Status.OPEN)
        return waiting.filter(response_due_at__lte=timezone.now()) if self.value() == "overdue" else waiting


@admin.register(CancellationRequest)
class CancellationRequestAdmin(ReadOnlyAdmin):
    """The queue of the buyers' requests: the answer that is due first stands first."""

    list_display = [
        "requested_at",
        "age",
        "order_link",
        "seller",
        "status",
        "reason_label",
        "due",
        "seen_by_seller_at",
    ]
    list_filter = [Waiting]
    search_fields = ["order__number__exact"]
    search_help_text = _("注文番号（17桁すべて。ハイフンはなくてもかまいません）")
    list_select_related = ["order", "seller"]
    inlines = [RequestItemInline]

    def get_ordering(self, request):
        """Who waits longest comes first; among all, the newest."""
        return ["-id"] if request.GET.get(Waiting.parameter_name) == "all" else ["response_due_at", "id"]

    @admin.display(description=_("経過時間"))
    def age(self, request: CancellationRequest) -> str:
        """How long the buyer has waited for an answer."""
        return timesince(request.requested_at, request.decided_at or timezone.now(), depth=1)

    @admin.display(description=_("回答期限"))
    def due(self, request: CancellationRequest) -> str:
        """When the answer is due, marked if that has passed without one."""
        moment = date_format(timezone.localtime(request.response_due_at), "DATETIME_FORMAT")
        if request.decided_at or request.response_due_at > timezone.now():
            return moment
        return format_html('{}<b class="overdue">{}</b>', moment, _("期限を過ぎています"))

    @admin.display(description=_("注文"))
    def order_link(self, request: CancellationRequest) -> str:
        address = reverse("admin:orders_order_change", args=[request.order_id])
        return format_html('<a href="{}">{}</a>', address, request.order)


class CancellationItemInline(ReadOnlyInline):
    """Units of a cancellation."""

    model = CancellationItem


class CancellationInWords:
    """A cancellation's codes as operators read them, in their language."""

    @admin.display(description=_("行った人"))
    def who(self, cancellation: Cancellation) -> str:
        return str(ROLES[Role(cancellation.role)])

    @admin.display(description=_("キャンセル率への影響"))
    def effect(self, cancellation: Cancellation) -> str:
        """In words: a sign for yes would look like all is well."""
        if cancellation.excluded:
            return gettext("あり（除外済み）")
        return gettext("あり") if cancellation.counted else gettext("なし")

    @admin.display(description=_("説明"))
    def why(self, cancellation: Cancellation) -> str:
        return why(cancellation)


@admin.register(Cancellation)
class CancellationAdmin(CancellationInWords, ReadOnlyAdmin):
    """What was cancelled, why, and whether it counts."""

    list_display = ["cancelled_at", "order", "seller", "code", "effect", "reason", "why"]
    exclude = ["role", "sentence", "counted", "excluded"]
    readonly_fields = ["who", "effect", "why"]
    search_fields = ["order__number__exact"]
    search_help_text = _("注文番号（17桁すべて。ハイフンはなくてもかまいません）")
    list_select_related = ["order", "seller"]
    ordering = ["-id"]
    inlines = [CancellationItemInline]


class StartOfPolicy(AdminSplitDateTime):
    """Two boxes under one label: each has a name of its own."""

    def __init__(self, attrs=None):
        super().__init__(attrs)
        for box, name in zip(self.widgets, (_("適用開始の日付"), _("適用開始の時刻")), strict=True):
            box.attrs["aria-label"] = name


# English name → as addresses write it.
AREAS = {english: area for area, english in PREFECTURES.items()}
# What a closure may last, and how far its orders are counted in a list.
LONGEST_CLOSURE = timedelta(days=60)
COUNTED_TO = 1000
# The days of the warnings, by their columns.
WARNINGS = ("first_warning_days", "second_warning_days", "last_warning_days")
# A version cannot be taken back: no slip of the hand shall stand for years.
FURTHEST_START = timedelta(days=366)


class PolicyVersionForm(forms.ModelForm):
    """A new version rules from a moment to come: what was judged before keeps its judgement (E35)."""

    class Meta:
        model = PolicyVersion
        exclude = ["number"]  # noqa: DJ006 - all but the number, which follows the last one
        widgets: ClassVar = {"starts_at": StartOfPolicy}

    reason = reason_field(_("追加した版は、変更も取り消しもできません。理由は監査記録に残ります。"), required=True)

    def clean(self):
        """What is watched begins before the target; warnings come in their order, before the cancellation."""
        cleaned = super().clean() or self.cleaned_data
        target, watch = cleaned.get("rate_target"), cleaned.get("rate_watch")
        if target is not None and watch is not None and watch > target:
            self.add_error("rate_watch", WATCH_AFTER_TARGET)
        for earlier, later in pairwise(WARNINGS):
            if None not in (cleaned.get(earlier), cleaned.get(later)) and cleaned[later] < cleaned[earlier]:
                self.add_error(later, _("前の警告と同じか、それより後の日数を入力してください。"))
        cancelled, last = cleaned.get("auto_cancel_days"), cleaned.get("last_warning_days")
        if cancelled and last and last > cancelled:
            self.add_error("last_warning_days", _("自動キャンセルまでの日数以下で入力してください。"))
        return cleaned

    def clean_starts_at(self):
        starts_at = self.cleaned_data["starts_at"]
        now = timezone.now()
        if starts_at <= now:
            raise ValidationError(_("適用開始には、これから先の日時を指定してください。"), code="past")
        if starts_at > now + FURTHEST_START:
            raise ValidationError(_("適用開始には、1年以内の日時を指定してください。"), code="far")
        return starts_at


def _values_at(moment: datetime) -> dict[str, Any]:
    """What rules at a moment, by the names of a version's columns; percentages as text, which every log can keep."""
    rules = asdict(rules_at(moment))
    return {
        name: f"{value}" if isinstance(value, Decimal) else value
        for name, value in rules.items()
        if name != "version"
    }


@admin.register(PolicyVersion)
class PolicyVersionAdmin(OperatorAdmin):
    """The policy's versions, the settings as the first. A version is added, never changed."""

    duty = Duty.POLICY
    form = PolicyVersionForm
    change_list_template = "admin/cancellations/policyversion/change_list.html"
    list_display = [
        "number",
        "starts_at",
        "direct_cancel_minutes",
        "direct_cancel_while_pending",
        "auto_cancel_days",
        "first_warning_days",
        "second_warning_days",
        "last_warning_days",
        "request_response_hours",
        "on_response_overdue",
        "seller_may_decline",
        "max_requests_per_order",
        "auto_cancel_with_open_request_counts",
        "ship_interlock_api",
        "developer_approval",
        "rate_target",
        "rate_watch",
        "rate_window_days",
        "rate_min_orders",
    ]
    ordering = ["-number"]

    def called(self, row) -> str:
        return gettext("第%(number)s版") % {"number": row.number}

    def get_fields(self, request, obj=None):
        """Why a version was added stands in the audit log."""
        return [name for name in super().get_fields(request, obj) if obj is None or name != "reason"]

    def get_changeform_initial_data(self, request) -> dict[str, Any]:
        """The values in force: whoever changes one of them keeps the others."""
        return {**_values_at(timezone.now()), **super().get_changeform_initial_data(request)}

    def changelist_view(self, request, extra_context=None):
        """Beside the versions the one that the settings give, and the one in force."""
        more = {"first": first_rules(), "in_force": rules_at(timezone.now()).version}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def save_model(self, request, obj, form, change) -> None:
        start_policy(obj)

    def save_related(self, request, form, formsets, change) -> None:
        """Note every value of the version, and of the one that it takes the place of."""
        form.save_m2m()
        version = form.instance
        before = _values_at(version.starts_at - timedelta(microseconds=1))
        after = {"starts_at": version.starts_at.isoformat(), **_values_at(version.starts_at)}
        reason = form.cleaned_data["reason"]
        note(
            request,
            "cancellations.policyversion.added",
            f"{version.number}",
            reason=reason,
            before=before,
            after=after,
        )

    def has_change_permission(self, request, obj=None) -> bool:
        return False


class ClosureForm(forms.ModelForm):
    """Days to come on which shops cannot send; what was given is not taken back."""

    class Meta:
        model = Closure
        fields = ("first_day", "last_day", "area", "reason_ja", "reason_en", "is_active")
        widgets: ClassVar = {
            "first_day": forms.DateInput(attrs={"type": "date"}),
            "last_day": forms.DateInput(attrs={"type": "date"}),
        }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["is_active"].help_text = _(
            "オフにすると新しい注文は延長されません。延長済みの期限は元に戻りません。"
        )

    area = forms.TypedChoiceField(
        label=_("お届け先の都道府県"), choices=areas, coerce=AREAS.__getitem__, required=False
    )

    def clean(self):
        """It ends after its start, and not in the past; a slip of the hand shall not stop a year's business."""
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", _("終了日は、開始日以降の日付にしてください。"))
        elif last and last < local_day(timezone.now()):
            self.add_error("last_day", _("終了日には、本日以降の日付を入力してください。"))
        elif first and last and last - first > LONGEST_CLOSURE:
            self.add_error("last_day", _("休業日は、60日以内で指定してください。"))
        return cleaned


@admin.register(Closure)
class ClosureAdmin(OperatorAdmin):
    """The calendar of days on which shops cannot send. Once added, only its words and its being active change."""

    duty = Duty.POLICY
    form = ClosureForm
    list_display = ["first_day", "last_day", "where", "reason_ja", "is_active"]
    list_display_links = ["first_day"]
    ordering = ["-id"]

    @admin.display(description=_("お届け先の都道府県"))
    def where(self, closure: Closure) -> str:
        return area_words(closure.area)

    @admin.display(description=_("延長した注文"))
    def granted(self, closure: Closure) -> str:
        """How many orders got its days, as far as anybody counts."""
        count = closure.grants.all()[: COUNTED_TO + 1].count()
        return f"{COUNTED_TO}+" if count > COUNTED_TO else str(count)

    def get_readonly_fields(self, request, obj=None):
        return ["first_day", "last_day", "where", "granted"] if obj else []

    def get_fields(self, request, obj=None):
        days = ["first_day", "last_day", "where" if obj else "area"]
        return [*days, "reason_ja", "reason_en", "is_active", *(["granted"] if obj else [])]

    def save_model(self, request, obj, form, change) -> None:
        """The timetable gives the days within a minute."""
        if not change:
            obj.added_at = timezone.now()
        super().save_model(request, obj, form, change)


class BuyerReasonForm(forms.ModelForm):
    """A reason; buyers are always left one to choose."""

    class Meta:
        model = BuyerReason
        fields = "__all__"  # noqa: DJ007 - all of them are an operator's to write

    def clean(self):
        cleaned = super().clean() or self.cleaned_data
        others = [each for each in buyer_reasons() if each.pk != self.instance.pk]
        if not cleaned.get("is_active") and not others:
            self.add_error("is_active", _("有効な理由が少なくとも1つ必要です。"))
        return cleaned


@admin.register(BuyerReason)
class BuyerReasonAdmin(OperatorAdmin):
    """The reasons on the buyer's form. Requests keep the label they were made with."""

    duty = Duty.POLICY
    form = BuyerReasonForm
    list_display = ["position", "code", "label_ja", "label_en", "suggests_message", "is_active"]
    list_display_links = ["code"]
    ordering = ["position", "id"]

    def get_readonly_fields(self, request, obj=None):
        return ["code"] if obj else []


@admin.register(SweepRun)
class SweepRunAdmin(ReadOnlyAdmin):
    """Whether the automatic cancellation does its work; its runs, newest first (domain 10)."""

    change_list_template = "admin/cancellations/sweeprun/change_list.html"
    list_display = ["started_at", "finished_at", "cancelled", "failed", "oldest_due_at", "refusal"]

    def changelist_view(self, request, extra_context=None):
        """Above the runs: when the last one was, what it left, and the alarm."""
        more = {"health": sweep_health(now=timezone.now())}
        return super().changelist_view(request, {**(extra_context or {}), **more})
