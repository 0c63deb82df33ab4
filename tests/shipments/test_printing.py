"""納品書 and ピッキングリスト: what may be packed is printed, what the buyer asks to cancel is stopped (domain 7.6)."""

from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders import actions
from orders.models import Order
from orders.queries import orders_by_number
from shipments.views import printing
from tests import factories
from tests.cast import LATER, Cast

pytestmark = pytest.mark.django_db
STOP = "キャンセルリクエスト中 — 出荷しないでください"
SLIPS, PICKS = "/seller/orders/packing-slips/", "/seller/orders/pick-list/"


@pytest.fixture(autouse=True)
def clock(time_machine):
    """An hour after the orders were placed."""
    time_machine.move_to(LATER, tick=False)


@pytest.fixture
def alice(cast: Cast, client: Client) -> Client:
    """alice at her desk."""
    client.force_login(cast.alice)
    return client


def chosen(path: str, *orders: Order, **more: str) -> str:
    """The address that prints these orders."""
    return f"{path}?{urlencode([('order', order.number) for order in orders] + list(more.items()))}"


def sheets(client: Client, path: str) -> list[str]:
    """The sheets of paper of a page."""
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode().split('<article class="slip"')[1:]


def test_a_slip_names_what_is_still_to_be_sent_and_where(cast: Cast, alice: Client):
    order = cast.order(2, 1)
    (sheet,) = sheets(alice, f"/seller/orders/{order.number}/packing-slip/")
    for words in (
        order.number,
        "京都府京都市見本町 12-3",
        "森下 遥 様",
        "素焼き鉢 1号",
        "￥2,000",
        "合計 ￥3,300",
    ):
        assert words in sheet
    assert STOP not in sheet


def test_a_rest_is_printed_without_what_was_sent_or_cancelled(cast: Cast, alice: Client):
    order = cast.order(3, 1)
    first, second = order.lines
    cast.confirm(order, {second.pk: 1})
    cast.cancel(order, units={first.pk: 1})
    (sheet,) = sheets(alice, f"/seller/orders/{order.number}/packing-slip/")
    assert "<td>2</td>" in sheet
    assert "素焼き鉢 2号" not in sheet
    assert "商品の小計 ￥2,000" in sheet


def test_the_money_of_the_parts_adds_up_to_the_line(cast: Cast):
    order = cast.order(items=[factories.item(quantity=3, price=None, item_tax=Decimal(0))])
    Order.objects.get(pk=order.pk).items.update(item_price=1000, quantity_cancelled=1)
    (found,) = orders_by_number(cast.shop.pk, [order.number])
    ((slip,)) = printing._slips([found])
    assert slip.goods == 667  # the cancelled unit gave back 333


def test_a_requested_order_asked_for_by_name_carries_the_stop_at_the_top(cast: Cast, alice: Client):
    order = cast.order(1, 1)
    cast.request(order, {order.lines[0].pk: 1})
    (sheet,) = sheets(alice, f"/seller/orders/{order.number}/packing-slip/")
    assert sheet.index(STOP) < sheet.index("納品書")
    assert sheet.count("1点はキャンセルリクエスト中") == 1


def test_requested_orders_are_left_out_of_a_batch_unless_chosen(cast: Cast, alice: Client):
    asked, other = cast.order(), cast.order()
    cast.request(asked)
    (sheet,) = sheets(alice, chosen(SLIPS, asked, other))
    assert other.number in sheet
    page = alice.get(chosen(SLIPS, asked, other)).content.decode()
    assert "1件はキャンセルリクエスト中のため、印刷から除いています。" in page
    assert f'href="/seller/orders/{asked.number}/"' in page
    first, second = sheets(alice, chosen(SLIPS, asked, other, requested="1"))
    assert asked.number in first
    assert STOP in first
    assert STOP not in second


def test_what_cannot_be_sent_is_not_printed_and_no_address_shown(cast: Cast, alice: Client):
    pending, held, sent = cast.order(verified=False), cast.order(), cast.order()
    actions.hold(order_ids=[held.pk], note="", by=cast.operator, now=LATER)
    cast.confirm(sent)
    for order in (pending, held, sent):
        response = alice.get(f"/seller/orders/{order.number}/packing-slip/")
        assert (response.status_code, response.url) == (302, f"/seller/orders/{order.number}/")
    path = chosen(SLIPS, pending, held, sent)
    assert sheets(alice, path) == []
    page = alice.get(path).content.decode()
    assert "3件は出荷できないため、印刷から除いています。" in page
    assert "森下" not in page


@pytest.mark.parametrize("path", [SLIPS, PICKS])
def test_another_shops_order_is_as_unknown_as_no_order(cast: Cast, alice: Client, path: str):
    own, foreign = cast.order(), factories.order(cast.other_shop, cast.dora)
    unknown = Order(number="250-0000000-0000000")
    answers = [alice.get(chosen(path, own, other)) for other in (foreign, unknown)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert alice.get(f"{path}?order=%00").status_code == 404


@pytest.mark.parametrize("path", [SLIPS, PICKS])
def test_more_orders_than_an_address_holds_are_refused_whole(cast: Cast, alice: Client, path: str):
    query = urlencode([("order", f"250-0000000-{number:07d}") for number in range(printing.MOST_CHOSEN + 1)])
    page = alice.get(f"{path}?{query}").content.decode()
    assert "一度に選択できる注文は200件までです。" in page
    assert '<article class="slip"' not in page


def test_the_pick_list_adds_units_of_all_that_waits_by_sku(cast: Cast, alice: Client):
    cast.order(2, 1)
    cast.order(3)
    asked = cast.order(5)
    cast.request(asked)
    cast.confirm(cast.order(7))
    (sheet,) = sheets(alice, PICKS)
    rows = [row.split("</tr>")[0] for row in sheet.split("<tr>")[2:]]
    assert [("POT-1" in row, "<b>5</b>" in row, "2件" in row) for row in rows] == [
        (True, True, True),
        (False,) * 3,
    ]
    left_out = sheet.partition(STOP)[2]
    assert asked.number in left_out
    (sheet,) = sheets(alice, f"{PICKS}?requested=1")
    assert "<b>10</b>" in sheet
    assert "5点はキャンセルリクエスト中" in sheet


def test_the_pick_list_stops_at_its_bound_and_says_so(cast: Cast, alice: Client, monkeypatch):
    monkeypatch.setattr(printing, "MOST_PICKED", 2)
    cast.orders(3)
    (sheet,) = sheets(alice, PICKS)
    assert "2件の注文" in sheet
    assert "出荷予定日が早い順に2件までです。" in alice.get(PICKS).content.decode()


def test_paper_asks_as_much_for_one_order_as_for_many(cast: Cast, alice: Client):
    orders = [cast.order(1, 2) for _ in range(6)]
    cast.request(orders[0])
    for path, few, many in (
        (SLIPS, chosen(SLIPS, orders[1]), chosen(SLIPS, orders[0], *orders[2:])),
        (PICKS, chosen(PICKS, orders[0]), PICKS),
    ):
        counts = []
        for address in (few, many):
            with CaptureQueriesContext(connection) as captured:
                assert alice.get(address).status_code == 200
            counts.append(len(captured))
        assert counts[0] == counts[1], path
