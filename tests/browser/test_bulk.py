"""Cancelling several orders in a real browser: chosen on the list, judged, sent, answered order by order."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from cancellations import actions as cancelling
from cancellations.actions import CancelTarget, RequestTarget
from cancellations.models import Cancellation
from cancellations.policy import Reason
from orders.models import Order
from tests import factories

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TITLE = "1件または複数の注文のキャンセル"


@pytest.fixture(params=["desk", "phone", "phone without script"])
def way(request) -> dict:
    """How a page is opened."""
    return {
        "desk": {},
        "phone": PHONE,
        "phone without script": PHONE | {"script": False},
    }[request.param]


def ask(floor, order: Order) -> None:
    """dora asks to cancel the whole order."""
    target = RequestTarget(order.pk, "OTHER", "その他")
    now = timezone.now() - timedelta(minutes=20)
    cancelling.request_cancellation(targets=[target], by=factories.buyer_actor(floor.dora), now=now)


def choose(page: Page, *orders: Order) -> None:
    for order in orders:
        page.get_by_role("checkbox", name=f"注文 {order.number} を選択").check()


def codes() -> dict[int, tuple[str, bool]]:
    return {each.order_id: (each.code, each.counted) for each in Cancellation.objects.all()}


def test_two_chosen_orders_are_cancelled_each_for_its_reason(floor, visit, way):
    asked, plain, other = (floor.order(minutes_ago=minutes) for minutes in (70, 60, 50))
    ask(floor, asked)
    page = visit(floor.alice, "/seller/orders/", **way)
    choose(page, asked, plain)
    if way.get("script", True):
        expect(page.get_by_role("group", name="選択した注文の操作")).to_contain_text("2件を選択中")
    page.get_by_role("button", name="選択した注文をキャンセル").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)
    reason = page.get_by_label(f"注文 {plain.number}：キャンセルの理由")
    expect(page.get_by_label(f"注文 {asked.number}：キャンセルの理由")).to_have_value("BUYER_CANCELED")
    reason.select_option("在庫切れ")
    if way.get("script", True):
        expect(page.get_by_text("キャンセル率に影響する注文：1件", exact=True)).to_be_visible()
        expect(page.locator(f"#effect-{plain.number}")).to_contain_text("キャンセル率への影響：あり")
    page.get_by_role("button", name="送信").click()
    ask_box = page.locator("#ask")
    expect(ask_box).to_contain_text(plain.number)
    expect(ask_box).not_to_contain_text(asked.number)
    if way.get("script", True):
        expect(ask_box).to_be_focused()
    assert not Cancellation.objects.exists()
    page.get_by_role("button", name="このままキャンセルする").click()
    expect(page.get_by_text("2件の注文をキャンセルしました。")).to_be_visible()
    assert codes() == {asked.pk: ("BUY-1", False), plain.pk: ("SEL-1", True)}
    page.get_by_role("link", name="注文管理に戻る").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("注文管理")
    assert Order.objects.get(pk=other.pk).status == "UNSHIPPED"


def test_all_requested_orders_are_approved_at_once(floor, visit, way):
    asked = [floor.order(minutes_ago=minutes) for minutes in (90, 80, 70)]
    plain = floor.order()
    for order in asked:
        ask(floor, order)
    page = visit(floor.alice, "/seller/orders/", **way)
    page.get_by_role("link", name="リクエストのあった注文をすべて承認").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)
    expect(page.get_by_text("キャンセル率に影響する注文：0件", exact=True)).to_be_visible()
    page.get_by_role("button", name="送信").click()
    expect(page.get_by_text("3件の注文をキャンセルしました。")).to_be_visible()
    assert set(codes().values()) == {("BUY-1", False)}
    assert Order.objects.get(pk=plain.pk).status == "UNSHIPPED"


def test_one_reason_for_all(floor, visit, way):
    orders = [floor.order(minutes_ago=minutes) for minutes in (90, 80)]
    page = visit(floor.alice, "/seller/orders/", **way)
    choose(page, *orders)
    page.get_by_role("button", name="選択した注文をキャンセル").click()
    page.get_by_label("すべての注文のキャンセルの理由").select_option("その他")
    if not way.get("script", True):
        page.get_by_role("button", name="すべてに適用").click()
    for order in orders:
        expect(page.get_by_label(f"注文 {order.number}：キャンセルの理由")).to_have_value("OTHER")
    expect(page.get_by_text("キャンセル率に影響する注文：2件", exact=True)).to_be_visible()


def test_chosen_orders_are_counted_cleared_and_printed(floor, visit):
    asked, plain = floor.order(minutes_ago=70), floor.order(minutes_ago=60)
    ask(floor, asked)
    page = visit(floor.alice, "/seller/orders/")
    bar = page.get_by_role("group", name="選択した注文の操作")
    expect(bar).to_be_hidden()
    page.get_by_role("checkbox", name="このページの注文をすべて選択").check()
    expect(bar).to_contain_text("2件を選択中")
    expect(bar).to_contain_text("うち1件はキャンセルリクエスト中のため、納品書の一括印刷から除かれます。")
    expect(page.locator("#polite")).to_have_text("2件を選択中")
    page.get_by_role("button", name="選択を解除").click()
    expect(bar).to_be_hidden()
    choose(page, plain)
    expect(bar.get_by_text("うち")).to_be_hidden()
    page.get_by_role("button", name="納品書を印刷").click()
    expect(page.get_by_text(plain.number).first).to_be_visible()
    assert "/packing-slips/" in page.url


def test_progress_moves_by_itself_until_the_results_stand_there(floor, visit):
    orders = [floor.order(minutes_ago=60 + number) for number in range(3)]
    bulk = cancelling.start_bulk(
        seller_id=floor.shop.pk,
        targets=[CancelTarget(order.pk, Reason.OTHER, expected_version=order.version) for order in orders],
        by=factories.seller_actor(floor.alice),
        now=timezone.now(),
    )
    page = visit(floor.alice, f"/seller/orders/cancel/{bulk.pk}/")
    expect(page.get_by_text("0 / 3 件")).to_be_visible()
    expect(page.get_by_role("progressbar", name="注文をキャンセルしています")).to_be_visible()
    cancelling.run_bulk(bulk_id=bulk.pk, clock=timezone.now)
    expect(page.get_by_text("3件の注文をキャンセルしました。").first).to_be_visible()
    expect(page.locator("#polite")).to_contain_text("3件の注文をキャンセルしました。")


def test_another_reason_takes_the_question_away(floor, visit, way):
    orders = [floor.order(minutes_ago=minutes) for minutes in (90, 80)]
    page = visit(floor.alice, "/seller/orders/", **way)
    choose(page, *orders)
    page.get_by_role("button", name="選択した注文をキャンセル").click()
    page.get_by_label("すべての注文のキャンセルの理由").select_option("在庫切れ")
    page.get_by_label("出品者メモ").fill("電話あり")
    page.get_by_role("button", name="送信").click()
    expect(page.locator("#ask")).to_be_visible()
    if not way.get("script", True):
        page.get_by_role("button", name="理由を変更する").click()
    page.get_by_label(f"注文 {orders[0].number}：キャンセルの理由").select_option("その他")
    expect(page.locator("#ask")).to_have_count(0)
    expect(page.get_by_role("button", name="送信")).to_be_visible()
    expect(page.get_by_label("出品者メモ")).to_have_value("電話あり")
    assert not Cancellation.objects.exists()
