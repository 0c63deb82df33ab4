"""Tokens of registered developers: given for keys, good for an hour, looked up for every request (S-20, S-21).

Nothing is remembered between requests: a key that was revoked, has run out or belongs to a registration that has ended
opens nothing from then on, whatever tokens were given for it (R-22).
"""

import json
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from .actors import Actor, Door, Role
from .keys import hashed, new_keys
from .models import AccessToken, Application, Credential
from .queries import good_credentials, lock_seller
from .rules import CODE_GOOD_FOR, Scope, TokenKind

GOOD_FOR = timedelta(hours=1)
# The last use of keys is noted no more often than this.
USE_NOTED_EVERY = timedelta(minutes=1)
PREFIXES = {
    TokenKind.ACCESS: "Atza|",
    TokenKind.GRANTLESS: "Atza|",
    TokenKind.RESTRICTED: "Atz.sprdt|",
    TokenKind.CODE: "",
}
FORGOTTEN_AFTER = timedelta(days=1)


class InvalidClient(Exception):
    """No such application, or none of its secrets."""


class InvalidGrant(Exception):
    """The refresh token is not one of the application's that are good."""


class TokenExpired(Exception):
    """The token was good, for its hour."""


class TokenInvalid(Exception):
    """Nobody was given this token, or what it was given for is good no longer."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks by a token: the shop whatever the token's kind, its software, its keys and what they allow."""

    kind: TokenKind
    credential_id: int
    seller_id: int
    application_id: int
    software: str
    issued_by_id: int
    scopes: Collection[str]
    resources: Sequence[dict[str, Any]] = ()

    def has(self, scope: Scope) -> bool:
        """Whether its keys allow this."""
        return scope.value in self.scopes

    def lacks(self, scopes: Iterable[Scope]) -> Scope | None:
        """The first of these that its keys do not allow; None if they allow all."""
        return next((scope for scope in scopes if not self.has(scope)), None)

    @property
    def actor(self) -> Actor:
        """The shop's software, in the name of whoever issued its keys."""
        return Actor(Role.SELLER, Door.API, self.issued_by_id, self.software)

    @property
    def owner(self) -> str:
        """Whose idempotency keys its acts are kept under."""
        return f"credential:{self.credential_id}"


def refresh(*, client_id: str, client_secret: str, refresh_token: str, now: datetime) -> str:
    """An access token for a refresh token.

    Raises InvalidClient, or InvalidGrant if the refresh token is not this application's.
    """
    application = _application(client_id, client_secret, now)
    credential = (
        good_credentials(now=now).filter(application=application, refresh_token_hash=hashed(refresh_token)).first()
    )
    if credential is None:
        raise InvalidGrant
    return _give(TokenKind.ACCESS, credential.pk, now=now)


def give_code(credential: Credential, redirect: str, *, now: datetime) -> str:
    """A code for a set of keys, to be exchanged once within five minutes by whoever was sent to this address."""
    where = [{"redirect": redirect}]
    return _give(TokenKind.CODE, credential.pk, now=now, resources=where, good_for=CODE_GOOD_FOR)


@sensitive_variables()
def exchange(*, client_id: str, client_secret: str, code: str, redirect: str, now: datetime) -> tuple[str, str]:
    """A refresh token and an access token for the code of a consent; `redirect` is compared if it is given.

    Raises InvalidClient, or InvalidGrant for a code that is not this application's, too old or used before.
    """
    application = _application(client_id, client_secret, now)
    with transaction.atomic():
        # Nobody issues newer keys meanwhile, which would not end these.
        lock_seller(application.seller_id)
        found = AccessToken.objects.select_for_update().filter(
            token_hash=hashed(code), kind=TokenKind.CODE, expires_at__gt=now, credential__application=application
        )
        row = found.select_related("credential").first()
        if row is None or not row.credential.is_good(now):
            raise InvalidGrant
        # Newer keys end older ones soon: what was consented to before them is no way round that.
        if Credential.objects.filter(application=application, pk__gt=row.credential_id).exists():
            raise InvalidGrant
        if redirect and row.resources != [{"redirect": redirect}]:
            raise InvalidGrant
        refresh_token = new_keys().refresh_token
        credential = row.credential
        credential.refresh_token_hash = hashed(refresh_token)
        credential.expires_at = credential.issued_at + timedelta(days=credential.lifetime)
        credential.save(update_fields=["refresh_token_hash", "expires_at"])
        row.delete()
        return refresh_token, _give(TokenKind.ACCESS, credential.pk, now=now)


