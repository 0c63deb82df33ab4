"""One case through every door that has it: the same rows, the same events, the same people told (wall 6)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.actors import SWEEP
from cancellations import actions as cancelling
from cancellations.actions import CancelTarget, DeclineTarget, RequestTarget, WithdrawTarget
from cancellations.models import Cancellation, RequestItem, SweepRun
from cancellations.policy import COUNTS, DeclineReason, Interlock, Reason, is_flagged
from cancellations.tasks import cancel_overdue_orders
from cancellations.wording import BANNER
from feeds.parsers import Kind
from orders.models import Order
from shipments.actions import ConfirmTarget, confirm_shipment
from tests.cast import Cast

from .books_of import books_of
from .hands import by_feed, by_file, envelope, operate, send, take, units

STOP = "出荷しないでください（キャンセルリクエスト中）"
MEMO = "在庫の棚卸しで不足"


@pytest.fixture
def placed_at() -> datetime:
    """An hour ago: the buyer's window is over."""
    return timezone.now() - timedelta(hours=1)


# --- cancel as the seller ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [Reason.NO_INVENTORY, Reason.BUYER_CANCELED, Reason.OTHER])
@pytest.mark.parametrize("asked", [False, True], ids=["nobody asked", "the buyer asked"])
def test_a_shop_cancels_alike_by_page_and_action_and_support_for_it_in_the_admin(
    cast: Cast, alice: Client, olga: Client, placed_at: datetime, reason: Reason, asked: bool
):
    """The operator's act differs in role, door and note alone: the reason is judged as if the shop had acted."""
    by_page, by_action, by_admin = (cast.order(2, 1, placed_at=placed_at) for _ in range(3))
    if asked:
        for order in (by_page, by_action, by_admin):
            cast.request(order, now=placed_at + timedelta(minutes=10))
    restock = {} if reason == Reason.NO_INVENTORY else {"restock": "on"}
    fields = {"reason": reason.value, "restock_for": reason.value, "seller_memo": "", "confirmed": reason.value}
    send(alice, "seller:order-cancel", by_page, **fields, **restock)
    cast.cancel(by_action, reason, now=timezone.now())
    operate(olga, by_admin, "cancel-for-seller", reason=reason.value, note=MEMO)
    assert books_of(by_page) == books_of(by_action)
    page, admin = books_of(by_page, by_door=False), books_of(by_admin, by_door=False)
    assert admin["events"][-1][-1].pop("note") == MEMO
    assert admin == page
    assert books_of(by_admin)["events"][-1][2:4] == ("MARKETPLACE", "ADMIN")


@pytest.mark.parametrize("quantities", [(1, 0), (2, 1), (1, 1)])
def test_a_shop_cancels_units_alike_by_page_and_action(
    cast: Cast, alice: Client, placed_at: datetime, quantities: tuple[int, int]
):
    by_page, by_action = (cast.order(2, 1, placed_at=placed_at) for _ in range(2))
    fields = {}
    for line, quantity in zip(by_page.items.order_by("pk"), quantities, strict=True):
        fields |= {f"quantity-{line.item_id}": str(quantity), f"reason-{line.item_id}": "PRICING_ERROR"}
    confirmed = ",".join(
        f"{line.item_id}:{quantity}:PRICING_ERROR"
        for line, quantity in zip(by_page.items.order_by("pk"), quantities, strict=True)
        if quantity
    )
    send(alice, "seller:order-cancel-items", by_page, seller_memo=MEMO, confirmed=confirmed, **fields)
    chosen = units(by_action, *quantities)
    cast.cancel(by_action, Reason.PRICING_ERROR, chosen, memo=MEMO, now=timezone.now())
    assert books_of(by_page) == books_of(by_action)


# --- the buyer's acts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantities", [(2, 1), (1, 0)])
def test_a_buyer_cancels_alone_alike_by_page_and_action(cast: Cast, dora: Client, quantities: tuple[int, int]):
    now = timezone.now()
    by_page, by_action = (cast.order(2, 1, placed_at=now) for _ in range(2))
    send(dora, "buyer:order-cancel", by_page, **take(by_page, *quantities), reason="")
    cast.cancel(by_action, Reason.BUYER_DIRECT, units(by_action, *quantities), by=cast.buyer, now=now)
    assert books_of(by_page) == books_of(by_action)


