"""The main road in a real browser: a buyer cancels, a buyer asks and the seller agrees, a seller has no stock."""

from playwright.sync_api import Page, expect

from cancellations.models import Cancellation, CancellationRequest
from cancellations.wording import BANNER
from tests.factories import item

DO_NOT_SHIP = "出荷しないでください（キャンセルリクエスト中）"


def state_of(order) -> str:
    """The order's status in the database."""
    order.refresh_from_db()
    return order.status


def test_buyer_signs_in_and_cancels_within_the_window(floor, visit):
    order = floor.order(minutes_ago=1)
    page = visit(None, "/account/orders/")
    page.get_by_label("メールアドレス").fill("dora@buyer.example")
    page.get_by_label("パスワード").fill("demo-portal-2026")
    page.get_by_role("button", name="ログイン").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("注文履歴")
    page.get_by_role("link", name="商品をキャンセル").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("商品をキャンセル")
    page.get_by_role("button", name="商品をキャンセル").click()
    expect(page.get_by_text("キャンセルが完了しました。")).to_be_visible()
    expect(page.get_by_role("heading", level=2).first).to_have_text("キャンセル済み")
    assert state_of(order) == "CANCELED"
    cancellation = Cancellation.objects.get(order=order)
    assert (cancellation.code, cancellation.counted) == ("BUY-0", False)
    assert floor.mails() == {("m06", "dora@buyer.example"), ("m07", "alice@seller.example")}


def test_button_becomes_a_request_when_the_window_ends(floor, visit):
    floor.order(minutes_ago=1)
    page = visit(floor.dora, "/account/")
    page.clock.install()
    page.get_by_role("main").get_by_role("link", name="注文履歴").click()
    expect(page.get_by_role("link", name="商品をキャンセル")).to_be_visible()
    expect(page.get_by_text("あと 3分")).to_be_visible()
    page.evaluate("window.same = true")
    page.clock.fast_forward("05:00")
    expect(page.get_by_role("link", name="キャンセルをリクエスト")).to_be_visible()
    expect(page.get_by_role("link", name="商品をキャンセル")).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text(
        "ご注文から5分が経過したため、キャンセルをリクエストする必要があります。"
    )
    assert page.evaluate("window.same")  # no reload


def test_late_direct_cancellation_does_nothing_and_offers_the_request(floor, visit, script):
    order = floor.order(minutes_ago=4)
    page = visit(floor.dora, f"/account/orders/{order.number}/cancel/", script=script)
    type(order).objects.filter(pk=order.pk).update(
        placed_at=order.placed_at.replace(year=order.placed_at.year - 1)
    )
    page.get_by_label("キャンセルの理由").select_option("間違えて注文した")
    page.get_by_role("button", name="商品をキャンセル").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("キャンセル依頼")
    expect(
        page.get_by_text("ご注文から5分が経過したため、キャンセルをリクエストする必要があります。")
    ).to_be_visible()
    expect(page.get_by_label("キャンセルの理由")).to_have_value("ORDERED_BY_MISTAKE")
    assert state_of(order) == "UNSHIPPED"
    assert not CancellationRequest.objects.exists()


def ask(page: Page, reason: str = "商品が不要になった") -> None:
    """Fill in and send the buyer's request."""
    expect(page.get_by_role("heading", level=1)).to_have_text("キャンセル依頼")
    page.get_by_label("キャンセルの理由").select_option(reason)
    page.get_by_label("出品者へのコメント").fill("<b>申し訳ありません</b>")
    page.get_by_role("button", name="キャンセルをリクエスト").click()
    expect(page.get_by_text("キャンセルをリクエストしました。")).to_be_visible()


