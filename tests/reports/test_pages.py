"""注文レポート and its columns, as a shop sees them (domain 13)."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Membership
from reports.actions import make_report
from reports.models import Report, ReportColumns, ReportSchedule
from reports.queries import columns_of
from tests.cast import LATER, Cast

PAGE, COLUMNS = reverse("seller:report"), reverse("seller:report-columns")
ASKED = {"key": "k-1", "kind": "UNSHIPPED", "first": "2026-06-15", "last": "2026-07-15", "encoding": "cp932"}


@pytest.fixture
def alice(cast: Cast, client: Client) -> Client:
    client.force_login(cast.alice)
    return client


def test_a_report_is_ordered_made_and_taken(cast: Cast, alice, time_machine):
    order = cast.order(1)
    time_machine.move_to(LATER, tick=False)
    assert alice.post(PAGE, ASKED | {"last": "2026-07-01"})["Location"] == PAGE
    report = Report.objects.get()
    waiting = alice.get(PAGE).content.decode()
    assert 'hx-trigger="every 3s"' in waiting
    assert "2026/06/15 – 2026/07/01" in waiting
    address = reverse("seller:report-download", args=[report.pk])
    assert alice.get(address).status_code == 404
    make_report(report_id=report.pk, clock=lambda: LATER)
    page = alice.get(PAGE).content.decode()
    assert "hx-trigger" not in page.partition('id="reports"')[2].partition("</table>")[0]
    assert address in page
    answer = alice.get(address)
    assert answer["Content-Type"] == "text/plain;charset=Windows-31J"
    assert answer["Content-Disposition"] == f'attachment; filename="unshipped-20260701-1300-{report.pk}.txt"'
    assert order.number.encode() in b"".join(answer.streaming_content)


def test_the_same_form_sent_twice_orders_one_report(cast: Cast, alice):
    alice.post(PAGE, ASKED)
    alice.post(PAGE, ASKED)
    assert Report.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"first": "2026-07-16"}, "終了日は、開始日以降の日付にしてください。"),
        ({"first": "2025-07-01"}, "期間は1年以内で指定してください。"),
        ({"first": "x"}, "日付を「2026-07-08」の形で入力してください。"),
        ({"last": ""}, "日付を入力してください。"),
        ({"kind": "SECRET"}, "選択してください。"),
        ({"first": "0001-01-01", "last": "0001-01-02"}, "2000年以降の日付を入力してください。"),
        ({"last": "2999-01-01", "first": "2998-12-01"}, "終了日は、今日までの日付にしてください。"),
        ({"first": "9999-12-30", "last": "9999-12-31"}, "終了日は、今日までの日付にしてください。"),
    ],
)
def test_what_cannot_be_ordered_is_said_beside_its_field(cast: Cast, alice, wrong, says):
    answer = alice.post(PAGE, ASKED | wrong)
    assert answer.status_code == 200
    assert says in answer.content.decode()
    assert not Report.objects.exists()


def test_timetables_are_added_once_and_taken_away(cast: Cast, alice):
    asked = {"key": "k", "make-schedule": "1", "schedule-kind": "CANCELLATIONS", "schedule-every": "WEEK"}
    asked |= {"schedule-hour": "7", "schedule-encoding": "utf-8"}
    assert alice.post(PAGE, asked).status_code == 302
    assert "毎週月曜日 7:00" in alice.get(PAGE).content.decode()
    assert "同じスケジュールがすでにあります。" in alice.post(PAGE, asked).content.decode()
    made = ReportSchedule.objects.get()
    end = reverse("seller:report-schedule-end", args=[made.pk])
    assert alice.get(end).status_code == 405
    assert alice.post(end)["Location"] == PAGE
    assert alice.post(end).status_code == 404
    assert not ReportSchedule.objects.exists()


def test_columns_are_saved_by_the_button_and_at_once_by_script(cast: Cast, alice):
    assert set(columns_of(cast.shop.pk).values()) == {False}
    assert alice.post(COLUMNS, {"key": "k", "buyer_requested": "on"})["Location"] == COLUMNS
    assert columns_of(cast.shop.pk)["buyer_requested"] is True
    at_once = alice.post(COLUMNS, {"key": "k", "request_reason": "on"}, headers={"HX-Request": "true"})
    assert at_once.status_code == 200
    assert "保存しました。" in at_once.content.decode()
    row = ReportColumns.objects.get()
    assert (row.buyer_requested, row.request_reason) == (False, True)


def test_who_only_looks_takes_reports_and_orders_none(cast: Cast, alice, client):
    alice.post(PAGE, ASKED)
    make_report(report_id=Report.objects.get().pk, clock=lambda: LATER)
    client.force_login(cast.rei)
    page = client.get(PAGE).content.decode()
    assert "レポートを依頼" not in page
    assert client.get(reverse("seller:report-download", args=[Report.objects.get().pk])).status_code == 200
    for address, data in ((PAGE, ASKED), (COLUMNS, {"key": "k"})):
        assert client.post(address, data).status_code == 403


def test_another_shop_sees_neither_report_nor_timetable(cast: Cast, alice, client):
    alice.post(PAGE, ASKED)
    make_report(report_id=Report.objects.get().pk, clock=lambda: LATER)
    client.force_login(cast.charlie)
    assert Membership.objects.filter(user=cast.charlie).exists()
    assert client.get(reverse("seller:report-download", args=[Report.objects.get().pk])).status_code == 404
    assert "2026/06/15" not in client.get(PAGE).content.decode()
