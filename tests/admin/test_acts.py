"""The operators' acts on an order: who may, in which states, with a reason, and what the audit log keeps."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.duties import DUTIES
from cancellations.policy import Reason
from events.models import AuditEntry, Event
from orders.admin import ACTS, acts
from orders.models import Order, OrderItem
from sellercentral.templatetags.portal import jst, jst_day, yen

from .conftest import ROLES

SOME_DAY = f"{timezone.localdate() + timedelta(days=90)}"
FIELDS = {"note": "電話で確認", "reason": "NO_INVENTORY", "ship_by_date": SOME_DAY}


def send(client, order: Order, act: str, **fields):
    """Send an act's form, as it looks just now unless told otherwise."""
    version = Order.objects.get(pk=order.pk).version
    address = reverse("admin:orders_order_act", args=[order.pk, act])
    return client.post(address, {"expected_version": version, **FIELDS, **fields})


def page(client, order: Order) -> str:
    return client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()


def buttons(client, order: Order) -> set[str]:
    """The acts that the page of an order offers."""
    text = page(client, order)
    return {name for name in ACTS if reverse("admin:orders_order_act", args=[order.pk, name]) in text}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("role", ROLES)
def test_s51_the_server_lets_each_role_do_the_acts_of_its_duties_and_no_other(cast, clients, role, act):
    order = cast.order(1, verified=act != "verify-payment", placed_at=timezone.now())
    if act == "release":
        assert send(clients["ADMIN"], order, "hold").status_code == 302
    order.refresh_from_db()
    version, entries = order.version, AuditEntry.objects.count()
    answer = send(clients[role], order, act)
    order.refresh_from_db()
    if ACTS[act].duty in DUTIES[role]:
        assert (answer.status_code, order.version) == (302, version + 1)
        assert AuditEntry.objects.count() == entries + 1
    else:
        assert (answer.status_code, order.version, AuditEntry.objects.count()) == (403, version, entries)


def test_each_role_sees_the_buttons_it_may_press(cast, clients):
    order = cast.order(1, placed_at=timezone.now())
    for role in ROLES:
        assert buttons(clients[role], order) == {
            name for name, act in ACTS.items() if act.duty in DUTIES[role] and act.offered(order)
        }
    assert "cancel-fraud" in buttons(clients["RISK"], order)
    assert buttons(clients["POLICY"], order) == set()


def test_a_held_order_offers_its_release_and_a_free_one_its_hold(cast, admin):
    order = cast.order(1, placed_at=timezone.now())
    assert {"hold", "release"} & buttons(admin, order) == {"hold"}
    send(admin, order, "hold")
    assert {"hold", "release"} & buttons(admin, order) == {"release"}


def test_a_finished_order_offers_no_act_and_refuses_each_with_a_sentence(cast, admin):
    order = cast.order(1, placed_at=timezone.now())
    cast.cancel(order, Reason.NO_INVENTORY, now=timezone.now())
    assert buttons(admin, order) == set()
    order.refresh_from_db()
    for act in ACTS:
        answer = send(admin, order, act)
        assert answer.status_code == 200
        errors = answer.context["form"].non_field_errors()
        assert errors == ["この注文はすでに終了しています。最新の状態をご確認ください。"], act
    assert Order.objects.get(pk=order.pk).version == order.version
    assert not AuditEntry.objects.exists()


def test_a_ship_by_date_already_past_is_answered_in_the_form_with_a_sentence(cast, admin):
    order = cast.order(1, placed_at=timezone.now())
    yesterday = timezone.localdate() - timedelta(days=1)
    answer = send(admin, order, "ship-by", ship_by_date=yesterday.isoformat())
    assert "出荷予定日には、本日以降の日付を入力してください。" in answer.content.decode()
    assert Order.objects.get(pk=order.pk).version == order.version
    assert not AuditEntry.objects.exists()


def test_a_failed_payment_is_no_reason_after_the_first_shipment_and_no_button_says_so(cast, admin):
    order = cast.order(3, placed_at=timezone.now())
    assert "cancel-unpaid" in buttons(admin, order)
    cast.confirm(order, {order.lines[0].pk: 1}, now=timezone.now())
    assert {name for name in buttons(admin, order) if name.startswith("cancel-")} == {
        "cancel-for-buyer",
        "cancel-for-seller",
        "cancel-fraud",
        "cancel-other",
    }
    answer = send(admin, order, "cancel-unpaid").content.decode()
    assert "この注文は現在の状態ではキャンセルできません。" in answer


def ask(client, order: Order, act: str) -> str:
    """The page that asks before an act."""
    return client.get(reverse("admin:orders_order_act", args=[order.pk, act])).content.decode()


