"""Feeds 2021-06-30: a document is reserved, its bytes are put, a feed is made of it and asked after (sp-api 5)."""

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from django.conf import settings
from django.urls import reverse

from accounts.rules import Scope
from feeds import queries
from feeds.actions import NoBytes, TooManyDocuments, TooManyFeeds, cancel_feed, reserve, submit_document
from feeds.queries import Listed
from spapi import params, problems
from spapi.door import Answer, Call, by_method, operation
from spapi.names import (
    ANSWERED,
    FEED_TYPES,
    RESULT,
    SCOPES_OF_FEED,
    STATES,
    TYPE_OF_FEED,
    UPLOAD,
    feed_document_id,
    read_feed_document_id,
)
from spapi.paging import page_down, state_of
from spapi.params import key_of, moment_of
from spapi.presigned import presigned
from spapi.problems import Problem, invalid
from spapi.shapes import moment

if TYPE_CHECKING:
    from feeds.models import Feed

LIST = "feeds"
# What lists of feeds and of reports are asked for alike.
QUERY = {
    "processingStatuses": params.LIST,
    "marketplaceIds": params.LIST,
    "pageSize": params.NUMBER,
    "createdSince": params.MOMENT,
    "createdUntil": params.MOMENT,
    "nextToken": params.TEXT,
}
KEPT = timedelta(days=90)


def feed_shape(feed: "Feed") -> dict[str, Any]:
    """One `Feed`."""
    shape = {
        "feedId": str(feed.pk),
        "feedType": TYPE_OF_FEED[feed.kind, feed.is_xml],
        "marketplaceIds": [settings.MARKETPLACE_ID],
        "createdTime": moment(feed.submitted_at),
        "processingStatus": feed.state,
    }
    if feed.started_at:
        shape["processingStartTime"] = moment(feed.started_at)
    if feed.finished_at:
        shape["processingEndTime"] = moment(feed.finished_at)
    if feed.state in ANSWERED and feed.document.forgotten_at is None:
        shape["resultFeedDocumentId"] = feed_document_id(feed.document, RESULT)
    return shape


class FeedDocumentSpecification(msgspec.Struct, rename="camel"):
    """The body of createFeedDocument."""

    content_type: str


@operation(
    "createFeedDocument", rate=0.5, burst=15, scope=Scope.FEEDS, body=FeedDocumentSpecification, success=201
)
def create_feed_document(call: Call) -> Answer:
    """A place for the bytes of a feed, and the address to put them to, good for five minutes."""
    content_type = call.body(FeedDocumentSpecification).content_type
    if not 1 <= len(content_type) <= 100 or not content_type.isprintable() or not content_type.isascii():
        raise invalid("contentType: such as text/tab-separated-values; charset=UTF-8.")
    try:
        document = reserve(seller_id=call.seller_id, content_type=content_type, now=call.now)
    except TooManyDocuments:
        message = "Too many documents were asked for and never submitted as a feed."
        raise Problem(429, "QuotaExceeded", message) from None
    name = feed_document_id(document)
    path = reverse("spapi:document", args=[name])
    url = presigned("PUT", path, now=call.now, content_type=content_type)
    return Answer({"feedDocumentId": name, "url": url}, 201)


class FeedSpecification(msgspec.Struct, rename="camel"):
    """The body of createFeed; `feedOptions` may say `dryRun`."""

    feed_type: str
    input_feed_document_id: str
    marketplace_ids: list[str] = []
    feed_options: dict[str, str] = {}


@operation("createFeed", rate=0.0083, burst=15, scope=Scope.FEEDS, body=FeedSpecification, success=202)
def create_feed(call: Call) -> Answer:
    """Put a document into the shop's queue; the keys must also allow what its lines do."""
    body = call.body(FeedSpecification)
    if body.feed_type not in FEED_TYPES:
        raise invalid(f"feedType: one of {', '.join(FEED_TYPES)}.")
    require_marketplace(body.marketplace_ids)
    kind, is_xml = FEED_TYPES[body.feed_type]
    if scope := call.holder.lacks(SCOPES_OF_FEED[kind]):
        raise problems.denied(f"The keys do not allow {scope}.")
    found = read_feed_document_id(body.input_feed_document_id)
    if found is None or queries.document_of_seller(call.seller_id, found[0], found[1]) is None:
        raise problems.not_found(body.input_feed_document_id[:100])
    try:
        feed = submit_document(
            seller_id=call.seller_id,
            document_id=found[0],
            kind=kind,
            is_xml=is_xml,
            is_dry_run=body.feed_options.get("dryRun", "").casefold() == "true",
            by=call.holder.actor,
            now=call.now,
        )
    except NoBytes:
        raise invalid("inputFeedDocumentId: nothing was uploaded to it, or it is a feed already.") from None
    except TooManyFeeds as limit:
        message = "You exceeded your quota for the requested resource."
        wait = math.ceil(limit.wait.total_seconds())
        raise Problem(429, "QuotaExceeded", message, Retry_After=str(wait)) from None
    return Answer({"feedId": str(feed.pk)}, 202)


