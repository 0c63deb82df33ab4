"""Orders v0: what polls find and leave out, page by page; items with the buyer's request; shipments (sp-api 3)."""

from datetime import timedelta
from decimal import Decimal

import pytest

from cancellations.actions import CancelTarget, cancel
from cancellations.models import PolicyVersion
from cancellations.policy import Reason
from events.models import Event
from orders.models import Order
from shipments.models import Shipment
from tests.books import counted_statements, nothing_changes
from tests.cast import NOON, Cast, lines_of

from .conftest import NOW, error_of

MARKET = "A1VC38T7YXB528"
ORDERS = "/orders/v0/orders"
LONG_AGO = "2026-06-01T00:00:00Z"


def listed(software, **query) -> list[str]:
    """The numbers of the orders that a poll finds."""
    payload = software.payload(ORDERS, MarketplaceIds=MARKET, **query)
    return [each["AmazonOrderId"] for each in payload["Orders"]]


def iso(moment) -> str:
    return moment.isoformat()


# --- polling ------------------------------------------------------------------------------------------------


def test_a_buyers_request_is_found_by_last_update_and_shows_on_the_item_alone(cast: Cast, software):
    asked, quiet = cast.order(1, 2), cast.order(1)
    cast.request(asked, {lines_of(asked)[0]: 1}, now=NOW - timedelta(minutes=10))
    assert listed(software, LastUpdatedAfter=iso(NOW - timedelta(minutes=15))) == [asked.number]
    first, second = software.payload(f"{ORDERS}/{asked.number}/orderItems")["OrderItems"]
    assert first["BuyerRequestedCancel"] == {
        "IsBuyerRequestedCancel": "true",
        "BuyerCancelReason": "商品が不要になった",
    }
    assert second["BuyerRequestedCancel"] == {"IsBuyerRequestedCancel": "false", "BuyerCancelReason": ""}
    assert "BuyerRequestedCancel" not in software.payload(f"{ORDERS}/{asked.number}")
    assert quiet.number in listed(software, CreatedAfter=LONG_AGO)


@pytest.mark.parametrize("end", ["approved", "withdrawn", "declined", "other reason"])
def test_d16_the_flag_stays_only_where_the_cancellation_honoured_the_request(cast: Cast, software, end):
    order = cast.order(1)
    cast.request(order, now=NOW - timedelta(minutes=20))
    now = NOW - timedelta(minutes=10)
    if end == "withdrawn":
        cast.withdraw(order, now=now)
    elif end == "declined":
        cast.decline(order, now=now)
    else:
        reason = Reason.BUYER_CANCELED if end == "approved" else Reason.NO_INVENTORY
        cancel(targets=[CancelTarget(order.pk, reason)], by=cast.seller, now=now)
    (item,) = software.payload(f"{ORDERS}/{order.number}/orderItems")["OrderItems"]
    is_shown = end == "approved"
    assert item["BuyerRequestedCancel"] == {
        "IsBuyerRequestedCancel": "true" if is_shown else "false",
        "BuyerCancelReason": "商品が不要になった" if is_shown else "",
    }
    assert listed(software, LastUpdatedAfter=iso(NOW - timedelta(minutes=11))) == [order.number]


def test_pages_follow_each_other_without_gaps_or_repeats(cast: Cast, software):
    numbers = [order.number for order in cast.orders(7, placed_at=NOON)]
    found, query = [], {"CreatedAfter": LONG_AGO, "MaxResultsPerPage": 3}
    for size in (3, 3, 1):
        payload = software.payload(ORDERS, MarketplaceIds=MARKET, **query)
        assert len(payload["Orders"]) == size
        found += [each["AmazonOrderId"] for each in payload["Orders"]]
        query = {"NextToken": payload.get("NextToken", "")}
    assert query == {"NextToken": ""}
    assert sorted(found) == sorted(numbers)
    assert found == [*Order.objects.order_by("placed_at", "pk").values_list("number", flat=True)]


def test_what_changes_while_somebody_pages_comes_again_later_and_nothing_is_left_out(cast: Cast, software):
    orders = cast.orders(4, placed_at=NOON)
    first = software.payload(ORDERS, MarketplaceIds=MARKET, LastUpdatedAfter=LONG_AGO, MaxResultsPerPage=2)
    cast.request(orders[0], now=NOW - timedelta(minutes=3))
    second = software.payload(ORDERS, NextToken=first["NextToken"])
    seen = {each["AmazonOrderId"] for page in (first, second) for each in page["Orders"]}
    assert seen == {order.number for order in orders}


