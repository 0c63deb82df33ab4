"""The app's name in the admin."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MetricsConfig(AppConfig):
    """App `metrics`."""

    name = "metrics"
    verbose_name = _("パフォーマンス")
