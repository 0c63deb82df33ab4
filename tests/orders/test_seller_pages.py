"""注文管理 and 注文の詳細 cost the same however much they show (wall 8)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cancellations.policy import DeclineReason
from tests.cast import LATER, Cast
from tests.factories import NOON

# Session, person and role besides what the list itself asks.
MOST_STATEMENTS = 8


@pytest.fixture(autouse=True)
def clock(time_machine):
    """An hour after the orders were placed."""
    time_machine.move_to(LATER, tick=False)


def statements(client, path: str) -> list[str]:
    """What one visit asks the database, the second time: requests are marked as seen by the first."""
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        response = client.get(path)
    assert response.status_code == 200
    return [query["sql"] for query in captured.captured_queries]


def fill(cast: Cast, count: int) -> None:
    """Orders in every state that a row can show."""
    for number in range(count):
        asked = cast.order(1, 2, placed_at=NOON - timedelta(minutes=3 * number))
        cast.request(asked)
        cast.cancel(cast.order(placed_at=NOON - timedelta(minutes=3 * number + 1)))
        cast.order(placed_at=NOON - timedelta(minutes=3 * number + 2), verified=False)


def test_the_list_asks_as_much_for_one_row_as_for_many(cast, client):
    client.force_login(cast.alice)
    fill(cast, 1)
    few = statements(client, "/seller/orders/?sort=newest")
    fill(cast, 7)
    many = statements(client, "/seller/orders/?sort=newest")
    assert len(few) == len(many)
    assert len(many) <= MOST_STATEMENTS, "\n".join(many)


def test_the_buyers_list_asks_as_much_for_one_row_as_for_many(cast, client):
    client.force_login(cast.dora)
    fill(cast, 1)
    few = statements(client, "/account/orders/")
    fill(cast, 3)
    many = statements(client, "/account/orders/")
    assert len(few) == len(many)
    assert len(many) <= MOST_STATEMENTS, "\n".join(many)


def test_the_banner_stands_in_the_block_of_its_order(cast, client):
    asked, other = cast.order(), cast.order()
    cast.request(asked)
    client.force_login(cast.alice)
    page = client.get("/seller/orders/").content.decode()
    blocks = page.split("<tbody")[1:]
    (with_banner,) = [block for block in blocks if "キャンセルをリクエストしています" in block]
    assert asked.number in with_banner
    assert other.number not in with_banner
    assert with_banner.index("キャンセルをリクエストしています") < with_banner.index(f">{asked.number}<")


@pytest.mark.parametrize("query", ["cursor=x", "status=x", "status="])
def test_what_cannot_be_read_in_an_address_is_left_out(cast, client, query):
    order = cast.order()
    client.force_login(cast.alice)
    response = client.get(f"/seller/orders/?{query}")
    assert response.status_code == 200
    assert order.number in response.content.decode()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("sort=x", "一覧から選び直してください。"),
        ("from=x&to=2026-99-99", "日付を「2026-07-08」の形で入力してください。"),
        ("q=%00", "使用できない文字が含まれています。"),
    ],
)
def test_what_cannot_be_read_in_a_field_finds_nothing_and_is_said_beside_it(cast, client, query, sentence):
    order = cast.order()
    client.force_login(cast.alice)
    page = client.get(f"/seller/orders/?{query}").content.decode()
    assert sentence in page
    assert order.number not in page


def test_the_total_leaves_out_what_was_cancelled_before_anything_was_charged(cast, client):
    order = cast.order(2, 1)
    cast.cancel(order, units={order.items.get(sku="POT-2").pk: 1})
    client.force_login(cast.alice)
    page = client.get(f"/seller/orders/{order.number}/").content.decode()
    assert "合計 ￥2,300" in page
    assert "キャンセル済み −￥1,000" in page
    client.force_login(cast.dora)
    for path in ("/account/orders/", f"/account/orders/{order.number}/"):
        page = client.get(path).content.decode()
        assert "￥2,300" in page
        assert "￥3,300" not in page
        assert "（￥1,000 は請求されません）" in page


def test_a_buyer_whose_order_was_charged_is_told_of_a_refund(cast, client):
    order = cast.order(1, 1)
    first = order.items.order_by("pk")[0]
    cast.confirm(order, units={first.pk: 1})
    client.force_login(cast.dora)
    told, not_told = "キャンセルした商品の代金を返金します。", "請求されません"
    page = client.get(f"/account/orders/{order.number}/request-cancellation/").content.decode()
    assert told in page
    assert not_told not in page
    cast.request(order)
    for path in ("/account/orders/", f"/account/orders/{order.number}/"):
        page = client.get(path).content.decode()
        assert told in page
        assert not_told not in page


def test_a_list_says_how_many_units_of_a_line_were_cancelled_already(cast, client):
    order = cast.order(3, 1)
    pot, _can = order.items.order_by("pk")
    cast.cancel(order, units={pot.pk: 1})
    client.force_login(cast.alice)
    for path in ("/seller/orders/", f"/seller/orders/cancel/?order={order.number}"):
        page = client.get(path).content.decode()
        assert page.count("（うち1点はキャンセル済み）") == 1, path


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("requested=1&sort=newest", "回答期限が近い順"),
        ("late=1&sort=newest", "出荷予定日が古い順"),
        ("due=1&sort=answer", "自動キャンセルが近い順"),
        ("requested=1", ""),
        ("sort=newest", ""),
        ("status=shipped", ""),
    ],
)
def test_a_filter_that_sorts_by_itself_says_so(cast, client, query, says):
    cast.request(cast.order(placed_at=NOON - timedelta(days=9), ship_by=NOON.date() - timedelta(days=6)))
    client.force_login(cast.alice)
    page = client.get(f"/seller/orders/?{query}").content.decode()
    assert ("絞り込みの条件により、" in page) is bool(says)
    assert says in page


@pytest.mark.parametrize("act", ["cancel-items", "decline", "confirm-shipment"])
def test_whoever_opens_a_page_of_a_requested_order_has_seen_the_request(cast, client, act):
    order = cast.order(2)
    cast.request(order)
    client.force_login(cast.alice)
    assert client.get(f"/seller/orders/{order.number}/{act}/").status_code == 200
    assert order.requests.get().seen_by_seller_at == LATER


def test_the_shop_reads_the_explanation_that_it_declined_with(cast, client):
    order = cast.order()
    cast.request(order)
    cast.decline(order, reason=DeclineReason.OTHER, text="名入れを始めています。")
    client.force_login(cast.alice)
    assert "名入れを始めています。" in client.get(f"/seller/orders/{order.number}/").content.decode()
