"""Every act of buyer and seller by keyboard alone, on a phone in English, and on a phone without script."""

import re

from django.core import mail as outbox
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from accounts.models import Credential, User
from cancellations.actions import RequestTarget, request_cancellation
from cancellations.models import Cancellation, CancellationRequest
from shipments.actions import ConfirmTarget, confirm_shipment
from tests import factories
from tests.factories import PASSWORD, item


def ask(order) -> CancellationRequest:
    """A request of the buyer's for the whole order."""
    target = RequestTarget(order.pk, "OTHER", "その他")
    request_cancellation(targets=[target], by=factories.buyer_actor(order.buyer), now=timezone.now())
    return CancellationRequest.objects.get(order=order)


def test_buyer_cancels_alone(floor, at):
    order = floor.order(minutes_ago=1)
    buyer = at(floor.dora, "/account/orders/")
    buyer.press("商品をキャンセル", role="link")
    buyer.press("商品をキャンセル")
    buyer.is_told()
    assert Cancellation.objects.get(order=order).code == "BUY-0"


def test_buyer_requests_and_withdraws(floor, at):
    order = floor.order()
    buyer = at(floor.dora, "/account/orders/")
    buyer.press("キャンセルをリクエスト", role="link")
    buyer.choose("キャンセルの理由", "NO_LONGER_NEEDED")
    buyer.press("キャンセルをリクエスト")
    buyer.is_told()
    buyer.press("リクエストを取り下げる")
    buyer.is_told()
    assert CancellationRequest.objects.get(order=order).status == "WITHDRAWN"


def test_seller_cancels_as_the_buyer_asked(floor, at):
    order = floor.order()
    ask(order)
    seller = at(floor.alice, "/seller/orders/")
    seller.press("注文キャンセル", role="link")
    seller.press("送信")
    seller.is_told()
    assert Cancellation.objects.get(order=order).code == "BUY-1"


def test_seller_cancels_for_want_of_stock_after_a_second_question(floor, at):
    order = floor.order()
    seller = at(floor.alice, f"/seller/orders/{order.number}/")
    seller.choose("キャンセルの理由", "NO_INVENTORY")
    seller.press("送信")
    seller.press("このままキャンセルする")
    seller.is_told()
    assert Cancellation.objects.get(order=order).code == "SEL-1"


def test_seller_cancels_one_of_two_items(floor, at):
    order = floor.order(items=[item("素焼き鉢 5号"), item("じょうろ", sku="CAN")])
    seller = at(floor.alice, f"/seller/orders/{order.number}/cancel-items/")
    seller.choose("%(title)s：キャンセルする数量", "1", title="じょうろ")
    seller.choose("%(title)s：キャンセルの理由", "NO_INVENTORY", title="じょうろ")
    seller.press("内容を確認する")
    seller.press("このままキャンセルする")
    seller.is_told()
    assert [line.quantity_cancelled for line in order.items.order_by("pk")] == [0, 1]


def test_seller_declines(floor, at):
    order = floor.order()
    request = ask(order)
    seller = at(floor.alice, f"/seller/orders/{order.number}/decline/")
    seller.choose("断る理由", "OTHER")
    seller.fill("購入者への説明", "made to order")
    seller.press("リクエストを断る")
    seller.is_told()
    request.refresh_from_db()
    assert (request.status, request.decline_text) == ("DECLINED", "made to order")


def test_seller_confirms_a_shipment_that_overtook_a_request(floor, at):
    order = floor.order()
    ask(order)
    seller = at(floor.alice, f"/seller/orders/{order.number}/confirm-shipment/")
    seller.fill("お問い合わせ番号", "1234-5678")
    seller.tick("すでに発送済みです")
    seller.press("出荷通知を送信")
    seller.is_told()
    order.refresh_from_db()
    assert order.status == "SHIPPED"


def test_seller_refunds_what_was_confirmed_and_never_left(floor, at):
    order = floor.order(items=[item("素焼き鉢 5号", quantity=2), item("じょうろ", sku="CAN")])
    target = ConfirmTarget(order.pk, timezone.localdate())
    confirm_shipment(targets=[target], interlock="ask", by=factories.seller_actor(floor.alice), now=timezone.now())
    seller = at(floor.alice, f"/seller/orders/{order.number}/")
    seller.press("返金する", role="link")
    seller.choose("返金の理由", "NOT_SHIPPED")
    seller.mark("商品と数量を選択")
    seller.choose("%(title)s：返金する数量", "1", title="素焼き鉢 5号")
    seller.press("内容を確認する")
    seller.press("返金する")
    seller.is_told()
    assert (order.refunds.get().amount, order.refunds.get().reason) == (980, "NOT_SHIPPED")


def test_buyer_writes_and_the_seller_explains_the_official_way(floor, at, tmp_path):
    order, photo = floor.order(), tmp_path / "割れ.png"
    Image.new("RGB", (60, 40), "teal").save(photo)
    buyer = at(floor.dora, f"/account/orders/{order.number}/")
    buyer.press("出品者に連絡する", role="link")
    buyer.choose("件名", "CANCEL")
    buyer.fill("本文", "I want to cancel")
    buyer.give_file("添付ファイル", str(photo))
    buyer.press("送信")
    buyer.press("このままメッセージを送信する")
    buyer.is_told()
    seller = at(floor.alice, "/seller/messages/")
    seller.use(seller.page.locator("a.thread").first)
    shown = seller.page.locator(".files img")
    expect(shown).to_have_js_property("naturalWidth", 60)
    seller.press("公式のキャンセル手順を案内", role="link")
    seller.press("送信")
    seller.is_told()
    assert list(order.thread.messages.order_by("pk").values_list("side", "topic")) == [
        ("BUYER", "CANCEL"),
        ("SELLER", "CANCEL"),
    ]


