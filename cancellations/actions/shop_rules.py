"""A shop's own rules: a longer direct window for its buyers, and requests approved by themselves (domain 8, 17)."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actors import SHOP_RULES, Actor
from accounts.queries import seller_by_id
from cancellations import policy, queries
from cancellations.models import SellerRules
from cancellations.policy import Refusal
from events.actions import NotYet, audit

from .cancelling import cancel
from .targets import approval_of


def set_shop_rules(
    *, seller_id: int, rules: policy.ShopRules, by: Actor, now: datetime, address: str | None = None
) -> bool:
    """Let a shop's rules hold from now on, for orders already placed too, and note it; False if they did before."""
    with transaction.atomic():
        row, _ = SellerRules.objects.select_for_update().get_or_create(
            seller_id=seller_id, defaults={"changed_at": now}
        )
        before = queries.shop_rules_of([seller_id])[seller_id]
        if before == rules:
            return False
        for name, value in (_plain(rules) | {"max_amount": rules.max_amount}).items():
            setattr(row, name, value)
        row.changed_at = now
        row.save()
        audit(
            act="shop_rules.changed",
            by=by,
            now=now,
            subject=seller_by_id(seller_id).merchant_id,
            before=_plain(before),
            after=_plain(rules),
            address=address,
        )
        return True


def _plain(rules: policy.ShopRules) -> dict[str, Any]:
    """The rules as the audit log keeps them."""
    amount = None if rules.max_amount is None else f"{rules.max_amount:f}"
    return asdict(rules) | {"reasons": sorted(rules.reasons), "max_amount": amount}


def approve_by_rules(*, request_id: int, now: datetime) -> bool:
    """Cancel what an open request asks for, if the shop's rules still let it be approved; True if that was done.

    It is judged as the shop's approval, and never counts (domain 8). Whoever answered first wins: a request that was
    withdrawn, declined or overtaken stays as it is.

    Raises NotYet if the order changed while this looked at it.
    """
    request = queries.request_by_id(request_id)
    shop = queries.shop_rules_of([request.seller_id]).get(request.seller_id, policy.ShopRules())
    asked = queries.asked_for(request.order, request)
    if request.status != policy.RequestStatus.OPEN or not policy.approves_by_itself(shop, asked):
        return False
    (outcome,) = cancel(targets=[approval_of(request)], by=SHOP_RULES, now=now)
    if outcome.code == Refusal.VERSION_CONFLICT:
        raise NotYet("the order changed meanwhile")
    return not outcome.code
