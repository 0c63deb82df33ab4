"""Taking over order files: what a file means for new and known orders, and an answer for every line."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils.translation import override

from cancellations.models import Cancellation, CancellationRequest
from events.models import Delivery, Event
from orders import import_records as records
from orders import imports, staging, tasks
from orders.actions import hold
from orders.imports import chunks
from orders.models import Import, Order
from orders.queries import orders_without_ship_by, overdue
from orders.wording import FILE_SENTENCES, LINE_SENTENCES, file_sentence, line_sentence
from payments.models import Authorization, Charge
from tests import factories
from tests.books import checksums, counted_statements, offences
from tests.cast import names_of, units_of
from tests.data import make_samples
from tests.factories import NOON
from tests.orders.order_files import NUMBER, SECOND, UNSHIPPED, actionable, all_orders, text, unshipped

DATA = Path(__file__).parent.parent / "data"
OTHER = "249-0000002-0000002"
OTHER_ITEM = {"order-item-id": "00000000000021"}
# The samples were reported on this morning.
REPORTED = datetime(2026, 7, 8, 3, 0, tzinfo=UTC)


def take_over(seller, content: bytes, *, now: datetime = NOON, **options) -> Import:
    opened = records.open_import(seller=seller, file_name="orders.txt", by=factories.SYSTEM, now=now)
    return imports.run_import(import_id=opened.pk, content=io.BytesIO(content), clock=lambda: now, **options)


def counts(done: Import) -> tuple[int, int, int, int, int]:
    """Lines read and refused; orders created, updated and unchanged."""
    return (
        done.lines_read,
        done.lines_refused,
        done.orders_created,
        done.orders_updated,
        done.orders_unchanged,
    )


def said(done: Import) -> list[tuple[int, str, str]]:
    return list(done.lines.values_list("line_number", "result", "code"))


@contextmanager
def nothing_changes_but_imports() -> Iterator[None]:
    """Require that only the records of imports differ after the block."""
    before = checksums()
    yield
    after = checksums()
    assert {table for table in after if after[table] != before[table]} <= {"orders_import", "orders_importline"}


@contextmanager
def cursed(number: str) -> Iterator[None]:
    """The database refuses orders of this number, for this test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("ALTER TABLE orders_order ADD CONSTRAINT cursed CHECK (number <> %s)", [number])
    yield


def the_order(number: str = NUMBER) -> Order:
    return Order.objects.get(number=number)


# --- new orders -------------------------------------------------------------------------------------------


def test_an_order_is_placed_verified_booked_and_nobody_is_told(cast):
    done = take_over(cast.shop, unshipped({}, SECOND))
    assert (done.state, done.layout, done.encoding, done.finished_at) == ("DONE", "unshipped", "utf-8", NOON)
    assert counts(done) == (2, 0, 1, 0, 0)
    order = the_order()
    assert (order.status, order.seller, order.total) == ("UNSHIPPED", cast.shop, Decimal(3100))
    assert (order.placed_at, order.payment_verified_at) == (datetime(2026, 6, 30, 1, tzinfo=UTC),) * 2
    assert (order.buyer.email, order.buyer.has_usable_password()) == ("haruka@buyer.example", False)
    assert (order.recipient.name, order.recipient.city) == ("森下 遥", "京都市")
    assert list(order.items.order_by("pk").values_list("item_id", "sku", "quantity_ordered")) == [
        ("00000000000011", "POT-T5", 2),
        ("00000000000012", "TRAY-R5", 2),
    ]
    held = Authorization.objects.get()
    assert (held.provider, held.state, held.amount) == ("none", "HELD", 3100)
    event = Event.objects.get()
    assert (event.name, event.role, event.door) == ("order.placed", "SYSTEM", "IMPORT")
    assert not Delivery.objects.exists()
    assert offences() == {}


def test_a_promise_date_is_the_local_ship_by_date_and_fixes_the_automatic_cancellation(cast):
    take_over(cast.shop, actionable({"promise-date": "2026-07-03T15:00:00Z", "payment-method": "COD"}))
    order = the_order()
    assert (order.ship_by_date, order.payment_method) == (date(2026, 7, 4), "COD")
    assert order.auto_cancel_due_at == datetime(2026, 7, 11, 15, tzinfo=UTC)
    assert (order.total, order.items.get().item_price) == (None, None)
    assert not Authorization.objects.exists()


