"""Which encoding a file is in, or why it is no text that can be trusted. Standard library only."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO


class Unreadable(Exception):
    """The file as a whole cannot be read: a code and the facts for its sentence."""

    def __init__(self, code: str, **facts: str | int) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


BLOCK = 1 << 18
ENCODINGS = ("auto", "utf-8", "cp932", "utf-16")
_NOT_TEXT = (
    b"PK\x03\x04",  # xlsx, zip
    b"PK\x05\x06",
    b"\xd0\xcf\x11\xe0",  # xls
    b"%PDF",
    b"{\\rtf",
    b"\x1f\x8b",
    b"BZh",
    b"7z\xbc\xaf",
    b"\xfd7zXZ",
    b"Rar!",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
)
_MARKUP = re.compile(rb"(?i)(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|\?xml)")
_JAPANESE = re.compile("[\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_HALF_WIDTH_KANA = re.compile("[\uff61-\uff9f]")


def encoding_of(content: BinaryIO, asked: str = "auto") -> str:
    """Find the encoding by reading the whole file once in blocks, and leave it at its beginning.

    Strict, and stricter than strict: what also reads as EUC-JP, or shows half-width kana beside no other
    Japanese, would come out as the wrong characters.

    Raises Unreadable for binary files and for any other encoding.
    """
    content.seek(0)
    head = content.read(512)
    content.seek(0)
    if head.startswith(_NOT_TEXT) or _MARKUP.match(head):
        raise Unreadable("FEED_NOT_TEXT")
    if asked != "auto":
        tested = {"utf-8": "utf-8-sig"}.get(asked, asked)
        _only(content, tested)
        return tested
    if head.startswith(codecs.BOM_UTF8):
        _only(content, "utf-8-sig")
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        _only(content, "utf-16")
        return "utf-16"
    return _guess(content)


def _only(content: BinaryIO, encoding: str) -> None:
    trial = _Trial(encoding)
    for block in _blocks(content):
        trial.feed(block)
    trial.end()
    if trial.broke_at is not None:
        raise Unreadable("FEED_ENCODING", position=trial.broke_at)
    if trial.has_nul:
        raise Unreadable("FEED_BINARY")


def _guess(content: BinaryIO) -> str:
    trials = utf8, cp932, euc = [_Trial(name) for name in ("utf-8", "cp932", "euc_jp")]
    first_foreign, has_escapes, before, position = None, False, b"", 0
    for block in _blocks(content):
        joined = before + block
        has_escapes = has_escapes or b"\x1b$" in joined or b"\x1b(" in joined
        before = block[-1:]
        if first_foreign is None and not block.isascii():
            first_foreign = position + next(index for index, byte in enumerate(block) if byte > 127)
        position += len(block)
        for trial in trials:
            trial.feed(block)
    for trial in trials:
        trial.end()
    if utf8.has_nul or cp932.has_nul:
        raise Unreadable("FEED_BINARY")
    if has_escapes:
        raise Unreadable("FEED_ENCODING", position=first_foreign or 0)
    if utf8.broke_at is None:
        return "utf-8"
    if cp932.broke_at is not None:
        raise Unreadable("FEED_ENCODING", position=max(utf8.broke_at, cp932.broke_at))
    if euc.broke_at is None or (cp932.half_width_kana and not cp932.japanese):
        raise Unreadable("FEED_ENCODING", position=first_foreign or 0)
    return "cp932"


def _blocks(content: BinaryIO) -> Iterator[bytes]:
    content.seek(0)
    while block := content.read(BLOCK):
        yield block
    content.seek(0)


class _Trial:
    """Reads the file in one encoding, block by block, until it breaks."""

    def __init__(self, encoding: str) -> None:
        self.decoder = codecs.getincrementaldecoder(encoding)("strict")
        self.fed = 0
        self.broke_at: int | None = None
        self.has_nul = self.japanese = self.half_width_kana = False

    def feed(self, block: bytes) -> None:
        """Read on, unless it broke before."""
        if self.broke_at is None:
            self._decode(block, final=False)
            self.fed += len(block)

    def end(self) -> None:
        """Half a character at the end is broken, too."""
        if self.broke_at is None:
            self._decode(b"", final=True)

    def _decode(self, block: bytes, *, final: bool) -> None:
        waiting = self.decoder.getstate()[0]
        try:
            text = self.decoder.decode(block, final)
        except UnicodeDecodeError as error:
            held = len(waiting) if isinstance(waiting, bytes) else 0
            self.broke_at = max(0, self.fed - held + error.start)
            return
        self.has_nul = self.has_nul or "\0" in text
        if not text.isascii():
            self.japanese = self.japanese or bool(_JAPANESE.search(text))
            self.half_width_kana = self.half_width_kana or bool(_HALF_WIDTH_KANA.search(text))
