"""The whole road with people at both ends: the buyer asks in the browser, the shop's unmodified software answers."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect
from sp_api.api import FeedsV20210630, OrdersV0, Reports, Tokens

from accounts.models import Membership
from metrics.queries import rate_at
from reports.actions import add_columns
from tests import factories
from tests.browser.conftest import Floor, base_url, fill_reasons, visit
from tests.cast import Cast

from .test_sp_api import cancelling, processing_report, unshipped_row

__all__ = ["base_url", "visit"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_mails", "own_store")]


@pytest.fixture
def floor(cast: Cast, live_server) -> Floor:
    """The same shop, at an address."""
    fill_reasons()
    assert Membership.objects.filter(seller=cast.shop, user=cast.alice).exists()
    olga = factories.person("olga@operator.example", "織田 オルガ", is_staff=True, operator_role="ADMIN")
    return Floor(live_server.url, cast.shop, cast.alice, cast.rei, cast.dora, olga)


def test_a_wish_in_the_browser_is_seen_and_carried_out_by_software_and_shows_in_the_browser(
    cast: Cast, floor, visit, keys, client_of, monkeypatch
):
    # Lists reach up to two minutes ago by themselves; this story does not wait.
    monkeypatch.setattr("spapi.polls.SAFETY", timedelta(0))
    now = timezone.now()
    add_columns(seller_id=cast.shop.pk, wished={"buyer_requested": True}, by=cast.seller, now=now)
    order = cast.order(1, placed_at=now - timedelta(hours=1))
    orders = client_of(OrdersV0, keys)
    before = orders.get_order(order.number).payload["LastUpdateDate"]
    counted = rate_at(cast.shop.pk, timezone.now()).rate.counted

    page = visit(cast.dora, f"/account/orders/{order.number}/request-cancellation/")
    page.get_by_label("キャンセルの理由").select_option("ORDERED_BY_MISTAKE")
    page.get_by_role("button", name="キャンセルをリクエスト").click()
    expect(page.get_by_text("キャンセルをリクエストしました。")).to_be_visible()

    (seen,) = orders.get_orders(LastUpdatedAfter=now.isoformat()).payload["Orders"]
    assert seen["AmazonOrderId"] == order.number
    assert seen["LastUpdateDate"] > before
    (item,) = orders.get_order_items(order.number).payload["OrderItems"]
    assert item["BuyerRequestedCancel"] == {
        "IsBuyerRequestedCancel": "true",
        "BuyerCancelReason": "間違えて注文した",
    }
    row = unshipped_row(client_of(Reports, keys), client_of(Tokens, keys), keys, client_of)
    assert row["is-buyer-requested-cancellation"] == "TRUE"
    said = processing_report(cast, client_of(FeedsV20210630, keys), cancelling(order, "BuyerCanceled"))
    assert "Number of records successful\t\t1" in said
    assert orders.get_order(order.number).payload["OrderStatus"] == "Canceled"
    assert rate_at(cast.shop.pk, timezone.now()).rate.counted == counted

    page.goto(f"{floor.url}/account/orders/{order.number}/")
    expect(page.get_by_role("main")).to_contain_text("キャンセル済み")
