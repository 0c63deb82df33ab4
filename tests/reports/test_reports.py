"""What stands in reports, who may have them, and when they are made by themselves (domain 13, flat-files 2)."""

import io
import os
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import OperationalError, connections, transaction
from django.utils.translation import override

from accounts.actors import Actor, Door, Role
from cancellations.models import PolicyVersion
from cancellations.policy import Reason
from events.models import AuditEntry
from orders import import_records as records
from orders import imports
from orders.files import OrderFile
from orders.models import Order, OrderItem, Recipient
from orders.queries import zone
from reports import actions
from reports.actions import (
    AlreadyThere,
    TooLong,
    add_columns,
    end_schedule,
    forget_documents,
    give_up,
    make_report,
    order_scheduled,
    schedule_after_interval,
    schedule_report,
)
from reports.layouts import OPTIONAL, Layout, layout_of
from reports.models import Report, ReportDocument, ReportSchedule
from reports.rules import (
    INTERVALS,
    SCHEDULED_ONLY,
    Encoding,
    Every,
    Kind,
    next_after_interval,
    next_run,
    period_of,
    period_of_run,
)
from tests import factories, office
from tests.books import counted_statements, nothing_changes
from tests.cast import LATER, NOON, Cast, lines_of

from .conftest import file_of, ordered, rows_of

ALL_COLUMNS = list(OPTIONAL)
# Columns of the layouts, letter by letter (flat-files 2.1, 2.2, 2.4).
LAYOUTS = {
    Kind.ACTIONABLE: (
        "order-id order-item-id purchase-date payments-date reporting-date promise-date days-past-promise buyer-email"
        " buyer-name buyer-phone-number sku product-name quantity-purchased quantity-shipped quantity-to-ship"
        " ship-service-level recipient-name ship-address-1 ship-address-2 ship-address-3 ship-city ship-state"
        " ship-postal-code ship-country payment-method cod-collectible-amount already-paid payment-method-fee"
        " scheduled-delivery-start-date scheduled-delivery-end-date points-granted is-prime"
    ),
    Kind.UNSHIPPED: (
        "order-id order-item-id purchase-date payments-date buyer-email buyer-name buyer-phone-number sku product-name"
        " quantity-purchased currency item-price item-tax shipping-price shipping-tax ship-service-level recipient-name"
        " ship-address-1 ship-address-2 ship-address-3 ship-city ship-state ship-postal-code ship-country"
        " ship-phone-number delivery-start-date delivery-end-date delivery-time-zone delivery-Instructions"
    ),
    Kind.ALL_BY_ORDER_DATE: (
        "amazon-order-id merchant-order-id purchase-date last-updated-date order-status fulfillment-channel"
        " sales-channel order-channel ship-service-level product-name sku asin item-status quantity currency item-price"
        " item-tax shipping-price shipping-tax gift-wrap-price gift-wrap-tax item-promotion-discount"
        " ship-promotion-discount ship-city ship-state ship-postal-code ship-country promotion-ids is-business-order"
        " purchase-order-number price-designation"
    ),
    Kind.CANCELLATIONS: (
        "order-id order-item-id sku product-name quantity-cancelled cancelled-at cancelled-by reason code counted"
        " excluded request-date buyer-requested-cancel-reason"
    ),
}
ADDED = "is-buyer-requested-cancellation buyer-requested-cancel-reason verge-of-cancellation verge-of-lateShipment"


def add(cast: Cast, *names: str) -> None:
    """Add these columns and take the others away."""
    wished = {name: name in names for name in OPTIONAL}
    add_columns(seller_id=cast.shop.pk, wished=wished, by=cast.seller, now=LATER)


# --- layouts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LAYOUTS)
def test_columns_stand_in_the_order_of_the_wire_and_optional_ones_at_the_end(kind):
    assert head_of(kind, []) == LAYOUTS[kind]
    added = LAYOUTS[kind] if kind == Kind.CANCELLATIONS else f"{LAYOUTS[kind]} {ADDED}"
    assert head_of(kind, ALL_COLUMNS) == added


