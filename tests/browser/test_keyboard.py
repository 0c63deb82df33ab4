"""注文管理 by keyboard: j, k, x, o, c, ?; no key is taken while somebody types, or when switched off (WCAG 2.1.4)."""

import pytest
from playwright.sync_api import Page, expect

from cancellations.models import Cancellation


@pytest.fixture
def orders(floor) -> list:
    """Three orders, as the list shows them: the newest first."""
    return [floor.order(minutes_ago=minutes) for minutes in (50, 60, 70)]


def link(page: Page, order):
    return page.get_by_role("link", name=order.number)


def box(page: Page, order):
    return page.get_by_role("checkbox", name=f"注文 {order.number} を選択")


def test_orders_are_gone_through_chosen_and_cancelled_without_a_mouse(floor, visit, orders):
    page = visit(floor.alice, "/seller/orders/")
    page.keyboard.press("j")
    expect(link(page, orders[0])).to_be_focused()
    page.keyboard.press("k")
    expect(link(page, orders[0])).to_be_focused()
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(link(page, orders[2])).to_be_focused()
    page.keyboard.press("x")
    expect(box(page, orders[0])).to_be_checked()
    expect(box(page, orders[1])).not_to_be_checked()
    expect(box(page, orders[2])).to_be_checked()
    button = page.get_by_role("button", name="選択した注文をキャンセル")
    for _ in range(60):
        if button.evaluate("each => each === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("1件または複数の注文のキャンセル")
    for_all = page.get_by_label("すべての注文のキャンセルの理由")
    for _ in range(60):
        if for_all.evaluate("each => each === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("End")  # その他
    expect(page.get_by_text("キャンセル率に影響する注文：2件", exact=True)).to_be_visible()
    expect(for_all).to_be_focused()
    for name in ("送信", "このままキャンセルする"):
        button = page.get_by_role("button", name=name)
        expect(button).to_be_visible()
        for _ in range(60):
            if button.evaluate("each => each === document.activeElement"):
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    expect(page.get_by_text("2件の注文をキャンセルしました。")).to_be_visible()
    assert set(Cancellation.objects.values_list("order_id", flat=True)) == {orders[0].pk, orders[2].pk}


@pytest.mark.parametrize(("key", "place"), [("o", ""), ("c", "cancel/")])
def test_an_order_and_its_cancel_form_are_opened(floor, visit, orders, key, place):
    page = visit(floor.alice, "/seller/orders/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press(key)
    page.wait_for_url(f"**/seller/orders/{orders[1].number}/{place}")


def test_the_keys_are_listed_on_the_page_and_can_be_switched_off_for_good(floor, visit, orders):
    page = visit(floor.alice, "/seller/orders/")
    page.keyboard.press("?")
    expect(page.get_by_text("次の注文へ移動")).to_be_visible()
    expect(page.get_by_text("キーボードで操作する")).to_be_focused()
    switch = page.get_by_label("このブラウザーで、これらのキーを使う")
    switch.uncheck()
    page.keyboard.press("j")
    expect(link(page, orders[0])).not_to_be_focused()
    page.reload()
    page.keyboard.press("j")
    expect(link(page, orders[0])).not_to_be_focused()
    page.get_by_text("キーボードで操作する").click()
    expect(switch).not_to_be_checked()
    switch.check()
    page.keyboard.press("j")
    expect(link(page, orders[0])).to_be_focused()


def test_the_place_is_kept_while_the_keys_are_read(floor, visit, orders):
    page = visit(floor.alice, "/seller/orders/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("?")
    page.keyboard.press("?")
    expect(link(page, orders[1])).to_be_focused()


def test_no_key_is_taken_while_somebody_types_or_holds_another_key(floor, visit, orders):
    page = visit(floor.alice, "/seller/orders/")
    field = page.get_by_label("注文番号・購入者名・SKU")
    field.focus()
    page.keyboard.type("jkxoc?")
    expect(field).to_have_value("jkxoc?")
    expect(field).to_be_focused()
    link(page, orders[0]).focus()
    page.keyboard.press("Control+j")
    page.keyboard.press("Alt+x")
    expect(link(page, orders[0])).to_be_focused()
    expect(box(page, orders[0])).not_to_be_checked()


def test_the_keys_still_work_after_the_list_was_replaced(floor, visit, orders):
    page = visit(floor.alice, "/seller/orders/")
    page.get_by_role("link", name="未出荷").first.click()
    expect(page).to_have_url(f"{floor.url}/seller/orders/?status=unshipped")
    page.keyboard.press("j")
    expect(link(page, orders[0])).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_role("group", name="選択した注文の操作")).to_contain_text("1件を選択中")


def test_who_only_looks_moves_and_opens_and_chooses_nothing(floor, visit, orders):
    page = visit(floor.rei, "/seller/orders/")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("c")
    expect(link(page, orders[0])).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_text("注文を選択、または選択を解除")).to_have_count(0)
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.wait_for_url(f"**/seller/orders/{orders[0].number}/")