@pytest.mark.parametrize("quantities", [(2, 1), (0, 1)])
def test_a_buyer_asks_and_takes_back_alike_by_page_and_action(
    cast: Cast, dora: Client, placed_at: datetime, quantities: tuple[int, int]
):
    by_page, by_action = (cast.order(2, 1, placed_at=placed_at) for _ in range(2))
    fields = {"reason": "NO_LONGER_NEEDED", "text": "すみません"}
    send(dora, "buyer:order-request", by_page, **take(by_page, *quantities), **fields)
    target = RequestTarget(
        by_action.pk, "NO_LONGER_NEEDED", "商品が不要になった", units(by_action, *quantities), "すみません"
    )
    cancelling.request_cancellation(targets=[target], by=cast.buyer, now=timezone.now())
    assert books_of(by_page) == books_of(by_action)
    send(dora, "buyer:order-withdraw", by_page)
    cancelling.withdraw(targets=[WithdrawTarget(by_action.pk)], by=cast.buyer, now=timezone.now())
    assert books_of(by_page) == books_of(by_action)


# --- the shop's other acts --------------------------------------------------------------------------------


# On a page goods that have left are answered by their shipment confirmation: tests/shipments/test_seller_pages.py.
@pytest.mark.parametrize("reason", [each for each in DeclineReason if each != DeclineReason.ALREADY_SHIPPED])
def test_a_shop_declines_alike_by_page_and_action(cast: Cast, alice: Client, placed_at: datetime, reason):
    by_page, by_action = (cast.order(2, placed_at=placed_at) for _ in range(2))
    for order in (by_page, by_action):
        cast.request(order, now=placed_at + timedelta(minutes=10))
    send(alice, "seller:order-decline", by_page, reason=reason.value, text="説明", tracking="1234-5678")
    target = DeclineTarget(by_action.pk, reason, text="説明", tracking="1234-5678")
    cancelling.decline(targets=[target], by=cast.seller, now=timezone.now())
    assert books_of(by_page) == books_of(by_action)


@pytest.mark.parametrize("asked", [False, True], ids=["nobody asked", "the buyer asked"])
@pytest.mark.parametrize("quantities", [(2, 1), (1, 0)])
def test_a_shop_confirms_a_shipment_alike_by_page_and_action(
    cast: Cast, alice: Client, placed_at: datetime, quantities: tuple[int, int], asked: bool
):
    by_page, by_action = (cast.order(2, 1, placed_at=placed_at) for _ in range(2))
    if asked:
        for order in (by_page, by_action):
            cast.request(order, now=placed_at + timedelta(minutes=10))
    today = timezone.localdate()
    fields = {"shipped_on": today.isoformat(), "carrier": "ヤマト", "tracking_number": "1234-5678"}
    said = {"already_shipped": "on"} if asked else {}
    send(alice, "seller:order-confirm-shipment", by_page, **take(by_page, *quantities), **fields, **said)
    target = ConfirmTarget(
        by_action.pk,
        today,
        units(by_action, *quantities),
        carrier="ヤマト",
        tracking_number="1234-5678",
        says_already_shipped=asked,
    )
    confirm_shipment(targets=[target], interlock=Interlock.ASK, by=cast.seller, now=timezone.now())
    assert books_of(by_page) == books_of(by_action)


