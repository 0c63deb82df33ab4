"""Answers as the published models of the wire describe them: every member known, of its type, all that is required.

The models lie beside the project and are not part of it; without them this file says so and tries nothing.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from jsonschema import Draft4Validator

from feeds.actions import run_feeds
from reports.actions import make_report
from tests.cast import Cast, lines_of

from .conftest import NOW, Software
from .test_documents import lines, own_store, put, reserved, scheduled

__all__ = ["own_store"]

MODELS = Path(settings.BASE_DIR).parent / "shared" / "spec" / "models"
MARKET = "A1VC38T7YXB528"
V0, LATER, FEEDS, REPORTS = (
    "/orders/v0/orders",
    "/orders/2026-01-01/orders",
    "/feeds/2021-06-30",
    "/reports/2021-06-30",
)
AGO = {"MarketplaceIds": MARKET, "LastUpdatedAfter": "2026-06-01T00:00:00Z"}
ACTIONABLE = "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING"


@pytest.fixture(scope="module")
def models_if_there() -> dict[str, dict]:
    """The same for tests that say more than the models do: empty without them."""
    return read_models()


def read_models() -> dict[str, dict]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(MODELS.glob("*.json"))}


@pytest.fixture(scope="module")
def models() -> dict[str, dict]:
    """The models by the file's name."""
    if not MODELS.is_dir():
        pytest.skip("the published models are not beside the project: answers are not compared with them")
    return read_models()


def response_of(models: dict[str, dict], method: str, path: str, status: int) -> tuple[dict, dict]:
    """The model that knows this address, and the schema of its answer with this status."""
    for model in models.values():
        for template, operations in model.get("paths", {}).items():
            if matches(template, path) and method.lower() in operations:
                return model, operations[method.lower()]["responses"][str(status)].get("schema", {})
    raise AssertionError(f"no model knows {method} {path}")


def matches(template: str, path: str) -> bool:
    wanted, given = template.strip("/").split("/"), path.strip("/").split("/")
    return len(wanted) == len(given) and all(
        one == other or one.startswith("{") for one, other in zip(wanted, given, strict=True)
    )


def resolved(model: dict, schema: dict) -> dict:
    while "$ref" in schema:
        schema = model["definitions"][schema["$ref"].rpartition("/")[2]]
    return schema


def unknown(model: dict, schema: dict, value: Any, where: str = "") -> Iterator[str]:
    """Members of an answer that the model does not know."""
    schema = resolved(model, schema)
    parts = [schema, *(resolved(model, each) for each in schema.get("allOf", []))]
    known = {name: kind for part in parts for name, kind in part.get("properties", {}).items()}
    if isinstance(value, dict) and known:
        for name, inner in value.items():
            if name in known:
                yield from unknown(model, known[name], inner, f"{where}.{name}")
            else:
                yield f"{where}.{name}"
    if isinstance(value, list):
        for inner in value:
            yield from unknown(model, schema.get("items", {}), inner, f"{where}[]")


def compare(models: dict[str, dict], method: str, path: str, answer) -> None:
    """Require that an answer is what its model promises; without models there is none."""
    if not models:
        return
    model, schema = response_of(models, method, path, answer.status_code)
    if not answer.content:
        assert not schema, f"{method} {path} should have a body"
        return
    body = answer.json()
    validator = Draft4Validator({**schema, "definitions": model["definitions"]})
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)] == []
    assert sorted(set(unknown(model, schema, body))) == []


class Compared:
    """Asks like a shop's software, and compares every answer."""

    def __init__(self, models: dict[str, dict], software: Software) -> None:
        self.models, self.software = models, software

    def ask(self, method: str, path: str, body: object = None, **query):
        answer = self.software.ask(method, path, body, **query)
        compare(self.models, method, path, answer)
        return answer


@pytest.fixture
def compared(models, software) -> Compared:
    return Compared(models, software)


@pytest.fixture
def order(cast: Cast):
    """An order of two items; the buyer asks for one of them back."""
    order = cast.order(2, 1)
    cast.request(order, {lines_of(order)[0]: 1}, now=NOW - timedelta(minutes=10))
    return order


def test_orders_v0(compared, cast: Cast, order):
    for tail in ("", "/buyerInfo", "/address", "/orderItems", "/orderItems/buyerInfo"):
        assert compared.ask("GET", f"{V0}/{order.number}{tail}").status_code == 200
        assert compared.ask("GET", f"{V0}/503-0000000-0000000{tail}").status_code == 404
    cast.orders(3)
    first = compared.ask("GET", V0, **AGO, MaxResultsPerPage="2").json()["payload"]
    assert compared.ask("GET", V0, MarketplaceIds=MARKET, NextToken=first["NextToken"]).status_code == 200
    assert compared.ask("GET", V0).status_code == 400
    assert compared.ask("GET", V0, **AGO | {"MarketplaceIds": "ATVPDKIKX0DER"}).status_code == 403


