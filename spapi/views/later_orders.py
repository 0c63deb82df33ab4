"""Orders 2026-01-01: search and read, with the data that is asked for (sp-api 4), by the same polls as version 0."""

import re
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import QueryDict

from accounts.rules import Scope
from cancellations.polling import executed_items, requested_items
from orders import polling
from orders.polling import PLACED, Polled
from spapi import later_shapes, problems, shapes
from spapi.door import Call, by_method, operation
from spapi.params import LIST, MOMENT, NUMBER, TEXT, Query
from spapi.polls import page_of
from spapi.problems import Problem

INCLUDED = (
    "BUYER",
    "RECIPIENT",
    "PROCEEDS",
    "EXPENSE",
    "PROMOTION",
    "CANCELLATION",
    "FULFILLMENT",
    "PACKAGES",
    "TAX",
    "PAYMENT",
    "FULFILLMENT_ORDERS",
)
STATUSES = (
    "PENDING_AVAILABILITY",
    "PENDING",
    "UNSHIPPED",
    "PARTIALLY_SHIPPED",
    "SHIPPED",
    "CANCELLED",
    "UNFULFILLABLE",
)
# This version's statuses in the words of version 0.
EARLIER = {later: shapes.STATUSES[own] for own, later in later_shapes.STATUSES.items()} | {
    "PENDING_AVAILABILITY": "PendingAvailability",
    "UNFULFILLABLE": "Unfulfillable",
}
CHANNELS = {"MERCHANT": "MFN", "AMAZON": "AFN"}
MOMENTS = {
    "createdAfter": "CreatedAfter",
    "createdBefore": "CreatedBefore",
    "lastUpdatedAfter": "LastUpdatedAfter",
    "lastUpdatedBefore": "LastUpdatedBefore",
}


SEARCH = dict.fromkeys(MOMENTS, MOMENT) | {
    "fulfillmentStatuses": LIST,
    "fulfilledBy": LIST,
    "marketplaceIds": LIST,
    "maxResultsPerPage": NUMBER,
    "paginationToken": TEXT,
}


@operation("searchOrders", rate=0.0056, burst=20, scope=Scope.ORDERS_READ, query=SEARCH | {"includedData": LIST})
def search_orders(call: Call) -> dict[str, Any]:
    """Orders that were placed or changed since a moment, earliest first."""
    query, earlier = call.query, QueryDict(mutable=True)
    if token := query.text("paginationToken"):
        earlier["NextToken"] = token
    for name, other in MOMENTS.items():
        if not token and (value := query.text(name)):
            earlier[other] = value
    statuses = query.texts("fulfillmentStatuses", known=STATUSES)
    channels = query.texts("fulfilledBy", known=tuple(CHANNELS))
    earlier.setlist("OrderStatuses", [EARLIER[each] for each in statuses])
    earlier.setlist("FulfillmentChannels", [CHANNELS[each] for each in channels])
    earlier.setlist("MarketplaceIds", query.texts("marketplaceIds", most=50) or [settings.MARKETPLACE_ID])
    if limit := query.text("maxResultsPerPage"):
        earlier["MaxResultsPerPage"] = limit
    try:
        page = page_of(Query(earlier), call.seller_id, now=call.now)
    except Problem as problem:
        raise _in_own_names(problem) from None
    body: dict[str, Any] = {"orders": _shapes(call, page.orders)}
    if page.token:
        body["pagination"] = {"nextToken": page.token}
    if page.before:
        body["createdBefore" if page.column == PLACED else "lastUpdatedBefore"] = shapes.moment(page.before)
    return body


def _in_own_names(problem: Problem) -> Problem:
    """The same problem, with the parameters as this version calls them."""
    own = {earlier: later for later, earlier in MOMENTS.items()} | {
        "MaxResultsPerPage": "maxResultsPerPage",
        "NextToken": "paginationToken",
    }
    details = re.sub("|".join(own), lambda found: own[found[0]], problem.details)
    return Problem(problem.status, problem.code, problem.message, details)


@operation("getOrder2026", rate=0.5, burst=30, scope=Scope.ORDERS_READ, query={"includedData": LIST})
def get_order(call: Call, number: str) -> dict[str, Any]:
    """One order."""
    order = polling.polled_order(call.seller_id, number)
    if order is None:
        raise problems.not_found(number[:60])
    (shape,) = _shapes(call, [order])
    return {"order": shape}


def _shapes(call: Call, orders: Sequence[Polled]) -> list[dict[str, Any]]:
    """Orders with their items, in a fixed number of statements."""
    included = call.query.texts("includedData", known=INCLUDED)
    items = polling.items_of(orders)
    is_asked = "CANCELLATION" in included
    requested = requested_items(items) if is_asked else {}
    executed = executed_items(items) if is_asked else {}
    return [later_shapes.order_parts(order, items[order.pk], requested, executed, included) for order in orders]


orders = by_method(get=search_orders)
order = by_method(get=get_order)
