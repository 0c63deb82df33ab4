"""Flat feeds: cells separated by tabs, below a line of column names (flat-files 1, 3.1, 4.1, 5.1)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO
from zoneinfo import ZoneInfo

from orders.files import header_names, numbered, unquoted
from orders.files.encoding import Unreadable, encoding_of
from orders.files.rows import STRANGE, BadCell, Cells, plain, shown, without_marks

from .rows import MONEY, TAKEN_OFF, BadRow, Kind, Row, adjust_row, cancel_row, ship_row

# Lines of one feed at most (domain 14.5), and lines that may stand above the names of the columns.
MOST_LINES = 10_000
LINES_ABOVE_HEADER = 5
WRONG_SEPARATORS = (",", ";")
SHOWN_ID = 60


_ORDER, _ITEM = "250-1234567-1234567", "05015851154158"
_EXAMPLES = {
    Kind.CANCELLATION: [_ORDER, "BuyerCanceled", _ITEM],
    Kind.ADJUSTMENT: [_ORDER, _ITEM, "CustomerCancel", "JPY", *[""] * 8, "1"],
    Kind.SHIPMENT: [_ORDER, _ITEM, "1", "2026-07-08", "YamatoTransport", "", "123456789012", "宅急便", ""],
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a kind of feed is written: the name of its template, its columns, and how a line becomes a row."""

    template: str
    version: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    row: Callable[[int, Cells, ZoneInfo], Row]


LAYOUTS: Mapping[Kind, Layout] = {
    Kind.CANCELLATION: Layout(
        "OrderCancellation", "1.0/1.0.3", ("order-id", "cancellation-reason-code"), ("order-item-id",), cancel_row
    ),
    Kind.ADJUSTMENT: Layout(
        "OrderAdjustment",
        "1.0",
        ("order-id", "order-item-id", "adjustment-reason-code", "currency"),
        (*MONEY, *TAKEN_OFF, "quantity-cancelled"),
        adjust_row,
    ),
    Kind.SHIPMENT: Layout(
        "OrderFulfillment",
        "2011.1102",
        ("order-id", "ship-date"),
        (
            "order-item-id",
            "quantity",
            "carrier-code",
            "carrier-name",
            "tracking-number",
            "ship-method",
            "acknowledge-cancellation-request",
        ),
        ship_row,
    ),
}
# Other names of one column, and columns of the templates that say nothing the portal keeps.
SAME_AS = {"amazon-order-item-code": "order-item-id", "order-item-code": "order-item-id"}
PASSED_OVER = frozenset(
    {
        "merchant-order-id",
        "cod-collection-method",
        "ship_from_supply_source_id",
        "item-promotion-id",
        "ship-promotion-id",
    }
)
_TEMPLATES = {layout.template.casefold(): kind for kind, layout in LAYOUTS.items()}
# The column by which a feed of another kind is known.
_OWN_COLUMN = {
    "cancellation-reason-code": Kind.CANCELLATION,
    "adjustment-reason-code": Kind.ADJUSTMENT,
    "ship-date": Kind.SHIPMENT,
}


def columns_of(kind: Kind) -> list[str]:
    """The columns of a template, in its order."""
    layout = LAYOUTS[kind]
    if kind == Kind.SHIPMENT:
        return [
            "order-id",
            "order-item-id",
            "quantity",
            "ship-date",
            "carrier-code",
            "carrier-name",
            "tracking-number",
            "ship-method",
            "acknowledge-cancellation-request",
        ]
    return [*layout.required, *layout.optional]


def example_of(kind: Kind) -> list[str]:
    """One line of a template, as it is meant; its order number is nobody's."""
    return _EXAMPLES[kind]


