"""What software of shops is told: the messages of each topic, in the names of the wire (sp-api 9.1, 9.2)."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings

from accounts.actors import Door, Role
from cancellations.polling import requested_items
from events.actions import Undeliverable
from events.models import Delivery, Event
from feeds.queries import feed_of_event
from orders import polling
from orders.models import Order, OrderItem
from orders.polling import Polled
from reports.queries import report_of_event

from .names import (
    ANSWERED,
    RESULT,
    TYPE_OF_FEED,
    TYPE_OF_REPORT,
    feed_document_id,
    report_document_id,
)
from .rules import TOPIC_OF, VERSIONS, Trouble
from .shapes import CHANNELS, STATUSES, WITH_ADDRESS, end_of

# Ids of messages are made from the portal's own keys, so that a repeated message has the same one.
_IDS = UUID("6f2b1b0e-5c0c-4d0b-9b59-0e6a5b7c2f11")
_CANCELLED_BY = {
    Role.SELLER: "Canceled by Seller",
    Role.BUYER: "Canceled by Buyer",
    Role.SYSTEM: "Auto Canceled",
    Role.MARKETPLACE: "Canceled by Marketplace",
}
# What the portal does for somebody: a payment that failed, and what a shop's rules approve.
_BY_DOOR = {Door.PAYMENT.value: "Canceled by Marketplace", Door.RULES.value: "Canceled by Seller"}


def message_id(delivery: Delivery) -> str:
    """The id by which a receiver knows a message that comes again."""
    return str(uuid5(_IDS, delivery.key))


def order_change(delivery: Delivery, *, now: datetime) -> dict[str, Any]:
    """`ORDER_CHANGE`: what happened to the order then, and how the order stands now. Without the buyer's data."""
    event = delivery.event
    order = event.order
    found = polling.polled_order(order.seller_id, order.number) if order else None
    if order is None or found is None:
        raise Undeliverable(Trouble.GONE)
    topic, change = TOPIC_OF[event.name]
    happened = _moment(event.happened_at)
    body = {
        "NotificationLevel": "OrderLevel",
        "SellerId": order.seller.merchant_id,
        "AmazonOrderId": order.number,
        "OrderChangeType": change,
        "OrderChangeTrigger": {"TimeOfOrderChange": happened, "ChangeReason": _reason(event)},
        "Summary": _summary(order, found),
    }
    return {
        "NotificationVersion": "1.0",
        "NotificationType": topic,
        "PayloadVersion": VERSIONS[topic],
        "EventTime": happened,
        "Payload": {"OrderChangeNotification": body},
        "NotificationMetadata": {
            "ApplicationId": _application_of(delivery),
            "SubscriptionId": _subscription_of(delivery),
            "PublishTime": _moment(now),
            "NotificationId": message_id(delivery),
        },
    }


def _reason(event: Event) -> str:
    match event.name:
        case "cancellation.requested":
            return "Buyer Requested Cancel"
        case "cancellation.withdrawn":
            return "Buyer Withdrew Request"
        case "order.cancelled":
            return _BY_DOOR.get(event.door) or _CANCELLED_BY[Role(event.role)]
        case _:
            return "Shipped"


def _summary(order: Order, found: Polled) -> dict[str, Any]:
    items = polling.items_of([found])[found.pk]
    requested = requested_items([found.pk])
    summary: dict[str, Any] = {
        "MarketplaceId": settings.MARKETPLACE_ID,
        "OrderStatus": STATUSES[found.status],
        "PurchaseDate": _moment(found.placed_at),
        "DestinationPostalCode": found.recipient["postal_code"] or None if found.status in WITH_ADDRESS else None,
        "FulfillmentType": CHANNELS[found.fulfillment_channel],
        "OrderType": "StandardOrder",
        "NumberOfItemsShipped": found.shipped,
        "NumberOfItemsUnshipped": found.open,
        "EarliestShipDate": _moment(found.placed_at),
        "OrderItems": [_item(item, is_requested=item.pk in requested) for item in items],
    }
    if found.ship_by_date:
        summary["LatestShipDate"] = _moment(end_of(found.ship_by_date))
    if order.auto_cancel_due_at:
        summary["CancelNotifyDate"] = _moment(order.auto_cancel_due_at)
    return summary


