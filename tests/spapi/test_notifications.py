"""Notifications v1: queues and subscriptions of an application, and the messages that reach a queue."""

import json

import boto3
import pytest
from django.conf import settings as portal
from jsonschema import Draft7Validator
from moto.server import ThreadedMotoServer

from accounts import tokens
from accounts.models import Credential
from accounts.rules import Scope
from events.models import Delivery
from feeds.actions import run_feeds
from feeds.parsers import Kind
from metrics.actions import look_again, look_at_states
from metrics.models import RateState
from metrics.rate import SEVERITY, State
from reports.actions import make_report
from spapi.models import Destination
from spapi.pushing import push_due
from tests.cast import Cast
from tests.feeds.conftest import file_of, send
from tests.reports.conftest import ordered

from .conftest import NOW, Software, error_of, software_of
from .test_documents import own_store
from .test_models import compare, models_if_there

__all__ = ["models_if_there", "own_store"]

ARN = "arn:aws:sqs:us-west-2:123456789012:orders"
TOLD = "/notifications/v1"
SUBSCRIPTIONS = f"{TOLD}/subscriptions"
# The client of the queues leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def software(cast: Cast, clock) -> Software:
    return software_of(cast.shop, cast.alice)


@pytest.fixture
def queue(settings, monkeypatch):
    """A queue in a service on loopback; gives what lies in it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    settings.SQS_ENDPOINT_URL = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client("sqs", endpoint_url=settings.SQS_ENDPOINT_URL, region_name="us-west-2")
    url = client.create_queue(QueueName="orders")["QueueUrl"]
    yield lambda: [
        json.loads(each["Body"])
        for each in client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]
    client.delete_queue(QueueUrl=url)
    server.stop()


def validate(models: dict, name: str, message: dict) -> None:
    """Require that a message is what its schema promises, where the schemas are there."""
    if models:
        Draft7Validator(models[name]).validate(message)


def destination(software: Software, arn: str = ARN, **more) -> dict:
    body = {"name": "注文", "resourceSpecification": {"sqs": {"arn": arn}}, **more}
    answer = software.ask("POST", f"{TOLD}/destinations", body)
    assert answer.status_code == 200, answer.content
    return answer.json()["payload"]


def subscribe(software: Software, topic: str, destination_id: str, version: str = "1.0", **more):
    body = {"payloadVersion": version, "destinationId": destination_id, **more}
    return software.ask("POST", f"{SUBSCRIPTIONS}/{topic}", body)


def push() -> int:
    return push_due(clock=lambda: NOW)


# --- what reaches a queue -----------------------------------------------------------------------------------


def test_a_change_of_an_order_reaches_the_queue_as_the_schema_says(cast: Cast, software, queue, models_if_there):
    made = destination(software)
    subscribe(software, "ORDER_CHANGE", made["destinationId"])
    cast.request(cast.order(2))
    assert push() == 1
    (message,) = queue()
    validate(models_if_there, "OrderChangeNotification", message)
    assert message["NotificationMetadata"]["ApplicationId"] == software.application.client_id
    assert message["Payload"]["OrderChangeNotification"]["OrderChangeType"] == "BuyerRequestedChange"


def test_the_end_of_a_feed_and_of_a_report_reaches_the_queue(
    cast: Cast, software, queue, models_if_there, own_store, no_mails
):
    made = destination(software)
    for topic in ("FEED_PROCESSING_FINISHED", "REPORT_PROCESSING_FINISHED"):
        assert subscribe(software, topic, made["destinationId"], "2020-09-04").status_code == 200
    feed = send(cast, Kind.CANCELLATION, file_of(Kind.CANCELLATION, [cast.order(1).number, "NoInventory", ""]))
    run_feeds(seller_id=cast.shop.pk, clock=lambda: NOW)
    report = ordered(cast, "ACTIONABLE")
    make_report(report_id=report.pk, clock=lambda: NOW)
    assert push() == 2
    by_topic = {each["notificationType"]: each for each in queue()}
    of_feed, of_report = by_topic["FEED_PROCESSING_FINISHED"], by_topic["REPORT_PROCESSING_FINISHED"]
    validate(models_if_there, "FeedProcessingFinishedNotification", of_feed)
    validate(models_if_there, "ReportProcessingFinishedNotification", of_report)
    told = of_feed["payload"]["feedProcessingFinishedNotification"]
    assert (told["feedId"], told["processingStatus"]) == (str(feed.pk), "DONE")
    where = f"/feeds/2021-06-30/documents/{told['resultFeedDocumentId']}"
    assert software.get(where).status_code == 200
    told = of_report["payload"]["reportProcessingFinishedNotification"]
    assert (told["reportId"], told["processingStatus"]) == (str(report.pk), "DONE")
    assert software.get(f"/reports/2021-06-30/documents/{told['reportDocumentId']}").status_code != 404


def test_the_state_of_the_rate_reaches_the_queue_both_ways(cast: Cast, software, queue):
    made = destination(software)
    subscribe(software, "METRIC_STATE_CHANGED", made["destinationId"])
    orders = cast.orders(40)
    at_risk = {"state": State.AT_RISK, "severity": SEVERITY[State.AT_RISK], "look_again": True}
    RateState.objects.update_or_create(seller=cast.shop, defaults=at_risk)
    states = []
    for _ in ("better", "worse"):
        look_at_states(now=NOW)
        push()
        states += [each["payload"]["metricStateChangedNotification"] for each in queue()]
        for order in orders:
            cast.cancel(order)
        look_again(seller_id=cast.shop.pk)
    assert [(each["state"], each["countedCancellations"]) for each in states] == [("GOOD", 0), ("AT_RISK", 40)]


def test_a_subscription_is_limited_to_kinds_of_changes(cast: Cast, software, queue):
    made = destination(software)
    directive = {"eventFilter": {"eventFilterType": "ORDER_CHANGE", "orderChangeTypes": ["OrderStatusChange"]}}
    answer = subscribe(software, "ORDER_CHANGE", made["destinationId"], processingDirective=directive)
    assert answer.json()["payload"]["processingDirective"] == directive
    order = cast.order(1)
    cast.request(order)
    cast.cancel(order)
    push()
    assert [each["Payload"]["OrderChangeNotification"]["OrderChangeType"] for each in queue()] == [
        "OrderStatusChange"
    ]


def test_a_queue_that_is_not_there_gets_it_later(cast: Cast, software, queue, settings):
    made = destination(software, "arn:aws:sqs:us-west-2:123456789012:none")
    subscribe(software, "ORDER_CHANGE", made["destinationId"])
    cast.request(cast.order(1))
    assert push() == 1
    delivery = Delivery.objects.get(subscription__isnull=False)
    assert (delivery.state, delivery.attempts) == ("PENDING", 1)
    assert "QueueDoesNotExist" in delivery.last_error or "NonExistentQueue" in delivery.last_error
    settings.SQS_ENDPOINT_URL = "http://127.0.0.1:9"
    Delivery.objects.update(due_at=NOW)
    push()
    assert Destination.objects.get().failures == 1


def test_software_without_keys_that_allow_it_is_told_nothing(cast: Cast, software, queue):
    made = destination(software)
    subscribe(software, "ORDER_CHANGE", made["destinationId"])
    cast.request(cast.order(1))
    Credential.objects.update(revoked_at=NOW)
    assert push() == 1
    assert queue() == []
    assert Delivery.objects.get(subscription__isnull=False).state == "FAILED"
    cast.request(cast.order(1))
    assert push() == 0


def test_an_application_that_has_ended_is_told_nothing(cast: Cast, software, queue):
    made = destination(software)
    subscribe(software, "ORDER_CHANGE", made["destinationId"])
    software.application.state, software.application.closed_at = "CLOSED", NOW
    software.application.save()
    cast.request(cast.order(1))
    assert push() == 0


# --- destinations and subscriptions -------------------------------------------------------------------------


def test_the_whole_life_of_a_destination_and_a_subscription(software, models_if_there):
    def ask(method: str, path: str, body: object = None, **query):
        answer = software.ask(method, path, body, **query)
        compare(models_if_there, method, path, answer)
        return answer

    made = ask(
        "POST", f"{TOLD}/destinations", {"name": "注文", "resourceSpecification": {"sqs": {"arn": ARN}}}
    ).json()["payload"]
    assert made["resource"] == {"sqs": {"arn": ARN}}
    assert ask("GET", f"{TOLD}/destinations").json()["payload"] == [made]
    assert ask("GET", f"{TOLD}/destinations/{made['destinationId']}").json()["payload"] == made
    path = f"{SUBSCRIPTIONS}/ORDER_CHANGE"
    body = {"payloadVersion": "1.0", "destinationId": made["destinationId"]}
    kept = ask("POST", path, body).json()["payload"]
    assert ask("POST", path, body).status_code == 409
    assert ask("GET", path).json()["payload"] == kept
    assert ask("GET", f"{path}/{kept['subscriptionId']}").json()["payload"] == kept
    listed = ask("GET", SUBSCRIPTIONS, notificationTypes="ORDER_CHANGE").json()["payload"]["subscriptions"]
    assert listed == [kept]
    assert ask("DELETE", f"{TOLD}/destinations/{made['destinationId']}").status_code == 409
    assert ask("DELETE", f"{path}/{kept['subscriptionId']}", {}).status_code == 200
    assert ask("GET", path).status_code == 404
    assert ask("DELETE", f"{TOLD}/destinations/{made['destinationId']}", {}).status_code == 200
    assert ask("GET", f"{TOLD}/destinations").json()["payload"] == []


def test_a_token_without_a_shop_opens_destinations_and_no_new_subscription(software):
    token = tokens.without_seller(
        client_id=software.application.client_id, client_secret=software.keys.client_secret, now=NOW
    )
    assert software.ask("GET", f"{TOLD}/destinations", token=token).status_code == 200
    body = {"payloadVersion": "1.0", "destinationId": "x"}
    assert software.ask("POST", f"{SUBSCRIPTIONS}/ORDER_CHANGE", body, token=token).status_code == 403


def test_another_application_sees_none_of_it(cast: Cast, software):
    made = destination(software)
    kept = subscribe(software, "ORDER_CHANGE", made["destinationId"]).json()["payload"]
    for other in (software_of(cast.shop, cast.alice), software_of(cast.other_shop, cast.charlie)):
        assert other.payload(f"{TOLD}/destinations") == []
        assert other.get(f"{TOLD}/destinations/{made['destinationId']}").status_code == 404
        assert other.ask("DELETE", f"{TOLD}/destinations/{made['destinationId']}").status_code == 404
        path = f"{SUBSCRIPTIONS}/ORDER_CHANGE"
        assert other.get(f"{path}/{kept['subscriptionId']}").status_code == 404
        assert other.ask("DELETE", f"{path}/{kept['subscriptionId']}").status_code == 404
        assert subscribe(other, "ORDER_CHANGE", made["destinationId"]).status_code == 400


BAD_DESTINATIONS = [
    {},
    {"name": "x"},
    {"name": "", "resourceSpecification": {"sqs": {"arn": ARN}}},
    {"name": "x" * 257, "resourceSpecification": {"sqs": {"arn": ARN}}},
    {"name": "x", "resourceSpecification": {}},
    {"name": "x", "resourceSpecification": {"sqs": {"arn": "arn:aws:sns:us-west-2:123456789012:orders"}}},
    {"name": "x", "resourceSpecification": {"sqs": {"arn": "arn:aws:sqs:evil.example/:123456789012:orders"}}},
    {"name": "x", "resourceSpecification": {"sqs": {"arn": ARN + ".fifo"}}},
    {"name": "x", "resourceSpecification": {"sqs": {"arn": ARN + "x" * 1000}}},
    {"name": "x", "resourceSpecification": {"eventBridge": {"region": "us-west-2", "accountId": "1"}}},
]


@pytest.mark.parametrize("body", BAD_DESTINATIONS)
def test_a_destination_that_cannot_be_is_400_and_says_why(software, body):
    status, code, details = error_of(software.ask("POST", f"{TOLD}/destinations", body))
    assert (status, code) == (400, "InvalidInput")
    assert details
    assert not Destination.objects.exists()


BAD_SUBSCRIPTIONS = [
    ("ORDER_STATUS_CHANGE", {}),
    ("ORDER_CHANGE", {"payloadVersion": "2.0"}),
    ("ORDER_CHANGE", {"payloadVersion": ""}),
    ("ORDER_CHANGE", {"destinationId": "00000000-0000-0000-0000-000000000000"}),
    ("ORDER_CHANGE", {"destinationId": "x"}),
    ("ORDER_CHANGE", {"processingDirective": {"filterExpression": "true"}}),
    ("ORDER_CHANGE", {"processingDirective": {"eventFilter": {"eventFilterType": "ANY_OFFER_CHANGED"}}}),
    (
        "ORDER_CHANGE",
        {"processingDirective": {"eventFilter": {"eventFilterType": "ORDER_CHANGE", "orderChangeTypes": ["X"]}}},
    ),
]


@pytest.mark.parametrize(("topic", "wrong"), BAD_SUBSCRIPTIONS)
def test_a_subscription_that_cannot_be_is_400_and_says_why(software, topic, wrong):
    made = destination(software)
    body = {"payloadVersion": "1.0", "destinationId": made["destinationId"]} | wrong
    status, code, details = error_of(software.ask("POST", f"{SUBSCRIPTIONS}/{topic}", body))
    assert (status, code) == (400, "InvalidInput")
    assert details


def test_an_application_has_ten_destinations_and_none_twice(software):
    destination(software)
    again = {"name": "x", "resourceSpecification": {"sqs": {"arn": ARN}}}
    assert software.ask("POST", f"{TOLD}/destinations", again).status_code == 409
    for number in range(9):
        destination(software, f"{ARN}-{number}")
    again["resourceSpecification"]["sqs"]["arn"] = f"{ARN}-x"
    assert software.ask("POST", f"{TOLD}/destinations", again).status_code == 400
    assert Destination.objects.count() == 10


def test_keys_without_the_scope_open_none_of_it(cast: Cast, clock):
    other = software_of(cast.shop, cast.alice, scopes=[Scope.ORDERS_READ])
    assert other.get(f"{TOLD}/destinations").status_code == 403


def test_the_marketplace_of_a_filter_is_this_one(software):
    made = destination(software)
    of = {"eventFilterType": "ORDER_CHANGE", "marketplaceIds": ["ATVPDKIKX0DER"]}
    wish = {"processingDirective": {"eventFilter": of}}
    assert subscribe(software, "ORDER_CHANGE", made["destinationId"], **wish).status_code == 403
    of["marketplaceIds"] = [portal.MARKETPLACE_ID]
    assert subscribe(software, "ORDER_CHANGE", made["destinationId"], **wish).status_code == 200
