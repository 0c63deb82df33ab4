"""What the lines of feeds do, and how each is answered (domain 14.2 to 14.5, 20: E28, E29)."""

import os
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from cancellations.models import Cancellation, PolicyVersion
from feeds.actions import TooLarge, TooManyFeeds, forget_documents, give_up, run_feeds
from feeds.models import Feed, FeedDocument, LineResult
from feeds.parsers import Kind
from orders.actions import hold, release
from payments.models import Refund
from shipments.models import Shipment
from tests import factories
from tests.books import nothing_changes, offences
from tests.cast import LATER, NOON, Cast, deliver, lines_of, units_of

from .conftest import answers, file_of, send

CANCEL, ADJUST, SHIP = Kind.CANCELLATION, Kind.ADJUSTMENT, Kind.SHIPMENT
DAY = LATER.date()


def item(order, place: int = 0) -> str:
    """The number of an order's item."""
    return order.items.order_by("pk")[place].item_id


# --- cancellation -------------------------------------------------------------------------------------------


def test_a_line_without_an_item_cancels_all_that_is_open_and_says_that_it_counts(cast: Cast, carried_out):
    order = cast.order(2, 1)
    feed = carried_out(CANCEL, [order.number, "NoInventory", ""])
    assert answers(feed) == [("DONE", "")]
    line = feed.lines.get()
    assert (line.line_number, line.order_number, line.status_after, line.counted) == (
        2,
        order.number,
        "CANCELED",
        True,
    )
    assert (feed.state, feed.lines_read, feed.lines_done, feed.orders_counted) == ("DONE", 1, 1, 1)
    done = Cancellation.objects.get(order=order)
    assert (done.reason, done.code, done.whole, done.event.door) == ("NO_INVENTORY", "SEL-1", True, "FEED")
    deliver()
    assert offences(now=LATER) == {}


def test_a_line_with_an_item_cancels_that_item_alone(cast: Cast, carried_out):
    order = cast.order(2, 1)
    feed = carried_out(CANCEL, [order.number, "buyercanceled", item(order, 1)])
    assert answers(feed) == [("DONE", "")]
    assert units_of(order) == [(2, 0, 0), (1, 0, 1)]


def test_lines_of_one_order_and_reason_are_one_cancellation(cast: Cast, carried_out):
    order = cast.order(1, 1)
    feed = carried_out(
        CANCEL, [order.number, "NoInventory", item(order, 0)], [order.number, "在庫切れ", item(order, 1)]
    )
    assert answers(feed) == [("DONE", "")] * 2
    assert Cancellation.objects.get(order=order).whole is True
    assert feed.orders_counted == 1


def test_the_buyers_request_makes_a_cancellation_not_count_and_another_reason_is_warned_of(
    cast: Cast, carried_out
):
    asked, other = cast.order(1), cast.order(1)
    for order in (asked, other):
        cast.request(order)
    feed = carried_out(CANCEL, [asked.number, "BuyerCanceled", ""], [other.number, "NoInventory", ""])
    assert answers(feed) == [("DONE", ""), ("WARNING", "OPEN_CANCELLATION_REQUEST")]
    assert list(feed.lines.order_by("position").values_list("counted", flat=True)) == [False, True]


def test_more_than_the_buyer_asked_for_counts_and_is_warned_of(cast: Cast, carried_out):
    order = cast.order(3)
    cast.request(order, {lines_of(order)[0]: 1})
    feed = carried_out(CANCEL, [order.number, "BuyerCanceled", ""])
    assert answers(feed) == [("WARNING", "BEYOND_REQUEST")]
    assert feed.lines.get().counted is True


def test_b13_the_same_order_twice_for_the_same_reason_is_no_change(cast: Cast, carried_out):
    order = cast.order(1)
    feed = carried_out(CANCEL, [order.number, "NoInventory", ""], [order.number, "NoInventory", ""])
    assert answers(feed) == [("DONE", ""), ("NO_CHANGE", "NO_CHANGE")]


def test_b14_the_same_order_twice_for_another_reason_is_a_conflict_that_does_nothing(cast: Cast, carried_out):
    order = cast.order(1, 1)
    feed = carried_out(
        CANCEL,
        [order.number, "NoInventory", item(order, 0)],
        [order.number, "BuyerCanceled", item(order, 0)],
        [order.number, "PricingError", item(order, 1)],
    )
    assert answers(feed) == [("DONE", ""), ("WARNING", "CONFLICTING_DUPLICATE"), ("DONE", "")]


