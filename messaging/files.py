"""Which files may go with a message, told by what is in them (reliability B-36).

Pictures are decoded and written anew, smaller and without what cameras note in them: nothing but pixels comes
through. No Django here; all functions are free of side effects.
"""

import io
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Protocol

from PIL import Image, ImageOps

# Files of one message at most, and bytes of one file as it is sent.
MOST_FILES = 5
LARGEST_FILE = 5 * 1024 * 1024
# Pixels of a picture that is decoded at all, and the longest side of the one that is kept.
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 2400
# A kept picture is written without loss where it came so; it is never larger than its bare pixels.
LARGEST_KEPT = LONGEST_SIDE * LONGEST_SIDE * 4 + 65_536
LONGEST_NAME = 100


class Kind(StrEnum):
    """What a file is, by the name of its media type."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    PDF = "application/pdf"

    @property
    def is_picture(self) -> bool:
        """Whether a browser shows it as a picture."""
        return self is not Kind.PDF


ENDINGS = {
    Kind.JPEG: (".jpg", ".jpeg"),
    Kind.PNG: (".png",),
    Kind.WEBP: (".webp",),
    Kind.PDF: (".pdf",),
}
# What decoders call them; a JPEG of several pictures, as some cameras write, is kept as its first.
_KINDS = {"JPEG": Kind.JPEG, "MPO": Kind.JPEG, "PNG": Kind.PNG, "WEBP": Kind.WEBP}
# What a name must not pretend to be before its last ending: `invoice.pdf.exe` in all its forms.
_KNOWN_ENDING = re.compile(
    r"\.(?:apk|aspx?|bat|cgi|cmd|dll|dmg|docx?|docm|exe|gif|hta|html?|jar|jpe?g|jsp|lnk|mht(?:ml)?|msi|pdf|php\d?"
    r"|phtml|pif|png|pptx?|ps1|rtf|scr|shtml|svgz?|swf|vb[es]|webp|wsf|xhtml|xls[mx]?|xml|zip|7z)(?=\s*\.)",
    re.IGNORECASE,
)
_MARKUP = re.compile(rb"<\s*(?:!doctype|html|script|svg|body|iframe|\?php|\?xml)", re.IGNORECASE)
_END_OF_ZIP = b"PK\x05\x06"


class FileRefusal(StrEnum):
    """Why a file is not kept."""

    EMPTY = "EMPTY"
    TOO_LARGE = "TOO_LARGE"
    WRONG_TYPE = "WRONG_TYPE"
    DOUBLE_ENDING = "DOUBLE_ENDING"
    DAMAGED = "DAMAGED"
    TOO_MANY = "TOO_MANY"


class BadFile(Exception):
    """A file that is not kept, and why."""

    def __init__(self, name: str, refusal: FileRefusal) -> None:
        super().__init__(f"{name}: {refusal}")
        self.name, self.refusal = name, refusal


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is kept."""

    name: str
    kind: Kind
    content: bytes


def clean_name(name: str) -> str:
    """The last part of a file's name in one line, without signs that no screen shows, short enough to be kept."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(
        sign for sign in last if unicodedata.category(sign) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    )
    whole = PurePath(" ".join(shown.split()).strip(" .") or "file")
    return whole.stem[: LONGEST_NAME - len(whole.suffix[:10])] + whole.suffix[:10]


def examine(name: str, size: int, read: Callable[[], bytes]) -> File:
    """The file as it is kept, told by its content; `read` is asked only for files of a size that is taken.

    Raises BadFile.
    """
    name = clean_name(name)
    if size == 0:
        raise BadFile(name, FileRefusal.EMPTY)
    if size > LARGEST_FILE:
        raise BadFile(name, FileRefusal.TOO_LARGE)
    ending = PurePath(name).suffix.lower()
    if not any(ending in endings for endings in ENDINGS.values()):
        raise BadFile(name, FileRefusal.WRONG_TYPE)
    if _KNOWN_ENDING.search(name):
        raise BadFile(name, FileRefusal.DOUBLE_ENDING)
    content = read()
    kept = _document(name, content) if content.startswith(b"%PDF-") else _picture(name, content)
    if ending not in ENDINGS[kept.kind]:
        raise BadFile(name, FileRefusal.WRONG_TYPE)
    return kept


class Sent(Protocol):
    """A file as it came: its name, its bytes' number, and a way to them."""

    @property
    def name(self) -> str | None: ...

    @property
    def size(self) -> int | None: ...

    @property
    def read(self) -> Callable[[], bytes]: ...


def examine_all(sent: Iterable[Sent], *, room: int) -> tuple[list[File], list[BadFile]]:
    """Those of several files that are kept, at most `room` of them, and those that are not."""
    taken: list[File] = []
    refused: list[BadFile] = []
    for file in sent:
        try:
            if len(taken) >= room:
                raise BadFile(file.name or "", FileRefusal.TOO_MANY)
            taken.append(examine(file.name or "", file.size or 0, file.read))
        except BadFile as bad:
            refused.append(bad)
    return taken, refused


def _document(name: str, content: bytes) -> File:
    """A PDF is kept as it came if it is one from its first to its last byte, and nothing else besides."""
    _, end, rest = content.rpartition(b"%%EOF")
    if not end:
        raise BadFile(name, FileRefusal.DAMAGED)
    if rest.strip(b"\0 \t\r\n\f"):
        raise BadFile(name, FileRefusal.DAMAGED)
    if _MARKUP.search(content[:1024]) or _END_OF_ZIP in content[-66_000:]:
        raise BadFile(name, FileRefusal.WRONG_TYPE)
    return File(name, Kind.PDF, content)


def _picture(name: str, content: bytes) -> File:
    """A picture, decoded and written anew."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the line below is stricter
            image = Image.open(io.BytesIO(content), formats=["JPEG", "PNG", "WEBP"])
    except Image.UnidentifiedImageError:
        raise BadFile(name, FileRefusal.WRONG_TYPE) from None
    except Exception as broken:  # decoders raise whatever a broken header leads them to
        raise BadFile(name, FileRefusal.DAMAGED) from broken
    if image.width * image.height > MOST_PIXELS:
        raise BadFile(name, FileRefusal.TOO_LARGE)
    kind = _KINDS[image.format or ""]
    written = io.BytesIO()
    try:
        shown = _in_eight_bits(image)
        shown.thumbnail((LONGEST_SIDE, LONGEST_SIDE))  # before anything else is made of it: memory
        ImageOps.exif_transpose(shown, in_place=True)
        plain = shown.convert("RGBA" if kind != Kind.JPEG and shown.has_transparency_data else "RGB")
        # A picture of its own takes nothing along: no note, no place, no colour profile, no second frame.
        bare = Image.new(plain.mode, plain.size)
        bare.paste(plain)
        bare.save(written, format=kind.name, quality=88)
    except Exception as broken:
        raise BadFile(name, FileRefusal.DAMAGED) from broken
    return File(name, kind, written.getvalue())


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """Scans with sixteen bits of grey are scaled, else nearly all of them would be white; palettes become colours."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda grey: grey / 256).convert("L")
    if image.mode in {"P", "1"}:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image
