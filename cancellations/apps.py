"""The app's name in the admin."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CancellationsConfig(AppConfig):
    """App `cancellations`."""

    name = "cancellations"
    verbose_name = _("キャンセル")
