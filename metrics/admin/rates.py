"""Shops by the state of their rate, with its trend; each with its days; and a rehearsal of other limits (B15)."""

from datetime import timedelta

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from accounts.access import operator_of
from accounts.admin import ReadOnlyAdmin
from accounts.admin.base import LightList
from cancellations.queries import rules_at
from metrics import chart, lists, wording
from metrics.forms import RehearsalForm
from metrics.models import RateState
from metrics.queries import Standing, days_of, latest_days, rate_at, rates_of, target_of, window_at
from metrics.rehearsal import rehearse
from orders.queries import local_day
from sellercentral.templatetags.portal import jst_day, rate_tag

# Days of the small drawing in the list, and its size.
TREND_DAYS = 30
TREND = chart.Size(120, 28, left=2, right=2, top=2, bottom=2)


class RateList(LightList):
    """The list, with the rates of the shops shown as they are now and were: two statements however many."""

    def get_results(self, request) -> None:
        super().get_results(request)
        now = timezone.now()
        rules = rules_at(now)
        window, target = window_at(now, rules), target_of(rules)
        sellers = [row.seller_id for row in self.result_list]
        rates = rates_of(sellers, window)
        days = latest_days(sellers, since=local_day(now) - timedelta(days=TREND_DAYS), target=target)
        for row in self.result_list:
            row.standing = Standing(rates[row.seller_id], window, target, rules, now)
            row.trend = days.get(row.seller_id, [])


@admin.register(RateState)
class RateStateAdmin(ReadOnlyAdmin):
    """The gravest first."""

    change_list_template = "admin/metrics/ratestate/change_list.html"
    change_form_template = "admin/metrics/ratestate/change_form.html"
    list_display = ["seller", "now", "value", "orders", "drawing", "told", "since"]
    list_display_links = ["seller"]
    list_filter = ["state"]
    list_select_related = ["seller"]
    ordering = ["-severity", "-id"]
    search_fields = ["seller__name__istartswith", "seller__merchant_id__exact"]
    search_help_text = _("店舗名の先頭、または出品者ID")
    fields = ["seller", "told", "since"]
    readonly_fields = ["told"]

    def get_changelist(self, request, **kwargs):
        return RateList

    def called(self, row) -> str:
        return str(row.seller)

    @admin.display(description=_("現在の状態"))
    def now(self, row) -> str:
        return rate_tag(row.standing.state)

    @admin.display(description=_("キャンセル率"))
    def value(self, row) -> str:
        return row.standing.shown

    @admin.display(description=_("含まれる注文 / 対象の注文"))
    def orders(self, row) -> str:
        return f"{row.standing.rate.counted} / {row.standing.rate.orders}"

    @admin.display(description=_("30日間の推移"))
    def drawing(self, row) -> str:
        values = [
            chart.Value(day.day, day.rate.basis_points(day.target), day.state, day.shown) for day in row.trend
        ]
        if len(values) < 2:
            return "—"
        drawn = chart.draw(values, limit=row.standing.target.limit, size=TREND, every=TREND_DAYS)
        lines = format_html_join("", '<polyline points="{}"/>', ((line,) for line in drawn.segments))
        first, last = values[0].words, values[-1].words
        label = f"{jst_day(values[0].day)} {first} → {jst_day(values[-1].day)} {last}"
        return format_html(
            '<svg class="trend" viewBox="{}" width="120" height="28" role="img" aria-label="{}">'
            '<line class="limit" x1="{}" x2="{}" y1="{}" y2="{}"/>{}</svg>',
            drawn.box,
            label,
            drawn.left,
            drawn.right,
            drawn.target,
            drawn.target,
            lines,
        )

    @admin.display(description=_("最後に知らせた状態"))
    def told(self, row) -> str:
        return row.get_state_display()

    def get_urls(self):
        own = [path("rehearse/", self.admin_site.admin_view(self.rehearse), name="metrics_ratestate_rehearse")]
        return own + super().get_urls()

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """The shop's rate now, its days, and the cancellations behind it."""
        row = self.get_object(request, object_id)
        more = {}
        if row is not None and self.has_view_permission(request):
            standing = rate_at(row.seller_id, timezone.now())
            found = lists.counting_rows(row.seller_id, standing.window)[: lists.ROWS_SHOWN]
            more = {
                "standing": standing,
                "days": days_of(standing, row.seller_id, days=TREND_DAYS)[::-1],
                "rows": [
                    (each, wording.why(each), reverse("admin:orders_order_change", args=[each.order_id]))
                    for each in found
                ],
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def rehearse(self, request: HttpRequest) -> HttpResponse:
        """Which shops would have been in another state over the last 90 days, had other limits held (B15)."""
        operator_of(request)
        now = timezone.now()
        in_force = target_of(rules_at(now))
        form = RehearsalForm(request.GET or None, initial=RehearsalForm.values_of(in_force))
        changed = rehearse(form.target(in_force), now=now) if form.is_bound and form.is_valid() else None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("基準の試算"),
            "form": form,
            "changed": changed,
            "in_force": in_force,
            "limit": wording.short(in_force.limit),
            "watch": wording.short(in_force.watch),
        }
        return TemplateResponse(request, "admin/metrics/ratestate/rehearse.html", context)