# --- feeds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reason", [("NoInventory", Reason.NO_INVENTORY), ("BuyerCanceled", Reason.BUYER_CANCELED)]
)
@pytest.mark.parametrize("asked", [False, True], ids=["nobody asked", "the buyer asked"])
def test_a_shop_cancels_alike_by_feed_and_action(cast: Cast, placed_at: datetime, reason, asked: bool):
    orders = by_flat, by_xml, by_action = [cast.order(2, 1, placed_at=placed_at) for _ in range(3)]
    for order in orders if asked else ():
        cast.request(order, now=placed_at + timedelta(minutes=10))
    word, meant = reason
    by_feed(cast, Kind.CANCELLATION, "order-id cancellation-reason-code", by_flat.number, word)
    items = "".join(
        f"<Item><AmazonOrderItemCode>{line.item_id}</AmazonOrderItemCode><CancelReason>{word}</CancelReason></Item>"
        for line in by_xml.items.order_by("pk")
    )
    body = f"<AmazonOrderID>{by_xml.number}</AmazonOrderID><StatusCode>Failure</StatusCode>{items}"
    by_file(cast, Kind.CANCELLATION, envelope(cast, "OrderAcknowledgement", body))
    cast.cancel(by_action, meant, now=timezone.now())
    wanted = books_of(by_action, by_door=False)
    assert books_of(by_flat, by_door=False) == books_of(by_xml, by_door=False) == wanted
    assert books_of(by_flat)["events"][-1][2:4] == ("SELLER", "FEED")


def test_a_shop_cancels_units_alike_by_feed_and_action(cast: Cast, placed_at: datetime):
    by_line, by_action = (cast.order(2, 1, placed_at=placed_at) for _ in range(2))
    header = "order-id order-item-id adjustment-reason-code currency quantity-cancelled"
    first = by_line.items.order_by("pk")[0].item_id
    by_feed(cast, Kind.ADJUSTMENT, header, by_line.number, first, "PriceError", "JPY", 1)
    cast.cancel(by_action, Reason.PRICING_ERROR, units(by_action, 1, 0), now=timezone.now())
    assert books_of(by_line, by_door=False) == books_of(by_action, by_door=False)


@pytest.mark.parametrize("asked", [False, True], ids=["nobody asked", "the buyer asked"])
def test_a_shop_confirms_a_shipment_alike_by_feed_and_action(cast: Cast, placed_at: datetime, asked: bool):
    by_line, by_action = (cast.order(2, 1, placed_at=placed_at) for _ in range(2))
    for order in (by_line, by_action) if asked else ():
        cast.request(order, now=placed_at + timedelta(minutes=10))
    today = timezone.localdate()
    header = "order-id ship-date carrier-code tracking-number ship-method"
    by_feed(cast, Kind.SHIPMENT, header, by_line.number, today, "YamatoTransport", "1234-5678", "宅急便")
    target = ConfirmTarget(by_action.pk, today, carrier="ヤマト運輸", tracking_number="1234-5678")
    confirm_shipment(targets=[target], interlock=Interlock.WARN, by=cast.seller, now=timezone.now())
    assert books_of(by_line, by_door=False) == books_of(by_action, by_door=False)


# --- the sweep --------------------------------------------------------------------------------------------


def by_task() -> None:
    cancel_overdue_orders()


def by_command() -> None:
    call_command("cancel_overdue", verbosity=0, stdout=None)


def by_command_at_a_moment() -> None:
    call_command("cancel_overdue", now=timezone.now().isoformat(), json=True)


def by_sweep() -> None:
    cancelling.run_sweep(now=timezone.now())


def by_action() -> None:
    cancelling.cancel_overdue(now=timezone.now())


def by_targets() -> None:
    overdue = [CancelTarget(order.pk, Reason.AUTO_NOT_CONFIRMED) for order in Order.objects.order_by("pk")]
    cancelling.cancel(targets=overdue, by=SWEEP, now=timezone.now())


def overdue_orders(cast: Cast) -> list[Order]:
    """Whole, asked about, partly shipped, on hold, and one that is not due."""
    long_ago = timezone.now() - timedelta(days=30)
    orders = [cast.order(2, 1, placed_at=long_ago) for _ in range(4)]
    cast.request(orders[1], now=long_ago + timedelta(days=1))
    cast.confirm(orders[2], units(orders[2], 1, 0), now=long_ago + timedelta(days=1))
    Order.objects.filter(pk=orders[3].pk).update(on_hold=True, held_at=long_ago)
    return [*orders, cast.order(2, 1, placed_at=long_ago, ship_by=timezone.localdate())]


