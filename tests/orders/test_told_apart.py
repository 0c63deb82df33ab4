"""What each side of an order is told, and what it is not."""

from datetime import date, timedelta

import pytest
from django.test import Client, override_settings

from accounts.actors import Actor, Door, Role
from accounts.models import User
from cancellations.actions import CancelTarget, cancel
from cancellations.models import BuyerReason
from cancellations.policy import Reason, Refusal
from orders import actions, lists
from orders.views.history import Story
from payments.models import Charge
from tests import factories
from tests.cast import LATER, Cast
from tests.factories import NOON

pytestmark = pytest.mark.django_db
OPERATOR = Actor(Role.MARKETPLACE, Door.ADMIN)
NOTE = "カード情報の不一致"


def _fraud(cast: Cast):
    order = cast.order()
    target = CancelTarget(order.pk, Reason.FRAUD, note=NOTE)
    cancel(targets=[target], by=OPERATOR, now=LATER)
    order.refresh_from_db()
    return order


def test_an_operators_note_stays_out_of_the_sellers_page(cast: Cast, client: Client):
    order = _fraud(cast)
    client.force_login(cast.alice)
    assert NOTE not in client.get(f"/seller/orders/{order.number}/").content.decode()
    assert order.events.get(name="order.cancelled").payload["note"] == NOTE


def test_a_buyer_is_not_told_of_fraud_nor_of_a_hold(cast: Cast):
    order = _fraud(cast)
    held = cast.order()
    actions.hold(order_ids=[held.pk], note="", by=OPERATOR, now=LATER)
    assert not any("不正" in line.more for line in Story(order).for_buyer())
    assert [line.icon for line in Story(held).for_buyer()] == ["cart"]
    assert any("不正" in line.more for line in Story(order).for_seller())


def test_a_mail_that_has_not_left_shows_as_waiting(cast: Cast):
    order = cast.order()
    cast.request(order)
    waiting = "メール送信待ち：キャンセルがリクエストされました"
    assert waiting in {line.what for line in Story(order).for_seller()}


def test_a_search_does_not_tell_who_placed_an_order_that_is_not_paid_for(cast: Cast):
    cast.order(verified=False)
    for text in ("森下", cast.dora.email):
        assert not lists.page_of_seller(cast.shop.pk, lists.Wish(q=text), cursor="", now=LATER).rows


def test_a_buyer_sees_which_units_a_request_is_about(cast: Cast, client: Client):
    order = cast.order(3, 1)
    cast.request(order, {order.lines[0].pk: 2})
    client.force_login(cast.dora)
    for address in ("/account/orders/", f"/account/orders/{order.number}/"):
        page = client.get(address).content.decode()
        assert "「素焼き鉢 1号」2点" in page
        assert "「素焼き鉢 2号」" not in page


def test_an_order_that_the_marketplace_sends_says_so_to_both(cast: Cast, client: Client):
    order = cast.order(fulfillment_channel="MARKETPLACE", placed_at=NOON - timedelta(days=1))
    client.force_login(cast.dora)
    sentence = (
        "マーケットプレイスが出荷するご注文です。キャンセルについては、マーケットプレイスにお問い合わせください。"
    )
    assert sentence in client.get("/account/orders/").content.decode()
    asked = client.get(f"/account/orders/{order.number}/request-cancellation/", follow=True)
    assert sentence in asked.content.decode()
    client.force_login(cast.alice)
    assert "マーケットプレイスが出荷する注文です" in client.get("/seller/orders/").content.decode()
    page = client.get(f"/seller/orders/{order.number}/").content.decode()
    assert "マーケットプレイスが出荷する注文のため、ここではキャンセルできません。" in page


def test_a_shop_reads_the_buyers_reason_in_its_language(cast: Cast, client: Client):
    order = cast.order()
    cast.request(order)
    User.objects.filter(pk=cast.alice.pk).update(language=User.Language.EN)
    client.force_login(cast.alice)
    for address in ("/seller/", "/seller/orders/", f"/seller/orders/{order.number}/"):
        page = client.get(address).content.decode()
        assert "No longer needed" in page, address
        assert "商品が不要になった" not in page, address
    # A label that the operator has changed since stays as the buyer chose it.
    BuyerReason.objects.filter(code="NO_LONGER_NEEDED").update(label_ja="いらなくなった")
    assert "商品が不要になった" in client.get("/seller/orders/").content.decode()
    assert order.requests.get().reason_label == "商品が不要になった"


def test_an_imported_order_was_taken_over_then_and_placed_before(cast: Cast):
    order = cast.order(by=Actor(Role.SYSTEM, Door.IMPORT))
    assert [line.what for line in Story(order).for_seller()] == ["注文を取り込み"]
    assert [(line.what, line.at) for line in Story(order).for_buyer()] == [("注文", order.placed_at)]