def test_d35_a_list_reaches_to_two_minutes_ago_and_says_so(cast: Cast, software, clock):
    order = cast.order(1)
    cast.request(order, now=NOW - timedelta(seconds=119))
    payload = software.payload(ORDERS, MarketplaceIds=MARKET, LastUpdatedAfter=iso(NOW - timedelta(minutes=30)))
    assert payload == {"Orders": [], "LastUpdatedBefore": "2026-07-01T03:58:00Z"}
    clock.move_to(NOW + timedelta(seconds=1), tick=False)
    assert listed(software, LastUpdatedAfter=payload["LastUpdatedBefore"]) == [order.number]


def test_filters_narrow_and_an_empty_list_is_no_error(cast: Cast, software):
    waiting, open_, gone = cast.order(1, verified=False), cast.order(1), cast.order(1)
    cast.cancel(gone, now=NOW - timedelta(minutes=5))
    found = {
        status: listed(software, CreatedAfter=LONG_AGO, OrderStatuses=status)
        for status in ("Pending", "Unshipped", "Canceled", "Shipped", "Unfulfillable")
    }
    assert found == {
        "Pending": [waiting.number],
        "Unshipped": [open_.number],
        "Canceled": [gone.number],
        "Shipped": [],
        "Unfulfillable": [],
    }
    assert len(listed(software, CreatedAfter=LONG_AGO, OrderStatuses="Unshipped,Canceled")) == 2
    assert len(listed(software, CreatedAfter=LONG_AGO, OrderStatuses=["Unshipped", "Canceled"])) == 2
    assert listed(software, CreatedAfter=LONG_AGO, FulfillmentChannels="AFN") == []
    assert len(listed(software, CreatedAfter=LONG_AGO, PaymentMethods="Other")) == 3
    assert listed(software, CreatedAfter=LONG_AGO, PaymentMethods="COD") == []
    assert listed(software, CreatedAfter=LONG_AGO, BuyerEmail="nobody@buyer.example") == []
    assert len(listed(software, CreatedAfter=LONG_AGO, BuyerEmail=cast.dora.email.upper())) == 3
    assert listed(software, AmazonOrderIds=f"{gone.number},250-0000000-0000000") == [gone.number]
    assert listed(software, CreatedAfter=LONG_AGO, SellerOrderId=open_.number) == [open_.number]
    assert listed(software, CreatedAfter=LONG_AGO, ElectronicInvoiceStatuses="Accepted") == []
    # No order promises a day of delivery: nothing is before or after one.
    for name in ("EarliestDeliveryDateBefore", "LatestDeliveryDateAfter"):
        assert listed(software, CreatedAfter=LONG_AGO, **{name: iso(NOW)}) == []


def test_what_clients_add_to_every_request_is_ignored(cast: Cast, software):
    order = cast.order(1)
    noise = {"MarketplaceId": "x", "marketplace_ids": "y", "RestrictedResources": "", "original_path": ""}
    assert listed(software, CreatedAfter=LONG_AGO, **noise) == [order.number]
    assert software.get(f"{ORDERS}/{order.number}", **noise).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"CreatedAfter": LONG_AGO, "LastUpdatedAfter": LONG_AGO},
        {"LastUpdatedBefore": LONG_AGO},
        {"CreatedAfter": LONG_AGO, "LastUpdatedBefore": LONG_AGO},
        {"CreatedAfter": "2026-06-02T00:00:00Z", "CreatedBefore": LONG_AGO},
        {"CreatedAfter": LONG_AGO, "CreatedBefore": iso(NOW - timedelta(seconds=119))},
        {"CreatedAfter": "2026-06-01T00:00:00"},
        {"CreatedAfter": "2026-06-31T00:00:00Z"},
        {"CreatedAfter": "10000-01-01T00:00:00Z"},
        {"CreatedAfter": "0001-01-01T00:00:00+14:00"},
        {"CreatedAfter": "2023-12-31T00:00:00Z"},
        {"CreatedAfter": "yesterday"},
        {"CreatedAfter": ["2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z"]},
        {"CreatedAfter": LONG_AGO, "MaxResultsPerPage": "0"},
        {"CreatedAfter": LONG_AGO, "MaxResultsPerPage": "-1"},
        {"CreatedAfter": LONG_AGO, "MaxResultsPerPage": "101"},
        {"CreatedAfter": LONG_AGO, "MaxResultsPerPage": "x"},
        {"CreatedAfter": LONG_AGO, "MaxResultsPerPage": "１"},
        {"CreatedAfter": LONG_AGO, "OrderStatuses": "status__in"},
        {"CreatedAfter": LONG_AGO, "FulfillmentChannels": "'; DROP TABLE orders_order; --"},
        {"CreatedAfter": LONG_AGO, "IsISPU": "maybe"},
        {"CreatedAfter": LONG_AGO, "EarliestDeliveryDateAfter": "tomorrow"},
        {"CreatedAfter": LONG_AGO, "BuyerEmail": "\x00"},
        {"CreatedAfter": LONG_AGO, "SellerOrderId": "1", "OrderStatuses": "Unshipped"},
        {"AmazonOrderIds": ",".join(f"250-0000000-{number:07}" for number in range(51))},
        {"NextToken": "not a token"},
    ],
)
def test_b42_b43_b45_what_cannot_be_asked_is_answered_400_in_the_wires_envelope(software, query):
    answer = software.get(ORDERS, MarketplaceIds=MARKET, **query)
    status, code, details = error_of(answer)
    assert (status, code) == (400, "InvalidInput")
    assert details


