"""The Python package mws, unmodified, against a live server: its own road from the poll to the feed's answer.

The package has the name of a room of ours, so it runs in a Python of its own that knows only what is installed.
"""

import base64
import csv
import json
import subprocess
import sys
from datetime import timedelta
from io import StringIO

import pytest
from django.utils import timezone

from cancellations.models import Cancellation
from feeds.actions import run_feeds
from reports.actions import add_columns, make_report
from tests.cast import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_mails", "own_store")]
MARKET = ["A1VC38T7YXB528"]


DRIVER = """
import base64, json, sys
import mws
asked = json.load(sys.stdin)
client = getattr(mws, asked["api"])(*asked["keys"], domain=asked["domain"], auth_token=asked["token"])
arguments = [base64.b64decode(each["bytes"]) if isinstance(each, dict) else each for each in asked["arguments"]]
try:
    found = getattr(client, asked["method"])(*arguments, **asked["named"]).parsed
except mws.MWSError as error:
    print(json.dumps({"error": str(error)}))
else:
    print(json.dumps({"text": found.decode("latin-1")} if isinstance(found, bytes) else {"found": found}))
"""


class Refused(Exception):
    """The client raised its own error."""


@pytest.fixture
def ask(cast: Cast, keys, live_server, settings):
    """Call a method of the package's class for a section; its answer as the package parsed it."""
    settings.SPAPI_RATE_LIMITS = False

    def call(api: str, method: str, *arguments, secret: str = "", **named):
        asked = {
            "api": api,
            "keys": [keys.access_key, secret or keys.secret_key, cast.shop.merchant_id],
            "token": keys.auth_token,
            "domain": live_server.url,
            "method": method,
            "arguments": [
                {"bytes": base64.b64encode(each).decode()} if isinstance(each, bytes) else each
                for each in arguments
            ],
            "named": named,
        }
        run = subprocess.run(
            [sys.executable, "-I", "-W", "ignore", "-c", DRIVER],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert run.returncode == 0, run.stderr
        said = json.loads(run.stdout)
        if "error" in said:
            raise Refused(said["error"])
        return said["text"].encode("latin-1") if "text" in said else said["found"]

    return call


def test_the_buyers_wish_becomes_a_cancellation_that_does_not_count(cast: Cast, ask):
    now = timezone.now()
    order = cast.order(1, placed_at=now - timedelta(hours=1))
    cast.request(order, now=now - timedelta(minutes=3))
    since = (now - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    listed = ask("Orders", "list_orders", marketplaceids=MARKET, lastupdatedafter=since)
    assert listed["Orders"]["Order"]["AmazonOrderId"]["value"] == order.number
    item = ask("Orders", "list_order_items", order.number)["OrderItems"]["OrderItem"]
    assert item["BuyerRequestedCancel"]["IsBuyerRequestedCancel"]["value"] == "true"
    file = f"order-id\tcancellation-reason-code\n{order.number}\tBuyerCanceled\n".encode("cp932")
    sent = ask("Feeds", "submit_feed", file, "_POST_FLAT_FILE_ORDER_ACKNOWLEDGEMENT_DATA_")
    number = sent["FeedSubmissionInfo"]["FeedSubmissionId"]["value"]
    with pytest.raises(Refused, match="FeedProcessingResultNotReady"):
        ask("Feeds", "get_feed_submission_result", number)
    run_feeds(seller_id=cast.shop.pk, clock=timezone.now)
    done = ask("Feeds", "get_feed_submission_list", feedids=[number])
    assert done["FeedSubmissionInfo"]["FeedProcessingStatus"]["value"] == "_DONE_"
    said = ask("Feeds", "get_feed_submission_result", number)
    assert b"Number of records successful\t\t1" in said
    assert Cancellation.objects.get().counted is False
    found = ask("Orders", "get_order", [order.number])["Orders"]["Order"]
    assert found["OrderStatus"]["value"] == "Canceled"


def test_the_unshipped_report_has_the_column_and_its_checksum_holds(cast: Cast, ask):
    now = timezone.now()
    order = cast.order(1, placed_at=now - timedelta(hours=1))
    cast.request(order, now=now - timedelta(minutes=3))
    add_columns(seller_id=cast.shop.pk, wished={"buyer_requested": True}, by=cast.seller, now=now)
    made = ask("Reports", "request_report", "_GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_")
    number = made["ReportRequestInfo"]["ReportRequestId"]["value"]
    make_report(report_id=int(number), clock=timezone.now)
    info = ask("Reports", "get_report_request_list", requestids=[number])["ReportRequestInfo"]
    assert info["ReportProcessingStatus"]["value"] == "_DONE_"
    listed = ask("Reports", "get_report_list")["ReportInfo"]
    assert listed["ReportId"]["value"] == info["GeneratedReportId"]["value"]
    text = ask("Reports", "get_report", info["GeneratedReportId"]["value"]).decode("cp932")
    (row,) = csv.DictReader(StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    assert (row["order-id"], row["is-buyer-requested-cancellation"]) == (order.number, "TRUE")


def test_the_client_reads_our_errors_as_its_own(cast: Cast, ask):
    assert ask("Orders", "get_service_status")["Status"]["value"] == "GREEN"
    with pytest.raises(Refused, match="InvalidParameterValue"):
        ask("Orders", "list_orders", marketplaceids=MARKET)
    with pytest.raises(Refused, match="SignatureDoesNotMatch"):
        ask("Orders", "get_service_status", secret="wrong")
