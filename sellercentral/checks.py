"""What `manage.py check --deploy` asks on top of Django's own questions."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks


@checks.register(checks.Tags.security, deploy=True)
def check_production(**_: Any) -> list[checks.CheckMessage]:
    """Find what a production portal can start without, and should not run without."""
    if not settings.PRODUCTION:
        return [checks.Warning("DEMO or DEBUG is on.", hint="Switch both off for production.", id="portal.W001")]
    found: list[checks.CheckMessage] = []
    if not settings.EMAIL_URL:
        found.append(
            checks.Warning(
                "EMAIL_URL is not set: mails are stored for the operator and reach nobody.",
                hint="Set it to smtp+tls://user:password@host:port.",
                id="portal.W002",
            )
        )
    if urlsplit(settings.SITE_URL).scheme != "https":
        found.append(
            checks.Warning(
                "SITE_URL does not begin with https://: links in mails would lead to an unprotected page.",
                hint="Set it to the address that people use.",
                id="portal.W003",
            )
        )
    if settings.PAYMENT_PROVIDER == "test":
        found.append(
            checks.Warning(
                "PAYMENT_PROVIDER is test: orders are held, charged and refunded, and no money moves.",
                hint="Set PAYMENT_PROVIDER=stripe with its keys, unless the orders are paid elsewhere.",
                id="portal.W004",
            )
        )
    return found
