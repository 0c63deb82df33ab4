"""The table of contents: every address of the portal."""

from django.contrib import admin
from django.urls import include, path

import accounts.urls
import cancellations.urls
import feeds.urls
import messaging.urls
import metrics.urls
import mws.urls
import orders.urls
import payments.urls
import reports.urls
import shipments.urls
import spapi.urls

from . import health, views

seller = [
    *accounts.urls.seller,
    *reports.urls.seller,
    *orders.urls.seller,
    *cancellations.urls.seller,
    *shipments.urls.seller,
    *payments.urls.seller,
    *messaging.urls.seller,
    *metrics.urls.seller,
    *feeds.urls.seller,
    *spapi.urls.seller,
]
buyer = [*accounts.urls.buyer, *orders.urls.buyer, *cancellations.urls.buyer, *messaging.urls.buyer]
help_pages = [path("", views.help_index, name="index"), *cancellations.urls.help_pages, *metrics.urls.help_pages]

urlpatterns = [
    path("", views.root, name="home"),
    path("", include(accounts.urls.urlpatterns)),
    path("", include(payments.urls.urlpatterns)),
    path("", include((spapi.urls.urlpatterns, "spapi"))),
    path("", include((mws.urls.urlpatterns, "mws"))),
    path("seller/", include((seller, "seller"))),
    path("account/", include((buyer, "buyer"))),
    path("help/", include((help_pages, "help"))),
    path("favicon.ico", views.favicon, name="favicon"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("health/status", health.status, name="health-status"),
    path("admin/login/", views.operator_sign_in, name="operator-sign-in"),
    path("admin/", admin.site.urls),
]

handler400 = views.bad_request
handler403 = views.forbidden
handler404 = views.not_found
handler500 = views.failed
