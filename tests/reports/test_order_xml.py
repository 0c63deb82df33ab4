"""The report of new orders as XML, and the timetables of software that order it (flat-files 2.2, 2.3; sp-api 6)."""

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from lxml import etree

from cancellations.policy import Reason
from orders.actions import hold, release
from orders.models import Order, OrderItem
from payments.actions import verify_payment
from reports.actions import forget_documents, give_up, make_report, order_scheduled, schedule_after_interval
from reports.models import ListedOrder, Report, ReportSchedule
from reports.rules import Encoding, Kind
from tests.books import counted_statements
from tests.cast import LATER, NOON, Cast, lines_of
from tests.factories import SYSTEM

from .conftest import file_of, ordered, rows_of


@pytest.fixture
def told(cast: Cast, own_store):
    """Have the timetable's next report made, and give its messages."""

    def make(now: datetime = LATER) -> list[etree._Element]:
        assert order_scheduled(now=now) == 1
        report = Report.objects.latest("pk")
        make_report(report_id=report.pk, clock=lambda: now)
        root = etree.fromstring(file_of(report, own_store))
        assert root.findtext("MessageType") == "OrderReport"
        return root.findall("Message")

    return make


def scheduled(cast: Cast, kind: Kind = Kind.UNSHIPPED_XML, **more) -> ReportSchedule:
    given = {"interval": "PT15M", "first_at": None, "by": cast.seller, "now": LATER} | more
    return schedule_after_interval(seller_id=cast.shop.pk, kind=kind, **given)


def test_every_new_order_is_a_message(cast: Cast, told):
    order, gone = cast.order(2, 1), cast.order(1)
    cast.order(1, verified=False)
    cast.confirm(gone)
    cast.cancel(order, units={lines_of(order)[0]: 1})
    scheduled(cast)
    (message,) = told()
    report = message.find("OrderReport")
    assert [part.tag for part in report] == [
        *("AmazonOrderID", "AmazonSessionID", "OrderDate", "OrderPostedDate", "BillingData", "FulfillmentData"),
        *("IsPrime", "Item", "Item"),
    ]
    assert report.findtext("AmazonOrderID") == order.number
    assert report.findtext("OrderDate") == "2026-07-01T12:00:00+09:00"
    assert report.findtext("BillingData/BuyerEmailAddress") == "dora@buyer.example"
    address = report.find("FulfillmentData/Address")
    assert (address.findtext("Name"), address.findtext("CountryCode")) == ("森下 遥", "JP")
    first = report.find("Item")
    assert first.findtext("AmazonOrderItemCode") == order.items.order_by("pk")[0].item_id
    assert (first.findtext("SKU"), first.findtext("Quantity")) == ("POT-1", "1")
    prices = {part.findtext("Type"): part.find("Amount") for part in first.iterfind("ItemPrice/Component")}
    assert {kind: (price.text, price.get("currency")) for kind, price in prices.items()} == {
        "Principal": ("1000", "JPY"),
        "Shipping": ("300", "JPY"),
        "Tax": ("0", "JPY"),
        "ShippingTax": ("0", "JPY"),
    }
    assert first.findtext("ItemFees/Fee/Type") == "Commission"


def test_signs_that_xml_does_not_have_break_nothing(cast: Cast, told):
    order = cast.order(1)
    OrderItem.objects.filter(order=order).update(title="<鉢> & \x01 \ufffe「青」\n2個", sku="=1+1")
    scheduled(cast)
    (message,) = told()
    assert message.findtext("OrderReport/Item/Title") == "<鉢> &    「青」 2個"
    assert message.findtext("OrderReport/Item/SKU") == "=1+1"


def test_the_buyers_request_is_told_in_pairs_for_the_items_it_is_about_alone(cast: Cast, told):  # D-16
    asked, partly, declined, quiet = (cast.order(1, 1) for _ in range(4))
    cast.request(asked)
    cast.request(partly, {lines_of(partly)[1]: 1})
    cast.request(declined)
    cast.decline(declined)
    scheduled(cast)
    told_of = {
        message.findtext("OrderReport/AmazonOrderID"): {
            pair.findtext("Type"): pair.findtext("Value") for pair in message.iterfind(".//CustomerOrderInfo")
        }
        for message in told()
    }

    def pairs(*items: OrderItem) -> dict[str, str]:
        return {f"IsBuyerRequestedCancellation.{item.item_id}": "true" for item in items} | {
            f"BuyerRequestedCancelReason.{item.item_id}": "商品が不要になった" for item in items
        }

    assert told_of[asked.number] == pairs(*asked.items.all())
    assert told_of[partly.number] == pairs(partly.items.order_by("pk")[1])
    assert told_of[declined.number] == told_of[quiet.number] == {}


def test_an_order_has_ten_pairs_at_most_and_flags_come_before_reasons(cast: Cast, told):
    order = cast.order(*[1] * 8)
    cast.request(order)
    scheduled(cast)
    (message,) = told()
    kinds = [pair.findtext("Type").partition(".")[0] for pair in message.iterfind(".//CustomerOrderInfo")]
    assert kinds == ["IsBuyerRequestedCancellation"] * 8 + ["BuyerRequestedCancelReason"] * 2


@pytest.fixture
def run(cast: Cast, own_store):
    """Have the timetable's next report made, and give the numbers of the orders that it lists."""

    def make(minutes: int) -> list[str]:
        now = LATER + timedelta(minutes=minutes)
        assert order_scheduled(now=now) == 1
        report = Report.objects.latest("pk")
        make_report(report_id=report.pk, clock=lambda: now)
        return listed_in(report, own_store)

    return make


