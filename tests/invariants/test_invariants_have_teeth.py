"""Each invariant finds the violation that is planted for it, and nothing on sound books (reliability 2.2)."""

from datetime import timedelta

import pytest
from django.db import connection

from sellercentral.invariants import BY_ID
from tests import factories
from tests.books import offences

# Invariant, what is planted in plain words, the statement that plants it, and the offender's key or the statement
# that finds it. {unshipped}, {shipped} … are the keys of the shop's orders, {item} of an item of {unshipped}.
PLANTED = [
    (
        "INV-01",
        "more units shipped than ordered",
        "UPDATE orders_orderitem SET quantity_shipped = 4 WHERE id = {item}",
        "{item}",
    ),
    (
        "INV-02",
        "a status that does not follow from the units",
        "UPDATE orders_order SET status = 'PARTIALLY_SHIPPED' WHERE id = {unshipped}",
        "{unshipped}",
    ),
    (
        "INV-03",
        "a shipment of a cancelled order",
        "UPDATE shipments_shipment SET order_id = {approved} WHERE order_id = {partly}",
        "{approved}",
    ),
    (
        "INV-03",
        "a cancelled order without a moment",
        "UPDATE orders_order SET cancelled_at = NULL WHERE id = {approved}",
        "{approved}",
    ),
    (
        "INV-04",
        "a unit cancelled without a cancellation",
        "UPDATE orders_orderitem SET quantity_cancelled = 1 WHERE id = {item}",
        "{item}",
    ),
    (
        "INV-05",
        "a unit shipped without a confirmation",
        "UPDATE orders_orderitem SET quantity_shipped = 1 WHERE id = {item}",
        "{item}",
    ),
    (
        "INV-06",
        "a cancelled order without a cancellation",
        "UPDATE cancellations_cancellation SET order_id = {unshipped} WHERE order_id = {approved}",
        "{approved}",
    ),
    (
        "INV-07",
        "an empty cancellation",
        (
            "DELETE FROM cancellations_cancellationitem WHERE cancellation_id IN"
            " (SELECT id FROM cancellations_cancellation WHERE order_id = {counted})"
        ),
        "SELECT id FROM cancellations_cancellation WHERE order_id = {counted}",
    ),
    (
        "INV-07",
        "an empty shipment confirmation",
        (
            "DELETE FROM shipments_shipmentitem WHERE shipment_id IN"
            " (SELECT id FROM shipments_shipment WHERE order_id = {partly})"
        ),
        "SELECT id FROM shipments_shipment WHERE order_id = {partly}",
    ),
    (
        "INV-08",
        "a cancellation whose event tells of something else",
        "UPDATE events_event SET name = 'order.held' WHERE order_id = {counted} AND name = 'order.cancelled'",
        "SELECT id FROM cancellations_cancellation WHERE order_id = {counted}",
    ),
    (
        "INV-08",
        "two cancellations of one event",
        (
            "UPDATE cancellations_cancellation SET event_id ="
            " (SELECT event_id FROM cancellations_cancellation WHERE order_id = {approved})"
            " WHERE order_id = {counted}"
        ),
        "SELECT max(id) FROM cancellations_cancellation WHERE order_id IN ({counted}, {approved})",
    ),
    (
        "INV-09",
        "an event of a cancellation that is not there",
        (
            "UPDATE events_event SET name = 'order.cancelled', payload = '{{\"reason\": \"OTHER\"}}'"
            " WHERE order_id = {unshipped}"
        ),
        "SELECT id FROM events_event WHERE order_id = {unshipped} AND name = 'order.cancelled'",
    ),
    (
        "INV-10",
        "a buyer who is not told of a cancellation",
        (
            "DELETE FROM events_delivery WHERE listener = 'mail_buyer' AND event_id IN"
            " (SELECT event_id FROM cancellations_cancellation WHERE order_id = {counted})"
        ),
        "SELECT event_id FROM cancellations_cancellation WHERE order_id = {counted}",
    ),
    (
        "INV-10",
        "a shop that is not told of a buyer's own cancellation",
        (
            "DELETE FROM events_delivery WHERE listener = 'mail_seller' AND event_id IN"
            " (SELECT event_id FROM cancellations_cancellation WHERE order_id = {direct})"
        ),
        "SELECT event_id FROM cancellations_cancellation WHERE order_id = {direct}",
    ),
    (
        "INV-11",
        "two deliveries under one key",
        (
            "UPDATE events_delivery SET key = 'same' WHERE event_id IN"
            " (SELECT id FROM events_event WHERE order_id = {counted})"
        ),
        "SELECT max(id) FROM events_delivery WHERE key = 'same'",
    ),
    (
        "INV-12",
        "a mail that left twice",
        (
            "INSERT INTO events_sentmail (delivery_key, message_id, mail, order_id, address, language,"
            " subject, text,"
            " html, sent_at) SELECT 'same', '<same@localhost>', 'm05', {counted}, 'dora@buyer.example',"
            " 'ja', '', '', '',"
            " '{moment}' FROM generate_series(1, 2)"
        ),
        "SELECT max(id) FROM events_sentmail WHERE delivery_key = 'same'",
    ),
    (
        "INV-13",
        "a delivery that nobody took for eleven minutes",
        (
            "UPDATE events_delivery SET state = 'PENDING', delivered_at = NULL,"
            " due_at = timestamptz '{moment}' - interval '11 minutes' WHERE listener = 'charge'"
            " AND event_id IN (SELECT id FROM events_event WHERE order_id = {partly})"
        ),
        (
            "SELECT d.id FROM events_delivery AS d JOIN events_event AS e ON e.id = d.event_id"
            " WHERE d.listener = 'charge' AND e.order_id = {partly}"
        ),
    ),
    (
        "INV-14",
        "two events of one version",
        "UPDATE events_event SET order_version = 1 WHERE order_id = {counted}",
        "SELECT max(id) FROM events_event WHERE order_id = {counted}",
    ),
    (
        "INV-15",
        "a change without history",
        "UPDATE orders_order SET version = version + 1 WHERE id = {unshipped}",
        "{unshipped}",
    ),
    (
        "INV-15",
        "history without a change",
        (
            "INSERT INTO events_event (name, order_id, order_version, subject, role, door, actor_name,"
            " happened_at,"
            " payload) VALUES ('order.held', {unshipped}, 7, '', 'SELLER', 'PAGE', '', '{moment}', '{{}}')"
        ),
        "{unshipped}",
    ),
    (
        "INV-16",
        "two open requests about one order",
        "UPDATE cancellations_cancellationrequest SET status = 'OPEN', decided_at = NULL WHERE order_id = {asked}",
        "SELECT max(id) FROM cancellations_cancellationrequest WHERE order_id = {asked}",
    ),
    (
        "INV-16",
        "a fourth request about one order",
        (
            "UPDATE cancellations_cancellationrequest SET order_id = {asked} WHERE order_id IN ({approved},"
            " {requested})"
        ),
        "SELECT max(id) FROM cancellations_cancellationrequest WHERE order_id = {asked}",
    ),
    (
        "INV-17",
        "an open request about a cancelled order",
        "UPDATE cancellations_cancellationrequest SET status = 'OPEN' WHERE order_id = {approved}",
        "{approved}",
    ),
    (
        "INV-17",
        "an answer awaited about a shipped order",
        "UPDATE orders_order SET answer_due_at = '{moment}' WHERE id = {shipped}",
        "{shipped}",
    ),
    (
        "INV-18",
        "an open request with a decision",
        "UPDATE cancellations_cancellationrequest SET decided_at = '{moment}' WHERE order_id = {requested}",
        "SELECT id FROM cancellations_cancellationrequest WHERE order_id = {requested}",
    ),
    (
        "INV-18",
        "an open request of which no unit is open",
        (
            "UPDATE cancellations_requestitem SET quantity_open = 0, state = 'CLOSED' WHERE request_id ="
            " (SELECT id FROM cancellations_cancellationrequest WHERE order_id = {requested})"
        ),
        "SELECT id FROM cancellations_cancellationrequest WHERE order_id = {requested}",
    ),
    (
        "INV-18",
        "an order that forgot when the answer to its request is due",
        "UPDATE orders_order SET answer_due_at = NULL WHERE id = {requested}",
        "{requested}",
    ),
    (
        "INV-18",
        "an order that awaits an answer to nothing",
        "UPDATE orders_order SET answer_due_at = '{moment}' WHERE id = {unshipped}",
        "{unshipped}",
    ),
    (
        "INV-19",
        "a charge for another order's shipment",
        "UPDATE payments_charge SET order_id = {unshipped} WHERE order_id = {partly}",
        "SELECT id FROM payments_charge WHERE order_id = {unshipped}",
    ),
    (
        "INV-20",
        "more refunded than was charged",
        "UPDATE payments_refund SET amount = 99999 WHERE order_id = {shipped}",
        "SELECT charge_id FROM payments_refund WHERE order_id = {shipped}",
    ),
    (
        "INV-21",
        "a reservation held for a cancelled order",
        "UPDATE payments_authorization SET state = 'HELD' WHERE order_id = {approved}",
        "SELECT id FROM payments_authorization WHERE order_id = {approved}",
    ),
    (
        "INV-22",
        "a charge above the order's total",
        "UPDATE payments_charge SET amount = amount + 1 WHERE order_id = {partly}",
        "{partly}",
    ),
    (
        "INV-22",
        "two charges under one reference",
        "UPDATE payments_charge SET provider_ref = 'same'",
        "SELECT max(id) FROM payments_charge",
    ),
    (
        "INV-23",
        "an order left standing sixteen minutes after it was due",
        (
            "UPDATE orders_order SET auto_cancel_due_at = timestamptz '{moment}' - interval '16 minutes'"
            " WHERE id = {unshipped}"
        ),
        "{unshipped}",
    ),
    (
        "INV-24",
        "an automatic cancellation a millisecond early",
        "UPDATE cancellations_cancellation SET cancelled_at = cancelled_at - interval '1 ms' WHERE code = 'MKT-1'",
        "SELECT id FROM cancellations_cancellation WHERE code = 'MKT-1'",
    ),
    (
        "INV-27",
        "an act under a key that never ended",
        (
            "INSERT INTO events_idempotencykey (owner, key, content_hash, state, locked_at) VALUES"
            " ('1', 'k', '', 'STARTED', timestamptz '{moment}' - interval '6 minutes')"
        ),
        "SELECT id FROM events_idempotencykey WHERE key = 'k'",
    ),
    (
        "INV-27",
        "one key kept twice",
        (
            "INSERT INTO events_idempotencykey (owner, key, content_hash, state, locked_at, answer)"
            " SELECT '1', 'k', '', 'DONE', '{moment}', '{{}}' FROM generate_series(1, 2)"
        ),
        "SELECT max(id) FROM events_idempotencykey WHERE key = 'k'",
    ),
    (
        "INV-29",
        "a cancellation of another order's item",
        "UPDATE cancellations_cancellation SET order_id = {unshipped} WHERE order_id = {counted}",
        (
            "SELECT i.id FROM cancellations_cancellationitem AS i JOIN cancellations_cancellation AS c"
            " ON c.id = i.cancellation_id WHERE c.order_id = {unshipped}"
        ),
    ),
    (
        "INV-29",
        "a shipment of another order's item",
        "UPDATE shipments_shipment SET order_id = {unshipped} WHERE order_id = {partly}",
        (
            "SELECT i.id FROM shipments_shipmentitem AS i JOIN shipments_shipment AS s ON s.id = i.shipment_id"
            " WHERE s.order_id = {unshipped}"
        ),
    ),
    (
        "INV-29",
        "a request for another order's items",
        "UPDATE cancellations_cancellationrequest SET order_id = {unshipped} WHERE order_id = {requested}",
        (
            "SELECT min(i.id) FROM cancellations_requestitem AS i JOIN cancellations_cancellationrequest AS r"
            " ON r.id = i.request_id WHERE r.order_id = {unshipped}"
        ),
    ),
    (
        "INV-29",
        "a refund of another order's item",
        "UPDATE payments_refund SET order_id = {unshipped} WHERE order_id = {shipped}",
        (
            "SELECT i.id FROM payments_refunditem AS i JOIN payments_refund AS r ON r.id = i.refund_id"
            " WHERE r.order_id = {unshipped}"
        ),
    ),
    (
        "INV-29",
        "an item of another shop than its order",
        "UPDATE orders_orderitem SET seller_id = {other_shop} WHERE id = {item}",
        "{item}",
    ),
    (
        "INV-30",
        "a change after the last update",
        "UPDATE orders_order SET last_updated_at = last_updated_at - interval '1 ms' WHERE id = {unshipped}",
        "SELECT id FROM events_event WHERE order_id = {unshipped}",
    ),
    (
        "INV-25",
        "a line without an answer",
        "DELETE FROM feeds_lineresult",
        "SELECT id FROM feeds_feed",
    ),
    (
        "INV-26",
        "a feed that a worker left long ago",
        (
            "UPDATE feeds_feed SET state = 'IN_PROGRESS', finished_at = NULL,"
            " started_at = timestamptz '{moment}' - interval '31 minutes'"
        ),
        "SELECT id FROM feeds_feed",
    ),
    (
        "INV-28",
        "a snapshot that counts one order too many",
        (
            "UPDATE metrics_ratesnapshot SET corrected_counted = NULL, corrected_denominator = NULL"
            " WHERE day = '2026-07-02'"
        ),
        "SELECT id FROM metrics_ratesnapshot WHERE day = '2026-07-02'",
    ),
    (
        "INV-28",
        "a snapshot that misses an order",
        "UPDATE metrics_ratesnapshot SET corrected_denominator = 2 WHERE day = '2026-07-02'",
        "SELECT id FROM metrics_ratesnapshot WHERE day = '2026-07-02'",
    ),
    (
        "INV-41",
        "a cancellation taken out without a decision",
        "UPDATE cancellations_cancellation SET excluded = true WHERE order_id = {counted}",
        "SELECT id FROM cancellations_cancellation WHERE order_id = {counted}",
    ),
    (
        "INV-41",
        "a granted dispute whose cancellation still counts",
        "UPDATE cancellations_cancellation SET excluded = false WHERE excluded",
        "SELECT cancellation_id FROM metrics_dispute",
    ),
    (
        "INV-32",
        "a cancellation counted against the rule",
        "UPDATE cancellations_cancellation SET counted = true WHERE order_id = {approved}",
        "SELECT id FROM cancellations_cancellation WHERE order_id = {approved}",
    ),
    (
        "INV-32",
        "a cancellation under another code",
        "UPDATE cancellations_cancellation SET code = 'SEL-2' WHERE order_id = {counted}",
        "SELECT id FROM cancellations_cancellation WHERE order_id = {counted}",
    ),
    (
        "INV-33",
        "a total that is not the sum of its items",
        "UPDATE orders_order SET total = total + 1 WHERE id = {requested}",
        "{requested}",
    ),
    (
        "INV-33",
        "less released than was cancelled",
        "UPDATE payments_authorization SET released = 0 WHERE order_id = {counted}",
        "SELECT id FROM payments_authorization WHERE order_id = {counted}",
    ),
    (
        "INV-33",
        "less charged than was still reserved",
        "UPDATE payments_charge SET amount = amount - 1 WHERE order_id = {partly}",
        "SELECT id FROM payments_authorization WHERE order_id = {partly}",
    ),
    (
        "INV-33",
        "a refund that is not the sum of its shares",
        "UPDATE payments_refunditem SET amount = 1",
        "SELECT id FROM payments_refund WHERE order_id = {shipped}",
    ),
    (
        "INV-33",
        "half a yen",
        "UPDATE payments_refund SET amount = amount - 0.5 WHERE order_id = {shipped}",
        "{shipped}",
    ),
    (
        "INV-36",
        "a warning of an order that the marketplace ships",
        "UPDATE orders_order SET fulfillment_channel = 'MARKETPLACE' WHERE id = {requested}",
        "SELECT min(id) FROM cancellations_shipwarning WHERE order_id = {requested}",
    ),
    (
        "INV-36",
        "a second warning without the first",
        "DELETE FROM cancellations_shipwarning WHERE order_id = {requested} AND kind = 'W1'",
        "SELECT id FROM cancellations_shipwarning WHERE order_id = {requested} AND kind = 'W2'",
    ),
    (
        "INV-36",
        "a warning told to another shop",
        (
            "UPDATE events_event SET subject = 'seller:{other_shop}'"
            " WHERE id IN (SELECT event_id FROM cancellations_shipwarning WHERE kind = 'W3')"
        ),
        "SELECT min(id) FROM cancellations_shipwarning WHERE kind = 'W3'",
    ),
    (
        "INV-37",
        "a warning a second before nine o'clock",
        (
            "UPDATE cancellations_shipwarning SET warned_at = warned_at - interval '1 second'"
            " WHERE order_id = {requested} AND kind = 'W2'"
        ),
        "SELECT id FROM cancellations_shipwarning WHERE order_id = {requested} AND kind = 'W2'",
    ),
    (
        "INV-38",
        "a warning for somebody who had stopped it",
        (
            "INSERT INTO accounts_mailsetting (user_id, mail, silenced_at)"
            " SELECT id, 'M-15', timestamptz '{moment}' - interval '20 days' FROM accounts_user"
        ),
        (
            "SELECT min(d.id) FROM events_delivery AS d JOIN events_event AS e ON e.id = d.event_id"
            " WHERE e.name = 'orders.past_ship_by'"
        ),
    ),
    (
        "INV-38",
        "a mail of a buyer's own cancellation for somebody who had stopped it",
        (
            "INSERT INTO accounts_mailsetting (user_id, mail, silenced_at)"
            " SELECT id, 'M-07', timestamptz '{moment}' - interval '20 days' FROM accounts_user"
        ),
        (
            "SELECT min(d.id) FROM events_delivery AS d JOIN events_event AS e ON e.id = d.event_id"
            " WHERE e.order_id = {direct} AND e.name = 'order.cancelled' AND d.listener = 'mail_seller'"
        ),
    ),
    (
        "INV-39",
        "a bulk that is done with an order left unanswered",
        "UPDATE cancellations_bulkcancellationline SET result = ''",
        "SELECT id FROM cancellations_bulkcancellation",
    ),
    (
        "INV-39",
        "a bulk that lost one of its orders",
        "DELETE FROM cancellations_bulkcancellationline",
        "SELECT id FROM cancellations_bulkcancellation",
    ),
    (
        "INV-40",
        "a reminder of a request that was decided",
        "UPDATE cancellations_cancellationrequest SET remind_at = requested_at WHERE order_id = {approved}",
        "SELECT id FROM cancellations_cancellationrequest WHERE order_id = {approved}",
    ),
    (
        "INV-40",
        "a reminder after the answer was due",
        (
            "UPDATE cancellations_cancellationrequest SET remind_at = response_due_at + interval '1 second'"
            " WHERE order_id = {requested}"
        ),
        "SELECT id FROM cancellations_cancellationrequest WHERE order_id = {requested}",
    ),
]


