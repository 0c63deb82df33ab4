"""一部キャンセル on a page that somebody else was quicker than."""

import pytest
from django.test import Client

from cancellations.policy import Refusal
from cancellations.wording import refusal
from tests.cast import LATER, NOON, Cast
from tests.security.cast import cancel_items_body, versioned

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(time_machine):
    """An hour after the orders were placed."""
    time_machine.move_to(LATER, tick=False)


def test_a_stale_form_of_items_says_what_changed(cast: Cast, client: Client):
    order = cast.order(2, 1)
    client.force_login(cast.alice)
    body = cancel_items_body(order)
    cast.request(order)
    page = client.post(f"/seller/orders/{order.number}/cancel-items/", body).content.decode()
    assert "この注文はほかの操作で更新されました。" in page
    assert "キャンセルをリクエスト（" in page
    assert not order.cancellations.exists()


def test_a_stale_form_without_anything_left_says_so_on_the_order(cast: Cast, client: Client):
    order = cast.order(2, 1)
    client.force_login(cast.alice)
    body = cancel_items_body(order)
    cast.confirm(order)
    page = client.post(f"/seller/orders/{order.number}/cancel-items/", body).content.decode()
    assert "注文の詳細" in page
    assert "この注文はほかの操作で更新されました。" in page


def test_other_items_under_a_key_that_was_used_are_not_called_cancelled(cast: Cast, client: Client):
    order = cast.order(1, 1)
    client.force_login(cast.alice)
    path = f"/seller/orders/{order.number}/cancel-items/"
    body = cancel_items_body(order)
    assert client.post(path, body).status_code == 302
    second = order.items.order_by("pk")[1].item_id
    other = {
        f"quantity-{second}": "1",
        f"reason-{second}": "NO_INVENTORY",
        "confirmed": f"{second}:1:NO_INVENTORY",
    }
    for version in (body["expected_version"], versioned(order)["expected_version"]):
        page = client.post(path, {"key": body["key"], "expected_version": version, **other})
        assert page.status_code == 200
    assert refusal(Refusal.IDEMPOTENCY_MISMATCH) in page.content.decode()
    assert client.post(path, body).status_code == 302
    assert order.cancellations.count() == 1


def test_a_buyer_who_sends_other_items_under_a_used_key_is_told(cast: Cast, client: Client, time_machine):
    time_machine.move_to(NOON, tick=False)
    order = cast.order(1, 1)
    client.force_login(cast.dora)
    path = f"/account/orders/{order.number}/cancel/"
    first, second = order.items.order_by("pk")
    body, other = (
        {"key": "k" * 20, "reason": "", f"take-{line.item_id}": "on", f"quantity-{line.item_id}": "1"}
        for line in (first, second)
    )
    assert "キャンセルが完了しました" in client.post(path, body, follow=True).content.decode()
    told = client.post(path, other, follow=True).content.decode()
    assert refusal(Refusal.IDEMPOTENCY_MISMATCH) in told
    assert "キャンセルが完了しました" not in told
    assert "キャンセルが完了しました" in client.post(path, body, follow=True).content.decode()
    second.refresh_from_db()
    assert second.quantity_cancelled == 0


def test_items_asked_for_do_not_count_beside_others_that_nobody_asked_for(cast: Cast, client: Client):
    """Covered units of an official request are exempt, others are not (domain 11)."""
    order = cast.order(2, 1)
    asked, other = order.items.order_by("pk")
    cast.request(order, {asked.pk: 2})
    client.force_login(cast.alice)
    order.refresh_from_db()
    path = f"/seller/orders/{order.number}/cancel-items/"
    body = versioned(order) | {
        f"quantity-{asked.item_id}": "2",
        f"reason-{asked.item_id}": "BUYER_CANCELED",
        f"quantity-{other.item_id}": "1",
        f"reason-{other.item_id}": "BUYER_CANCELED",
    }
    question = client.post(path, body)
    assert [line["counted"] for line in question.context["plan"].lines] == [False, True]
    client.post(path, body | {"confirmed": question.context["plan"].fingerprint})
    assert list(order.cancellations.order_by("pk").values_list("code", "counted")) == [
        ("BUY-1", False),
        ("BUY-3", True),
    ]


def test_a_request_for_several_items_is_told_in_one_sentence(cast: Cast, client: Client):
    order = cast.order(2, 1, 1)
    first, second, _ = order.items.order_by("pk")
    cast.request(order, {first.pk: 1, second.pk: 1})
    client.force_login(cast.alice)
    page = client.get(f"/seller/orders/{order.number}/").content.decode()
    assert "リクエストの対象は「素焼き鉢 1号」1点、「素焼き鉢 2号」1点のみです。" in page
