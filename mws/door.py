"""The door itself: parameters, signature, limits, then one action; then the wire's envelopes (mws 1 to 4)."""

import base64
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.request import UnreadablePostError
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.http import http_date
from django.utils.translation import override

from accounts.rules import Scope
from accounts.tokens import Holder
from events.busy import is_busy
from events.idempotency import IdempotencyMismatch, once
from feeds.store import blocks_of
from spapi.door import request_id_of
from spapi.limits import Limit, buckets
from spapi.paging import UnusableToken
from spapi.params import moment_of
from spapi.problems import Problem as SharedProblem

from . import signing
from .documents import Part, document
from .problems import Problem, denied, invalid

logger = logging.getLogger(__name__)

Response = TypeVar("Response", bound=HttpResponseBase)

ORDERS = "https://mws.amazonservices.com/Orders/2013-09-01"
DOCUMENTS = "http://mws.amazonaws.com/doc/2009-01-01/"
SELLERS = "https://mws.amazonservices.com/Sellers/2011-07-01"
VERSIONS = {ORDERS: "2013-09-01", DOCUMENTS: "2009-01-01", SELLERS: "2011-07-01"}
LARGEST_QUERY = 20_000


@dataclass(frozen=True, slots=True)
class Raw:
    """A document that is the whole answer, in blocks."""

    content: Iterable[bytes]
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


def checked(content: bytes, content_type: str) -> Raw:
    """A document with its checksum, which clients compare."""
    return Raw([content], content_type, {"Content-MD5": checksum([content])})


def checked_file(name: str, size: int, content_type: str) -> Raw:
    """A stored file of any size with its checksum: read twice, and never held whole."""
    headers = {"Content-MD5": checksum(blocks_of(name)), "Content-Length": f"{size}"}
    return Raw(blocks_of(name), content_type, headers)


def checksum(blocks: Iterable[bytes]) -> str:
    """The checksum of this wire."""
    digest = hashlib.md5(usedforsecurity=False)
    for block in blocks:
        digest.update(block)
    return base64.b64encode(digest.digest()).decode()


@dataclass(frozen=True, slots=True)
class Call:
    """One signed request that was let in."""

    request: HttpRequest
    holder: Holder
    given: dict[str, str]
    now: datetime

    @property
    def seller_id(self) -> int:
        """The shop that asks."""
        return self.holder.seller_id

    def text(self, name: str, *, required: bool = False) -> str:
        """A parameter. Raises Problem 400 if it is required and was not sent."""
        value = self.given.get(name, "")
        if required and not value:
            raise invalid(f"{name} must be specified")
        return value

    def listed(self, name: str, *, known: Sequence[str] = (), most: int = 100) -> list[str]:
        """The values of `Name.1`, `Name.2` and so on, which begin with 1 and have no gaps. Raises Problem 400."""
        numbers = [key.removeprefix(f"{name}.") for key in self.given if key.startswith(f"{name}.")]
        if len(numbers) > most:
            raise invalid(f"{name}: at most {most} values")
        wanted = [str(number) for number in range(1, len(numbers) + 1)]
        if set(numbers) != set(wanted):
            raise invalid(f"{name}: values are numbered from 1 on without gaps")
        values = [self.given[f"{name}.{number}"] for number in wanted]
        for value in values:
            if known and value not in known:
                raise invalid(f"{name}: {value[:60]} is not one of {', '.join(known)}")
        return values

    def states(self, name: str, *, own: Mapping[str, str], known: Sequence[str]) -> list[str]:
        """Our states behind the wire's that are asked for (`own` to wire); those that we never have leave nothing.

        Raises Problem 400.
        """
        asked = self.listed(name, known=known)
        return [state for state, wire in own.items() if wire in asked] or (["none"] if asked else [])

    def moment(self, name: str) -> datetime | None:
        """A moment, None if it was not sent. Raises Problem 400."""
        written = self.text(name)
        return moment_of(name, written) if written else None

    def count(self) -> int:
        """How many a page holds. Raises Problem 400."""
        written = self.text("MaxCount") or "10"
        if not (written.isascii() and written.isdigit() and 1 <= int(written[:9]) <= 100):
            raise invalid("MaxCount: a whole number from 1 to 100")
        return int(written)

    def once(self, content: list, act: Callable[[], dict]) -> dict:
        """Do what a signed request asks for, once; a replay gets the stored answer (S-24). Raises Problem 400."""
        key = hashlib.sha256(self.given["Signature"].encode()).hexdigest()
        try:
            return once(owner=self.holder.owner, key=key, content=content, now=self.now, act=act)
        except IdempotencyMismatch:
            raise invalid("The signature was used for another body") from None


Act = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Action:
    """One action: what it does, what keys must allow, its limit, and the name under which the limit is shared."""

    act: Act
    namespace: str
    scope: Scope | None
    limit: Limit
    shares: str
    hourly: int


