"""What other limits would have made of the last 90 days; the operators' pages about rates (B15, domain 16)."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from cancellations.models import PolicyVersion
from metrics.actions import Evidence, look_again, look_at_states, open_dispute, take_missing_snapshots
from metrics.models import Dispute, RateSnapshot, RateState
from metrics.rate import State, Target
from metrics.rehearsal import rehearse
from orders.imports import run_import, start_import
from orders.models import Order
from tests import factories
from tests.books import counted_statements, offences
from tests.cast import LATER
from tests.factories import NOON
from tests.orders.order_files import unshipped

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_mails")]
DAY = timedelta(days=1)
REHEARSE = "/admin/metrics/ratestate/rehearse/"


@pytest.fixture
def olga(cast) -> Client:
    user = factories.person("olga@operator.example", "織田 オルガ", is_staff=True, operator_role="ADMIN")
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def kept(cast):
    """A week at 2.44 %, kept day by day."""
    orders = cast.orders(41)
    cast.cancel(orders[0])
    take_missing_snapshots(now=NOON + 20 * DAY)
    return NOON + 20 * DAY


def test_a_shop_whose_days_would_have_been_in_another_state_is_named_with_them(cast, kept):
    found = rehearse(Target(limit=200, watch=100), now=kept)
    (shop,) = found.shops
    assert (shop.name, shop.days, shop.worse) == ("シードリング商店", 7, 7)
    assert shop.before == ((State.WATCH, 7),)
    assert shop.after == ((State.AT_RISK, 7),)


def test_the_limits_in_force_change_nothing(kept):
    assert rehearse(Target(), now=kept).count == 0


def test_days_are_compared_with_the_policy_of_their_time(cast, kept):
    PolicyVersion.objects.create(number=2, starts_at=NOON + 3 * DAY, rate_target="2.00", rate_watch="1.00")
    (shop,) = rehearse(Target(limit=200, watch=100), now=kept).shops
    assert shop.days == 3


def test_so_few_orders_as_a_draft_leaves_out_have_no_state(kept):
    (shop,) = rehearse(Target(min_orders=50), now=kept).shops
    assert (shop.after, shop.worse) == (((State.NO_DATA, 7),), 0)


def test_the_page_of_the_rehearsal_shows_who_would_change(olga, cast):
    now = timezone.now()
    orders = cast.orders(41, placed_at=now - 3 * DAY)
    cast.cancel(orders[0], now=now - 2 * DAY)
    take_missing_snapshots(now=now)
    page = olga.get(REHEARSE).content.decode()
    assert 'value="2.5"' in page
    page = olga.get(REHEARSE, {"rate_target": "2", "rate_watch": "1", "rate_min_orders": "1"}).content.decode()
    assert "状態が変わる出品者：1件" in page
    assert "シードリング商店" in page
    assert "停止の可能性あり" in page
    page = olga.get(REHEARSE, {"rate_target": "2", "rate_watch": "3", "rate_min_orders": "1"}).content.decode()
    assert "注意の値は、目標の値以下にしてください。" in page
    for odd in ("", "x", "-1", "NaN", "9" * 400, "\0"):
        assert olga.get(REHEARSE, {"rate_target": odd}).status_code == 200


def test_operators_see_the_gravest_first_with_its_trend_at_the_same_cost(olga, cast):
    now = timezone.now()
    for number in range(3):
        shop = factories.shop(f"店舗{number}")
        made = factories.order(shop, cast.dora, placed_at=now - DAY)
        assert made
    orders = cast.orders(10, placed_at=now - 3 * DAY)
    cast.cancel(orders[0], now=now - 2 * DAY)
    take_missing_snapshots(now=now)
    look_at_states(now=now)
    with counted_statements() as few:
        page = olga.get("/admin/metrics/ratestate/").content.decode()
    assert page.index("シードリング商店") < page.index("店舗0")
    assert '<svg class="trend"' in page
    assert "10.00%" in page
    for number in range(10):
        look_again(seller_id=factories.shop(f"別の店舗{number}").pk)
    look_at_states(now=now)
    with counted_statements() as many:
        olga.get("/admin/metrics/ratestate/")
    assert many == few
    row = RateState.objects.get(seller=cast.shop)
    page = olga.get(f"/admin/metrics/ratestate/{row.pk}/change/").content.decode()
    assert orders[0].number in page
    assert "（SEL-1）" in page


@pytest.mark.parametrize(("role", "status"), [("SUPPORT", 200), ("ADMIN", 200), ("RISK", 403), ("POLICY", 403)])
def test_only_whoever_has_the_duty_decides(cast, role, status):
    order = cast.order()
    cast.cancel(order)
    dispute = open_dispute(
        seller_id=cast.shop.pk,
        cancellation_id=order.cancellations.get().pk,
        text="誤り",
        evidence=Evidence(),
        by=cast.seller,
        now=LATER,
    )
    client = Client()
    client.force_login(factories.person("o@operator.example", "o", is_staff=True, operator_role=role))
    assert client.get(f"/admin/metrics/dispute/{dispute.pk}/decide/").status_code == status
    body = {"decision": "reject", "reason": "記録どおり"}
    client.post(f"/admin/metrics/dispute/{dispute.pk}/decide/", body)
    assert Dispute.objects.get().state == ("REJECTED" if status == 200 else "OPEN")


def test_an_order_file_of_days_gone_by_corrects_the_days_kept(cast, tmp_path):
    moment = timezone.now()
    take_missing_snapshots(now=moment)
    path = tmp_path / "orders.txt"
    path.write_bytes(unshipped({"purchase-date": (moment - 3 * DAY).isoformat(timespec="seconds")}))
    with path.open("rb") as content:
        started = start_import(
            seller=cast.shop, file_name="orders.txt", content=content, by=cast.operator, now=moment
        )
        content.seek(0)
        run_import(import_id=started.pk, content=content, clock=lambda: moment)
    assert Order.objects.filter(seller=cast.shop).exists()
    assert RateSnapshot.objects.filter(seller=cast.shop, corrected_denominator=1, denominator=0).count() == 3
    assert offences(now=moment, only=["INV-28"]) == {}
