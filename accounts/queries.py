"""Reads of people, shops and registered developers."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Prefetch, Q, QuerySet
from django.db.models.functions import Lower

from .models import Application, Credential, LoginAttempt, MailSetting, Membership, Seller, User
from .rules import CODE_GOOD_FOR

THROTTLE_WINDOW = timedelta(minutes=15)
FAILURES_PER_ACCOUNT = 5
FAILURES_PER_ADDRESS = 50
LINKS_PER_ACCOUNT = 3
LINKS_PER_ADDRESS = 50


def membership_of(user) -> Membership | None:
    """The shop role a signed-in person works under (their first shop), or None for buyers and operators."""
    if not user.is_authenticated:
        return None
    return Membership.objects.filter(user=user).select_related("seller").order_by("pk").first()


def people_of(seller_id: int) -> list[Membership]:
    """Who works for a shop, in which role; OWNERs first."""
    found = Membership.objects.filter(seller_id=seller_id).select_related("user")
    return sorted(found, key=lambda each: (not each.is_owner, each.user.name, each.pk))


def people_who_refuse(user_ids: Iterable[int]) -> set[int]:
    """Those of these people who refuse unimportant messages (domain 6)."""
    refusing = User.objects.filter(pk__in=list(user_ids), refuses_unimportant_messages=True)
    return set(refusing.values_list("pk", flat=True))


def mail_recipients_of(seller_ids: Iterable[int]) -> dict[int, list[int]]:
    """Per shop the people who get its mails: every active OWNER and ORDER_STAFF (domain 12.2)."""
    recipients: dict[int, list[int]] = defaultdict(list)
    wanted = set(seller_ids)
    if not wanted:
        return recipients
    rows = (
        Membership.objects.filter(
            seller_id__in=wanted,
            role__in=[Membership.Role.OWNER, Membership.Role.ORDER_STAFF],
            user__is_active=True,
        )
        .order_by("pk")
        .values_list("seller_id", "user_id")
    )
    for seller_id, user_id in rows:
        recipients[seller_id].append(user_id)
    return recipients


def acts_for(*, user_id: int, seller_id: int) -> bool:
    """Whether a person still works for a shop, in a role that acts for it and gets its mails."""
    return user_id in mail_recipients_of([seller_id])[seller_id]


def silenced_mails_of(user_id: int) -> set[str]:
    """Codes of the mails that a person does not want (domain 12.2)."""
    return set(MailSetting.objects.filter(user_id=user_id).values_list("mail", flat=True))


def silenced_by(user_ids: Iterable[int], mails: Iterable[str]) -> set[tuple[int, str]]:
    """Which of these people silenced which of these mails, as pairs of person and code."""
    found = MailSetting.objects.filter(user_id__in=set(user_ids), mail__in=set(mails))
    return set(found.values_list("user_id", "mail"))


def is_throttled(*, email: str, address: str, now: datetime) -> bool:
    """Whether this account or this address failed too often in the last 15 minutes (reliability S-11)."""
    recent = _recent(LoginAttempt.Kind.SIGN_IN, now)
    of_account = recent.filter(email=email)[:FAILURES_PER_ACCOUNT].count()
    of_address = recent.filter(address=address)[:FAILURES_PER_ADDRESS].count()
    return of_account >= FAILURES_PER_ACCOUNT or of_address >= FAILURES_PER_ADDRESS


def account_has_links(email: str, *, now: datetime) -> bool:
    """Whether enough links to a new password were asked for this account in the last 15 minutes."""
    asked = _recent(LoginAttempt.Kind.LINK, now).filter(email=email)
    return asked[:LINKS_PER_ACCOUNT].count() >= LINKS_PER_ACCOUNT


def address_asks_too_often(address: str, *, now: datetime) -> bool:
    """Whether this address asked for too many links in the last 15 minutes, for whatever accounts."""
    asked = _recent(LoginAttempt.Kind.LINK, now).filter(address=address)
    return asked[:LINKS_PER_ADDRESS].count() >= LINKS_PER_ADDRESS


def _recent(kind: LoginAttempt.Kind, now: datetime) -> QuerySet[LoginAttempt]:
    return LoginAttempt.objects.filter(kind=kind, happened_at__gt=now - THROTTLE_WINDOW)


def person_for_link(user_id: int, *, lock: bool) -> User | None:
    """Somebody who may sign in, held until the transaction ends if `lock`."""
    people = User.objects.select_for_update() if lock else User.objects.all()
    return people.filter(pk=user_id, is_active=True).first()


def seller_by_reference(reference: str) -> Seller | None:
    """The shop an operator names by key or by merchant id."""
    by_key = Q(pk=int(reference)) if reference.isdecimal() and len(reference) < 18 else Q(pk=None)
    return Seller.objects.filter(by_key | Q(merchant_id=reference)).first()


def shop_of_key(written: str) -> Seller | None:
    """The shop with this key, as an address has it."""
    is_key = written.isascii() and written.isdigit() and len(written) < 18
    return Seller.objects.filter(pk=int(written)).first() if is_key else None


def seller_by_id(seller_id: int) -> Seller:
    """One shop, for mails to its people."""
    return Seller.objects.get(pk=seller_id)


def lock_seller(seller_id: int) -> None:
    """Hold a shop's row until the transaction ends; it stays open to everything that only refers to it."""
    Seller.objects.select_for_update(no_key=True).get(pk=seller_id)