def test_request_banner_cancellation_and_mails(floor, visit):
    floor.order(minutes_ago=30)
    order = floor.order(minutes_ago=60)
    buyer = visit(floor.dora, "/account/orders/")
    card = buyer.get_by_role("article").filter(has_text=order.number)
    card.get_by_role("link", name="キャンセルをリクエスト").click()
    ask(buyer)
    expect(buyer.get_by_text("キャンセルをリクエスト中")).to_be_visible()

    seller = visit(floor.alice, "/seller/orders/")
    block = seller.locator("tbody").filter(has_text=order.number)
    expect(block).to_have_count(1)
    banner, row = block.locator("tr").nth(0), block.locator("tr").nth(1)
    expect(banner.locator("p").first).to_have_text(str(BANNER))
    expect(banner).to_contain_text("「<b>申し訳ありません</b>」")
    expect(row).to_contain_text(order.number)
    expect(row).to_contain_text(DO_NOT_SHIP)
    expect(seller.get_by_text(str(BANNER))).to_have_count(1)
    row.get_by_role("link", name="注文キャンセル").click()

    expect(seller.get_by_role("heading", level=1)).to_have_text("注文の詳細")
    expect(seller.get_by_label("キャンセルの理由", exact=True)).to_have_value("BUYER_CANCELED")
    expect(seller.locator("#effect")).to_contain_text("キャンセル率への影響：なし")
    seller.get_by_role("button", name="送信").click()
    expect(seller.locator("#said")).to_contain_text("注文をキャンセルしました。")
    expect(seller.get_by_text(str(BANNER))).to_have_count(0)

    assert state_of(order) == "CANCELED"
    cancellation = Cancellation.objects.get(order=order)
    assert (cancellation.code, cancellation.counted) == ("BUY-1", False)
    assert floor.mails() == {
        ("m01", "alice@seller.example"),
        ("m02", "dora@buyer.example"),
        ("m04", "alice@seller.example"),
        ("m05", "dora@buyer.example"),
    }
    buyer.goto(f"{floor.url}/account/orders/{order.number}/")
    expect(buyer.get_by_role("heading", level=2).first).to_have_text("キャンセル済み")
    expect(buyer.get_by_text("承認されました", exact=True)).to_be_visible()


def test_out_of_stock_asks_once_more_and_counts(floor, visit, script):
    order = floor.order()
    page = visit(floor.alice, f"/seller/orders/{order.number}/", script=script)
    page.get_by_label("キャンセルの理由", exact=True).select_option("在庫切れ")
    if script:
        expect(page.locator("#effect")).to_contain_text("キャンセル率への影響：あり")
        expect(page.get_by_label("キャンセルした数量を在庫に戻す")).not_to_be_checked()
    page.get_by_role("button", name="送信").click()
    expect(page.locator("#ask")).to_contain_text("この理由でキャンセルするとキャンセル率に影響します。")
    expect(page.locator("#ask")).to_contain_text(
        "購入者に連絡して、キャンセル依頼の送信を求めることはしないでください。"
    )
    expect(page.get_by_label("キャンセルした数量を在庫に戻す")).not_to_be_checked()
    if script:
        expect(page.locator("#ask")).to_be_focused()
    assert page.url.endswith("#ask")
    assert state_of(order) == "UNSHIPPED"
    page.get_by_role("button", name="このままキャンセルする").click()
    expect(page.locator("#said")).to_contain_text("キャンセル率への影響：あり")
    cancellation = Cancellation.objects.get(order=order)
    assert (cancellation.code, cancellation.counted, cancellation.restock) == ("SEL-1", True, False)


def test_another_reason_with_an_open_request_is_talked_out_of(floor, visit, script):
    order = floor.order()
    ask(visit(floor.dora, f"/account/orders/{order.number}/request-cancellation/", script=script))
    page = visit(floor.alice, f"/seller/orders/{order.number}/cancel/", script=script)
    page.get_by_label("キャンセルの理由", exact=True).select_option("その他")
    expect(page.locator(".htmx-request")).to_have_count(0)
    page.get_by_role("button", name="送信").click()
    expect(page.locator("#ask")).to_contain_text(
        "購入者からのキャンセルリクエストがあります。"
        "理由に「購入者によるキャンセル」を選択すると、キャンセル率に影響しません。"
    )
    if not script:
        page.get_by_role("button", name="理由を変更する").click()
    page.get_by_label("キャンセルの理由", exact=True).select_option("購入者によるキャンセル")
    expect(page.locator("#ask")).to_have_count(0)
    page.get_by_role("button", name="送信").click()
    expect(page.locator("#said")).to_contain_text("キャンセル率への影響：なし")
    assert Cancellation.objects.get(order=order).code == "BUY-1"


def test_the_question_goes_and_what_was_typed_stays(floor, visit, script):
    order = floor.order()
    page = visit(floor.alice, f"/seller/orders/{order.number}/", script=script)
    page.get_by_label("キャンセルの理由", exact=True).select_option("在庫切れ")
    page.get_by_label("出品者メモ").fill("電話あり")
    page.get_by_role("button", name="送信").click()
    expect(page.locator("#ask")).to_be_visible()
    page.get_by_label("キャンセルした数量を在庫に戻す").check()
    page.get_by_role("button", name="理由を変更する").click()
    expect(page.locator("#ask")).to_have_count(0)
    expect(page.get_by_role("button", name="送信")).to_be_visible()
    expect(page.get_by_label("出品者メモ")).to_have_value("電話あり")
    expect(page.get_by_label("キャンセルした数量を在庫に戻す")).to_be_checked()
    expect(page.get_by_label("キャンセルの理由", exact=True)).to_have_value("NO_INVENTORY")
    assert state_of(order) == "UNSHIPPED"