def test_a_layout_without_promises_leaves_the_ship_by_date_empty_and_the_sweep_away(cast):
    take_over(cast.shop, unshipped({}))
    assert list(orders_without_ship_by()) == [the_order()]
    assert not overdue(NOON + timedelta(days=400)).exists()


def test_what_was_shipped_before_becomes_a_shipment_without_mail_or_charge(cast):
    take_over(cast.shop, actionable({"quantity-shipped": "1"}))
    order = the_order()
    assert (order.status, units_of(order)) == ("PARTIALLY_SHIPPED", [(2, 1, 0)])
    assert order.shipments.get().shipped_on == date(2026, 7, 1)
    assert names_of(order) == ["order.placed", "shipment.confirmed"]
    assert not Charge.objects.exists()
    assert not Delivery.objects.exists()
    assert offences() == {}


@pytest.mark.parametrize(
    ("lines", "status", "units"),
    [
        ([{}], "UNSHIPPED", [(2, 0, 0)]),
        ([{"order-status": "Pending"}], "PENDING", [(2, 0, 0)]),
        ([{"item-status": "Shipped"}], "SHIPPED", [(2, 2, 0)]),
        ([{"item-status": "Cancelled", "quantity": "0", "item-price": ""}], "CANCELED", [(1, 0, 1)]),
        ([{"item-status": "Cancelled"}], "CANCELED", [(2, 0, 2)]),
        ([{"item-status": "Shipped"}, SECOND], "PARTIALLY_SHIPPED", [(2, 2, 0), (2, 0, 0)]),
        ([{"item-status": "Cancelled"}, SECOND], "UNSHIPPED", [(2, 0, 2), (2, 0, 0)]),
        ([{"item-status": "Cancelled"}, SECOND | {"item-status": "Shipped"}], "SHIPPED", [(2, 0, 2), (2, 2, 0)]),
    ],
)
def test_every_status_is_taken_over(cast, lines, status, units):
    take_over(cast.shop, all_orders(*lines))
    order = the_order()
    assert (order.status, units_of(order), order.buyer, order.ship_by_date) == (status, units, None, None)
    assert set(Cancellation.objects.values_list("reason", "code", "counted")) <= {("IMPORTED", "MKT-9", False)}
    assert not Delivery.objects.exists()
    assert offences() == {}


def test_money_of_open_orders_is_booked_less_what_was_cancelled(cast):
    take_over(cast.shop, all_orders({"item-status": "Cancelled", "quantity": "1", "item-price": "1000"}, SECOND))
    held = Authorization.objects.get()
    assert (held.amount, held.released, held.state) == (1500, 1000, "HELD")
    take_over(cast.shop, all_orders({"amazon-order-id": OTHER, "item-status": "Shipped"}))
    assert Authorization.objects.count() == 1


def test_orders_the_marketplace_sends_are_taken_over_and_never_swept(cast):
    amazon = {"fulfillment-channel": "Amazon"}
    take_over(cast.shop, all_orders(amazon, amazon | {"amazon-order-id": OTHER, "item-status": "Shipped"}))
    assert (the_order().fulfillment_channel, the_order(OTHER).status) == ("MARKETPLACE", "SHIPPED")
    Order.objects.update(auto_cancel_due_at=NOON)
    assert not overdue(NOON).exists()


# --- known orders -----------------------------------------------------------------------------------------


def test_the_same_file_again_changes_nothing(cast):
    content = (DATA / "all_orders_cp932.txt").read_bytes()
    first = take_over(cast.shop, content, now=REPORTED)
    assert counts(first) == (437, 0, 300, 0, 0)
    assert set(Order.objects.values_list("status", flat=True)) == set(Order.Status.values)
    with nothing_changes_but_imports():
        again = take_over(cast.shop, content, now=REPORTED)
    assert counts(again) == (437, 0, 0, 0, 300)
    assert offences(now=REPORTED) == {}