def test_before_a_cancellation_its_page_says_what_it_takes_and_what_it_does_to_the_rate(cast, admin):
    order = cast.order(2, placed_at=timezone.now() - timedelta(hours=1))
    (line,) = order.lines
    shown = ask(admin, order, "cancel-for-seller")
    assert line.title in shown
    assert f"<td>{line.quantity_ordered}</td>" in shown
    assert "（SEL-1）" in shown
    assert "（BUY-3）" in shown
    assert "購入者のキャンセルリクエストはありません。" in shown
    cast.request(order, now=timezone.now())
    shown = ask(admin, order, "cancel-for-seller")
    assert "購入者のキャンセルリクエストがあります" in shown
    assert "（BUY-1）" in shown
    assert "（BUY-3）" not in shown
    assert "含まれません（MKT-4）" in ask(admin, order, "cancel-for-buyer")
    other = ask(admin, order, "cancel-other")
    assert "含まれません（MKT-9）" in other
    assert "含まれます（MKT-9）" in other


def test_the_page_of_a_ship_by_date_says_how_it_stands(cast, admin):
    order = cast.order(1, placed_at=timezone.now())
    shown = ask(admin, order, "ship-by")
    assert jst_day(order.ship_by_date) in shown
    assert jst(order.auto_cancel_due_at) in shown


def test_holding_a_held_order_says_that_it_is_held_and_writes_nothing(cast, admin):
    order = cast.order(1, placed_at=timezone.now())
    send(admin, order, "hold")
    events, entries = Event.objects.count(), AuditEntry.objects.count()
    answer = send(admin, order, "hold")
    assert "この注文はすでに保留中です。" in answer.content.decode()
    assert (Event.objects.count(), AuditEntry.objects.count()) == (events, entries)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("note", ["", "   "])
def test_s52_no_act_is_done_without_a_reason(cast, admin, act, note):
    order = cast.order(1, verified=act != "verify-payment", placed_at=timezone.now())
    before = order.version
    assert send(admin, order, act, note=note).status_code == 200
    assert Order.objects.get(pk=order.pk).version == before
    assert not AuditEntry.objects.exists()


def test_s52_the_audit_log_says_who_did_what_why_from_where_and_what_it_changed(cast, admin, operators):
    order = cast.order(1, placed_at=timezone.now())
    send(admin, order, "hold", note="住所を確認")
    (entry,) = AuditEntry.objects.all()
    assert (entry.user, entry.actor_name) == (operators["ADMIN"], operators["ADMIN"].name)
    assert (entry.act, entry.subject, entry.reason) == ("order.hold", order.number, "住所を確認")
    assert entry.address == "127.0.0.1"
    assert (entry.before["on_hold"], entry.after["on_hold"]) == (False, True)
    shown = admin.get(reverse("admin:events_auditentry_changelist"), {"q": order.number}).content.decode()
    assert "住所を確認" in shown
    assert "保留中（運営）: いいえ → はい" in shown


def test_s52_an_act_that_cannot_be_kept_in_the_audit_log_is_not_done(cast, admin, monkeypatch):
    order = cast.order(1, placed_at=timezone.now())

    def fail(**_):
        raise RuntimeError("no room")

    monkeypatch.setattr(acts, "audit", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        send(admin, order, "hold")
    assert not Order.objects.get(pk=order.pk).on_hold


@pytest.mark.parametrize(
    "statement", ["UPDATE events_auditentry SET reason = ''", "DELETE FROM events_auditentry"]
)
def test_s52_the_database_refuses_to_change_the_audit_log(cast, admin, statement):
    send(admin, cast.order(1, placed_at=timezone.now()), "hold")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("act", "fields", "counted"),
    [
        ("cancel-for-buyer", {}, False),
        ("cancel-for-seller", {"reason": "NO_INVENTORY"}, True),
        ("cancel-unpaid", {}, False),
        ("cancel-fraud", {}, False),
        ("cancel-other", {}, False),
        ("cancel-other", {"counts": "on"}, True),
    ],
)
def test_d06_what_each_cancellation_of_an_operator_does_to_the_rate(cast, admin, act, fields, counted):
    order = cast.order(1, placed_at=timezone.now() - timedelta(hours=1))
    assert send(admin, order, act, **fields).status_code == 302
    assert order.cancellations.get().counted is counted


def test_s53_the_recipient_is_masked_until_somebody_says_why_they_need_it(cast, clients):
    order = cast.order(1, placed_at=timezone.now())
    support, address = clients["SUPPORT"], reverse("admin:orders_order_recipient", args=[order.pk])
    assert "見本町" not in page(support, order)
    assert support.post(address, {"note": ""}).status_code == 200
    assert "見本町" not in page(support, order)
    assert support.post(address, {"note": "配送会社の問い合わせ"}).status_code == 302
    assert "見本町 12-3" in page(support, order)
    assert "見本町" not in page(clients["RISK"], order)
    assert clients["POLICY"].post(address, {"note": "x"}).status_code == 403
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.subject, entry.reason) == (
        "order.recipient_read",
        order.number,
        "配送会社の問い合わせ",
    )


