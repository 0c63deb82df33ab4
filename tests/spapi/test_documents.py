"""Feeds and reports by software: documents at presigned addresses, feeds and reports asked after (sp-api 5, 6)."""

import gzip
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from lxml import etree

from accounts.rules import Scope
from cancellations.models import Cancellation
from feeds.actions import forget_documents, run_feeds
from feeds.models import Feed, FeedDocument
from reports.actions import make_report, order_scheduled
from reports.models import Report
from tests.cast import Cast

from .conftest import NOW, Software, error_of, fresh_token, software_of

MARKET = "A1VC38T7YXB528"
KIND = "text/tab-separated-values; charset=UTF-8"
FEEDS, REPORTS = "/feeds/2021-06-30", "/reports/2021-06-30"
CANCEL = "POST_FLAT_FILE_ORDER_ACKNOWLEDGEMENT_DATA"
ALL_ORDERS = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
ACTIONABLE = "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING"
NEW_AS_XML = "GET_ORDER_REPORT_DATA_SHIPPING"


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path, monkeypatch, no_mails):
    """A folder of its own, and no broker."""
    settings.STORAGES = {
        **settings.STORAGES,
        "documents": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "documents"},
        },
    }
    monkeypatch.setattr("feeds.actions.submitting.enqueue", lambda seller_id: None)
    monkeypatch.setattr("reports.actions.enqueue", lambda report_id: None)