def test_a_second_report_completes_what_the_first_could_not_say(cast):
    take_over(cast.shop, (DATA / "all_orders_cp932.txt").read_bytes(), now=REPORTED)
    undated = orders_without_ship_by().count()
    report = (DATA / "actionable_cp932.txt").read_bytes()
    later = take_over(cast.shop, report, now=REPORTED)
    assert (later.lines_refused, later.orders_created, later.orders_unchanged) == (0, 0, 0)
    assert later.orders_updated >= 100
    assert orders_without_ship_by().count() < undated
    again = take_over(cast.shop, report, now=REPORTED)
    assert (again.orders_updated, again.orders_unchanged) == (0, later.orders_updated)
    # What was due long before the file came is the sweep's to find, within its next minutes.
    assert set(offences(now=REPORTED)) <= {"INV-23"}


def test_a_later_file_ships_more_and_never_less(cast):
    take_over(cast.shop, actionable({}))
    assert counts(take_over(cast.shop, actionable({"quantity-shipped": "1"})))[3:] == (1, 0)
    assert units_of(the_order()) == [(2, 1, 0)]
    assert counts(take_over(cast.shop, actionable({"quantity-shipped": "0"})))[3:] == (0, 1)
    assert units_of(the_order()) == [(2, 1, 0)]
    take_over(cast.shop, all_orders({"item-status": "Shipped"}))
    assert (the_order().status, units_of(the_order())) == ("SHIPPED", [(2, 2, 0)])


def test_a_later_file_verifies_a_pending_order_and_cancels_an_open_one(cast):
    take_over(cast.shop, all_orders({"order-status": "Pending"}))
    assert counts(take_over(cast.shop, all_orders({"order-status": "Pending"})))[3:] == (0, 1)
    take_over(cast.shop, all_orders({}))
    assert the_order().status == "UNSHIPPED"
    take_over(cast.shop, all_orders({"item-status": "Cancelled", "quantity": "0", "item-price": ""}))
    order = the_order()
    assert (order.status, units_of(order)) == ("CANCELED", [(2, 0, 2)])
    assert names_of(order) == ["order.placed", "payment.verified", "order.cancelled"]
    held = Authorization.objects.get()
    assert (held.state, held.released) == ("RELEASED", held.amount)
    assert offences() == {}


def test_a_later_file_never_takes_back_a_cancellation_or_a_shipment_and_says_so(cast):
    take_over(
        cast.shop, all_orders({"item-status": "Cancelled"}, {"amazon-order-id": OTHER, "item-status": "Shipped"})
    )
    with nothing_changes_but_imports():
        done = take_over(
            cast.shop,
            all_orders({"item-status": "Shipped"}, {"amazon-order-id": OTHER, "item-status": "Cancelled"}),
        )
    assert counts(done) == (2, 0, 0, 0, 2)
    assert said(done) == [(2, "WARNING", "KEPT_CANCELLED"), (3, "WARNING", "KEPT_SHIPPED")]


def test_a_known_ship_by_date_is_kept_and_a_missing_one_is_filled(cast):
    take_over(cast.shop, unshipped({}))
    assert counts(take_over(cast.shop, actionable({})))[3:] == (1, 0)
    assert the_order().ship_by_date == date(2026, 7, 3)
    later = actionable({"promise-date": "2026-07-09"})
    assert counts(take_over(cast.shop, later))[3:] == (0, 1)
    assert the_order().ship_by_date == date(2026, 7, 3)


def test_a_file_never_touches_a_request_but_a_shipment_in_it_ends_one_and_is_warned_of(cast):
    order = cast.order(2)
    cast.request(order)
    line = {"order-id": order.number, "order-item-id": order.lines[0].item_id, "promise-date": ""}
    assert counts(take_over(cast.shop, actionable(line)))[3:] == (0, 1)
    assert CancellationRequest.objects.get().status == "OPEN"
    done = take_over(cast.shop, actionable(line | {"quantity-shipped": "2"}), now=NOON + timedelta(hours=3))
    assert said(done) == [(2, "WARNING", "OPEN_CANCELLATION_REQUEST")]
    assert CancellationRequest.objects.get().close_reason == "SHIPPED"


