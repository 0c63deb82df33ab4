"""Feeds in XML: what their messages do, what is refused before it is read (flat-files 3.2 to 7.2, reliability 4.4)."""

import io
from decimal import Decimal
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from cancellations.models import Cancellation
from feeds.parsers import Kind, Unreadable, read_feed
from payments.models import Refund
from shipments.models import Shipment
from tests.books import nothing_changes
from tests.cast import LATER, Cast, deliver, units_of

from .conftest import answers

CANCEL, ADJUST, SHIP = Kind.CANCELLATION, Kind.ADJUSTMENT, Kind.SHIPMENT
TYPES = {CANCEL: "OrderAcknowledgement", ADJUST: "OrderAdjustment", SHIP: "OrderFulfillment"}


def envelope(
    cast: Cast | None, kind: Kind, *messages: str, merchant: str = "", ids=None, before: str = ""
) -> bytes:
    """An XML feed of these messages."""
    name = TYPES[kind]
    whose = merchant or (cast.shop.merchant_id if cast else "M")
    body = "".join(
        f"<Message><MessageID>{number}</MessageID><{name}>{message}</{name}></Message>"
        for number, message in zip(ids or range(1, len(messages) + 1), messages, strict=True)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion>'
        f"<MerchantIdentifier>{whose}</MerchantIdentifier></Header><MessageType>{name}</MessageType>{body}"
        "</AmazonEnvelope>"
    ).encode()


def failure(order, *items: tuple[str, str], status: str = "Failure") -> str:
    """An acknowledgement; items with their reasons."""
    named = "".join(
        f"<Item><AmazonOrderItemCode>{item}</AmazonOrderItemCode><CancelReason>{reason}</CancelReason></Item>"
        for item, reason in items
    )
    return f"<AmazonOrderID>{order.number}</AmazonOrderID><StatusCode>{status}</StatusCode>{named}"


def item(order, place: int = 0) -> str:
    return order.items.order_by("pk")[place].item_id


# --- messages -----------------------------------------------------------------------------------------------


def test_failure_cancels_the_whole_order_each_item_for_its_reason(cast: Cast, carried_out):
    order = cast.order(2, 1, 1)
    message = failure(order, (item(order), "NoInventory"), (item(order, 1), "PricingError"))
    feed = carried_out(CANCEL, content=envelope(cast, CANCEL, message))
    assert answers(feed) == [("DONE", "")]
    order.refresh_from_db()
    assert order.status == "CANCELED"
    made = {
        each.reason: sorted(line.item.item_id for line in each.items.select_related("item"))
        for each in Cancellation.objects.filter(order=order)
    }
    assert made == {"NO_INVENTORY": sorted([item(order), item(order, 2)]), "PRICING_ERROR": [item(order, 1)]}
    assert (feed.is_xml, feed.lines.get().record) == (True, "1")


def test_success_only_acknowledges(cast: Cast, carried_out):
    order = cast.order(1)
    content = envelope(cast, CANCEL, failure(order, (item(order), "NoInventory"), status="Success"))
    feed = carried_out(CANCEL, content=content)
    assert answers(feed) == [("DONE", "ACKNOWLEDGED")]
    assert units_of(order) == [(1, 0, 0)]


def test_failure_of_a_partly_shipped_order_is_refused(cast: Cast, carried_out):
    order, other = cast.order(2), cast.order(1)
    cast.confirm(order, {order.items.get().pk: 1})
    messages = (failure(order), failure(other, (item(order), "NoInventory")), failure(other))
    feed = carried_out(CANCEL, content=envelope(cast, CANCEL, *messages))
    assert answers(feed) == [("ERROR", "ORDER_NOT_CANCELABLE"), ("ERROR", "ITEM_NOT_FOUND"), ("DONE", "")]
    assert Cancellation.objects.get(order=other).reason == "OTHER"


def test_adjustments_cancel_units_or_give_money_back(cast: Cast, carried_out):
    order, charged = cast.order(3), cast.order(1)
    cast.confirm(charged)
    deliver()

    def adjusted(of, action: str, reason: str, more: str) -> str:
        return (
            f"<AmazonOrderID>{of.number}</AmazonOrderID><ActionType>{action}</ActionType><AdjustedItem>"
            f"<AmazonOrderItemCode>{item(of)}</AmazonOrderItemCode><AdjustmentReason>{reason}</AdjustmentReason>"
            f"{more}</AdjustedItem>"
        )

    money = (
        "<ItemPriceAdjustments><Component><Type>Principal</Type><Amount currency='JPY'>90</Amount></Component>"
        "<Component><Type>Tax</Type><Amount currency='JPY'>10</Amount></Component></ItemPriceAdjustments>"
    )
    feed = carried_out(
        ADJUST,
        content=envelope(
            cast,
            ADJUST,
            adjusted(order, "Cancel", "NoInventory", money + "<QuantityCancelled>2</QuantityCancelled>"),
            adjusted(charged, "Refund", "PriceError", money),
            adjusted(order, "Cancel", "NoInventory", money),
            adjusted(charged, "Refund", "PriceError", money.replace("90", "0.5")),
            adjusted(charged, "Refund", "PriceError", money.replace("JPY", "yen", 1)),
        ),
    )
    assert answers(feed) == [
        ("DONE", ""),
        ("DONE", ""),
        ("ERROR", "VALUE_MISSING"),
        ("ERROR", "AMOUNT_FORMAT"),
        ("ERROR", "CURRENCY"),
    ]
    assert units_of(order) == [(3, 0, 2)]
    assert list(Refund.objects.values_list("reason", "amount")) == [("PRICE_ADJUSTMENT", Decimal(100))]