def test_b31_a_cancellation_is_not_done_if_the_order_changed_since_it_was_looked_at(cast, admin):
    order = cast.order(1, placed_at=timezone.now() - timedelta(hours=1))
    seen = order.version
    cast.request(order, now=timezone.now())
    answer = send(admin, order, "cancel-for-seller", reason="NO_INVENTORY", expected_version=seen)
    words = answer.content.decode()
    assert answer.status_code == 200
    assert "この注文はほかの操作で更新されました。" in words
    assert "購入者のキャンセルリクエストがあります" in words
    assert FIELDS["note"] in words
    assert not order.cancellations.exists()
    assert send(admin, order, "cancel-for-seller", reason="BUYER_CANCELED").status_code == 302


def test_what_a_cancellation_would_do_names_shipping_and_the_part_that_the_buyer_asked_for(cast, admin):
    order = cast.order(2, placed_at=timezone.now() - timedelta(hours=1))
    (line,) = order.items.all()
    cast.request(order, {line.pk: 1}, now=timezone.now())
    words = admin.get(reverse("admin:orders_order_act", args=[order.pk, "cancel-for-buyer"])).content.decode()
    assert "リクエストの対象は次の数量のみです。" in words
    assert f"{line.title} × 1" in words
    assert yen(order.total) in words


def test_money_of_a_cancellation_has_shipping_while_nothing_was_sent(cast, admin):
    order = cast.order(1, placed_at=timezone.now() - timedelta(hours=1))
    OrderItem.objects.filter(order=order).update(shipping_price=500)
    address = reverse("admin:orders_order_act", args=[order.pk, "cancel-for-buyer"])
    words = admin.get(address).content.decode()
    goods = order.items.get().goods_amount
    assert "送料" in words
    assert (yen(Decimal(500)) in words, yen(goods + 500) in words) == (True, True)


def test_an_act_that_an_order_does_not_offer_leads_back_with_the_reason(cast, admin):
    order = cast.order(2, placed_at=timezone.now())
    cast.confirm(order, {order.lines[0].pk: 1}, now=timezone.now())
    for act, says in (
        ("release", "この注文は、運営による保留の対象になっていません。"),
        ("cancel-unpaid", "この注文は現在の状態ではキャンセルできません。最新の状態をご確認ください。"),
    ):
        answer = admin.get(reverse("admin:orders_order_act", args=[order.pk, act]), follow=True)
        assert answer.redirect_chain == [(reverse("admin:orders_order_change", args=[order.pk]), 302)]
        assert [str(message) for message in answer.context["messages"]] == [says]


def test_b31_a_form_that_comes_back_for_another_error_still_knows_what_the_operator_has_seen(cast, admin):
    order = cast.order(1, placed_at=timezone.now() - timedelta(hours=1))
    seen = order.version
    cast.request(order, now=timezone.now())
    page = send(admin, order, "cancel-for-seller", reason="", expected_version=seen).content.decode()
    assert f'name="expected_version" value="{seen}"' in page
    again = send(admin, order, "cancel-for-seller", reason="NO_INVENTORY", expected_version=seen)
    assert "この注文はほかの操作で更新されました。" in again.content.decode()
    order.refresh_from_db()
    assert f'name="expected_version" value="{order.version}"' in again.content.decode()
    assert not order.cancellations.exists()


@pytest.mark.parametrize(("form", "is_read"), [("%Y/%m/%d", True), ("%Y-%m-%d", True), ("%m/%d/%y", False)])
def test_a_date_is_read_as_pages_show_it_and_in_no_form_that_could_mean_two_days(cast, admin, form, is_read):
    order = cast.order(1, placed_at=timezone.now())
    day = timezone.localdate() + timedelta(days=100)
    assert send(admin, order, "ship-by", ship_by_date=f"{day:{form}}").status_code == (302 if is_read else 200)
    order.refresh_from_db()
    assert (order.ship_by_date == day) is is_read


def test_a_ship_by_date_further_off_than_a_year_is_answered_with_a_sentence(cast, admin):
    order = cast.order(1, placed_at=timezone.now())
    for days, status in ((367, 200), (366, 302)):
        day = timezone.localdate() + timedelta(days=days)
        answer = send(admin, order, "ship-by", ship_by_date=day.isoformat())
        assert answer.status_code == status
        assert ("出荷予定日には、1年以内の日付を入力してください。" in answer.content.decode()) is (status == 200)


def test_s52_the_audit_log_keeps_what_an_operator_chose_and_whether_it_counts(cast, admin):
    order = cast.order(1, placed_at=timezone.now() - timedelta(hours=1))
    send(admin, order, "cancel-for-seller", reason="NO_INVENTORY")
    entry = AuditEntry.objects.get()
    assert (entry.after["reason"], entry.after["counted"]) == ("NO_INVENTORY", True)
    shown = admin.get(reverse("admin:events_auditentry_change", args=[entry.pk])).content.decode()
    assert "キャンセルの理由: — → 在庫切れ" in shown
    assert "キャンセル率に含める: — → はい" in shown
