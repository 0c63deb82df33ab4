"""The app's name in the admin."""

from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.http import HttpRequest


class AccountsConfig(AppConfig):
    """App `accounts`."""

    name = "accounts"
    verbose_name = _("人")

    def ready(self) -> None:
        """Let each session know when it began, by whichever way somebody signed in."""
        user_logged_in.connect(_begin_session, dispatch_uid="accounts.begin_session")


def _begin_session(sender: object, request: "HttpRequest | None" = None, **_: object) -> None:
    from .access import begin_session

    if request is not None:
        begin_session(request, now=timezone.now())
