"""`manage.py cancel_overdue`: the automatic cancellation by hand, for tests and rehearsal."""

import json
from argparse import ArgumentParser
from datetime import datetime

from django.core.management.base import BaseCommand, CommandError

from cancellations import actions, queries
from orders import queries as order_queries
from orders.models import Order

# How many orders a rehearsal names; all are counted.
NAMED = 20


class Command(BaseCommand):
    """Cancel overdue orders now, or at another moment, or only say which."""

    help = "Cancel orders whose shipment was not confirmed within the days after their ship-by date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--now", help="moment to act at, ISO 8601 with offset (default: the database's clock)")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be cancelled")
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args, **options) -> None:
        now = _moment(options["now"]) if options["now"] else queries.database_now()
        if options["dry_run"]:
            self._rehearse(now, as_json=options["json"])
            return
        run = actions.run_sweep(now=now)
        answer = {"now": now.isoformat(), "dry_run": False, "cancelled": run.cancelled, "failed": run.failed}
        self.stdout.write(
            json.dumps(answer) if options["json"] else f"{run.cancelled} cancelled, {run.failed} failed"
        )

    def _rehearse(self, now: datetime, *, as_json: bool) -> None:
        count = order_queries.count_overdue(now)
        named: list[Order] = list(order_queries.overdue(now)[:NAMED])
        if as_json:
            orders = [{"number": order.number, "due_at": _due(order)} for order in named]
            answer = {"now": now.isoformat(), "dry_run": True, "would_cancel": count, "orders": orders}
            self.stdout.write(json.dumps(answer))
            return
        for order in named:
            self.stdout.write(f"{order.number}  due {_due(order)}")
        self.stdout.write(f"{count} would be cancelled")


def _due(order: Order) -> str:
    return order.auto_cancel_due_at.isoformat() if order.auto_cancel_due_at else ""


def _moment(text: str) -> datetime:
    """Read an aware moment.

    Raises CommandError for anything else: a moment without an offset would mean another one elsewhere.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--now {text!r} is not ISO 8601, for example 2026-07-09T00:00:00+09:00") from error
    if moment.tzinfo is None:
        raise CommandError(f"--now {text!r} needs an offset, for example 2026-07-09T00:00:00+09:00")
    return moment
