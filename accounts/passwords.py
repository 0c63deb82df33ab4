"""A forgotten password: a link by mail, good once and for half an hour, sets a new one (reliability S-12, S-17)."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.utils.translation import gettext as _

from events.actions import Entry, audit, record

from .actions import SignInThrottled
from .actors import Actor, Door, Role
from .models import LoginAttempt, User
from .queries import account_has_links, address_asks_too_often, person_for_link

NOBODY = Actor(Role.SYSTEM, Door.PAGE)
GOOD_FOR = timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


class LongestPassword:
    """Refuses passwords that the field for signing in would cut, and those of blanks alone (reliability S-10)."""

    LONGEST = 128

    def validate(self, password: str, user: object = None) -> None:
        """Raises ValidationError if it is too long."""
        if len(password) > self.LONGEST:
            raise ValidationError(self.get_help_text(), code="password_too_long")
        if not password.strip():
            raise ValidationError(_("空白だけのパスワードは設定できません。"), code="password_blank")

    def get_help_text(self) -> str:
        """What the form says beforehand."""
        return _("パスワードは%(longest)d文字以内で設定してください。") % {"longest": self.LONGEST}


class _Tokens(PasswordResetTokenGenerator):
    """Django's own, by the moment that the door has read."""

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.now = now

    def _now(self) -> datetime:
        return self.now.astimezone(UTC).replace(tzinfo=None)


def ask_for_link(*, email: str, address: str, now: datetime) -> None:
    """Have a link sent to the person of an e-mail address.

    Whether there is one, is not to be seen: the same rows are written, and the mail is written later
    (docs/decisions/0009). Who asks again and again for one account gets the same answer and no more mail.

    Raises SignInThrottled while too much came from the asker's own address (reliability S-11).
    """
    email = email.strip().lower()
    if address_asks_too_often(address, now=now):
        raise SignInThrottled
    if account_has_links(email, now=now):
        return
    with transaction.atomic():
        LoginAttempt.objects.create(
            kind=LoginAttempt.Kind.LINK, email=email[:254], address=address, happened_at=now
        )
        person = User.objects.filter(email=email, is_active=True).first()
        entry = Entry("person.password_forgotten", person_id=person.pk if person else None)
        record([entry], by=NOBODY, now=now)


def link_for(person: User, *, now: datetime) -> str:
    """The last part of the link's address; it ends with the next password, or the next time the person signs in."""
    return f"{urlsafe_base64_encode(force_bytes(person.pk))}.{_Tokens(now).make_token(person)}"


def person_of_link(link: str, *, now: datetime, lock: bool = False) -> User | None:
    """Whose link this is; None if it was used, is too old, was altered, or its person may not sign in.

    With `lock` the person is held until the transaction ends, and the link is looked at under that lock.
    """
    key, _dot, token = link.partition(".")
    try:
        person = person_for_link(int(urlsafe_base64_decode(key)), lock=lock)
    except ValueError:
        return None
    return person if person is not None and _Tokens(now).check_token(person, token) else None


def set_new_password(*, link: str, password: str, address: str, now: datetime) -> bool:
    """Set a person's new password; False if the link is used up. All sessions of the person end with it.

    Failed tries to sign in are forgotten: whoever reads the person's mail is no guesser.
    """
    with transaction.atomic():
        person = person_of_link(link, now=now, lock=True)
        if person is None:
            return False
        person.set_password(password)
        person.save(update_fields=["password"])
        LoginAttempt.objects.filter(email=person.email).delete()
        by = Actor(Role.SYSTEM, Door.PAGE, person.pk, person.name)
        audit(act="person.password_reset", by=by, now=now, subject=person.email[:100], address=address)
    return True