def path_of(url: str) -> str:
    """A presigned address without its host: clients keep path and query alone."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def reserved(software: Software, kind: str = KIND) -> tuple[str, str]:
    """A document and the address to put its bytes to."""
    answer = software.ask("POST", f"{FEEDS}/documents", {"contentType": kind})
    assert answer.status_code == 201
    return answer.json()["feedDocumentId"], path_of(answer.json()["url"])


def put(path: str, content: bytes, kind: str = KIND, **headers):
    return Client().generic("PUT", path, content, content_type=kind, headers=headers)


def lines(*orders) -> bytes:
    head = "order-id\tcancellation-reason-code\torder-item-id\n"
    return (head + "".join(f"{order.number}\tNoInventory\t\n" for order in orders)).encode()


def fed(software: Software, content: bytes, *, feed_type: str = CANCEL, **options) -> str:
    """A feed of these bytes, in the queue."""
    name, path = reserved(software)
    answer = put(path, content)
    assert (answer.status_code, answer.content) == (200, b"")
    body = {"feedType": feed_type, "marketplaceIds": [MARKET], "inputFeedDocumentId": name}
    made = software.ask("POST", f"{FEEDS}/feeds", body | ({"feedOptions": options} if options else {}))
    assert made.status_code == 202, made.content
    return made.json()["feedId"]


# --- feeds --------------------------------------------------------------------------------------------------


def test_a_feed_from_its_document_to_its_processing_report(cast: Cast, software):
    order = cast.order(1)
    feed_id = fed(software, lines(order))
    waiting = software.get(f"{FEEDS}/feeds/{feed_id}").json()
    assert (waiting["feedType"], waiting["processingStatus"]) == (CANCEL, "IN_QUEUE")
    assert "resultFeedDocumentId" not in waiting
    run_feeds(seller_id=cast.shop.pk, clock=lambda: NOW)
    done = software.get(f"{FEEDS}/feeds/{feed_id}").json()
    assert (done["processingStatus"], done["processingEndTime"]) == ("DONE", "2026-07-01T04:00:00Z")
    assert Cancellation.objects.get().code == "SEL-1"
    found = software.get(f"{FEEDS}/documents/{done['resultFeedDocumentId']}").json()
    assert "compressionAlgorithm" not in found
    report = Client().get(path_of(found["url"]))
    assert report["Content-Type"] == "text/plain;charset=UTF-8"
    assert "Number of records successful\t\t1" in b"".join(report.streaming_content).decode()
    again = software.get(f"{FEEDS}/documents/{waiting_document(feed_id)}").json()
    assert b"".join(Client().get(path_of(again["url"])).streaming_content) == lines(order)


def waiting_document(feed_id: str) -> str:
    from spapi.names import feed_document_id

    return feed_document_id(Feed.objects.get(pk=feed_id).document)


def test_a_gzip_of_several_members_is_read_whole_and_one_that_breaks_off_is_refused(cast: Cast, software):
    first, second = lines(cast.order(1)), lines(cast.order(1)).partition(b"\n")[2]
    _, url = reserved(software)
    whole = gzip.compress(first) + gzip.compress(second)
    assert put(url, whole, **{"Content-Encoding": "gzip"}).status_code == 200
    assert FeedDocument.objects.get().size == len(first + second)
    for torn in (whole[:-9], gzip.compress(first)[:30]):
        answer = put(url, torn, **{"Content-Encoding": "gzip"})
        assert answer.status_code == 400
        assert b"<Code>InvalidRequest</Code>" in answer.content
    assert FeedDocument.objects.get().size == len(first + second), "what was there before stays"


@pytest.mark.parametrize("kind", ["text/html", "text/javascript", "image/svg+xml", "application/xhtml+xml"])
def test_bytes_of_a_shop_are_never_a_page_or_a_script_of_the_portal(software, kind):
    document, url = reserved(software, kind)
    assert put(url, b"<script>alert(1)</script>", kind).status_code == 200
    back = software.get(f"{FEEDS}/documents/{document}").json()["url"]
    answer = Client().get(path_of(back))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == "attachment"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_a_shop_holds_a_hundred_places_without_a_feed_and_no_more(software):
    for _ in range(100):
        reserved(software)
    answer = software.ask("POST", f"{FEEDS}/documents", {"contentType": KIND})
    assert error_of(answer)[:2] == (429, "QuotaExceeded")


def test_a_dry_run_is_an_option_of_the_feed(cast: Cast, software):
    feed_id = fed(software, lines(cast.order(1)), dryRun="true")
    run_feeds(seller_id=cast.shop.pk, clock=lambda: NOW)
    assert Feed.objects.get(pk=feed_id).state == "DONE"
    assert not Cancellation.objects.exists()


def test_bytes_may_come_packed(cast: Cast, software):
    order = cast.order(1)
    fed(software, gzip.compress(lines(order)))
    run_feeds(seller_id=cast.shop.pk, clock=lambda: NOW)
    assert Cancellation.objects.get().order == order


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"kind": "text/plain"}, 403),
        ({"path": lambda path: path.replace("Signature=", "Signature=x")}, 403),
        ({"path": lambda path: path.replace("Expires=1", "Expires=2")}, 403),
        ({"path": lambda path: path.partition("?")[0]}, 403),
        ({"path": lambda path: path.replace(".T", ".R")}, 403),
        ({"content": b"x" * (10 * 1024 * 1024 + 1)}, 400),
        ({"content": gzip.compress(b"x" * (10 * 1024 * 1024 + 1))}, 400),
        ({"content": b"\x1f\x8bno gzip"}, 400),
    ],
    ids=["another type", "signature", "expiry", "unsigned", "another document", "too large", "a bomb", "no gzip"],
)
def test_an_address_takes_only_what_it_was_signed_for(software, change, status):
    _, path = reserved(software)
    where = change.get("path", lambda path: path)(path)
    answer = put(where, change.get("content", b"x"), change.get("kind", KIND))
    assert answer.status_code == status
    assert answer.content.startswith(b"<?xml")
    assert b"<Error><Code>" in answer.content
    assert FeedDocument.objects.get().uploaded_at is None


def test_an_address_is_good_for_five_minutes_and_until_the_document_is_a_feed(software, clock):
    _, path = reserved(software)
    clock.move_to(NOW + timedelta(minutes=5), tick=False)
    assert put(path, b"x").status_code == 200
    clock.move_to(NOW + timedelta(minutes=5, seconds=1), tick=False)
    assert put(path, b"x").status_code == 403
    clock.move_to(NOW, tick=False)
    name, path = reserved(software)
    assert put(path, b"first").status_code == 200
    assert put(path, b"second, longer").status_code == 200
    assert FeedDocument.objects.latest("pk").size == len(b"second, longer")
    body = {"feedType": CANCEL, "marketplaceIds": [MARKET], "inputFeedDocumentId": name}
    assert software.ask("POST", f"{FEEDS}/feeds", body).status_code == 202
    assert put(path, b"third").status_code == 403
    assert software.ask("POST", f"{FEEDS}/feeds", body).status_code == 400, "a document is one feed"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"feedType": "POST_PRODUCT_DATA"}, 400),
        ({"marketplaceIds": []}, 400),
        ({"marketplaceIds": ["ATVPDKIKX0DER"]}, 403),
        ({"inputFeedDocumentId": "amzn1.tortuga.3.x.T1"}, 404),
        ({"inputFeedDocumentId": None}, 400),
    ],
)
def test_a_feed_that_cannot_be_is_refused(software, change, status):
    name, path = reserved(software)
    put(path, b"x")
    body = {"feedType": CANCEL, "marketplaceIds": [MARKET], "inputFeedDocumentId": name} | change
    assert error_of(software.ask("POST", f"{FEEDS}/feeds", body))[0] == status
    assert not Feed.objects.exists()


def test_nothing_was_uploaded_and_another_shops_document_make_no_feed(cast: Cast, software, rival):
    name, path = reserved(software)
    body = {"feedType": CANCEL, "marketplaceIds": [MARKET], "inputFeedDocumentId": name}
    assert software.ask("POST", f"{FEEDS}/feeds", body).status_code == 400
    put(path, lines(cast.order(1)))
    assert rival.ask("POST", f"{FEEDS}/feeds", body).status_code == 404
    assert rival.get(f"{FEEDS}/documents/{name}").status_code == 404
    feed_id = fed(software, lines(cast.order(1)))
    for method, tail in (("GET", ""), ("DELETE", "")):
        assert rival.ask(method, f"{FEEDS}/feeds/{feed_id}{tail}").status_code == 404


def test_a_feed_that_waits_can_be_cancelled_and_stays_listed(cast: Cast, software):
    feed_id = fed(software, lines(cast.order(1)))
    answer = software.ask("DELETE", f"{FEEDS}/feeds/{feed_id}")
    assert (answer.status_code, answer.json()) == (200, {})
    run_feeds(seller_id=cast.shop.pk, clock=lambda: NOW)
    assert not Cancellation.objects.exists()
    assert software.ask("DELETE", f"{FEEDS}/feeds/{feed_id}").status_code == 400
    listed = software.get(f"{FEEDS}/feeds", feedTypes=CANCEL).json()["feeds"]
    assert [(each["feedId"], each["processingStatus"]) for each in listed] == [(feed_id, "CANCELLED")]


def test_feeds_are_listed_page_by_page_the_latest_first(cast: Cast, software):
    made = [fed(software, lines(cast.order(1))) for _ in range(3)]
    fed(software, b"x", feed_type="POST_FLAT_FILE_FULFILLMENT_DATA")
    first = software.get(f"{FEEDS}/feeds", feedTypes=CANCEL, pageSize="2").json()
    second = software.get(f"{FEEDS}/feeds", nextToken=first["nextToken"], marketplaceIds=MARKET).json()
    assert [each["feedId"] for page in (first, second) for each in page["feeds"]] == made[::-1]
    assert "nextToken" not in second
    for query in ({}, {"feedTypes": "x"}, {"feedTypes": CANCEL, "pageSize": "0"}, {"nextToken": "x"}):
        assert software.get(f"{FEEDS}/feeds", **query).status_code == 400
    none = software.get(f"{FEEDS}/feeds", feedTypes=CANCEL, processingStatuses="DONE").json()
    assert none == {"feeds": []}


def test_fifteen_feeds_then_one_every_two_minutes_whatever_the_door(cast: Cast, software):
    for _ in range(15):
        fed(software, b"x")
    name, path = reserved(software)
    put(path, b"x")
    body = {"feedType": CANCEL, "marketplaceIds": [MARKET], "inputFeedDocumentId": name}
    answer = software.ask("POST", f"{FEEDS}/feeds", body)
    assert (error_of(answer)[:2], answer["Retry-After"]) == ((429, "QuotaExceeded"), "120")


def test_places_that_were_asked_for_in_vain_go_after_two_days(software, own_store):
    _, path = reserved(software)
    put(path, b"x")
    assert forget_documents(now=NOW + timedelta(days=2)) == 0
    assert forget_documents(now=NOW + timedelta(days=2, seconds=1)) == 1
    assert not FeedDocument.objects.exists()


# --- reports ------------------------------------------------------------------------------------------------


def ordered(software: Software, report_type: str = ALL_ORDERS, **more) -> str:
    body = {"reportType": report_type, "marketplaceIds": [MARKET]} | more
    answer = software.ask("POST", f"{REPORTS}/reports", body)
    assert answer.status_code == 202, answer.content
    return answer.json()["reportId"]


def test_a_report_from_its_order_to_its_file(cast: Cast, software):
    order = cast.order(1)
    report_id = ordered(software)
    assert software.get(f"{REPORTS}/reports/{report_id}").json()["processingStatus"] == "IN_QUEUE"
    make_report(report_id=int(report_id), clock=lambda: NOW)
    done = software.get(f"{REPORTS}/reports/{report_id}").json()
    assert (done["processingStatus"], done["reportType"]) == ("DONE", ALL_ORDERS)
    found = software.get(f"{REPORTS}/documents/{done['reportDocumentId']}").json()
    file = Client().get(path_of(found["url"]))
    assert file["Content-Type"] == "text/plain;charset=Windows-31J"
    assert order.number in b"".join(file.streaming_content).decode("cp932")


def test_a_report_that_names_people_needs_a_restricted_token_for_this_file(cast: Cast, software):
    cast.order(1)
    report_id = ordered(software, ACTIONABLE)
    make_report(report_id=int(report_id), clock=lambda: NOW)
    name = software.get(f"{REPORTS}/reports/{report_id}").json()["reportDocumentId"]
    path = f"{REPORTS}/documents/{name}"
    assert error_of(software.get(path))[:2] == (403, "Unauthorized")
    asked = {"restrictedResources": [{"method": "GET", "path": path}]}
    token = software.ask("POST", "/tokens/2021-03-01/restrictedDataToken", asked).json()["restrictedDataToken"]
    found = software.ask("GET", path, token=token)
    assert found.status_code == 200
    text = b"".join(Client().get(path_of(found.json()["url"])).streaming_content).decode("cp932")
    assert "recipient-name" in text


@pytest.mark.parametrize("announced", [False, True], ids=["packed", "packed, and said so"])
def test_a_large_report_is_packed_and_its_address_says_so_to_whoever_wishes(
    cast: Cast, software, monkeypatch, announced: bool
):
    monkeypatch.setattr("spapi.names.PACKED_FROM", 1)
    order = cast.order(1)
    report_id = ordered(software)
    make_report(report_id=int(report_id), clock=lambda: NOW)
    name = software.get(f"{REPORTS}/reports/{report_id}").json()["reportDocumentId"]
    wish = {"enableContentEncodingUrlHeader": "True"} if announced else {}
    found = software.get(f"{REPORTS}/documents/{name}", **wish).json()
    assert found["compressionAlgorithm"] == "GZIP"
    file = Client().get(path_of(found["url"]))
    assert file.get("Content-Encoding") == ("gzip" if announced else None)
    assert order.number in gzip.decompress(b"".join(file.streaming_content)).decode("cp932")


@pytest.mark.parametrize(
    "change",
    [
        {"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA"},
        {"reportType": NEW_AS_XML},
        {"marketplaceIds": []},
        {"dataStartTime": "2026-07-01"},
        {"dataStartTime": "2026-07-01T04:00:00Z", "dataEndTime": "2026-07-01T04:00:00Z"},
        {"dataStartTime": "2020-01-01T00:00:00Z"},
        {"dataEndTime": 1},
    ],
)
def test_a_report_that_cannot_be_is_refused(software, change):
    body = {"reportType": ALL_ORDERS, "marketplaceIds": [MARKET]} | change
    assert error_of(software.ask("POST", f"{REPORTS}/reports", body))[0] == 400
    assert not Report.objects.exists()


def test_a_report_that_waits_can_be_cancelled_and_is_not_made_any_more(software):
    report_id = ordered(software)
    assert software.ask("DELETE", f"{REPORTS}/reports/{report_id}").json() == {}
    make_report(report_id=int(report_id), clock=lambda: NOW)
    assert software.get(f"{REPORTS}/reports/{report_id}").json()["processingStatus"] == "CANCELLED"
    assert software.ask("DELETE", f"{REPORTS}/reports/{report_id}").status_code == 400


def test_reports_are_listed_page_by_page_and_only_to_their_shop(cast: Cast, software, rival):
    made = [ordered(software) for _ in range(3)]
    ordered(software, ACTIONABLE)
    first = software.get(f"{REPORTS}/reports", reportTypes=ALL_ORDERS, pageSize="2").json()
    second = software.get(f"{REPORTS}/reports", nextToken=first["nextToken"]).json()
    assert [each["reportId"] for page in (first, second) for each in page["reports"]] == made[::-1]
    assert rival.get(f"{REPORTS}/reports", reportTypes=ALL_ORDERS).json() == {"reports": []}
    assert rival.get(f"{REPORTS}/reports/{made[0]}").status_code == 404
    assert rival.get(f"{REPORTS}/reports", nextToken=first["nextToken"]).status_code == 400


def scheduled(software: Software, **change):
    body = {"reportType": ACTIONABLE, "marketplaceIds": [MARKET], "period": "PT15M"} | change
    return software.ask("POST", f"{REPORTS}/schedules", body)


def test_a_timetable_is_made_listed_replaced_and_ended(cast: Cast, software, rival):
    first = scheduled(software)
    assert first.status_code == 201
    second = scheduled(
        software, period="P1D", nextReportCreationTime=(NOW + timedelta(hours=1)).isoformat()
    ).json()
    assert software.get(f"{REPORTS}/schedules/{first.json()['reportScheduleId']}").status_code == 404
    path = f"{REPORTS}/schedules/{second['reportScheduleId']}"
    shape = {
        "reportScheduleId": second["reportScheduleId"],
        "reportType": ACTIONABLE,
        "marketplaceIds": [MARKET],
        "period": "P1D",
        "nextReportCreationTime": f"{NOW + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
    }
    assert software.get(path).json() == shape
    assert software.get(f"{REPORTS}/schedules", reportTypes=ACTIONABLE).json() == {"reportSchedules": [shape]}
    assert software.get(f"{REPORTS}/schedules", reportTypes=ALL_ORDERS).json() == {"reportSchedules": []}
    assert rival.get(f"{REPORTS}/schedules", reportTypes=ACTIONABLE).json() == {"reportSchedules": []}
    for method in ("GET", "DELETE"):
        assert error_of(rival.ask(method, path))[:2] == (404, "NotFound")
    order_scheduled(now=NOW + timedelta(hours=1))
    made = software.get(f"{REPORTS}/reports", reportTypes=ACTIONABLE, createdUntil="2027-01-01T00:00:00Z").json()
    assert [each["reportScheduleId"] for each in made["reports"]] == [second["reportScheduleId"]]
    assert software.ask("DELETE", path).json() == {}
    assert error_of(software.ask("DELETE", path))[:2] == (404, "NotFound")


def test_new_orders_come_as_xml_by_a_timetable_which_ends_that_of_the_table(cast: Cast, software):
    flat = scheduled(software, reportType="GET_FLAT_FILE_ORDER_REPORT_DATA_SHIPPING").json()["reportScheduleId"]
    order = cast.order(1)
    made = scheduled(software, reportType=NEW_AS_XML).json()["reportScheduleId"]
    assert software.get(f"{REPORTS}/schedules/{flat}").status_code == 404
    order_scheduled(now=NOW)
    report = Report.objects.get()
    make_report(report_id=report.pk, clock=lambda: NOW)
    shape = software.get(f"{REPORTS}/reports/{report.pk}").json()
    assert (shape["reportType"], shape["reportScheduleId"]) == (NEW_AS_XML, made)
    path = f"{REPORTS}/documents/{shape['reportDocumentId']}"
    assert error_of(software.get(path))[0] == 403
    asked = {"restrictedResources": [{"method": "GET", "path": path}]}
    token = software.ask("POST", "/tokens/2021-03-01/restrictedDataToken", asked).json()["restrictedDataToken"]
    file = Client().get(path_of(software.ask("GET", path, token=token).json()["url"]))
    assert file["Content-Type"] == "text/xml;charset=UTF-8"
    assert etree.fromstring(b"".join(file.streaming_content)).findtext(".//AmazonOrderID") == order.number


def test_the_option_of_the_sales_channel_is_kept_with_report_and_timetable(software):
    options = {"reportOptions": {"ShowSalesChannel": "true", "custom": "true"}}
    ordered(software, ACTIONABLE, **options)
    assert Report.objects.get().columns == ["sales_channel"]
    made = scheduled(software, **options).json()["reportScheduleId"]
    shape = software.get(f"{REPORTS}/schedules/{made}").json()
    assert shape["reportOptions"] == {"ShowSalesChannel": "true"}
    order_scheduled(now=NOW)
    assert Report.objects.latest("pk").columns == ["sales_channel"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"reportType": ALL_ORDERS}, 400),
        ({"period": "PT6M"}, 400),
        ({"period": 5}, 400),
        ({"marketplaceIds": []}, 400),
        ({"marketplaceIds": ["ATVPDKIKX0DER"]}, 403),
        ({"nextReportCreationTime": "soon"}, 400),
    ],
)
def test_a_timetable_that_cannot_be_is_refused(software, change, status):
    assert scheduled(software, **change).status_code == status
    assert error_of(software.get(f"{REPORTS}/schedules"))[2] == "reportTypes: required."


def test_a_file_that_names_people_also_needs_the_scope_for_orders(cast: Cast, clock):
    software = software_of(cast.shop, cast.alice, scopes=["reports"])
    report = software.ask("POST", f"{REPORTS}/reports", {"reportType": ACTIONABLE, "marketplaceIds": [MARKET]})
    make_report(report_id=int(report.json()["reportId"]), clock=lambda: NOW)
    document = software.get(f"{REPORTS}/reports/{report.json()['reportId']}").json()["reportDocumentId"]
    path = f"{REPORTS}/documents/{document}"
    wanted = {"restrictedResources": [{"method": "GET", "path": path}]}
    token = software.ask("POST", "/tokens/2021-03-01/restrictedDataToken", wanted).json()["restrictedDataToken"]
    assert error_of(software.ask("GET", path, token=token))[2] == "The keys do not allow orders:read."


def test_what_the_keys_do_not_allow_is_refused(cast: Cast, clock):
    without = software_of(cast.shop, cast.alice, scopes=["orders:read"])
    assert without.ask("POST", f"{FEEDS}/documents", {"contentType": KIND}).status_code == 403
    assert without.get(f"{REPORTS}/reports", reportTypes=ALL_ORDERS).status_code == 403
    assert fresh_token(without.application, without.keys)


@pytest.mark.parametrize(
    ("feed_type", "scopes"),
    [
        (CANCEL, {Scope.ORDERS_CANCEL}),
        ("POST_PAYMENT_ADJUSTMENT_DATA", {Scope.ORDERS_CANCEL, Scope.ORDERS_REFUND}),
        ("POST_FLAT_FILE_FULFILLMENT_DATA", {Scope.ORDERS_SHIP}),
    ],
)
def test_a_feed_needs_the_scope_of_what_its_lines_do(cast: Cast, clock, feed_type, scopes):
    for missing in scopes:
        less = software_of(cast.shop, cast.alice, scopes=set(Scope) - {missing})
        name, path = reserved(less)
        put(path, b"x")
        body = {"feedType": feed_type, "marketplaceIds": [MARKET], "inputFeedDocumentId": name}
        answer = less.ask("POST", f"{FEEDS}/feeds", body)
        assert error_of(answer) == (403, "Unauthorized", f"The keys do not allow {missing}.")
    enough = software_of(cast.shop, cast.alice, scopes={Scope.FEEDS, *scopes})
    assert fed(enough, b"x", feed_type=feed_type)
