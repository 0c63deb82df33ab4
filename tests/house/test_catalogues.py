"""Translations: compiled without gettext, complete in English."""

import os

import polib
import pytest
from django.conf import settings

from sellercentral.bootstrap import ROOT
from sellercentral.management.commands.compile_catalogues import compile_catalogues

CATALOGUES = sorted((ROOT / "locale").glob("*/LC_MESSAGES/*.po"))


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "en" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    catalogue = polib.POFile()
    catalogue.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    catalogue.append(polib.POEntry(msgid="注文", msgstr="Order"))
    catalogue.append(polib.POEntry(msgid="返品", msgstr="Return", flags=["fuzzy"]))
    catalogue.save(str(source))
    return tmp_path


def test_compiles_what_changed_and_nothing_else(folder):
    (compiled,) = compile_catalogues([folder])
    assert [entry.msgid for entry in polib.mofile(str(compiled))] == ["注文"]
    assert compile_catalogues([folder]) == []

    later = compiled.stat().st_mtime + 10
    os.utime(compiled.with_suffix(".po"), (later, later))
    assert compile_catalogues([folder]) == [compiled]
    assert [path.name for path in sorted(compiled.parent.iterdir())] == ["django.mo", "django.po"]


def test_there_is_a_catalogue_of_each_language():
    languages = {path.parent.parent.name for path in CATALOGUES}
    assert languages == {code for code, _ in settings.LANGUAGES}


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_catalogue_is_complete(path):
    catalogue = polib.pofile(str(path))
    assert [entry.msgid for entry in catalogue.untranslated_entries()] == []
    assert [entry.msgid for entry in catalogue.fuzzy_entries()] == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_translations_keep_the_placeholders(path):
    import re

    placeholder = re.compile(r"%\((\w+)\)0?\d?[sd]|\{(\w+)\}")
    wrong = []
    for entry in polib.pofile(str(path)):
        wanted = sorted(placeholder.findall(entry.msgid))
        for text in [entry.msgstr, *entry.msgstr_plural.values()]:
            if text and set(placeholder.findall(text)) - set(wanted):
                wrong.append(entry.msgid)
            # Django's own words in Japanese may leave out what they would only repeat.
            is_ours = path.parent.parent.name == "en"
            if is_ours and text and not entry.msgid_plural and sorted(placeholder.findall(text)) != wanted:
                wrong.append(entry.msgid)
    assert wrong == []
