"""Payment providers, one file each. PAYMENT_PROVIDER chooses who is asked for new orders; others keep their own."""

from functools import cache

from django.conf import settings

from .base import Provider
from .test import TestProvider

TEST = "test"
STRIPE = "stripe"
# Orders taken over from another system: money is booked, nobody is called (domain 3.4).
NONE = "none"


def chosen() -> str:
    """The name of the provider that is asked for the money of new orders."""
    return settings.PAYMENT_PROVIDER


@cache
def provider(name: str) -> Provider:
    """The provider of this name.

    Raises KeyError for a name without one, or one that is not set up here.
    """
    if name == TEST:
        return TestProvider()
    if name == STRIPE and settings.STRIPE_SECRET_KEY:
        # Imported where it is needed: it costs as much as the rest of the room.
        from .stripe import StripeProvider

        return StripeProvider(
            secret_key=settings.STRIPE_SECRET_KEY,
            webhook_secret=settings.STRIPE_WEBHOOK_SECRET,
            address=settings.STRIPE_ADDRESS,
        )
    raise KeyError(name)