def listed_in(report: Report, own_store) -> list[str]:
    content = file_of(report, own_store)
    if report.is_xml:
        return [each.text for each in etree.fromstring(content).iterfind(".//AmazonOrderID")]
    return [row["order-id"] for row in rows_of(content, report.encoding)]


def interrupt(report: Report) -> None:
    """Begin to make a report that does not come to its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reports.actions._done", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make_report(report_id=report.pk, clock=lambda: LATER)


NEW = pytest.mark.parametrize("kind", [Kind.UNSHIPPED, Kind.UNSHIPPED_XML])


@NEW
def test_each_order_is_listed_by_one_run(cast: Cast, run, kind):
    scheduled(cast, kind)
    first = cast.order(1)
    assert run(0) == [first.number]
    second = cast.order(1, placed_at=LATER)
    assert run(15) == [second.number]
    assert run(30) == []


@NEW
def test_an_order_is_listed_once_it_can_be_sent_however_long_ago_it_was_paid_for(cast: Cast, run, kind):
    scheduled(cast, kind)
    pending, held, afar = cast.order(1, verified=False), cast.order(1), cast.order(1)
    hold(order_ids=[held.pk], note="確認", by=cast.operator, now=LATER)
    Order.objects.filter(pk=afar.pk).update(fulfillment_channel="MARKETPLACE")
    assert run(0) == []
    yesterday = NOON - timedelta(days=1)
    verify_payment(order_ids=[pending.pk], by=SYSTEM, now=yesterday)
    assert run(15) == [pending.number]
    release(order_ids=[held.pk], note="確認済み", by=cast.operator, now=LATER)
    assert run(30) == [held.number]


@NEW
def test_what_a_run_came_to_nothing_with_is_listed_by_the_next_also_past_a_later_one(
    cast: Cast, run, own_store, kind
):
    scheduled(cast, kind)
    order = cast.order(1)
    order_scheduled(now=LATER)
    stopped = Report.objects.get()
    interrupt(stopped)
    assert run(15) == [], "it is still the first one's"
    give_up(report_id=stopped.pk, now=LATER)
    assert run(30) == [order.number]


@NEW
def test_a_report_that_is_made_anew_lists_what_it_listed(cast: Cast, own_store, kind):
    scheduled(cast, kind)
    order = cast.order(1)
    order_scheduled(now=LATER)
    report = Report.objects.get()
    interrupt(report)
    make_report(report_id=report.pk, clock=lambda: LATER)
    assert listed_in(report, own_store) == [order.number]


def test_a_new_timetable_and_a_change_of_its_form_list_nothing_twice(cast: Cast, run):
    scheduled(cast)
    order = cast.order(1)
    assert run(0) == [order.number]
    scheduled(cast, interval="PT5M")
    assert run(5) == []
    scheduled(cast, Kind.UNSHIPPED)
    assert run(10) == []


def test_what_was_listed_is_remembered_while_an_order_is_open_and_forgotten_after(cast: Cast, run):
    scheduled(cast)
    order, gone = cast.order(1), cast.order(1)
    run(0)
    cast.confirm(gone)
    forget_documents(now=LATER + timedelta(days=91))
    assert not Report.objects.exists()
    assert list(ListedOrder.objects.values_list("order_id", flat=True)) == [order.pk]


def test_a_report_that_somebody_orders_lists_all_and_notes_nothing(cast: Cast, run, own_store):
    scheduled(cast, Kind.UNSHIPPED)
    order = cast.order(1)
    report = ordered(cast, Kind.UNSHIPPED)
    make_report(report_id=report.pk, clock=lambda: LATER)
    assert listed_in(report, own_store) == [order.number]
    assert run(0) == [order.number]


def test_of_the_two_reports_of_new_orders_a_shop_has_one(cast: Cast):
    flat = scheduled(cast, Kind.UNSHIPPED)
    actionable = scheduled(cast, Kind.ACTIONABLE)
    xml = scheduled(cast)
    assert set(ReportSchedule.objects.all()) == {actionable, xml}
    assert Encoding(xml.encoding) == Encoding.UTF_8
    flat.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        flat.save(force_insert=True)


def test_only_a_timetable_orders_it(cast: Cast):
    with pytest.raises(ValueError, match="by hand"):
        ordered(cast, Kind.UNSHIPPED_XML)


def test_the_sales_channel_is_a_column_behind_the_country_for_whoever_asks(cast: Cast, own_store):
    cast.order(1)
    scheduled(cast, Kind.ACTIONABLE, sales_channel=True)
    order_scheduled(now=LATER)
    report = Report.objects.get()
    make_report(report_id=report.pk, clock=lambda: LATER)
    (row,) = rows_of(file_of(report, own_store), report.encoding)
    names = list(row)
    assert names[names.index("ship-country") + 1] == "sales-channel"
    assert row["sales-channel"] == "Amazon.co.jp"


def test_it_costs_as_many_statements_for_many_orders_as_for_one(cast: Cast):
    def statements(count: int) -> int:
        cast.orders(count)
        scheduled(cast)
        order_scheduled(now=LATER)
        report = Report.objects.latest("pk")
        with counted_statements() as found:
            make_report(report_id=report.pk, clock=lambda: LATER)
        report.refresh_from_db()
        assert report.rows == count
        return found[0]

    assert statements(1) == statements(40)


def test_a_cancelled_order_is_not_new(cast: Cast, told):
    order = cast.order(1)
    cast.cancel(order, Reason.NO_INVENTORY)
    scheduled(cast)
    assert told() == []
