"""Address of the shipment confirmation."""

from django.urls import path

import orders.urls  # noqa: F401  how an order's number is written in an address

from .views import seller as seller_views

seller = [
    path("orders/<order_number:number>/confirm-shipment/", seller_views.confirm, name="order-confirm-shipment"),
]