def test_whoever_was_signed_out_keeps_what_was_typed(floor, visit):
    order = floor.order()
    page = visit(floor.alice, f"/seller/orders/{order.number}/")
    page.get_by_label("出品者メモ").fill("電話あり")
    page.context.clear_cookies()
    page.get_by_label("キャンセルの理由", exact=True).select_option("在庫切れ")
    expect(page.locator("#effect")).to_have_text(
        "セッションの有効期限が切れました。送信するには、もう一度ログインしてください。"
    )
    expect(page.get_by_label("出品者メモ")).to_have_value("電話あり")


def test_no_reason_is_an_error_that_leads_to_the_field(floor, visit, script):
    order = floor.order()
    page = visit(floor.alice, f"/seller/orders/{order.number}/", script=script)
    page.get_by_label("出品者メモ").fill("電話あり")
    page.get_by_role("button", name="送信").click()
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("送信できませんでした。入力内容を確認してください。")
    if script:
        expect(summary).to_be_focused()
    assert page.title().startswith("エラー：")
    reason = page.get_by_label("キャンセルの理由", exact=True)
    expect(reason).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("出品者メモ")).to_have_value("電話あり")
    summary.get_by_role("link", name="キャンセルの理由を選択してください。").click()
    assert page.url.endswith("#id_reason")


def test_withdrawal_while_the_form_is_open_stops_the_cancellation(floor, visit):
    order = floor.order()
    buyer = visit(floor.dora, f"/account/orders/{order.number}/request-cancellation/")
    ask(buyer)
    seller = visit(floor.alice, f"/seller/orders/{order.number}/")
    expect(seller.get_by_text(str(BANNER))).to_be_visible()
    buyer.get_by_role("button", name="リクエストを取り下げる").click()
    expect(buyer.get_by_text("リクエストを取り下げました。")).to_be_visible()
    seller.get_by_role("button", name="送信").click()
    expect(seller.locator("#changed")).to_contain_text(
        "この注文はほかの操作で更新されました。最新の内容を確認してから、もう一度送信してください。"
    )
    expect(seller.locator("#changed")).to_contain_text("リクエストを取り下げ")
    expect(seller.get_by_text(str(BANNER))).to_have_count(0)
    assert state_of(order) == "UNSHIPPED"


def test_shipment_of_a_requested_order_is_stopped_once(floor, visit, script):
    order = floor.order()
    ask(visit(floor.dora, f"/account/orders/{order.number}/request-cancellation/", script=script))
    page = visit(floor.alice, f"/seller/orders/{order.number}/confirm-shipment/", script=script)
    expect(page.get_by_text(DO_NOT_SHIP)).to_be_visible()
    expect(
        page.get_by_text(
            "購入者からのキャンセルリクエストがあります。"
            "すでに商品を発送済みの場合のみ、出荷通知を送信してください。"
        )
    ).to_be_visible()
    send = page.get_by_role("main").get_by_role("button", name="出荷通知を送信")
    if script:
        expect(send).to_be_disabled()
    else:
        send.click()
        expect(page.get_by_role("alert")).to_contain_text("すでに商品を発送済みの場合のみ")
        assert state_of(order) == "UNSHIPPED"
    page.get_by_label("すでに発送済みです").check()
    page.get_by_label("お問い合わせ番号").fill("1234-5678")
    send.click()
    expect(page.locator("#said")).to_contain_text("出荷通知を送信しました。")
    assert state_of(order) == "SHIPPED"
    assert CancellationRequest.objects.get(order=order).close_reason == "SHIPPED"


def test_cancelling_one_of_two_items_shows_money_and_effect_first(floor, visit):
    order = floor.order(
        items=[item("素焼き鉢 5号", quantity=2, price=1000), item("じょうろ", sku="CAN", price=500)]
    )
    page = visit(floor.alice, f"/seller/orders/{order.number}/cancel-items/")
    row = page.get_by_role("row").filter(has_text="素焼き鉢 5号")
    row.get_by_label("キャンセルする数量").select_option("1")
    row.get_by_label("キャンセルの理由").select_option("在庫切れ")
    expect(page.locator(".htmx-request")).to_have_count(0)
    page.get_by_role("button", name="内容を確認する").click()
    expect(page.locator("#ask")).to_contain_text("￥1,000")
    expect(page.locator("#ask")).to_contain_text("キャンセル率への影響：あり")
    assert state_of(order) == "UNSHIPPED"
    assert not Cancellation.objects.exists()
    page.get_by_role("button", name="このままキャンセルする").click()
    expect(page.locator("#said")).to_contain_text("選択した商品をキャンセルしました。")
    assert [line.quantity_cancelled for line in order.items.order_by("pk")] == [1, 0]