def test_sound_books_have_no_offender(shop):
    assert offences(now=shop.now) == {}


@pytest.mark.parametrize(
    ("invariant", "_planted", "plant", "offender"), PLANTED, ids=[f"{p[0]} {p[1]}" for p in PLANTED]
)
def test_an_invariant_finds_what_is_planted_in_its_own_shop_only(shop, invariant, _planted, plant, offender):
    other = factories.shop("べつの商店")
    names = {name: order.pk for name, order in shop.orders.items()}
    names |= {"moment": shop.now.isoformat(), "other_shop": other.pk}
    names["item"] = shop["unshipped"].items.order_by("pk").first().pk
    let_everything_in()
    with connection.cursor() as cursor:
        cursor.execute(plant.format(**names))
        assert cursor.rowcount > 0
        wanted = offender.format(**names)
        cursor.execute(wanted if wanted.startswith("SELECT") else f"SELECT {wanted}")
        (key,) = cursor.fetchone()

    assert key in offences(now=shop.now, only=[invariant]).get(invariant, ())
    if invariant != "INV-27":  # keys belong to people, not to shops
        assert key in offences(now=shop.now, only=[invariant], seller_id=shop.seller.pk).get(invariant, ())
    assert offences(now=shop.now, only=[invariant], seller_id=other.pk) == {}


