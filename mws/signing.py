"""Signature version 2: what is signed, and whether it was (mws 2, reliability S-22 to S-25)."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from accounts.keys import hashed, unsealed
from accounts.tokens import Holder, credential_of_access_key, signer

from .problems import Problem, denied, invalid

# A request is good for so long before and after its time stamp.
CLOCK = timedelta(minutes=15)
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
Parameters = Sequence[tuple[str, str]]


def string_to_sign(method: str, host: str, path: str, parameters: Iterable[tuple[str, str]]) -> str:
    """What a signature is made over: all parameters but itself, in the byte order of their names."""
    signed = sorted((name.encode(), value) for name, value in parameters if name != "Signature")
    canonical = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in signed)
    return "\n".join([method, host.lower(), path or "/", canonical])


def signature(secret: str, text: str) -> str:
    """The signature of a text."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def holder_of(parameters: Parameters, *, method: str, hosts: Sequence[str], path: str, now: datetime) -> Holder:
    """Whoever signed a request; `hosts` are the spellings of the host that clients may have signed.

    Raises Problem: 400 for what is missing, doubled or old, 403 for an unknown key or a wrong signature, 401 if the
    keys are not of the shop that is named.
    """
    given = dict(parameters)
    if len(given) != len(parameters):
        raise invalid("Each parameter may be sent once.")
    for name in ("AWSAccessKeyId", "Signature", "Timestamp", "SignatureVersion", "SignatureMethod"):
        if not given.get(name):
            raise invalid(f"{name} must be specified")
    if given["SignatureVersion"] != "2" or given["SignatureMethod"] != "HmacSHA256":
        raise invalid("Only SignatureVersion 2 with SignatureMethod HmacSHA256 is accepted")
    _require_fresh(given["Timestamp"], now)
    credential = credential_of_access_key(given["AWSAccessKeyId"], now=now)
    if credential is None:
        raise Problem(
            403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
        )
    secret = unsealed(credential.sealed_secret_key)
    expected = [signature(secret, string_to_sign(method, host, path, parameters)) for host in hosts]
    sent = given["Signature"].encode(errors="replace")
    if not any([hmac.compare_digest(each.encode(), sent) for each in expected]):  # noqa: C419 - all are compared
        message = "The request signature we calculated does not match the signature you provided."
        raise Problem(403, "SignatureDoesNotMatch", message)
    seller = given.get("SellerId") or given.get("Merchant")
    token = given.get("MWSAuthToken")
    if seller != credential.seller.merchant_id:
        raise denied("The keys are not of this seller")
    if token and not hmac.compare_digest(hashed(token), credential.auth_token_hash):
        raise denied("The MWSAuthToken is not of this seller")
    return signer(credential, now=now)


def _require_fresh(written: str, now: datetime) -> None:
    """A time stamp without a zone is UTC (mws 1)."""
    try:
        if not _TIMESTAMP.fullmatch(written):
            raise ValueError
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise invalid("Timestamp must be in ISO 8601 format") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if abs(moment - now) > CLOCK:
        raise invalid("Timestamp is expired: it must be within 15 minutes of the server's time")
