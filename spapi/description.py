"""The description of this door, made from the door itself: addresses, parameters, bodies, answers (OpenAPI 3.1)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from django.urls import URLPattern, get_resolver

from accounts.rules import TokenKind

from .door import Plan
from .params import LIST, MOMENT, NUMBER, TEXT, TRUTH

# Where a rule comes from says nothing to readers of the description.
_CITED = re.compile(r"\s*\((?:domain|sp-api|reliability|[A-Z]-?[0-9])[^)]*\)")
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_TYPES: dict[str, dict[str, Any]] = {
    TEXT: {"type": "string"},
    LIST: {"type": "array", "items": {"type": "string"}},
    MOMENT: {"type": "string", "format": "date-time"},
    NUMBER: {"type": "integer"},
    TRUTH: {"type": "boolean"},
}
# What an operation may answer besides its success, and whether only with a body.
ERRORS = {
    400: "A parameter or the body cannot be taken.",
    403: "The token is missing, has expired, or does not open this operation.",
    404: "Nothing of this id, or another shop's.",
    409: "The state of the order or resource does not allow it; or another act is at work, send it again.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    422: "The body says something that cannot be done.",
    429: "Too many requests; `Retry-After` says how many seconds to wait.",
    500: "An error of the portal.",
    503: "The portal's database is away; nothing was done.",
}
SUCCESSES = {200: "Done.", 201: "Made.", 202: "Taken; it is worked on.", 204: "Done; there is nothing to say."}
_BODIES_ONLY = frozenset({413, 415, 422})
# The first part of an address → what its operations are about.
TAGS = {
    "orders": "Orders",
    "cancellations": "Cancellations",
    "feeds": "Feeds",
    "reports": "Reports",
    "messaging": "Messaging",
    "notifications": "Notifications",
    "tokens": "Tokens",
    "sellers": "Sellers",
}
_TOKEN = {
    "post": {
        "operationId": "token",
        "summary": "A token for keys, or for the code of a consent.",
        "tags": ["Tokens"],
        "security": [],
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "required": ["grant_type", "client_id", "client_secret"],
                        "properties": {
                            "grant_type": {
                                "type": "string",
                                "enum": ["refresh_token", "client_credentials", "authorization_code"],
                            },
                            **{
                                name: {"type": "string"}
                                for name in (
                                    "client_id",
                                    "client_secret",
                                    "refresh_token",
                                    "scope",
                                    "code",
                                    "redirect_uri",
                                )
                            },
                        },
                    }
                }
            },
        },
        "responses": {
            "200": {"description": "A token for an hour."},
            "400": {"description": "The grant, or a parameter, cannot be taken."},
            "401": {"description": "No such client, or none of its secrets."},
            "503": {"description": "Too many tokens; `Retry-After` says how many seconds to wait."},
        },
    }
}


@dataclass(frozen=True, slots=True)
class Described:
    """One operation: where it is, what is known of it, and what it does in a sentence."""

    method: str
    path: str
    plan: Plan
    summary: str

    @property
    def tag(self) -> str:
        """What it is about."""
        return TAGS[self.path.split("/")[1]]

    @property
    def fields(self) -> list[str]:
        """The names of its body."""
        return [each.encode_name for each in msgspec.structs.fields(self.plan.body)] if self.plan.body else []

    @property
    def wait(self) -> str:
        """How many seconds there are between two requests, once its bucket is empty."""
        seconds = 1 / self.plan.limit.rate
        return f"{seconds:.0f}" if seconds >= 2 else f"{seconds:.2g}"

    @property
    def parts(self) -> list[str]:
        """The parts of its address that differ."""
        return re.findall(r"\{(\w+)\}", self.path)


@cache
def operations() -> list[Described]:
    """All operations, in the order of the addresses."""
    return list(_operations())


def _operations() -> Iterator[Described]:
    for route in get_resolver("spapi.urls").url_patterns:
        if not isinstance(route, URLPattern) or not hasattr(route.callback, "operations"):
            continue
        path = "/" + _PARAMETER.sub(r"{\1}", f"{route.pattern}")
        for method, each in route.callback.operations.items():
            yield Described(method, path, each.plan, _CITED.sub("", each.summary))


def document(server: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a portal at this address."""
    known = operations()
    bodies = [each.plan.body for each in known if each.plan.body]
    _, schemas = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {"/auth/o2/token": _TOKEN}
    for each in known:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Seller Portal",
            "version": "1",
            "description": "What sellers' own software may do. /api/ shows it for reading.",
        },
        "servers": [{"url": server}],
        "security": [{"accessToken": []}],
        "tags": [{"name": name} for name in TAGS.values()],
        "paths": paths,
        "components": {
            "securitySchemes": {"accessToken": {"type": "apiKey", "in": "header", "name": "x-amz-access-token"}},
            "schemas": schemas | {"Errors": _errors()},
        },
    }


def _operation(each: Described) -> dict[str, Any]:
    plan = each.plan
    described: dict[str, Any] = {
        "operationId": plan.name,
        "summary": each.summary.partition("\n")[0],
        "description": _needs(plan),
        "tags": [each.tag],
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
                for name in each.parts
            ),
            *(
                {"name": name, "in": "query", "schema": _TYPES[kind]}
                | ({"style": "form", "explode": False} if kind == LIST else {})
                for name, kind in plan.query.items()
            ),
        ],
        "responses": _responses(plan),
    }
    if plan.body:
        schema = {"$ref": f"#/components/schemas/{plan.body.__name__}"}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _needs(plan: Plan) -> str:
    scope = f"Needs the scope `{plan.scope}`. " if plan.scope else ""
    either = "Opened by a token without a shop, too. " if TokenKind.GRANTLESS in plan.kinds else ""
    return f"{scope}{either}{plan.limit.rate:g} requests a second, {plan.limit.burst} at once."


def _responses(plan: Plan) -> dict[str, Any]:
    success: dict[str, Any] = {"description": SUCCESSES[plan.success]}
    if plan.success != 204:
        success["content"] = {"application/json": {"schema": {"type": "object"}}}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Errors"}}}
    return {str(plan.success): success} | {
        str(status): {"description": says, "content": error}
        for status, says in ERRORS.items()
        if plan.body or status not in _BODIES_ONLY
    }


def _errors() -> dict[str, Any]:
    one = {
        "type": "object",
        "required": ["code", "message"],
        "properties": {name: {"type": "string"} for name in ("code", "message", "details")},
    }
    errors = {"type": "array", "items": one, "minItems": 1}
    return {"type": "object", "required": ["errors"], "properties": {"errors": errors}}
