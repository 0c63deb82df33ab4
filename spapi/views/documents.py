"""Bytes behind presigned addresses: a feed is put here, its answers and reports are taken (sp-api 5, 6).

No token is asked: the signature in the address is the permission. Errors are in the XML of stores, which clients read.
"""

import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING
from uuid import uuid4
from xml.sax.saxutils import escape

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from feeds import queries as feed_queries
from feeds import results
from feeds.actions import LARGEST_FEED, NoBytes, TooLarge, receive
from feeds.store import blocks_of, store
from reports import queries as report_queries
from reports.wording import content_type_of
from spapi.names import PACKING, UPLOAD, is_packed, read_feed_document_id, read_report_document_id
from spapi.presigned import is_signed

if TYPE_CHECKING:
    from feeds.models import Feed, FeedDocument
    from reports.models import ReportDocument

GZIP = b"\x1f\x8b"
# Kinds under which bytes are given back as they came; all others come back as plain bytes.
KINDS = frozenset(
    {
        "application/json",
        "application/xml",
        "text/csv",
        "text/plain",
        "text/tab-separated-values",
        "text/tsv",
        "text/xml",
    }
)


class _Refused(Exception):
    """An answer in the XML of stores."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


DENIED = "The request signature we calculated does not match the signature you provided, or it has run out."


@csrf_exempt
def document(request: HttpRequest, name: str) -> HttpResponseBase:
    """PUT the bytes of a feed, or GET a document."""
    try:
        if request.method == "PUT":
            answer: HttpResponseBase = _put(request, name)
        elif request.method in {"GET", "HEAD"}:
            answer = _get(request, name)
        else:
            raise _Refused(405, "MethodNotAllowed", "Send GET or PUT.")
    except _Refused as refused:
        answer = HttpResponse(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{refused.code}</Code>'
            f"<Message>{escape(refused.message)}</Message><RequestId>{uuid4()}</RequestId></Error>",
            status=refused.status,
            content_type="application/xml",
        )
        if refused.status == 405:
            answer["Allow"] = "GET, HEAD, PUT"
    answer["Cache-Control"] = "no-store"
    # The bytes are a shop's own: no browser may take them for a page or a script of the portal.
    answer["Content-Disposition"] = "attachment"
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return answer


def _require_signature(request: HttpRequest, method: str, *, content_type: str = "") -> None:
    expires, signature = request.GET.get("X-Amz-Expires", ""), request.GET.get("X-Amz-Signature", "")
    now = timezone.now()
    if not is_signed(method, request.path, expires, signature, now=now, content_type=content_type):
        raise _Refused(403, "SignatureDoesNotMatch", DENIED)


def _put(request: HttpRequest, name: str) -> HttpResponse:
    found = read_feed_document_id(name)
    document = feed_queries.document_by_key(found[0], found[1]) if found and found[2] == UPLOAD else None
    _require_signature(request, "PUT", content_type=document.content_type if document else "")
    if document is None:
        raise _Refused(404, "NoSuchKey", "There is no such document.")
    if request.META.get("CONTENT_TYPE", "") != document.content_type:
        raise _Refused(403, "SignatureDoesNotMatch", f"Send the Content-Type {document.content_type}.")
    try:
        receive(document_id=document.pk, content=BytesIO(_bytes_of(request)), now=timezone.now())
    except TooLarge:
        raise _Refused(400, "EntityTooLarge", f"At most {LARGEST_FEED} bytes.") from None
    except NoBytes:
        raise _Refused(403, "AccessDenied", "The document is a feed already.") from None
    return HttpResponse(b"", content_type="text/plain")


def _bytes_of(request: HttpRequest) -> bytes:
    """The body, unpacked if it is gzip; one byte more than a feed may have is enough to know."""
    try:
        content = request.read(LARGEST_FEED + 1)
    except OSError:
        raise _Refused(400, "IncompleteBody", "The body broke off.") from None
    if request.headers.get("Content-Encoding") != "gzip" and not content.startswith(GZIP):
        return content
    try:
        return _unpacked(content)
    except zlib.error:
        raise _Refused(400, "InvalidRequest", "The body is no whole gzip.") from None


def _unpacked(content: bytes) -> bytes:
    """All members of a gzip, one after the other. Raises zlib.error, also for one that breaks off."""
    found = b""
    while content and len(found) <= LARGEST_FEED:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        found += unpacker.decompress(content, LARGEST_FEED + 1 - len(found))
        if len(found) <= LARGEST_FEED and not unpacker.eof:
            raise zlib.error("broken off")
        content = unpacker.unused_data
    return found


def _get(request: HttpRequest, name: str) -> HttpResponseBase:
    _require_signature(request, "GET")
    if key := read_report_document_id(name):
        report = report_queries.report_by_key(*key)
        if report is not None and report.document is not None and store().exists(report.document.name):
            return _report(request, report.document)
    if found := read_feed_document_id(name):
        document = feed_queries.document_by_key(found[0], found[1])
        feed = getattr(document, "feed", None) if document else None
        if found[2] == UPLOAD and document is not None and store().exists(document.name):
            return _streamed(blocks_of(document.name), _kind_of(document))
        if found[2] != UPLOAD and feed is not None and feed.finished_at is not None:
            return _answers(feed)
    raise _Refused(404, "NoSuchKey", "There is no such document.")


def _report(request: HttpRequest, document: "ReportDocument") -> StreamingHttpResponse:
    blocks: Iterable[bytes] = blocks_of(document.name)
    packs = is_packed(document)
    answer = _streamed(_packed(blocks) if packs else blocks, content_type_of(document.report))
    if packs and PACKING in request.META["QUERY_STRING"].split("&"):
        answer["Content-Encoding"] = "gzip"
    return answer


def _packed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes as gzip, block by block."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    for block in blocks:
        yield packer.compress(block)
    yield packer.flush()


def _kind_of(document: "FeedDocument") -> str:
    """What the document was announced as, if browsers do nothing with it."""
    kind = document.content_type.partition(";")[0].strip().casefold()
    return document.content_type if kind in KINDS else "application/octet-stream"


def _answers(feed: "Feed") -> StreamingHttpResponse:
    """The processing report of a feed, in the form of the feed itself (flat-files 7)."""
    lines = feed_queries.lines_of(feed).iterator(chunk_size=2000)
    if feed.is_xml:
        report = results.as_xml_report(feed, lines, feed_queries.messages_of(feed))
        return _streamed(report, "text/xml;charset=UTF-8")
    return _streamed(results.as_processing_report(feed, lines), "text/plain;charset=UTF-8")


def _streamed(content: Iterable, kind: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(content, content_type=kind)