def without_seller(*, client_id: str, client_secret: str, now: datetime) -> str:
    """A token for operations that belong to no shop. Raises InvalidClient."""
    application = _application(client_id, client_secret, now)
    credential = good_credentials(now=now).get(application=application, client_secret_hash=hashed(client_secret))
    return _give(TokenKind.GRANTLESS, credential.pk, now=now)


def restrict(holder: Holder, resources: Sequence[dict[str, Any]], *, now: datetime) -> str:
    """A token that opens only these resources and shows the buyer's data there."""
    return _give(TokenKind.RESTRICTED, holder.credential_id, now=now, resources=list(resources))


# Read for every request of every shop's software: the ORM would take longer to write this down than it takes to run.
_HOLDER = """
SELECT t.kind, t.resources, t.expires_at <= %(now)s,
    k.revoked_at IS NULL AND k.expires_at > %(now)s AND a.state = %(approved)s,
    k.last_used_at, k.id, k.seller_id, k.application_id, a.name, k.issued_by_id, k.scopes
FROM accounts_accesstoken AS t
JOIN accounts_credential AS k ON k.id = t.credential_id
JOIN accounts_application AS a ON a.id = k.application_id
WHERE t.token_hash = %(hash)s
"""


def holder_of(token: str, *, now: datetime) -> Holder:
    """Who asks by this token; their keys' last use is noted.

    Raises TokenExpired, or TokenInvalid for all else that opens nothing.
    """
    with connection.cursor() as cursor:
        approved = Application.State.APPROVED.value
        cursor.execute(_HOLDER, {"hash": hashed(token), "now": now, "approved": approved})
        found = cursor.fetchone()
    if found is None:
        raise TokenInvalid
    kind, resources, is_over, is_good, last_used_at, *whose, scopes = found
    if not is_good:
        raise TokenInvalid
    if is_over:
        raise TokenExpired
    credential_id, seller_id, application_id, software, issued_by_id = whose
    _note_use(credential_id, last_used_at, now)
    return Holder(
        TokenKind(kind),
        credential_id,
        seller_id,
        application_id,
        software,
        issued_by_id,
        scopes,
        json.loads(resources),
    )


def credential_of_access_key(access_key: str, *, now: datetime) -> Credential | None:
    """The keys with this access key; None if it is nobody's, or good no longer. `signer` says who they are."""
    found = good_credentials(now=now).filter(access_key=access_key, application__state=Application.State.APPROVED)
    return found.select_related("application", "seller").first()


def signer(credential: Credential, *, now: datetime) -> Holder:
    """Who signed by these keys; their last use is noted."""
    _note_use(credential.pk, credential.last_used_at, now)
    return Holder(
        TokenKind.ACCESS,
        credential.pk,
        credential.seller_id,
        credential.application_id,
        credential.application.name,
        credential.issued_by_id,
        credential.scopes,
    )


def _note_use(credential_id: int, last_used_at: datetime | None, now: datetime) -> None:
    """Keep when keys were last used, once a minute at most."""
    earlier = now - USE_NOTED_EVERY
    if last_used_at is None or last_used_at <= earlier:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lte=earlier)
        Credential.objects.filter(unnoted, pk=credential_id).update(last_used_at=now)


def forget_tokens(*, now: datetime) -> int:
    """Delete tokens that ran out a day ago; return how many. Until then a late one is told that it ran out."""
    deleted, _ = AccessToken.objects.filter(expires_at__lte=now - FORGOTTEN_AFTER).delete()
    return deleted


def _application(client_id: str, client_secret: str, now: datetime) -> Application:
    """The application that this secret belongs to: any of its sets of keys that are good."""
    applications = Application.objects.filter(client_id=client_id, state=Application.State.APPROVED)
    known = good_credentials(now=now).filter(
        application__in=applications, client_secret_hash=hashed(client_secret)
    )
    credential = known.select_related("application").first()
    if credential is None:
        raise InvalidClient
    return credential.application


def _give(
    kind: TokenKind,
    credential_id: int,
    *,
    now: datetime,
    resources: Sequence[dict[str, Any]] = (),
    good_for: timedelta = GOOD_FOR,
) -> str:
    token = PREFIXES[kind] + secrets.token_urlsafe(48)
    AccessToken.objects.create(
        token_hash=hashed(token),
        kind=kind,
        credential_id=credential_id,
        resources=list(resources),
        given_at=now,
        expires_at=now + good_for,
    )
    return token
