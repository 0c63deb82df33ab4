"""`manage.py import_orders FILE --seller ID`: takes over an order report made by another system."""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import TextIO

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.actors import Actor, Door, Role
from accounts.queries import seller_by_reference, sellers
from orders import import_records as records
from orders import imports
from orders.files import ENCODINGS
from orders.models import Import, ImportLine
from orders.wording import file_sentence, line_sentence

BY = Actor(Role.SYSTEM, Door.COMMAND)


class Command(BaseCommand):
    """Place the orders of a file, or bring known ones up to date; answer for every line."""

    help = "Load an order report. Running it twice changes nothing. Exit status 1 if a line was refused."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", metavar="FILE", help="tab-separated report: unshipped, actionable or all orders"
        )
        parser.add_argument("--seller", required=True, metavar="ID", help="the shop's key or its merchant id")
        parser.add_argument("--encoding", choices=ENCODINGS, default="auto", help="default: found out")
        parser.add_argument(
            "--progress", action="store_true", help="show progress even if nobody watches a terminal"
        )

    def handle(self, *args, **options) -> None:
        seller = seller_by_reference(options["seller"])
        if seller is None:
            known = ", ".join(f"{seller.pk} {seller.merchant_id}" for seller in sellers()[:20])
            raise CommandError(f"There is no seller {options['seller']!r}. Known: {known or 'none'}")
        path = Path(options["file"])
        bar = ProgressBar(sys.stderr if options["progress"] or sys.stderr.isatty() else None)
        began = time.monotonic()
        try:
            with path.open("rb") as content:
                if not content.seekable():
                    raise CommandError(f"{path} cannot be read twice; save it as a file first.")
                opened = records.open_import(seller=seller, file_name=path.name, by=BY, now=timezone.now())
                done = imports.run_import(
                    import_id=opened.pk,
                    content=content,
                    clock=timezone.now,
                    encoding=options["encoding"],
                    progress=bar.show,
                )
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        finally:
            bar.clear()
        self._answer(done, seconds=time.monotonic() - began)

    def _answer(self, done: Import, *, seconds: float) -> None:
        if done.state == Import.State.FATAL:
            why = file_sentence(done.error_code, done.error_facts)
            raise CommandError(f"{done.file_name}: {done.error_code}: {why}")
        self.stdout.write(f"Layout     {done.layout}, {done.encoding}")
        self.stdout.write(f"Lines      {done.lines_read} read, {done.lines_refused} refused")
        self.stdout.write(
            f"Orders     {done.orders_created} created, {done.orders_updated} updated, "
            f"{done.orders_unchanged} unchanged"
        )
        self.stdout.write(f"Time       {seconds:.1f} s")
        codes: dict[str, None] = {}
        for line in done.lines.all():
            word = "refused" if line.result == ImportLine.Result.ERROR else "warning"
            parts = [f"line {line.line_number}", word, line.order_number, line.code, line.detail]
            self.stdout.write("  ".join(part for part in parts if part))
            codes[line.code] = None
        for code in codes:
            self.stdout.write(f"{code}: {line_sentence(code)}")
        if done.lines_refused:
            raise CommandError(f"{done.lines_refused} of {done.lines_read} lines were refused.")


class ProgressBar:
    """One line of a terminal, rewritten a few times a second."""

    WIDTH = 32

    def __init__(self, terminal: TextIO | None) -> None:
        self.terminal = terminal
        self.shown_at = 0.0

    def show(self, done: int, total: int) -> None:
        """Draw how far it is; without a total yet, how many lines were read so far."""
        if self.terminal is None or (time.monotonic() - self.shown_at < 0.2 and done != total):
            return
        self.shown_at = time.monotonic()
        if total:
            filled = self.WIDTH * done // total
            bar = "█" * filled + "░" * (self.WIDTH - filled)
            text = f"{bar} {100 * done // total:3d} %  {done:,} / {total:,} lines"
        else:
            text = f"{done:,} lines read"
        self._write(f"\r{text}\x1b[K")

    def clear(self) -> None:
        """Leave no trace of the bar."""
        if self.shown_at:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        if self.terminal:
            self.terminal.write(text)
            self.terminal.flush()
