"""Addresses of refunds, and of what payment providers tell."""

from django.urls import path

import orders.urls  # noqa: F401  how an order's number is written in an address

from .views import provider, refunds

seller = [path("orders/<order_number:number>/refund/", refunds.give_back, name="order-refund")]
urlpatterns = [path("payments/notices/<slug:name>/", provider.notices, name="provider-notices")]
