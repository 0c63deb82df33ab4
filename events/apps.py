"""The app's name in the admin."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    """App `events`."""

    name = "events"
    verbose_name = _("出来事")
