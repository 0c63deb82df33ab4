"""Feeds and reports of older software: sent, listed, cancelled, taken; at their address and at the root (mws 6, 7)."""

from datetime import datetime, timedelta

import pytest
from django.db import OperationalError
from lxml import etree

from accounts.rules import Scope
from feeds.models import Feed
from reports.actions import make_report, order_scheduled
from reports.models import Report, ReportSchedule
from tests.cast import Cast

from .conftest import FEEDS, FLAT, NOW, ORDERS, Signer, checksum, error_of, signer_for, texts, xml_of

CANCELLATIONS, SHIPMENTS = (
    "_POST_FLAT_FILE_ORDER_ACKNOWLEDGEMENT_DATA_",
    "_POST_FLAT_FILE_FULFILLMENT_DATA_",
)
ALL_ORDERS = "_GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_"
ACTIONABLE = "_GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_"

pytestmark = pytest.mark.usefixtures("no_broker")


def sent(signer: Signer, kind: str = CANCELLATIONS, **extra) -> str:
    answer = signer.ask("/", "SubmitFeed", method="POST", body=FLAT, FeedType=kind, **extra)
    (key,) = texts(answer, "FeedSubmissionId")
    return key


def ordered(signer: Signer, kind: str = ALL_ORDERS, *, made_at: datetime | None = NOW, **extra) -> str:
    (key,) = texts(signer.ask("/", "RequestReport", ReportType=kind, **extra), "ReportRequestId")
    if made_at:
        make_report(report_id=int(key), clock=lambda: made_at)
    return key


def test_feeds_are_listed_page_by_page_filtered_and_by_their_numbers(signer, rival):
    keys = [sent(signer, kind, Note=place) for place, kind in enumerate([CANCELLATIONS, SHIPMENTS, CANCELLATIONS])]
    sent(rival)
    first = signer.ask("/", "GetFeedSubmissionList", MaxCount=2)
    assert texts(first, "FeedSubmissionId") == keys[:0:-1]
    assert texts(first, "HasNext") == ["true"]
    token = texts(first, "NextToken")[0]
    second = signer.ask(FEEDS, "GetFeedSubmissionListByNextToken", NextToken=token)
    assert texts(second, "FeedSubmissionId") == keys[:1]
    assert texts(second, "HasNext") == ["false"]
    assert error_of(rival.ask(FEEDS, "GetFeedSubmissionListByNextToken", NextToken=token)) == (
        400,
        "NextTokenCorrupted",
    )
    some = signer.ask("/", "GetFeedSubmissionList", FeedTypeList__Type__1=SHIPMENTS)
    assert texts(some, "FeedSubmissionId") == [keys[1]]
    none = signer.ask("/", "GetFeedSubmissionList", FeedProcessingStatusList__Status__1="_DONE_")
    assert texts(none, "FeedSubmissionId") == []
    named = {"FeedSubmissionIdList__Id__1": keys[2], "FeedSubmissionIdList__Id__2": "999999"}
    assert texts(signer.ask("/", "GetFeedSubmissionList", **named), "FeedSubmissionId") == [keys[2]]
    assert texts(rival.ask("/", "GetFeedSubmissionList", **named), "FeedSubmissionId") == []


def test_s24_a_feed_is_cancelled_once_and_a_replay_gives_the_same_answer(signer):
    key = sent(signer)
    given = signer.parameters(FEEDS, "CancelFeedSubmissions", NOW, {"FeedSubmissionIdList.Id.1": key})
    query = signer.query("GET", FEEDS, given)
    for _ in range(2):
        answer = signer.send("GET", FEEDS, query)
        assert texts(answer, "Count") == ["1"]
        assert texts(answer, "FeedProcessingStatus") == ["_CANCELLED_"]
    assert Feed.objects.get().state == "CANCELLED"
    again = signer.ask(FEEDS, "CancelFeedSubmissions", FeedSubmissionIdList__Id__1=key, Note="later")
    assert texts(again, "Count") == ["0"]


def test_a_form_that_is_posted_to_the_root_is_an_action(signer):
    body = signer.query("POST", "/", signer.parameters("/", "GetReportList", NOW, {}))
    answer = signer.client.post("/", body, content_type="application/x-www-form-urlencoded")
    assert texts(answer, "HasNext") == ["false"]
    nothing = signer.client.post("/", "a=b", content_type="application/x-www-form-urlencoded")
    assert error_of(nothing) == (400, "InvalidParameterValue")


