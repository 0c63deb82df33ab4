"""Turns the catalogues of translations into the form that Django reads.

GNU gettext does the same with `compilemessages`; a fresh machine has no gettext.
"""

import os
from pathlib import Path

import polib
from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """`python3 manage.py compile_catalogues`."""

    help = "Compiles locale/*/LC_MESSAGES/*.po where it has changed. Needs no gettext."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        """Compile and say what was done."""
        done = compile_catalogues(settings.LOCALE_PATHS)
        self.stdout.write(f"{len(done)} compiled")


def compile_catalogues(folders: list[Path]) -> list[Path]:
    """Compile each .po that is newer than its .mo; return the files written."""
    done = []
    for source in sorted(po for folder in folders for po in Path(folder).glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        # Whoever reads the catalogue meanwhile sees the old one or the new one.
        made = target.with_suffix(f".mo.{os.getpid()}")
        polib.pofile(str(source)).save_as_mofile(str(made))
        made.replace(target)
        done.append(target)
    return done
