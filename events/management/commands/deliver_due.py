"""`manage.py deliver_due`: drain the outbox once, by hand."""

from django.core.management.base import BaseCommand

from events import tasks


class Command(BaseCommand):
    """Deliver all that is due now."""

    help = "Deliver everything in the outbox that is due now."

    def handle(self, *args, **options) -> None:
        self.stdout.write(f"{tasks.deliver_due()} deliveries")
