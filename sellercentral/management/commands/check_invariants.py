"""`manage.py check_invariants`: prove the books, of all shops or of one, and change nothing."""

import json
import sys
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from accounts.queries import seller_by_reference
from cancellations.queries import database_now
from sellercentral import invariants


class Command(BaseCommand):
    """Ask every invariant; exit 1 if any row offends."""

    help = "Check that orders, units, money, requests, cancellations and history agree. Reads only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take which invariants, which shop, which form of answer."""
        parser.add_argument("--only", action="append", default=[], metavar="INV-nn", help="only this; repeatable")
        parser.add_argument("--seller", metavar="ID", help="only rows of this shop: its number or its merchant id")
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args, **options) -> None:
        """Print one line per invariant, or all as JSON."""
        only = [wanted.upper() for wanted in options["only"]]
        if unknown := sorted(set(only) - set(invariants.BY_ID)):
            raise CommandError(f"no invariant {', '.join(unknown)}; there are {', '.join(invariants.BY_ID)}")
        now = database_now()
        findings = []
        for finding in invariants.check(now=now, only=only, seller_id=_seller_id(options["seller"])):
            findings.append(finding)
            if not options["json"]:
                self._say(finding)
        is_clean = not any(finding.count for finding in findings)
        if options["json"]:
            answer = {"at": now.isoformat(), "clean": is_clean, "invariants": [_plain(one) for one in findings]}
            self.stdout.write(json.dumps(answer, ensure_ascii=False))
        if not is_clean:
            sys.exit(1)

    def _say(self, finding: invariants.Finding) -> None:
        if not finding.count:
            self.stdout.write(f"{finding.id}  0")
            return
        keys = ", ".join(str(key) for key in finding.first)
        more = " …" if finding.count > len(finding.first) else ""
        self.stdout.write(self.style.ERROR(f"{finding.id}  {finding.count}  {finding.rule}  {keys}{more}"))


def _plain(finding: invariants.Finding) -> dict:
    return {"id": finding.id, "rule": finding.rule, "offenders": finding.count, "first": list(finding.first)}


def _seller_id(reference: str | None) -> int | None:
    """The key of the shop that is meant.

    Raises CommandError if there is none: "nothing found" must not be taken for "nothing wrong".
    """
    if reference is None:
        return None
    seller = seller_by_reference(reference)
    if seller is None:
        raise CommandError(f"no shop {reference!r}")
    return seller.pk
