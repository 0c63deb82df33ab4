"""The second factor: a code from an app, or a recovery code (reliability S-13).

django-otp checks the codes by a clock of its own: each is good once, and after wrong ones the person waits, longer
each time up to a bound. Recovery codes are kept as hashes only; they are long and random, so a plain hash gives
nothing away.
"""

import hashlib
import secrets
from base64 import b32encode
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex

from events.actions import audit

from .actors import Actor
from .models import Membership, RecoveryCode, User

RECOVERY_CODES = 10
# The wait doubles with each wrong code, from one second; after so many it stays at 2 ** 9 seconds, under nine minutes.
DOUBLINGS = 10
# 16 letters of these 32 are 80 bits; none of them is taken for another.
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class TooManyCodes(Exception):
    """Wrong codes were sent; the person waits a little before the next is looked at."""


def must_prove(user: User) -> bool:
    """Whether more than a password is asked of this person: of operators, OWNERs and whoever set a device up.

    Never in demo mode. A session's person was read together with the answer; about anybody else it is asked here.
    """
    if settings.DEMO:
        return False
    if user.is_staff or user.operator_role:
        return True
    if not hasattr(user, "owes_second_factor"):
        user = person_with_duty(user.pk) or user
    return bool(getattr(user, "owes_second_factor", True))


def person_with_duty(user_id: int) -> User | None:
    """The person with `owes_second_factor`: whether they own a shop or set a device up. One statement."""
    owns = Membership.objects.filter(user=OuterRef("pk"), role=Membership.Role.OWNER)
    devices = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
    people = User.objects.annotate(owes_second_factor=Q(Exists(owns)) | Q(Exists(devices)))
    return people.filter(pk=user_id).first()


def is_set_up(user_id: int) -> bool:
    """Whether this person confirmed a device."""
    return TOTPDevice.objects.filter(user_id=user_id, confirmed=True).exists()


def new_device(user: User, key: str = "") -> TOTPDevice:
    """A device that is not kept yet, with a new key or the one its person is about to take over."""
    return TOTPDevice(user=user, name=user.email[:64], key=key or random_hex(20))


def key_of(device: TOTPDevice) -> str:
    """The device's key as people type it: capital letters and digits in groups of four."""
    key = b32encode(device.bin_key).decode()
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))


def confirm(
    device: TOTPDevice, code: str, *, by: Actor, now: datetime, address: str | None = None
) -> list[str] | None:
    """Keep a new device if the code is its own; return the person's recovery codes, None for a wrong code.

    The code is used up by it. None, too, for a person who set up another device meanwhile.
    """
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = now.timestamp()
    letters = _letters_of(code)
    if not (letters.isascii() and letters.isdigit() and totp.verify(int(letters), device.tolerance)):
        return None
    with transaction.atomic():
        person = User.objects.select_for_update().get(pk=device.user_id)
        if is_set_up(person.pk):
            return None
        device.drift, device.last_t, device.confirmed = totp.drift, totp.t(), True
        device.save(force_insert=True)
        audit(act="person.second_factor_set_up", by=by, now=now, subject=person.email[:100], address=address)
        return _new_recovery_codes(person)


def prove(user: User, code: str, *, now: datetime) -> TOTPDevice | None:
    """The device this person has proved to hold, by its code or by a recovery code; None for a wrong code.

    Either is good once. Recovery codes are too long to be guessed: they make nobody wait, and nobody who waits is
    kept from them (reliability S-11). Raises TooManyCodes while the person has to wait.
    """
    with transaction.atomic():
        device = _lock_device(user)
        if device is None:
            return None
        letters = _letters_of(code)
        if len(letters) <= device.digits:
            return device if _is_right(device, letters) else None
        used = RecoveryCode.objects.filter(user=user, code_hash=_hash(letters), used_at=None).update(used_at=now)
        if not used:
            return None
        device.throttle_reset()
        return device


def renew_recovery_codes(
    user: User, code: str, *, by: Actor, now: datetime, address: str | None = None
) -> list[str] | None:
    """New recovery codes in place of the old ones, for a code of the app; None for a wrong code.

    Raises TooManyCodes while the person has to wait.
    """
    with transaction.atomic():
        device = _lock_device(user)
        if device is None or not _is_right(device, code):
            return None
        audit(act="person.recovery_codes_renewed", by=by, now=now, subject=user.email[:100], address=address)
        return _new_recovery_codes(user)


def recovery_codes_left(user_id: int) -> int:
    """How many recovery codes are not used yet."""
    return RecoveryCode.objects.filter(user_id=user_id, used_at=None).count()


def reset(user: User, *, reason: str, by: Actor, now: datetime, address: str | None = None) -> bool:
    """Take device and recovery codes away; the person sets up new ones before anything else. False without any.

    Sessions that this device opened are asked again at once.
    """
    with transaction.atomic():
        devices, _ = TOTPDevice.objects.filter(user=user).delete()
        codes, _ = RecoveryCode.objects.filter(user=user).delete()
        if not devices and not codes:
            return False
        audit(
            act="accounts.user.second_factor_reset",
            by=by,
            now=now,
            subject=user.email[:100],
            reason=reason,
            address=address,
        )
        return True


def _lock_device(user: User) -> TOTPDevice | None:
    device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True).order_by("pk").first()
    if device is not None:
        device.throttling_failure_count = min(device.throttling_failure_count, DOUBLINGS)
    return device


def _is_right(device: TOTPDevice, code: str) -> bool:
    _may_try(device)
    letters = _letters_of(code)
    return bool(device.verify_token(letters if letters.isascii() and letters.isdigit() else "-"))


def _may_try(device: TOTPDevice) -> None:
    allowed, _ = device.verify_is_allowed()
    if not allowed:
        raise TooManyCodes


def _letters_of(code: str) -> str:
    """The code without the blanks and hyphens that people write in it."""
    return "".join(code.split()).replace("-", "").upper()


def _hash(letters: str) -> str:
    return hashlib.sha256(letters.encode()).hexdigest()


def _new_recovery_codes(user: User) -> list[str]:
    """Ten new codes, shown this one time; the old ones are good no longer."""
    codes = ["".join(secrets.choice(LETTERS) for _ in range(16)) for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create([RecoveryCode(user=user, code_hash=_hash(code)) for code in codes])
    return ["-".join(code[start : start + 4] for start in range(0, 16, 4)) for code in codes]