def test_reports_are_listed_by_when_they_were_made_and_by_their_requests(signer, still):
    before = NOW - timedelta(hours=2)
    still.move_to(before, tick=False)
    late = ordered(signer, made_at=None, Timestamp=before.strftime("%Y-%m-%dT%H:%M:%S"))
    still.move_to(NOW, tick=False)
    early = ordered(signer, made_at=NOW - timedelta(hours=1))
    make_report(report_id=int(late), clock=lambda: NOW)
    ready = signer.ask("/", "GetReportList", AvailableFromDate=f"{NOW - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}")
    assert texts(ready, "ReportId") == [late]
    one = signer.ask("/", "GetReportList", ReportRequestIdList__Id__1=early)
    assert texts(one, "ReportId") == [early]
    assert texts(signer.ask("/", "GetReportList", Acknowledged="true"), "ReportId") == []
    assert texts(signer.ask("/", "GetReportList", Acknowledged="false"), "ReportId") == [early, late]
    requests = signer.ask("/", "GetReportRequestList", ReportRequestIdList__Id__1=late)
    assert texts(requests, "GeneratedReportId") == [late]


def test_reports_are_acknowledged_listed_so_and_taken_back(signer, rival, still):
    report, other = ordered(signer, made_at=NOW - timedelta(hours=1)), ordered(rival, made_at=NOW)
    wish = {"ReportIdList__Id__1": report}
    answer = signer.ask("/", "UpdateReportAcknowledgements", **wish, Acknowledged="true")
    assert (texts(answer, "Count"), texts(answer, "Acknowledged")) == (["1"], ["true"])
    assert len(texts(answer, "AcknowledgedDate")) == 1
    assert texts(signer.ask("/", "GetReportList", Acknowledged="true"), "ReportId") == [report]
    assert texts(signer.ask("/", "GetReportList", Acknowledged="false"), "ReportId") == []
    signer.ask("/", "UpdateReportAcknowledgements", **wish, Acknowledged="false")
    assert texts(signer.ask("/", "GetReportList", Acknowledged="true"), "ReportId") == []
    assert error_of(signer.ask("/", "UpdateReportAcknowledgements", ReportIdList__Id__1=other))[0] == 400
    assert error_of(signer.ask("/", "UpdateReportAcknowledgements"))[0] == 400
    assert error_of(signer.ask("/", "UpdateReportAcknowledgements", **wish, Acknowledged="perhaps"))[0] == 400


def test_a_report_is_scheduled_listed_and_never_more(signer, rival):
    asked = {"ReportType": ACTIONABLE, "Schedule": "_15_MINUTES_"}
    answer = signer.ask("/", "ManageReportSchedule", **asked)
    assert (texts(answer, "Count"), texts(answer, "Schedule")) == (["1"], ["_15_MINUTES_"])
    first = ReportSchedule.objects.get()
    assert texts(signer.ask("/", "ManageReportSchedule", **asked), "ScheduledDate") == texts(
        answer, "ScheduledDate"
    )
    assert ReportSchedule.objects.get() == first, "the same signed request changes nothing"
    assert texts(signer.ask("/", "GetReportScheduleList"), "ReportType") == [ACTIONABLE]
    assert texts(signer.ask("/", "GetReportScheduleList", ReportTypeList__Type__1=ALL_ORDERS), "ReportType") == []
    assert texts(rival.ask("/", "GetReportScheduleList"), "ReportType") == []
    never = {"ReportType": ACTIONABLE, "Schedule": "_NEVER_"}
    assert texts(rival.ask("/", "ManageReportSchedule", **never), "Count") == ["0"]
    assert texts(signer.ask("/", "ManageReportSchedule", **never), "Count") == ["1"]
    assert not ReportSchedule.objects.exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ReportType": ALL_ORDERS}, "InvalidReportType"),
        ({"ReportType": "_NONE_"}, "InvalidReportType"),
        ({"Schedule": "_6_MINUTES_"}, "InvalidScheduleFrequency"),
        ({"Schedule": ""}, "InvalidParameterValue"),
        ({"ScheduleDate": "soon"}, "InvalidParameterValue"),
    ],
)
def test_a_timetable_that_cannot_be_is_refused(signer, change, code):
    asked = {"ReportType": ACTIONABLE, "Schedule": "_15_MINUTES_"} | change
    assert error_of(signer.ask("/", "ManageReportSchedule", **asked)) == (400, code)


