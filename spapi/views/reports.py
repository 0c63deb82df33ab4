"""Reports 2021-06-30: order reports ordered by software, asked after and taken (sp-api 6)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from django.conf import settings
from django.urls import reverse

from accounts.rules import Scope, TokenKind
from reports import queries
from reports.actions import TooLong, cancel_report, end_schedule, order_report, schedule_after_interval
from reports.queries import Listed
from reports.rules import INTERVALS, Encoding, Every, NoPeriod, period_wished
from spapi import params, problems
from spapi.door import Answer, Call, by_method, operation
from spapi.names import (
    BY_HAND,
    PACKING,
    REPORT_TYPES,
    RESTRICTED_KINDS,
    SCHEDULED,
    TYPE_OF_REPORT,
    is_packed,
    read_report_document_id,
    report_document_id,
)
from spapi.paging import page_down, state_of
from spapi.params import key_of, moment_of
from spapi.presigned import presigned
from spapi.problems import invalid
from spapi.shapes import moment

from .feeds import QUERY, created_filters, require_marketplace

if TYPE_CHECKING:
    from reports.models import Report, ReportSchedule

LIST = "reports"


def report_shape(report: "Report") -> dict[str, Any]:
    """One `Report`."""
    shape = {
        "reportId": str(report.pk),
        "reportType": TYPE_OF_REPORT[report.kind],
        "marketplaceIds": [settings.MARKETPLACE_ID],
        "dataStartTime": moment(report.covers_from),
        "dataEndTime": moment(report.covers_until),
        "createdTime": moment(report.ordered_at),
        "processingStatus": report.state,
    }
    if report.schedule_id:
        shape["reportScheduleId"] = str(report.schedule_id)
    if report.finished_at:
        shape["processingStartTime"] = moment(report.ordered_at)
        shape["processingEndTime"] = moment(report.finished_at)
    if report.document is not None and report.document.forgotten_at is None:
        shape["reportDocumentId"] = report_document_id(report.document)
    return shape


def shows_channel(options: Mapping[str, str]) -> bool:
    """Whether a report's options ask for the column of the sales channel; all others mean nothing here.

    Raises Problem 400.
    """
    written = options.get("ShowSalesChannel", "").casefold()
    if written not in {"", "true", "false"}:
        raise invalid("reportOptions.ShowSalesChannel: true or false.")
    return written == "true"


class ReportSpecification(msgspec.Struct, rename="camel"):
    """The body of createReport."""

    report_type: str
    marketplace_ids: list[str] = []
    data_start_time: str = ""
    data_end_time: str = ""
    report_options: dict[str, str] = {}


@operation("createReport", rate=0.0167, burst=15, scope=Scope.REPORTS, body=ReportSpecification, success=202)
def create_report(call: Call) -> Answer:
    """Order a report, in the encoding that this marketplace's reports have always had."""
    body = call.body(ReportSpecification)
    if body.report_type not in BY_HAND:
        raise invalid(f"reportType: one of {', '.join(BY_HAND)}.")
    require_marketplace(body.marketplace_ids)
    kind = REPORT_TYPES[body.report_type]
    start = moment_of("dataStartTime", body.data_start_time) if body.data_start_time else None
    end = moment_of("dataEndTime", body.data_end_time) if body.data_end_time else None
    try:
        report = order_report(
            seller_id=call.seller_id,
            kind=kind,
            encoding=Encoding.CP932,
            period=period_wished(kind, start, end, now=call.now),
            by=call.holder.actor,
            now=call.now,
            sales_channel=shows_channel(body.report_options),
        )
    except NoPeriod:
        raise invalid("dataEndTime: after dataStartTime, and not after now.") from None
    except TooLong:
        raise invalid("dataStartTime: a report covers a year at most.") from None
    return Answer({"reportId": str(report.pk)}, 202)


@operation("getReports", rate=0.0222, burst=10, scope=Scope.REPORTS, query=QUERY | {"reportTypes": params.LIST})
def get_reports(call: Call) -> dict[str, Any]:
    """The shop's reports, the latest first."""
    query = call.query
    if token := query.text("nextToken"):
        kept = state_of(token, LIST, call.seller_id, now=call.now, name="nextToken")
    else:
        types = query.texts("reportTypes", known=tuple(REPORT_TYPES), most=10)
        if not types:
            raise invalid("reportTypes or nextToken: required.")
        kept = {"types": types, **created_filters(call)}
    asked = Listed(
        since=moment_of("createdSince", kept["since"]),
        until=moment_of("createdUntil", kept["until"]),
        kinds=[REPORT_TYPES[name].value for name in kept["types"]],
        states=kept["states"],
        behind=kept["behind"],
    )
    found, token = page_down(
        lambda limit: queries.reports_for_software(call.seller_id, asked, limit=limit),
        LIST,
        call.seller_id,
        kept,
        now=call.now,
    )
    return {"reports": [report_shape(report) for report in found]} | ({"nextToken": token} if token else {})


def _report(call: Call, report_id: str) -> "Report":
    report = queries.report_of_seller(call.seller_id, key_of(report_id))
    if report is None or report.kind not in TYPE_OF_REPORT:
        raise problems.not_found(report_id[:60])
    return report


@operation("getReport", rate=2, burst=15, scope=Scope.REPORTS)
def get_report(call: Call, report_id: str) -> dict[str, Any]:
    """How far a report is."""
    return report_shape(_report(call, report_id))


