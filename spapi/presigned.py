"""Addresses that need no token: each opens one document for five minutes, in one way (sp-api 5, 6).

The signature covers method, path and everything else that decides what is given or taken; the host is not part of it,
since clients reach the portal under several names (sp-api 1.7), nor is how the bytes are announced.
"""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.core.signing import Signer
from django.utils.crypto import constant_time_compare

GOOD_FOR = timedelta(minutes=5)


def presigned(method: str, path: str, *, now: datetime, content_type: str = "") -> str:
    """The whole address of a document; `content_type` must then be sent with its bytes."""
    until = int((now + GOOD_FOR).timestamp())
    query = {"X-Amz-Expires": until, "X-Amz-Signature": _signature(method, path, until, content_type)}
    return f"{settings.SITE_URL}{path}?{urlencode(query)}"


def is_signed(
    method: str, path: str, expires: str, signature: str, *, now: datetime, content_type: str = ""
) -> bool:
    """Whether an address was given out for this, and not more than five minutes ago."""
    if not (expires.isascii() and expires.isdigit() and len(expires) < 12) or int(expires) < now.timestamp():
        return False
    return constant_time_compare(signature, _signature(method, path, int(expires), content_type))


def _signature(method: str, path: str, until: int, content_type: str) -> str:
    return Signer(salt="spapi.presigned").signature(f"{method}\n{path}\n{until}\n{content_type}")
