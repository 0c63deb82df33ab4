"""Tokens: for keys at the token endpoint, and restricted ones that show the buyer's data (sp-api 2, 7)."""

import math
import re
from typing import Any
from uuid import uuid4

import msgspec
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from accounts.tokens import (
    GOOD_FOR,
    InvalidClient,
    InvalidGrant,
    exchange,
    refresh,
    restrict,
    without_seller,
)
from spapi.door import Call, by_method, operation, read_body
from spapi.limits import Limit, buckets
from spapi.problems import Problem

SCOPES = frozenset(
    {
        "sellingpartnerapi::notifications",
        "sellingpartnerapi::migration",
        "sellingpartnerapi::client_credential:rotation",
    }
)
# Ways to ask for a token, and the parameter that each needs beside the client's own.
NEEDED = {"refresh_token": "refresh_token", "client_credentials": "scope", "authorization_code": "code"}
# For each client and address.
PATIENCE = Limit(rate=1, burst=60)
SECONDS = int(GOOD_FOR.total_seconds())
INVALID_GRANT = (
    "The request has an invalid grant parameter : {}. User may have revoked or didn't grant the permission."
)


class _Refused(Exception):
    """The token endpoint's own error envelope (sp-api 2)."""

    def __init__(self, status: int, error: str, description: str, wait: int = 0) -> None:
        super().__init__(error)
        self.status, self.error, self.description, self.wait = status, error, description, wait


@csrf_exempt
@sensitive_post_parameters("client_secret", "refresh_token", "code")
@sensitive_variables("given")
def token(request: HttpRequest) -> HttpResponse:
    """An access token for keys; the body is a form or JSON."""
    try:
        if request.method != "POST":
            raise _Refused(405, "invalid_request", "Send POST.")
        try:
            given = _given(request)
        except SuspiciousOperation:
            raise _Refused(400, "invalid_request", "The body is too large.") from None
        _require_patience(request, given)
        body, status, wait = _granted(given), 200, 0
    except _Refused as refused:
        body = {
            "error": refused.error,
            "error_description": refused.description,
            "request_id": getattr(request, "id", "") or str(uuid4()),
        }
        status, wait = refused.status, refused.wait
    response = HttpResponse(msgspec.json.encode(body), status=status, content_type="application/json")
    response["Cache-Control"], response["Pragma"] = "no-store", "no-cache"
    if status == 405:
        response["Allow"] = "POST"
    if wait:
        response["Retry-After"] = str(wait)
    return response


def _require_patience(request: HttpRequest, given: dict[str, str]) -> None:
    """A token is good for an hour: nobody needs one every second for long."""
    if not settings.SPAPI_RATE_LIMITS:
        return
    caller = f"{given.get('client_id', '')} {request.META['REMOTE_ADDR']}"
    wait = buckets.take_of(caller, "token", PATIENCE, now=timezone.now()).wait
    if wait:
        raise _Refused(503, "temporarily_unavailable", "Too many requests for tokens.", math.ceil(wait))


def _given(request: HttpRequest) -> dict[str, str]:
    if request.content_type == "application/json":
        try:
            body = read_body(request, dict[str, Any])
        except Problem as problem:
            raise _Refused(400, "invalid_request", problem.details) from None
        given = {name: value for name, value in body.items() if isinstance(value, str)}
    else:
        given = {name: value for name, value in request.POST.items() if isinstance(value, str)}
    if any("\x00" in value for value in given.values()):
        raise _Refused(400, "invalid_request", "A parameter cannot be read.")
    return given


def _granted(given: dict[str, str]) -> dict[str, Any]:
    grant = given.get("grant_type", "")
    needed = NEEDED.get(grant)
    if needed is None:
        raise _Refused(400, "unsupported_grant_type", f"Send one of {', '.join(NEEDED)} as grant_type.")
    for name in (needed, "client_id", "client_secret"):
        if not given.get(name):
            raise _Refused(400, "invalid_request", f"The request is missing a required parameter : {name}")
    keys = {"client_id": given["client_id"], "client_secret": given["client_secret"]}
    answer = {"token_type": "bearer", "expires_in": SECONDS}
    now = timezone.now()
    try:
        if grant == "refresh_token":
            made = refresh(**keys, refresh_token=given["refresh_token"], now=now)
            return {"access_token": made, "refresh_token": given["refresh_token"], **answer}
        if grant == "authorization_code":
            redirect = given.get("redirect_uri", "")
            refresh_token, made = exchange(**keys, code=given["code"], redirect=redirect, now=now)
            return {"access_token": made, "refresh_token": refresh_token, **answer}
        if not SCOPES.issuperset(given["scope"].split()):
            raise _Refused(400, "invalid_scope", "The requested scope is unknown.")
        return {"access_token": without_seller(**keys, now=now), "scope": given["scope"], **answer}
    except InvalidClient:
        raise _Refused(401, "invalid_client", "Client authentication failed") from None
    except InvalidGrant:
        raise _Refused(400, "invalid_grant", INVALID_GRANT.format(needed)) from None


# --- restricted tokens --------------------------------------------------------------------------------------

ELEMENTS = frozenset({"buyerInfo", "shippingAddress", "buyerTaxInformation"})
# What a restricted token may open; the last part of the first three needs to say which data it shows.
_PATHS = re.compile(
    r"/orders/v0/orders(/[^/]+(/orderItems)?)?"
    r"|/orders/v0/orders/[^/]+/(buyerInfo|address|orderItems/buyerInfo)"
    r"|/reports/2021-06-30/documents/[^/{}]+"
)
_ASKS_ELEMENTS = re.compile(r"/orders/v0/orders(/[^/]+(/orderItems)?)?")


class RestrictedResource(msgspec.Struct, rename="camel"):
    """An address that a restricted token opens, and the data of the buyer that it shows there."""

    method: str = ""
    path: str = ""
    data_elements: list[str] = []


class RestrictedDataTokenRequest(msgspec.Struct, rename="camel"):
    """The body of createRestrictedDataToken."""

    restricted_resources: list[RestrictedResource] = []
    target_application: str = ""


def _unusable(details: str) -> Problem:
    return Problem(400, "InvalidRequest", "Request is missing or has invalid parameters", details)


@operation("createRestrictedDataToken", rate=1, burst=10, scope=None, body=RestrictedDataTokenRequest)
def create_restricted_data_token(call: Call) -> dict[str, Any]:
    """A token for an hour that shows the buyer's data at these addresses and opens no other (S-21)."""
    resources = call.body(RestrictedDataTokenRequest).restricted_resources
    if not 1 <= len(resources) <= 50:
        raise _unusable("restrictedResources: 1 to 50.")
    for resource in resources:
        if not resource.method or not resource.path:
            raise _unusable("Resource not provided.")
        path = resource.path.partition("?")[0]
        if resource.method not in {"GET", "PUT", "POST", "DELETE"} or not _PATHS.fullmatch(path):
            raise _unusable(f"{resource.method[:10]} {path[:200]} is no restricted resource.")
        if not ELEMENTS.issuperset(resource.data_elements):
            raise _unusable(f"dataElements: {', '.join(sorted(ELEMENTS))}.")
        if _ASKS_ELEMENTS.fullmatch(path) and not resource.data_elements:
            raise _unusable(f"dataElements: required for {path[:200]}.")
    kept = [
        {"method": each.method, "path": each.path.partition("?")[0], "dataElements": each.data_elements}
        for each in resources
    ]
    return {"restrictedDataToken": restrict(call.holder, kept, now=call.now), "expiresIn": SECONDS}


restricted_data_token = by_method(post=create_restricted_data_token)
