"""Rules of notifications: who is told what under which name, for how long, how a message is signed (domain 14.9)."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

# A shop's webhooks, and the queues of one of its applications.
MOST_DESTINATIONS = 10
# What cannot be told for so long is given up.
TRIED_FOR = timedelta(hours=24)
# For how long messages carry the signatures of both secrets once there is a new one.
SECRETS_OVERLAP = timedelta(days=7)
SECRET_PREFIX = "whsec_"  # noqa: S105 - says what it is, as the signature's scheme asks
LONGEST_ADDRESS = 500
QUEUE = re.compile(r"arn:aws:sqs:([a-z]{2}(?:-[a-z]+)+-[0-9]):([0-9]{12}):([A-Za-z0-9_-]{1,80})")
# A name of the public network: letters, digits and hyphens between dots, and an end that is no number.
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Topic(StrEnum):
    """What a subscription is about, by its name on the wire."""

    ORDER_CHANGE = "ORDER_CHANGE"
    FEED_PROCESSING_FINISHED = "FEED_PROCESSING_FINISHED"
    REPORT_PROCESSING_FINISHED = "REPORT_PROCESSING_FINISHED"
    METRIC_STATE_CHANGED = "METRIC_STATE_CHANGED"


class Change(StrEnum):
    """Kinds of changes that a subscription to `ORDER_CHANGE` may be limited to."""

    BUYER_REQUESTED = "BuyerRequestedChange"
    STATUS = "OrderStatusChange"
    DELIVERY_TIP = "DeliveryTipChange"


class Trouble(StrEnum):
    """Why a message did not arrive, or cannot go to an address; of a refusal `STATUS` is kept with the number."""

    BAD_ADDRESS = "BAD_ADDRESS"
    UNKNOWN_HOST = "UNKNOWN_HOST"
    NOT_PUBLIC = "NOT_PUBLIC"
    NO_CONNECTION = "NO_CONNECTION"
    NO_TRUST = "NO_TRUST"
    NO_ACCESS = "NO_ACCESS"
    TOO_SLOW = "TOO_SLOW"
    NO_SECRET = "NO_SECRET"  # noqa: S105 - the name of a trouble
    STATUS = "STATUS"
    REFUSES = "REFUSES"
    NO_KEYS = "NO_KEYS"
    GONE = "GONE"


class Why(StrEnum):
    """Why an act on a destination or a subscription is refused."""

    ADDRESS_TAKEN = "ADDRESS_TAKEN"
    TOO_MANY = "TOO_MANY"
    SUBSCRIBED = "SUBSCRIBED"
    UNKNOWN = "UNKNOWN"
    RENEWED_MEANWHILE = "RENEWED_MEANWHILE"


# The version of each topic's messages.
VERSIONS = {
    Topic.ORDER_CHANGE: "1.0",
    Topic.FEED_PROCESSING_FINISHED: "2020-09-04",
    Topic.REPORT_PROCESSING_FINISHED: "2020-09-04",
    Topic.METRIC_STATE_CHANGED: "1.0",
}
# Event → what it is a message of, and for orders what kind of change.
TOPIC_OF: dict[str, tuple[Topic, Change | None]] = {
    "cancellation.requested": (Topic.ORDER_CHANGE, Change.BUYER_REQUESTED),
    "cancellation.withdrawn": (Topic.ORDER_CHANGE, Change.BUYER_REQUESTED),
    "order.cancelled": (Topic.ORDER_CHANGE, Change.STATUS),
    "shipment.confirmed": (Topic.ORDER_CHANGE, Change.STATUS),
    "feed.finished": (Topic.FEED_PROCESSING_FINISHED, None),
    "report.finished": (Topic.REPORT_PROCESSING_FINISHED, None),
    "rate.worsened": (Topic.METRIC_STATE_CHANGED, None),
    "rate.improved": (Topic.METRIC_STATE_CHANGED, None),
}


def host_of(address: str) -> str:
    """The host of a webhook's address: https on port 443, a name and no number, no password (S-28).

    Raises ValueError for anything else.
    """
    found = re.fullmatch(r"https://([^/?#]+)(?:[/?][\x21\x24-\x5b\x5d-\x7e]*)?", address)
    if found is None or len(address) > LONGEST_ADDRESS:
        raise ValueError(address)
    host = found[1].lower().removesuffix(":443")
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise ValueError(address)
    return host


def new_secret() -> str:
    """A secret that signs the messages to a webhook."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signatures(secrets_: Sequence[str], *, message_id: str, moment: datetime, body: bytes) -> str:
    """The value of `webhook-signature`: one for each secret, over id, time stamp and body (S-27)."""
    content = f"{message_id}.{int(moment.timestamp())}.".encode() + body
    return " ".join(f"v1,{_signature(secret, content)}" for secret in secrets_)


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
