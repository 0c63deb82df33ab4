"""Addresses of the acts of requesting, withdrawing, declining and cancelling."""

from django.urls import path

import orders.urls  # noqa: F401  how an order's number is written in an address

from .views import buyer as buyer_views
from .views import seller as seller_views

seller = [
    path("orders/<order_number:number>/cancel/", seller_views.cancel_order, name="order-cancel"),
    path("orders/<order_number:number>/cancel-items/", seller_views.cancel_items, name="order-cancel-items"),
    path("orders/<order_number:number>/decline/", seller_views.decline_request, name="order-decline"),
]
buyer = [
    path("orders/<order_number:number>/cancel/", buyer_views.cancel_alone, name="order-cancel"),
    path("orders/<order_number:number>/request-cancellation/", buyer_views.ask, name="order-request"),
    path("orders/<order_number:number>/withdraw/", buyer_views.take_back, name="order-withdraw"),
]
