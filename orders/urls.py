"""Addresses of the pages about orders."""

from django.urls import path, register_converter

from .views import buyer as buyer_views
from .views import figures, home, manage
from .views import seller as seller_views


class OrderNumber:
    """An order's number as it is written: 3-7-7 digits. Anything else leads nowhere."""

    regex = r"[0-9]{3}-[0-9]{7}-[0-9]{7}"

    def to_python(self, value: str) -> str:
        """Numbers are text."""
        return value

    def to_url(self, value: str) -> str:
        """As it is."""
        return value


register_converter(OrderNumber, "order_number")

seller = [
    path("", home.home, name="home"),
    path("figures/", figures.figures, name="figures"),
    path("orders/", manage.orders, name="orders"),
    path("orders/<order_number:number>/", seller_views.order, name="order"),
]
buyer = [
    path("", buyer_views.account, name="account"),
    path("orders/", buyer_views.orders, name="orders"),
    path("orders/<order_number:number>/", buyer_views.order, name="order"),
    path("test-order/", buyer_views.test_order, name="test-order"),
]