def test_seller_stops_a_mail(floor, at):
    seller = at(floor.alice, "/seller/settings/notifications/")
    seller.tick("未対応のキャンセルリクエストがあります")
    seller.press("保存")
    seller.is_told()
    assert list(floor.alice.silenced_mails.values_list("mail", flat=True)) == ["M-14"]


def test_seller_cancels_several_at_once(floor, at):
    orders = [floor.order(items=[item("素焼き鉢 5号", sku=f"POT-{number}")]) for number in range(2)]
    seller = at(floor.alice, "/seller/orders/")
    for order in orders:
        seller.use(seller.page.locator(f'[data-choose][value="{order.number}"]'), key="Space")
    seller.press("選択した注文をキャンセル")
    seller.pick(seller.page.locator("#id_reason_for_all"), "NO_INVENTORY")
    seller.press("すべてに適用")
    seller.press("送信")
    seller.press("このままキャンセルする")
    seller.page.wait_for_url(re.compile(r"/seller/orders/cancel/\d+/"))
    assert set(Cancellation.objects.values_list("code", flat=True)) <= {"SEL-1"}


def test_seller_prints_packing_slips_and_the_pick_list(floor, at):
    order = floor.order()
    seller = at(floor.alice, f"/seller/orders/{order.number}/")
    seller.press("納品書を印刷", role="link")
    expect(seller.page.locator(f"#slip-{order.number}")).to_be_visible()
    seller.page.goto(f"{floor.url}/seller/")
    seller.press("ピッキングリスト", role="link")
    expect(seller.page.locator(".slip-picks")).to_be_visible()


def test_seller_changes_language_and_look(floor, at):
    seller = at(floor.alice, "/seller/settings/")
    seller.choose("言語", "en")
    seller.choose("表示", "dark")
    seller.press("保存")
    seller.is_told()
    floor.alice.refresh_from_db()
    assert (floor.alice.language, floor.alice.look) == ("en", "dark")


def test_seller_changes_a_colleagues_role(floor, at):
    seller = at(floor.alice, "/seller/settings/people/")
    seller.choose("対象の方", str(floor.rei.pk))
    seller.choose("役割", "ORDER_STAFF")
    seller.fill("あなたのパスワード", PASSWORD)
    seller.press("保存")
    seller.is_told()
    assert floor.rei.memberships.get().role == "ORDER_STAFF"


def test_owner_registers_software_issues_its_keys_and_revokes_them(floor, at):
    seller = at(floor.alice, "/seller/settings/developer/")
    seller.fill("ソフトウェアの名前", "在庫管理システム")
    seller.fill("利用目的", "注文の取得")
    seller.press("登録する")
    seller.is_told()
    seller.tick("注文とキャンセルリクエストの参照")
    seller.tick("ファイル（フィード）の送信")
    seller.fill("あなたのパスワード", PASSWORD)
    seller.press("キーを発行する")
    expect(seller.page.get_by_role("heading", name=seller.words("新しいキー"), exact=True)).to_be_visible()
    keys = Credential.objects.get()
    expect(seller.page.get_by_text(keys.access_key)).to_be_visible()
    seller.press("保管しました。続ける", role="link")
    seller.use(seller.page.get_by_role("main").locator('a[href*="/keys/"]'))
    seller.press("キーを無効にする")
    seller.is_told()
    keys.refresh_from_db()
    assert set(keys.scopes) == {"orders:read", "feeds"}
    assert keys.revoked_at


def test_buyer_refuses_unimportant_messages(floor, at):
    buyer = at(floor.dora, "/account/preferences/")
    buyer.tick("重要ではないメッセージを受信しない")
    buyer.press("保存")
    buyer.is_told()
    floor.dora.refresh_from_db()
    assert floor.dora.refuses_unimportant_messages


def test_buyer_places_a_test_order(floor, at, settings):
    settings.DEMO = True
    buyer = at(floor.dora, "/account/test-order/")
    buyer.choose("数量", "2")
    buyer.press("テスト注文をする")
    buyer.is_told()
    assert floor.dora.orders.get().items.get().quantity_ordered == 2


def test_somebody_sets_a_forgotten_password(floor, at, visit, way):
    User.objects.update(language=way.language)
    somebody = at(None, "/login/")
    somebody.press("パスワードを忘れた場合", role="link")
    somebody.fill("メールアドレス", floor.dora.email)
    somebody.press("リンクを送信する")
    expect(somebody.page.get_by_role("status").first).to_be_visible()
    floor.mails()
    (link,) = re.findall(r"/login/password/\S+", outbox.outbox[-1].body)
    somebody.page.goto(floor.url + link)
    somebody.page.wait_for_url("**/login/password/new/")
    somebody.fill("新しいパスワード", "a-long-new-secret")
    somebody.fill("新しいパスワード（確認用）", "a-long-new-secret")
    somebody.press("パスワードを設定する")
    somebody.fill("メールアドレス", floor.dora.email)
    somebody.fill("パスワード", "a-long-new-secret")
    somebody.press("ログイン")
    somebody.page.wait_for_url("**/account/")


def test_somebody_signs_out(floor, at):
    buyer = at(floor.dora, "/account/")
    menu = buyer.page.locator(".nav-phone > summary" if buyer.way.on_phone else ".nav-end .drop > summary").last
    buyer.use(menu)
    buyer.use(buyer.page.get_by_role("button", name=buyer.words("ログアウト")).locator("visible=true").first)
    buyer.page.wait_for_url("**/login/**")
