"""Feeds: bytes → lines → rows, each of which names an act. Nothing here knows Django or the database.

A feed that cannot be read as a whole raises `Unreadable`; a line that cannot be read becomes a `BadRow`; nothing else
leaves this package (flat-files 3 to 5, reliability 4.1).
"""

from typing import BinaryIO
from zoneinfo import ZoneInfo

from orders.files.encoding import Unreadable

from .flat import MOST_LINES, FeedFile, columns_of, example_of
from .rows import AcknowledgeRow, AdjustRow, BadRow, CancelRow, Kind, Row, ShipRow, codes_of
from .xml import XmlFeed, is_xml

__all__ = [
    "MOST_LINES",
    "AcknowledgeRow",
    "AdjustRow",
    "BadRow",
    "CancelRow",
    "FeedFile",
    "Kind",
    "Row",
    "ShipRow",
    "Unreadable",
    "XmlFeed",
    "codes_of",
    "columns_of",
    "example_of",
    "is_xml",
    "read_feed",
]


def read_feed(content: BinaryIO, kind: Kind, *, zone: ZoneInfo) -> FeedFile | XmlFeed:
    """A feed in whichever of the two forms it was written. Raises Unreadable."""
    return XmlFeed(content, kind, zone=zone) if is_xml(content) else FeedFile(content, kind, zone=zone)