def test_b14_a_conflict_with_a_line_of_an_earlier_step_is_told_too(cast: Cast, carried_out, monkeypatch):
    monkeypatch.setattr("feeds.actions.running.LINES_PER_STEP", 1)
    order = cast.order(1)
    feed = carried_out(CANCEL, [order.number, "NoInventory", ""], [order.number, "BuyerCanceled", item(order)])
    assert answers(feed) == [("DONE", ""), ("WARNING", "CONFLICTING_DUPLICATE")]


def test_b15_a_foreign_an_unknown_order_and_another_orders_item_are_not_found(cast: Cast, carried_out):
    order, other = cast.order(1), cast.order(1)
    foreign = factories.order(cast.other_shop, cast.dora)
    feed = carried_out(
        CANCEL,
        [foreign.number, "NoInventory", ""],
        ["250-0000000-0000001", "NoInventory", ""],
        [order.number, "NoInventory", item(other)],
    )
    assert answers(feed) == [("ERROR", "ORDER_NOT_FOUND")] * 2 + [("ERROR", "ITEM_NOT_FOUND")]
    foreign_line, unknown_line = feed.lines.order_by("position")[:2]
    assert (
        (foreign_line.status_after, foreign_line.detail)
        == (unknown_line.status_after, unknown_line.detail)
        == ("", "")
    )
    assert not Cancellation.objects.exists()


def test_what_was_shipped_is_refused_and_what_was_cancelled_before_is_no_change(cast: Cast, carried_out):  # E28
    shipped, cancelled, held = cast.order(1), cast.order(1), cast.order(1)
    cast.confirm(shipped)
    cast.cancel(cancelled)
    hold(order_ids=[held.pk], note="", by=cast.operator, now=LATER)
    pending = cast.order(1, verified=False)
    feed = carried_out(CANCEL, *([order.number, "Other", ""] for order in (shipped, cancelled, held, pending)))
    assert answers(feed) == [
        ("ERROR", "ORDER_NOT_CANCELABLE"),
        ("NO_CHANGE", "NO_CHANGE"),
        ("ERROR", "ORDER_ON_HOLD"),
        ("ERROR", "ORDER_NOT_CANCELABLE"),
    ]
    assert [line.status_after for line in feed.lines.order_by("position")] == [
        "SHIPPED",
        "CANCELED",
        "UNSHIPPED",
        "PENDING",
    ]


def test_b19_reasons_in_words_and_labels_are_known_and_others_refused(cast: Cast, carried_out):
    orders = [cast.order(1) for _ in range(5)]
    words = ["在庫切れ", "OTHER", "merchandisenotreceived", "", "Whim"]
    feed = carried_out(CANCEL, *([order.number, word, ""] for order, word in zip(orders, words, strict=True)))
    assert answers(feed) == [("DONE", "")] * 3 + [("ERROR", "REASON_REQUIRED"), ("ERROR", "REASON_UNKNOWN")]
    reasons = list(Cancellation.objects.order_by("order_id").values_list("reason", flat=True))
    assert reasons == ["NO_INVENTORY", "OTHER", "OTHER"]


# --- adjustment ---------------------------------------------------------------------------------------------


def test_open_units_are_cancelled_and_shipped_ones_refunded(cast: Cast, carried_out):
    open_order, charged = cast.order(3), cast.order(2)
    cast.confirm(charged)
    deliver()
    feed = carried_out(
        ADJUST,
        [open_order.number, item(open_order), "NoInventory", "JPY", "", "", 2],
        [charged.number, item(charged), "CustomerReturn", "JPY", "", "", 1],
        [charged.number, item(charged), "PriceError", "JPY", 90, 10, ""],
    )
    assert answers(feed) == [("DONE", "")] * 3
    assert units_of(open_order) == [(3, 0, 2)]
    assert feed.lines.get(position=1).counted is True
    refunds = list(Refund.objects.order_by("pk").values_list("reason", "amount"))
    assert refunds == [("RETURN", Decimal(1000)), ("PRICE_ADJUSTMENT", Decimal(100))]


