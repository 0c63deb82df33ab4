"""The door itself: who asks, may they, how often; then one operation; then the wire's headers (sp-api 1.2 to 1.5).

Every operation is a function of a `Call`. What it returns becomes the body; a `Problem` it raises becomes the error
envelope, and so does whatever it did not expect.
"""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.utils.translation import override
from django.views.decorators.csrf import csrf_exempt

from accounts.rules import Scope, TokenKind
from accounts.tokens import Holder, TokenExpired, TokenInvalid, holder_of
from events.busy import is_busy
from events.idempotency import KeyInProgress

from . import problems
from .limits import Limit, buckets
from .params import Query
from .problems import Problem

logger = logging.getLogger(__name__)

T = TypeVar("T")
LARGEST_BODY = 1 << 20
# Kinds of tokens that open what belongs to a shop.
OF_SHOP = frozenset({TokenKind.ACCESS, TokenKind.RESTRICTED})


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation gives back besides a plain 200: status, body (None: none at all), headers."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in."""

    request: HttpRequest
    holder: Holder
    query: Query
    now: datetime
    plan: "Plan"

    @property
    def seller_id(self) -> int:
        """The shop that asks."""
        return self.holder.seller_id

    def body(self, kind: type[T]) -> T:
        """The body as this type; what it does not know is left out (sp-api 1.7).

        Raises Problem 400, 413 or 415.
        """
        self.require_described(kind)
        return read_body(self.request, kind)

    def require_described(self, kind: type) -> None:
        """Require that the operation's description names this body: another is a mistake of ours."""
        if kind is not self.plan.body:
            raise LookupError(f"{kind} is not the body of the description of {self.plan.name}")

    def sees(self, element: str) -> bool:
        """Whether a restricted token shows this data of the buyer at this address (sp-api 7)."""
        return any(
            element in resource["dataElements"]
            for resource in self.holder.resources
            if covers(resource, self.request.method or "", self.request.path)
        )


def covers(resource: Mapping[str, Any], method: str, path: str) -> bool:
    """Whether a resource of a restricted token is this address; `{orderId}` in it stands for any one part."""
    wanted, given = resource["path"].strip("/").split("/"), path.strip("/").split("/")
    return (
        resource["method"] == method
        and len(wanted) == len(given)
        and all(one == other or one.startswith("{") for one, other in zip(wanted, given, strict=True))
    )


