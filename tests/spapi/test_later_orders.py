"""Orders 2026-01-01: bare bodies, chosen data, and the request by its presence (sp-api 4)."""

from datetime import timedelta

import pytest

from tests.books import counted_statements
from tests.cast import Cast, lines_of

from .conftest import NOW, error_of

ORDERS = "/orders/2026-01-01/orders"
LONG_AGO = "2026-06-01T00:00:00Z"


def test_presence_of_the_request_is_the_request_and_the_execution_says_who_and_why(cast: Cast, software):
    order = cast.order(1, 1)
    first, _ = lines_of(order)
    cast.request(order, {first: 1}, now=NOW - timedelta(minutes=10))
    path = f"{ORDERS}/{order.number}"
    one, other = software.get(path, includedData="CANCELLATION").json()["order"]["orderItems"]
    assert one["cancellation"] == {
        "cancellationRequest": {"requester": "BUYER", "cancelReason": "商品が不要になった"}
    }
    assert "cancellation" not in other
    cast.cancel(order, units={first: 1}, now=NOW - timedelta(minutes=5))
    one, _ = software.get(path, includedData="CANCELLATION").json()["order"]["orderItems"]
    assert one["cancellation"]["cancellationExecution"]["cancelledBy"] == "MERCHANT"
    plain = software.get(path).json()["order"]
    assert not {"buyer", "recipient", "fulfillment", "proceeds"} & set(plain)
    assert all("cancellation" not in item for item in plain["orderItems"])


def test_data_is_told_as_chosen_and_not_before_the_payment_is_verified(cast: Cast, software):
    order, pending = cast.order(2), cast.order(1, verified=False)
    chosen = "BUYER,RECIPIENT,PROCEEDS,PAYMENT,FULFILLMENT"
    told = software.get(f"{ORDERS}/{order.number}", includedData=chosen).json()["order"]
    assert told["buyer"] == {"buyerName": cast.dora.name, "buyerEmail": cast.dora.email}
    assert told["recipient"]["deliveryAddress"]["name"] == order.recipient.name
    assert told["proceeds"]["grandTotal"] == {"amount": "2300", "currencyCode": "JPY"}
    assert told["fulfillment"]["fulfillmentStatus"] == "UNSHIPPED"
    (item,) = told["orderItems"]
    assert item["product"]["price"]["unitPrice"] == {"amount": "1000", "currencyCode": "JPY"}
    untold = software.get(f"{ORDERS}/{pending.number}", includedData=chosen).json()["order"]
    assert not {"buyer", "recipient", "proceeds", "payment"} & set(untold)


def test_a_search_pages_with_all_its_parameters_sent_again(cast: Cast, software, rival):
    numbers = {order.number for order in cast.orders(3)}
    query = {"createdAfter": LONG_AGO, "maxResultsPerPage": "2", "fulfillmentStatuses": "UNSHIPPED"}
    first = software.get(ORDERS, **query).json()
    second = software.get(ORDERS, **query, paginationToken=first["pagination"]["nextToken"]).json()
    assert {each["orderId"] for page in (first, second) for each in page["orders"]} == numbers
    assert "pagination" not in second
    assert first["createdBefore"] == "2026-07-01T03:58:00Z"
    assert rival.get(ORDERS, **query).json()["orders"] == []
    assert rival.get(ORDERS, paginationToken=first["pagination"]["nextToken"]).status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"createdAfter": LONG_AGO, "lastUpdatedAfter": LONG_AGO},
        {"createdAfter": "yesterday"},
        {"createdAfter": LONG_AGO, "fulfillmentStatuses": "CANCELED"},
        {"createdAfter": LONG_AGO, "includedData": "EVERYTHING"},
        {"createdAfter": LONG_AGO, "maxResultsPerPage": "0"},
    ],
)
def test_what_cannot_be_asked_is_refused(cast: Cast, software, query):
    cast.order(1)
    assert error_of(software.get(ORDERS, **query))[:2] == (400, "InvalidInput")


def test_a_page_costs_the_same_statements_whatever_it_holds(cast: Cast, software):
    cast.orders(2)
    software.get("/sellers/v1/account")

    def statements() -> int:
        with counted_statements() as said:
            assert software.get(ORDERS, createdAfter=LONG_AGO, includedData="CANCELLATION").status_code == 200
        return said[0]

    few = statements()
    cast.orders(40)
    assert statements() == few


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({}, "createdAfter and lastUpdatedAfter"),
        ({"createdAfter": "x"}, "createdAfter: "),
        ({"lastUpdatedAfter": "2026-06-01T00:00:00Z", "maxResultsPerPage": "101"}, "maxResultsPerPage: "),
        ({"paginationToken": "x"}, "paginationToken: "),
    ],
)
def test_what_cannot_be_asked_is_named_as_it_was_sent(software, query, named):
    assert named in error_of(software.get("/orders/2026-01-01/orders", **query))[2]