def head_of(kind: Kind, added: list[str]) -> str:
    return layout_of(kind, added, merchant_id="A2").head.replace("\t", " ")


def test_open_orders_are_listed_with_what_is_to_send(cast: Cast, made):
    order, gone, cancelled = cast.order(3), cast.order(1), cast.order(1)
    cast.order(1, verified=False)
    cast.cancel(order, units={lines_of(order)[0]: 1})
    cast.confirm(gone)
    cast.cancel(cancelled)
    (row,) = rows_of(made(Kind.ACTIONABLE))
    shown = ("order-id", "quantity-purchased", "quantity-shipped", "quantity-to-ship", "is-prime", "buyer-email")
    assert [row[name] for name in shown] == [order.number, "3", "0", "2", "false", "dora@buyer.example"]
    assert row["purchase-date"] == "2026-07-01T12:00:00+09:00"
    assert row["promise-date"] == "2026-07-04T23:59:59+09:00"
    assert row["days-past-promise"] == "-3"
    assert row["reporting-date"] == "2026-07-01T13:00:00+09:00"
    (row,) = rows_of(made(Kind.UNSHIPPED))
    assert [row[name] for name in ("item-price", "shipping-price", "quantity-purchased")] == ["2000", "300", "2"]


def test_what_was_cancelled_or_has_left_is_not_listed_as_units_to_send(cast: Cast, made):
    order = cast.order(1, 3, 1)
    first, second, third = lines_of(order)
    cast.cancel(order, units={first: 1, second: 2})
    cast.confirm(order, {third: 1})
    (row,) = rows_of(made(Kind.UNSHIPPED))
    assert (row["sku"], row["quantity-purchased"], row["item-price"]) == ("POT-2", "1", "1000")
    (row,) = rows_of(made(Kind.ACTIONABLE))
    assert (row["sku"], row["quantity-to-ship"]) == ("POT-2", "1")


def test_all_orders_show_their_states_and_nobody_s_name(cast: Cast, made):
    orders = {
        "Pending": cast.order(1, verified=False),
        "Unshipped": cast.order(1),
        "Shipping": cast.order(2),
        "Shipped": cast.order(1),
        "Cancelled": cast.order(1),
    }
    cast.confirm(orders["Shipping"], {lines_of(orders["Shipping"])[0]: 1})
    cast.confirm(orders["Shipped"])
    cast.cancel(orders["Cancelled"])
    content = made(Kind.ALL_BY_ORDER_DATE)
    rows = {row["amazon-order-id"]: row for row in rows_of(content)}
    assert {name: rows[order.number]["order-status"] for name, order in orders.items()} == {
        name: name for name in orders
    }
    cancelled, pending = rows[orders["Cancelled"].number], rows[orders["Pending"].number]
    assert (cancelled["quantity"], cancelled["item-price"], cancelled["item-status"]) == ("0", "", "Cancelled")
    assert (pending["ship-city"], pending["ship-postal-code"]) == ("", "")
    assert rows[orders["Unshipped"].number]["ship-city"] != ""
    assert "森下".encode() not in content
    assert rows[orders["Shipped"].number]["purchase-date"] == "2026-07-01T03:00:00+00:00"


def test_the_flag_is_true_while_a_request_for_the_item_is_open_or_was_approved(cast: Cast, made):  # D-16
    add(cast, "buyer_requested", "request_reason")
    names = ("open", "approved", "declined", "withdrawn", "none")
    orders = {name: cast.order(1, 1) for name in names}
    for name in names[:-1]:
        cast.request(orders[name], {lines_of(orders[name])[0]: 1})
    cast.cancel(orders["approved"], Reason.BUYER_CANCELED, {lines_of(orders["approved"])[0]: 1})
    cast.decline(orders["declined"])
    cast.withdraw(orders["withdrawn"])
    flags = {(row["amazon-order-id"], row["sku"]): row for row in rows_of(made(Kind.ALL_BY_ORDER_DATE))}
    for name, order in orders.items():
        first, second = flags[order.number, "POT-1"], flags[order.number, "POT-2"]
        expected = "TRUE" if name in {"open", "approved"} else "FALSE"
        assert first["is-buyer-requested-cancellation"] == expected, name
        assert first["buyer-requested-cancel-reason"] == ("商品が不要になった" if expected == "TRUE" else ""), name
        assert second["is-buyer-requested-cancellation"] == "FALSE", name