def shop_names(seller_ids: Iterable[int]) -> dict[int, str]:
    """The names of shops, by key."""
    return dict(Seller.objects.filter(pk__in=list(seller_ids)).values_list("pk", "name"))


def everybody() -> QuerySet[User]:
    """All people, for a form that finds one by address."""
    return User.objects.all()


def all_shops() -> QuerySet[Seller]:
    """All shops, for a form that finds one by its id."""
    return Seller.objects.all()


def sellers() -> list[Seller]:
    """All shops by name, for an operator's choice."""
    return list(Seller.objects.order_by("name"))


def people_by_name(term: str) -> QuerySet[User]:
    """People whose name begins like this, in any case (index `people_by_name_prefix`)."""
    return User.objects.alias(lower_name=Lower("name")).filter(lower_name__startswith=term.lower())


def people_named(term: str, *, limit: int) -> list[int]:
    """Keys of the people an operator means: the one of an e-mail address, else those whose name begins like this."""
    found = User.objects.filter(email=term.lower()) if "@" in term else people_by_name(term)
    return list(found.values_list("pk", flat=True)[:limit])


def shops_named(term: str, *, limit: int) -> list[int]:
    """Keys of the shops an operator means: by seller id, or by how their name begins."""
    found = Seller.objects.filter(Q(merchant_id=term.upper()) | Q(name__istartswith=term)).order_by("name")
    return list(found.values_list("pk", flat=True)[:limit])


def hold_roles() -> None:
    """Let one transaction at a time give or take roles and suspend people, until it ends.

    Whoever must leave a shop its last OWNER, and the portal its last administrator, then counts all of them
    (reliability S-54). To be called before anything is read that the change depends on.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('accounts.roles'))")


def owners_of(seller_ids: Iterable[int]) -> dict[int, set[int]]:
    """Per shop that has one, the keys of its OWNERs who can sign in."""
    owners = Membership.objects.filter(role=Membership.Role.OWNER, user__is_active=True)
    found: dict[int, set[int]] = defaultdict(set)
    for seller_id, user_id in owners.filter(seller_id__in=set(seller_ids)).values_list("seller_id", "user_id"):
        found[seller_id].add(user_id)
    return found


def is_last_owner(user_id: int) -> bool:
    """Whether some shop would have no OWNER without this person."""
    shops = Membership.objects.filter(user_id=user_id, role=Membership.Role.OWNER).values_list(
        "seller_id", flat=True
    )
    return any(owners == {user_id} for owners in owners_of(shops).values())


def has_role(*, user_id: int, seller_id: int) -> bool:
    """Whether somebody has a role in a shop."""
    return Membership.objects.filter(user_id=user_id, seller_id=seller_id).exists()


def admins() -> set[int]:
    """Keys of all operators who may do everything."""
    found = User.objects.filter(operator_role=User.OperatorRole.ADMIN, is_staff=True, is_active=True)
    return set(found.values_list("pk", flat=True))


# --- registered developers ----------------------------------------------------------------------------------


# Registrations and sets of keys on a page of theirs.
APPLICATIONS_SHOWN, KEYS_SHOWN = 50, 20


def applications_of_shop(seller_id: int, *, now: datetime) -> list[Application]:
    """The shop's latest registered developers with the keys that are good (index `applications_of_seller`)."""
    keys = Prefetch("credentials", good_credentials(now=now).order_by("-pk"))
    found = Application.objects.filter(seller_id=seller_id).select_related("registered_by")
    return list(found.prefetch_related(keys).order_by("-pk")[:APPLICATIONS_SHOWN])


def application_of_shop(seller_id: int, application_id: int) -> Application | None:
    """One registered developer of the shop; None for unknown and for another shop's."""
    found = Application.objects.filter(seller_id=seller_id, pk=application_id)
    return found.select_related("seller", "registered_by").first()


def approved_application(seller_id: int, client_id: str) -> Application | None:
    """The shop's approved software of this client ID; None for any other."""
    if "\x00" in client_id:
        return None
    found = Application.objects.filter(seller_id=seller_id, client_id=client_id, state=Application.State.APPROVED)
    return found.select_related("seller").first()


def applications_to_decide() -> QuerySet[Application]:
    """Registrations that wait for an operator, the longest first (index `applications_to_decide`)."""
    return Application.objects.filter(state=Application.State.PENDING).order_by("pk")


def latest_credentials(application: Application) -> list[Credential]:
    """The latest sets of keys of an application, good or not (index `credentials_of_application`)."""
    return list(application.credentials.select_related("issued_by").order_by("-pk")[:KEYS_SHOWN])


def credential_of(application: Application, credential_id: int) -> Credential | None:
    """One set of an application's keys."""
    return application.credentials.filter(pk=credential_id).first()


def live_credentials(application: Application, *, now: datetime) -> QuerySet[Credential]:
    """The sets of an application's keys that are good at a moment."""
    return good_credentials(now=now).filter(application=application)


def present_credential(application: Application, *, now: datetime) -> Credential | None:
    """The latest set of an application's keys that is good, but for one that waits for its software."""
    waiting = F("issued_at") + CODE_GOOD_FOR
    return live_credentials(application, now=now).exclude(expires_at=waiting).order_by("-pk").first()


def good_credentials(*, now: datetime) -> QuerySet[Credential]:
    """All sets of keys that are good at a moment."""
    return Credential.objects.filter(revoked_at=None, expires_at__gt=now)
