"""The app's name in the admin."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SpapiConfig(AppConfig):
    """App `spapi`."""

    name = "spapi"
    verbose_name = _("販売パートナーAPI")
