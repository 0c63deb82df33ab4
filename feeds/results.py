"""A feed's answers as files: every line with both languages, and the processing report that tools parse."""

import csv
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from django.utils.translation import override

from .models import Feed, LineResult
from .parsers import Kind
from .queries import Messages
from .wording import file_sentence, line_words

HEADERS = (
    "line",
    "order-id",
    "order-item-id",
    "result",
    "code",
    "message-ja",
    "message-en",
    "detail",
    "order-status",
    "counted",
)
# The numbers by which tools know our codes (flat-files 7.3).
NUMBERS = {
    "ORDER_NOT_FOUND": 90001,
    "ITEM_NOT_FOUND": 90002,
    "REASON_UNKNOWN": 90003,
    "REASON_REQUIRED": 90004,
    "ORDER_NOT_CANCELABLE": 90005,
    "NO_CHANGE": 90006,
    "CONFLICTING_DUPLICATE": 90008,
    "QUANTITY_EXCEEDS_OPEN": 90009,
    "REFUND_EXCEEDS_CHARGE": 90010,
    "ORDER_NOT_CHARGED": 90010,
    "CARRIER": 90011,
    "DATE_FORMAT": 90012,
    "ORDER_ON_HOLD": 90013,
    "OPEN_CANCELLATION_REQUEST": 90014,
    "ORDER_NOT_SHIPPABLE": 90015,
    "ORDER_BUSY": 90017,
    "PERMISSION_DENIED": 90018,
    "SHIP_METHOD": 90019,
    "AMOUNT_COMPUTED": 90025,
    "BEYOND_REQUEST": 90027,
    "FAILED": 90026,
    "FILE_GONE": 90026,
    "FEED_HEADER": 90020,
    "FEED_DELIMITER": 90020,
    "FEED_TYPE": 90021,
    "FEED_MERCHANT": 90021,
    "INVALID_XML": 5000,
    "FEED_ENCODING": 90022,
    "FEED_BINARY": 90022,
    "FEED_NOT_TEXT": 90022,
    "FEED_EMPTY": 90023,
    "FEED_TOO_MANY_LINES": 90024,
    "LINE_TOO_LONG": 90024,
}
UNREADABLE_LINE = 90016
ALREADY_SHIPPED = 90007
# Found in the original, with its words.
TOO_MANY_TO_SHIP = 18021
_ORIGINAL = {
    90001: "Invalid OrderID or AmazonOrderID.",
    TOO_MANY_TO_SHIP: (
        "The quantities you provided for order id ({order}) were larger than the quantities that could be fulfilled. "
        "Please review the quantity from the order report and take into account any items that have been cancelled "
        "or already fulfilled."
    ),
}
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


class Echo:
    """Hands every written row back."""

    def write(self, text: str) -> str:
        """Give the row instead of keeping it."""
        return text


def harmless(text: str) -> str:
    """A cell that a spreadsheet does not run (domain 13)."""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


def as_table(feed: Feed, lines: Iterable[LineResult]) -> Iterator[str]:
    """Every answer, line by line; a mark at the start tells spreadsheets that it is UTF-8."""
    writer = csv.writer(Echo(), delimiter="\t")
    yield "\ufeff"
    yield writer.writerow(HEADERS)
    for line in lines:
        said = []
        for language in ("ja", "en"):
            with override(language):
                said.append(line_words(feed, line))
        yield writer.writerow(
            [
                line.line_number,
                harmless(line.order_number),
                harmless(line.item_number),
                line.result,
                line.code,
                *said,
                harmless(line.detail),
                line.status_after,
                "" if line.counted is None else str(line.counted).upper(),
            ]
        )


def number_of(kind: Kind, line: LineResult) -> int:
    """The number of a line's code in a processing report."""
    if line.code == "QUANTITY_EXCEEDS_OPEN" and kind == Kind.SHIPMENT:
        return TOO_MANY_TO_SHIP
    if line.code == "ORDER_NOT_CANCELABLE" and line.detail == "SHIPPED":
        return ALREADY_SHIPPED
    return NUMBERS.get(line.code, UNREADABLE_LINE)