def test_a_report_that_names_people_also_needs_the_scope_for_orders(cast: Cast):
    signer = signer_for(cast.shop, cast.alice, scopes=[Scope.REPORTS])
    answer = signer.ask("/", "GetReport", ReportId=ordered(signer))
    assert answer.status_code == 200
    content = answer.getvalue()
    assert content.decode("cp932").startswith("amazon-order-id\t")
    assert answer["Content-MD5"] == checksum(content)
    assert error_of(signer.ask("/", "GetReport", ReportId=ordered(signer, ACTIONABLE))) == (
        403,
        "AccessToReportDenied",
    )


def test_new_orders_as_xml_are_ordered_by_a_timetable_alone_and_taken_as_xml(cast: Cast, signer):
    new = {"ReportType": "_GET_ORDERS_DATA_"}
    assert error_of(signer.ask("/", "RequestReport", **new)) == (400, "InvalidReportType")
    order = cast.order(1)
    assert texts(signer.ask("/", "ManageReportSchedule", **new, Schedule="_15_MINUTES_"), "Count") == ["1"]
    order_scheduled(now=NOW)
    report = Report.objects.get()
    make_report(report_id=report.pk, clock=lambda: NOW)
    answer = signer.ask("/", "GetReport", ReportId=report.pk)
    assert answer["Content-Type"] == "text/xml;charset=UTF-8"
    assert etree.fromstring(answer.getvalue()).findtext(".//AmazonOrderID") == order.number
    flat = {"ReportType": "_GET_FLAT_FILE_ORDERS_DATA_", "Schedule": "_1_HOUR_"}
    assert texts(signer.ask("/", "ManageReportSchedule", **flat), "Count") == ["1"]
    assert texts(signer.ask("/", "GetReportScheduleList"), "ReportType") == ["_GET_FLAT_FILE_ORDERS_DATA_"]


def test_the_option_of_the_sales_channel_adds_its_column(cast: Cast, signer):
    cast.order(1)
    key = ordered(signer, ACTIONABLE, ReportOptions="ShowSalesChannel=true")
    head = signer.ask("/", "GetReport", ReportId=key).getvalue().decode("cp932").partition("\r\n")[0]
    assert "ship-country\tsales-channel\t" in head


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_b46_moments_at_the_ends_of_the_calendar_are_refused(signer, moment):
    answer = signer.ask("/", "RequestReport", ReportType=ALL_ORDERS, EndDate=moment)
    assert error_of(answer) == (400, "InvalidParameterValue")
    assert not Report.objects.exists()


def test_a_body_of_megabytes_an_unknown_version_and_an_unknown_address_are_answered_in_xml(signer):
    large = signer.client.post(FEEDS, "a=" + "x" * 3_000_000, content_type="application/x-www-form-urlencoded")
    assert error_of(large) == (400, "InvalidParameterValue")
    assert error_of(signer.ask(ORDERS, "GetServiceStatus", Version="2011-01-01")) == (404, "InvalidAddress")
    assert error_of(signer.ask(ORDERS, "GetServiceStatus", Version="")) == (400, "InvalidParameterValue")
    for path in ("/Orders/2011-01-01", "/Reports", "/Feeds/2009-01-01/more"):
        assert error_of(signer.client.get(path)) == (404, "InvalidAddress")


def test_one_id_names_a_request_in_head_and_body(signer):
    answer = signer.ask(ORDERS, "GetServiceStatus")
    assert {answer["x-mws-request-id"], answer["X-Request-Id"]} == {xml_of(answer).findtext(".//RequestId")}


def test_a_database_that_is_away_is_answered_in_xml(signer, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("away")

    monkeypatch.setattr("mws.views.orders.items_of_order", fail)
    answer = signer.ask(ORDERS, "ListOrderItems", AmazonOrderId="503-1234567-1234567")
    assert error_of(answer) == (503, "ServiceUnavailable")


def test_what_is_left_of_the_hours_quota_stands_in_the_headers(signer, settings):
    settings.SPAPI_RATE_LIMITS = True
    answers = [signer.ask("/", "GetFeedSubmissionList", Note=place) for place in range(11)]
    assert [answer["x-mws-quota-remaining"] for answer in answers[:3]] == ["79.0", "78.0", "77.0"]
    assert {answer["x-mws-quota-max"] for answer in answers[:10]} == {"80.0"}
    assert error_of(answers[10]) == (503, "RequestThrottled")


def test_a_feed_needs_the_scope_of_what_its_lines_do(cast: Cast):
    less = signer_for(cast.shop, cast.alice, scopes=[Scope.FEEDS, Scope.ORDERS_SHIP])
    answer = less.ask("/", "SubmitFeed", method="POST", body=FLAT, FeedType=CANCELLATIONS)
    assert error_of(answer) == (401, "AccessDenied")
    assert sent(less, SHIPMENTS)
