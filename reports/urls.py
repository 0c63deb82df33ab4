"""Addresses of 注文レポート."""

from django.urls import path

from .views import report

seller = [
    path("orders/report/", report.reports, name="report"),
    path("orders/report/columns/", report.columns, name="report-columns"),
    path("orders/report/<int:report_id>/download/", report.download, name="report-download"),
    path("orders/report/schedules/<int:schedule_id>/end/", report.schedule_end, name="report-schedule-end"),
]
