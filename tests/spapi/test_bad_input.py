"""Whatever is sent is answered in the wire's own words: never a page, never a 500 (reliability B-40 to B-46)."""

import json

import pytest
from django.db import OperationalError
from django.test import Client
from psycopg2.errors import LockNotAvailable

from tests.books import nothing_changes
from tests.cast import Cast

from .conftest import error_of

OWN, V0, REPORTS = "/cancellations/v1", "/orders/v0/orders", "/reports/2021-06-30"
MARKET = "A1VC38T7YXB528"


@pytest.mark.parametrize("path", [f"{V0}/%00", f"{V0}/%00/orderItems", f"{OWN}/orders/%00/eligibility"])
def test_b43_a_zero_byte_in_an_address_is_an_unknown_order(software, path):
    assert error_of(software.client.get(path, headers={"x-amz-access-token": software.token}))[:2] == (
        404,
        "NotFound",
    )


def test_b43_a_zero_character_in_a_body_is_refused(cast: Cast, software):
    order = cast.order(1)
    body = {"reasonCode": "NO_INVENTORY", "memo": "a\x00b"}
    software.get("/sellers/v1/account")  # the use of the keys is noted now
    with nothing_changes():
        answer = software.ask("POST", f"{OWN}/orders/{order.number}/cancellations", body)
    assert error_of(answer)[:2] == (400, "InvalidInput")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z"])
def test_b46_moments_at_the_ends_of_the_calendar_are_refused(software, moment):
    assert error_of(software.get(f"{OWN}/rate", asOf=moment))[:2] == (400, "InvalidInput")
    report = {
        "reportType": "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL",
        "marketplaceIds": [MARKET],
        "dataEndTime": moment,
    }
    assert error_of(software.ask("POST", f"{REPORTS}/reports", report))[:2] == (400, "InvalidInput")
    assert error_of(software.get(V0, MarketplaceIds=MARKET, LastUpdatedAfter=moment))[:2] == (400, "InvalidInput")


@pytest.mark.parametrize("path", ["/orders/v1/orders", "/feeds/2020-09-04/feeds", "/reports/2021-06-30/nothing"])
def test_an_unknown_address_is_denied_in_the_wires_envelope(software, path):
    assert error_of(software.get(path)) == (403, "Unauthorized", "")
    assert error_of(software.ask("POST", path, {})) == (403, "Unauthorized", "")


def test_the_token_endpoint_answers_bodies_that_are_too_large(db):
    for body in ("a=" + "x" * 3_000_000, "&".join(f"a{number}=1" for number in range(4000))):
        answer = Client().post("/auth/o2/token", body, content_type="application/x-www-form-urlencoded")
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    answer = Client().post("/auth/o2/token", json.dumps({"grant_type": "x\x00"}), content_type="application/json")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def failing(cause: Exception | None):
    def fail(*args, **kwargs):
        raise OperationalError("away") from cause

    return fail


def test_an_order_that_somebody_holds_is_busy_and_a_database_that_is_away_is_unavailable(software, monkeypatch):
    monkeypatch.setattr("spapi.views.orders.polling.polled_order", failing(LockNotAvailable()))
    answer = software.get(f"{V0}/503-1234567-1234567")
    assert error_of(answer)[:2] == (409, "ORDER_BUSY")
    monkeypatch.setattr("spapi.views.orders.polling.polled_order", failing(None))
    assert error_of(software.get(f"{V0}/503-1234567-1234567"))[:2] == (503, "ServiceUnavailable")
