"""`manage.py reseal_keys`: seal developers' secret keys under the present SECRET_KEY, so that a former one may go."""

from django.core.management.base import BaseCommand

from accounts.developers import reseal


class Command(BaseCommand):
    """Run it after SECRET_KEY was replaced, while the former one stands in SECRET_KEY_FALLBACKS; again is harmless."""

    help = "Seal developers' secret keys anew, under the present SECRET_KEY."

    def handle(self, *args, **options) -> None:
        sealed, lost = reseal()
        self.stdout.write(f"Sealed anew: {sealed}. Of a secret that is not known any more: {lost}.")
