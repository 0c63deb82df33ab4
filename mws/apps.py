"""The app's name in the admin."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MwsConfig(AppConfig):
    """App `mws`."""

    name = "mws"
    verbose_name = _("マーケットプレイスWebサービス")
