"""Addresses of the acts of requesting, withdrawing, declining and cancelling, and of a shop's rules for them."""

from django.urls import path

import orders.urls  # noqa: F401  how an order's number is written in an address

from .views import bulk as bulk_views
from .views import buyer as buyer_views
from .views import help as help_views
from .views import rules as rules_views
from .views import seller as seller_views

seller = [
    path("orders/cancel/", bulk_views.cancel_orders, name="orders-cancel"),
    path("orders/cancel/<int:bulk_id>/", bulk_views.orders_cancelled, name="orders-cancelled"),
    path("orders/<order_number:number>/cancel/", seller_views.cancel_order, name="order-cancel"),
    path("orders/<order_number:number>/cancel-items/", seller_views.cancel_items, name="order-cancel-items"),
    path("settings/rules/", rules_views.shop_rules, name="rules"),
    path("orders/<order_number:number>/decline/", seller_views.decline_request, name="order-decline"),
]
buyer = [
    path("orders/<order_number:number>/cancel/", buyer_views.cancel_alone, name="order-cancel"),
    path("orders/<order_number:number>/request-cancellation/", buyer_views.ask, name="order-request"),
    path("orders/<order_number:number>/withdraw/", buyer_views.take_back, name="order-withdraw"),
]
help_pages = [
    path("cancelling-orders/", help_views.cancelling, name="cancelling"),
    path("cancelling-several-orders/", help_views.cancelling_several, name="cancelling-several"),
    path("order-report-columns/", help_views.report_columns, name="report-columns"),
    path("questions-about-cancelling/", help_views.questions, name="questions"),
    path("for-buyers/cancelling-orders/", help_views.for_buyers, name="for-buyers"),
]
