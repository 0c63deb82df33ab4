"""Every operation × scope: refused without it; without a token nobody is let in; others' orders are not there."""

import pytest
from django.test import Client
from django.urls import get_resolver

from accounts.rules import Scope
from tests.books import nothing_changes
from tests.cast import Cast

from .conftest import error_of, software_of

READ, SHIP, CANCEL = Scope.ORDERS_READ, Scope.ORDERS_SHIP, Scope.ORDERS_CANCEL
ORDER = "/orders/v0/orders/{number}"
AT = "?marketplaceIds=A1VC38T7YXB528"
MESSAGING = "/messaging/v1/orders/{number}"
SUBSCRIPTION = "/notifications/v1/subscriptions/ORDER_CHANGE"


def said(action: str) -> str:
    """The address of a message to the buyer."""
    return f"{MESSAGING}/messages/{action}{AT}"


# Every operation: its name on the wire, the method, an address of it, and what keys must allow.
OPERATIONS = {
    "getOrders": ("GET", "/orders/v0/orders", READ),
    "getOrder": ("GET", ORDER, READ),
    "getOrderBuyerInfo": ("GET", f"{ORDER}/buyerInfo", READ),
    "getOrderAddress": ("GET", f"{ORDER}/address", READ),
    "getOrderItems": ("GET", f"{ORDER}/orderItems", READ),
    "getOrderItemsBuyerInfo": ("GET", f"{ORDER}/orderItems/buyerInfo", READ),
    "searchOrders": ("GET", "/orders/2026-01-01/orders", READ),
    "getOrder2026": ("GET", "/orders/2026-01-01/orders/{number}", READ),
    "updateShipmentStatus": ("POST", f"{ORDER}/shipment", SHIP),
    "confirmShipment": ("POST", f"{ORDER}/shipmentConfirmation", SHIP),
    "createRestrictedDataToken": ("POST", "/tokens/2021-03-01/restrictedDataToken", None),
    "createFeedDocument": ("POST", "/feeds/2021-06-30/documents", Scope.FEEDS),
    "createFeed": ("POST", "/feeds/2021-06-30/feeds", Scope.FEEDS),
    "getFeeds": ("GET", "/feeds/2021-06-30/feeds", Scope.FEEDS),
    "getFeed": ("GET", "/feeds/2021-06-30/feeds/1", Scope.FEEDS),
    "cancelFeed": ("DELETE", "/feeds/2021-06-30/feeds/1", Scope.FEEDS),
    "getFeedDocument": ("GET", "/feeds/2021-06-30/documents/1", Scope.FEEDS),
    "createReport": ("POST", "/reports/2021-06-30/reports", Scope.REPORTS),
    "getReports": ("GET", "/reports/2021-06-30/reports", Scope.REPORTS),
    "getReport": ("GET", "/reports/2021-06-30/reports/1", Scope.REPORTS),
    "cancelReport": ("DELETE", "/reports/2021-06-30/reports/1", Scope.REPORTS),
    "getReportSchedules": ("GET", "/reports/2021-06-30/schedules", Scope.REPORTS),
    "createReportSchedule": ("POST", "/reports/2021-06-30/schedules", Scope.REPORTS),
    "getReportSchedule": ("GET", "/reports/2021-06-30/schedules/1", Scope.REPORTS),
    "cancelReportSchedule": ("DELETE", "/reports/2021-06-30/schedules/1", Scope.REPORTS),
    "getReportDocument": ("GET", "/reports/2021-06-30/documents/1", Scope.REPORTS),
    "cancelOrder": ("POST", "/cancellations/v1/orders/{number}/cancellations", CANCEL),
    "getEligibility": ("GET", "/cancellations/v1/orders/{number}/eligibility", READ),
    "getRequests": ("GET", "/cancellations/v1/requests", READ),
    "getRequest": ("GET", "/cancellations/v1/requests/1", READ),
    "approveRequest": ("POST", "/cancellations/v1/requests/1/approval", CANCEL),
    "declineRequest": ("POST", "/cancellations/v1/requests/1/decline", CANCEL),
    "getRate": ("GET", "/cancellations/v1/rate", READ),
    "getMessagingActionsForOrder": ("GET", f"{MESSAGING}{AT}", Scope.MESSAGES),
    "GetAttributes": ("GET", f"{MESSAGING}/attributes{AT}", Scope.MESSAGES),
    "confirmCustomizationDetails": (
        "POST",
        said("confirmCustomizationDetails"),
        Scope.MESSAGES,
    ),
    "createConfirmDeliveryDetails": (
        "POST",
        said("confirmDeliveryDetails"),
        Scope.MESSAGES,
    ),
    "createConfirmOrderDetails": (
        "POST",
        said("confirmOrderDetails"),
        Scope.MESSAGES,
    ),
    "createConfirmServiceDetails": (
        "POST",
        said("confirmServiceDetails"),
        Scope.MESSAGES,
    ),
    "createDigitalAccessKey": (
        "POST",
        said("digitalAccessKey"),
        Scope.MESSAGES,
    ),
    "createUnexpectedProblem": (
        "POST",
        said("unexpectedProblem"),
        Scope.MESSAGES,
    ),
    "sendInvoice": ("POST", said("invoice"), Scope.MESSAGES),
    "createLegalDisclosure": (
        "POST",
        said("legalDisclosure"),
        Scope.MESSAGES,
    ),
    "createWarranty": ("POST", said("warranty"), Scope.MESSAGES),
    "createDestination": ("POST", "/notifications/v1/destinations", Scope.WEBHOOKS),
    "getDestinations": ("GET", "/notifications/v1/destinations", Scope.WEBHOOKS),
    "getDestination": ("GET", "/notifications/v1/destinations/1", Scope.WEBHOOKS),
    "deleteDestination": ("DELETE", "/notifications/v1/destinations/1", Scope.WEBHOOKS),
    "getSubscriptions": ("GET", "/notifications/v1/subscriptions", Scope.WEBHOOKS),
    "getSubscription": ("GET", SUBSCRIPTION, Scope.WEBHOOKS),
    "createSubscription": ("POST", SUBSCRIPTION, Scope.WEBHOOKS),
    "getSubscriptionById": ("GET", f"{SUBSCRIPTION}/1", Scope.WEBHOOKS),
    "deleteSubscriptionById": ("DELETE", f"{SUBSCRIPTION}/1", Scope.WEBHOOKS),
    "getMarketplaceParticipations": ("GET", "/sellers/v1/marketplaceParticipations", None),
    "getAccount": ("GET", "/sellers/v1/account", None),
}