def _item(item: OrderItem, *, is_requested: bool) -> dict[str, Any]:
    left = item.quantity_ordered - item.quantity_cancelled
    shape = {
        "OrderItemId": item.item_id,
        "SellerSKU": item.sku,
        "SupplySourceId": None,
        "Quantity": left,
        "QuantityShipped": item.quantity_shipped,
        "IsBuyerRequestedCancel": is_requested,
    }
    if left:
        shape["OrderItemStatus"] = "Shipped" if item.quantity_shipped == left else "Unshipped"
    return shape


def feed_finished(delivery: Delivery, *, now: datetime) -> dict[str, Any]:
    """`FEED_PROCESSING_FINISHED`: how a file came out, and where its answers are."""
    feed = feed_of_event(delivery.event.subject)
    if feed is None:
        raise Undeliverable(Trouble.GONE)
    body = {
        "sellerId": feed.seller.merchant_id,
        "accountId": feed.seller.merchant_id,
        "feedId": str(feed.pk),
        "feedType": TYPE_OF_FEED[feed.kind, feed.is_xml],
        "processingStatus": feed.state,
    }
    if feed.state in ANSWERED and feed.document.forgotten_at is None:
        body["resultFeedDocumentId"] = feed_document_id(feed.document, RESULT)
    return _enveloped(delivery, "feedProcessingFinishedNotification", body, now)


def report_finished(delivery: Delivery, *, now: datetime) -> dict[str, Any]:
    """`REPORT_PROCESSING_FINISHED`: how a report came out, and where its file is."""
    report = report_of_event(delivery.event.subject)
    if report is None:
        raise Undeliverable(Trouble.GONE)
    body = {
        "sellerId": report.seller.merchant_id,
        "accountId": report.seller.merchant_id,
        "reportId": str(report.pk),
        "reportType": TYPE_OF_REPORT[report.kind],
        "processingStatus": report.state,
    }
    if report.document:
        body["reportDocumentId"] = report_document_id(report.document)
    return _enveloped(delivery, "reportProcessingFinishedNotification", body, now)


def metric_state_changed(delivery: Delivery, *, now: datetime) -> dict[str, Any]:
    """`METRIC_STATE_CHANGED`: the state of the cancellation rate that the shop is told from now on."""
    stands = delivery.event.payload
    body = {
        "sellerId": _seller_of(delivery),
        "accountId": _seller_of(delivery),
        "metric": "CANCELLATION_RATE",
        "state": stands["state"],
        "countedCancellations": stands["counted"],
        "orders": stands["orders"],
    }
    return _enveloped(delivery, "metricStateChangedNotification", body, now)


def _enveloped(delivery: Delivery, name: str, body: dict[str, Any], now: datetime) -> dict[str, Any]:
    topic, _ = TOPIC_OF[delivery.event.name]
    return {
        "notificationVersion": "1.0",
        "notificationType": topic,
        "payloadVersion": VERSIONS[topic],
        "eventTime": _moment(delivery.event.happened_at),
        "payload": {name: body},
        "notificationMetadata": {
            "applicationId": _application_of(delivery),
            "subscriptionId": _subscription_of(delivery),
            "publishTime": _moment(now),
            "notificationId": message_id(delivery),
        },
    }


def _application_of(delivery: Delivery) -> str:
    """The application that asked for the message; a shop's own webhook has none."""
    subscription = delivery.subscription
    return subscription.application.client_id if subscription and subscription.application else ""


def _subscription_of(delivery: Delivery) -> str:
    return str(delivery.subscription.key) if delivery.subscription else ""


def _seller_of(delivery: Delivery) -> str:
    return delivery.subscription.seller.merchant_id if delivery.subscription else ""


def _moment(value: datetime) -> str:
    """A moment as messages write it: UTC, to the millisecond."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
