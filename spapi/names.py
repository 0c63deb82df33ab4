"""How the wire names feeds, reports and their documents (sp-api 5, 6)."""

import re
from uuid import UUID

from accounts.rules import Scope
from feeds.models import FeedDocument
from feeds.parsers import Kind as FeedKind
from reports.models import ReportDocument
from reports.rules import OF_OPEN_ORDERS, SCHEDULED_ONLY
from reports.rules import Kind as ReportKind

# Type on the wire → kind, and whether it is XML.
FEED_TYPES = {
    "POST_FLAT_FILE_ORDER_ACKNOWLEDGEMENT_DATA": (FeedKind.CANCELLATION, False),
    "POST_ORDER_ACKNOWLEDGEMENT_DATA": (FeedKind.CANCELLATION, True),
    "POST_FLAT_FILE_PAYMENT_ADJUSTMENT_DATA": (FeedKind.ADJUSTMENT, False),
    "POST_PAYMENT_ADJUSTMENT_DATA": (FeedKind.ADJUSTMENT, True),
    "POST_FLAT_FILE_FULFILLMENT_DATA": (FeedKind.SHIPMENT, False),
    "POST_ORDER_FULFILLMENT_DATA": (FeedKind.SHIPMENT, True),
}
# What keys must allow beside `feeds`, so that a file does nothing that they may not do otherwise.
SCOPES_OF_FEED = {
    FeedKind.CANCELLATION: (Scope.ORDERS_CANCEL,),
    FeedKind.ADJUSTMENT: (Scope.ORDERS_CANCEL, Scope.ORDERS_REFUND),
    FeedKind.SHIPMENT: (Scope.ORDERS_SHIP,),
}
TYPE_OF_FEED = {(kind.value, is_xml): name for name, (kind, is_xml) in FEED_TYPES.items()}
REPORT_TYPES = {
    "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING": ReportKind.ACTIONABLE,
    "GET_FLAT_FILE_ORDER_REPORT_DATA_SHIPPING": ReportKind.UNSHIPPED,
    "GET_ORDER_REPORT_DATA_SHIPPING": ReportKind.UNSHIPPED_XML,
    "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL": ReportKind.ALL_BY_ORDER_DATE,
    "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL": ReportKind.ALL_BY_LAST_UPDATE,
}
TYPE_OF_REPORT = {kind.value: name for name, kind in REPORT_TYPES.items()}
# Reports with whom a parcel goes to: their files need a restricted token.
RESTRICTED_KINDS = OF_OPEN_ORDERS
# Reports that software may order by hand.
BY_HAND = {name: kind for name, kind in REPORT_TYPES.items() if kind not in SCHEDULED_ONLY}
# Reports that a timetable orders for software: those of open orders (sp-api 6).
SCHEDULED = {name: kind for name, kind in REPORT_TYPES.items() if kind in OF_OPEN_ORDERS}
# States of a feed that has answers.
ANSWERED = frozenset({"DONE", "FATAL"})
STATES = ("CANCELLED", "DONE", "FATAL", "IN_PROGRESS", "IN_QUEUE")

UPLOAD, RESULT = "T", "R"
# Reports of so many bytes are given as gzip.
PACKED_FROM = 1 << 20
# Added to an address by whoever wishes gzip to be announced to clients that unpack it by themselves.
PACKING = "response-content-encoding=gzip"
_FEED_DOCUMENT = re.compile(r"amzn1\.tortuga\.3\.([0-9a-f-]{36})\.([TR])([0-9]{1,18})")
_REPORT_DOCUMENT = re.compile(r"amzn1\.spdoc\.1\.3\.([0-9a-f-]{36})\.T([0-9]{1,18})")


def is_packed(document: ReportDocument) -> bool:
    """Whether a report's file is given as gzip."""
    return document.size >= PACKED_FROM


def feed_document_id(document: FeedDocument, letter: str = UPLOAD) -> str:
    """A feed's bytes (`UPLOAD`), or the answers to them (`RESULT`)."""
    return f"amzn1.tortuga.3.{UUID(document.key)}.{letter}{document.pk}"


def report_document_id(document: ReportDocument) -> str:
    """A report's file."""
    return f"amzn1.spdoc.1.3.{UUID(document.key)}.T{document.pk}"


def read_feed_document_id(written: str) -> tuple[int, str, str] | None:
    """Key of the row, unguessable part and letter; None for anything else."""
    found = _FEED_DOCUMENT.fullmatch(written)
    return (int(found[3]), found[1].replace("-", ""), found[2]) if found else None


def read_report_document_id(written: str) -> tuple[int, str] | None:
    """Key of the row and unguessable part; None for anything else."""
    found = _REPORT_DOCUMENT.fullmatch(written)
    return (int(found[2]), found[1].replace("-", "")) if found else None