def plans() -> dict[str, object]:
    """What the door itself knows of its operations, by name."""
    (door,) = (each for each in get_resolver().url_patterns if getattr(each, "namespace", "") == "spapi")
    operations = [
        operation
        for route in door.url_patterns
        for operation in getattr(route.callback, "operations", {}).values()
    ]
    return {operation.plan.name: operation.plan for operation in operations}


def test_every_operation_of_the_door_stands_in_this_table():
    assert {name: plan.scope for name, plan in plans().items()} == {
        name: scope for name, (_, _, scope) in OPERATIONS.items()
    }


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_needs_its_scope_and_no_other(cast: Cast, clock, name):
    method, path, scope = OPERATIONS[name]
    path = path.format(number=cast.order(1).number)
    without = software_of(cast.shop, cast.alice, scopes=[each for each in Scope if each != scope])
    only = software_of(cast.shop, cast.alice, scopes=[scope or Scope.ORDERS_REFUND])
    status = only.ask(method, path, {} if method == "POST" else None).status_code
    assert status != 403
    assert status < 500
    if scope:
        without.get("/sellers/v1/account")  # the use of the keys is noted now
        with nothing_changes():
            answer = without.ask(method, path, {} if method == "POST" else None)
        assert error_of(answer)[:2] == (403, "Unauthorized")
        assert scope in error_of(answer)[2]


@pytest.mark.parametrize("name", OPERATIONS)
def test_nobody_without_a_token_is_let_in_not_even_with_a_session(cast: Cast, name):
    method, path, _ = OPERATIONS[name]
    address = path.format(number=cast.order(1).number)
    for client in (Client(), signed_in(cast.alice)):
        assert error_of(client.generic(method, address))[:2] == (403, "Unauthorized")


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.parametrize("name", [name for name, (_, path, _) in OPERATIONS.items() if "{number}" in path])
def test_another_shops_order_and_one_that_is_nowhere_are_answered_alike(cast: Cast, rival, name):
    method, path, _ = OPERATIONS[name]
    number = cast.order(1).number
    body = SHIPMENTS.get(name)
    found = rival.ask(method, path.format(number=number), body)
    absent = rival.ask(method, path.format(number="250-0000000-0000000"), body)
    assert found.status_code == absent.status_code == 404
    assert found.content.replace(number.encode(), b"N") == absent.content.replace(b"250-0000000-0000000", b"N")


SHIPMENTS = {
    "cancelOrder": {"reasonCode": "OTHER"},
    "updateShipmentStatus": {"marketplaceId": "A1VC38T7YXB528", "shipmentStatus": "PickedUp"},
    "confirmShipment": {
        "marketplaceId": "A1VC38T7YXB528",
        "packageDetail": {
            "packageReferenceId": "1",
            "carrierCode": "YamatoTransport",
            "trackingNumber": "1234",
            "shipDate": "2026-07-01T04:00:00Z",
            "orderItems": [{"orderItemId": "05015851154158", "quantity": 1}],
        },
    },
}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/orders/v0/orders", "/sellers/v1/account", "/auth/o2/token"])
def test_b47_a_method_that_is_not_offered_is_405_and_says_which_are(software, method, path):
    answer = software.ask(method, path)
    assert answer.status_code == 405
    assert answer["Allow"]
    assert answer["Content-Type"] == "application/json"
