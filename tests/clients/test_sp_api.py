"""The Python package python-amazon-sp-api, unmodified, against a live server: what it reads is what people see."""

import csv
import json
from datetime import timedelta
from io import BytesIO, StringIO

import pytest
from django.conf import settings
from django.utils import timezone
from sp_api.api import FeedsV20210630, Messaging, Notifications, OrdersV0, Reports, Sellers, Tokens
from sp_api.base.exceptions import (
    SellingApiBadRequestException,
    SellingApiForbiddenException,
    SellingApiNotFoundException,
    SellingApiRequestThrottledException,
)

from accounts.models import Credential
from cancellations.models import Cancellation
from feeds.actions import run_feeds
from messaging.models import Message
from metrics.queries import rate_at
from reports.actions import add_columns, make_report
from spapi import webhooks
from spapi.actions import add_webhook
from spapi.pushing import push_due
from spapi.rules import Topic
from tests.cast import Cast
from tests.listening import HOST, listening
from tests.spapi.test_notifications import queue

__all__ = ["queue"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_mails", "own_store")]


def since(hours: int = 2) -> str:
    return (timezone.now() - timedelta(hours=hours)).isoformat()


def test_a_request_of_the_buyer_moves_the_order_and_shows_with_its_reason(cast: Cast, keys, client_of):
    earlier = timezone.now() - timedelta(hours=1)
    order = cast.order(1, 2, placed_at=earlier)
    cast.order(1, placed_at=earlier)
    orders = client_of(OrdersV0, keys)
    first = orders.get_orders(CreatedAfter=since()).payload["Orders"]
    assert {each["OrderStatus"] for each in first} == {"Unshipped"}
    before = next(each for each in first if each["AmazonOrderId"] == order.number)["LastUpdateDate"]
    cast.request(order, now=timezone.now() - timedelta(minutes=3))
    changed = orders.get_orders(LastUpdatedAfter=(timezone.now() - timedelta(minutes=5)).isoformat())
    (found,) = changed.payload["Orders"]
    assert found["AmazonOrderId"] == order.number
    assert found["LastUpdateDate"] > before
    items = orders.get_order_items(order.number).payload["OrderItems"]
    assert [each["BuyerRequestedCancel"] for each in items] == [
        {"IsBuyerRequestedCancel": "true", "BuyerCancelReason": "商品が不要になった"}
    ] * 2


def test_the_buyers_wish_becomes_a_cancellation_that_does_not_count(cast: Cast, keys, client_of):
    """The whole road: the flag, the report with its column, the feed, its answers, the order's end."""
    now = timezone.now()
    order = cast.order(1, placed_at=now - timedelta(hours=1))
    cast.request(order, now=now - timedelta(minutes=3))
    add_columns(seller_id=cast.shop.pk, wished={"buyer_requested": True}, by=cast.seller, now=now)
    rate = rate_at(cast.shop.pk, timezone.now()).rate.counted
    row = unshipped_row(client_of(Reports, keys), client_of(Tokens, keys), keys, client_of)
    assert (row["order-id"], row["is-buyer-requested-cancellation"]) == (order.number, "TRUE")
    said = processing_report(cast, client_of(FeedsV20210630, keys), cancelling(order, "BuyerCanceled"))
    assert "Number of records successful\t\t1" in said
    orders = client_of(OrdersV0, keys)
    assert orders.get_order(order.number).payload["OrderStatus"] == "Canceled"
    (item,) = orders.get_order_items(order.number).payload["OrderItems"]
    assert item["BuyerRequestedCancel"]["IsBuyerRequestedCancel"] == "true", "it was honoured"
    assert item["QuantityOrdered"] == 0
    assert Cancellation.objects.get().counted is False
    assert rate_at(cast.shop.pk, timezone.now()).rate.counted == rate


def test_out_of_stock_counts_and_the_same_file_again_changes_nothing(cast: Cast, keys, client_of):
    order = cast.order(2, placed_at=timezone.now() - timedelta(hours=1))
    feeds = client_of(FeedsV20210630, keys)
    processing_report(cast, feeds, cancelling(order, "NoInventory"))
    assert Cancellation.objects.get().counted is True
    assert rate_at(cast.shop.pk, timezone.now()).rate.counted == 1
    said = processing_report(cast, feeds, cancelling(order, "NoInventory"))
    assert "NO_CHANGE" in said
    assert Cancellation.objects.count() == 1


def test_a_shipment_is_confirmed_and_an_open_request_is_warned_of(cast: Cast, keys, client_of):
    now = timezone.now()
    order = cast.order(1, placed_at=now - timedelta(hours=1))
    cast.request(order, now=now - timedelta(minutes=3))
    answer = client_of(OrdersV0, keys).confirm_shipment(
        order.number,
        marketplaceId="A1VC38T7YXB528",
        packageDetail={
            "packageReferenceId": "1",
            "carrierCode": "YamatoTransport",
            "trackingNumber": "1234",
            "shipDate": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "orderItems": [{"orderItemId": order.items.get().item_id, "quantity": 1}],
        },
    )
    assert answer.headers["x-portal-warning"] == "OPEN_CANCELLATION_REQUEST"
    order.refresh_from_db()
    assert order.status == "SHIPPED"


def test_a_report_is_scheduled_and_ended(cast: Cast, keys, client_of):
    reports = client_of(Reports, keys)
    kind = "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING"
    made = reports.create_report_schedule(
        reportType=kind, period="PT15M", marketplaceIds=[settings.MARKETPLACE_ID]
    )
    key = made.payload["reportScheduleId"]
    (listed,) = reports.get_report_schedules(reportTypes=[kind]).payload["reportSchedules"]
    assert (listed["reportScheduleId"], listed["period"]) == (key, "PT15M")
    reports.delete_report_schedule(key)
    assert reports.get_report_schedules(reportTypes=[kind]).payload["reportSchedules"] == []


def test_the_client_reads_our_errors_as_its_own(cast: Cast, keys, client_of):
    orders = client_of(OrdersV0, keys)
    with pytest.raises(SellingApiNotFoundException):
        orders.get_order("250-0000000-0000000")
    with pytest.raises(SellingApiBadRequestException):
        orders.get_orders(CreatedAfter="yesterday")
    Credential.objects.update(revoked_at=timezone.now())
    with pytest.raises(SellingApiForbiddenException, match="denied"):
        orders.get_orders(CreatedAfter=since())


def test_the_client_waits_where_it_asks_too_often(cast: Cast, keys, client_of, settings):
    sellers = client_of(Sellers, keys)
    settings.SPAPI_RATE_LIMITS = True
    for _ in range(15):
        assert sellers.get_marketplace_participation().payload[0]["storeName"] == cast.shop.name
    with pytest.raises(SellingApiRequestThrottledException):
        sellers.get_marketplace_participation()


def cancelling(order, reason: str) -> BytesIO:
    return BytesIO(f"order-id\tcancellation-reason-code\n{order.number}\t{reason}\n".encode())


def processing_report(cast: Cast, feeds, file: BytesIO) -> str:
    """Send a cancellation feed, let the worker carry it out, and read the answer."""
    kind = "text/tab-separated-values; charset=UTF-8"
    _, made = feeds.submit_feed("POST_FLAT_FILE_ORDER_ACKNOWLEDGEMENT_DATA", file, content_type=kind)
    run_feeds(seller_id=cast.shop.pk, clock=timezone.now)
    done = feeds.get_feed(made.payload["feedId"]).payload
    assert done["processingStatus"] == "DONE"
    return feeds.get_feed_document(done["resultFeedDocumentId"])


def unshipped_row(reports, tokens, keys, client_of) -> dict[str, str]:
    """Order the unshipped report, let the worker make it, and read its only row with a restricted token."""
    made = reports.create_report(reportType="GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING").payload
    make_report(report_id=int(made["reportId"]), clock=timezone.now)
    done = reports.get_report(made["reportId"]).payload
    assert done["processingStatus"] == "DONE"
    name = done["reportDocumentId"]
    path = f"/reports/2021-06-30/documents/{name}"
    token = tokens.create_restricted_data_token(restrictedResources=[{"method": "GET", "path": path}]).payload
    opened = client_of(Reports, keys, restricted_data_token=token["restrictedDataToken"])
    text = opened.get_report_document(name, download=True).payload["document"]
    (row,) = csv.DictReader(StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    return row


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_change_of_an_order_arrives_at_a_queue_and_at_a_webhook(
    cast: Cast, keys, client_of, queue, tmp_path, monkeypatch
):
    """Told instead of asking: the client registers its queue, the OWNER a webhook, the buyer asks, both hear of it."""
    notifications = client_of(Notifications, keys)
    made = notifications.create_destination("orders", arn="arn:aws:sqs:us-west-2:123456789012:orders").payload
    assert [each["destinationId"] for each in notifications.get_destinations().payload] == [made["destinationId"]]
    kept = notifications.create_subscription("ORDER_CHANGE", destination_id=made["destinationId"]).payload
    now = timezone.now()
    url = f"https://{HOST}/"
    add_webhook(seller=cast.shop, name="在庫", address=url, topics=[Topic.ORDER_CHANGE], by=cast.seller, now=now)
    order = cast.order(1, placed_at=now - timedelta(hours=1))
    with listening(tmp_path) as listener:
        monkeypatch.setattr(webhooks, "INTERNET", listener.network())
        cast.request(order, now=now - timedelta(minutes=3))
        assert push_due(clock=timezone.now) == 2
        (by_queue,), (by_webhook,) = queue(), [json.loads(each.body) for each in listener.received]
    assert by_queue["Payload"] == by_webhook["Payload"]
    (flagged,) = by_queue["Payload"]["OrderChangeNotification"]["Summary"]["OrderItems"]
    assert flagged["IsBuyerRequestedCancel"] is True
    assert by_queue["NotificationMetadata"]["SubscriptionId"] == kept["subscriptionId"]
    read = notifications.get_subscription_by_id("ORDER_CHANGE", kept["subscriptionId"]).payload
    assert read == kept
    notifications.delete_notification_subscription("ORDER_CHANGE", kept["subscriptionId"])
    notifications.delete_destination(made["destinationId"])
    assert not notifications.get_destinations().payload


def test_the_client_says_something_to_the_buyer(cast: Cast, keys, client_of):
    order = cast.order(1)
    messaging = client_of(Messaging, keys)
    offered = messaging.get_messaging_actions_for_order(order.number, marketplaceIds=settings.MARKETPLACE_ID)
    assert "unexpectedProblem" in {each["name"] for each in offered("_links")["actions"]}
    locale = messaging.get_attributes(order.number, marketplaceIds=settings.MARKETPLACE_ID)
    assert locale("buyer") == {"locale": "ja-JP"}
    messaging.create_unexpected_problem(
        order.number, body={"text": "入荷が遅れております。"}, marketplaceIds=settings.MARKETPLACE_ID
    )
    assert Message.objects.get().text == "入荷が遅れております。"
