"""Writes about people and shops: signing in, making people and shops, and finding the buyers a file names."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.contrib.auth import authenticate
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from .models import LoginAttempt, MailSetting, Membership, Seller, User
from .queries import is_throttled


class SignInThrottled(Exception):
    """Too many failures for this account or this address; try again in 15 minutes."""


def sign_in(*, request, email: str, password: str, address: str, now: datetime) -> User | None:
    """Check a password and return the person, or None if address or password is wrong.

    Failures are kept in the database, so that throttling outlives Redis (reliability M9).

    Raises SignInThrottled while an account or an address has failed too often.
    """
    email = email.strip().lower()
    if is_throttled(email=email, address=address, now=now):
        raise SignInThrottled
    user = authenticate(request, username=email, password=password)
    if user is None:
        LoginAttempt.objects.create(email=email[:254], address=address, happened_at=now)
        return None
    LoginAttempt.objects.filter(email=email).delete()
    return user


def knows_password(*, user: User | AnonymousUser, password: str, address: str, now: datetime) -> bool:
    """Whether this is the person's own password, asked again before what reaches far (reliability S-16).

    Whoever sits at somebody's open session guesses no more often than at the door: failures count as failed
    sign-ins of the account.

    Raises SignInThrottled while the account or the address has failed too often.
    """
    if not user.is_authenticated or not password:
        return False
    if is_throttled(email=user.email, address=address, now=now):
        raise SignInThrottled
    if check_password(password, user.password):
        return True
    LoginAttempt.objects.create(email=user.email, address=address, happened_at=now)
    return False


def set_language(*, user: User, language: str) -> None:
    """Keep the language a person chose."""
    User.objects.filter(pk=user.pk).update(language=language)


def set_preferences(
    *, user_id: int, language: str, look: str, refuses_unimportant_messages: bool | None = None
) -> None:
    """Keep language and look, and whether a buyer refuses unimportant messages; None leaves that as it is."""
    chosen: dict[str, str | bool] = {"language": language, "look": look}
    if refuses_unimportant_messages is not None:
        chosen["refuses_unimportant_messages"] = refuses_unimportant_messages
    User.objects.filter(pk=user_id).update(**chosen)


def silence_mails(*, user_id: int, mails: Collection[str], now: datetime) -> None:
    """Let a person get all mails but these (domain 12.2).

    Raises IntegrityError for a mail that nobody may silence.
    """
    with transaction.atomic():
        MailSetting.objects.filter(user_id=user_id).exclude(mail__in=mails).delete()
        MailSetting.objects.bulk_create(
            [MailSetting(user_id=user_id, mail=mail, silenced_at=now) for mail in sorted(mails)],
            ignore_conflicts=True,
        )


def buyers_for(names_by_email: Mapping[str, str]) -> dict[str, int]:
    """Find or make the buyers an order file names; return their keys by lower-cased address.

    People made here have no usable password: they own their orders, but nobody can sign in as them
    until they set one.
    """
    wanted = {email.strip().lower(): name for email, name in names_by_email.items() if email.strip()}
    known = dict(User.objects.filter(email__in=wanted).values_list("email", "pk"))
    missing = [
        User(email=email, name=name or email, password=make_password(None))
        for email, name in wanted.items()
        if email not in known
    ]
    if missing:
        User.objects.bulk_create(missing, ignore_conflicts=True)
        known |= dict(User.objects.filter(email__in=[user.email for user in missing]).values_list("email", "pk"))
    return known


def enrol(*, email: str, name: str, password: str) -> User:
    """Make a person who signs in with this password."""
    return User.objects.create_user(email, password, name=name)


def enrol_operator(*, email: str, name: str, password: str) -> User:
    """Make an operator who may do everything in the admin."""
    return User.objects.create_superuser(email, password, name=name)


def open_shop(*, name: str, merchant_id: str) -> Seller:
    """Make a shop; people join it by `give_role`."""
    return Seller.objects.create(name=name, merchant_id=merchant_id)


def give_role(*, seller: Seller, user: User, role: str) -> Membership:
    """Let a person act for a shop, or only look."""
    return Membership.objects.create(seller=seller, user=user, role=role)