def test_a_partial_cancellation_as_the_buyer_asked_does_not_count(cast: Cast, carried_out):
    order = cast.order(3)
    cast.request(order, {lines_of(order)[0]: 1})
    feed = carried_out(ADJUST, [order.number, item(order), "CustomerCancel", "JPY", "", "", 1])
    assert answers(feed) == [("DONE", "")]
    assert Cancellation.objects.get(order=order).counted is False


def test_b16_b17_adjustments_that_cannot_be_are_refused_with_their_code(cast: Cast, carried_out):
    order, charged = cast.order(2), cast.order(1)
    cast.confirm(charged)
    deliver()
    bad_quantities = ["-1", "1.5", "1e3", "1_000", "99999999999", "NaN", "=1+1"]
    bad_amounts = ["-1", "0.5", "1,000"]
    feed = carried_out(
        ADJUST,
        *([order.number, item(order), "NoInventory", "JPY", "", "", each] for each in bad_quantities),
        *([charged.number, item(charged), "Other", "JPY", each, "", ""] for each in bad_amounts),
        [order.number, item(order), "NoInventory", "JPY", "", "", 3],
        [charged.number, item(charged), "Other", "USD", 1, "", ""],
        [charged.number, item(charged), "Other", "JPY", 1301, "", ""],
        [order.number, item(order), "Other", "JPY", 10, "", ""],
        [order.number, item(order), "NoInventory", "JPY", "", "", "２"],
    )
    assert answers(feed) == [
        *[("ERROR", "QUANTITY_FORMAT")] * 7,
        *[("ERROR", "AMOUNT_FORMAT")] * 3,
        ("ERROR", "QUANTITY_EXCEEDS_OPEN"),
        ("ERROR", "CURRENCY"),
        ("ERROR", "REFUND_EXCEEDS_CHARGE"),
        ("ERROR", "ORDER_NOT_CHARGED"),
        ("DONE", ""),
    ]


def test_the_same_refund_twice_in_a_file_is_made_once(cast: Cast, carried_out):
    order = cast.order(2)
    cast.confirm(order)
    deliver()
    line = [order.number, item(order), "Other", "JPY", 100, "", ""]
    feed = carried_out(ADJUST, line, line)
    assert answers(feed) == [("DONE", ""), ("NO_CHANGE", "NO_CHANGE")]
    assert Refund.objects.count() == 1


def test_the_same_line_twice_for_a_partly_shipped_item_is_no_change(cast: Cast, carried_out):
    order = cast.order(2)
    cast.confirm(order, {lines_of(order)[0]: 1})
    line = [order.number, "NoInventory", item(order)]
    assert answers(carried_out(CANCEL, line, line)) == [("DONE", ""), ("NO_CHANGE", "NO_CHANGE")]


def test_what_repeats_a_refused_line_is_refused_like_it(cast: Cast, carried_out):
    order, charged = cast.order(1), cast.order(1)
    hold(order_ids=[order.pk], note="", by=cast.operator, now=LATER)
    lines = ([order.number, "NoInventory", ""], [order.number, "NoInventory", ""], [order.number, "Other", ""])
    assert answers(carried_out(CANCEL, *lines)) == [("ERROR", "ORDER_ON_HOLD")] * 3
    cast.confirm(charged)
    deliver()
    line = [charged.number, item(charged), "Other", "JPY", 9999, "", ""]
    assert answers(carried_out(ADJUST, line, line)) == [("ERROR", "REFUND_EXCEEDS_CHARGE")] * 2


def test_a_second_line_about_an_item_never_turns_a_cancellation_into_a_refund(cast: Cast, carried_out):
    order = cast.order(2)
    cast.confirm(order, {lines_of(order)[0]: 1})
    deliver()
    first = [order.number, item(order), "CustomerCancel", "JPY", "", "", 1]
    second = [order.number, item(order), "NoInventory", "JPY", "", "", 1]
    feed = carried_out(ADJUST, first, second)
    assert answers(feed) == [("DONE", ""), ("WARNING", "CONFLICTING_DUPLICATE")]
    # In another file, with one line more: what was cancelled stays so, and no shipped unit is refunded for it.
    again = carried_out(ADJUST, first, [cast.order(1).number, "05015851154158", "NoInventory", "JPY", "", "", 1])
    assert answers(again) == [("NO_CHANGE", "NO_CHANGE"), ("ERROR", "ITEM_NOT_FOUND")]
    assert set(Refund.objects.values_list("reason", flat=True)) == {"CANCELLATION"}
    returned = carried_out(ADJUST, [order.number, item(order), "CustomerReturn", "JPY", "", "", 1])
    assert answers(returned) == [("DONE", "")]