def test_b42_a_token_that_was_changed_is_another_shops_or_a_day_old_goes_nowhere(
    cast: Cast, software, rival, clock
):
    cast.orders(3)
    token = software.payload(ORDERS, MarketplaceIds=MARKET, CreatedAfter=LONG_AGO, MaxResultsPerPage=1)[
        "NextToken"
    ]
    for place in range(0, len(token), 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert software.get(ORDERS, NextToken=changed).status_code == 400, place
    assert rival.get(ORDERS, NextToken=token).status_code == 400
    assert software.get(ORDERS, NextToken=token).status_code == 200
    clock.move_to(NOW + timedelta(hours=24, seconds=1), tick=False)
    from .conftest import fresh_token

    later = fresh_token(software.application, software.keys, now=NOW + timedelta(hours=24))
    assert software.ask("GET", ORDERS, token=later, NextToken=token).status_code == 400


def test_another_marketplace_is_not_valid_here(software):
    answer = software.get(ORDERS, MarketplaceIds="ATVPDKIKX0DER", CreatedAfter=LONG_AGO)
    assert error_of(answer) == (403, "Unauthorized", "The marketplaces you provided are not valid for region.")
    assert software.get(ORDERS, MarketplaceIds=f"ATVPDKIKX0DER,{MARKET}", CreatedAfter=LONG_AGO).status_code == 200
    assert software.get(ORDERS, CreatedAfter=LONG_AGO).status_code == 400


def test_a_page_costs_the_same_statements_whatever_it_holds(cast: Cast, software):
    cast.orders(2)
    software.get("/sellers/v1/account")

    def statements() -> int:
        with counted_statements() as said:
            software.payload(ORDERS, MarketplaceIds=MARKET, CreatedAfter=LONG_AGO)
        return said[0]

    few = statements()
    cast.orders(40)
    assert statements() == few == 2


# --- one order ----------------------------------------------------------------------------------------------


def test_an_order_in_the_wires_names_and_types(cast: Cast, software):
    order = cast.order(2, 1)
    found = software.payload(f"{ORDERS}/{order.number}")
    order.refresh_from_db()
    assert found["OrderTotal"] == {"CurrencyCode": "JPY", "Amount": f"{order.total:.0f}"}
    assert (found["NumberOfItemsShipped"], found["NumberOfItemsUnshipped"]) == (0, 3)
    assert (found["FulfillmentChannel"], found["MarketplaceId"]) == ("MFN", MARKET)
    assert found["PurchaseDate"] == "2026-07-01T03:00:00Z"
    assert found["IsPrime"] is False
    assert found["LatestShipDate"].endswith("T14:59:59Z"), "the last second of the ship-by date in Japan"


def test_nothing_about_money_or_place_is_told_before_the_payment_is_verified(cast: Cast, software):
    order = cast.order(1, verified=False)
    found = software.payload(f"{ORDERS}/{order.number}")
    assert {"OrderTotal", "ShippingAddress"} & set(found) == set()
    (item,) = software.payload(f"{ORDERS}/{order.number}/orderItems")["OrderItems"]
    assert "ItemPrice" not in item
    assert "ShippingAddress" not in software.payload(f"{ORDERS}/{order.number}/address")


def test_what_was_cancelled_of_an_item_is_no_longer_ordered_or_priced(cast: Cast, software):
    order = cast.order(3)
    (line,) = lines_of(order)
    cast.cancel(order, units={line: 1}, now=NOW - timedelta(minutes=5))
    (item,) = software.payload(f"{ORDERS}/{order.number}/orderItems")["OrderItems"]
    assert (item["QuantityOrdered"], item["QuantityShipped"]) == (2, 0)
    assert Decimal(item["ItemPrice"]["Amount"]) == 2000
    cast.cancel(order, now=NOW - timedelta(minutes=4))
    (item,) = software.payload(f"{ORDERS}/{order.number}/orderItems")["OrderItems"]
    assert (item["QuantityOrdered"], item["ItemPrice"]["Amount"], item["ShippingPrice"]["Amount"]) == (0, "0", "0")
    assert software.payload(f"{ORDERS}/{order.number}")["OrderStatus"] == "Canceled"


# --- shipments ----------------------------------------------------------------------------------------------


def package(order, *items, **more) -> dict:
    detail = {
        "packageReferenceId": "1",
        "carrierCode": "YamatoTransport",
        "trackingNumber": "1234-5678",
        "shipDate": "2026-07-01T04:00:00Z",
        "orderItems": [{"orderItemId": item, "quantity": units} for item, units in items],
    }
    return {"marketplaceId": MARKET, "packageDetail": detail | more}


def ids(order) -> list[str]:
    return list(order.items.order_by("pk").values_list("item_id", flat=True))


def test_confirm_shipment_ships_what_it_names_and_says_nothing(cast: Cast, software):
    order = cast.order(2, 1)
    first, second = ids(order)
    path = f"{ORDERS}/{order.number}/shipmentConfirmation"
    answer = software.ask("POST", path, package(order, (first, 2)))
    assert (answer.status_code, answer.content) == (204, b"")
    assert "x-portal-warning" not in answer
    order.refresh_from_db()
    assert order.status == "PARTIALLY_SHIPPED"
    assert software.ask("POST", path, package(order, (second, 1))).status_code == 204
    order.refresh_from_db()
    assert order.status == "SHIPPED"
    assert Shipment.objects.filter(carrier="ヤマト運輸", tracking_number="1234-5678").count() == 2
    event = Event.objects.filter(name="shipment.confirmed").latest("pk")
    assert (event.role, event.door, event.user_id) == ("SELLER", "API", cast.alice.pk)


def test_an_open_request_is_warned_of_in_a_header_or_stops_the_shipment_by_policy(cast: Cast, software):
    warned, stopped = cast.order(1), cast.order(1)
    for order in (warned, stopped):
        cast.request(order, now=NOW - timedelta(minutes=10))
    answer = software.ask(
        "POST", f"{ORDERS}/{warned.number}/shipmentConfirmation", package(warned, (ids(warned)[0], 1))
    )
    assert (answer.status_code, answer["x-portal-warning"]) == (204, "OPEN_CANCELLATION_REQUEST")
    PolicyVersion.objects.create(number=2, starts_at=NOW - timedelta(minutes=1), ship_interlock_api="block")
    answer = software.ask(
        "POST", f"{ORDERS}/{stopped.number}/shipmentConfirmation", package(stopped, (ids(stopped)[0], 1))
    )
    assert error_of(answer) == (400, "Invalid Input", "OPEN_CANCELLATION_REQUEST")


@pytest.mark.parametrize(
    "wrong",
    [
        {"shipDate": "02/21/2022"},
        {"orderItems": []},
        {"orderItems": [{"orderItemId": "00000000000001", "quantity": 1}]},
        {"orderItems": [{"orderItemId": "ITEM", "quantity": 0}]},
        {"orderItems": [{"orderItemId": "ITEM", "quantity": 3}]},
        {"orderItems": [{"orderItemId": "ITEM", "quantity": 1}] * 2},
        {"shipDate": "2026-07-02T04:00:00Z"},
        {"shipDate": "2026-06-01T04:00:00Z"},
        {"carrierCode": "Other"},
        {"carrierCode": "Pigeon"},
        {"trackingNumber": None},
        {"trackingNumber": "1" * 61},
        {"carrierCode": "Other", "carrierName": "x" * 61},
        {"orderItems": "all"},
    ],
)
def test_a_shipment_that_cannot_be_is_refused_and_changes_nothing(cast: Cast, software, wrong):
    order = cast.order(2)
    (item,) = ids(order)
    body = package(order, (item, 1), **wrong)
    for each in body["packageDetail"]["orderItems"]:
        if isinstance(each, dict) and each["orderItemId"] == "ITEM":
            each["orderItemId"] = item
    software.get("/sellers/v1/account")
    with nothing_changes():
        answer = software.ask("POST", f"{ORDERS}/{order.number}/shipmentConfirmation", body)
    assert answer.status_code == 400
    assert error_of(answer)[1] in {"Invalid Input", "InvalidInput"}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"marketplaceId": NaN}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 400),
        (b"", "application/json", 400),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b'"' + b"x" * 5_000_000 + b'"', "application/json", 413),
    ],
    ids=["cut off", "no number", "no text", "100,000 deep", "a list", "empty", "a form", "5 MB"],
)
def test_b40_a_body_that_cannot_be_read_is_answered_in_the_envelope(cast: Cast, software, content, kind, status):
    path = f"{ORDERS}/{cast.order(1).number}/shipmentConfirmation"
    headers = {"x-amz-access-token": software.token}
    answer = software.client.post(path, content, content_type=kind, headers=headers)
    assert error_of(answer)[0] == status
