"""Reports 2009-01-01: order reports ordered, asked after and taken (mws 7)."""

from datetime import timedelta
from typing import TYPE_CHECKING

from accounts.rules import Scope
from feeds.store import store
from mws.documents import Part, moment
from mws.door import Call, Raw, checked_file
from mws.problems import Problem, invalid
from reports import queries
from reports.actions import TooLong, acknowledge, end_interval, order_report, schedule_after_interval
from reports.queries import Listed
from reports.rules import OF_OPEN_ORDERS, SCHEDULED_ONLY, Encoding, NoPeriod, period_wished
from reports.wording import content_type_of
from spapi.names import REPORT_TYPES, RESTRICTED_KINDS
from spapi.paging import page_down, state_of
from spapi.params import key_of, moment_of

if TYPE_CHECKING:
    from reports.models import Report, ReportSchedule

REQUESTS, FILES = "mws.requests", "mws.reports"
KEPT = timedelta(days=90)
# This wire's names of reports, by the later one's.
NAMES = {
    "_GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_": "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING",
    "_GET_FLAT_FILE_ORDERS_DATA_": "GET_FLAT_FILE_ORDER_REPORT_DATA_SHIPPING",
    "_GET_ORDERS_DATA_": "GET_ORDER_REPORT_DATA_SHIPPING",
    "_GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_": "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL",
    "_GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_": "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL",
}
TYPES = {wire: REPORT_TYPES[later] for wire, later in NAMES.items()}
BY_HAND = [wire for wire, kind in TYPES.items() if kind not in SCHEDULED_ONLY]
TYPE_OF = {kind.value: wire for wire, kind in TYPES.items()}
STATES = {
    "IN_QUEUE": "_SUBMITTED_",
    "IN_PROGRESS": "_IN_PROGRESS_",
    "DONE": "_DONE_",
    "FATAL": "_CANCELLED_",
    "CANCELLED": "_CANCELLED_",
}
WIRE_STATES = ("_SUBMITTED_", "_IN_PROGRESS_", "_CANCELLED_", "_DONE_", "_DONE_NO_DATA_")


def request_parts(report: "Report") -> list[Part]:
    """One `ReportRequestInfo`; a report's number is that of its request."""
    return [
        ("ReportRequestId", report.pk),
        ("ReportType", TYPE_OF[report.kind]),
        ("StartDate", moment(report.covers_from)),
        ("EndDate", moment(report.covers_until)),
        ("Scheduled", report.schedule_id is not None),
        ("SubmittedDate", moment(report.ordered_at)),
        ("ReportProcessingStatus", STATES[report.state]),
        ("GeneratedReportId", report.pk if report.state == "DONE" else None),
        ("StartedProcessingDate", moment(report.ordered_at) if report.finished_at else None),
        ("CompletedDate", report.finished_at and moment(report.finished_at)),
    ]


def file_parts(report: "Report") -> list[Part]:
    """One `ReportInfo`."""
    return [
        ("ReportId", report.pk),
        ("ReportType", TYPE_OF[report.kind]),
        ("ReportRequestId", report.pk),
        ("AvailableDate", report.finished_at and moment(report.finished_at)),
        ("Acknowledged", report.acknowledged_at is not None),
        ("AcknowledgedDate", report.acknowledged_at and moment(report.acknowledged_at)),
    ]


def request_report(call: Call) -> list[Part]:
    """Order a report. The same signed request again gives the same answer and orders nothing (S-24)."""
    wire = call.text("ReportType", required=True)
    if wire not in BY_HAND:
        raise Problem(400, "InvalidReportType", f"ReportType: {wire[:60]} is not one of {', '.join(BY_HAND)}")
    kind, sales_channel = TYPES[wire], _shows_channel(call)
    try:
        period = period_wished(kind, call.moment("StartDate"), call.moment("EndDate"), now=call.now)
    except NoPeriod:
        raise invalid("EndDate: after StartDate, and not after now") from None

    def act() -> dict:
        report = order_report(
            seller_id=call.seller_id,
            kind=kind,
            encoding=Encoding.CP932,
            period=period,
            by=call.holder.actor,
            now=call.now,
            sales_channel=sales_channel,
        )
        return {"report": report.pk}

    try:
        answer = call.once([wire, sales_channel], act)
    except TooLong:
        raise invalid("StartDate: a report covers a year at most") from None
    return [("ReportRequestInfo", request_parts(_report(call, answer["report"])))]


