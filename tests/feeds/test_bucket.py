"""Files in a bucket of an S3-compatible store instead of a folder: the same acts, nothing left behind."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage
from moto.server import ThreadedMotoServer

from feeds.actions import forget_documents, run_feeds
from feeds.models import Feed
from feeds.parsers import Kind
from reports.actions import make_report
from sellercentral.documents import documents_storage
from tests.cast import LATER, Cast
from tests.reports.conftest import ordered

from .conftest import answers, file_of, send

# The client of the store leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def bucket(settings, monkeypatch):
    """An empty bucket in a store on loopback."""
    name = f"documents-{uuid4().hex}"  # the store outlives its server within this process
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"s3://key:secret@{host}:{port}/{name}?plain=1&region=ap-northeast-1"
    settings.STORAGES = {**settings.STORAGES, "documents": documents_storage(url, Path())}
    monkeypatch.setattr("reports.actions.enqueue", lambda report_id: None)
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="ap-northeast-1",
    )
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    yield lambda: [each["Key"] for each in client.list_objects_v2(Bucket=name).get("Contents", [])]
    server.stop()


def test_feeds_and_reports_live_in_a_bucket_and_are_forgotten_there(cast: Cast, no_mails, bucket):
    order = cast.order(1)
    feed = send(cast, Kind.CANCELLATION, file_of(Kind.CANCELLATION, [order.number, "NoInventory", ""]))
    assert bucket() == [feed.document.name]
    run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
    assert answers(feed) == [("DONE", "")]
    report = ordered(cast, "ALL_BY_ORDER_DATE")
    make_report(report_id=report.pk, clock=lambda: LATER)
    report.refresh_from_db()
    assert report.state == "DONE"
    assert set(bucket()) == {feed.document.name, report.document.name}
    assert forget_documents(now=LATER + timedelta(days=31)) == 1
    assert bucket() == [report.document.name]


def test_a_store_that_does_not_answer_leaves_the_feed_to_the_next_run(cast: Cast, no_mails, bucket, monkeypatch):
    send(cast, Kind.CANCELLATION, file_of(Kind.CANCELLATION, [cast.order(1).number, "NoInventory", ""]))

    def silent(*_args, **_more):
        raise RuntimeError("no route to the store")

    monkeypatch.setattr("storages.backends.s3.S3Storage.open", silent)
    with pytest.raises(OSError, match="does not answer"):
        run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
    monkeypatch.undo()
    assert Feed.objects.get().state == "IN_QUEUE"


@pytest.mark.parametrize("url", ["http://host/bucket", "s3://host", "s3://host/", "s3://host/a/b"])
def test_an_address_that_names_no_bucket_stops_the_start(url, tmp_path):
    with pytest.raises(ImproperlyConfigured, match="DOCUMENTS_URL"):
        documents_storage(url, tmp_path)


def test_without_an_address_files_lie_in_a_folder_that_only_the_portal_reads(tmp_path):
    entry = documents_storage("", tmp_path)
    assert entry["BACKEND"].endswith(FileSystemStorage.__name__)
    assert entry["OPTIONS"]["file_permissions_mode"] == 0o600