def test_a_buyer_who_is_refused_a_shops_page_is_not_sent_to_a_shop(cast: Cast, client: Client):
    client.force_login(cast.dora)
    refused = client.get("/seller/")
    assert refused.status_code == 403
    assert "店舗の管理者" not in refused.content.decode()
    client.force_login(cast.rei)
    order = cast.order()
    assert "店舗の管理者" in client.get(f"/seller/orders/{order.number}/cancel/").content.decode()


@pytest.mark.parametrize("is_charged", [True, False])
def test_a_sent_order_leads_to_its_refund_only_where_money_was_taken_here(cast: Cast, client: Client, is_charged):
    sent, part = cast.order(), cast.order(2)
    cast.confirm(sent)
    (line,) = part.lines
    cast.confirm(part, {line.pk: 1})
    cast.request(part)
    if not is_charged:  # as for orders that another system sent and charged
        Charge.objects.all().delete()
    client.force_login(cast.alice)
    page = client.get(f"/seller/orders/{sent.number}/").content.decode()
    assert "出荷通知を送信済みのため、この注文はキャンセルできません。" in page
    assert (f"/seller/orders/{sent.number}/refund/" in page) is is_charged
    assert ("代金を請求したシステムで返金してください。" in page) is not is_charged
    page = client.get(f"/seller/orders/{part.number}/").content.decode()
    assert (f"/seller/orders/{part.number}/refund/" in page) is is_charged
    assert ("この注文の代金は、請求したシステムで返金してください。" in page) is not is_charged
    assert "この注文の出荷通知はまだ送信されていないため" not in page


@override_settings(BRAND_NAME="みどり市場")
def test_a_brand_of_ones_own_stands_where_the_marketplace_is_named(cast: Cast, client: Client):
    order = cast.order()
    actions.hold(order_ids=[order.pk], note="", by=OPERATOR, now=LATER)
    client.force_login(cast.alice)
    for address in ("/seller/orders/", f"/seller/orders/{order.number}/"):
        page = client.get(address).content.decode()
        assert "みどり市場が" in page
        assert "マーケットプレイス" not in page


def test_a_new_ship_by_date_keeps_the_time_on_hold(cast: Cast):
    order = cast.order()
    actions.hold(order_ids=[order.pk], note="", by=OPERATOR, now=NOON)
    actions.release(order_ids=[order.pk], note="", by=OPERATOR, now=NOON + timedelta(days=3))
    order.refresh_from_db()
    before = order.auto_cancel_due_at
    actions.set_ship_by(
        order_ids=[order.pk],
        ship_by_date=order.ship_by_date + timedelta(days=1),
        auto_cancel_days=7,
        note="",
        by=OPERATOR,
        now=NOON + timedelta(days=3),
    )
    order.refresh_from_db()
    assert order.auto_cancel_due_at == before + timedelta(days=1)


@pytest.mark.parametrize("reason", [Reason.IMPORTED, Reason.AUTO_NOT_CONFIRMED, Reason.NO_INVENTORY])
def test_a_buyer_cannot_give_a_reason_that_is_not_theirs(cast: Cast, reason: Reason):
    order = cast.order()
    outcome = cast.cancel(order, reason, by=cast.buyer, now=NOON)
    assert (outcome.result, outcome.code) == ("ERROR", Refusal.REASON_UNKNOWN)


def test_a_request_for_other_items_outlives_a_shipment_and_its_mail(cast: Cast):
    order = cast.order(1, 1)
    first, second = order.lines
    cast.request(order, {first.pk: 1})
    cast.confirm(order, {second.pk: 1}, says_already_shipped=True, now=LATER + timedelta(hours=1))
    assert order.events.get(name="shipment.confirmed").payload == {"overtook_request": False}
    assert order.requests.get().status == "OPEN"


def test_a_decline_after_a_partial_approval_still_is_a_decline(cast: Cast):
    order = cast.order(2, ship_by=date(2026, 7, 10))
    (line,) = order.lines
    cast.request(order)
    cast.cancel(order, Reason.BUYER_CANCELED, {line.pk: 1}, now=LATER + timedelta(minutes=1))
    cast.decline(order, now=LATER + timedelta(minutes=2))
    assert order.requests.get().status == "PARTLY_APPROVED"
    assert order.requests.get().items.get().state == "APPROVED"
    again = cast.request(order, now=LATER + timedelta(minutes=3))
    assert again.code == Refusal.REQUEST_TOO_EARLY


def test_an_operator_gives_a_person_a_password(admin_client: Client):
    person = factories.person("new@seller.example", "新人")
    page = admin_client.get(f"/admin/accounts/user/{person.pk}/password/")
    assert page.status_code == 200
    given = dict.fromkeys(("password1", "password2"), "correct-horse-staple")
    given |= {"own_password": "password", "reason": "本人からの依頼"}
    assert admin_client.post(f"/admin/accounts/user/{person.pk}/password/", given).status_code == 302
    person.refresh_from_db()
    assert person.check_password("correct-horse-staple")
