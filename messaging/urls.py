"""Addresses of the talks."""

from django.urls import path

import orders.urls  # noqa: F401  how an order's number is written in an address

from .views import buyer as buyer_views
from .views import seller as seller_views

seller = [
    path("messages/", seller_views.talks, name="messages"),
    path("messages/<order_number:number>/", seller_views.talk, name="message"),
    path("messages/<order_number:number>/files/<int:key>/", seller_views.file, name="message-file"),
]
buyer = [
    path("messages/", buyer_views.talks, name="messages"),
    path("messages/<order_number:number>/", buyer_views.talk, name="message"),
    path("messages/<order_number:number>/files/<int:key>/", buyer_views.file, name="message-file"),
]