def test_what_is_on_the_verge_is_told_by_the_policy_s_days(cast: Cast, made):
    add(cast, "verge_of_cancellation", "verge_of_late_shipment")
    PolicyVersion.objects.create(number=2, starts_at=NOON, second_warning_days=4)
    today = datetime(2026, 7, 10, 3, tzinfo=UTC)
    days = {0: ("false", "true"), 3: ("false", "true"), 4: ("true", "true"), -1: ("false", "false")}
    orders = {late: cast.order(1, ship_by=date(2026, 7, 10) - timedelta(days=late)) for late in days}
    rows = {row["order-id"]: row for row in rows_of(made(Kind.UNSHIPPED, now=today))}
    found = {
        late: (rows[order.number]["verge-of-cancellation"], rows[order.number]["verge-of-lateShipment"])
        for late, order in orders.items()
    }
    assert found == days


def test_columns_are_those_of_the_moment_of_ordering(cast: Cast, own_store):
    cast.order(1)
    report = ordered(cast, Kind.UNSHIPPED)
    add(cast, *ALL_COLUMNS)
    make_report(report_id=report.pk, clock=lambda: LATER)
    assert "verge-of-cancellation" not in rows_of(file_of(report, own_store))[0]
    assert AuditEntry.objects.get().after == dict.fromkeys(OPTIONAL, True)
    with nothing_changes():
        add(cast, *ALL_COLUMNS)


def test_cancelled_items_are_listed_with_what_was_decided(cast: Cast, made):
    asked, other = cast.order(2), cast.order(1)
    cast.request(asked)
    cast.cancel(asked, Reason.BUYER_CANCELED)
    cast.cancel(other)
    first, second = rows_of(made(Kind.CANCELLATIONS))
    shown = ("order-id", "quantity-cancelled", "cancelled-by", "reason", "code", "counted", "excluded")
    assert [first[name] for name in shown] == [
        asked.number,
        "2",
        "SELLER",
        "BUYER_CANCELED",
        "BUY-1",
        "FALSE",
        "FALSE",
    ]
    assert (first["buyer-requested-cancel-reason"], first["request-date"]) == (
        "商品が不要になった",
        "2026-07-01T13:00:00+09:00",
    )
    assert [second[name] for name in ("code", "counted", "request-date")] == ["SEL-1", "TRUE", ""]


def test_no_cell_is_a_formula_or_breaks_its_line(cast: Cast, made):
    titles = ["=1+1", "+1", "-1", "@x", "a\tb\r\nc", 'quote " in it', "'plain", "\\N", "\\."]
    orders = [cast.order(1, items=[factories.item(title, price=1)]) for title in titles]
    Recipient.objects.update(name="=cmd()", line1="x\ty", country="=1")
    type(cast.dora).objects.filter(pk=cast.dora.pk).update(email="=1+1|x@evil.example")
    rows = {row["order-id"]: row for row in rows_of(made(Kind.UNSHIPPED))}
    assert [rows[order.number]["product-name"] for order in orders] == [
        "'=1+1",
        "'+1",
        "'-1",
        "'@x",
        "a b  c",
        'quote " in it',
        "'plain",
        "\\N",
        "\\.",
    ]
    shown = ("recipient-name", "ship-country", "buyer-email")
    assert {tuple(row[name] for name in shown) for row in rows.values()} == {
        ("'=cmd()", "'=1", "'=1+1|x@evil.example")
    }


def test_shift_jis_is_written_with_a_question_mark_for_what_it_lacks(cast: Cast, made):
    cast.order(1, items=[factories.item("①㈱髙～𩸽", price=1)])
    content = made(Kind.UNSHIPPED, encoding=Encoding.CP932)
    (row,) = rows_of(content, "cp932")
    assert row["product-name"] == "①㈱髙～?"
    assert content.endswith(b"\r\n")
    assert b"\r\n" in content


