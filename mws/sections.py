"""The sections of the older web service: their actions, with limits and what keys must allow (mws 1, 3)."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from accounts.rules import Scope
from spapi.limits import Limit

from .door import DOCUMENTS, ORDERS, SELLERS, Action, answer, refused
from .problems import Problem
from .views import feeds, orders, reports, sellers

READ, FEEDS, REPORTS = Scope.ORDERS_READ, Scope.FEEDS, Scope.REPORTS
MINUTE = 1 / 60


def _action(act: Any, namespace: str, scope: Scope | None, rate: float, burst: int, shares: str, hourly: int = 0):
    return Action(act, namespace, scope, Limit(rate, burst), shares, hourly)


ORDERS_ACTIONS = {
    "ListOrders": _action(orders.list_orders, ORDERS, READ, MINUTE, 6, "ListOrders"),
    "ListOrdersByNextToken": _action(orders.list_orders_by_next_token, ORDERS, READ, MINUTE, 6, "ListOrders"),
    "GetOrder": _action(orders.get_order, ORDERS, READ, MINUTE, 6, "GetOrder"),
    "ListOrderItems": _action(orders.list_order_items, ORDERS, READ, 0.5, 30, "ListOrderItems"),
    "ListOrderItemsByNextToken": _action(
        orders.list_order_items_by_next_token, ORDERS, READ, 0.5, 30, "ListOrderItems"
    ),
    "GetServiceStatus": _action(orders.get_service_status, ORDERS, None, MINUTE / 5, 2, "GetServiceStatus"),
}
FEEDS_ACTIONS = {
    "SubmitFeed": _action(feeds.submit_feed, DOCUMENTS, FEEDS, MINUTE / 2, 15, "SubmitFeed", 30),
    "GetFeedSubmissionList": _action(
        feeds.get_feed_submission_list, DOCUMENTS, FEEDS, 1 / 45, 10, "GetFeedSubmissionList", 80
    ),
    "GetFeedSubmissionListByNextToken": _action(
        feeds.get_feed_submission_list_by_next_token, DOCUMENTS, FEEDS, 0.5, 30, "FeedListByNextToken", 1800
    ),
    "CancelFeedSubmissions": _action(
        feeds.cancel_feed_submissions, DOCUMENTS, FEEDS, 1 / 45, 10, "CancelFeedSubmissions", 80
    ),
    "GetFeedSubmissionResult": _action(
        feeds.get_feed_submission_result, DOCUMENTS, FEEDS, MINUTE, 15, "GetFeedSubmissionResult", 60
    ),
}
REPORTS_ACTIONS = {
    "RequestReport": _action(reports.request_report, DOCUMENTS, REPORTS, MINUTE, 15, "RequestReport", 60),
    "GetReportRequestList": _action(
        reports.get_report_request_list, DOCUMENTS, REPORTS, 1 / 45, 10, "GetReportRequestList", 80
    ),
    "GetReportRequestListByNextToken": _action(
        reports.get_report_request_list_by_next_token, DOCUMENTS, REPORTS, 0.5, 30, "RequestListByNextToken", 1800
    ),
    "GetReportList": _action(reports.get_report_list, DOCUMENTS, REPORTS, MINUTE, 10, "GetReportList", 60),
    "GetReportListByNextToken": _action(
        reports.get_report_list_by_next_token, DOCUMENTS, REPORTS, 0.5, 30, "ReportListByNextToken", 1800
    ),
    "ManageReportSchedule": _action(
        reports.manage_report_schedule, DOCUMENTS, REPORTS, 1 / 45, 10, "ManageReportSchedule", 80
    ),
    "GetReportScheduleList": _action(
        reports.get_report_schedule_list, DOCUMENTS, REPORTS, 1 / 45, 10, "GetReportScheduleList", 80
    ),
    "UpdateReportAcknowledgements": _action(
        reports.update_report_acknowledgements, DOCUMENTS, REPORTS, 1 / 45, 10, "UpdateReportAcknowledgements", 80
    ),
    "GetReport": _action(reports.get_report, DOCUMENTS, REPORTS, MINUTE, 15, "GetReport", 60),
}
SELLERS_ACTIONS = {
    "ListMarketplaceParticipations": _action(
        sellers.marketplace_participations, SELLERS, None, MINUTE, 15, "ListMarketplaceParticipations"
    ),
    "GetServiceStatus": _action(orders.get_service_status, SELLERS, None, MINUTE / 5, 2, "SellersStatus"),
}
# Older software sends feeds and reports to the root (mws 1).
AT_ROOT = FEEDS_ACTIONS | REPORTS_ACTIONS


@csrf_exempt
def orders_section(request: HttpRequest) -> HttpResponseBase:
    """Orders."""
    return answer(request, ORDERS_ACTIONS, ORDERS)


@csrf_exempt
def feeds_section(request: HttpRequest) -> HttpResponseBase:
    """Feeds."""
    return answer(request, FEEDS_ACTIONS, DOCUMENTS)


@csrf_exempt
def reports_section(request: HttpRequest) -> HttpResponseBase:
    """Reports."""
    return answer(request, REPORTS_ACTIONS, DOCUMENTS)


@csrf_exempt
def sellers_section(request: HttpRequest) -> HttpResponseBase:
    """Sellers."""
    return answer(request, SELLERS_ACTIONS, SELLERS)


@csrf_exempt
def nowhere(request: HttpRequest) -> HttpResponseBase:
    """A section, or a version of one, that there is not."""
    return refused(request, Problem(404, "InvalidAddress", "Resource or version not found."))


@csrf_exempt
def at_root(request: HttpRequest) -> HttpResponseBase:
    """Feeds and reports by their action, as older software sends them."""
    return answer(request, AT_ROOT, DOCUMENTS)
