"""Notifications v1: queues, and what an application is told of (sp-api 9)."""

from typing import TYPE_CHECKING, Any

import msgspec
from django.conf import settings

from accounts.rules import Scope, TokenKind
from spapi import problems, queries
from spapi.actions import Refused, add_queue, end_queue, subscribe, unsubscribe
from spapi.door import OF_SHOP, Call, by_method, operation
from spapi.params import LIST, NUMBER, TEXT
from spapi.problems import Problem, invalid
from spapi.rules import QUEUE, VERSIONS, Change, Topic, Why

if TYPE_CHECKING:
    from spapi.models import Destination, Subscription

# Clients ask for some of these with a token of a shop, for others with one of none: either opens them (sp-api 2).
EITHER = OF_SHOP | {TokenKind.GRANTLESS}
LONGEST_NAME, LONGEST_ARN = 256, 1000
_PLAN: dict[str, Any] = {"rate": 1, "burst": 5, "scope": Scope.WEBHOOKS}


def _conflict(details: str) -> Problem:
    return Problem(409, "Conflict", "The resource exists already, or is in use.", details)


def _topic(written: str) -> Topic:
    if written not in set(Topic):
        raise invalid(f"notificationType: {', '.join(Topic)}.")
    return Topic(written)


def _require_version(topic: Topic, version: str) -> None:
    if version and version != VERSIONS[topic]:
        raise invalid(f"payloadVersion: {VERSIONS[topic]} for {topic}.")


# --- destinations -------------------------------------------------------------------------------------------


class SqsResource(msgspec.Struct):
    """A queue by its ARN."""

    arn: str


class DestinationResource(msgspec.Struct, rename="camel"):
    """Where messages go: to a queue. An event bus is not offered."""

    sqs: SqsResource | None = None
    event_bridge: dict[str, Any] | None = None


class CreateDestinationRequest(msgspec.Struct, rename="camel"):
    """The body of createDestination."""

    name: str
    resource_specification: DestinationResource


def _destination_shape(destination: "Destination") -> dict[str, Any]:
    return {
        "name": destination.name,
        "destinationId": str(destination.key),
        "resource": {"sqs": {"arn": destination.address}},
    }


@operation("createDestination", **_PLAN, kinds=EITHER, body=CreateDestinationRequest)
def create_destination(call: Call) -> dict[str, Any]:
    """Name a queue that messages may go to."""
    body = call.body(CreateDestinationRequest)
    wanted = body.resource_specification
    if not 1 <= len(body.name) <= LONGEST_NAME or not body.name.isprintable():
        raise invalid(f"name: 1 to {LONGEST_NAME} characters.")
    if wanted.event_bridge is not None or wanted.sqs is None:
        raise invalid("resourceSpecification: sqs with an arn; eventBridge is not offered.")
    if len(wanted.sqs.arn) > LONGEST_ARN or not QUEUE.fullmatch(wanted.sqs.arn):
        raise invalid("resourceSpecification.sqs.arn: of a standard queue, as arn:aws:sqs:REGION:ACCOUNT:NAME.")
    try:
        made = add_queue(
            seller_id=call.seller_id,
            application_id=call.holder.application_id,
            name=body.name,
            arn=wanted.sqs.arn,
            now=call.now,
        )
    except Refused as refused:
        if refused.why == Why.ADDRESS_TAKEN:
            raise _conflict("A destination with this arn exists.") from None
        raise invalid("An application has at most 10 destinations. Delete one that is not used.") from None
    return {"payload": _destination_shape(made)}


@operation("getDestinations", **_PLAN, kinds=EITHER)
def get_destinations(call: Call) -> dict[str, Any]:
    """The application's destinations."""
    return {"payload": [_destination_shape(each) for each in queries.queues_of(call.holder.application_id)]}


@operation("getDestination", **_PLAN, kinds=EITHER)
def get_destination(call: Call, destination_id: str) -> dict[str, Any]:
    """One destination."""
    found = queries.queue_of(call.holder.application_id, destination_id)
    if found is None:
        raise problems.not_found(destination_id[:60])
    return {"payload": _destination_shape(found)}


@operation("deleteDestination", **_PLAN, kinds=EITHER)
def delete_destination(call: Call, destination_id: str) -> dict[str, Any]:
    """Forget a destination that nothing goes to."""
    try:
        if not end_queue(seller_id=call.seller_id, application_id=call.holder.application_id, key=destination_id):
            raise problems.not_found(destination_id[:60])
    except Refused:
        raise _conflict("A subscription goes to this destination. Delete that first.") from None
    return {}


# --- subscriptions ------------------------------------------------------------------------------------------


class EventFilter(msgspec.Struct, rename="camel"):
    """Which changes of orders a subscription is limited to."""

    event_filter_type: str
    order_change_types: list[str] = []
    marketplace_ids: list[str] = []


class ProcessingDirective(msgspec.Struct, rename="camel"):
    """What limits a subscription."""

    event_filter: EventFilter | None = None
    filter_expression: str | None = None


class CreateSubscriptionRequest(msgspec.Struct, rename="camel"):
    """The body of createSubscription."""

    payload_version: str
    destination_id: str
    processing_directive: ProcessingDirective | None = None


