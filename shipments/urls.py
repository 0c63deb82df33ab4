"""Addresses of the shipment confirmation and of what is printed for a parcel."""

from django.urls import path

import orders.urls  # noqa: F401  how an order's number is written in an address

from .views import printing
from .views import seller as seller_views

seller = [
    path("orders/<order_number:number>/confirm-shipment/", seller_views.confirm, name="order-confirm-shipment"),
    path("orders/<order_number:number>/packing-slip/", printing.packing_slip, name="order-packing-slip"),
    path("orders/packing-slips/", printing.packing_slips, name="packing-slips"),
    path("orders/pick-list/", printing.pick_list, name="pick-list"),
]