def test_amounts_that_are_not_what_is_due_are_told_or_refused(cast: Cast, carried_out):
    order, other = cast.order(2, 1), cast.order(2, 1)
    for each in (order, other):
        cast.confirm(each, {lines_of(each)[1]: 1})
    deliver()
    feed = carried_out(
        ADJUST,
        [order.number, item(order), "NoInventory", "JPY", 400, "", 1],
        [other.number, item(other, 1), "Other", "JPY", 1500, "", ""],
        [other.number, item(other, 1), "CustomerReturn", "JPY", 1100, "", 1],
    )
    assert answers(feed) == [("WARNING", "AMOUNT_COMPUTED"), ("ERROR", "REFUND_EXCEEDS_CHARGE"), ("DONE", "")]
    assert list(Refund.objects.order_by("pk").values_list("amount", flat=True)) == [Decimal(1000), Decimal(1100)]
    assert Refund.objects.last().items.get().quantity == 1


def test_a_warning_of_a_request_is_given_only_for_what_it_asks_for(cast: Cast, carried_out):
    order = cast.order(1, 1)
    cast.request(order, {lines_of(order)[0]: 1})
    feed = carried_out(CANCEL, [order.number, "NoInventory", item(order, 1)])
    assert answers(feed) == [("DONE", "")]


# --- shipment -----------------------------------------------------------------------------------------------


def parcel(
    order, *, item_id="", quantity="", day=DAY, code="YamatoTransport", name="", method="宅急便", knows=""
) -> list:
    """A line of the shipment feed."""
    return [order.number, item_id, quantity, day, code, name, "123456789012", method, knows]


def test_a_shipment_is_confirmed_with_carrier_and_number(cast: Cast, carried_out):
    order = cast.order(2, 1)
    feed = carried_out(SHIP, parcel(order, item_id=item(order), quantity=1), parcel(order, item_id=item(order, 1)))
    assert answers(feed) == [("DONE", "")] * 2
    shipment = Shipment.objects.get(order=order)
    assert (shipment.carrier, shipment.tracking_number) == ("ヤマト運輸", "123456789012")
    assert units_of(order) == [(2, 1, 0), (1, 1, 0)]


def test_an_open_request_is_warned_of_unless_the_line_says_that_it_is_known(cast: Cast, carried_out):
    warned, known = cast.order(1), cast.order(1)
    for order in (warned, known):
        cast.request(order)
    feed = carried_out(SHIP, parcel(warned), parcel(known, knows="TRUE"))
    assert answers(feed) == [("WARNING", "OPEN_CANCELLATION_REQUEST"), ("DONE", "")]


def test_where_the_policy_blocks_only_a_line_that_knows_of_the_request_ships(cast: Cast, carried_out):
    PolicyVersion.objects.create(number=2, starts_at=NOON, ship_interlock_api="block")
    stopped, known = cast.order(1), cast.order(1)
    for order in (stopped, known):
        cast.request(order)
    feed = carried_out(SHIP, parcel(stopped), parcel(known, knows="TRUE"))
    assert answers(feed) == [("ERROR", "OPEN_CANCELLATION_REQUEST"), ("DONE", "")]


def test_shipments_that_cannot_be_are_refused_and_an_empty_method_is_warned_of(cast: Cast, carried_out):
    orders = [cast.order(2) for _ in range(9)]
    cast.confirm(orders[6])
    cast.cancel(orders[7])
    feed = carried_out(
        SHIP,
        parcel(orders[0], item_id=item(orders[0]), quantity=3),
        parcel(orders[1], day=DAY + timedelta(days=1)),
        parcel(orders[2], day=DAY - timedelta(days=1)),
        parcel(orders[3], code="Pigeon"),
        parcel(orders[4], code="Other"),
        parcel(orders[5], code="Other", name="見本運輸", method=""),
        parcel(orders[6]),
        parcel(orders[7]),
        parcel(orders[8], quantity=1),
    )
    assert answers(feed) == [
        ("ERROR", "QUANTITY_EXCEEDS_OPEN"),
        ("ERROR", "DATE_FORMAT"),
        ("ERROR", "DATE_FORMAT"),
        ("ERROR", "CARRIER"),
        ("ERROR", "CARRIER"),
        ("WARNING", "SHIP_METHOD"),
        ("NO_CHANGE", "NO_CHANGE"),
        ("ERROR", "ORDER_NOT_SHIPPABLE"),
        ("ERROR", "VALUE_MISSING"),
    ]
    assert Shipment.objects.get(order=orders[5]).carrier == "見本運輸"


