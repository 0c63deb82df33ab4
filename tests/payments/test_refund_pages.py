"""返金 on the seller's page: shown before it is done, done once, told on both sides' pages."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Membership
from orders.models import Order
from payments import queries
from payments.models import Refund
from tests.books import nothing_changes
from tests.cast import LATER, Cast, deliver, lines_of
from tests.factories import NOON

pytestmark = pytest.mark.usefixtures("no_mails")


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(LATER, tick=False)


@pytest.fixture
def sent(cast) -> Order:
    """Two of 1,000 yen and one of 1,000, 300 for sending; all of it confirmed as sent, and charged."""
    order = cast.order(2, 1)
    deliver(NOON)
    cast.confirm(order)
    deliver()
    return Order.objects.get(pk=order.pk)


@pytest.fixture
def alice(cast, client) -> Client:
    client.force_login(cast.alice)
    return client


def address(order: Order) -> str:
    return reverse("seller:order-refund", args=[order.number])


def body(order: Order, **fields: str) -> dict[str, str]:
    """What the page sends."""
    usual = {"key": "k1", "expected_version": str(order.version), "reason": "RETURN", "how": "whole", "amount": ""}
    return {**usual, "seller_memo": "", **fields}


def named(order: Order, fields: dict[str, str]) -> dict[str, str]:
    """The same with the name that the quantity of the order's first item has on the page."""
    first = order.items.order_by("pk").first()
    return {f"quantity-{first.item_id}" if name == "first" else name: value for name, value in fields.items()}


def agreed(page: str) -> str:
    """What the button of the second step sends."""
    (found,) = re.findall(r'name="confirmed" value="([^"]*)"', page)
    return found


@pytest.mark.parametrize(
    ("fields", "amount"),
    [
        ({"how": "whole"}, 3300),
        ({"how": "items", "first": "1"}, 1000),
        ({"how": "items", "first": "2", "shipping": "on"}, 2300),
        ({"how": "items", "shipping": "on"}, 300),
        ({"how": "amount", "amount": "1"}, 1),
        ({"how": "amount", "amount": "￥１，２００円"}, 1200),
        # What belongs to another way is left aside, right or wrong.
        ({"how": "amount", "amount": "5", "first": "2", "shipping": "on"}, 5),
        ({"how": "whole", "amount": "abc", "first": "99"}, 3300),
    ],
)
def test_what_goes_back_is_shown_first_and_then_done_once(cast, sent, alice, fields, amount):
    first = sent.items.order_by("pk").first()
    sends = body(
        sent, **{f"quantity-{first.item_id}" if name == "first" else name: value for name, value in fields.items()}
    )
    with nothing_changes():
        page = alice.post(address(sent), sends).content.decode()
    assert f"購入者に ￥{amount:,} を返金します。" in page
    done = sends | {"confirmed": agreed(page)}
    for _ in range(2):
        answer = alice.post(address(sent), done)
        assert answer["Location"] == reverse("seller:order", args=[sent.number]) + "#said"
    assert [refund.amount for refund in queries.refunds_of(sent.pk)] == [amount]
    told = alice.get(answer["Location"]).content.decode()
    assert f"￥{amount:,} の返金を受け付けました。" in told
    assert "返金処理中" in told


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"reason": ""}, "reason", "返金の理由を選択してください。"),
        ({"reason": "CANCELLATION"}, "reason", "選択できない理由です。"),
        ({"how": ""}, "how", "返金する範囲を選択してください。"),
        ({"how": "items"}, "first", "返金する数量を選択してください。"),
        ({"how": "items", "first": "3"}, "first", "残りの数量を超えています。"),
        ({"how": "amount"}, "amount", "返金額を入力してください。"),
        ({"how": "amount", "amount": "0"}, "amount", "0より大きい金額"),
        ({"how": "amount", "amount": "-1"}, "amount", "0より大きい金額"),
        ({"how": "amount", "amount": "0.5"}, "amount", "小数点以下"),
        ({"how": "amount", "amount": "abc"}, "amount", "数字で入力"),
        ({"how": "amount", "amount": "9" * 20}, "amount", "数字で入力"),
        ({"how": "amount", "amount": "3301"}, "amount", "返金できる金額を超えています"),
    ],
)
def test_b17_what_cannot_go_back_is_named_beside_its_field_and_changes_nothing(sent, alice, fields, field, says):
    with nothing_changes():
        answer = alice.post(address(sent), body(sent, **named(sent, fields), confirmed="x"))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert says in page
    (name,) = named(sent, {field: ""})
    assert f'id="id_{name}_error"' in page


