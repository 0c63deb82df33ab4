"""The app's name in the admin."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportsConfig(AppConfig):
    """App `reports`."""

    name = "reports"
    verbose_name = _("注文レポート")
