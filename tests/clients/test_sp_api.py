"""The Python package python-amazon-sp-api, unmodified, against a live server: what it reads is what people see."""

from datetime import timedelta

import pytest
from django.utils import timezone
from sp_api.api import OrdersV0

from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def since(hours: int = 2) -> str:
    return (timezone.now() - timedelta(hours=hours)).isoformat()


def test_a_request_of_the_buyer_moves_the_order_and_shows_with_its_reason(cast: Cast, keys, client_of):
    earlier = timezone.now() - timedelta(hours=1)
    order = cast.order(1, 2, placed_at=earlier)
    cast.order(1, placed_at=earlier)
    orders = client_of(OrdersV0, keys)
    first = orders.get_orders(CreatedAfter=since()).payload["Orders"]
    assert {each["OrderStatus"] for each in first} == {"Unshipped"}
    before = next(each for each in first if each["AmazonOrderId"] == order.number)["LastUpdateDate"]
    cast.request(order, now=timezone.now() - timedelta(minutes=3))
    changed = orders.get_orders(LastUpdatedAfter=(timezone.now() - timedelta(minutes=5)).isoformat())
    (found,) = changed.payload["Orders"]
    assert found["AmazonOrderId"] == order.number
    assert found["LastUpdateDate"] > before
    items = orders.get_order_items(order.number).payload["OrderItems"]
    assert [each["BuyerRequestedCancel"] for each in items] == [
        {"IsBuyerRequestedCancel": "true", "BuyerCancelReason": "商品が不要になった"}
    ] * 2
