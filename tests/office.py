"""LibreOffice, without a window: spreadsheets as people save them (Debian's libreoffice-calc-nogui)."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

# LibreOffice's own numbers of encodings.
UTF_8, UTF_16, CP932 = "76", "65535", "64"
TAB, COMMA = "9", "44"
_SPACES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in (("office", "office"), ("table", "table"), ("text", "text"))
)


def sheet(rows: Sequence[Sequence[object]]) -> bytes:
    """A spreadsheet of these rows; numbers are numbers, all else is text."""
    lines = "".join(f"<table:table-row>{''.join(_cell(cell) for cell in row)}</table:table-row>" for row in rows)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document {_SPACES} office:version="1.3"'
        ' office:mimetype="application/vnd.oasis.opendocument.spreadsheet"><office:body><office:spreadsheet>'
        f'<table:table table:name="Sheet1">{lines}</table:table>'
        "</office:spreadsheet></office:body></office:document>"
    ).encode()


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
    return f'<table:table-cell office:value-type="string"><text:p>{escape(str(value))}</text:p></table:table-cell>'


def saved_as_text(folder: Path, rows: Sequence[Sequence[object]], *, charset: str = UTF_8, by: str = TAB) -> bytes:
    """These rows, saved as text with this encoding and delimiter."""
    (folder / "sheet.fods").write_bytes(sheet(rows))
    return _converted(folder / "sheet.fods", f"txt:Text - txt - csv (StarCalc):{by},34,{charset},1")


def saved_as(folder: Path, rows: Sequence[Sequence[object]], kind: str) -> bytes:
    """These rows as a spreadsheet of a kind, `xlsx` or `ods`."""
    (folder / "sheet.fods").write_bytes(sheet(rows))
    return _converted(folder / "sheet.fods", kind)


def opened_and_saved(folder: Path, content: bytes, *, charset: str = UTF_8) -> bytes:
    """A tab-separated file, opened with every column as text and saved again."""
    (folder / "file.txt").write_bytes(content)
    columns = content.splitlines()[0].count(b"\t") + 1
    as_text = "/".join(f"{place}/2" for place in range(1, columns + 1))
    how = f"Text - txt - csv (StarCalc):{TAB},34,{charset},1,{as_text}"
    return _converted(folder / "file.txt", f"txt:Text - txt - csv (StarCalc):{TAB},34,{charset},1", infilter=how)


def _converted(file: Path, kind: str, *, infilter: str = "") -> bytes:
    office = shutil.which("soffice")
    if office is None:
        pytest.fail("LibreOffice is not installed: `python3 manage.py test` installs it on Debian.")
    made = file.parent / "made"
    command = [office, f"-env:UserInstallation=file://{file.parent}/profile", "--headless", "--convert-to", kind]
    command += [f"--infilter={infilter}"] if infilter else []
    run = subprocess.run([*command, "--outdir", made, file], capture_output=True, text=True, timeout=120)
    result = made / f"{file.stem}.{kind.partition(':')[0]}"
    assert result.exists(), run.stderr
    return result.read_bytes()