def answer(request: HttpRequest, actions: dict[str, Action], namespace: str) -> HttpResponseBase:
    """Carry out the action that a request names."""
    now, request_id = timezone.now(), request_id_of(request)
    name = ""
    headers: dict[str, str] = {}
    try:
        parameters = _parameters(request)
        given = dict(parameters)
        name = given.get("Action", "")
        if not name:
            raise invalid("Action must be specified")
        if name not in actions:
            raise invalid(f"Action: {name[:60]} is not an action of this section")
        action = actions[name]
        namespace = action.namespace
        holder = signing.holder_of(
            parameters, method=request.method or "", hosts=_hosts(request), path=request.path, now=now
        )
        if action.scope is not None and not holder.has(action.scope):
            raise denied(f"The keys do not allow {action.scope}")
        _require_version(given.get("Version", ""), VERSIONS[namespace])
        headers = _take_one(holder, action, now)
        with override("en"):
            found = action.act(Call(request, holder, given, now))
    except (Problem, SharedProblem) as problem:
        return _finish(_error(_as_ours(problem), namespace, request_id), headers, request_id, now)
    except (OperationalError, InterfaceError) as error:
        logger.warning("The database failed at the action %s", name, exc_info=True)
        why = (
            "Another act is at work. Send the request again."
            if is_busy(error)
            else "Send the request again later."
        )
        failed = Problem(503, "ServiceUnavailable", why)
        return _finish(_error(failed, namespace, request_id), headers, request_id, now)
    except Exception:
        logger.exception("The action %s failed", name)
        failed = Problem(500, "InternalError", "An internal error occurred.")
        return _finish(_error(failed, namespace, request_id), headers, request_id, now)
    if isinstance(found, Raw):
        streamed = StreamingHttpResponse(found.content, content_type=found.content_type)
        return _finish(streamed, headers | found.headers, request_id, now)
    about = [("RequestId", request_id)]
    body = document(f"{name}Response", namespace, [(f"{name}Result", found), ("ResponseMetadata", about)])
    return _finish(HttpResponse(body, content_type="text/xml"), headers, request_id, now)


def _require_version(given: str, known: str) -> None:
    if not given:
        raise invalid("Version must be specified")
    if given != known:
        raise Problem(404, "InvalidAddress", f"Version: {given[:20]} is not {known}")


def refused(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A problem with a request that names no action."""
    request_id = request_id_of(request)
    return _finish(_error(problem, DOCUMENTS, request_id), {}, request_id, timezone.now())


def _as_ours(problem: Problem | SharedProblem) -> Problem:
    """What a shared reader refuses, in this wire's codes: nothing that it reads is a matter of keys."""
    if isinstance(problem, Problem):
        return problem
    code = "NextTokenCorrupted" if isinstance(problem, UnusableToken) else "InvalidParameterValue"
    return Problem(400, code, problem.details or problem.message)


def _parameters(request: HttpRequest) -> signing.Parameters:
    """All parameters: of the query, or of a form that was posted. Raises Problem 400."""
    query = request.META.get("QUERY_STRING", "")
    if len(query) > LARGEST_QUERY:
        raise invalid("The query is too long")
    is_form = request.content_type == "application/x-www-form-urlencoded"
    try:
        parameters = parse_qsl(query, keep_blank_values=True, errors="strict")
        if request.method == "POST" and is_form and request.body:
            parameters += parse_qsl(request.body.decode(), keep_blank_values=True, errors="strict")
    except RequestDataTooBig:
        raise invalid("The body is too large") from None
    except UnreadablePostError:
        raise Problem(400, "InputStreamDisconnected", "The body broke off.") from None
    except (UnicodeDecodeError, ValueError):
        raise invalid("The parameters are not UTF-8") from None
    if any("\x00" in name + value for name, value in parameters):
        raise invalid("A parameter cannot be read")
    return parameters


def _hosts(request: HttpRequest) -> list[str]:
    """The host as clients sign it; outside production also as they do for plain http (mws 2)."""
    host = request.get_host()
    plain = host.removesuffix(":443" if request.is_secure() else ":80")
    return [plain] if settings.PRODUCTION else [plain, f"http://{plain}"]


def _take_one(holder: Holder, action: Action, now: datetime) -> dict[str, str]:
    """Count a request; the headers that say how many are left of the hour's, for actions that have such a quota."""
    if not settings.SPAPI_RATE_LIMITS:
        return {}
    whose = (holder.seller_id, holder.application_id)
    if buckets.take_for(*whose, f"mws:{action.shares}", action.limit, now=now).wait:
        raise Problem(503, "RequestThrottled", "Request is throttled")
    if not action.hourly:
        return {}
    quota = Limit(action.hourly / 3600, action.hourly)
    taken = buckets.take_for(*whose, f"mws:{action.shares}:hour", quota, now=now)
    if taken.wait:
        raise Problem(503, "QuotaExceeded", "You exceeded your quota for the requested resource.")
    return {
        "x-mws-quota-max": f"{action.hourly}.0",
        "x-mws-quota-remaining": f"{int(taken.left)}.0",
        "x-mws-quota-resetsOn": http_date((now + timedelta(hours=1)).timestamp()),
    }


def _error(problem: Problem, namespace: str, request_id: str) -> HttpResponse:
    facts: list[Part] = [
        ("Type", problem.kind),
        ("Code", problem.code),
        ("Message", problem.message),
        ("Detail", ""),
    ]
    name = "RequestID" if namespace == DOCUMENTS else "RequestId"
    body = document("ErrorResponse", namespace, [("Error", facts), (name, request_id)])
    return HttpResponse(body, status=problem.status, content_type="text/xml")


def _finish(response: Response, headers: dict[str, str], request_id: str, now: datetime) -> Response:
    for name, value in headers.items():
        response[name] = value
    response["x-mws-request-id"] = request_id
    response["x-mws-timestamp"] = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    response["x-mws-response-context"] = base64.b64encode(request_id.encode()).decode()
    response["Cache-Control"] = "no-store"
    return response