def test_every_invariant_has_a_planted_violation():
    assert set(BY_ID) == {invariant for invariant, *_ in PLANTED}


@pytest.mark.parametrize(
    ("_case", "plant"),
    [
        (
            "a delivery ten minutes late",
            (
                "UPDATE events_delivery SET state = 'PENDING', delivered_at = NULL,"
                " due_at = timestamptz '{moment}' - interval '10 minutes'"
            ),
        ),
        (
            "a due order fifteen minutes late",
            (
                "UPDATE orders_order SET auto_cancel_due_at ="
                " timestamptz '{moment}' - interval '15 minutes' WHERE status = 'UNSHIPPED'"
            ),
        ),
        (
            "an overdue order that came in five minutes ago",
            (
                "UPDATE orders_order SET auto_cancel_due_at = timestamptz '{moment}' - interval '9 d',"
                " last_updated_at = timestamptz '{moment}' - interval '5 minutes' WHERE status = 'UNSHIPPED'"
            ),
        ),
        (
            "an order without a ship-by date",
            "UPDATE orders_order SET ship_by_date = NULL, auto_cancel_due_at = NULL WHERE id = {unshipped}",
        ),
        (
            "a mail that somebody stopped after it came",
            (
                "INSERT INTO accounts_mailsetting (user_id, mail, silenced_at)"
                " SELECT id, 'M-15', '{moment}' FROM accounts_user"
            ),
        ),
        (
            "a warning of an order whose ship-by date was moved since",
            (
                "UPDATE orders_order SET ship_by_date = ship_by_date + 20, version = version + 1"
                " WHERE id IN (SELECT order_id FROM cancellations_shipwarning);"
                " INSERT INTO events_event (name, order_id, order_version, subject, role, door, actor_name,"
                " happened_at, payload) SELECT 'order.extended', id, version, '', 'MARKETPLACE', 'ADMIN', '',"
                " last_updated_at, '{{}}' FROM orders_order"
                " WHERE id IN (SELECT order_id FROM cancellations_shipwarning)"
            ),
        ),
        (
            "a due order on hold",
            (
                "UPDATE orders_order SET auto_cancel_due_at = timestamptz '{moment}' - interval '9 d',"
                " on_hold = true, held_at = '{moment}' WHERE status = 'UNSHIPPED'"
            ),
        ),
        (
            "an act that began five minutes ago",
            (
                "INSERT INTO events_idempotencykey (owner, key, content_hash, state,"
                " locked_at) VALUES ('1', 'k', '', 'STARTED', timestamptz '{moment}' - interval '5 minutes')"
            ),
        ),
        (
            "a reservation whose release is on its way",
            (
                "UPDATE events_delivery SET state = 'PENDING',"
                " delivered_at = NULL, due_at = '{moment}' WHERE listener = 'release_authorization';"
                " UPDATE payments_authorization SET state = 'HELD' WHERE state = 'RELEASED'"
            ),
        ),
    ],
)
def test_what_is_only_on_its_way_is_no_offence(shop, _case, plant):
    with connection.cursor() as cursor:
        cursor.execute(plant.format(moment=shop.now.isoformat(), unshipped=shop["unshipped"].pk))
        assert cursor.rowcount > 0
    assert offences(now=shop.now) == {}


def test_a_delivery_is_forgotten_by_the_clock_alone(shop):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_delivery SET state = 'PENDING', delivered_at = NULL, due_at = %s", [shop.now]
        )
    assert offences(now=shop.now + timedelta(minutes=9), only=["INV-13"]) == {}
    assert set(offences(now=shop.now + timedelta(minutes=11), only=["INV-13"])) == {"INV-13"}


def let_everything_in() -> None:
    """Take away what refuses bad rows, within this test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE events_event DISABLE TRIGGER history_is_append_only")
        cursor.execute(
            """
            SELECT format('ALTER TABLE %%I DROP CONSTRAINT %%I', r.relname, c.conname)
            FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid
            WHERE c.contype IN ('c', 'u') AND split_part(r.relname, '_', 1) = ANY(%s)
            UNION ALL
            SELECT format('DROP INDEX %%I', x.relname)
            FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_class AS r ON r.oid = i.indrelid
            WHERE i.indisunique AND NOT i.indisprimary AND split_part(r.relname, '_', 1) = ANY(%s)
              AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid)
            """,
            [list(GUARDED), list(GUARDED)],
        )
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)


GUARDED = ("events", "orders", "payments", "cancellations", "shipments", "metrics")
