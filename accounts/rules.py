"""Rules of registered developers: what keys are good for, how many there are, why an act is refused (domain 14.1)."""

import re
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

# A shop's open registrations, and the sets of keys of one that are good at the same time.
MOST_APPLICATIONS = 20
MOST_KEYS = 5
# For how long old keys stay good beside new ones, so that software is changed over without standing still.
OVERLAP = timedelta(days=7)
# What a consent gives must be exchanged within this time (sp-api 2).
CODE_GOOD_FOR = timedelta(minutes=5)
# Addresses of software to which a consent may lead back.
MOST_REDIRECTS, LONGEST_REDIRECT = 5, 500
_ADDRESS = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")
_OWN_MACHINE = frozenset({"localhost", "127.0.0.1"})


class Scope(StrEnum):
    """One kind of operation that a shop lets its software do."""

    ORDERS_READ = "orders:read"
    ORDERS_CANCEL = "orders:cancel"
    ORDERS_SHIP = "orders:ship"
    ORDERS_REFUND = "orders:refund"
    MESSAGES = "messages"
    FEEDS = "feeds"
    REPORTS = "reports"
    WEBHOOKS = "webhooks"


class TokenKind(StrEnum):
    """What a token opens: what belongs to a shop, what belongs to none, or only what it names (sp-api 2, 7)."""

    ACCESS = "ACCESS"
    GRANTLESS = "GRANTLESS"
    RESTRICTED = "RESTRICTED"
    # No token of its own: what an OWNER's consent gives, to be exchanged once for tokens.
    CODE = "CODE"


def plain_address(address: str) -> str:
    """A web address with scheme and host in small letters, as people do not always type them."""
    scheme, mark, rest = address.partition("://")
    end = min((place for sign in "/?#" if (place := rest.find(sign)) >= 0), default=len(rest))
    return f"{scheme.lower()}{mark}{rest[:end].lower()}{rest[end:]}"


def is_redirect(address: str) -> bool:
    """Whether a consent may lead to an address: https, or the reader's own machine, without a password or fragment."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or len(address) > LONGEST_REDIRECT or not _ADDRESS.fullmatch(address):
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in _OWN_MACHINE)
    return is_safe and not parts.fragment and "@" not in parts.netloc


class Why(StrEnum):
    """Why an act on a registration is refused."""

    NAME_TAKEN = "NAME_TAKEN"
    TOO_MANY_APPLICATIONS = "TOO_MANY_APPLICATIONS"
    TOO_MANY_KEYS = "TOO_MANY_KEYS"
    NOT_APPROVED = "NOT_APPROVED"
    ISSUED_MEANWHILE = "ISSUED_MEANWHILE"
    NO_KEYS = "NO_KEYS"
