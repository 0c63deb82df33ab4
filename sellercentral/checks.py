"""What `manage.py check --deploy` asks on top of Django's own questions."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def check_production(**_: Any) -> list[CheckMessage]:
    """Find what a production portal can start without, and should not run without."""
    if not settings.PRODUCTION:
        return [Warning("DEMO or DEBUG is on.", hint="Switch both off for production.", id="portal.W001")]
    found: list[CheckMessage] = []
    if not settings.EMAIL_URL:
        found.append(
            Warning(
                "EMAIL_URL is not set: mails are stored for the operator and reach nobody.",
                hint="Set it to smtp+tls://user:password@host:port.",
                id="portal.W002",
            )
        )
    if urlsplit(settings.SITE_URL).scheme != "https":
        found.append(
            Warning(
                "SITE_URL does not begin with https://: links in mails would lead to an unprotected page.",
                hint="Set it to the address that people use.",
                id="portal.W003",
            )
        )
    return found