def _changes(topic: Topic, wanted: ProcessingDirective | None) -> tuple[list[str], dict[str, Any] | None]:
    """The kinds of changes of a directive, and the directive as it is given back. Raises Problem 400."""
    if wanted is None:
        return [], None
    if wanted.filter_expression is not None:
        raise invalid("processingDirective.filterExpression: not offered; use eventFilter.")
    given = wanted.event_filter
    if given is None:
        return [], {}
    if given.event_filter_type != topic or topic != Topic.ORDER_CHANGE:
        raise invalid(f"processingDirective.eventFilter: for {Topic.ORDER_CHANGE} only, and of that type.")
    if any(each not in set(Change) for each in given.order_change_types):
        raise invalid(f"processingDirective.eventFilter.orderChangeTypes: {', '.join(Change)}.")
    if given.marketplace_ids and settings.MARKETPLACE_ID not in given.marketplace_ids:
        raise problems.denied(problems.FOREIGN_MARKETPLACE)
    kept: dict[str, Any] = {"eventFilterType": topic}
    if given.order_change_types:
        kept["orderChangeTypes"] = list(dict.fromkeys(given.order_change_types))
    if given.marketplace_ids:
        kept["marketplaceIds"] = [settings.MARKETPLACE_ID]
    return sorted(set(given.order_change_types)), {"eventFilter": kept}


def _subscription_shape(subscription: "Subscription") -> dict[str, Any]:
    shape = {
        "subscriptionId": str(subscription.key),
        "payloadVersion": VERSIONS[Topic(subscription.topic)],
        "destinationId": str(subscription.destination.key),
    }
    return shape | ({"processingDirective": subscription.directive} if subscription.directive else {})


@operation("createSubscription", **_PLAN, body=CreateSubscriptionRequest)
def create_subscription(call: Call, notification_type: str) -> dict[str, Any]:
    """Let a destination of the application be told of a topic."""
    topic = _topic(notification_type)
    body = call.body(CreateSubscriptionRequest)
    _require_version(topic, body.payload_version or "-")
    changes, directive = _changes(topic, body.processing_directive)
    try:
        made = subscribe(
            seller_id=call.seller_id,
            application_id=call.holder.application_id,
            destination_key=body.destination_id,
            topic=topic,
            changes=changes,
            directive=directive,
            now=call.now,
        )
    except Refused as refused:
        if refused.why == Why.UNKNOWN:
            raise invalid("destinationId: no destination of this application.") from None
        raise _conflict(f"A subscription to {topic} exists.") from None
    return {"payload": _subscription_shape(made)}


@operation(
    "getSubscriptions",
    **_PLAN,
    query={"notificationTypes": LIST, "payloadVersion": TEXT, "pageSize": NUMBER, "nextToken": TEXT},
)
def get_subscriptions(call: Call) -> dict[str, Any]:
    """The application's subscriptions to one topic: one at most."""
    query = call.query
    if query.text("nextToken"):
        raise invalid("nextToken: this list has one page.")
    topics = query.texts("notificationTypes", known=tuple(Topic), most=1)
    if not topics:
        raise invalid("notificationTypes: exactly one is required.")
    query.number("pageSize", least=30, most=100, default=30)
    _require_version(Topic(topics[0]), query.text("payloadVersion"))
    found = queries.subscription_of(call.holder.application_id, topics[0])
    return {"payload": {"subscriptions": [_subscription_shape(found)] if found else []}}


@operation("getSubscription", **_PLAN, query={"payloadVersion": TEXT})
def get_subscription(call: Call, notification_type: str) -> dict[str, Any]:
    """The application's subscription to a topic."""
    topic = _topic(notification_type)
    _require_version(topic, call.query.text("payloadVersion"))
    found = queries.subscription_of(call.holder.application_id, topic)
    if found is None:
        raise problems.not_found(topic)
    return {"payload": _subscription_shape(found)}


@operation("getSubscriptionById", **_PLAN, kinds=EITHER)
def get_subscription_by_id(call: Call, notification_type: str, subscription_id: str) -> dict[str, Any]:
    """A subscription by its id."""
    topic = _topic(notification_type)
    found = queries.subscription_of(call.holder.application_id, topic, subscription_id)
    if found is None:
        raise problems.not_found(subscription_id[:60])
    return {"payload": _subscription_shape(found)}


@operation("deleteSubscriptionById", **_PLAN, kinds=EITHER)
def delete_subscription_by_id(call: Call, notification_type: str, subscription_id: str) -> dict[str, Any]:
    """End a subscription; what waits to be sent is sent no more."""
    topic = _topic(notification_type)
    given = {"seller_id": call.seller_id, "application_id": call.holder.application_id}
    if not unsubscribe(**given, topic=topic, key=subscription_id):
        raise problems.not_found(subscription_id[:60])
    return {}


destinations = by_method(get=get_destinations, post=create_destination)
destination = by_method(get=get_destination, delete=delete_destination)
subscriptions = by_method(get=get_subscriptions)
subscription = by_method(get=get_subscription, post=create_subscription)
subscription_by_id = by_method(get=get_subscription_by_id, delete=delete_subscription_by_id)