Operation = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of an operation: its name on the wire, its limit, and what keys must allow for it.

    `query` are its parameters with what each is (`params.TEXT` …), `body` is the type of its body, `success` the
    status of an answer that is no error: they are what the description says of it.
    """

    name: str
    limit: Limit
    scope: Scope | None
    kinds: frozenset[str] = OF_SHOP
    query: Mapping[str, str] = field(default_factory=dict)
    body: type | None = None
    success: int = 200


def operation(
    name: str,
    *,
    rate: float,
    burst: int,
    scope: Scope | None,
    kinds: frozenset[str] = OF_SHOP,
    query: Mapping[str, str] | None = None,
    body: type | None = None,
    success: int = 200,
) -> Callable[[Operation], Operation]:
    """Make a function of a `Call` an operation of this door, described as in `Plan`."""
    plan = Plan(name, Limit(rate, burst), scope, kinds, query or {}, body, success)

    def decorate(act: Operation) -> Operation:
        @wraps(act)
        def guarded(request: HttpRequest, **path: Any) -> HttpResponse:
            return _answered(request, plan, lambda call: act(call, **path))

        guarded.plan = plan  # type: ignore[attr-defined]
        guarded.summary = (act.__doc__ or "").strip()  # type: ignore[attr-defined]
        return guarded

    return decorate


def by_method(**operations: Operation) -> Callable[..., HttpResponse]:
    """One address whose operations differ by method; others are answered 405."""
    table = {method.upper(): each for method, each in operations.items()}

    @csrf_exempt
    def view(request: HttpRequest, **path: Any) -> HttpResponse:
        asked = "GET" if request.method == "HEAD" else request.method or ""
        if asked in table:
            return table[asked](request, **path)
        problem = Problem(405, "InvalidInput", "Invalid Input", f"The method {asked[:20]} is not offered here.")
        return _respond(request, problem.body, problem.status, {"Allow": ", ".join(sorted(table))})

    view.operations = table  # type: ignore[attr-defined]
    return view


@csrf_exempt
def nowhere(request: HttpRequest) -> HttpResponse:
    """An address that nothing is at: the wire says that it is denied, not that it is missing (sp-api 1.4)."""
    problem = problems.denied()
    return _respond(request, problem.body, problem.status, {})


def _answered(request: HttpRequest, plan: Plan, act: Callable[[Call], Any]) -> HttpResponse:
    now = timezone.now()
    try:
        with override("en"):
            holder = _let_in(request, plan, now)
            _take_one(holder, plan, now)
            _require_readable(request)
            found = act(Call(request, holder, Query(request.GET, plan.query), now, plan))
        answer = found if isinstance(found, Answer) else Answer(found)
    except Problem as problem:
        answer = Answer(problem.body, problem.status, problem.headers)
    except KeyInProgress:
        running = problems.in_progress()
        answer = Answer(running.body, running.status, running.headers)
    except (OperationalError, InterfaceError) as error:
        logger.warning("The database failed at the operation %s", plan.name, exc_info=True)
        trouble = problems.busy() if is_busy(error) else problems.unavailable()
        answer = Answer(trouble.body, trouble.status, trouble.headers)
    except Exception:
        logger.exception("The operation %s failed", plan.name)
        answer = Answer(Problem(500, "InternalFailure", "An internal error occurred.").body, 500)
    headers = dict(answer.headers)
    if answer.status < 300 or answer.status in {400, 404}:
        headers["x-amzn-RateLimit-Limit"] = f"{plan.limit.rate:.10g}"
    return _respond(request, answer.body, answer.status, headers)


def _let_in(request: HttpRequest, plan: Plan, now: datetime) -> Holder:
    token = request.headers.get("x-amz-access-token", "")
    if not token:
        raise problems.denied(problems.MISSING)
    try:
        holder = holder_of(token, now=now)
    except TokenExpired:
        raise problems.denied(problems.EXPIRED) from None
    except TokenInvalid:
        raise problems.denied(problems.REVOKED) from None
    if holder.kind not in plan.kinds:
        raise problems.denied("This kind of token does not open this operation.")
    if holder.kind == TokenKind.RESTRICTED and not any(
        covers(each, request.method or "", request.path) for each in holder.resources
    ):
        raise problems.denied("The restricted data token does not cover this resource.")
    if plan.scope is not None and not holder.has(plan.scope):
        raise problems.denied(f"The keys do not allow {plan.scope}.")
    return holder


def _require_readable(request: HttpRequest) -> None:
    """No id of anything holds a zero byte, which no database compares with."""
    if "\x00" in request.path:
        raise problems.not_found("")


def _take_one(holder: Holder, plan: Plan, now: datetime) -> None:
    if not settings.SPAPI_RATE_LIMITS:
        return
    wait = buckets.take_for(holder.seller_id, holder.application_id, plan.name, plan.limit, now=now).wait
    if wait:
        message = "You exceeded your quota for the requested resource."
        raise Problem(429, "QuotaExceeded", message, Retry_After=str(math.ceil(wait)))


def read_body(request: HttpRequest, kind: type[T]) -> T:
    """The body as JSON of this type. Raises Problem 400, 413 or 415."""
    try:
        return decoded(request, kind)
    except NOT_DECODED as error:
        raise problems.invalid(f"{error}"[:300]) from None


# What `decoded` raises for bytes that are no JSON of the type.
NOT_DECODED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decoded(request: HttpRequest, kind: type[T]) -> T:
    """The same; what is no JSON of the type raises msgspec's own errors. Raises Problem 400, 413 or 415."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > LARGEST_BODY:
        raise Problem(413, "RequestTooLarge", "The body is too large.", f"At most {LARGEST_BODY} bytes.")
    if request.content_type not in {"", "application/json", "text/plain"}:
        raise Problem(415, "UnsupportedMediaType", "Send application/json.", (request.content_type or "")[:100])
    try:
        content = request.body
    except RequestDataTooBig:
        raise Problem(413, "RequestTooLarge", "The body is too large.", "") from None
    except UnreadablePostError:
        raise problems.invalid("The body broke off.") from None
    if b"\\u0000" in content:
        raise problems.invalid("The body holds a zero character.")
    return msgspec.json.decode(content, type=kind, strict=False)


def _respond(request: HttpRequest, body: Any, status: int, headers: Mapping[str, str]) -> HttpResponse:
    content = b"" if body is None else msgspec.json.encode(body)
    response = HttpResponse(content, status=status, content_type="application/json")
    if body is None:
        del response["Content-Type"]
    for name, value in headers.items():
        response[name] = value
    if status >= 400:
        response["x-amzn-ErrorType"] = "AccessDeniedException" if status == 403 else "ValidationException"
    response["x-amzn-RequestId"] = request_id_of(request)
    response["Cache-Control"] = "no-store"
    return response


def request_id_of(request: HttpRequest) -> str:
    """The portal's own id of the request, if it is a UUID."""
    try:
        return str(UUID(getattr(request, "id", "")))
    except ValueError:
        return str(uuid4())