@pytest.mark.parametrize(
    "day", ["2026/2/30", "2026-02-30", "26-7-1", "7月1日", "1899-01-01", "", "2026-07-01T25:00"]
)
def test_b20_what_is_no_day_is_refused(cast: Cast, carried_out, day):
    assert answers(carried_out(SHIP, parcel(cast.order(1), day=day))) == [("ERROR", "DATE_FORMAT")]


# --- the feed as a whole ------------------------------------------------------------------------------------


def test_b22_the_same_file_again_changes_nothing_whatever_its_name(cast: Cast, carried_out):
    orders = [cast.order(2) for _ in range(3)]
    cast.confirm(orders[2])
    deliver()
    content = file_of(
        ADJUST,
        [orders[0].number, item(orders[0]), "NoInventory", "JPY", "", "", 1],
        [orders[2].number, item(orders[2]), "Other", "JPY", 100, "", ""],
    )
    first = carried_out(ADJUST, content=content)
    assert answers(first) == [("DONE", "")] * 2
    again = carried_out(ADJUST, content=content, name="other.txt", now=LATER + timedelta(hours=1))
    assert answers(again) == [("NO_CHANGE", "NO_CHANGE")] * 2
    assert again.lines.first().detail == first.receipt
    assert Refund.objects.count() == Cancellation.objects.count() == 1


def test_a_line_that_failed_is_tried_again_with_the_same_file(cast: Cast, carried_out):
    done, held = cast.order(1), cast.order(1)
    hold(order_ids=[held.pk], note="", by=cast.operator, now=LATER)
    lines = [[done.number, "NoInventory", ""], [held.number, "NoInventory", ""]]
    assert answers(carried_out(CANCEL, *lines)) == [("DONE", ""), ("ERROR", "ORDER_ON_HOLD")]
    release(order_ids=[held.pk], note="", by=cast.operator, now=LATER)
    assert answers(carried_out(CANCEL, *lines)) == [("NO_CHANGE", "NO_CHANGE"), ("DONE", "")]


def test_a_dry_run_says_the_same_and_changes_nothing_but_its_own_rows(cast: Cast, carried_out):
    orders = [cast.order(1), cast.order(1)]
    cast.request(orders[1])
    lines = [
        [orders[0].number, "NoInventory", ""],
        [orders[1].number, "BuyerCanceled", ""],
        ["x", "NoInventory", ""],
    ]
    dry = carried_out(CANCEL, *lines, dry=True)
    assert not Cancellation.objects.exists()
    assert {order.requests.get().status for order in orders if order.requests.exists()} == {"OPEN"}
    real = carried_out(CANCEL, *lines)
    same = ("result", "code", "status_after", "counted")
    assert list(dry.lines.values_list(*same)) == list(real.lines.values_list(*same))
    assert (dry.lines_done, dry.lines_refused, dry.orders_counted) == (2, 1, 1)


def test_a_dry_run_of_many_steps_says_what_the_real_run_says(cast: Cast, carried_out, monkeypatch):
    monkeypatch.setattr("feeds.actions.running.LINES_PER_STEP", 1)
    order, many = cast.order(1), cast.order(3)
    lines = [
        [order.number, "NoInventory", ""],
        [order.number, "PricingError", ""],
        [order.number, "NoInventory", ""],
    ]
    dry, real = carried_out(CANCEL, *lines, dry=True), carried_out(CANCEL, *lines)
    assert answers(dry) == answers(real)
    assert (dry.orders_counted, real.orders_counted) == (1, 1)
    parcels = [parcel(many, item_id=item(many), quantity=2, name=name) for name in ("", "別便")]
    assert answers(carried_out(SHIP, *parcels, dry=True)) == answers(carried_out(SHIP, *parcels))


