"""Registered developers and their keys: register, decide, issue, revoke, close (help page rule 19, domain 14.1).

Every act takes the shop's row first, writes its note into the audit log, and holds from the next request on: a key is
looked up for each.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.db.models import F
from django.views.decorators.debug import sensitive_variables

from events.actions import audit

from .actors import Actor
from .keys import Keys, hashed, new_client_id, new_keys, resealed, sealed
from .models import Application, Credential
from .queries import application_of_shop, live_credentials, lock_seller
from .rules import CODE_GOOD_FOR, MOST_APPLICATIONS, MOST_KEYS, OVERLAP, Scope, Why
from .tokens import give_code


class Refused(Exception):
    """The act is not done; `why` says for what reason."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


def register(
    *,
    seller_id: int,
    name: str,
    purpose: str,
    contact: str,
    needs_approval: bool,
    by: Actor,
    now: datetime,
    address: str | None = None,
    client_id: str = "",
) -> Application:
    """Register a shop's software as a developer; it waits for an operator if approval is needed.

    Raises Refused(NAME_TAKEN) if an open registration of the shop has this name, Refused(TOO_MANY_APPLICATIONS)
    beyond 20 open ones, ValueError if no person registers it.
    """
    if by.user_id is None:
        raise ValueError("a person registers software")
    with transaction.atomic():
        lock_seller(seller_id)
        states = Application.State
        open_ones = Application.objects.filter(seller_id=seller_id, state__in=[states.PENDING, states.APPROVED])
        names = set(open_ones.values_list("name", flat=True))
        if name in names:
            raise Refused(Why.NAME_TAKEN)
        if len(names) >= MOST_APPLICATIONS:
            raise Refused(Why.TOO_MANY_APPLICATIONS)
        application = Application.objects.create(
            seller_id=seller_id,
            name=name,
            purpose=purpose,
            contact=contact,
            client_id=client_id or new_client_id(),
            state=states.PENDING if needs_approval else states.APPROVED,
            registered_by_id=by.user_id,
            registered_at=now,
            decided_at=None if needs_approval else now,
        )
        after = {"name": name, "purpose": purpose, "contact": contact, "state": application.state}
        shop = application.merchant_id
        audit(act="application.registered", by=by, now=now, subject=shop, address=address, after=after)
    return application


def decide(
    *, application_id: int, grant: bool, reason: str, by: Actor, now: datetime, address: str | None = None
) -> bool:
    """Approve or reject a registration; False if it does not wait any more."""
    with transaction.atomic():
        application = _locked(application_id)
        if application.state != Application.State.PENDING:
            return False
        application.state = Application.State.APPROVED if grant else Application.State.REJECTED
        application.decided_at, application.decision_reason = now, reason
        application.save(update_fields=["state", "decided_at", "decision_reason"])
        audit(
            act="application.approved" if grant else "application.rejected",
            by=by,
            now=now,
            subject=application.merchant_id,
            reason=reason,
            after={"name": application.name, "state": application.state},
            address=address,
        )
    return True


def close(*, application_id: int, reason: str = "", by: Actor, now: datetime, address: str | None = None) -> bool:
    """End a registration with all its keys; False if it has ended before."""
    with transaction.atomic():
        application = _locked(application_id)
        if not application.is_open:
            return False
        application.state, application.closed_at = Application.State.CLOSED, now
        application.decision_reason = reason or application.decision_reason
        application.save(update_fields=["state", "closed_at", "decision_reason"])
        ended = Credential.objects.filter(application=application, revoked_at=None).update(revoked_at=now)
        audit(
            act="application.closed",
            by=by,
            now=now,
            subject=application.merchant_id,
            reason=reason,
            after={"name": application.name, "state": application.state, "keys_revoked": ended},
            address=address,
        )
    return True


def set_redirects(
    *,
    seller_id: int,
    application_id: int,
    redirects: Sequence[str],
    by: Actor,
    now: datetime,
    address: str | None = None,
) -> bool:
    """Let consents for an application lead to these addresses only; False if it was so, or it is not open."""
    with transaction.atomic():
        lock_seller(seller_id)
        application = application_of_shop(seller_id, application_id)
        if application is None or not application.is_open or application.redirects == list(redirects):
            return False
        before, application.redirects = application.redirects, list(redirects)
        application.save(update_fields=["redirects"])
        audit(
            act="application.redirects_set",
            by=by,
            now=now,
            subject=application.merchant_id,
            address=address,
            before={"redirects": before},
            after={"name": application.name, "redirects": application.redirects},
        )
    return True