# --- whose, and when ----------------------------------------------------------------------------------------


def test_a_report_holds_its_shop_and_its_period_alone(cast: Cast, made):
    inside = cast.order(1)
    factories.order(cast.other_shop, cast.dora)
    cast.order(1, placed_at=NOON - timedelta(days=40))
    assert [row["order-id"] for row in rows_of(made(Kind.UNSHIPPED))] == [inside.number]
    day = dict.fromkeys(("first", "last"), date(2026, 7, 1))
    assert len(rows_of(made(Kind.UNSHIPPED, **day))) == 1
    assert rows_of(made(Kind.UNSHIPPED, **dict.fromkeys(("first", "last"), date(2026, 7, 2)))) == []


def test_a_request_makes_an_order_reappear_by_its_last_update(cast: Cast, made):
    order = cast.order(1)
    later = LATER + timedelta(days=5)
    day = dict.fromkeys(("first", "last"), later.date())
    assert rows_of(made(Kind.ALL_BY_LAST_UPDATE, now=later, **day)) == []
    cast.request(order, now=later)
    (row,) = rows_of(made(Kind.ALL_BY_LAST_UPDATE, now=later, **day))
    assert row["amazon-order-id"] == order.number


def test_a_report_covers_a_year_at_most(cast: Cast):
    with pytest.raises(TooLong), nothing_changes():
        ordered(cast, Kind.UNSHIPPED, first=date(2025, 1, 1), last=date(2026, 1, 3))