def test_a_fulfillment_confirms_items_or_the_whole_order(cast: Cast, carried_out):
    some, whole = cast.order(2, 1), cast.order(1)
    data = (
        f"<FulfillmentDate>{LATER.isoformat()}</FulfillmentDate><FulfillmentData><CarrierCode>YamatoTransport"
        "</CarrierCode><ShippingMethod>宅急便</ShippingMethod><ShipperTrackingNumber>123</ShipperTrackingNumber>"
        "</FulfillmentData>"
    )
    part = f"<Item><AmazonOrderItemCode>{item(some)}</AmazonOrderItemCode><Quantity>1</Quantity></Item>"
    messages = [f"<AmazonOrderID>{order.number}</AmazonOrderID>{data}" for order in (some, whole)]
    feed = carried_out(SHIP, content=envelope(cast, SHIP, messages[0] + part, messages[1]))
    assert answers(feed) == [("DONE", "")] * 2
    assert (units_of(some), units_of(whole)) == ([(2, 1, 0), (1, 0, 0)], [(1, 1, 0)])
    assert Shipment.objects.get(order=whole).carrier == "ヤマト運輸"


def test_messages_without_a_number_of_their_own_are_refused_alone(cast: Cast, carried_out):
    orders = [cast.order(1) for _ in range(4)]
    content = envelope(cast, CANCEL, *map(failure, orders), ids=[1, 1, 0, 99999999999999999999])
    feed = carried_out(CANCEL, content=content)
    assert answers(feed) == [("DONE", ""), ("ERROR", "MESSAGE_ID"), ("ERROR", "MESSAGE_ID"), ("DONE", "")]
    assert list(feed.lines.order_by("position").values_list("record", flat=True))[3] == "9" * 20


def test_another_shop_s_feed_does_nothing(cast: Cast, carried_out):
    content = envelope(cast, CANCEL, failure(cast.order(1)), merchant=cast.other_shop.merchant_id)
    feed = carried_out(CANCEL, content=content)
    assert (feed.state, feed.error_code) == ("FATAL", "FEED_MERCHANT")
    assert not Cancellation.objects.exists()


def test_the_same_xml_again_changes_nothing(cast: Cast, carried_out):
    content = envelope(cast, CANCEL, failure(cast.order(1)))
    carried_out(CANCEL, content=content)
    assert answers(carried_out(CANCEL, content=content)) == [("NO_CHANGE", "NO_CHANGE")]


# --- what is refused ----------------------------------------------------------------------------------------

OUTSIDE = '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/">%p;]>'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
GOOD = envelope(None, CANCEL, "<AmazonOrderID>250-1234567-1234567</AmazonOrderID><StatusCode>Failure</StatusCode>")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (envelope(None, CANCEL, "x", before=BOMB), "INVALID_XML"),
        (envelope(None, CANCEL, "x", before='<!DOCTYPE x SYSTEM "file:///etc/passwd">'), "INVALID_XML"),
        (
            envelope(None, CANCEL, "x", before=OUTSIDE),
            "INVALID_XML",
        ),
        (envelope(None, CANCEL, "x", before="<!DOCTYPE x>"), "INVALID_XML"),
        (envelope(None, CANCEL, "<a xmlns:xi='http://www.w3.org/2001/XInclude'/>"), "INVALID_XML"),
        (envelope(None, CANCEL, "&unknown;"), "INVALID_XML"),
        (b"<a>" * 200_000, "INVALID_XML"),
        (envelope(None, CANCEL, "<a>" * 60 + "</a>" * 60), "INVALID_XML"),
        (GOOD[:-5], "INVALID_XML"),
        (GOOD.replace(b"UTF-8", b"UTF-7"), "INVALID_XML"),
        (GOOD.replace(b"UTF-8", b"Shift_JIS"), "INVALID_XML"),
        (GOOD.replace(b"250-", b"\x01250-"), "INVALID_XML"),
        (GOOD.replace(b"250-", "在".encode("cp932") + b"250-"), "FEED_ENCODING"),
        (GOOD.replace(b"OrderAcknowledgement</M", b"OrderFulfillment</M"), "FEED_TYPE"),
        (GOOD.replace(b"<Header>", b"<Header/><Header>"), "INVALID_XML"),
        (envelope(None, CANCEL), "FEED_EMPTY"),
        (b"<?xml version='1.0'?><feed/>", "FEED_TYPE"),
    ],
)
def test_b50_b51_what_could_lead_a_parser_astray_is_refused(content, code):
    with pytest.raises(Unreadable) as error:
        read_feed(io.BytesIO(content), CANCEL, zone=ZoneInfo("Asia/Tokyo"))
    assert error.value.code == code