def test_a_shipment(compared, cast: Cast):
    order = cast.order(2)
    package = {
        "packageReferenceId": "1",
        "carrierCode": "Yamato",
        "carrierName": "ヤマト運輸",
        "trackingNumber": "1234",
        "shipDate": NOW.isoformat(),
        "orderItems": [{"orderItemId": order.items.get().item_id, "quantity": 2}],
    }
    body = {"marketplaceId": MARKET, "packageDetail": package}
    path = f"{V0}/{order.number}/shipmentConfirmation"
    assert compared.ask("POST", path, body).status_code == 204
    assert compared.ask("POST", path, {}).status_code == 400
    assert compared.ask("POST", f"{V0}/{order.number}/shipment", {}).status_code in {400, 404}


def test_orders_of_2026(compared, cast: Cast, order):
    data = "BUYER,RECIPIENT,PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES"
    assert compared.ask("GET", f"{LATER}/{order.number}", includedData=data).status_code == 200
    cast.cancel(order)
    assert compared.ask("GET", f"{LATER}/{order.number}", includedData=data).status_code == 200
    assert compared.ask("GET", f"{LATER}/503-0000000-0000000").status_code == 404
    query = {"marketplaceIds": MARKET, "lastUpdatedAfter": "2026-06-01T00:00:00Z", "includedData": data}
    assert compared.ask("GET", LATER, **query).status_code == 200
    assert compared.ask("GET", LATER).status_code == 400


def test_feeds(compared, software, order):
    document, url = reserved(software)
    assert put(url, gzip.compress(lines(order)), **{"Content-Encoding": "gzip"}).status_code == 200
    compared.ask("POST", f"{FEEDS}/documents", {"contentType": "text/xml"})
    kind = "POST_FLAT_FILE_ORDER_ACKNOWLEDGEMENT_DATA"
    body = {"feedType": kind, "inputFeedDocumentId": document, "marketplaceIds": [MARKET]}
    feed = compared.ask("POST", f"{FEEDS}/feeds", body).json()["feedId"]
    assert compared.ask("POST", f"{FEEDS}/feeds", body).status_code == 400
    compared.ask("GET", f"{FEEDS}/feeds/{feed}")
    run_feeds(seller_id=order.seller_id, clock=lambda: NOW)
    done = compared.ask("GET", f"{FEEDS}/feeds/{feed}").json()
    compared.ask("GET", f"{FEEDS}/documents/{done['resultFeedDocumentId']}")
    assert compared.ask("GET", f"{FEEDS}/feeds", feedTypes=kind).status_code == 200
    assert compared.ask("DELETE", f"{FEEDS}/feeds/{feed}").status_code == 400
    assert compared.ask("GET", f"{FEEDS}/feeds/999").status_code == 404


def test_reports_and_their_timetables(compared, software, order):
    body = {"reportType": ACTIONABLE, "marketplaceIds": [MARKET]}
    report = compared.ask("POST", f"{REPORTS}/reports", body).json()["reportId"]
    make_report(report_id=int(report), clock=lambda: NOW)
    done = compared.ask("GET", f"{REPORTS}/reports/{report}").json()
    path = f"{REPORTS}/documents/{done['reportDocumentId']}"
    assert compared.ask("GET", path).status_code == 403
    wanted = {"restrictedResources": [{"method": "GET", "path": path}]}
    token = compared.ask("POST", "/tokens/2021-03-01/restrictedDataToken", wanted).json()["restrictedDataToken"]
    assert compared.ask("GET", path, token=token).status_code == 200
    assert compared.ask("GET", f"{REPORTS}/reports", reportTypes=ACTIONABLE).status_code == 200
    assert compared.ask("DELETE", f"{REPORTS}/reports/{report}").status_code == 400
    schedule = scheduled(software).json()["reportScheduleId"]
    compared.ask("POST", f"{REPORTS}/schedules", body | {"period": "P1D"})
    assert compared.ask("GET", f"{REPORTS}/schedules", reportTypes=ACTIONABLE).status_code == 200
    assert compared.ask("GET", f"{REPORTS}/schedules/{schedule}").status_code == 404


def test_sellers_and_tokens(compared):
    assert compared.ask("GET", "/sellers/v1/marketplaceParticipations").status_code == 200
    assert compared.ask("GET", "/sellers/v1/account").status_code == 200
    assert compared.ask("POST", "/tokens/2021-03-01/restrictedDataToken", {}).status_code == 400


def test_the_published_samples_of_errors_have_our_form(models):
    """Each sample of a refusal is an envelope like ours: code, message, details, and nothing else."""
    seen = 0
    for model in models.values():
        for operations in model.get("paths", {}).values():
            for operation in operations.values():
                if not isinstance(operation, dict):
                    continue
                for status, response in operation.get("responses", {}).items():
                    for sample in response.get("x-amzn-api-sandbox", {}).get("static", []):
                        if int(status) >= 400 and (errors := sample.get("response", {}).get("errors")):
                            seen += 1
                            assert all(
                                {"code", "message"} <= set(error) <= {"code", "message", "details"}
                                for error in errors
                            )
    assert seen > 10
