"""The app's name in the admin."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FeedsConfig(AppConfig):
    """App `feeds`."""

    name = "feeds"
    verbose_name = _("ファイルのアップロード")