def as_processing_report(feed: Feed, lines: Iterable[LineResult]) -> Iterator[str]:
    """The processing report of a flat feed (flat-files 7.1): problems only, one line each."""
    successful = feed.lines_answered - feed.lines_refused
    yield "Feed Processing Summary:\r\n"
    yield f"\tNumber of records processed\t\t{feed.lines_answered}\r\n"
    yield f"\tNumber of records successful\t\t{successful}\r\n"
    yield "\r\n"
    yield "original-record-number\torder-id\torder-item-id\terror-code\terror-type\terror-message\r\n"
    if feed.state == Feed.State.FATAL:
        with override("en"):
            says = f"{feed.error_code}: {file_sentence(feed.error_code, feed.error_facts)}"
        yield f"0\t\t\t{NUMBERS.get(feed.error_code, UNREADABLE_LINE)}\tFatal\t{says}\r\n"
    for line in lines:
        if line.result == "DONE":
            continue
        number, kind = number_of(Kind(feed.kind), line), "Error" if line.result == "ERROR" else "Warning"
        yield (
            f"{line.position}\t{harmless(line.order_number)}\t{harmless(line.item_number)}\t{number}\t{kind}"
            f"\t{_says(feed, line, number)}\r\n"
        )


def _says(feed: Feed, line: LineResult, number: int) -> str:
    if number in _ORIGINAL:
        return _ORIGINAL[number].format(order=line.order_number)
    with override("en"):
        sentence = line_words(feed, line)
    detail = f" ({line.detail})" if line.detail else ""
    return f"{line.code}: {sentence}{detail}".replace("\t", " ")


def as_xml_report(feed: Feed, lines: Iterable[LineResult], messages: Messages) -> Iterator[str]:
    """The processing report of an XML feed (flat-files 7.2): one result for each line with a problem."""
    is_fatal = feed.state == Feed.State.FATAL
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<AmazonEnvelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:noNamespaceSchemaLocation="amzn-envelope.xsd">\n'
        f"  <Header><DocumentVersion>1.02</DocumentVersion>"
        f"<MerchantIdentifier>{escape(feed.seller.merchant_id)}</MerchantIdentifier></Header>\n"
        "  <MessageType>ProcessingReport</MessageType>\n"
        "  <Message>\n    <MessageID>1</MessageID>\n    <ProcessingReport>\n"
        f"      <DocumentTransactionID>{feed.pk}</DocumentTransactionID>\n"
        f"      <StatusCode>{'Rejected' if is_fatal else 'Complete'}</StatusCode>\n"
        "      <ProcessingSummary>\n"
        f"        <MessagesProcessed>{messages.processed}</MessagesProcessed>\n"
        f"        <MessagesSuccessful>{messages.processed - messages.refused}</MessagesSuccessful>\n"
        f"        <MessagesWithError>{messages.refused}</MessagesWithError>\n"
        f"        <MessagesWithWarning>{messages.warned}</MessagesWithWarning>\n"
        "      </ProcessingSummary>\n"
    )
    if is_fatal:
        with override("en"):
            says = f"{feed.error_code}: {file_sentence(feed.error_code, feed.error_facts)}"
        yield _xml_result("0", "Error", NUMBERS.get(feed.error_code, UNREADABLE_LINE), says, "", "")
    for line in lines:
        if line.result == "DONE":
            continue
        number, kind = number_of(Kind(feed.kind), line), "Error" if line.result == "ERROR" else "Warning"
        says = _says(feed, line, number)
        yield _xml_result(line.record, kind, number, says, line.order_number, line.item_number)
    yield "    </ProcessingReport>\n  </Message>\n</AmazonEnvelope>\n"


def _xml_result(record: str, kind: str, number: int, says: str, order: str, item: str) -> str:
    more = f"<AmazonOrderID>{escape(order)}</AmazonOrderID>" if order else ""
    more += f"<AmazonOrderItemCode>{escape(item)}</AmazonOrderItemCode>" if item else ""
    about = f"        <AdditionalInfo>{more}</AdditionalInfo>\n" if more else ""
    return (
        f"      <Result>\n        <MessageID>{record}</MessageID>\n        <ResultCode>{kind}</ResultCode>\n"
        f"        <ResultMessageCode>{number}</ResultMessageCode>\n"
        f"        <ResultDescription>{escape(says)}</ResultDescription>\n{about}      </Result>\n"
    )
