"""注文管理 and 注文の詳細 cost the same however much they show (wall 8)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

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


@pytest.mark.parametrize("query", ["cursor=x", "sort=x", "status=x", "from=x&to=2026-99-99", "q=%00", "status="])
def test_what_cannot_be_read_is_left_out(cast, client, query):
    order = cast.order()
    client.force_login(cast.alice)
    response = client.get(f"/seller/orders/?{query}")
    assert response.status_code == 200
    assert order.number in response.content.decode()