def require_marketplace(given: list[str]) -> None:
    """Require that a body names the portal's own marketplace."""
    if not 1 <= len(given) <= 25:
        raise invalid("marketplaceIds: 1 to 25.")
    if settings.MARKETPLACE_ID not in given:
        raise problems.denied(problems.FOREIGN_MARKETPLACE)


@operation("getFeeds", rate=0.0222, burst=10, scope=Scope.FEEDS, query=QUERY | {"feedTypes": params.LIST})
def get_feeds(call: Call) -> dict[str, Any]:
    """The shop's feeds, the latest first."""
    query = call.query
    if token := query.text("nextToken"):
        kept = state_of(token, LIST, call.seller_id, now=call.now, name="nextToken")
    else:
        types = query.texts("feedTypes", known=tuple(FEED_TYPES), most=10)
        if not types:
            raise invalid("feedTypes or nextToken: required.")
        kept = {"types": types, **created_filters(call)}
    asked = Listed(
        since=moment_of("createdSince", kept["since"]),
        until=moment_of("createdUntil", kept["until"]),
        types=[(FEED_TYPES[name][0].value, FEED_TYPES[name][1]) for name in kept["types"]],
        states=kept["states"],
        behind=kept["behind"],
    )
    found, token = page_down(
        lambda limit: queries.feeds_for_software(call.seller_id, asked, limit=limit),
        LIST,
        call.seller_id,
        kept,
        now=call.now,
    )
    return {"feeds": [feed_shape(feed) for feed in found]} | ({"nextToken": token} if token else {})


def created_filters(call: Call) -> dict[str, Any]:
    """What lists of feeds and of reports are asked for alike, as a token keeps it."""
    query = call.query
    return {
        "states": query.texts("processingStatuses", known=STATES),
        "limit": query.number("pageSize", least=1, most=100, default=10),
        "since": (query.moment("createdSince") or call.now - KEPT).isoformat(),
        "until": (query.moment("createdUntil") or call.now).isoformat(),
        "behind": 0,
    }


def _feed(call: Call, feed_id: str) -> "Feed":
    feed = queries.feed_of_seller(call.seller_id, key_of(feed_id))
    if feed is None:
        raise problems.not_found(feed_id[:60])
    return feed


@operation("getFeed", rate=2, burst=15, scope=Scope.FEEDS)
def get_feed(call: Call, feed_id: str) -> dict[str, Any]:
    """How far a feed has come."""
    return feed_shape(_feed(call, feed_id))


@operation("cancelFeed", rate=2, burst=15, scope=Scope.FEEDS)
def cancel(call: Call, feed_id: str) -> dict[str, Any]:
    """Take a feed out of the queue."""
    feed = _feed(call, feed_id)
    if not cancel_feed(seller_id=call.seller_id, feed_id=feed.pk, by=call.holder.actor, now=call.now):
        raise invalid("Only a feed that is IN_QUEUE can be cancelled.")
    return {}


@operation("getFeedDocument", rate=0.0222, burst=10, scope=Scope.FEEDS)
def get_feed_document(call: Call, document_id: str) -> dict[str, Any]:
    """Where the bytes of a feed, or the answers to it, can be taken for five minutes."""
    found = read_feed_document_id(document_id)
    document = queries.document_of_seller(call.seller_id, found[0], found[1]) if found else None
    if found is None or document is None or document.uploaded_at is None:
        raise problems.not_found(document_id[:100])
    feed = getattr(document, "feed", None)
    if found[2] != UPLOAD and (feed is None or feed.finished_at is None):
        raise problems.not_found(document_id[:100])
    path = reverse("spapi:document", args=[document_id])
    return {"feedDocumentId": document_id, "url": presigned("GET", path, now=call.now)}


feeds = by_method(get=get_feeds, post=create_feed)
feed = by_method(get=get_feed, delete=cancel)
documents = by_method(post=create_feed_document)
document = by_method(get=get_feed_document)
