"""Every text is marked and has its English; nothing people read is Japanese in every language, or glued from pieces."""

import re

import polib
import pytest

from sellercentral.bootstrap import ROOT
from tests.house import spoken

# Sample wares and people, names that are data, and what recognises Japanese in files.
DATA = (
    "accounts/management/commands/create_demo_data.py",
    "orders/demo/",
    "messaging/rules.py",
    "orders/files/encoding.py",
    "orders/places.py",
    "feeds/parsers/",
    "spapi/shapes.py",
    "sellercentral/management/commands/portal.py",
    "sellercentral/settings.py",
)
# A language is called by its own name; test orders are sample data; signs that set a mail's subject apart, or mask;
# the word that people type after an amount.
ALLOWED = re.compile(
    r"日本語|【|】|（|＊+|円|ステンレス製じょうろ 1\.2L 細口|素焼き鉢 5号（受け皿つき）"
    r"|ハーブ栽培キット（.+）木製プランターつき|バジルの種 200粒|東京都|渋谷区|見本 4-5-6"
)


def _where(path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def english() -> set[str]:
    catalogue = polib.pofile(str(ROOT / "locale/en/LC_MESSAGES/django.po"))
    return {entry.msgid for entry in catalogue.translated_entries()}


def test_every_text_of_templates_has_its_english(english):
    missing = [
        f"{_where(path)}: {text}"
        for path in spoken.templates()
        for text in sorted(spoken.texts_of_template(path) - english)
    ]
    assert missing == []


def test_every_text_of_modules_has_its_english(english):
    missing = [
        f"{_where(path)}: {text}"
        for path in spoken.modules()
        for text in sorted(spoken.texts_of_module(path) - english)
        if spoken.JAPANESE.search(text)
    ]
    assert missing == []


def test_no_english_is_kept_for_what_nothing_says(english):
    said = {text for path in spoken.templates() for text in spoken.texts_of_template(path)}
    said |= {text for path in spoken.modules() for text in spoken.texts_of_module(path)}
    assert english - said == set()


def test_no_template_writes_japanese_in_every_language():
    stray = [
        f"{_where(path)}: {text}" for path in spoken.templates() for text in spoken.unmarked_in_template(path)
    ]
    assert [line for line in stray if not re.search(r"<button[^>]* lang=\"ja\"[^>]*>日本語</button>", line)] == []


def test_no_module_writes_japanese_in_every_language():
    stray = [
        f"{_where(path)}: {text}"
        for path in spoken.modules()
        if not _where(path).startswith(DATA)
        for text in spoken.unmarked_in_module(path)
        if not ALLOWED.fullmatch(text)
    ]
    assert stray == []


def test_no_script_speaks_for_itself():
    """Words of scripts come from the page, in its language; comments are for us."""
    for path in (ROOT / "static").rglob("*.js"):
        assert spoken.JAPANESE.search(path.read_text(encoding="utf-8")) is None, path.name


def test_no_sentence_is_glued_from_pieces():
    glued = [
        f"{_where(path)}: {piece}" for path in spoken.templates() for piece in spoken.pieces_in_template(path)
    ]
    glued += [f"{_where(path)}: {piece}" for path in spoken.modules() for piece in spoken.pieces_in_module(path)]
    assert glued == []


@pytest.mark.parametrize(
    ("source", "pieces"),
    [
        ('{% translate "合計" %} {{ n }} {% translate "点" %}', 2),
        ('{{ n }}{% translate "件未対応" %}', 1),
        ('{% if a %}{% translate "注文" %}{% endif %}{% translate "を見る" %}', 1),
        ('{% blocktranslate with n=n %}{{ n }}点{% endblocktranslate %}', 0),
        ('{% translate "理由：" %}{{ reason }}', 0),
        ('{% translate "届きました。" %} {% translate "確認してください。" %}', 0),
        ('<dt>{% translate "理由" %}</dt><dd>{{ reason }}</dd>', 0),
        ('{% translate "注文の詳細" %} {{ order.number }}', 0),
    ],
)  # fmt: skip
def test_the_search_for_pieces_finds_them(tmp_path, source, pieces):
    page = tmp_path / "page.html"
    page.write_text(source, encoding="utf-8")
    assert len(spoken.pieces_in_template(page)) == pieces


@pytest.mark.parametrize(
    "source",
    ['_("注文") + number', 'f"{_(x)}件"', '_(f"{n}件")', '_("合計" + n)', '" ".join([_("合計"), n])'],
)
def test_the_search_for_pieces_reads_python_too(tmp_path, source):
    module = tmp_path / "module.py"
    module.write_text(source, encoding="utf-8")
    assert spoken.pieces_in_module(module)