def test_a_hold_does_not_keep_goods_that_have_left_from_being_shipped(cast):
    take_over(cast.shop, actionable({}))
    hold(order_ids=[the_order().pk], note="", by=factories.SYSTEM, now=NOON)
    take_over(cast.shop, actionable({"quantity-shipped": "2"}))
    assert the_order().status == "SHIPPED"


def test_items_are_recognised_by_sku_and_position_where_the_portal_drew_their_numbers(cast):
    twice = {"quantity": "1"}
    take_over(cast.shop, all_orders({}, twice))
    lines = {"order-item-id": "00000000000031"}, {"order-item-id": "00000000000032", "quantity-shipped": "1"}
    done = take_over(cast.shop, actionable(*lines))
    assert (done.orders_updated, done.lines_refused) == (1, 0)
    assert units_of(the_order()) == [(2, 0, 0), (1, 1, 0)]


# --- lines that stand elsewhere, twice, or not at all -----------------------------------------------------


def test_lines_of_an_order_come_together_wherever_they_stand(cast, monkeypatch):
    monkeypatch.setattr(chunks, "LINES_PER_CHUNK", 3)
    monkeypatch.setattr(staging, "PAGE", 2)
    numbers = [f"249-0000000-{serial:07d}" for serial in range(10)]
    lines = [
        {"order-id": number, "order-item-id": f"{serial:014d}", "sku": f"SKU-{position}"}
        for position in range(2)
        for serial, number in enumerate(numbers, start=position * 100)
    ]
    done = take_over(cast.shop, unshipped(*lines))
    assert counts(done) == (20, 0, 10, 0, 0)
    assert {order.items.count() for order in Order.objects.all()} == {2}


def test_of_an_order_described_twice_the_latest_description_counts(cast):
    earlier = {"order-status": "Pending", "last-updated-date": "2026-06-30T01:00:00+00:00"}
    done = take_over(cast.shop, all_orders(earlier, {"amazon-order-id": OTHER}, {"item-status": "Shipped"}))
    assert counts(done) == (3, 0, 2, 0, 0)
    assert units_of(the_order()) == [(2, 2, 0)]


def test_a_repeated_line_is_warned_of_and_a_contradicting_one_refused(cast):
    done = take_over(cast.shop, unshipped({}, {}, {"quantity-purchased": "3"}))
    assert counts(done) == (3, 1, 1, 0, 0)
    assert said(done) == [(3, "WARNING", "DUPLICATE_LINE"), (4, "ERROR", "CONFLICTING_DUPLICATE")]
    assert units_of(the_order()) == [(2, 0, 0)]


def test_an_order_with_a_refused_line_is_not_placed_and_the_next_file_places_it(cast):
    done = take_over(
        cast.shop, unshipped({}, SECOND | {"quantity-purchased": "x"}, {"order-id": OTHER} | OTHER_ITEM)
    )
    assert counts(done) == (3, 2, 1, 0, 0)
    assert said(done) == [(2, "ERROR", "ORDER_INCOMPLETE"), (3, "ERROR", "QUANTITY_FORMAT")]
    assert counts(take_over(cast.shop, unshipped({}, SECOND))) == (2, 0, 1, 0, 0)


def test_items_are_never_added_to_a_known_order(cast):
    take_over(cast.shop, unshipped({}))
    with nothing_changes_but_imports():
        done = take_over(cast.shop, unshipped({}, SECOND))
    assert (counts(done), said(done)) == ((2, 1, 0, 0, 1), [(3, "ERROR", "ITEM_NOT_FOUND")])


def test_another_shops_order_and_items_are_not_to_be_found(cast):
    take_over(cast.shop, unshipped({}))
    with nothing_changes_but_imports():
        done = take_over(cast.other_shop, unshipped({"quantity-purchased": "1"}, {"order-id": OTHER}))
    assert counts(done) == (2, 2, 0, 0, 0)
    assert said(done) == [(2, "ERROR", "ORDER_NOT_FOUND"), (3, "ERROR", "ITEM_NOT_FOUND")]


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        ([{"purchase-date": "2026-07-03T00:00:00Z"}], ["DATE_FORMAT"]),
        ([{}, SECOND | {"currency": "USD"}], ["ORDER_INCOMPLETE", "CURRENCY"]),
    ],
)
def test_an_order_of_the_future_or_of_two_currencies_is_refused(cast, lines, codes):
    done = take_over(cast.shop, unshipped(*lines))
    assert [code for _, _, code in said(done)] == codes
    assert not Order.objects.exists()