def _shows_channel(call: Call) -> bool:
    """Whether the options ask for the column of the sales channel; all others mean nothing here."""
    return "showsaleschannel=true" in call.text("ReportOptions").casefold().replace(" ", "").split(";")


def _report(call: Call, report_id: int) -> "Report":
    report = queries.report_of_seller(call.seller_id, report_id)
    if report is None or report.kind not in TYPE_OF:
        raise Problem(400, "InvalidReportId", f"Invalid ReportId: {report_id}")
    return report


def get_report_request_list(call: Call) -> list[Part]:
    """The reports that were ordered, the latest first; those of given numbers whatever else is asked."""
    if ids := call.listed("ReportRequestIdList.Id"):
        found = [queries.report_of_seller(call.seller_id, key_of(each)) for each in ids]
        known = [each for each in found if each is not None and each.kind in TYPE_OF]
        return [("HasNext", False), *(("ReportRequestInfo", request_parts(each)) for each in known)]
    kept = _kept(call, "RequestedFromDate", "RequestedToDate")
    kept["states"] = call.states("ReportProcessingStatusList.Status", own=STATES, known=WIRE_STATES)
    return _page(call, REQUESTS, kept)


def get_report_list(call: Call) -> list[Part]:
    """The reports that can be taken, the latest first; of given requests if those are named."""
    kept = _kept(call, "AvailableFromDate", "AvailableToDate")
    kept["states"], kept["acknowledged"] = ["DONE"], _acknowledged(call)
    kept["keys"] = [key_of(each) for each in call.listed("ReportRequestIdList.Id")]
    return _page(call, FILES, kept)


def _acknowledged(call: Call) -> bool | None:
    """What a request says of it, None if nothing. Raises Problem 400."""
    written = call.text("Acknowledged").casefold()
    if written not in {"", "true", "false"}:
        raise invalid("Acknowledged: true or false")
    return {"true": True, "false": False}.get(written)


def update_report_acknowledgements(call: Call) -> list[Part]:
    """Note that the shop's software has its reports, or has not; a replay changes nothing (S-24)."""
    ids = call.listed("ReportIdList.Id")
    if not ids:
        raise invalid("ReportIdList.Id.1: required")
    is_taken = _acknowledged(call)
    keys = list(dict.fromkeys(_report(call, key_of(each)).pk for each in ids))

    def act() -> dict:
        acknowledge(seller_id=call.seller_id, report_ids=keys, is_taken=is_taken is not False, now=call.now)
        return {"reports": keys}

    found = [_report(call, key) for key in call.once([keys, is_taken], act)["reports"]]
    return [("Count", len(found)), *(("ReportInfo", file_parts(each)) for each in found)]


# --- timetables ---------------------------------------------------------------------------------------------

NEVER = "_NEVER_"
# This wire's words for intervals, by the later one's.
SCHEDULES = {
    "PT15M": "_15_MINUTES_",
    "PT30M": "_30_MINUTES_",
    "PT1H": "_1_HOUR_",
    "PT2H": "_2_HOURS_",
    "PT4H": "_4_HOURS_",
    "PT8H": "_8_HOURS_",
    "PT12H": "_12_HOURS_",
    "P1D": "_1_DAY_",
    "P2D": "_2_DAYS_",
    "P3D": "_72_HOURS_",
    "P7D": "_1_WEEK_",
    "P14D": "_14_DAYS_",
    "P15D": "_15_DAYS_",
    "P30D": "_30_DAYS_",
}
INTERVAL_OF = {wire: interval for interval, wire in SCHEDULES.items()}


def schedule_parts(schedule: "ReportSchedule") -> list[Part]:
    """One `ReportSchedule`."""
    return [
        ("ReportType", TYPE_OF[schedule.kind]),
        ("Schedule", SCHEDULES[schedule.interval]),
        ("ScheduledDate", moment(schedule.next_at)),
    ]


