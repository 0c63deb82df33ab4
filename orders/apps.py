"""The app's name in the admin."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """App `orders`."""

    name = "orders"
    verbose_name = _("注文")
