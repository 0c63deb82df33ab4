"""What every page knows: the names of marketplace and portal, and who is looking."""

from uuid import uuid4

from django.conf import settings
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from accounts.queries import membership_of
from messaging.queries import unread_of_buyer, unread_of_seller
from metrics.queries import rate_shown
from orders.lists import open_requests_count


def portal(request):
    """Give templates the operator's names, the person's look, and a fresh key for each form shown."""
    user = getattr(request, "user", None)
    membership = SimpleLazyObject(lambda: getattr(request, "membership", None) or membership_of(user))
    is_buyers = request.path.startswith("/account/")
    return {
        "brand_name": str(settings.BRAND_NAME),
        "portal_name": str(settings.PORTAL_NAME),
        # What pages outside any frame, as those for trouble, are called by.
        "place_name": _("アカウントサービス") if is_buyers else str(settings.PORTAL_NAME),
        "is_demo": settings.DEMO,
        "look": getattr(user, "look", "auto"),
        "membership": membership,
        "waiting": SimpleLazyObject(lambda: open_requests_count(membership.seller_id)),
        # Help is read by both: the menu there is that of whoever reads.
        "unread": SimpleLazyObject(
            lambda: (
                unread_of_buyer(request.user.pk)
                if is_buyers or not membership
                else unread_of_seller(membership.seller_id)
            )
        ),
        # Pages that count it with something else give their own.
        "rate": SimpleLazyObject(lambda: rate_shown(membership.seller_id, timezone.now())),
        "act_key": uuid4().hex,
    }