def manage_report_schedule(call: Call) -> list[Part]:
    """Have a report ordered again and again, or never more. The same signed request again changes nothing (S-24)."""
    wire, schedule = call.text("ReportType", required=True), call.text("Schedule", required=True)
    if TYPES.get(wire) not in OF_OPEN_ORDERS:
        raise Problem(400, "InvalidReportType", f"ReportType: {wire[:60]} cannot be scheduled")
    if schedule not in {NEVER, *INTERVAL_OF}:
        message = f"Schedule: {schedule[:60]} is not one of {', '.join([*INTERVAL_OF, NEVER])}"
        raise Problem(400, "InvalidScheduleFrequency", message)
    kind, first_at = TYPES[wire], call.moment("ScheduleDate")

    def act() -> dict:
        if schedule == NEVER:
            return {"ended": end_interval(seller_id=call.seller_id, kind=kind)}
        made = schedule_after_interval(
            seller_id=call.seller_id,
            kind=kind,
            interval=INTERVAL_OF[schedule],
            first_at=first_at,
            by=call.holder.actor,
            now=call.now,
        )
        return {"next": moment(made.next_at)}

    answer = call.once([wire, schedule, call.text("ScheduleDate")], act)
    if schedule == NEVER:
        return [("Count", int(answer["ended"]))]
    parts = [("ReportType", wire), ("Schedule", schedule), ("ScheduledDate", answer["next"])]
    return [("Count", 1), ("ReportSchedule", parts)]


def get_report_schedule_list(call: Call) -> list[Part]:
    """The shop's timetables that this wire has words for."""
    kinds = {TYPES[name] for name in call.listed("ReportTypeList.Type", known=tuple(TYPES)) or TYPES}
    found = [
        each for each in queries.schedules_of(call.seller_id) if each.kind in kinds and each.interval in SCHEDULES
    ]
    return [("HasNext", False), *(("ReportSchedule", schedule_parts(each)) for each in found)]


def get_report_request_list_by_next_token(call: Call) -> list[Part]:
    """The next page."""
    token = call.text("NextToken", required=True)
    return _page(call, REQUESTS, state_of(token, REQUESTS, call.seller_id, now=call.now))


def get_report_list_by_next_token(call: Call) -> list[Part]:
    """The next page."""
    token = call.text("NextToken", required=True)
    return _page(call, FILES, state_of(token, FILES, call.seller_id, now=call.now))


def _kept(call: Call, since: str, until: str) -> dict:
    return {
        "types": call.listed("ReportTypeList.Type", known=tuple(TYPES)) or list(TYPES),
        "limit": call.count(),
        "since": (call.moment(since) or call.now - KEPT).isoformat(),
        "until": (call.moment(until) or call.now).isoformat(),
        "behind": 0,
        "keys": [],
        "acknowledged": None,
    }


def _page(call: Call, kind: str, kept: dict) -> list[Part]:
    asked = Listed(
        since=moment_of("FromDate", kept["since"]),
        until=moment_of("ToDate", kept["until"]),
        kinds=[TYPES[name].value for name in kept["types"]],
        states=kept["states"],
        behind=kept["behind"],
        keys=kept["keys"],
        by_end=kind == FILES,
        acknowledged=kept["acknowledged"],
    )
    found, token = page_down(
        lambda limit: queries.reports_for_software(call.seller_id, asked, limit=limit),
        kind,
        call.seller_id,
        kept,
        now=call.now,
    )
    shown = [
        ("ReportRequestInfo", request_parts(each)) if kind == REQUESTS else ("ReportInfo", file_parts(each))
        for each in found
    ]
    return [("NextToken", token or None), ("HasNext", bool(token)), *shown]


def get_report(call: Call) -> Raw:
    """The file itself, with its checksum; one that names people also needs `orders:read`."""
    written = call.text("ReportId", required=True)
    report = queries.report_of_seller(call.seller_id, key_of(written))
    if report is None or report.kind not in TYPE_OF:
        raise Problem(400, "InvalidReportId", f"Invalid ReportId: {written[:60]}")
    if report.kind in RESTRICTED_KINDS and not call.holder.has(Scope.ORDERS_READ):
        raise Problem(403, "AccessToReportDenied", f"The keys do not allow {Scope.ORDERS_READ}")
    if report.finished_at is None:
        raise Problem(404, "ReportNotReady", f"Report {report.pk} is not ready")
    document = report.document
    if document is None or document.forgotten_at is not None or not store().exists(document.name):
        raise Problem(404, "ReportNoLongerAvailable", f"Report {report.pk} is no longer available")
    try:
        return checked_file(document.name, document.size, content_type_of(report, cp932="Shift_JIS"))
    except FileNotFoundError:
        # It went between the two looks.
        raise Problem(404, "ReportNoLongerAvailable", f"Report {report.pk} is no longer available") from None