def test_an_order_of_absurdly_many_lines_is_cut_off(cast, monkeypatch):
    monkeypatch.setattr(chunks, "LINES_PER_ORDER", 3)
    monkeypatch.setattr(chunks, "LINES_PER_CHUNK", 4)
    lines = [{"order-item-id": f"{serial:014d}"} for serial in range(12)]
    done = take_over(cast.shop, unshipped(*lines, {"order-id": OTHER, "order-item-id": "00000000000099"}))
    assert counts(done) == (13, 12, 1, 0, 0)
    assert [code for _, _, code in said(done)].count("TOO_MANY_ITEMS") == 9


def test_an_order_the_database_refuses_does_not_stop_the_others(cast, caplog):
    numbers = [f"249-0000000-{serial:07d}" for serial in range(9)]
    lines = [{"order-id": number, "order-item-id": f"{n:014d}"} for n, number in enumerate(numbers)]
    with cursed(numbers[4]):
        done = take_over(cast.shop, unshipped(*lines))
    assert (counts(done), said(done)) == ((9, 1, 8, 0, 0), [(6, "ERROR", "FAILED")])
    assert "left out of an import" in caplog.text


# --- the record -------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_changes_nothing_and_says_why(cast):
    broken = unshipped({}, SECOND) + b"x" * 40_000
    with nothing_changes_but_imports():
        done = take_over(cast.shop, broken)
    assert (done.state, counts(done), done.finished_at) == ("FATAL", (0, 0, 0, 0, 0), NOON)
    assert (done.error_code, done.error_facts["line"]) == ("LINE_TOO_LONG", 4)
    with override("en"):
        assert "4" in file_sentence(done.error_code, done.error_facts)


def test_columns_that_nobody_reads_are_named(cast):
    done = take_over(cast.shop, text([*UNSHIPPED, "shoe-size"], {}).encode())
    assert list(done.lines.values_list("result", "code", "detail")) == [("WARNING", "UNKNOWN_COLUMN", "shoe-size")]


def test_answers_are_kept_up_to_a_cap_and_the_rest_is_counted(cast, monkeypatch):
    monkeypatch.setattr(records, "LINES_KEPT", 3)
    monkeypatch.setattr(chunks, "LINES_PER_CHUNK", 2)
    lines = [{"quantity-purchased": "x", "order-id": f"249-0000000-{n:07d}"} for n in range(7)]
    done = take_over(cast.shop, unshipped(*lines))
    assert (done.lines_refused, len(said(done))) == (7, 4)
    assert said(done)[-1] == (5, "WARNING", "LINES_NOT_KEPT")


def test_progress_is_told_from_reading_to_the_last_line(cast):
    told = []
    take_over(cast.shop, unshipped({}, SECOND), progress=lambda done, total: told.append((done, total)))
    assert (told[0], told[-1]) == ((0, 0), (2, 2))


def test_ten_times_the_orders_cost_the_same_statements(cast):
    def lines(first: int, count: int) -> bytes:
        serials = range(first, first + count)
        return actionable(
            *(
                {"order-id": f"249-0000000-{n:07d}", "order-item-id": f"{n:014d}", "quantity-shipped": str(n % 2)}
                for n in serials
            )
        )

    found = []
    take_over(cast.shop, unshipped({}))  # makes the buyer
    for content in (lines(0, 4), lines(100, 40), lines(0, 4), lines(100, 40)):
        with counted_statements() as statements:
            take_over(cast.shop, content)
        found += statements
    assert found[0] == found[1] < 50
    assert found[2] == found[3] < 30