def test_a_dry_run_of_lines_about_one_item_says_what_the_real_run_says(cast: Cast, carried_out):
    order, shipped = cast.order(3), cast.order(1)
    cast.confirm(shipped)
    parcels = [parcel(order, item_id=item(order), quantity=1, code="Other", name=name) for name in "甲乙丙丁"]
    dry, real = carried_out(SHIP, *parcels, dry=True), carried_out(SHIP, *parcels)
    assert answers(dry) == answers(real) == [("DONE", "")] * 3 + [("ERROR", "QUANTITY_EXCEEDS_OPEN")]
    line = [shipped.number, "NoInventory", ""]
    assert answers(carried_out(CANCEL, line, dry=True)) == answers(carried_out(CANCEL, line))


def test_after_an_error_of_ours_the_same_file_goes_on_and_pays_nothing_twice(cast: Cast, no_mails, monkeypatch):
    monkeypatch.setattr("feeds.actions.running.LINES_PER_STEP", 1)
    orders = [cast.order(1), cast.order(1)]
    for order in orders:
        cast.confirm(order)
    deliver()
    content = file_of(ADJUST, *([order.number, item(order), "Other", "JPY", 100, "", ""] for order in orders))
    failed = send(cast, ADJUST, content)
    steps = iter([LATER])
    with pytest.raises(StopIteration):
        run_feeds(seller_id=cast.shop.pk, clock=lambda: next(steps))
    give_up(seller_id=cast.shop.pk, clock=lambda: LATER)
    failed.refresh_from_db()
    assert (failed.state, failed.error_code, failed.lines_done) == ("FATAL", "FAILED", 1)
    again = send(cast, ADJUST, content)
    run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
    assert answers(again) == [("NO_CHANGE", "NO_CHANGE"), ("DONE", "")]
    assert Refund.objects.count() == 2


def test_a_shop_s_feeds_are_one_worker_s_at_a_time(cast: Cast, no_mails):
    feed = send(cast, CANCEL, file_of(CANCEL, [cast.order(1).number, "NoInventory", ""]))
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext('feeds_feed'), %s)", [cast.shop.pk])
            with nothing_changes():
                run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
            cursor.execute("SELECT pg_advisory_unlock(hashtext('feeds_feed'), %s)", [cast.shop.pk])
    finally:
        other.close()
    run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
    assert answers(feed) == [("DONE", "")]


def test_lines_read_are_lines_answered_over_many_steps(cast: Cast, carried_out, monkeypatch):
    monkeypatch.setattr("feeds.actions.running.LINES_PER_STEP", 7)
    orders = cast.orders(20)
    feed = carried_out(CANCEL, *([order.number, "NoInventory", ""] for order in orders), ["?", "NoInventory", ""])
    assert (feed.lines_read, feed.lines_answered, feed.lines_done, feed.lines_refused) == (21, 21, 20, 1)
    assert list(feed.lines.order_by("position").values_list("position", flat=True)) == list(range(1, 22))


def test_a_killed_worker_s_successor_goes_on_at_the_first_line_without_an_answer(
    cast: Cast, no_mails, monkeypatch
):
    monkeypatch.setattr("feeds.actions.running.LINES_PER_STEP", 2)
    orders = cast.orders(5)
    feed = send(cast, CANCEL, file_of(CANCEL, *([order.number, "NoInventory", ""] for order in orders)))
    steps = iter([LATER, LATER])

    def clock():
        try:
            return next(steps)
        except StopIteration:
            raise KeyboardInterrupt from None

    with pytest.raises(KeyboardInterrupt):
        run_feeds(seller_id=cast.shop.pk, clock=clock)
    feed.refresh_from_db()
    assert (feed.state, feed.lines_answered, Cancellation.objects.count()) == ("IN_PROGRESS", 4, 4)
    run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
    feed.refresh_from_db()
    assert (feed.state, feed.lines_done, Cancellation.objects.count()) == ("DONE", 5, 5)


def test_whoever_was_taken_out_of_the_shop_gets_no_line_carried_out(cast: Cast, no_mails):
    order = cast.order(1)
    feed = send(cast, CANCEL, file_of(CANCEL, [order.number, "NoInventory", ""]))
    cast.alice.memberships.all().delete()
    run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
    assert answers(feed) == [("ERROR", "PERMISSION_DENIED")]


