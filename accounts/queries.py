"""Reads of people and shops."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q

from .models import LoginAttempt, Membership, Seller

THROTTLE_WINDOW = timedelta(minutes=15)
FAILURES_PER_ACCOUNT = 5
FAILURES_PER_ADDRESS = 50


def membership_of(user) -> Membership | None:
    """The shop role a signed-in person works under (their first shop), or None for buyers and operators."""
    if not user.is_authenticated:
        return None
    return Membership.objects.filter(user=user).select_related("seller").order_by("pk").first()


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


def is_throttled(*, email: str, address: str, now: datetime) -> bool:
    """Whether this account or this address failed too often in the last 15 minutes (reliability S-11)."""
    recent = LoginAttempt.objects.filter(failed_at__gt=now - THROTTLE_WINDOW)
    of_account = recent.filter(email=email)[:FAILURES_PER_ACCOUNT].count()
    of_address = recent.filter(address=address)[:FAILURES_PER_ADDRESS].count()
    return of_account >= FAILURES_PER_ACCOUNT or of_address >= FAILURES_PER_ADDRESS


def seller_by_reference(reference: str) -> Seller | None:
    """The shop an operator names by key or by merchant id."""
    by_key = Q(pk=int(reference)) if reference.isdecimal() and len(reference) < 18 else Q(pk=None)
    return Seller.objects.filter(by_key | Q(merchant_id=reference)).first()


def sellers() -> list[Seller]:
    """All shops by name, for an operator's choice."""
    return list(Seller.objects.order_by("name"))