def test_an_interrupted_import_goes_on_where_it_stopped(cast, monkeypatch):
    monkeypatch.setattr(chunks, "LINES_PER_CHUNK", 2)
    lines = [{"order-id": f"249-0000000-{n:07d}", "order-item-id": f"{n:014d}"} for n in range(7)]
    content = unshipped(*lines, {"order-id": "nonsense"})
    opened = records.open_import(seller=cast.shop, file_name="x", by=factories.SYSTEM, now=NOON)

    def power_cut(done: int, total: int) -> None:
        if total and done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imports.run_import(
            import_id=opened.pk, content=io.BytesIO(content), clock=lambda: NOON, progress=power_cut
        )
    opened.refresh_from_db()
    assert (opened.state, counts(opened)) == ("IN_PROGRESS", (4, 0, 4, 0, 0))
    done = imports.run_import(import_id=opened.pk, content=io.BytesIO(content), clock=lambda: NOON)
    assert (done.state, counts(done), said(done)) == ("DONE", (8, 1, 7, 0, 0), [(9, "ERROR", "ORDER_ID_FORMAT")])
    again = imports.run_import(import_id=opened.pk, content=io.BytesIO(content), clock=lambda: NOON)
    assert counts(again) == counts(done)


def test_every_code_of_an_answer_has_a_sentence():
    for code in ("COLUMN_COUNT", "ORDER_INCOMPLETE", "FAILED"):
        assert line_sentence(code) == str(LINE_SENTENCES[code])
    assert line_sentence("ORDER_NOT_SHIPPABLE") == "この注文は更新できませんでした。"
    assert all(str(sentence) for sentence in FILE_SENTENCES.values())


# --- uploads ----------------------------------------------------------------------------------------------


@pytest.fixture
def sent(settings, tmp_path, monkeypatch):
    """Uploads in a folder of this test; tasks are written down instead of sent."""
    settings.VAR_DIR = tmp_path
    tasks_sent = []
    monkeypatch.setattr("orders.imports.current_app.send_task", lambda name, args: tasks_sent.append((name, args)))
    return tasks_sent


def upload(cast, content: bytes = b"", name: str = "orders.txt") -> Import:
    by = factories.operator_actor(cast.alice)
    file = SimpleUploadedFile(name, content or unshipped({}, SECOND))
    return imports.start_import(seller=cast.shop, file_name=name, content=file, by=by, now=NOON)


def test_an_upload_waits_under_our_own_name_until_a_worker_has_done_it(
    cast, sent, tmp_path, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        started = upload(cast, name="../../x\n<script>.txt")
    assert (started.state, started.file_name) == ("IN_QUEUE", "../../x<script>.txt")
    assert sent == [("orders.tasks.import_file", [started.pk])]
    (kept,) = (tmp_path / "imports").iterdir()
    assert (kept.name, kept.stat().st_mode & 0o777) == (f"{started.pk}.txt", 0o600)
    tasks.import_file(started.pk)
    started.refresh_from_db()
    assert (started.state, counts(started)) == ("DONE", (2, 0, 1, 0, 0))
    assert not kept.exists()
    assert Event.objects.get().actor_name == cast.alice.name
    tasks.import_file(started.pk)
    assert counts(started) == (2, 0, 1, 0, 0)


def test_an_upload_whose_message_was_lost_is_found_again(cast, sent):
    started = upload(cast)
    done = upload(cast)
    tasks.import_file(done.pk)
    assert tasks.start_waiting_imports() == 1
    assert sent == [("orders.tasks.import_file", [started.pk])]


def test_an_upload_that_vanished_says_so(cast, sent, tmp_path):
    started = upload(cast)
    (tmp_path / "imports" / f"{started.pk}.txt").unlink()
    tasks.import_file(started.pk)
    started.refresh_from_db()
    assert (started.state, started.error_code) == ("FATAL", "FILE_GONE")


@pytest.mark.parametrize(
    ("error", "state", "is_kept"),
    [
        (OperationalError("the database is away"), "IN_QUEUE", True),
        (ValueError("a mistake of ours"), "FATAL", False),
        (SoftTimeLimitExceeded(), "IN_QUEUE", True),
    ],
)
def test_an_import_is_begun_again_unless_the_mistake_is_ours(
    cast, sent, monkeypatch, caplog, error, state, is_kept
):
    started = upload(cast)

    def fail(*_):
        raise error

    monkeypatch.setattr("orders.imports._run", fail)
    tasks.import_file(started.pk)
    started.refresh_from_db()
    assert started.state == state
    assert (tasks.start_waiting_imports() == 1) is is_kept


# --- at once ----------------------------------------------------------------------------------------------


def at_once(*acts: Callable[[], Import]) -> list[Import]:
    """Do things in as many threads, each with a connection of its own."""

    def alone(act: Callable[[], Import]) -> Import:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(alone, act) for act in acts]]


