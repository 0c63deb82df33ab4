"""注文レポート: order one, see how far it is, take it; timetables; the columns that a shop has added (domain 13)."""

from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import ShopRequest, acting_seller_page, seller_of, seller_page
from cancellations.queries import rules_at
from cancellations.wording import refusal
from feeds.store import blocks_of, store
from orders.outcomes import Refused
from orders.queries import local_day, zone
from orders.views.acts import done_once
from reports import queries
from reports.actions import AlreadyThere, add_columns, end_schedule, order_report, schedule_report
from reports.forms import ColumnsForm, ReportForm, ScheduleForm
from reports.layouts import OPTIONAL
from reports.rules import period_of
from reports.wording import content_type_of

REPORTS_SHOWN = 30


@require_http_methods(["GET", "HEAD", "POST"])
@seller_page
def reports(request: ShopRequest) -> HttpResponse:
    """The form, what was ordered, and the timetables."""
    now = timezone.now()
    today = local_day(now)
    if request.method != "POST":
        return _show(request, ReportForm(today=today), ScheduleForm())
    if not request.membership.may_act:
        raise PermissionDenied
    if "make-schedule" in request.POST:
        return _schedule(request, ScheduleForm(request.POST), now)
    form = ReportForm(request.POST, today=today)
    if not form.is_valid():
        return _show(request, form, ScheduleForm())

    def act() -> dict:
        report = order_report(
            seller_id=request.membership.seller_id,
            kind=form.cleaned_data["kind"],
            encoding=form.cleaned_data["encoding"],
            period=period_of(form.cleaned_data["first"], form.cleaned_data["last"], zone()),
            by=seller_of(request),
            now=now,
        )
        return {"report": report.pk}

    try:
        done_once(request, form, ["report"], act, now=now)
    except Refused as refused:
        form.add_error(None, refusal(refused.code))
        return _show(request, form, ScheduleForm())
    messages.success(
        request, _("注文レポートを受け付けました。作成が終わると、このページからダウンロードできます。")
    )
    return redirect("seller:report")


def _schedule(request: ShopRequest, form: ScheduleForm, now: datetime) -> HttpResponse:
    if form.is_valid():
        try:
            schedule_report(
                seller_id=request.membership.seller_id,
                kind=form.cleaned_data["kind"],
                encoding=form.cleaned_data["encoding"],
                every=form.cleaned_data["every"],
                hour=form.cleaned_data["hour"],
                by=seller_of(request),
                now=now,
            )
        except AlreadyThere:
            form.add_error(None, _("同じスケジュールがすでにあります。"))
        else:
            messages.success(request, _("スケジュールを保存しました。"))
            return redirect("seller:report")
    return _show(request, ReportForm(today=local_day(now)), form)


def _show(request: ShopRequest, form: ReportForm, schedule_form: ScheduleForm) -> HttpResponse:
    seller_id = request.membership.seller_id
    found = queries.reports_of_seller(seller_id, limit=REPORTS_SHOWN)
    return render(
        request,
        "reports/reports.html",
        {
            "here": "report",
            "form": form,
            "schedule_form": schedule_form,
            "reports": found,
            "days": settings.DOCUMENT_DAYS,
            "running": any(each.finished_at is None for each in found),
            "schedules": queries.schedules_of(seller_id),
            "added": [name for name, is_added in queries.columns_of(seller_id).items() if is_added],
        },
    )


@require_safe
@seller_page
def download(request: ShopRequest, report_id: int) -> HttpResponseBase:
    """The file of a report."""
    report = queries.report_of_seller(request.membership.seller_id, report_id)
    if report is None or report.document is None or report.document.forgotten_at is not None:
        raise Http404
    day = timezone.localtime(report.ordered_at)
    name = f"{report.kind.lower().replace('_', '-')}-{day:%Y%m%d-%H%M}-{report.pk}.{'xml' if report.is_xml else 'txt'}"
    if not store().exists(report.document.name):
        raise Http404
    answer = StreamingHttpResponse(blocks_of(report.document.name), content_type=content_type_of(report))
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_POST
@acting_seller_page
def schedule_end(request: ShopRequest, schedule_id: int) -> HttpResponse:
    """Take a timetable away."""
    if not end_schedule(seller_id=request.membership.seller_id, schedule_id=schedule_id):
        raise Http404
    messages.success(request, _("スケジュールを削除しました。"))
    return redirect("seller:report")


@require_http_methods(["GET", "HEAD", "POST"])
@seller_page
def columns(request: ShopRequest) -> HttpResponse:
    """注文レポートの項目を追加または削除する: each switch is saved at once, or all of them by the button."""
    now, seller_id = timezone.now(), request.membership.seller_id
    saved = False
    if request.method == "POST":
        if not request.membership.may_act:
            raise PermissionDenied
        form = ColumnsForm(request.POST)
        if form.is_valid():
            wished = {name: form.cleaned_data[name] for name in OPTIONAL}
            address = request.META["REMOTE_ADDR"]
            add_columns(seller_id=seller_id, wished=wished, by=seller_of(request), now=now, address=address)
            saved = True
            if not request.headers.get("HX-Request"):
                messages.success(request, _("保存しました。"))
                return redirect("seller:report-columns")
    context = {
        "here": "report",
        "added": queries.columns_of(seller_id),
        "saved": saved,
        "days": rules_at(now).second_warning_days,
    }
    return render(request, "reports/columns.html", context)
