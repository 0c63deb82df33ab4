"""`manage.py reseal_keys`: seal secrets anew under the present SECRET_KEY, so that a former one may go."""

from django.core.management.base import BaseCommand

from accounts import developers
from spapi import actions as notifications


class Command(BaseCommand):
    """Run it after SECRET_KEY was replaced, while the former one stands in SECRET_KEY_FALLBACKS; again is harmless."""

    help = "Seal secrets of developers and webhooks anew, under the present SECRET_KEY."

    def handle(self, *args, **options) -> None:
        sealed, lost = map(sum, zip(developers.reseal(), notifications.reseal(), strict=True))
        self.stdout.write(f"Sealed anew: {sealed}. Of a secret that is not known any more: {lost}.")