def test_feeds_of_a_shop_are_carried_out_in_the_order_in_which_they_came(cast: Cast, no_mails):
    order = cast.order(1)
    cancel = send(cast, CANCEL, file_of(CANCEL, [order.number, "NoInventory", ""]))
    ship = send(cast, SHIP, file_of(SHIP, parcel(order)))
    run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
    assert (answers(cancel), answers(ship)) == ([("DONE", "")], [("ERROR", "ORDER_NOT_SHIPPABLE")])


def test_what_is_no_feed_ends_fatal_with_its_reason_and_answers_no_line(cast: Cast, carried_out):
    feed = carried_out(CANCEL, content=b"%PDF-1.7")
    assert (feed.state, feed.error_code, feed.lines_read) == ("FATAL", "FEED_NOT_TEXT", 0)
    assert not LineResult.objects.exists()


def test_a_file_that_is_gone_ends_fatal(cast: Cast, own_store, no_mails):
    feed = send(cast, CANCEL, file_of(CANCEL, ["x", "NoInventory", ""]))
    for path in own_store.rglob("*"):
        if path.is_file():
            path.unlink()
    run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
    feed.refresh_from_db()
    assert (feed.state, feed.error_code) == ("FATAL", "FILE_GONE")


def test_b02_a_file_above_ten_megabytes_leaves_neither_row_nor_file(cast: Cast, own_store):
    with pytest.raises(TooLarge):
        send(cast, CANCEL, b"x" * (10 * 1024 * 1024 + 1))
    assert not FeedDocument.objects.exists()
    assert not [path for path in own_store.rglob("*") if path.is_file()]


def test_b25_fifteen_at_once_then_one_every_two_minutes(cast: Cast, own_store):
    for _ in range(15):
        send(cast, CANCEL, b"x")
    with pytest.raises(TooManyFeeds) as limit:
        send(cast, CANCEL, b"x")
    assert limit.value.wait == timedelta(minutes=2)
    assert len([path for path in own_store.rglob("*") if path.is_file()]) == 15
    with pytest.raises(TooManyFeeds):
        send(cast, CANCEL, b"x", now=LATER + timedelta(minutes=2) - timedelta(seconds=1))
    send(cast, CANCEL, b"x", now=LATER + timedelta(minutes=2))
    with pytest.raises(TooManyFeeds):
        send(cast, CANCEL, b"x", now=LATER + timedelta(minutes=2))


def test_files_are_forgotten_after_thirty_days_and_their_rows_after_ninety(cast: Cast, carried_out, own_store):
    feed = carried_out(CANCEL, [cast.order(1).number, "NoInventory", ""])
    assert forget_documents(now=LATER + timedelta(days=29)) == 0
    with nothing_changes():
        assert forget_documents(now=LATER + timedelta(days=30)) == 0
    assert forget_documents(now=LATER + timedelta(days=30, seconds=1)) == 1
    assert not [path for path in own_store.rglob("*") if path.is_file()]
    assert Feed.objects.get(pk=feed.pk).lines.count() == 1
    assert forget_documents(now=LATER + timedelta(days=90)) == 0
    assert Feed.objects.exists()
    forget_documents(now=LATER + timedelta(days=90, seconds=1))
    assert not Feed.objects.exists()
    assert not FeedDocument.objects.exists()
    assert Cancellation.objects.count() == 1


def test_a_file_that_no_row_names_is_taken_away_after_a_day(cast: Cast, carried_out, own_store):
    carried_out(CANCEL, [cast.order(1).number, "NoInventory", ""])
    (kept,) = [path for path in own_store.rglob("*") if path.is_file()]
    fresh, stray = kept.with_name("fresh"), kept.with_name("stray")
    for path, hours in ((fresh, 23), (stray, 25), (kept, 25)):
        path.touch()
        moment = (LATER - timedelta(hours=hours)).timestamp()
        os.utime(path, (moment, moment))
    assert forget_documents(now=LATER) == 1
    assert {path for path in own_store.rglob("*") if path.is_file()} == {kept, fresh}


def test_two_hundred_lines_cost_as_many_statements_as_two(cast: Cast, no_mails):
    def statements(count: int) -> int:
        orders = cast.orders(count)
        send(cast, CANCEL, file_of(CANCEL, *([order.number, "NoInventory", ""] for order in orders)))
        found = []

        def counted(execute, sql, params, many, context):
            found.append(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(counted):
            run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
        return len(found)

    assert statements(2) == statements(200)