def test_b52_namespaces_comments_and_cdata_change_nothing_and_doubled_elements_are_refused():
    def rows(content: bytes):
        return read_feed(io.BytesIO(content), CANCEL, zone=ZoneInfo("Asia/Tokyo")).rows

    plain = rows(GOOD)
    assert rows(GOOD.replace(b"<AmazonEnvelope>", b'<AmazonEnvelope xmlns="urn:x">')) == plain
    assert rows(GOOD.replace(b"250-1234567", b"<![CDATA[250-]]><!-- 999 -->1234567")) == plain
    doubled = GOOD.replace(b"<StatusCode>", b"<AmazonOrderID>250-7654321-7654321</AmazonOrderID><StatusCode>")
    (refused,) = rows(doubled)
    assert refused.code == "ELEMENT_TWICE"


# --- the report ---------------------------------------------------------------------------------------------


def test_the_processing_report_has_the_shape_that_tools_parse(cast: Cast, carried_out, client):  # flat-files 7.2
    done, shipped = cast.order(1), cast.order(1)
    cast.confirm(shipped)
    feed = carried_out(CANCEL, content=envelope(cast, CANCEL, failure(done), failure(shipped), failure(done)))
    client.force_login(cast.alice)
    answer = client.get(reverse("seller:feed-result", args=[feed.pk]), {"form": "report"})
    assert answer["Content-Type"] == "text/xml; charset=utf-8"
    root = etree.fromstring(b"".join(answer.streaming_content))
    report = root.find("Message/ProcessingReport")
    assert (report.findtext("DocumentTransactionID"), report.findtext("StatusCode")) == (str(feed.pk), "Complete")
    assert [int(each.text) for each in report.find("ProcessingSummary")] == [3, 2, 1, 1]
    found = [
        (each.findtext("MessageID"), each.findtext("ResultCode"), each.findtext("ResultMessageCode"))
        for each in report.findall("Result")
    ]
    assert found == [("2", "Error", "90007"), ("3", "Warning", "90006")]
    assert report.findtext("Result/AdditionalInfo/AmazonOrderID") == shipped.number


def test_a_rejected_feed_has_a_report_of_message_0(cast: Cast, carried_out, client):
    feed = carried_out(CANCEL, content=GOOD[:-5])
    assert feed.is_xml
    client.force_login(cast.alice)
    with nothing_changes():
        answer = client.get(reverse("seller:feed-result", args=[feed.pk]), {"form": "report"})
    report = etree.fromstring(b"".join(answer.streaming_content)).find("Message/ProcessingReport")
    assert report.findtext("StatusCode") == "Rejected"
    assert (report.findtext("Result/MessageID"), report.findtext("Result/ResultMessageCode")) == ("0", "5000")


# --- anything at all ----------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    [
        "AmazonEnvelope", "Header", "MerchantIdentifier", "MessageType", "Message", "MessageID",
        "OrderAcknowledgement", "OrderAdjustment", "OrderFulfillment", "AmazonOrderID", "StatusCode", "Item",
        "AmazonOrderItemCode", "CancelReason", "AdjustedItem", "AdjustmentReason", "ItemPriceAdjustments",
        "Component", "Type", "Amount", "QuantityCancelled", "FulfillmentDate", "FulfillmentData", "CarrierCode",
        "CarrierName", "ShippingMethod", "ShipperTrackingNumber", "Quantity", "x",
    ]
)  # fmt: skip
WORDS = st.one_of(
    st.sampled_from(
        ["1", "0", "-1", "250-1234567-1234567", "05015851154158", "Failure", "Success", "NoInventory", "Principal",
         "2026-07-01", "2026-07-01T00:00:00Z", "Other", "999999999999", "OrderAcknowledgement", "&lt;", "＝"]
    ),
    st.text(max_size=8).map(escape),
)  # fmt: skip


def element(name: str, inside: str) -> str:
    return f"<{name}>{inside}</{name}>"


TREES = st.recursive(
    st.builds(element, NAMES, WORDS),
    lambda children: st.builds(element, NAMES, st.lists(children, max_size=4).map("".join)),
    max_leaves=12,
)


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_xml_at_all_raises_anything_but_unreadable(kind, data):
    message = TREES.map(
        lambda tree: envelope(None, kind, tree, ids=[data.draw(st.sampled_from(["1", "0", "x", "9" * 30]))])
    )
    content = data.draw(
        st.one_of(
            message,
            TREES.map(lambda tree: tree.encode()),
            st.binary(max_size=200).map(lambda noise: b"<?xml version='1.0'?>" + noise),
        )
    )
    try:
        feed = read_feed(io.BytesIO(content), kind, zone=ZoneInfo("Asia/Tokyo"))
    except Unreadable:
        return
    assert feed.rows
    assert {row.line for row in feed.rows} <= set(feed.records)
