"""The app's name in the admin."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    """App `payments`."""

    name = "payments"
    verbose_name = _("お支払い")
