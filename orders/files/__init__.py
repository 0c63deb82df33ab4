"""Order files: bytes → lines → rows. Standard library only; nothing here knows the database.

Three layouts of order reports are read, recognised by their header: `unshipped` (with prices), `actionable`
(with promise dates and shipped quantities) and `all-orders` (every status, no people). Cells are separated by
tabs; quotes are ordinary characters, unless a spreadsheet put them around every text of the file. A file that cannot
be read as a whole raises `Unreadable`; a line that cannot be read becomes a `BadLine`; nothing else leaves this
package.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from .encoding import BLOCK, ENCODINGS, Unreadable, encoding_of
from .rows import (
    ONLY_ACTIONABLE,
    ORDER_NUMBER,
    PASSED_OVER,
    READ,
    REQUIRED,
    STRANGE,
    BadCell,
    BadLine,
    Cells,
    Layout,
    Row,
    Said,
    plain,
    row_of,
    shown,
    without_marks,
)

__all__ = ["ENCODINGS", "BadLine", "Layout", "OrderFile", "Row", "Said", "Unreadable"]

LONGEST_LINE = 32_768
LINES_ABOVE_HEADER = 5
WRONG_SEPARATORS = (",", ";")


class OrderFile:
    """An order file whose header was understood: `lines` gives what stands below it, `read` makes rows of that.

    `content` can be sought; whoever opened it closes it afterwards. Raises Unreadable on opening, and while lines
    are taken if one is longer than any order.
    """

    def __init__(self, content: BinaryIO, *, encoding: str = "auto") -> None:
        self.encoding = encoding_of(content, encoding)
        lines = numbered(content, self.encoding)
        self._names, is_quoted = _find_header(lines)
        self._lines = unquoted(lines) if is_quoted else lines
        self.layout = _layout_of(self._names)
        self.ignored = [name for name in self._names if name and name not in READ | PASSED_OVER]
        self._at = {name: index for index, name in enumerate(self._names) if name in READ}
        self._number_at = self._at[REQUIRED[self.layout][0]]
        first = next(self._lines, None)
        if first is None:
            raise Unreadable("FEED_EMPTY")
        self._first = first

    def lines(self) -> Iterator[tuple[int, str]]:
        """Data lines with their numbers in the file, once; blank lines are left out."""
        yield self._first
        yield from self._lines

    def order_in(self, text: str) -> str:
        """The order a line belongs to, before it is read; empty if its number is none."""
        number = self._number_in(text)
        return number if ORDER_NUMBER.fullmatch(number) else ""

    def _number_in(self, text: str) -> str:
        cells = text.split("\t", self._number_at + 1)
        return plain(cells[self._number_at]) if len(cells) > self._number_at else ""

    def read(self, line: int, text: str) -> Row | BadLine:
        """Read one data line."""
        try:
            if STRANGE.search(text):
                text = without_marks(text)
            cells = [cell.strip() for cell in text.split("\t")]
            width = len(self._names)
            if len(cells) < width or any(cells[width:]):
                raise BadCell("COLUMN_COUNT", f"{len(cells)} / {width}")
            return row_of(line, Cells(self._at, cells), self.layout)
        except BadCell as refused:
            return BadLine(line, shown(self._number_in(text), 60), refused.code, refused.detail)


def numbered(content: BinaryIO, encoding: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers; in memory is a block of the file, however long a line is."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    number, rest, is_end = 0, "", False
    while not is_end:
        block = content.read(BLOCK)
        is_end = not block
        *lines, rest = (rest + decoder.decode(block, final=is_end)).split("\n")
        if is_end:
            lines.append(rest)
        for line in lines:
            number += 1
            if len(line) > LONGEST_LINE:
                raise Unreadable("LINE_TOO_LONG", line=number, limit=LONGEST_LINE)
            if line and not line.isspace():
                yield number, line
        if len(rest) > LONGEST_LINE:
            raise Unreadable("LINE_TOO_LONG", line=number + 1, limit=LONGEST_LINE)


def header_names(line: str) -> tuple[list[str], bool]:
    """The cells of a line that may be the header, without quotes, and whether every one of them was quoted."""
    cells = [cell.strip() for cell in line.rstrip("\t ").split("\t")]
    is_quoted = all(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in cells)
    return [plain(cell[1:-1] if is_quoted else cell).lower() for cell in cells], is_quoted


def unquoted(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Lines below a header that was quoted, without the quotes.

    Spreadsheets can be told to quote every text, the names of the columns, too. A line whose quotes do not fit its
    tabs is left as it stands, and refused where it is read.
    """
    return ((number, _without_quotes(line)) for number, line in lines)


def _without_quotes(line: str) -> str:
    try:
        (cells,) = csv.reader([line], delimiter="\t", strict=True)
    except (csv.Error, ValueError):
        return line
    return "\t".join(cells) if len(cells) == line.count("\t") + 1 else line


def _find_header(lines: Iterator[tuple[int, str]]) -> tuple[list[str], bool]:
    """The names of the columns and whether they are quoted, from one of the first lines: some programs put a line of
    labels above them.

    Raises Unreadable if there is none, or if it lacks a column or has one twice.
    """
    above: list[str] = []
    for _, line in islice(lines, LINES_ABOVE_HEADER + 1):
        names, is_quoted = header_names(line)
        if len(READ.intersection(names)) > 1:
            _check_header(names)
            return names, is_quoted
        for mark in WRONG_SEPARATORS:
            if len(READ.intersection(plain(cell).strip('"').lower() for cell in line.split(mark))) > 1:
                raise Unreadable("FEED_DELIMITER")
        above.append(line)
    if not above:
        raise Unreadable("FEED_EMPTY")
    expected = " / ".join(sorted({names[0] for names in REQUIRED.values()}))
    raise Unreadable("FEED_HEADER", found=shown(above[0].replace("\t", ", "), 120), expected=expected)


def _check_header(names: Sequence[str]) -> None:
    missing = [name for name in REQUIRED[_layout_of(names)] if name not in names]
    doubled = sorted({name for name in names if name in READ and names.count(name) > 1})
    if missing or doubled:
        found = ", ".join(doubled) or ", ".join(names)
        raise Unreadable("FEED_HEADER", found=shown(found, 120), expected=", ".join(missing or doubled))


def _layout_of(names: Sequence[str]) -> Layout:
    if "amazon-order-id" in names:
        return Layout.ALL_ORDERS
    return Layout.ACTIONABLE if ONLY_ACTIONABLE.intersection(names) else Layout.UNSHIPPED
