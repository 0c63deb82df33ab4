"""Feeds: bytes → lines → rows, each of which names an act. Standard library only; nothing here knows the database.

A feed that cannot be read as a whole raises `Unreadable`; a line that cannot be read becomes a `BadRow`; nothing else
leaves this package (flat-files 3 to 5, reliability 4.1).
"""

from orders.files.encoding import Unreadable

from .flat import MOST_LINES, FeedFile, columns_of, example_of
from .rows import AdjustRow, BadRow, CancelRow, Kind, Row, ShipRow, reasons_of

__all__ = [
    "MOST_LINES",
    "AdjustRow",
    "BadRow",
    "CancelRow",
    "FeedFile",
    "Kind",
    "Row",
    "ShipRow",
    "Unreadable",
    "columns_of",
    "example_of",
    "reasons_of",
]
