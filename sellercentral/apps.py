"""The wiring as a Django application, and the choice of static files."""

import contextlib

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class SellercentralConfig(AppConfig):
    """Sees to what every process needs: the Celery application, the system checks, compiled catalogues."""

    name = "sellercentral"

    def ready(self) -> None:
        """Load both, and bring the catalogues up to date for whichever process speaks to people.

        Without our Celery application, `delay()` would talk to one with default settings.
        """
        from django.conf import settings

        from sellercentral import celery, checks  # noqa: F401 - loading is the point
        from sellercentral.management.commands.compile_catalogues import compile_catalogues

        # Where the project lies read-only, its image was built with `compile_catalogues`.
        with contextlib.suppress(OSError):
            compile_catalogues(settings.LOCALE_PATHS)


class PortalAdminConfig(AdminConfig):
    """Django's admin as the operators' workplace."""

    default_site = "sellercentral.desk.OperatorSite"


class PortalStaticFilesConfig(StaticFilesConfig):
    """Leaves out the variants of Bootstrap and htmx that no page uses: half the time of collectstatic."""

    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        "bootstrap-grid*",
        "bootstrap-reboot*",
        "bootstrap-utilities*",
        "*.rtl.*",
        "bootstrap.css*",
        "bootstrap.js*",
        "bootstrap.min.js*",
        "bootstrap.esm*",
        "bootstrap.bundle.js*",
        "htmx-4*",
        "htmax-4*",
        "htmx-2.js",
        "hx-*",
    ]
