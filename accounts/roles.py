"""Roles in a shop, changed by its OWNER; each change stands in the audit log."""

from datetime import datetime

from django.db import transaction

from events.actions import audit

from .actors import Actor
from .models import Membership
from .queries import hold_roles


def audited_role(membership: Membership) -> str:
    """How the audit log names a role: by person and shop."""
    return f"role {membership.user.email} {membership.seller.merchant_id}"


def change_role(
    *, seller_id: int, user_id: int, role: str, by: Actor, now: datetime, address: str | None = None
) -> bool:
    """Give a colleague another role in the shop, or none, and note it; False if there is nothing to change.

    OWNERs keep theirs, whoever asks: so no shop loses its last one here (reliability S-54). Takes effect with the
    person's next request, since a role is read for each.
    """
    with transaction.atomic():
        hold_roles()
        rows = Membership.objects.select_for_update(of=("self",)).select_related("seller", "user")
        membership = rows.filter(seller_id=seller_id, user_id=user_id).first()
        if membership is None or membership.is_owner or membership.role == role:
            return False
        audit(
            act="shop.role_changed",
            by=by,
            now=now,
            subject=membership.seller.merchant_id,
            before={audited_role(membership): membership.role},
            after={audited_role(membership): role},
            address=address,
        )
        if role:
            Membership.objects.filter(pk=membership.pk).update(role=role)
        else:
            membership.delete()
        return True
