"""The app's name in the admin."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    """App `messaging`."""

    name = "messaging"
    verbose_name = _("メッセージ")