def test_a_report_is_made_once_and_one_that_failed_leaves_no_file(cast: Cast, own_store, monkeypatch):
    report = ordered(cast, Kind.UNSHIPPED)
    monkeypatch.setattr("reports.actions._done", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make_report(report_id=report.pk, clock=lambda: LATER)
    assert not [path for path in own_store.rglob("*") if path.is_file()]
    monkeypatch.undo()
    give_up(report_id=report.pk, now=LATER)
    make_report(report_id=report.pk, clock=lambda: LATER)
    report.refresh_from_db()
    assert (report.state, report.document) == ("FATAL", None)


def test_files_are_forgotten_after_thirty_days_and_their_rows_after_ninety(cast: Cast, own_store, made):
    made(Kind.UNSHIPPED)
    assert forget_documents(now=LATER + timedelta(days=30)) == 0
    assert forget_documents(now=LATER + timedelta(days=30, seconds=1)) == 1
    assert not [path for path in own_store.rglob("*") if path.is_file()]
    assert Report.objects.get().document.forgotten_at is not None
    forget_documents(now=LATER + timedelta(days=90))
    assert Report.objects.exists()
    forget_documents(now=LATER + timedelta(days=90, seconds=1))
    assert not Report.objects.exists()
    assert not ReportDocument.objects.exists()


def test_a_file_that_no_row_names_is_taken_away_after_a_day(cast: Cast, own_store, made):
    made(Kind.UNSHIPPED)
    (kept,) = [path for path in own_store.rglob("*") if path.is_file()]
    stray = kept.with_name("stray")
    for path in (stray, kept):
        path.touch()
        os.utime(path, ((LATER - timedelta(hours=25)).timestamp(),) * 2)
    assert forget_documents(now=LATER) == 1
    assert [path for path in own_store.rglob("*") if path.is_file()] == [kept]


def test_a_report_costs_as_many_statements_for_many_orders_as_for_one(cast: Cast):
    def statements(count: int) -> int:
        cast.orders(count)
        report = ordered(cast, Kind.UNSHIPPED)
        with counted_statements() as found:
            make_report(report_id=report.pk, clock=lambda: LATER)
        return found[0]

    assert statements(1) == statements(60)


# --- timetables ---------------------------------------------------------------------------------------------


def test_a_timetable_is_due_at_its_local_hour_every_day_or_on_mondays():
    after = datetime(2026, 7, 1, 0, 0, tzinfo=UTC)  # Wednesday, 09:00 in Tokyo
    assert next_run(Every.DAY, 9, after=after, zone=zone()) == after + timedelta(days=1)
    assert next_run(Every.DAY, 10, after=after, zone=zone()) == after + timedelta(hours=1)
    assert next_run(Every.WEEK, 9, after=after, zone=zone()) == datetime(2026, 7, 6, 0, 0, tzinfo=UTC)
    yesterday = period_of_run(Kind.ALL_BY_ORDER_DATE, Every.DAY, after, zone(), now=after)
    assert yesterday == period_of(date(2026, 6, 30), date(2026, 6, 30), zone())
    assert period_of_run(Kind.UNSHIPPED, Every.DAY, after, zone(), now=after).end > after


def test_a_due_timetable_orders_its_report_once_however_late(cast: Cast):
    made = schedule_report(
        seller_id=cast.shop.pk,
        kind=Kind.CANCELLATIONS,
        encoding=Encoding.CP932,
        every=Every.DAY,
        hour=9,
        by=cast.seller,
        now=LATER,
    )
    assert made.next_at == datetime(2026, 7, 2, 0, 0, tzinfo=UTC)
    with nothing_changes():
        assert order_scheduled(now=made.next_at - timedelta(microseconds=1)) == 0
    late = made.next_at + timedelta(days=3, minutes=5)
    assert order_scheduled(now=late) == 1
    report = Report.objects.get()
    assert (report.schedule, report.encoding, report.ordered_by) == (made, "cp932", cast.alice)
    # The day before it was due, and the three that the late run has missed.
    missed = period_of(date(2026, 7, 1), date(2026, 7, 4), zone())
    assert (report.covers_from, report.covers_until) == (missed.start, missed.end)
    assert order_scheduled(now=late) == 0
    made.refresh_from_db()
    assert made.next_at == datetime(2026, 7, 6, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("interval", [name for name, length in INTERVALS.items() if length])
def test_an_interval_is_due_again_after_its_length_without_drift_and_once_however_late(interval):
    due, length = datetime(2026, 7, 1, 3, 7, tzinfo=UTC), INTERVALS[interval]
    assert next_after_interval(interval, due, after=due) == due + length
    assert next_after_interval(interval, due, after=due + length * 3.5) == due + length * 4


def test_a_month_is_one_of_the_calendar_and_comes_back_to_its_day():
    due = datetime(2027, 1, 31, 3, 0, tzinfo=UTC)
    assert next_after_interval("P1M", due, after=due) == datetime(2027, 2, 28, 3, 0, tzinfo=UTC)
    assert next_after_interval("P1M", due, after=due + timedelta(days=40)) == datetime(
        2027, 3, 31, 3, 0, tzinfo=UTC
    )
    assert next_after_interval(
        "P1M", datetime(2026, 12, 5, tzinfo=UTC), after=datetime(2026, 12, 6, tzinfo=UTC)
    ) == (datetime(2027, 1, 5, tzinfo=UTC))


def test_an_interval_orders_open_orders_and_a_new_one_replaces_the_last(cast: Cast):
    given = {"seller_id": cast.shop.pk, "kind": Kind.UNSHIPPED, "first_at": None, "by": cast.seller, "now": LATER}
    old = schedule_after_interval(interval="PT15M", **given)
    new = schedule_after_interval(interval="PT1H", **given)
    assert list(ReportSchedule.objects.all()) == [new]
    assert old.pk != new.pk
    assert order_scheduled(now=LATER) == 1
    report = Report.objects.get()
    assert report.schedule == new
    assert order_scheduled(now=LATER + timedelta(minutes=59)) == 0
    assert order_scheduled(now=LATER + timedelta(minutes=61)) == 1
    new.refresh_from_db()
    assert new.next_at == LATER + timedelta(hours=2)
    with pytest.raises(ValueError, match="open orders"):
        schedule_after_interval(interval="PT1H", **given | {"kind": Kind.ALL_BY_ORDER_DATE})


def test_a_timetable_says_when_in_words():
    with override("ja"):
        words = [ReportSchedule(every="INTERVAL", interval=name).words for name in ("PT5M", "PT84H", "P3D", "P1M")]
        assert words == ["5分ごと", "84時間ごと", "3日ごと", "毎月"]
        assert ReportSchedule(every="WEEK", hour=7).words == "毎週月曜日 7:00"


def test_whoever_left_the_shop_orders_nothing_more(cast: Cast):
    fields = {"kind": Kind.UNSHIPPED, "encoding": Encoding.UTF_8, "every": Every.DAY, "hour": 9}
    made = schedule_report(seller_id=cast.shop.pk, by=cast.seller, now=LATER, **fields)
    cast.alice.memberships.all().delete()
    assert order_scheduled(now=made.next_at) == 0
    assert not Report.objects.exists()


def test_a_shop_has_a_timetable_once_and_ends_its_own_alone(cast: Cast):
    fields = {"kind": Kind.UNSHIPPED, "encoding": Encoding.UTF_8, "every": Every.WEEK, "hour": 0}
    made = schedule_report(seller_id=cast.shop.pk, by=cast.seller, now=LATER, **fields)
    with pytest.raises(AlreadyThere):
        schedule_report(seller_id=cast.shop.pk, by=cast.seller, now=LATER, **fields)
    assert end_schedule(seller_id=cast.other_shop.pk, schedule_id=made.pk) is False
    assert end_schedule(seller_id=cast.shop.pk, schedule_id=made.pk) is True


@pytest.mark.django_db(transaction=True)
def test_a_long_report_says_beside_its_transaction_how_far_it_is(cast: Cast, made, monkeypatch):
    kept: list[int] = []
    passed = actions._Progress.passed
    reader = connections.create_connection("default")

    def and_look(progress, rows):
        passed(progress, rows)
        with reader.cursor() as cursor:
            cursor.execute("SELECT percent FROM reports_report")
            kept.append(cursor.fetchone()[0])

    monkeypatch.setattr(actions._Progress, "passed", and_look)
    monkeypatch.setattr("reports.actions.ROWS_IN_A_MOMENT", 20)
    cast.orders(40)
    with closing(reader):
        made(Kind.UNSHIPPED)
    assert kept == sorted(kept)
    assert {0, 50} < set(kept)
    assert kept[-1] == 99
    assert Report.objects.get().percent == 100


def test_a_report_of_a_moment_says_nothing_on_its_way(cast: Cast, made, monkeypatch):
    monkeypatch.setattr("reports.actions.connections.create_connection", lambda alias: pytest.fail("asked"))
    monkeypatch.setattr("reports.actions.ROWS_IN_A_MOMENT", 41)
    cast.orders(40)
    made(Kind.UNSHIPPED)


def test_a_report_is_made_although_nobody_can_be_told_how_far_it_is(cast: Cast, made, monkeypatch):
    asked = []

    def refuse(alias):
        asked.append(alias)
        raise OperationalError("too many connections")

    monkeypatch.setattr("reports.actions.connections.create_connection", refuse)
    monkeypatch.setattr("reports.actions.ROWS_IN_A_MOMENT", 20)
    cast.orders(40)
    assert len(rows_of(made(Kind.UNSHIPPED))) == 40
    assert len(asked) == 1, "it is not tried again for every row"


def test_a_report_whose_rows_take_too_long_to_count_is_made_without_a_percentage(cast: Cast, made, monkeypatch):
    slow = Layout("order-id", "SELECT o.number FROM orders_order AS o", "SELECT count(pg_sleep(5))")
    monkeypatch.setattr("reports.actions.layout_of", lambda kind, added, **more: slow)
    monkeypatch.setattr("reports.actions.LONGEST_COUNT_MILLISECONDS", 10)
    cast.orders(3)
    assert len(rows_of(made(Kind.UNSHIPPED))) == 3


@pytest.mark.parametrize("kind", sorted(set(Kind) - SCHEDULED_ONLY))
def test_as_many_rows_are_counted_as_are_written(cast: Cast, made, kind):
    seen = []
    order = cast.order(2, 1)
    cast.order(3)
    cast.cancel(order, units={lines_of(order)[1]: 1})
    count = actions._Progress.passed

    def passed(progress, rows):
        count(progress, rows)
        seen.append((progress.expected, progress.rows))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(actions._Progress, "passed", passed)
        made(kind)
    expected, written = seen[-1]
    assert expected == written - 1, "the header is no row"
    assert expected


# --- round trip ---------------------------------------------------------------------------------------------


def read_rows(content: bytes) -> list:
    """An order file's rows, as the import reads them."""
    file = OrderFile(io.BytesIO(content))
    return [file.read(number, text) for number, text in file.lines()]


def taken_over(cast: Cast, content: bytes):
    """Take an order file over, as `import_orders` does."""
    by = Actor(Role.MARKETPLACE, Door.IMPORT, None, "")
    opened = records.open_import(seller=cast.shop, file_name="report.txt", by=by, now=LATER)
    return imports.run_import(import_id=opened.pk, content=io.BytesIO(content), clock=lambda: LATER)


@pytest.mark.parametrize("encoding", Encoding)
def test_a_report_read_back_gives_the_same_orders(cast: Cast, made, encoding):
    sent = factories.item("=見本「①」", price=1980, sku="-SKU 1", quantity=3, shipping_price=500)
    items = ("sku", "title", "quantity_ordered", "item_price", "shipping_price", "item_id")
    people = ("name", "postal_code", "state", "city", "line1", "line2", "line3", "phone")

    class Undone(Exception):
        pass

    kept: dict[str, list] = {}
    try:
        with transaction.atomic():
            cast.order(1, items=[sent, factories.item("じょうろ", sku="CAN", price=2400)])
            cast.order(2)
            content = made(Kind.UNSHIPPED, encoding=encoding)
            kept["orders"] = list(Order.objects.order_by("number").values_list("number", "placed_at", "total"))
            kept["items"] = list(OrderItem.objects.order_by("item_id").values_list(*items))
            kept["people"] = list(Recipient.objects.order_by("order__number").values_list(*people))
            raise Undone
    except Undone:
        pass
    assert not Order.objects.exists()
    done = taken_over(cast, content)
    assert (done.state, done.orders_created, done.lines_refused) == ("DONE", 2, 0)
    assert list(Order.objects.order_by("number").values_list("number", "placed_at", "total")) == kept["orders"]
    assert list(OrderItem.objects.order_by("item_id").values_list(*items)) == kept["items"]
    assert list(Recipient.objects.order_by("order__number").values_list(*people)) == kept["people"]
    again = taken_over(cast, content)
    assert (again.orders_created, again.orders_updated, again.orders_unchanged) == (0, 0, 2)


@pytest.mark.parametrize("encoding", Encoding)
def test_a_report_that_a_spreadsheet_opened_and_saved_reads_back_the_same(cast: Cast, made, tmp_path, encoding):
    cast.order(1, items=[factories.item('見本「①」 "A"', price=1980, sku="0012", quantity=3)])
    cast.order(2, 1)
    charset = {Encoding.UTF_8: office.UTF_8, Encoding.CP932: office.CP932}[encoding]
    as_made = made(Kind.UNSHIPPED, encoding=encoding)
    again = office.opened_and_saved(tmp_path, as_made, charset=charset)
    assert read_rows(again) == read_rows(as_made)
    done = taken_over(cast, again)
    assert (done.orders_created, done.orders_updated, done.orders_unchanged, done.lines_refused) == (0, 0, 2, 0)


@pytest.mark.parametrize("kind", [Kind.ACTIONABLE, Kind.ALL_BY_ORDER_DATE])
def test_the_other_layouts_read_back_change_nothing(cast: Cast, made, kind):
    cast.order(2, 1)
    partly = cast.order(2, 1)
    cast.cancel(partly, units={lines_of(partly)[1]: 1})
    content = made(kind)
    done = taken_over(cast, content)
    assert (done.orders_created, done.orders_updated, done.orders_unchanged, done.lines_refused) == (0, 0, 2, 0)
