"""Order reports and their timetables of all shops in the admin: what waits, what failed, what comes next."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin import ReadOnlyAdmin
from sellercentral.templatetags.portal import day_before, jst_day

from .models import Report, ReportSchedule
from .queries import UNFINISHED


class Unfinished(admin.SimpleListFilter):
    """Those that a worker has still to make (index `reports_to_make`), or all."""

    title = _("状態")
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return [("unfinished", _("作成が終わっていないもの"))]

    def queryset(self, request, queryset):
        return queryset.filter(state__in=UNFINISHED) if self.value() == "unfinished" else queryset


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    """What shops have ordered, the latest first."""

    list_display = ["ordered_at", "seller", "kind", "state", "rows", "ordered_by", "finished_at"]
    list_filter = [Unfinished]
    list_select_related = ["seller", "ordered_by"]
    search_fields = ["seller__merchant_id__exact"]
    search_help_text = _("出品者ID")
    exclude = ["document", "percent", "covers_until"]
    readonly_fields = ["last_day"]

    @admin.display(description=_("期間の終了"))
    def last_day(self, report: Report) -> str:
        """The last day that it covers, as the shop's page says it."""
        return jst_day(day_before(report.covers_until))


@admin.register(ReportSchedule)
class ReportScheduleAdmin(ReadOnlyAdmin):
    """Reports that are ordered by themselves, the next one first."""

    list_display = ["next_at", "seller", "kind", "words", "made_by"]
    list_select_related = ["seller", "made_by"]
    search_fields = ["seller__merchant_id__exact"]
    search_help_text = _("出品者ID")
    ordering = ["next_at", "id"]

    @admin.display(description=_("間隔"))
    def words(self, schedule: ReportSchedule) -> str:
        """When it orders, as the shop's page says it."""
        return schedule.words
