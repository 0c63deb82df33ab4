"""The wiring as a Django application, and the choice of static files."""

from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class SellercentralConfig(AppConfig):
    """Loads what must be there in every process: the Celery application and the system checks."""

    name = "sellercentral"

    def ready(self) -> None:
        """Load both. Without our Celery application, `delay()` would talk to one with default settings."""
        from sellercentral import celery, checks  # noqa: F401 - loading is the point


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
