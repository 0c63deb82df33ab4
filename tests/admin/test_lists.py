"""The lists of the admin: what a search finds, paging by key, and the same cost however many rows there are."""

import re

import pytest
from django.contrib.admin import site as admin_site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.admin.base import LightList
from orders.models import Order
from tests import factories
from tests.orders.test_lists import plans_of

ORDERS = "admin:orders_order_changelist"
CROWD = 20_000
# A page reads its 50 rows and one more; a search reads no more than the newest of each shop and person it means.
FEW = 2_500


def found(client, **asked) -> set[str]:
    """Numbers of the orders that a search shows."""
    page = client.get(reverse(ORDERS), asked, follow=True)
    assert page.status_code == 200
    return set(re.findall(r"\d{3}-\d{7}-\d{7}", page.content.decode()))


def test_orders_are_found_by_number_buyer_and_shop_and_by_nothing_in_the_middle(cast, admin):
    mine = cast.order(1, number="250-1111111-2222222")
    other = factories.order(cast.other_shop, factories.person("eiji@buyer.example", "江口 英治"))
    assert found(admin, q=mine.number) == {mine.number}
    assert found(admin, q="250-1111111") == {mine.number}
    assert found(admin, q="eiji@buyer.example") == {other.number}
    assert found(admin, q="EIJI@buyer.example") == {other.number}
    assert found(admin, q="江口") == {other.number}
    assert found(admin, q=cast.other_shop.name[:3]) == {other.number}
    assert found(admin, q=cast.other_shop.merchant_id) == {other.number}
    for term in ("1111111", "2222222", "buyer.example", "英治", "no such thing", "%", "\\"):
        assert found(admin, q=term) <= {term}, term


@pytest.mark.parametrize(
    "term", ["25011111112222222", "２５０-１１１１１１１-２２２２２２２", " 250-1111111-2222222 "]
)
def test_a_number_is_found_however_it_is_written(cast, admin, term):
    order = cast.order(1, number="250-1111111-2222222")
    cast.order(1)
    assert found(admin, q=term) == {order.number}
    shown = admin.get(reverse("admin:events_event_changelist"), {"q": term}).content.decode()
    assert reverse("admin:events_event_change", args=[order.events.first().pk]) in shown


@pytest.mark.parametrize("asked", [{"q": "\0abc"}, {"shop": "\0"}, {"after": "\0"}, {"held": "yes\0"}])
def test_no_sign_in_an_address_makes_a_list_fail(admin, asked):
    for model, model_admin in admin_site._registry.items():
        if model_admin.search_fields or "q" not in asked:
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
            assert admin.get(reverse(name), asked, follow=True).status_code == 200, name


def test_a_session_that_ended_is_told_of_at_the_sign_in(client):
    fresh = client.get("/admin/orders/order/?held=yes")
    assert (fresh.status_code, fresh.url) == (302, "/login/?next=%2Fadmin%2Forders%2Forder%2F%3Fheld%3Dyes")
    client.cookies["sessionid"] = "gone"
    assert client.get("/admin/orders/order/").url.endswith("&ended=1")
    sent = client.post(
        "/admin/orders/order/1/hold/", headers={"referer": "http://testserver/admin/orders/order/1/"}
    )
    assert sent.url == "/login/?next=%2Fadmin%2Forders%2Forder%2F1%2F&ended=1"


def test_paging_by_key_shows_each_row_once(cast, admin, monkeypatch):
    numbers = [cast.order(1).number for _ in range(7)]
    monkeypatch.setattr("orders.admin.orders.OrderAdmin.list_per_page", 3)
    address, seen = reverse(ORDERS), []
    while address:
        page = admin.get(address).content.decode()
        shown = re.findall(r"change/[^>]*>(\d{3}-\d{7}-\d{7})<", page)
        assert len(shown) <= 3
        seen += shown
        onward = re.search(r'href="(\?after=\d+)"', page)
        address = onward and reverse(ORDERS) + onward[1]
        assert len(seen) <= len(numbers), "the list has no end"
    assert seen == numbers[::-1]


@pytest.mark.parametrize("after", ["0", "999999999", "x", "-1", "9" * 40, "１"])
def test_an_odd_place_to_go_on_from_shows_the_beginning(cast, admin, after):
    order = cast.order(1)
    assert found(admin, after=after) == {order.number}


