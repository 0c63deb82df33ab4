"""Tokens of registered developers: given for keys, good for an hour, looked up for every request (S-20, S-21).

Nothing is remembered between requests: a key that was revoked, has run out or belongs to a registration that has ended
opens nothing from then on, whatever tokens were given for it (R-22).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
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
    """Who asks by a token: the shop, its keys and what they allow. `seller_id` is the shop whatever the kind."""

    kind: TokenKind
    credential: Credential
    resources: Sequence[dict[str, Any]]

    @property
    def seller_id(self) -> int:
        return self.credential.seller_id

    def has(self, scope: Scope) -> bool:
        """Whether its keys allow this."""
        return scope.value in self.credential.scopes

    @property
    def actor(self) -> Actor:
        """The shop's software, in the name of whoever issued its keys."""
        credential = self.credential
        return Actor(Role.SELLER, Door.API, credential.issued_by_id, credential.application.name)

    @property
    def owner(self) -> str:
        """Whose idempotency keys its acts are kept under."""
        return f"credential:{self.credential.pk}"


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
    return _give(TokenKind.ACCESS, credential, now=now)


def give_code(credential: Credential, redirect: str, *, now: datetime) -> str:
    """A code for a set of keys, to be exchanged once within five minutes by whoever was sent to this address."""
    where = [{"redirect": redirect}]
    return _give(TokenKind.CODE, credential, now=now, resources=where, good_for=CODE_GOOD_FOR)


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
        return refresh_token, _give(TokenKind.ACCESS, credential, now=now)


def without_seller(*, client_id: str, client_secret: str, now: datetime) -> str:
    """A token for operations that belong to no shop. Raises InvalidClient."""
    application = _application(client_id, client_secret, now)
    credential = good_credentials(now=now).get(application=application, client_secret_hash=hashed(client_secret))
    return _give(TokenKind.GRANTLESS, credential, now=now)


def restrict(holder: Holder, resources: Sequence[dict[str, Any]], *, now: datetime) -> str:
    """A token that opens only these resources and shows the buyer's data there."""
    return _give(TokenKind.RESTRICTED, holder.credential, now=now, resources=list(resources))


def holder_of(token: str, *, now: datetime) -> Holder:
    """Who asks by this token; their keys' last use is noted.

    Raises TokenExpired, or TokenInvalid for all else that opens nothing.
    """
    rows = AccessToken.objects.select_related("credential__application", "credential__seller")
    found = rows.filter(token_hash=hashed(token)).first()
    if found is None:
        raise TokenInvalid
    credential = found.credential
    if not credential.is_good(now) or credential.application.state != Application.State.APPROVED:
        raise TokenInvalid
    if found.expires_at <= now:
        raise TokenExpired
    note_use(credential, now=now)
    return Holder(TokenKind(found.kind), credential, found.resources)


def holder_of_access_key(access_key: str, *, now: datetime) -> Holder | None:
    """Who signs by this access key; None if it is nobody's, or good no longer. Their use is noted by `note_use`."""
    found = good_credentials(now=now).filter(access_key=access_key, application__state=Application.State.APPROVED)
    credential = found.select_related("application", "seller").first()
    return Holder(TokenKind.ACCESS, credential, ()) if credential else None


def note_use(credential: Credential, *, now: datetime) -> None:
    """Keep when keys were last used, once a minute at most."""
    earlier = now - USE_NOTED_EVERY
    if credential.last_used_at is None or credential.last_used_at <= earlier:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lte=earlier)
        Credential.objects.filter(unnoted, pk=credential.pk).update(last_used_at=now)


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
    credential: Credential,
    *,
    now: datetime,
    resources: Sequence[dict[str, Any]] = (),
    good_for: timedelta = GOOD_FOR,
) -> str:
    token = PREFIXES[kind] + secrets.token_urlsafe(48)
    AccessToken.objects.create(
        token_hash=hashed(token),
        kind=kind,
        credential=credential,
        resources=list(resources),
        given_at=now,
        expires_at=now + good_for,
    )
    return token