def test_what_was_agreed_to_is_asked_again_if_something_else_would_go_back(sent, alice):
    page = alice.post(address(sent), body(sent, how="amount", amount="100")).content.decode()
    with nothing_changes():
        answer = alice.post(address(sent), body(sent, how="amount", amount="200", confirmed=agreed(page)))
    assert "購入者に ￥200 を返金します。" in answer.content.decode()


def test_b31_a_page_of_an_older_state_shows_what_changed_and_keeps_the_text(cast, sent, alice):
    old = body(sent, how="amount", amount="100", seller_memo="外箱に傷")
    other = body(sent, key="k2", how="amount", amount="50")
    alice.post(address(sent), other | {"confirmed": agreed(alice.post(address(sent), other).content.decode())})
    with nothing_changes():
        page = alice.post(address(sent), old | {"confirmed": "100/"}).content.decode()
    assert "この注文はほかの操作で更新されました" in page
    assert "返金を受付" in page
    assert "外箱に傷" in page
    assert Refund.objects.count() == 1


def test_an_order_without_a_charge_says_why_there_is_no_form(cast, alice):
    order = cast.order()
    page = alice.get(address(order)).content.decode()
    assert "この注文の代金は請求されていないため、返金できません。" in page
    assert 'name="how"' not in page
    with nothing_changes():
        assert alice.post(address(order), body(order, confirmed="x")).status_code == 200


def test_d11_who_comes_too_late_for_the_last_money_is_told_what_happened(cast, sent, alice):
    old = body(sent, key="k2", confirmed="3300/")
    sends = body(sent)
    alice.post(address(sent), sends | {"confirmed": agreed(alice.post(address(sent), sends).content.decode())})
    with nothing_changes():
        page = alice.post(address(sent), old).content.decode()
    assert "この注文はほかの操作で更新されました" in page
    assert "返金できる金額は残っていません。" in page


def test_an_order_of_which_all_went_back_shows_its_refunds_and_no_form(cast, sent, alice):
    sends = body(sent)
    alice.post(address(sent), sends | {"confirmed": agreed(alice.post(address(sent), sends).content.decode())})
    page = alice.get(address(sent)).content.decode()
    assert 'name="how"' not in page
    assert page.count("￥3,300") >= 3


def test_the_guide_and_the_list_lead_to_the_refund_and_choose_its_reason(cast, sent, alice):
    page = alice.get(reverse("seller:order", args=[sent.number])).content.decode()
    assert f"{address(sent)}?reason=NOT_SHIPPED" in page
    assert f'href="{address(sent)}"' in alice.get(reverse("seller:orders")).content.decode()
    form = alice.get(f"{address(sent)}?reason=NOT_SHIPPED").content.decode()
    assert '<option value="NOT_SHIPPED" selected>' in form
    assert "この注文はキャンセルできません。商品を発送せず、返金処理を開始してください。" in form
    partly = cast.order(2)
    cast.confirm(partly, {lines_of(partly)[0]: 1})
    cast.request(partly)
    asked = alice.get(reverse("seller:order", args=[partly.number])).content.decode()
    assert f"{address(partly)}?reason=NOT_SHIPPED" in asked


def test_the_buyer_sees_what_goes_back_and_nothing_of_the_shops_note(cast: Cast, sent, alice):
    Membership.objects.create(
        user=cast.dora, seller=cast.other_shop, role="OWNER"
    )  # who sells, too, is a buyer here
    sends = body(sent, how="amount", amount="100", seller_memo="外箱に傷")
    alice.post(address(sent), sends | {"confirmed": agreed(alice.post(address(sent), sends).content.decode())})
    assert "外箱に傷" in alice.get(reverse("seller:order", args=[sent.number])).content.decode()
    buyer = Client()
    buyer.force_login(cast.dora)
    page = buyer.get(reverse("buyer:order", args=[sent.number])).content.decode()
    assert "￥100" in page
    assert "返金処理中" in page
    assert "外箱に傷" not in page


def test_operators_find_refunds_of_what_never_left_in_a_list_of_their_own(cast, sent, alice, admin_client):
    sends = body(sent, how="amount", amount="100", reason="NOT_SHIPPED")
    alice.post(address(sent), sends | {"confirmed": agreed(alice.post(address(sent), sends).content.decode())})
    other = body(Order.objects.get(pk=sent.pk), key="k2", how="amount", amount="50")
    alice.post(address(sent), other | {"confirmed": agreed(alice.post(address(sent), other).content.decode())})
    listed = admin_client.get(reverse("admin:payments_refund_changelist"), {"reason": "not_shipped"})
    assert [refund.amount for refund in listed.context["cl"].result_list] == [100]