@sensitive_variables()
def consent(
    *,
    seller_id: int,
    application_id: int,
    redirect: str,
    present_key: int,
    by: Actor,
    now: datetime,
    address: str | None = None,
) -> str:
    """Let an application have a set of keys of its own, as its present ones allow; return a code for it (sp-api 2).

    The code is good for five minutes and once. The set ends with the code, unless that is exchanged; the present
    sets stay as they are, since the application shows their secret when it does. `present_key` is the key of the set
    whose operations the person saw.

    Raises Application.DoesNotExist, Refused(NOT_APPROVED), Refused(NO_KEYS) if no set is good,
    Refused(ISSUED_MEANWHILE) if another is the latest good one, Refused(TOO_MANY_KEYS) beyond 5 that are good,
    ValueError if no person consents.
    """
    if by.user_id is None:
        raise ValueError("a person consents")
    with transaction.atomic():
        application = _approved(seller_id, application_id)
        good = live_credentials(application, now=now).order_by("-pk")
        # Whoever consents again means the one that was not exchanged no more.
        good.filter(expires_at=F("issued_at") + CODE_GOOD_FOR).update(revoked_at=now)
        present = good.first()
        if present is None:
            raise Refused(Why.NO_KEYS)
        if present.pk != present_key:
            raise Refused(Why.ISSUED_MEANWHILE)
        if good.count() >= MOST_KEYS:
            raise Refused(Why.TOO_MANY_KEYS)
        made = new_keys()
        credential = _kept(made, application, present.scopes, present.lifetime, by.user_id, now)
        credential.expires_at = now + CODE_GOOD_FOR
        credential.save()
        code = give_code(credential, redirect, now=now)
        after = {"name": application.name, "access_key": made.access_key, "scopes": credential.scopes}
        shop = application.merchant_id
        audit(act="application.consented", by=by, now=now, subject=shop, address=address, after=after)
    return code


def _approved(seller_id: int, application_id: int) -> Application:
    """A shop's registration that may have keys, under the shop's lock.

    Raises Application.DoesNotExist or Refused(NOT_APPROVED).
    """
    lock_seller(seller_id)
    application = application_of_shop(seller_id, application_id)
    if application is None:
        raise Application.DoesNotExist
    if application.state != Application.State.APPROVED:
        raise Refused(Why.NOT_APPROVED)
    return application


def _kept(
    made: Keys, application: Application, scopes: Collection[str], days: int, user_id: int, now: datetime
) -> Credential:
    """A set of keys as it is kept; not saved yet."""
    return Credential(
        application=application,
        seller_id=application.seller_id,
        scopes=sorted(scopes),
        client_secret_hash=hashed(made.client_secret),
        refresh_token_hash=hashed(made.refresh_token),
        access_key=made.access_key,
        sealed_secret_key=sealed(made.secret_key),
        auth_token_hash=hashed(made.auth_token),
        issued_by_id=user_id,
        issued_at=now,
        lifetime=days,
        expires_at=now + timedelta(days=days),
    )


@sensitive_variables()
def issue(
    *,
    seller_id: int,
    application_id: int,
    scopes: Collection[Scope],
    days: int,
    newest: int,
    by: Actor,
    now: datetime,
    address: str | None = None,
    keys: Keys | None = None,
) -> Keys:
    """Issue a new set of keys and return it: it is kept nowhere in plain text.

    Sets that are good already end in 7 days, unless they end before. `newest` is the key of the latest set that the
    person saw (0 for none), `days` how long the new one is good; `keys` are given only for a demo.

    Raises Application.DoesNotExist if the shop has no such registration, Refused(NOT_APPROVED) unless it is approved,
    Refused(ISSUED_MEANWHILE) if there is a later set, Refused(TOO_MANY_KEYS) beyond 5 that are good, ValueError if no
    person issues them.
    """
    if by.user_id is None:
        raise ValueError("a person issues keys")
    with transaction.atomic():
        application = _approved(seller_id, application_id)
        latest = application.credentials.order_by("-pk").values_list("pk", flat=True).first() or 0
        if latest != newest:
            raise Refused(Why.ISSUED_MEANWHILE)
        good = live_credentials(application, now=now)
        if good.count() >= MOST_KEYS:
            raise Refused(Why.TOO_MANY_KEYS)
        good.filter(expires_at__gt=now + OVERLAP).update(expires_at=now + OVERLAP)
        made = keys or new_keys()
        credential = _kept(made, application, scopes, days, by.user_id, now)
        credential.save()
        after = {
            "name": application.name,
            "access_key": made.access_key,
            "scopes": credential.scopes,
            "days": days,
        }
        shop = application.merchant_id
        audit(act="application.keys_issued", by=by, now=now, subject=shop, address=address, after=after)
    return made


def revoke(*, seller_id: int, credential_id: int, by: Actor, now: datetime, address: str | None = None) -> bool:
    """Let a set of keys be good for nothing any more; False if the shop has none of this key that is not revoked."""
    with transaction.atomic():
        lock_seller(seller_id)
        found = Credential.objects.select_related("application__seller").filter(
            seller_id=seller_id, pk=credential_id, revoked_at=None
        )
        credential = found.first()
        if credential is None:
            return False
        found.update(revoked_at=now)
        audit(
            act="application.keys_revoked",
            by=by,
            now=now,
            subject=credential.application.merchant_id,
            after={"name": credential.application.name, "access_key": credential.access_key},
            address=address,
        )
    return True


def _locked(application_id: int) -> Application:
    """A registration under its shop's lock, which everything about keys takes first."""
    found = Application.objects.select_related("seller")
    lock_seller(found.get(pk=application_id).seller_id)
    return found.get(pk=application_id)


def reseal() -> tuple[int, int]:
    """Seal all secret keys under the portal's present secret; return how many were, and how many nobody can open."""
    sealed = lost = 0
    for key in list(Credential.objects.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            credential = Credential.objects.select_for_update().get(pk=key)
            try:
                credential.sealed_secret_key = resealed(credential.sealed_secret_key)
            except InvalidToken:
                lost += 1
            else:
                sealed += 1
                credential.save(update_fields=["sealed_secret_key"])
    return sealed, lost