class FeedFile:
    """A flat feed whose header was understood; `rows` are its lines in their order, at most MOST_LINES.

    `content` can be sought; whoever opened it closes it afterwards. `zone` is the marketplace's: a moment of shipment
    is taken as its local day. Raises Unreadable if the file as a whole cannot be read.
    """

    def __init__(self, content: BinaryIO, kind: Kind, *, zone: ZoneInfo) -> None:
        self.encoding = encoding_of(content)
        self._layout, self._zone = LAYOUTS[kind], zone
        lines = numbered(content, self.encoding)
        names, is_quoted = _find_header(lines, kind)
        lines = unquoted(lines) if is_quoted else lines
        known = {*self._layout.required, *self._layout.optional}
        self.ignored = [name for name in names if name and name not in known | PASSED_OVER]
        self._width = len(names)
        self._at = {name: index for index, name in enumerate(names) if name in known}
        self.rows: list[Row | BadRow] = []
        for line, text in lines:
            if len(self.rows) == MOST_LINES:
                raise Unreadable("FEED_TOO_MANY_LINES", limit=MOST_LINES)
            self.rows.append(self._read(line, text))
        if not self.rows:
            raise Unreadable("FEED_EMPTY")

    def _read(self, line: int, text: str) -> Row | BadRow:
        try:
            if STRANGE.search(text):
                text = without_marks(text)
            cells = [cell.strip() for cell in text.split("\t")]
            if len(cells) < self._width or any(cells[self._width :]):
                raise BadCell("COLUMN_COUNT", f"{len(cells)} / {self._width}")
            return self._layout.row(line, Cells(self._at, cells), self._zone)
        except BadCell as refused:
            return BadRow(
                line, self._cell(text, "order-id"), self._cell(text, "order-item-id"), refused.code, refused.detail
            )

    def _cell(self, text: str, name: str) -> str:
        """What stands in a column of a line that may not be read otherwise."""
        index, cells = self._at.get(name), text.split("\t")
        return shown(plain(cells[index]), SHOWN_ID) if index is not None and index < len(cells) else ""


def _find_header(lines: Iterator[tuple[int, str]], kind: Kind) -> tuple[list[str], bool]:
    """The names of the columns and whether they are quoted: the first line with an `order-id`, below a template line
    and labels.

    Raises Unreadable if there is none, if it is another kind's, lacks a column or has one twice.
    """
    above: list[str] = []
    for _, line in islice(lines, LINES_ABOVE_HEADER + 1):
        _check_template(line, kind)
        written, is_quoted = header_names(line)
        names = [SAME_AS.get(name, name) for name in written]
        if "order-id" in names and len(names) > 1:
            _check_header(names, kind)
            return names, is_quoted
        for mark in WRONG_SEPARATORS:
            if "order-id" in [_name(cell.strip('"')) for cell in line.split(mark)] and mark in line:
                raise Unreadable("FEED_DELIMITER")
        above.append(line)
    if not above:
        raise Unreadable("FEED_EMPTY")
    found = shown(above[0].replace("\t", ", "), 120)
    raise Unreadable("FEED_HEADER", found=found, expected=", ".join(LAYOUTS[kind].required))


def _name(cell: str) -> str:
    name = plain(cell).lower()
    return SAME_AS.get(name, name)


def _check_template(line: str, kind: Kind) -> None:
    """A template line names its kind; some programs write it with spaces for tabs."""
    head, _, rest = line.partition("=")
    if plain(head).casefold() != "templatetype":
        return
    name = rest.split()[0] if rest.split() else ""
    if _TEMPLATES.get(plain(name).casefold()) != kind:
        raise Unreadable("FEED_TYPE", found=shown(name, 60), expected=LAYOUTS[kind].template)


def _check_header(names: Sequence[str], kind: Kind) -> None:
    layout = LAYOUTS[kind]
    missing = [name for name in layout.required if name not in names]
    known = {*layout.required, *layout.optional}
    doubled = sorted({name for name in names if name in known and names.count(name) > 1})
    other = next((of for name, of in _OWN_COLUMN.items() if name in names and of != kind), None)
    if missing and other:
        raise Unreadable("FEED_TYPE", found=LAYOUTS[other].template, expected=layout.template)
    if missing or doubled:
        found = ", ".join(doubled) or ", ".join(names)
        raise Unreadable("FEED_HEADER", found=shown(found, 120), expected=", ".join(missing or doubled))