@pytest.mark.django_db(transaction=True)
def test_the_same_file_twice_at_once_places_each_order_once(monkeypatch):
    monkeypatch.setattr(chunks, "LINES_PER_CHUNK", 40)
    shop = factories.shop()
    content = (DATA / "all_orders_cp932.txt").read_bytes()
    done = at_once(*[lambda: take_over(shop, content, now=REPORTED)] * 2)
    assert [one.state for one in done] == ["DONE", "DONE"]
    assert sum(one.orders_created for one in done) == Order.objects.count() == 300
    assert all(one.orders_created + one.orders_updated + one.orders_unchanged == 300 for one in done)
    assert sum(one.lines_refused for one in done) == 0
    assert offences(now=REPORTED) == {}


@pytest.mark.django_db(transaction=True)
def test_one_import_run_twice_at_once_counts_once():
    shop = factories.shop()
    content = (DATA / "all_orders_cp932.txt").read_bytes()
    opened = records.open_import(seller=shop, file_name="x", by=factories.SYSTEM, now=REPORTED)

    def run_it() -> Import:
        return imports.run_import(import_id=opened.pk, content=io.BytesIO(content), clock=lambda: REPORTED)

    at_once(run_it, run_it)
    opened.refresh_from_db()
    assert counts(opened) == (437, 0, 300, 0, 0)


# --- the command ------------------------------------------------------------------------------------------


def run(capsys, *arguments) -> str:
    try:
        call_command("import_orders", *map(str, arguments))
    finally:
        said = capsys.readouterr()
    return said.out


def test_the_command_prints_what_became_of_the_file(cast, capsys):
    out = run(capsys, DATA / "unshipped_utf8_bom.txt", "--seller", cast.shop.merchant_id)
    assert "Layout     unshipped, utf-8-sig" in out
    assert "Lines      15 read, 0 refused" in out
    assert "Orders     12 created, 0 updated, 0 unchanged" in out
    out = run(capsys, DATA / "unshipped_utf8_bom.txt", "--seller", cast.shop.pk)
    assert "Orders     0 created, 0 updated, 12 unchanged" in out


def test_the_command_names_refused_lines_and_fails(cast, capsys):
    with pytest.raises(CommandError, match="7 of 9 lines were refused") as raised:
        call_command("import_orders", str(DATA / "with_errors.txt"), seller=cast.shop.merchant_id)
    assert raised.value.returncode == 1
    out = capsys.readouterr().out
    assert [number for number in range(1, 12) if f"line {number}  refused" in out] == [3, 5, 6, 7, 8, 9, 10]
    assert "line 3  refused  2.50E+17  ORDER_ID_NOT_TEXT  order-id: 2.50E+17" in out
    assert "\x1b" not in out


def test_the_command_draws_progress_only_where_it_is_watched_or_asked(cast, capsys):
    call_command("import_orders", str(DATA / "unshipped_lf.txt"), seller=cast.shop.merchant_id)
    assert capsys.readouterr().err == ""
    call_command("import_orders", str(DATA / "unshipped_lf.txt"), seller=cast.shop.merchant_id, progress=True)
    assert "100 %  8 / 8 lines" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "seller", "message"),
    [
        ("unshipped_lf.txt", "nobody", "There is no seller 'nobody'"),
        ("missing.txt", "", "No such file"),
        ("make_samples.py", "", "FEED_HEADER"),
    ],
)
def test_the_command_refuses_in_words(cast, file, seller, message):
    with pytest.raises(CommandError, match=message):
        call_command("import_orders", str(DATA / file), seller=seller or cast.shop.merchant_id)


def test_samples_are_what_their_script_makes(tmp_path, monkeypatch):
    monkeypatch.setattr(make_samples, "HERE", tmp_path)
    make_samples.main()
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in DATA.glob("*.txt")}


def test_a_large_sample_has_as_many_lines_as_asked_for(tmp_path):
    make_samples.large(50, tmp_path / "large.txt")
    assert (tmp_path / "large.txt").read_bytes().count(b"\r\n") == 51
