"""`manage.py deliver_due`: drain the outbox once, by hand."""

from django.core.management.base import BaseCommand
from django.utils import timezone

from events import actions
from events.tasks import BATCH
from spapi.pushing import push_due


class Command(BaseCommand):
    """Deliver all that is due now."""

    help = "Deliver everything in the outbox that is due now."

    def handle(self, *args, **options) -> None:
        total = 0
        while claimed := actions.deliver_due(clock=timezone.now, limit=BATCH):
            total += claimed
        while tried := push_due(clock=timezone.now):
            total += tried
        self.stdout.write(f"{total} deliveries")