def test_declining_needs_a_reason_and_closes_the_request(floor, visit):
    order = floor.order()
    ask(visit(floor.dora, f"/account/orders/{order.number}/request-cancellation/"))
    page = visit(floor.alice, f"/seller/orders/{order.number}/decline/")
    decline = page.get_by_role("main").get_by_role("button", name="リクエストを断る")
    page.get_by_label("断る理由").select_option("その他")
    decline.click()
    expect(page.get_by_role("alert")).to_contain_text("購入者への説明を入力してください。")
    page.get_by_label("断る理由").select_option("受注生産・加工のため")
    decline.click()
    expect(page.locator("#said")).to_contain_text("リクエストを断りました。")
    assert CancellationRequest.objects.get(order=order).status == "DECLINED"


def test_declining_what_has_left_leads_through_the_shipment(floor, visit):
    order = floor.order()
    ask(visit(floor.dora, f"/account/orders/{order.number}/request-cancellation/"))
    page = visit(floor.alice, f"/seller/orders/{order.number}/decline/")
    page.get_by_label("断る理由").select_option("すでに発送した")
    page.get_by_role("main").get_by_role("button", name="リクエストを断る").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("出荷通知の送信")
    assert CancellationRequest.objects.get(order=order).status == "OPEN"
    page.get_by_label("すでに発送済みです").check()
    page.get_by_label("お問い合わせ番号").fill("4421-9987-0012")
    page.get_by_role("button", name="出荷通知を送信").click()
    expect(page.locator("#said")).to_contain_text("キャンセルリクエストは終了しました。")
    assert CancellationRequest.objects.get(order=order).close_reason == "SHIPPED"


def test_two_tabs_make_one_request(floor, visit):
    order = floor.order()
    path = f"/account/orders/{order.number}/request-cancellation/"
    first, second = visit(floor.dora, path), visit(floor.dora, path)
    ask(first)
    second.get_by_label("キャンセルの理由").select_option("間違えて注文した")
    second.get_by_role("button", name="キャンセルをリクエスト").click()
    expect(second.get_by_role("heading", level=1)).to_have_text("注文内容")
    expect(second.get_by_text("この注文はすでにキャンセルをリクエスト中です。")).to_be_visible()
    assert CancellationRequest.objects.get().reason_code == "NO_LONGER_NEEDED"


def test_who_only_looks_is_offered_no_act(floor, visit):
    order = floor.order()
    page = visit(floor.rei, "/seller/orders/")
    expect(page.get_by_role("link", name="詳細を見る")).to_be_visible()
    expect(page.get_by_role("link", name="注文キャンセル")).to_have_count(0)
    page.goto(f"{floor.url}/seller/orders/{order.number}/")
    expect(page.get_by_role("button", name="送信")).to_have_count(0)


def test_seller_cancels_by_keyboard_alone(floor, visit):
    order = floor.order()
    page = visit(floor.alice, "/seller/orders/")

    def tab_to(name: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                "() => { const e = document.activeElement;"
                " return [e.textContent.trim(), e.id, getComputedStyle(e).outlineStyle]; }"
            )
            if name in focused[:2]:
                assert focused[2] == "solid" or focused[1].startswith("id_")  # a visible ring
                return
        raise AssertionError(f"{name} is not in the tab order")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="本文へ移動")).to_be_focused()
    tab_to("注文キャンセル")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("注文の詳細")
    tab_to("id_reason")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("キャンセルの理由", exact=True)).to_have_value("NO_INVENTORY")
    tab_to("送信")
    page.keyboard.press("Enter")
    expect(page.locator("#ask")).to_be_focused()
    tab_to("このままキャンセルする")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_be_visible()
    assert state_of(order) == "CANCELED"


def test_filters_and_pages_change_the_list_in_place(floor, visit, script):
    for number in range(27):
        floor.order(minutes_ago=10 + number)
    page = visit(floor.alice, "/seller/orders/", script=script)
    pager = page.get_by_role("navigation", name="ページ")
    expect(pager.get_by_text("25件を表示しています")).to_be_visible()
    page.get_by_role("link", name="次へ").click()
    expect(pager.get_by_text("2件を表示しています", exact=True)).to_be_visible()
    page.get_by_role("link", name="前へ").click()
    expect(pager.get_by_text("25件を表示しています")).to_be_visible()
    page.get_by_role("link", name="キャンセルリクエストあり").click()
    expect(page.get_by_text("未対応のキャンセルリクエストはありません").first).to_be_visible()
    assert "requested=1" in page.url
    if script:
        expect(page.locator("#polite")).to_have_text("未対応のキャンセルリクエストはありません")
    page.get_by_role("main").get_by_role("link", name="絞り込みを解除").click()
    expect(pager.get_by_text("25件を表示しています")).to_be_visible()
