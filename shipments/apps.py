"""The app's name in the admin."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ShipmentsConfig(AppConfig):
    """App `shipments`."""

    name = "shipments"
    verbose_name = _("出荷")
