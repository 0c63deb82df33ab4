"""Where mail goes: EMAIL_URL in one piece, taken apart.."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

# scheme → (standard port, TLS from the first byte, TLS after STARTTLS)
SCHEMES = {
    "smtp": (25, False, False),
    "smtp+tls": (587, False, True),
    "smtps": (465, True, False),
}


@dataclass(frozen=True)
class SmtpServer:
    """One SMTP server and how to speak to it."""

    host: str
    port: int
    user: str
    password: str
    tls: bool
    starttls: bool


def smtp_server(url: str) -> SmtpServer:
    """Read smtp://, smtp+tls:// or smtps://[user:password@]host[:port]."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured("EMAIL_URL holds a port that is no number.") from None
    if parts.scheme not in SCHEMES or not parts.hostname:
        # The address may hold a password: it is not repeated.
        raise ImproperlyConfigured("EMAIL_URL must be smtp://, smtp+tls:// or smtps://user:password@host:port.")
    standard_port, tls, starttls = SCHEMES[parts.scheme]
    return SmtpServer(
        host=parts.hostname,
        port=port or standard_port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
        starttls=starttls,
    )


def sender_domain(site_url: str) -> str:
    """Return the domain that mails come from when nothing else is said; an address cannot end in a number."""
    host = urlsplit(site_url).hostname or "localhost"
    return "localhost" if host.replace(".", "").isdigit() or ":" in host else host