@pytest.fixture
def crowd(cast, django_db_setup):
    """Many orders of one shop, with requests, mails, deliveries, people and audit entries to match."""
    asked = cast.order(1)
    shop, buyer = cast.shop.pk, cast.dora.pk
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_user (password, is_superuser, email, name, language, look, operator_role, is_staff,
                                       is_active, joined_at, refuses_unimportant_messages)
            SELECT '', false, 'p' || n || '@crowd.example', 'name ' || n, 'ja', 'auto', '', false, true, now(), false
            FROM generate_series(1, %(crowd)s) AS n;
            INSERT INTO orders_order (number, seller_id, buyer_id, fulfillment_channel, status, placed_at,
                payment_verified_at, ship_by_date, auto_cancel_due_at, on_hold, held_at, service_level,
                payment_method, currency, version, last_updated_at)
            SELECT '900-' || lpad(n::text, 7, '0') || '-0000000', %(shop)s,
                   (SELECT min(id) FROM accounts_user WHERE email LIKE 'p%%@crowd.example') + n - 1, 'SELLER',
                   'UNSHIPPED', now() - n * interval '1 minute', now(), CASE WHEN n %% 500 > 0 THEN current_date END,
                   now() + interval '9 days', n %% 500 = 1, CASE WHEN n %% 500 = 1 THEN now() END, '', '', 'JPY', 1,
                   now()
            FROM generate_series(1, %(crowd)s) AS n;
            INSERT INTO cancellations_cancellationrequest (order_id, seller_id, status, requested_at, reason_code,
                reason_label, buyer_text, response_due_at, decline_reason, decline_text, decline_tracking,
                close_reason, version)
            SELECT id, %(shop)s, 'OPEN', placed_at, 'OTHER', 'x', '', placed_at + interval '48 hours', '', '', '', '', 1
            FROM orders_order WHERE number LIKE '900-%%';
            INSERT INTO events_event (name, order_id, order_version, subject, role, door, actor_name, happened_at,
                                      payload)
            SELECT 'order.placed', id, 1, '', 'SYSTEM', 'COMMAND', '', now(), '{}' FROM orders_order
            WHERE number LIKE '900-%%';
            INSERT INTO events_delivery (event_id, listener, recipient_id, key, state, due_at, attempts, last_error,
                                         delivered_at)
            SELECT id, 'mail_buyer', %(buyer)s, id || '.x', CASE WHEN id %% 100 = 0 THEN 'FAILED' ELSE 'DELIVERED' END,
                   now(), 1, '', CASE WHEN id %% 100 > 0 THEN now() END
            FROM events_event WHERE order_id IN (SELECT id FROM orders_order WHERE number LIKE '900-%%');
            INSERT INTO events_sentmail (delivery_key, message_id, mail, order_id, address, language, subject, text,
                                         html, sent_at)
            SELECT id || '.x', '', 'm', id, 'p' || id || '@crowd.example', 'ja', '', '', '', now() FROM orders_order;
            INSERT INTO events_auditentry (happened_at, actor_name, act, subject, reason, before, after)
            SELECT now(), '', 'x', number, '', '{}', '{}' FROM orders_order;
            ANALYZE accounts_user, orders_order, cancellations_cancellationrequest, events_event, events_delivery,
                    events_sentmail, events_auditentry
            """,
            {"crowd": CROWD, "shop": shop, "buyer": buyer},
        )
    return asked


BIG = re.compile(r"orders_order|accounts_user|cancellationrequest|events_")
LISTS = [
    (ORDERS, {}, "orders_order_pkey"),
    (ORDERS, {"q": "900-0000007-0000000"}, "number"),
    (ORDERS, {"q": "p7@crowd.example"}, "orders_of_buyer"),
    (ORDERS, {"q": "name 77"}, "orders_of_buyer"),
    (ORDERS, {"shop": "SHOP"}, "orders_newest"),
    (ORDERS, {"held": "yes"}, "held_orders"),
    (ORDERS, {"ship_by": "unknown"}, "open_orders_without_ship_by"),
    ("admin:cancellations_cancellationrequest_changelist", {}, "open_requests_by_due"),
    ("admin:cancellations_cancellationrequest_changelist", {"waiting": "overdue"}, "open_requests_by_due"),
    ("admin:cancellations_cancellationrequest_changelist", {"waiting": "all"}, "cancellationrequest_pkey"),
    ("admin:events_delivery_changelist", {}, "events_delivery_pkey"),
    ("admin:events_delivery_changelist", {"state": "FAILED"}, "deliveries_failed"),
    ("admin:events_delivery_changelist", {"q": "dora@buyer.example"}, "deliveries_failed"),
    ("admin:events_delivery_changelist", {"q": "900-0000007-0000000"}, "one_event_per_order_version"),
    ("admin:events_sentmail_changelist", {}, "events_sentmail_pkey"),
    ("admin:events_sentmail_changelist", {"q": "p7@crowd.example"}, "mails_to_an_address"),
    ("admin:events_auditentry_changelist", {}, "events_auditentry_pkey"),
    ("admin:events_auditentry_changelist", {"q": "900-0000007-0000000"}, "audit_of_a_subject"),
    ("admin:events_event_changelist", {}, "events_event_pkey"),
    ("admin:accounts_user_changelist", {}, "accounts_user_email"),
    ("admin:accounts_user_changelist", {"q": "name 77"}, "people_by_name_prefix"),
    ("admin:accounts_user_changelist", {"operators": "yes"}, "operators"),
    ("admin:index", {}, "open_requests_by_due"),
]


def test_lists_and_searches_of_the_admin_cost_the_same_at_any_size(crowd, cast, admin):
    """Each by its index, with no table read from end to end, no more rows than a page needs, no count of all."""
    wrong = []
    for name, asked, index in LISTS:
        wanted = {key: str(cast.shop.pk) if value == "SHOP" else value for key, value in asked.items()}
        answer, plans = plans_of(lambda name=name, wanted=wanted: admin.get(reverse(name), wanted))
        assert answer.status_code == 200
        steps = [step for plan in plans for step in plan.steps]
        walked = {
            step["Relation Name"]
            for step in steps
            if step["Node Type"] == "Seq Scan" and BIG.search(step["Relation Name"]) and step["Actual Rows"] > FEW
        }
        read = [
            (step["Actual Rows"] * step["Actual Loops"] + step.get("Rows Removed by Filter", 0), step["Node Type"])
            for step in steps
        ]
        most = max(read)
        used = {name for plan in plans for name in plan.indexes}
        if walked or most[0] > FEW or not any(index in each for each in used):
            wrong.append((name, asked, walked, most, used))
    assert wrong == [], "\n".join(map(str, wrong))


def test_a_list_asks_as_often_for_many_rows_as_for_few(cast, admin):
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin.get(reverse(ORDERS)).status_code == 200
        return len(captured.captured_queries)

    cast.order(1)
    few = asked()
    for _ in range(20):
        cast.order(1)
    assert asked() == few


def test_every_list_of_the_admin_is_of_the_kind_that_never_counts(admin):
    from django.contrib import admin as django_admin

    for model_admin in django_admin.site._registry.values():
        assert issubclass(model_admin.get_changelist(None), LightList), model_admin
    assert not Order.objects.exists()


def test_a_search_for_a_shop_is_named_as_a_filter_and_numbers_are_looked_for_everywhere(cast, admin):
    foreign = factories.order(cast.other_shop, cast.dora)
    ours = cast.order()
    answer = admin.get(reverse(ORDERS), {"q": cast.other_shop.merchant_id.lower()}, follow=True)
    assert {order.number for order in answer.context["cl"].result_list} == {foreign.number}
    assert cast.other_shop.name in answer.content.decode()
    assert "全て" in answer.content.decode()
    shop = answer.redirect_chain[-1][0].partition("?")[2]
    found_there = admin.get(f"{reverse(ORDERS)}?{shop}&q={ours.number}", follow=True)
    assert {order.number for order in found_there.context["cl"].result_list} == {ours.number}
    for odd in ("x", "0", "9" * 30, "²", f"{cast.other_shop.merchant_id}"):
        assert found(admin, shop=odd) == set(), odd
    assert found(admin, shop="") == {foreign.number, ours.number}


def test_a_name_is_found_as_it_is_written(cast, admin):
    shop = factories.shop("㈱見本商会ＡＢＣ")
    order = factories.order(shop, cast.dora)
    cast.order()
    for term in ("㈱見本商会", "㈱見本商会ＡＢＣ"):
        answer = admin.get(reverse(ORDERS), {"q": term}, follow=True)
        assert {row.number for row in answer.context["cl"].result_list} == {order.number}, term


def test_rows_that_nobody_writes_by_hand_offer_no_history_that_would_be_empty(cast, admin):
    order = cast.order()
    event = order.events.get()
    history = "historylink"
    assert history not in admin.get(reverse("admin:events_event_change", args=[event.pk])).content.decode()
    assert history in admin.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
