"""How long a session lives: operators' and sellers' end after a while, and what is late does nothing (S-15, S-50)."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.access import BEGAN, SEEN
from orders.models import Order

from .cast import BUYER, NO_ROLE, OPERATOR, ORDER_STAFF, OWNER, READ_ONLY, Cast, cancel_body

HOME = {OPERATOR: "/admin/", BUYER: "/account/", NO_ROLE: "/admin/"}


def age(client, *, began: timedelta = timedelta(0), seen: timedelta = timedelta(0)) -> None:
    """Let a session have begun, and have been used last, so long ago."""
    session, now = client.session, timezone.now()
    session[BEGAN] = int((now - began).timestamp())
    session[SEEN] = int((now - seen).timestamp())
    session.save()


def is_open(cast: Cast, role: str) -> bool:
    return cast.client(role).get(HOME.get(role, "/seller/")).status_code == 200


HOURS = {OWNER: 3, ORDER_STAFF: 3, READ_ONLY: 3, OPERATOR: 1, NO_ROLE: 1}


@pytest.mark.parametrize("role", HOURS)
def test_a_session_left_alone_ends(cast: Cast, role: str):
    idle = timedelta(hours=HOURS[role])
    age(cast.client(role), began=idle, seen=idle - timedelta(minutes=1))
    assert is_open(cast, role)
    age(cast.client(role), began=idle, seen=idle)
    assert not is_open(cast, role)
    assert "_auth_user_id" not in cast.client(role).session


@pytest.mark.parametrize("role", HOURS)
def test_a_session_ends_after_twelve_hours_however_busy(cast: Cast, role: str):
    age(cast.client(role), began=timedelta(hours=12) - timedelta(minutes=1))
    assert is_open(cast, role)
    age(cast.client(role), began=timedelta(hours=12))
    assert not is_open(cast, role)


def test_a_buyers_session_goes_on(cast: Cast):
    age(cast.client(BUYER), began=timedelta(days=13), seen=timedelta(days=13))
    assert is_open(cast, BUYER)


def test_a_request_that_comes_too_late_does_nothing_and_leads_back_to_its_page(cast: Cast):
    client, order = cast.client(OWNER), cast.orders["asked"]
    age(client, began=timedelta(hours=12))
    page = f"/seller/orders/{order.number}/cancel/"
    answer = client.post(page, cancel_body(order), HTTP_REFERER=f"http://testserver{page}")
    assert answer.status_code == 302
    assert answer["Location"] == f"/login/?next={page.replace('/', '%2F')}&ended=1"
    assert Order.objects.get(pk=order.pk).version == order.version
    shown = client.get(answer["Location"]).content.decode()
    assert "セッションの有効期限が切れました。もう一度ログインしてください。" in shown


def test_an_operator_too_is_told_and_led_back(cast: Cast):
    client = cast.client(OPERATOR)
    age(client, seen=timedelta(hours=1))
    assert client.get("/admin/orders/order/")["Location"] == "/login/?next=%2Fadmin%2Forders%2Forder%2F&ended=1"


def test_pages_for_everybody_stay_open_to_whoever_was_signed_out(cast: Cast):
    age(cast.client(OWNER), seen=timedelta(hours=3))
    assert cast.client(OWNER).get("/help/").status_code == 200


def written(client, **headers) -> int:
    """How often a page wrote its session."""
    with CaptureQueriesContext(connection) as captured:
        client.get("/seller/settings/", **headers)
    table = Session._meta.db_table
    return sum(
        table in query["sql"] and not query["sql"].startswith("SELECT") for query in captured.captured_queries
    )


def test_a_session_is_written_once_a_minute_and_not_for_what_a_page_asks_by_itself(cast: Cast):
    client = cast.client(OWNER)
    assert written(client) == 0, "just signed in"
    age(client, seen=timedelta(minutes=2))
    assert written(client, HTTP_HX_REQUEST="true") == 0
    assert written(client) == 1
    assert written(client) == 0
