"""The request and answer pairs of the published models, asked here: what they promise is what comes back.

A pair names things that only the sandbox has. They are put into this marketplace's words first: its own marketplace,
feeds and reports that it knows, orders and documents that are there. What cannot be is left as it was written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from feeds.actions import run_feeds
from orders.models import Order
from reports.actions import make_report
from tests.cast import Cast

from .conftest import NOW, Software
from .test_documents import ACTIONABLE, CANCEL, fed, lines, ordered, own_store, put, reserved, scheduled
from .test_models import FEEDS, MARKET, REPORTS, compare, models, read_models
from .test_notifications import ARN, destination, subscribe

__all__ = ["models", "own_store"]

# What this portal does not offer, and says so: prescriptions, stores to pick parcels up, messages that are files.
NOT_OFFERED = ("regulatedInfo", "shipment", "legalDisclosure", "warranty", "invoice")
# In the sandbox's words, by ours.
WORDS = {
    "POST_PRODUCT_DATA": CANCEL,
    **dict.fromkeys(
        (
            "FEE_DISCOUNTS_REPORT",
            "GET_AFN_INVENTORY_DATA",
            "GET_MERCHANT_LISTINGS_ALL_DATA",
            "GET_FBA_FULFILLMENT_CUSTOMER_TAXES_DATA",
        ),
        ACTIONABLE,
    ),
    **dict.fromkeys(("ATVPDKIKX0DER", "A1F83G8C2ARO7P", "A1PA6795UKMFR9", "A2Q3Y263D00KWC"), MARKET),
    "ANY_OFFER_CHANGED": "ORDER_CHANGE",
    **dict.fromkeys(("TEST_CASE_200", "TEST_CASE_200_NEXT_TOKEN"), "2026-06-01T00:00:00Z"),
    "2022-02-11T01:00:00.000Z": NOW.isoformat(),
    "2024-03-10T20:11:24.000Z": "2026-06-10T20:11:24.000Z",
    "FedEx": "YamatoTransport",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """One request of the sandbox, and the status of its answer."""

    method: str
    template: str
    status: int
    given: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.template} {self.status}"

    @property
    def is_good(self) -> bool:
        return self.status < 400


def pairs() -> Iterator[Pair]:
    """All pairs of the models that lie beside the project; none without them."""
    for model in read_models().values():
        for template, operations in model.get("paths", {}).items():
            if template.rpartition("/")[2] in NOT_OFFERED:
                continue
            for method in sorted({"get", "post", "delete"} & set(operations)):
                for status, answer in operations[method]["responses"].items():
                    for each in answer.get("x-amzn-api-sandbox", {}).get("static", []):
                        given = {name: value["value"] for name, value in each["request"]["parameters"].items()}
                        pair = Pair(method.upper(), template, int(status), given)
                        # One that fails for no reason that is written down cannot be asked.
                        if pair.is_good or given or "{" in template:
                            yield pair


def in_our_words(value: Any) -> Any:
    """A value of the sandbox with everything that only it knows replaced."""
    if isinstance(value, dict):
        return {name: in_our_words(inner) for name, inner in value.items()}
    if isinstance(value, list):
        found = [in_our_words(inner) for inner in value]
        return [inner for place, inner in enumerate(found) if inner not in found[:place]]
    return WORDS.get(value, value)


class Things:
    """What a pair is about, made here: each by the name that the path has for it."""

    def __init__(self, cast: Cast, software: Software) -> None:
        self.cast, self.software = cast, software

    def order(self) -> Order:
        order = self.cast.order(2)
        self.cast.request(order, now=NOW - timedelta(minutes=10))
        return order

    def feed(self, *, waits: bool) -> str:
        key = fed(self.software, lines(self.cast.order(1)))
        if not waits:
            run_feeds(seller_id=self.cast.shop.pk, clock=lambda: NOW)
        return key

    def report(self, *, waits: bool) -> str:
        key = ordered(self.software)
        if not waits:
            make_report(report_id=int(key), clock=lambda: NOW)
        return key

    def named(self, pair: Pair) -> dict[str, str]:
        """The parts of the pair's path that stand for something."""
        waits = pair.method == "DELETE"
        makers = {
            "orderId": lambda: self.order().number,
            "amazonOrderId": lambda: self.order().number,
            "feedId": lambda: self.feed(waits=waits),
            "feedDocumentId": self.feed_document,
            "reportId": lambda: self.report(waits=waits),
            "reportScheduleId": lambda: scheduled(self.software).json()["reportScheduleId"],
            "reportDocumentId": self.report_document,
            "notificationType": lambda: "ORDER_CHANGE",
            "destinationId": lambda: destination(self.software)["destinationId"],
            "subscriptionId": self.subscription,
        }
        if pair.method == "GET" and pair.template.endswith("/{notificationType}"):
            self.subscription()
        return {name: make() for name, make in makers.items() if f"{{{name}}}" in pair.template}

    def token(self, path: str, query: dict[str, str], name: str) -> str:
        """The token of a second page."""
        self.cast.orders(3)
        asked = {key: value for key, value in query.items() if key != name}
        size = {"NextToken": "MaxResultsPerPage", "paginationToken": "maxResultsPerPage"}[name]
        found = self.software.get(path, **asked, **{size: 1}).json()
        return found["payload"]["NextToken"] if name == "NextToken" else found["pagination"]["nextToken"]

    def feed_document(self) -> str:
        key = self.feed(waits=False)
        return self.software.get(f"{FEEDS}/feeds/{key}").json()["resultFeedDocumentId"]

    def report_document(self) -> str:
        key = self.report(waits=False)
        return self.software.get(f"{REPORTS}/reports/{key}").json()["reportDocumentId"]

    def subscription(self) -> str:
        made = subscribe(self.software, "ORDER_CHANGE", destination(self.software)["destinationId"])
        return made.json()["payload"]["subscriptionId"]

    def body(self, pair: Pair, named: dict[str, str]) -> Any:
        """The pair's body about things that are there; where the model shows none, one that the operation takes."""
        body = in_our_words(pair.given.get("body"))
        if not pair.is_good:
            return body
        if pair.template.startswith("/messaging/") and body:
            body.pop("attachments", None)  # messages of software are text alone here
        match pair.method, pair.template.rpartition("/")[2]:
            case "POST", "feeds":
                name, path = reserved(self.software)
                put(path, lines(self.cast.order(1)))
                return body | {"inputFeedDocumentId": name}
            case "POST", "destinations":
                return {"name": "注文", "resourceSpecification": {"sqs": {"arn": ARN}}}
            case "POST", "{notificationType}":
                return {"payloadVersion": "1.0", "destinationId": destination(self.software)["destinationId"]}
            case "POST", "shipmentConfirmation":
                item = Order.objects.get(number=named["orderId"]).items.get().item_id
                body["packageDetail"] |= {"orderItems": [{"orderItemId": item, "quantity": 2}]}
        return body


@pytest.mark.parametrize("pair", list(pairs()) or [None], ids=str)
def test_a_pair_of_the_sandbox_is_answered_as_it_promises(models, cast: Cast, software: Software, pair: Pair):
    """A thing that the sandbox calls bad is one that is not there: this portal says 404 for it (sp-api 1.4)."""
    things = Things(cast, software)
    if pair.is_good:
        named = things.named(pair)
    else:
        named = {name: str(pair.given.get(name, "bad")) for name in re.findall(r"{(\w+)}", pair.template)}
    path = pair.template.format(**named)
    query = {
        name: ",".join(value) if isinstance(value, list) else value
        for name, value in in_our_words(pair.given).items()
        if name != "body" and name not in named
    }
    if pair.template.startswith("/messaging/"):
        query["marketplaceIds"] = MARKET  # required by the model, and left out by its pairs
    if token := {"NextToken", "paginationToken"} & set(query):
        query |= dict.fromkeys(token, things.token(path, query, *token))
    answer = software.ask(pair.method, path, things.body(pair, named), **query)
    promised = {pair.status} if pair.is_good else {pair.status, 404}
    assert answer.status_code in promised, answer.content
    compare(models, pair.method, path, answer)
