"""Orders 2013-09-01: polls, orders and items in the wire's XML; the buyer's request stands on the item (mws 5)."""

from datetime import timedelta

import pytest

from tests.cast import Cast, lines_of

from .conftest import NOW, ORDERS, error_of, texts, xml_of

MARKET = {"MarketplaceId__Id__1": "A1VC38T7YXB528"}
LONG_AGO = {"CreatedAfter": "2026-06-01T00:00:00Z"}


def test_a_buyers_request_is_found_by_last_update_and_shows_on_the_item(cast: Cast, signer):
    order = cast.order(1, 2)
    cast.order(1)
    cast.request(order, {lines_of(order)[0]: 1}, now=NOW - timedelta(minutes=10))
    since = (NOW - timedelta(minutes=15)).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = signer.ask(ORDERS, "ListOrders", **MARKET, LastUpdatedAfter=since)
    assert texts(answer, "Order/AmazonOrderId") == [order.number]
    assert texts(answer, "LastUpdatedBefore") == ["2026-07-01T03:58:00Z"]
    items = signer.ask(ORDERS, "ListOrderItems", AmazonOrderId=order.number)
    assert texts(items, "IsBuyerRequestedCancel") == ["true", "false"]
    assert texts(items, "BuyerCancelReason") == ["商品が不要になった", ""]
    (first, _) = xml_of(items).iterfind(".//OrderItem")
    names = [child.tag for child in first]
    assert names.index("SellerSKU") < names.index("BuyerRequestedCancel") < names.index("Title")


def test_an_order_has_person_place_and_money_once_it_is_verified(cast: Cast, signer):
    order, pending = cast.order(1), cast.order(1, verified=False)
    found = {
        each.findtext("AmazonOrderId"): each
        for each in xml_of(signer.ask(ORDERS, "ListOrders", **MARKET, **LONG_AGO)).iterfind(".//Order")
    }
    told = found[order.number]
    assert told.findtext("OrderTotal/Amount") == "1300.00"
    assert told.findtext("ShippingAddress/Name") == order.recipient.name
    assert (told.findtext("BuyerEmail"), told.findtext("IsPrime")) == (cast.dora.email, "false")
    for name in ("OrderTotal", "ShippingAddress", "BuyerEmail", "BuyerName"):
        assert found[pending.number].find(name) is None, name


def test_pages_follow_each_other(cast: Cast, signer, rival):
    numbers = {order.number for order in cast.orders(5)}
    answer = signer.ask(ORDERS, "ListOrders", **MARKET, **LONG_AGO, MaxResultsPerPage=2)
    seen = texts(answer, "AmazonOrderId")
    (first,) = texts(answer, "NextToken")
    while token := texts(answer, "NextToken"):
        answer = signer.ask(ORDERS, "ListOrdersByNextToken", method="POST", NextToken=token[0])
        seen += texts(answer, "AmazonOrderId")
    assert len(seen) == 5
    assert set(seen) == numbers
    for who, token in ((rival, first), (signer, first[:-1] + "x"), (signer, "x")):
        answer = who.ask(ORDERS, "ListOrdersByNextToken", method="POST", NextToken=token)
        assert error_of(answer) == (400, "NextTokenCorrupted")


def test_get_order_gives_those_of_the_shop_and_leaves_out_the_others(cast: Cast, signer, rival):
    order = cast.order(1)
    asked = {"AmazonOrderId__Id__1": order.number, "AmazonOrderId__Id__2": "250-0000000-0000000"}
    assert texts(signer.ask(ORDERS, "GetOrder", **asked), "AmazonOrderId") == [order.number]
    assert texts(rival.ask(ORDERS, "GetOrder", **asked), "AmazonOrderId") == []
    assert error_of(rival.ask(ORDERS, "ListOrderItems", AmazonOrderId=order.number)) == (
        400,
        "InvalidParameterValue",
    )


@pytest.mark.parametrize(
    "query",
    [
        {},
        MARKET,
        MARKET | LONG_AGO | {"LastUpdatedAfter": "2026-06-01T00:00:00Z"},
        MARKET | {"CreatedAfter": "yesterday"},
        MARKET | LONG_AGO | {"OrderStatus__Status__1": "Unshipped"},
        MARKET | LONG_AGO | {"OrderStatus__Status__1": "Gone"},
        MARKET | LONG_AGO | {"OrderStatus__Status__2": "Canceled"},
        MARKET | LONG_AGO | {"OrderStatus__Status__01": "Canceled"},
        MARKET | LONG_AGO | {"OrderStatus__Status__-1": "Canceled"},
        MARKET | LONG_AGO | {f"OrderStatus__Status__{number}": "Canceled" for number in range(1, 1001)},
        MARKET | LONG_AGO | {"MaxResultsPerPage": "101"},
        MARKET | LONG_AGO | {"BuyerEmail": "a@b.example", "OrderStatus__Status__1": "Canceled"},
        {"MarketplaceId__Id__1": "ATVPDKIKX0DER"} | LONG_AGO,
    ],
    ids=str,
)
def test_b44_what_cannot_be_asked_is_refused(signer, query):
    assert error_of(signer.ask(ORDERS, "ListOrders", **query)) == (400, "InvalidParameterValue")


def test_malformed_numbers_are_named(signer):
    answer = signer.ask(ORDERS, "GetOrder", AmazonOrderId__Id__1="asdf")
    assert xml_of(answer).findtext("Error/Message") == "Invalid AmazonOrderId: asdf"


def test_unshipped_and_partly_shipped_are_asked_for_together(cast: Cast, signer):
    order = cast.order(1)
    both = {"OrderStatus__Status__1": "Unshipped", "OrderStatus__Status__2": "PartiallyShipped"}
    assert texts(signer.ask(ORDERS, "ListOrders", **MARKET, **LONG_AGO, **both), "AmazonOrderId") == [order.number]


def test_burst_and_then_throttled_and_another_shop_is_not(signer, rival, settings):
    settings.SPAPI_RATE_LIMITS = True
    answers = [signer.ask(ORDERS, "GetServiceStatus").status_code for _ in range(2)]
    assert answers == [200, 200]
    assert error_of(signer.ask(ORDERS, "GetServiceStatus")) == (503, "RequestThrottled")
    assert rival.ask(ORDERS, "GetServiceStatus").status_code == 200


def test_unwritable_signs_of_a_title_do_not_break_the_xml(cast: Cast, signer):
    order = cast.order(1)
    order.items.update(title="a\x0bb\ufffe & <c> ]]>")
    answer = signer.ask(ORDERS, "ListOrderItems", AmazonOrderId=order.number)
    assert texts(answer, "Title") == ["ab & <c> ]]>"]
