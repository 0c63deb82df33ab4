"""The description of the door: whole, and true of every answer to what it allows and to what it does not."""

import json
import os
import re

import pytest
import schemathesis
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as of_schema

from spapi.description import document, operations
from tests.cast import Cast

from .conftest import software_of
from .test_access import OPERATIONS

# The storms' own number makes 20,000 requests of it.
EXAMPLES = 8 if "STORM_ROUNDS" not in os.environ else 2 * int(os.environ["STORM_ROUNDS"])
SCHEMA = schemathesis.openapi.from_dict(document("http://127.0.0.1"))
CHECKS = [
    checks.not_a_server_error,
    of_schema.status_code_conformance,
    of_schema.content_type_conformance,
    of_schema.response_schema_conformance,
]
FOUND = {found.ok().definition.raw["operationId"]: found.ok() for found in SCHEMA.get_all_operations()}


def test_every_operation_is_described_once_with_what_it_needs():
    described = {
        found["operationId"]: (method.upper(), found)
        for path in document("https://portal.example")["paths"].values()
        for method, found in path.items()
    }
    assert set(described) == {*OPERATIONS, "token"}
    for name, (method, _, scope) in OPERATIONS.items():
        known, found = described[name]
        assert known == method
        assert found["summary"]
        assert not re.search(r"domain|sp-api|\([A-Z]-?[0-9]", found["summary"])
        assert scope is None or scope in found["description"]


def test_the_document_is_openapi_3_1_and_for_everybody(client: Client):
    answer = client.get("/api/openapi.json")
    assert answer.status_code == 200
    found = json.loads(answer.content)
    assert found["openapi"].startswith("3.1")
    SCHEMA.validate()
    said = json.dumps(found)
    names = {each.rpartition("/")[2] for each in said.split('"') if each.startswith("#/components/schemas/")}
    assert names <= set(found["components"]["schemas"])


def test_the_page_shows_every_operation_in_both_languages(client: Client):
    for language in ("ja", "en"):
        said = client.get("/api/", headers={"accept-language": language}).content.decode()
        assert [each.plan.name for each in operations() if f'id="{each.plan.name}"' not in said] == []
        assert [each.path for each in operations() if each.path not in said] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", FOUND)
def test_no_answer_is_an_error_of_ours_or_undescribed(cast: Cast, live_server, name):
    """Whatever is sent: the status, the type and the shape of the answer are those of the description."""
    now = timezone.now()
    order = cast.order(2, placed_at=now)
    cast.request(order, now=now)
    software = software_of(cast.shop, cast.alice, now=now)
    token = {"x-amz-access-token": software.token}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize="STORM_ROUNDS" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=FOUND[name].as_strategy())
    def ask(case: schemathesis.Case) -> None:
        if len(case.path_parameters.get("number", "")) % 2:
            case.path_parameters["number"] = order.number
        case.call_and_validate(base_url=live_server.url, headers=token, checks=CHECKS)

    ask()
