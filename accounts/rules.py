"""Rules of registered developers: what keys are good for, how many there are, why an act is refused (domain 14.1)."""

from datetime import timedelta
from enum import StrEnum

# A shop's open registrations, and the sets of keys of one that are good at the same time.
MOST_APPLICATIONS = 20
MOST_KEYS = 5
# For how long old keys stay good beside new ones, so that software is changed over without standing still.
OVERLAP = timedelta(days=7)


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


class Why(StrEnum):
    """Why an act on a registration is refused."""

    NAME_TAKEN = "NAME_TAKEN"
    TOO_MANY_APPLICATIONS = "TOO_MANY_APPLICATIONS"
    TOO_MANY_KEYS = "TOO_MANY_KEYS"
    NOT_APPROVED = "NOT_APPROVED"
    ISSUED_MEANWHILE = "ISSUED_MEANWHILE"
