"""キャンセル率, アカウント健全性, the effect before sending, disputes on their pages, and the help page."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cancellations.models import Cancellation, PolicyVersion
from cancellations.policy import COUNTS, TABLE, Reason
from cancellations.wording import table
from metrics.actions import take_missing_snapshots
from metrics.models import Dispute
from metrics.queries import rate_at
from tests.books import counted_statements
from tests.cast import Cast, lines_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_mails")]
DAY = timedelta(days=1)
# A row of the official table: its scenario, its effect, its code.
ROW = re.compile(
    r"<td>\d\.([^<]+)</td>\s*<td[^>]*>.*?</svg>(あり|なし)</span>\s*<span[^>]*>([A-Z]+-\d)", re.DOTALL
)
RATE, DOWNLOAD = "/seller/performance/cancellation-rate/", "/seller/performance/cancellation-rate/download/"


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def alice(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.alice)
    return client


@pytest.fixture
def rei(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.rei)
    return client


@pytest.fixture
def trade(cast, now):
    """Eighty-three orders of the week, one of which was cancelled for lack of stock, and one as asked."""
    orders = cast.orders(83, placed_at=now - 2 * DAY)
    cast.cancel(orders[0], now=now - DAY)
    cast.request(orders[1], now=now - DAY)
    cast.cancel(orders[1], Reason.BUYER_CANCELED, now=now - DAY)
    return orders


def shown(answer) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_the_page_says_value_state_target_and_window(alice, trade):
    page = shown(alice.get(RATE))
    assert "1.20%" in page
    assert "良好" in page
    assert "目標 2.5% 未満" in page
    assert "（その日とその前の6日間）" in page
    assert "2.41%" in page  # with one more


def test_every_list_has_its_orders_with_the_sentence_why(alice, trade):
    counted, others = trade[0], trade[1]
    page = shown(alice.get(RATE))
    assert counted.number in page
    assert others.number not in page
    assert "在庫切れを理由に出品者がキャンセルしたため、キャンセル率に含まれます（SEL-1）" in page
    page = shown(alice.get(RATE, {"show": "others"}))
    assert others.number in page
    assert "公式のキャンセルリクエストに応じてキャンセルしたため、キャンセル率に含まれません（BUY-1）" in page
    numbers, after = set(), ""
    for _page in range(4):
        answer = alice.get(RATE, {"show": "orders", "after": after})
        found = re.findall(r'/seller/orders/([0-9-]{19})/"', answer.content.decode())
        numbers |= set(found)
        after = answer.context["after"]
    assert numbers == {order.number for order in trade}
    assert after == ""


def test_the_download_has_every_order_behind_the_rate(alice, cast, trade, now):
    old = cast.order(1, placed_at=now - 20 * DAY)
    cast.cancel(old, Reason.OTHER, now=now - DAY)
    answer = alice.get(DOWNLOAD)
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
    assert len(rows) == 84
    by_number = {row["order-id"]: row for row in rows}
    standing = rate_at(cast.shop.pk, timezone.now())
    assert sum(row["in-numerator"] == "TRUE" for row in rows) == standing.rate.counted == 2
    assert sum(row["in-denominator"] == "TRUE" for row in rows) == standing.rate.orders == 84
    assert by_number[trade[0].number]["code"] == "SEL-1"
    assert "（SEL-1）" in by_number[trade[0].number]["explanation"]
    assert by_number[trade[1].number]["in-numerator"] == "FALSE"
    assert by_number[old.number]["in-numerator"] == "TRUE"


def test_as_of_a_past_moment_the_page_shows_what_was_then(alice, trade, now):
    before = timezone.localtime(now - 3 * DAY).strftime("%Y-%m-%dT%H:%M")
    page = shown(alice.get(RATE, {"at": before}))
    assert "対象なし" in page
    assert "時点の値を表示しています" in page
    assert "72時間以内に" not in page


@pytest.mark.parametrize(
    "at", ["yesterday", "2999-01-01T00:00", "2026-13-45T99:99", "0001-01-01", "\0", "' OR 1=1"]
)
def test_a_moment_that_cannot_be_read_is_said_beside_its_field_and_the_present_is_shown(alice, trade, at):
    page = alice.get(RATE, {"at": at})
    assert 'id="id_at_error"' in page.content.decode()
    assert "1.20%" in shown(page)


@pytest.mark.parametrize("after", ["\0", "x", "250-0000000-0000000", "9" * 500])
def test_an_odd_place_to_go_on_from_begins_at_the_newest(alice, trade, after):
    answer = alice.get(RATE, {"show": "orders", "after": after})
    assert trade[-1].number in shown(answer) or trade[0].number in shown(answer)


def test_the_download_speaks_the_readers_language(alice, cast, trade):
    cast.alice.language = "en"
    cast.alice.save()
    text = b"".join(alice.get(DOWNLOAD).streaming_content).decode("utf-8-sig")
    assert "Counted in the cancellation rate, because" in text
    assert "キャンセル率に含まれます" not in text


def test_the_chart_is_drawn_with_its_table_and_breaks_where_nothing_is_known(alice, trade, now):
    take_missing_snapshots(now=now)
    page = alice.get(RATE).content.decode()
    assert page.count('class="chart chart-') == 2
    (wide, narrow) = re.findall(r'<svg class="chart chart-.*?</svg>', page, re.S)
    assert 'role="img"' in wide
    assert "<desc" in wide
    assert "目標 2.5% 未満" in wide
    assert "style=" not in wide
    assert len(re.findall(r"<tr><td class=\"unbroken\">\d{4}/\d{2}/\d{2}</td>", page)) == 90
    assert narrow.count("<text") < wide.count("<text") + 10


def test_the_forecast_names_the_rate_that_would_follow(alice, cast, trade, now):
    day = timezone.localdate(now)
    for _ in range(3):
        cast.order(1, placed_at=now - 15 * DAY, ship_by=day - 7 * DAY)
    page = shown(alice.get(RATE))
    assert "72時間以内に自動キャンセルされる注文が3件あります。" in page
    assert "1.20% → 4.65%" in page
    assert "状態は「良好」から「停止の可能性あり」になります。" in page
    home = shown(alice.get("/seller/"))
    assert "1.20% → 4.65%" in home


def test_a_shop_without_orders_sees_a_dash_and_no_data(alice):
    page = shown(alice.get(RATE))
    assert "—" in page
    assert "対象なし" in page
    assert "集計期間に注文がありません。" in page


@pytest.mark.parametrize(
    "path", ["/seller/", "/seller/orders/", "/seller/messages/", "/seller/settings/", "/help/"]
)
def test_every_page_of_a_seller_wears_the_rate(alice, trade, path):
    page = shown(alice.get(path))
    assert "キャンセル率 1.20% 良好" in page


def test_the_list_of_orders_still_takes_as_many_statements(alice, trade):
    alice.get("/seller/orders/")
    with counted_statements() as made:
        alice.get("/seller/orders/")
    assert made[0] <= 8


def test_the_page_of_the_rate_costs_the_same_whatever_is_behind_it(alice, cast, trade, now):
    alice.get(RATE)
    with counted_statements() as few:
        alice.get(RATE)
    more = cast.orders(60, placed_at=now - 2 * DAY)
    for order in more[:10]:
        cast.cancel(order, now=now - DAY)
    with counted_statements() as many:
        alice.get(RATE)
    assert many == few


def test_the_official_table_is_the_policys_own_on_the_page_and_in_help(alice, trade):
    """Help, page and engine print one table: the rows, their order, and what each does (B11)."""
    for path in (RATE, "/help/cancellation-rate/", "/help/cancelling-orders/"):
        page = alice.get(path).content.decode()
        rows = re.findall(
            r"<td>\d\.([^<]+)</td>\s*<td[^>]*>.*?</svg>(あり|なし)</span>\s*<span[^>]*>([A-Z]+-\d)", page, re.S
        )
        printed = {code: words == "あり" for _scenario, words, code in rows}
        assert printed == COUNTS, path
        assert [code for *_rest, code in rows[:8]] == [row.code for row in TABLE if row.on_help_page]
    scenarios = [row.scenario for group in table(days=7, on_help_page=True) for row in group.rows]
    assert all(scenario in alice.get(RATE).content.decode() for scenario in scenarios)


def test_the_help_page_takes_its_numbers_from_the_policy(alice):
    now = timezone.now()
    PolicyVersion.objects.create(
        number=2, starts_at=now - DAY, rate_target="5.00", rate_watch="4.00", rate_window_days=14
    )
    page = shown(Client().get("/help/cancellation-rate/"))
    assert "目標は5.0%未満" in page
    assert "直近14日間" in page
    assert "4.0% 以上 5.0% 未満" in page


# --- アカウント健全性 ----------------------------------------------------------------------------------------


def test_late_shipments_stand_beside_the_rate(alice, cast, trade, now):  # 9.7
    today = timezone.localdate(now)
    for days_ago, ship_by in ((2, 1), (3, 4), (15, 16), (20, 25)):
        order = cast.order(1, placed_at=now - (ship_by + 3) * DAY, ship_by=today - timedelta(days=ship_by))
        cast.confirm(order, now=now - days_ago * DAY)
    page = shown(alice.get("/seller/performance/"))
    assert "出荷通知を送信した注文2件のうち、1件が出荷予定日の後でした。" in page
    assert "出荷通知を送信した注文4件のうち、3件が出荷予定日の後でした。" in page
    assert "50.00%" in page


# --- before sending ---------------------------------------------------------------------------------------


def test_the_note_under_the_reason_has_the_shops_own_figures(alice, cast, trade):
    address = reverse("seller:order-cancel", args=[trade[5].number])
    note = shown(alice.get(address, {"reason": "NO_INVENTORY"}, headers={"HX-Request": "true"}))
    assert "キャンセル率への影響：あり（現在 1.20% → 2.41%）" in note
    assert "状態は「良好」から「注意」になります。" in note
    assert "購入者に連絡して、キャンセル依頼の送信を求めることはしないでください。" in note
    cast.request(trade[6], now=timezone.now())
    address = reverse("seller:order-cancel", args=[trade[6].number])
    note = shown(alice.get(address, {"reason": "BUYER_CANCELED"}, headers={"HX-Request": "true"}))
    assert "キャンセル率への影響：なし" in note
    assert "→" not in note


def test_without_script_the_same_figures_stand_in_the_table_and_on_the_second_question(alice, trade):
    address = reverse("seller:order-cancel", args=[trade[5].number])
    page = alice.get(address)
    assert shown(page).count("現在 1.20% → 2.41%") == 7
    key = re.search(r'name="key" value="([^"]+)"', page.content.decode())[1]
    asked = alice.post(address, {"key": key, "expected_version": "1", "reason": "OTHER", "restock": "on"})
    assert "キャンセル率への影響：あり（現在 1.20% → 2.41%）" in shown(asked)
    assert not Cancellation.objects.filter(order=trade[5]).exists()


def test_part_of_an_order_shows_its_effect_while_choosing_and_on_the_question(alice, trade):
    order = trade[5]
    address = reverse("seller:order-cancel-items", args=[order.number])
    item = order.lines[0].item_id
    chosen = {"key": "k" * 8, "expected_version": "1", f"quantity-{item}": "1", f"reason-{item}": "OTHER"}
    note = shown(alice.post(address, chosen, headers={"HX-Request": "true"}))
    assert "キャンセル率への影響：あり（現在 1.20% → 2.41%）" in note
    nothing = shown(alice.post(address, chosen | {f"reason-{item}": ""}, headers={"HX-Request": "true"}))
    assert "商品の数量と理由を選択すると" in nothing
    question = shown(alice.post(address, chosen))
    assert "キャンセル率への影響：あり（現在 1.20% → 2.41%）" in question
    assert not Cancellation.objects.filter(order=order).exists()


def test_an_order_that_counts_already_changes_nothing_more(alice, cast, trade, now):  # E22
    order = trade[5]
    cast.cancel(order, Reason.OTHER, {lines_of(order)[0]: 1}, now=now - DAY)
    address = reverse("seller:order-cancel", args=[order.number])
    note = shown(alice.get(address, {"reason": "OTHER"}, headers={"HX-Request": "true"}))
    assert "あり（現在 2.41% → 2.41%）" in note
    assert "この注文はすでにキャンセル率に含まれています。" in note


def test_several_orders_show_each_ones_effect_and_that_of_all(alice, trade):
    address = reverse("seller:orders-cancel")
    chosen = {"order": [trade[5].number, trade[6].number], "key": "k" * 8}
    for order in trade[5:7]:
        chosen |= {f"reason-{order.number}": "OTHER", f"version-{order.number}": "1"}
    page = shown(alice.post(address, chosen | {"send": "1"}))
    assert page.count("キャンセル率への影響：あり（現在 1.20% → 2.41%）") == 2
    assert "キャンセル率：現在 1.20% → 3.61%" in page


# --- disputes on their pages ------------------------------------------------------------------------------


@pytest.fixture
def counted(trade) -> Cancellation:
    return Cancellation.objects.get(order=trade[0])


def form_of(client: Client, address: str) -> str:
    return re.search(r'name="key" value="([^"]+)"', client.get(address).content.decode())[1]


def test_a_shop_contests_a_record_with_history_and_files(alice, counted):
    address = reverse("seller:dispute-new", args=[counted.pk])
    paper = SimpleUploadedFile("在庫表.pdf", b"%PDF-1.7\n%%EOF", content_type="application/pdf")
    body = {
        "key": form_of(alice, address),
        "text": "在庫はありました。",
        "events": [counted.event_id],
        "attachments": [paper],
    }
    answer = alice.post(address, body)
    dispute = Dispute.objects.get()
    assert answer["Location"] == f"{reverse('seller:dispute', args=[dispute.pk])}#said"
    page = shown(alice.get(answer["Location"]))
    assert "在庫はありました。" in page
    assert "在庫表.pdf" in page
    file = alice.get(reverse("seller:dispute-file", args=[dispute.pk, dispute.files.get().pk]))
    assert file.content == b"%PDF-1.7\n%%EOF"
    assert "attachment" in file["Content-Disposition"]
    again = alice.post(address, body | {"attachments": []})
    assert again.status_code in {200, 302}
    assert Dispute.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("text", "", "申し立ての内容を入力してください。"),
        ("text", "あ" * 2001, "申し立ての内容は2,000文字以内で入力してください。"),
        ("events", ["999999"], "この注文の履歴から選択してください。"),
        ("events", ["x"], "この注文の履歴から選択してください。"),
    ],
)
def test_a_dispute_that_lacks_something_is_not_sent_and_says_what(alice, counted, field, value, said):
    address = reverse("seller:dispute-new", args=[counted.pk])
    body = {"key": form_of(alice, address), "text": "在庫はありました。"} | {field: value}
    page = alice.post(address, body)
    assert said in shown(page)
    assert not Dispute.objects.exists()
    if field != "text":
        assert "在庫はありました。" in page.content.decode()


def test_a_file_of_another_kind_is_refused_by_its_content(alice, counted):
    address = reverse("seller:dispute-new", args=[counted.pk])
    page = SimpleUploadedFile("photo.jpg", b"<script>alert(1)</script>", content_type="image/jpeg")
    answer = alice.post(address, {"key": form_of(alice, address), "text": "誤り", "attachments": [page]})
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    assert not Dispute.objects.exists()


def test_a_correction_is_offered_where_a_request_was_open_and_done_at_once(alice, cast, trade, now):
    order = trade[7]
    cast.request(order, now=now - DAY)
    cast.cancel(order, Reason.OTHER, now=now - DAY)
    record = Cancellation.objects.get(order=order)
    address = reverse("seller:dispute-new", args=[record.pk])
    assert "理由を訂正する" in shown(alice.get(address))
    body = {"key": form_of(alice, address), "kind": "CORRECTION", "text": ""}
    page = shown(alice.post(address, body, follow=True))
    assert "理由の訂正（購入者によるキャンセル）を記録しました。" in page
    record.refresh_from_db()
    assert record.excluded
    assert "1.20%" in shown(alice.get(RATE))


def test_a_record_that_does_not_count_says_so_instead_of_a_form(alice, trade):
    record = Cancellation.objects.get(order=trade[1])
    address = reverse("seller:dispute-new", args=[record.pk])
    page = alice.get(address)
    assert "このキャンセルはキャンセル率に含まれていないため、申し立ての必要はありません。" in shown(page)
    assert "<textarea" not in page.content.decode()
    body = {"key": "k" * 8, "text": "それでも"}
    assert "申し立ての必要はありません。" in shown(alice.post(address, body))
    assert not Dispute.objects.exists()


def test_whoever_only_looks_sees_disputes_and_opens_none(rei, counted):
    assert "申し立てる" not in shown(rei.get(RATE))
    assert rei.get(reverse("seller:dispute-new", args=[counted.pk])).status_code == 403
