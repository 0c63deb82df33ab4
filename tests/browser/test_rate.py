"""The rate in a real browser: its page, the effect that follows the choice, a dispute from both sides."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from cancellations.actions import CancelTarget, RequestTarget, cancel, request_cancellation
from cancellations.models import Cancellation
from cancellations.policy import Reason
from events.models import SentMail
from metrics.actions import take_missing_snapshots
from metrics.models import Dispute
from metrics.queries import rate_at
from metrics.rate import Rate
from orders.actions import OrderDraft, place_orders
from tests import factories

DAY = timedelta(days=1)


@pytest.fixture
def trade(floor):
    """Eighty-three orders, the first of them cancelled for lack of stock."""
    placed_at = timezone.now() - 2 * DAY
    draft = OrderDraft(
        seller_id=floor.shop.pk,
        buyer_id=floor.dora.pk,
        placed_at=placed_at,
        items=[factories.item()],
        recipient={"name": "森下 遥"},
        payment_verified_at=placed_at,
        ship_by_date=timezone.localdate() + DAY,
    )
    orders = place_orders(drafts=[draft] * 83, auto_cancel_days=7, by=factories.SYSTEM, now=placed_at)
    targets = [CancelTarget(orders[0].pk, Reason.NO_INVENTORY)]
    cancel(targets=targets, by=factories.seller_actor(floor.alice), now=timezone.now() - DAY)
    return orders


def test_the_effect_follows_the_chosen_reason_without_a_reload(floor, visit, trade):
    page = visit(floor.alice, f"/seller/orders/{trade[3].number}/cancel/")
    page.evaluate("window.same = true")
    note = page.locator("#effect")
    expect(note).to_contain_text("理由を選択すると、キャンセル率への影響を表示します。")
    page.get_by_label("キャンセルの理由").select_option("NO_INVENTORY")
    expect(note).to_contain_text("キャンセル率への影響：あり（現在 1.20% → 2.41%）")
    expect(note).to_contain_text("状態は「良好」から「注意」になります。")
    expect(note).to_contain_text("キャンセル依頼の送信を求めることはしないでください。")
    page.get_by_label("キャンセルの理由").select_option("OTHER")
    expect(note).not_to_contain_text("キャンセル依頼の送信を求めることはしないでください。")
    assert page.evaluate("window.same")


def test_the_effect_of_a_part_follows_quantity_and_reason_without_a_reload(floor, visit, trade):
    page = visit(floor.alice, f"/seller/orders/{trade[3].number}/cancel-items/")
    page.evaluate("window.same = true")
    note = page.locator("#effect")
    expect(note).to_contain_text("商品の数量と理由を選択すると")
    page.get_by_label(re.compile("キャンセルする数量")).select_option("1")
    page.get_by_label(re.compile("キャンセルの理由")).select_option("NO_INVENTORY")
    expect(note).to_contain_text("キャンセル率への影響：あり（現在 1.20% → 2.41%）")
    assert page.evaluate("window.same")


def test_several_orders_show_what_all_of_them_do(floor, visit, trade):
    chosen = "&".join(f"order={order.number}" for order in trade[3:5])
    page = visit(floor.alice, f"/seller/orders/cancel/?{chosen}")
    for order in trade[3:5]:
        page.get_by_label(f"注文 {order.number}：キャンセルの理由").select_option("OTHER")
        expect(page.locator(f"#effect-{order.number}")).to_contain_text("あり（現在 1.20% → 2.41%）")
    expect(page.locator("#sum")).to_contain_text("キャンセル率：現在 1.20% → 3.61%")


def test_the_page_leads_from_the_badge_to_the_chart_and_back_in_time(floor, visit, trade, script):
    take_missing_snapshots(now=timezone.now())
    page = visit(floor.alice, "/seller/orders/", script=script)
    page.locator(".nav-end").get_by_role("link", name=re.compile(r"キャンセル率 1\.20% 良好")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("キャンセル率")
    expect(page.get_by_role("img", name=re.compile("キャンセル率の推移")).first).to_be_visible()
    page.get_by_text("数値を表で見る").click()
    expect(page.get_by_role("row").filter(has_text="1.20%").first).to_be_visible()
    past = timezone.localtime(timezone.now() - 9 * DAY).strftime("%Y-%m-%dT%H:%M")
    page.get_by_label("基準日時").fill(past)
    page.get_by_role("button", name="表示する", exact=True).click()
    expect(page.locator(".figure")).to_have_text("—")
    page.get_by_role("link", name="現在の値を表示").click()
    expect(page.locator(".figure")).to_have_text("1.20%")
    with page.expect_download() as download:
        page.get_by_role("link", name="ダウンロード").click()
    assert re.fullmatch(r"cancellation-rate-\d{8}-\d{4}\.tsv", download.value.suggested_filename)


def test_a_dispute_from_both_sides(floor, at, visit, trade, tmp_path):
    paper = tmp_path / "stock.pdf"
    paper.write_bytes(b"%PDF-1.7\n%%EOF")
    seller = at(floor.alice, "/seller/performance/cancellation-rate/")
    seller.use(seller.page.get_by_role("link", name=re.compile(f"^{seller.words('申し立てる')} [0-9]")))
    seller.fill("申し立ての内容", "The stock was there.")
    seller.use(seller.page.get_by_role("checkbox").first, key="Space")
    seller.give_file("添付ファイル", str(paper))
    seller.press("申し立てを送信")
    seller.is_told()
    expect(seller.page.get_by_text("stock.pdf")).to_be_visible()
    dispute = Dispute.objects.get()
    assert (dispute.events.count(), dispute.files.count()) == (1, 1)
    operator = at(floor.olga, "/admin/metrics/dispute/")
    operator.use(operator.page.locator("th a").first)
    expect(operator.page.get_by_text("The stock was there.")).to_be_visible()
    operator.press("申し立てを決定する", role="link")
    operator.use(operator.page.get_by_role("radio").first, key="Space")
    operator.fill("決定の理由", "Seen.")
    operator.press("申し立てを決定する")
    expect(operator.page.locator(".messagelist .success").first).to_be_visible()
    assert rate_at(floor.shop.pk, timezone.now()).rate == Rate(0, 83)
    floor.mails()
    assert SentMail.objects.filter(mail="m22", recipient=floor.alice).count() == 1
    seller.page.reload()
    expect(seller.page.get_by_text("Seen.")).to_be_visible()


def test_a_wrong_reason_is_corrected(floor, at, trade):
    order, now = trade[5], timezone.now()
    asked = RequestTarget(order.pk, "OTHER", "その他")
    request_cancellation(targets=[asked], by=factories.buyer_actor(floor.dora), now=now - DAY)
    cancel(targets=[CancelTarget(order.pk, Reason.OTHER)], by=factories.seller_actor(floor.alice), now=now - DAY)
    record = Cancellation.objects.get(order=order)
    User.objects.update(language="ja")
    seller = at(floor.alice, f"/seller/performance/disputes/new/{record.pk}/")
    seller.press("理由を訂正する")
    seller.is_told()
    record.refresh_from_db()
    assert record.excluded
