"""Every act of operators by keyboard alone, on a phone in English, and on a phone without script."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import expect

from accounts import second_factor
from accounts.developers import register
from accounts.models import Membership, Seller, User
from cancellations.models import BuyerReason, Cancellation, PolicyVersion
from events.models import Delivery, MailText
from orders.models import Import, Order
from sellercentral.bootstrap import ROOT
from tests import factories
from tests.browser.hand import Hand
from tests.factories import PASSWORD, item

NOTE = "seen at the bank"


def is_told(operator: Hand) -> None:
    """Require that the page says that the act was done."""
    expect(operator.page.locator(".messagelist .success").first).to_be_visible()


def change(order: Order) -> str:
    return f"/admin/orders/order/{order.pk}/change/"


def prove(operator: Hand) -> None:
    """Say why, and give the own password again."""
    operator.fill("理由・メモ", NOTE)
    operator.fill("あなたのパスワード", PASSWORD)


def act(operator: Hand, words: str) -> None:
    """Say why, and do what the page is about."""
    operator.fill("理由・メモ", NOTE)
    operator.press(words)
    is_told(operator)


def test_holds_and_releases(floor, at):
    order = floor.order()
    operator = at(floor.olga, change(order))
    for words, on_hold in (("保留にする", True), ("保留を解除する", False)):
        operator.press(words, role="link")
        act(operator, words)
        order.refresh_from_db()
        assert order.on_hold is on_hold


def test_verifies_a_payment(floor, at):
    order = floor.order(verified=False)
    operator = at(floor.olga, change(order))
    operator.press("お支払いを確認済みにする", role="link")
    act(operator, "お支払いを確認済みにする")
    order.refresh_from_db()
    assert order.status == "UNSHIPPED"


def test_sets_a_ship_by_date(floor, at):
    order = floor.order()
    day = timezone.localdate() + timedelta(days=40)
    operator = at(floor.olga, change(order))
    operator.press("出荷予定日を設定する", role="link")
    operator.fill_day("出荷予定日", day)
    act(operator, "出荷予定日を設定する")
    order.refresh_from_db()
    assert order.ship_by_date == day


@pytest.mark.parametrize(
    ("words", "code", "counted"),
    [
        ("購入者に代わってキャンセルする", "MKT-4", False),
        ("出品者に代わってキャンセルする", "SEL-1", True),
        ("お支払いの確認に失敗したためキャンセルする", "MKT-3", False),
        ("不正行為のためキャンセルする", "MKT-2", False),
        ("運営上の理由でキャンセルする", "MKT-9", True),
    ],
)
def test_cancels(floor, at, words, code, counted):
    order = floor.order(items=[item("素焼き鉢 5号"), item("じょうろ", sku="CAN")])
    operator = at(floor.olga, change(order))
    operator.press(words, role="link")
    if code == "SEL-1":
        operator.choose("キャンセルの理由", "NO_INVENTORY")
    if code == "MKT-9":
        operator.tick("キャンセル率に含める")
    act(operator, words)
    cancellation = Cancellation.objects.get(order=order)
    assert (cancellation.code, cancellation.counted) == (code, counted)


def test_reads_whom_a_parcel_goes_to(floor, at):
    order = floor.order()
    operator = at(floor.olga, change(order))
    expect(operator.page.get_by_text(order.recipient.line1)).to_have_count(0)
    operator.press("お届け先を表示する", role="link")
    operator.fill("理由・メモ", NOTE)
    operator.press("お届け先を表示する")
    expect(operator.page.get_by_text(order.recipient.line1)).to_be_visible()


def test_lets_failed_deliveries_try_again_one_and_many(floor, at):
    first, second = (floor.order().events.get().deliveries.order_by("pk").first() for _ in range(2))
    Delivery.objects.update(state=Delivery.State.FAILED, attempts=12)
    operator = at(floor.olga, f"/admin/events/delivery/{first.pk}/change/")
    operator.press("もう一度送信する")
    is_told(operator)
    first.refresh_from_db()
    assert first.state == Delivery.State.PENDING
    operator.page.goto(f"{floor.url}/admin/events/delivery/?state=FAILED")
    operator.use(operator.page.locator(f'input[name="_selected_action"][value="{second.pk}"]'), key="Space")
    operator.choose("Action:", "try_again")
    operator.press("Go")
    is_told(operator)
    second.refresh_from_db()
    assert second.state == Delivery.State.PENDING


def test_takes_an_order_file_over(floor, at):
    operator = at(floor.olga, "/admin/orders/import/")
    operator.use(operator.page.locator(".object-tools .addlink"))
    operator.choose("出品者", str(floor.shop.pk))
    operator.give_file("注文レポートのファイル", f"{ROOT}/tests/data/unshipped_lf.txt")
    operator.press("注文ファイルの取り込み")
    is_told(operator)
    assert Import.objects.get().seller == floor.shop


def test_adds_a_version_of_the_policy(floor, at):
    operator = at(floor.olga, "/admin/cancellations/policyversion/add/")
    start = timezone.localtime() + timedelta(days=10)
    operator.fill("適用開始の日付", f"{start:%Y-%m-%d}")
    operator.fill("適用開始の時刻", "09:00:00")
    operator.fill("自動キャンセルまでの日数", "9")
    operator.fill("理由・メモ", "new terms")
    operator.press("Save")
    is_told(operator)
    version = PolicyVersion.objects.get()
    assert (version.auto_cancel_days, timezone.localtime(version.starts_at).date()) == (9, start.date())


def test_rewrites_a_mail_and_goes_back_to_the_shipped_text(floor, at):
    operator = at(floor.olga, "/admin/events/mailtext/m01/ja/edit/")
    operator.fill("件名", "A request: {order}")
    operator.press("保存")
    is_told(operator)
    assert MailText.objects.get().subject == "A request: {order}"
    operator.page.goto(f"{floor.url}/admin/events/mailtext/m01/ja/edit/")
    operator.press("はじめの文面に戻す")
    is_told(operator)
    assert not MailText.objects.exists()


def test_adds_a_reason_of_buyers_and_switches_it_off(floor, at):
    operator = at(floor.olga, "/admin/cancellations/buyerreason/add/")
    for label, text in (("コード", "MOVED"), ("日本語", "引っ越し"), ("英語", "I moved"), ("順番", "90")):
        operator.fill(label, text)
    operator.press("Save")
    is_told(operator)
    reason = BuyerReason.objects.get(code="MOVED")
    assert (reason.label_ja, reason.position, reason.is_active) == ("引っ越し", 90, True)
    operator.press("MOVED", role="link")
    operator.tick("有効")
    operator.press("Save")
    is_told(operator)
    reason.refresh_from_db()
    assert not reason.is_active


def test_adds_somebody_gives_them_a_password_and_another_address(floor, at):
    operator = at(floor.olga, "/admin/accounts/user/add/")
    operator.fill("メールアドレス", "new@seller.example")
    operator.fill("氏名", "新田 新")
    operator.choose("言語", "en")
    operator.press("Save")
    is_told(operator)
    person = User.objects.get(email="new@seller.example")
    operator.page.goto(f"{floor.url}/admin/accounts/user/{person.pk}/change/")
    operator.press("パスワードを設定する", role="link")
    operator.write(operator.page.locator("#id_password1"), "a-long-new-secret")
    operator.write(operator.page.locator("#id_password2"), "a-long-new-secret")
    prove(operator)
    operator.use(operator.page.locator(".submit-row input[type=submit]").first)
    is_told(operator)
    operator.page.goto(f"{floor.url}/admin/accounts/user/{person.pk}/change/")
    operator.fill("メールアドレス", "newer@seller.example")
    operator.choose("オペレーターの役割", "SUPPORT")
    prove(operator)
    operator.press("Save")
    is_told(operator)
    person.refresh_from_db()
    assert (person.email, person.operator_role) == ("newer@seller.example", "SUPPORT")
    assert person.check_password("a-long-new-secret")


def test_suspends_somebody(floor, at):
    operator = at(floor.olga, f"/admin/accounts/user/{floor.rei.pk}/change/")
    operator.tick("有効")
    prove(operator)
    operator.press("Save")
    is_told(operator)
    floor.rei.refresh_from_db()
    assert not floor.rei.is_active


def test_approves_a_registered_developer(floor, at):
    made = register(
        seller_id=floor.shop.pk,
        name="在庫管理",
        purpose="注文の取得",
        contact=floor.alice.email,
        needs_approval=True,
        by=factories.seller_actor(floor.alice),
        now=timezone.now(),
    )
    operator = at(floor.olga, f"/admin/accounts/application/{made.pk}/change/")
    operator.press("登録を承認する", role="link")
    prove(operator)
    operator.press("登録を承認する")
    is_told(operator)
    made.refresh_from_db()
    assert made.state == "APPROVED"


def test_takes_a_lost_second_factor_away(floor, at):
    TOTPDevice.objects.create(user=floor.alice, confirmed=True)
    operator = at(floor.olga, f"/admin/accounts/user/{floor.alice.pk}/change/")
    operator.press("二段階認証をリセットする", role="link")
    prove(operator)
    operator.press("二段階認証をリセットする")
    is_told(operator)
    assert not second_factor.is_set_up(floor.alice.pk)


def test_adds_a_shop_and_gives_and_takes_a_role_in_it(floor, at):
    operator = at(floor.olga, "/admin/accounts/seller/add/")
    operator.fill("店舗名", "New shop")
    operator.fill("出品者ID", "A9NEWSHOP")
    operator.press("Save")
    is_told(operator)
    shop = Seller.objects.get(merchant_id="A9NEWSHOP")
    page = f"{floor.url}/admin/accounts/seller/{shop.pk}/change/"
    operator.page.goto(page)
    operator.write(operator.page.locator("#id_memberships-0-user"), floor.dora.email)
    operator.pick(operator.page.locator("#id_memberships-0-role"), "READ_ONLY")
    prove(operator)
    operator.press("Save")
    is_told(operator)
    assert Membership.objects.get(seller=shop).user == floor.dora
    operator.page.goto(page)
    operator.use(operator.page.locator("#id_memberships-0-DELETE"), key="Space")
    prove(operator)
    operator.press("Save")
    is_told(operator)
    assert not Membership.objects.filter(seller=shop).exists()


def test_changes_the_own_password(floor, at):
    operator = at(floor.olga, "/admin/password_change/")
    operator.fill("Old password", PASSWORD)
    operator.fill("New password:", "a-long-new-secret")
    operator.fill("New password confirmation", "a-long-new-secret")
    operator.use(operator.page.locator(".submit-row input[type=submit]").first)
    operator.page.wait_for_url("**/password_change/done/")
    floor.olga.refresh_from_db()
    assert floor.olga.check_password("a-long-new-secret")
