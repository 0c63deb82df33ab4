"""Static files as production serves them: named by content, compressed, without what no page uses."""

import json
import re
from pathlib import Path

import pytest
from django.core.management import call_command

from sellercentral.bootstrap import ROOT


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    from django.test import override_settings

    folder = tmp_path_factory.mktemp("static")
    storage = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
    with override_settings(STATIC_ROOT=folder, STORAGES=storage):
        call_command("collectstatic", interactive=False, verbosity=0)
    return folder


def test_files_are_named_by_content_and_compressed(collected):
    names = json.loads((collected / "staticfiles.json").read_text())["paths"]
    for name in ("portal/portal.css", "css/bootstrap.min.css", "django_htmx/htmx-2.min.js"):
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", names[name])
        assert (collected / f"{names[name]}.gz").exists()


def test_what_no_page_uses_is_left_out(collected):
    names = {path.name for path in collected.rglob("*")}
    assert not {"bootstrap.css", "bootstrap-grid.min.css", "bootstrap.rtl.min.css", "htmx-2.js"} & names


def test_every_file_that_a_template_names_is_there(collected):
    named = set()
    for template in (ROOT / "templates").rglob("*.html"):
        named |= set(re.findall(r"""{%\s*static\s+['"]([^'"]+)['"]""", template.read_text(encoding="utf-8")))
    assert named
    assert sorted(name for name in named if not Path(collected, name).exists()) == []
