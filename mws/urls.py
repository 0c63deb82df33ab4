"""Addresses of the older web service (mws 1)."""

from django.urls import path, re_path

from . import sections

urlpatterns = [
    path("Orders/2013-09-01", sections.orders_section, name="orders"),
    path("Feeds/2009-01-01", sections.feeds_section, name="feeds"),
    path("Reports/2009-01-01", sections.reports_section, name="reports"),
    path("Sellers/2011-07-01", sections.sellers_section, name="sellers"),
    re_path(r"^(?:Orders|Feeds|Reports|Sellers)(?:/|$)", sections.nowhere, name="nowhere"),
]