@operation("cancelReport", rate=0.0222, burst=10, scope=Scope.REPORTS)
def cancel(call: Call, report_id: str) -> dict[str, Any]:
    """Take a report out of the queue."""
    report = _report(call, report_id)
    if not cancel_report(seller_id=call.seller_id, report_id=report.pk, by=call.holder.actor, now=call.now):
        raise invalid("Only a report that is IN_QUEUE can be cancelled.")
    return {}


@operation(
    "getReportDocument",
    rate=0.0167,
    burst=15,
    scope=Scope.REPORTS,
    query={"enableContentEncodingUrlHeader": params.TRUTH},
)
def get_report_document(call: Call, document_id: str) -> dict[str, Any]:
    """Where a report can be taken for five minutes; one that names people needs a restricted token.

    Large ones are gzip, which the address announces to clients that unpack it by themselves if that is wished for.
    """
    found = read_report_document_id(document_id)
    report = queries.report_of_document(call.seller_id, *found) if found else None
    if report is None:
        raise problems.not_found(document_id[:100])
    if report.kind in RESTRICTED_KINDS:
        if call.holder.kind != TokenKind.RESTRICTED:
            raise problems.denied("The document needs a restricted data token.")
        if not call.holder.has(Scope.ORDERS_READ):
            raise problems.denied(f"The keys do not allow {Scope.ORDERS_READ}.")
    announced = call.query.truth("enableContentEncodingUrlHeader")
    shape = {
        "reportDocumentId": document_id,
        "url": presigned("GET", reverse("spapi:document", args=[document_id]), now=call.now),
    }
    if report.document is not None and is_packed(report.document):
        shape["compressionAlgorithm"] = "GZIP"
        if announced:
            shape["url"] += f"&{PACKING}"
    return shape


# --- timetables ---------------------------------------------------------------------------------------------

# What a timetable of the page is called here.
PERIODS = {Every.DAY: "P1D", Every.WEEK: "P7D"}


def schedule_shape(schedule: "ReportSchedule") -> dict[str, Any]:
    """One `ReportSchedule`; also those that were made on the page."""
    return {
        "reportScheduleId": str(schedule.pk),
        "reportType": TYPE_OF_REPORT[schedule.kind],
        "marketplaceIds": [settings.MARKETPLACE_ID],
        "period": schedule.interval or PERIODS[Every(schedule.every)],
        **({"reportOptions": {"ShowSalesChannel": "true"}} if schedule.sales_channel else {}),
        "nextReportCreationTime": moment(schedule.next_at),
    }


class ScheduleSpecification(msgspec.Struct, rename="camel"):
    """The body of createReportSchedule."""

    report_type: str
    period: str
    marketplace_ids: list[str] = []
    next_report_creation_time: str = ""
    report_options: dict[str, str] = {}


@operation(
    "createReportSchedule", rate=0.0222, burst=10, scope=Scope.REPORTS, body=ScheduleSpecification, success=201
)
def create_report_schedule(call: Call) -> Answer:
    """Have a report ordered again and again; the last timetable of this report ends."""
    body = call.body(ScheduleSpecification)
    if body.report_type not in SCHEDULED:
        raise invalid(f"reportType: one of {', '.join(SCHEDULED)}.")
    if body.period not in INTERVALS:
        raise invalid(f"period: one of {', '.join(INTERVALS)}.")
    require_marketplace(body.marketplace_ids)
    written = body.next_report_creation_time
    schedule = schedule_after_interval(
        seller_id=call.seller_id,
        kind=SCHEDULED[body.report_type],
        interval=body.period,
        first_at=moment_of("nextReportCreationTime", written) if written else None,
        by=call.holder.actor,
        now=call.now,
        sales_channel=shows_channel(body.report_options),
    )
    return Answer({"reportScheduleId": str(schedule.pk)}, 201)


@operation("getReportSchedules", rate=0.0222, burst=10, scope=Scope.REPORTS, query={"reportTypes": params.LIST})
def get_report_schedules(call: Call) -> dict[str, Any]:
    """The shop's timetables of some reports."""
    types = call.query.texts("reportTypes", known=tuple(REPORT_TYPES), most=10)
    if not types:
        raise invalid("reportTypes: required.")
    kinds = {REPORT_TYPES[name].value for name in types}
    found = [each for each in queries.schedules_of(call.seller_id) if each.kind in kinds]
    return {"reportSchedules": [schedule_shape(each) for each in found]}


def _schedule(call: Call, schedule_id: str) -> "ReportSchedule":
    schedule = queries.schedule_of_seller(call.seller_id, key_of(schedule_id))
    if schedule is None or schedule.kind not in TYPE_OF_REPORT:
        raise problems.not_found(schedule_id[:60])
    return schedule


@operation("getReportSchedule", rate=0.0222, burst=10, scope=Scope.REPORTS)
def get_report_schedule(call: Call, schedule_id: str) -> dict[str, Any]:
    """One timetable."""
    return schedule_shape(_schedule(call, schedule_id))


@operation("cancelReportSchedule", rate=0.0222, burst=10, scope=Scope.REPORTS)
def cancel_report_schedule(call: Call, schedule_id: str) -> dict[str, Any]:
    """Order no more reports by a timetable."""
    end_schedule(seller_id=call.seller_id, schedule_id=_schedule(call, schedule_id).pk)
    return {}


schedules = by_method(get=get_report_schedules, post=create_report_schedule)
schedule = by_method(get=get_report_schedule, delete=cancel_report_schedule)
reports = by_method(get=get_reports, post=create_report)
report = by_method(get=get_report, delete=cancel)
document = by_method(get=get_report_document)
