"""Keys of registered developers: how they are made, and in what form they are kept (reliability S-20).

Each is random with 128 bits or more, so that a plain hash gives nothing away. The key that signs requests is needed
to check a signature and cannot be hashed: it is kept encrypted under the portal's own secret.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings

ACCESS_KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, slots=True)
class Keys:
    """One set of keys in plain text, as its developer takes it down: two for tokens, three for signed requests."""

    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_key: str
    secret_key: str = field(repr=False)
    auth_token: str = field(repr=False)


def new_keys() -> Keys:
    """A set of keys that nobody has seen yet, in the forms that existing software expects."""
    return Keys(
        client_secret=f"amzn1.oa2-cs.v1.{secrets.token_hex(32)}",
        refresh_token=f"Atzr|{secrets.token_urlsafe(48)}",
        access_key="AKIA" + "".join(secrets.choice(ACCESS_KEY_LETTERS) for _ in range(16)),
        secret_key=secrets.token_urlsafe(30),
        auth_token=f"amzn.mws.{UUID(bytes=secrets.token_bytes(16))}",
    )


def new_client_id() -> str:
    """The name under which a developer's software asks for tokens; no secret."""
    return f"amzn1.application-oa2-client.{secrets.token_hex(16)}"


def hashed(key: str) -> str:
    """The form in which a key is kept and looked up."""
    return hashlib.sha256(key.encode()).hexdigest()


def sealed(secret: str) -> str:
    """A secret that must be read again, as it is kept."""
    return _box().encrypt(secret.encode()).decode()


def unsealed(kept: str) -> str:
    """The secret itself.

    Raises cryptography.fernet.InvalidToken if the portal's secret that sealed it is not known any more.
    """
    return _box().decrypt(kept.encode()).decode()


def resealed(kept: str) -> str:
    """The same secret, sealed under the portal's present secret.

    Raises cryptography.fernet.InvalidToken if the portal's secret that sealed it is not known any more.
    """
    return _box().rotate(kept.encode()).decode()


def _box() -> MultiFernet:
    """Seals by the portal's secret, and opens also what an earlier one sealed."""
    known = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet(
        [Fernet(urlsafe_b64encode(hashlib.sha256(f"keys {key}".encode()).digest())) for key in known]
    )