def test_the_sweep_leaves_the_same_rows_by_task_command_and_action(cast: Cast, capsys):
    doors: list[Callable[[], None]] = [
        by_task,
        by_command,
        by_command_at_a_moment,
        by_sweep,
        by_action,
        by_targets,
    ]
    seen = []
    for door in doors:
        orders = overdue_orders(cast)
        door()
        seen.append([books_of(order) for order in orders])
        # The next door finds an empty house: what this one left open is closed to every sweep.
        Order.objects.filter(pk__in=[order.pk for order in orders], on_hold=False).update(auto_cancel_due_at=None)
    for books in seen:
        assert [each["order"][0] for each in books] == [
            "CANCELED",
            "CANCELED",
            "SHIPPED",
            "UNSHIPPED",
            "UNSHIPPED",
        ]
        assert books == seen[0]
    assert SweepRun.objects.count() == 4


# --- the flag (INV-31) ------------------------------------------------------------------------------------


def test_every_page_shows_the_flag_of_an_order_exactly_while_an_item_of_it_is_asked_for(
    cast: Cast, alice: Client, dora: Client, placed_at: datetime
):
    """INV-31: banner and stop sign in the row, on the order and on its forms; the item's state says the same."""
    names = ("quiet", "asked", "part", "withdrawn", "declined", "approved", "shipped", "rest")
    orders = {name: cast.order(2, 1, placed_at=placed_at) for name in names}
    moment = placed_at + timedelta(minutes=10)
    for name in set(names) - {"quiet", "part"}:
        cast.request(orders[name], now=moment)
    cast.request(orders["part"], units(orders["part"], 1, 0), now=moment)
    cast.withdraw(orders["withdrawn"], now=moment)
    cast.decline(orders["declined"], now=moment)
    cast.cancel(orders["approved"], Reason.BUYER_CANCELED, now=moment)
    cast.confirm(orders["shipped"], now=moment)
    cast.cancel(orders["rest"], Reason.BUYER_CANCELED, units(orders["rest"], 2, 0), now=moment)
    open_now = {"asked", "part", "rest"}
    rows = alice.get(reverse("seller:orders"), {"sort": "newest"}).content.decode().split("<tbody")[1:]
    filtered = alice.get(reverse("seller:orders"), {"requested": "1"}).content.decode()
    home = alice.get(reverse("seller:home")).content.decode()
    home = home.partition('id="asked-head"')[2].partition("</section>")[0]  # the news name others too
    for name, order in orders.items():
        states = set(RequestItem.objects.filter(request__order=order).values_list("state", flat=True))
        (row,) = [each for each in rows if f"/{order.number}/" in each]
        page = alice.get(reverse("seller:order", args=[order.number])).content.decode()
        of_buyer = dora.get(reverse("buyer:order", args=[order.number])).content.decode()
        is_open = name in open_now
        assert ("OPEN" in states) == is_open, name
        assert {state for state in states if is_flagged(state)} == states & {"OPEN", "APPROVED"}, name
        assert (str(BANNER) in row) == (STOP in row) == is_open, name
        assert (str(BANNER) in page) == (STOP in page) == is_open, name
        assert (f"/{order.number}/" in filtered) == is_open, name
        assert (f"/{order.number}/" in home) == is_open, name
        assert (reverse("buyer:order-withdraw", args=[order.number]) in of_buyer) == is_open, name
    assert len(rows) == len(orders)


def test_every_stored_code_has_its_effect_in_the_table(cast: Cast, alice: Client, placed_at: datetime):
    """Whatever door it came through, counted is what the table says of the code."""
    for reason in (Reason.NO_INVENTORY, Reason.BUYER_CANCELED):
        order = cast.order(1, placed_at=placed_at)
        send(alice, "seller:order-cancel", order, reason=reason.value, confirmed=reason.value)
    cast.cancel_alone(cast.order(1, placed_at=placed_at), now=placed_at)
    stored = Cancellation.objects.values_list("code", "counted")
    assert len(stored) == 3
    assert all(COUNTS[code] == counted for code, counted in stored)
