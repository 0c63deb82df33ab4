"""ファイルのアップロード: the form, its errors, the answers, the files that come out (domain 14.5, reliability 4.1)."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from cancellations.models import Cancellation
from feeds.actions import run_feeds
from feeds.models import Feed
from feeds.parsers import Kind
from tests.cast import LATER, Cast

from .conftest import file_of

PAGE = reverse("seller:feeds")


@pytest.fixture
def alice(cast: Cast, client: Client) -> Client:
    client.force_login(cast.alice)
    return client


def upload(client: Client, content: bytes = b"x", *, name: str = "orders.txt", key: str = "k-1", **more):
    """Send the form."""
    data = {"key": key, "kind": "ORDER_CANCELLATION", "file": SimpleUploadedFile(name, content), **more}
    return client.post(PAGE, data)


def test_an_uploaded_file_leads_to_its_page_and_its_answers(cast: Cast, alice, carried_out, time_machine):
    order = cast.order(1)
    time_machine.move_to(LATER, tick=False)
    answer = upload(alice, file_of(Kind.CANCELLATION, [order.number, "NoInventory", ""], ["x", "Whim", ""]))
    feed = Feed.objects.get()
    assert answer["Location"] == reverse("seller:feed", args=[feed.pk])
    page = alice.get(answer["Location"]).content.decode()
    assert "順番を待っています" in page
    assert 'hx-trigger="every 2s"' in page
    run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
    page = alice.get(answer["Location"]).content.decode()
    assert 'hx-trigger="every 2s"' not in page
    for words in ("注文をキャンセルしました。", "ORDER_ID_FORMAT", "order-id: x", order.number, feed.receipt):
        assert words in page
    only_errors = alice.get(answer["Location"], {"result": "ERROR"}).content.decode()
    assert "ORDER_ID_FORMAT" in only_errors
    assert "注文をキャンセルしました。" not in only_errors
    listed = alice.get(PAGE).content.decode()
    assert "orders.txt" in listed
    assert "2行・エラー1" in listed


def test_b23_the_same_form_sent_twice_is_one_feed(cast: Cast, alice):
    content = file_of(Kind.CANCELLATION, ["x", "NoInventory", ""])
    first, second = upload(alice, content), upload(alice, content)
    assert first["Location"] == second["Location"]
    assert Feed.objects.count() == 1


def test_another_file_under_the_same_key_is_never_taken_for_the_first(cast: Cast, alice):
    upload(alice, file_of(Kind.CANCELLATION, ["250-0000000-0000001", "NoInventory", ""]))
    other = upload(alice, file_of(Kind.CANCELLATION, ["250-0000000-0000002", "NoInventory", ""]))
    assert other.status_code == 200
    assert "この画面の内容はすでに送信されています。" in other.content.decode()
    assert Feed.objects.count() == 1


def test_what_the_form_lacks_is_said_beside_its_field(cast: Cast, alice):
    page = alice.post(PAGE, {"key": "k"}).content.decode()
    assert "種類を選択してください。" in page
    assert "ファイルを選択してください。" in page
    assert not Feed.objects.exists()


def test_b02_b25_too_large_and_too_many_are_told_with_their_status(cast: Cast, alice, monkeypatch):
    monkeypatch.setattr("feeds.forms.LARGEST_FEED", 10)
    large = upload(alice, b"x" * 11)
    assert (large.status_code, "ファイルは10 MB以内にしてください。" in large.content.decode()) == (413, True)
    for number in range(15):
        assert upload(alice, b"x", key=f"k{number}").status_code == 302
    many = upload(alice, b"x", key="one more")
    assert many.status_code == 429
    assert 100 < int(many["Retry-After"]) <= 120
    assert "2分後にもう一度お試しください。" in many.content.decode()


@pytest.mark.parametrize("name", ["../../x", "a" * 300, "a\nb.txt", "<script>alert(1)</script>.txt"])
def test_b24_names_of_files_are_shown_as_text_and_name_nothing_in_the_store(cast: Cast, alice, own_store, name):
    upload(alice, b"x", name=name)
    page = alice.get(PAGE).content.decode()
    assert "<script>alert" not in page
    stored = Feed.objects.get().document.name
    assert stored.startswith("feeds/")
    assert [str(path.relative_to(own_store)) for path in own_store.rglob("*") if path.is_file()] == [stored]


def test_who_only_looks_sees_the_answers_and_no_form(cast: Cast, alice, client, carried_out):
    feed = carried_out(Kind.CANCELLATION, [cast.order(1).number, "NoInventory", ""])
    client.force_login(cast.rei)
    assert "新しいファイル" not in client.get(PAGE).content.decode()
    assert client.get(reverse("seller:feed", args=[feed.pk])).status_code == 200
    assert upload(client).status_code == 403


def test_b02_a_body_beyond_the_limit_is_refused_before_it_is_read(cast: Cast, alice):
    answer = alice.post(PAGE, {"key": "k"}, CONTENT_LENGTH="2000000000")
    assert answer.status_code == 413
    assert "送信された内容が大きすぎます。" in answer.content.decode()
    assert alice.get(PAGE).status_code == 200


def test_another_shop_s_feed_is_not_there(cast: Cast, client, carried_out):
    feed = carried_out(Kind.CANCELLATION, ["x", "NoInventory", ""])
    client.force_login(cast.charlie)
    for name in ("seller:feed", "seller:feed-result"):
        assert client.get(reverse(name, args=[feed.pk])).status_code == 404


def test_a_fatal_file_says_why_and_how_to_mend_it(cast: Cast, alice, carried_out):
    feed = carried_out(Kind.SHIPMENT, content=b"order-id\tcancellation-reason-code\n1\t2\n")
    page = alice.get(reverse("seller:feed", args=[feed.pk])).content.decode()
    assert "選択した種類のファイルではありません。" in page
    assert "ファイルを直してから、もう一度アップロードしてください。" in page


def test_the_result_holds_every_line_in_both_languages_and_no_formula(cast: Cast, alice, carried_out):
    order = cast.order(1)
    feed = carried_out(Kind.CANCELLATION, [order.number, "NoInventory", ""], ["=1+1", "NoInventory", ""])
    answer = alice.get(reverse("seller:feed-result", args=[feed.pk]))
    assert answer["Content-Disposition"] == f'attachment; filename="{feed.receipt}-result.tsv"'
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    done, refused = csv.DictReader(io.StringIO(text), delimiter="\t")
    assert (done["order-id"], done["result"], done["order-status"], done["counted"]) == (
        order.number,
        "DONE",
        "CANCELED",
        "TRUE",
    )
    assert (done["message-ja"], done["message-en"]) == ("注文をキャンセルしました。", "The order was canceled.")
    assert (refused["line"], refused["order-id"], refused["code"]) == ("3", "'=1+1", "ORDER_ID_FORMAT")


def test_the_processing_report_has_the_shape_that_tools_parse(cast: Cast, alice, carried_out):  # flat-files 7.1
    done, shipped = cast.order(1), cast.order(1)
    cast.confirm(shipped)
    item = shipped.items.get().item_id
    feed = carried_out(
        Kind.CANCELLATION,
        [done.number, "NoInventory", ""],
        [shipped.number, "NoInventory", item],
        ["250-0000000-0000001", "NoInventory", ""],
        [done.number, "NoInventory", ""],
    )
    answer = alice.get(reverse("seller:feed-result", args=[feed.pk]), {"form": "report"})
    lines = b"".join(answer.streaming_content).decode().split("\r\n")
    assert lines[:5] == [
        "Feed Processing Summary:",
        "\tNumber of records processed\t\t4",
        "\tNumber of records successful\t\t2",
        "",
        "original-record-number\torder-id\torder-item-id\terror-code\terror-type\terror-message",
    ]
    assert [line.split("\t")[:5] for line in lines[5:-1]] == [
        ["2", shipped.number, item, "90007", "Error"],
        ["3", "250-0000000-0000001", "", "90001", "Error"],
        ["4", done.number, "", "90006", "Warning"],
    ]
    assert lines[6].endswith("\tInvalid OrderID or AmazonOrderID.")


def test_a_fatal_feed_has_a_report_of_record_0(cast: Cast, alice, carried_out):
    feed = carried_out(Kind.CANCELLATION, content=b"")
    answer = alice.get(reverse("seller:feed-result", args=[feed.pk]), {"form": "report"})
    last = b"".join(answer.streaming_content).decode().split("\r\n")[-2]
    assert last.split("\t")[:5] == ["0", "", "", "90023", "Fatal"]


@pytest.mark.parametrize("kind", Kind)
def test_the_sample_file_is_one_that_is_read(cast: Cast, alice, carried_out, kind):
    answer = alice.get(reverse("seller:feed-template", args=[kind.value]))
    feed = carried_out(kind, content=answer.content)
    assert list(feed.lines.values_list("result", "code")) == [("ERROR", "ORDER_NOT_FOUND")]
    assert alice.get(reverse("seller:feed-template", args=["OTHER"])).status_code == 404
    assert not Cancellation.objects.exists()
