"""納品書 as a printer gets it: one order per sheet, nothing of the page around it, with and without script."""

import re

import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_slips_print_one_per_sheet_and_nothing_else(floor, visit, script):
    orders = [floor.order() for _ in range(3)]
    query = "&".join(f"order={order.number}" for order in orders)
    page = visit(floor.alice, f"/seller/orders/packing-slips/?{query}", script=script)
    expect(page.get_by_role("button", name="印刷")).to_have_count(1 if script else 0)
    if not script:
        expect(page.get_by_text("ブラウザの印刷機能で印刷してください。")).to_be_visible()
    page.emulate_media(media="print")
    for around in ("header", "h1", ".btn", "nav"):
        assert not any(each.is_visible() for each in page.locator(around).all()), around
    expect(page.get_by_role("heading", name="納品書")).to_have_count(3)
    sheets = re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))
    assert len(sheets) == 3
