"""ファイルのアップロード in a browser: a file in, progress without a reload, answers to read."""

import re

from django.utils import timezone
from playwright.sync_api import expect

from cancellations.models import Cancellation
from feeds.actions import run_feeds


def test_a_file_is_uploaded_and_its_answers_come_by_themselves(floor, visit, tmp_path, way, at):
    """Nobody carries it out before the page stands there waiting; without script the page is asked anew."""
    order, other = floor.order(), floor.order()
    file = tmp_path / "在庫切れ.txt"
    lines = ["order-id\tcancellation-reason-code", f"{order.number}\t在庫切れ", f"{other.number}\tWhim"]
    file.write_bytes("\r\n".join(lines).encode("cp932"))
    hand = at(floor.alice, "/seller/feeds/")
    hand.choose("種類", "ORDER_CANCELLATION")
    hand.page.locator("#id_file").set_input_files(file)
    hand.press("アップロード")
    expect(hand.page.get_by_role("heading", level=1)).to_have_text("在庫切れ.txt")
    expect(hand.page.get_by_text(hand.words("順番を待っています"))).to_be_visible()
    run_feeds(seller_id=floor.shop.pk, clock=timezone.now)
    if not way.script:
        hand.page.get_by_role("link", name=hand.words("最新の状態を表示")).click()
    expect(hand.page.get_by_text(hand.words("注文をキャンセルしました。"))).to_be_visible()
    hand.page.get_by_role("link", name=re.compile(hand.words("エラー"))).first.click()
    expect(hand.page.get_by_text("REASON_UNKNOWN")).to_be_visible()
    expect(hand.page.get_by_text(hand.words("注文をキャンセルしました。"))).to_have_count(0)
    assert list(Cancellation.objects.values_list("order_id", flat=True)) == [order.pk]
