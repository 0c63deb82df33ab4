"""The policy as pages of cases: who may end an order early, when, and does it count against the seller."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cancellations import policy
from cancellations.policy import (
    MARKETPLACE_REASONS,
    SELLER_REASONS,
    Asked,
    CancellationFacts,
    Interlock,
    ItemFacts,
    OpenRequestCounts,
    OrderFacts,
    Reason,
    Refusal,
    RequestFacts,
    RequestStatus,
    Rules,
    Verdict,
    Who,
    classify,
    settle,
    status_of_settled,
    why_buyer_cannot_cancel,
    why_buyer_cannot_request,
    why_buyer_cannot_withdraw,
    why_cannot_cancel,
    why_marketplace_cannot_cancel,
    why_seller_cannot_cancel,
    why_seller_cannot_confirm,
    why_seller_cannot_decline,
    why_sweep_cannot_cancel,
)

PLACED = datetime(2026, 7, 1, 1, 0, tzinfo=UTC)
INSIDE = PLACED + timedelta(minutes=5)
AFTER = INSIDE + timedelta(milliseconds=1)
SHIP_BY = date(2026, 7, 4)
# The end of the day seven days after ship-by, in Tokyo.
DUE = datetime(2026, 7, 11, 15, 0, tzinfo=UTC)
RULES = Rules()
POT, CAN = 1, 2


def order(status: str, *items: ItemFacts, **facts) -> OrderFacts:
    """Three pots and a can, as far along as `status` says."""
    shipped = {"PARTIALLY_SHIPPED": (1, 0), "SHIPPED": (3, 1)}.get(status, (0, 0))
    cancelled = (3, 1) if status == "CANCELED" else (0, 0)
    items = items or (
        ItemFacts(POT, ordered=3, shipped=shipped[0], cancelled=cancelled[0]),
        ItemFacts(CAN, ordered=1, shipped=shipped[1], cancelled=cancelled[1]),
    )
    return OrderFacts(status, PLACED, items, **{"ship_by_date": SHIP_BY, "auto_cancel_due_at": DUE} | facts)


def asked_for(**units: int) -> RequestFacts:
    """An open request for these units."""
    names = {"pots": POT, "cans": CAN}
    return RequestFacts(key=7, requested_at=AFTER, covered={names[name]: count for name, count in units.items()})


WHOLE_REQUEST = asked_for(pots=3, cans=1)
ONE_POT = {POT: 1}

# --- 5.1, the buyer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("_case", "facts", "at", "refusal"),
    [
        ("pending, inside the window", order("PENDING"), INSIDE, None),
        ("pending, a week later (D-03)", order("PENDING"), PLACED + timedelta(days=7), None),
        ("unshipped, inside the window", order("UNSHIPPED"), INSIDE, None),
        ("unshipped, after the window", order("UNSHIPPED"), AFTER, Refusal.DIRECT_WINDOW_ELAPSED),
        ("partly shipped, inside the window (D-04)", order("PARTIALLY_SHIPPED"), INSIDE, None),
        ("partly shipped, after the window", order("PARTIALLY_SHIPPED"), AFTER, Refusal.DIRECT_WINDOW_ELAPSED),
        ("shipped, inside the window", order("SHIPPED"), INSIDE, Refusal.ORDER_NOT_CANCELABLE),
        ("shipped, after the window", order("SHIPPED"), AFTER, Refusal.ORDER_NOT_CANCELABLE),
        ("cancelled already", order("CANCELED"), INSIDE, Refusal.ORDER_NOT_CANCELABLE),
        ("an open request, inside the window", order("UNSHIPPED", request=WHOLE_REQUEST), INSIDE,
         Refusal.REQUEST_ALREADY_OPEN),
        ("an open request, after the window", order("UNSHIPPED", request=WHOLE_REQUEST), AFTER,
         Refusal.REQUEST_ALREADY_OPEN),
        ("on hold, inside the window", order("UNSHIPPED", on_hold=True), INSIDE, None),
        ("on hold, after the window", order("UNSHIPPED", on_hold=True), AFTER, Refusal.DIRECT_WINDOW_ELAPSED),
        ("a line made to order, inside the window (D-05)",
         order("UNSHIPPED", ItemFacts(POT, 3, buyer_cancelable=False)), INSIDE, None),
        ("exactly 5:00.000 after placing (E1, 22.7)", order("UNSHIPPED"), PLACED + timedelta(minutes=5), None),
        ("a microsecond past 5:00", order("UNSHIPPED"), PLACED + timedelta(minutes=5, microseconds=1),
         Refusal.DIRECT_WINDOW_ELAPSED),
        ("5:00.001 after placing (E1, 22.7)", order("UNSHIPPED"), PLACED + timedelta(minutes=5, milliseconds=1),
         Refusal.DIRECT_WINDOW_ELAPSED),
        ("opened at 4:50 and sent at 5:10 (E2)", order("UNSHIPPED"), PLACED + timedelta(minutes=5, seconds=10),
         Refusal.DIRECT_WINDOW_ELAPSED),
    ],
)  # fmt: skip
def test_the_buyer_cancels_alone(_case, facts, at, refusal):
    assert why_buyer_cannot_cancel(facts, ONE_POT, RULES, at) is refusal


def test_while_payment_is_pending_the_window_rules_if_the_operator_says_so():
    rules = Rules(direct_cancel_while_pending=False)
    assert why_buyer_cannot_cancel(order("PENDING"), ONE_POT, rules, INSIDE) is None
    assert why_buyer_cannot_cancel(order("PENDING"), ONE_POT, rules, AFTER) is Refusal.DIRECT_WINDOW_ELAPSED


def test_a_window_of_two_hours_lets_the_buyer_cancel_after_ninety_minutes_unless_shipped():  # E36
    rules, at = Rules(direct_cancel_minutes=120), PLACED + timedelta(minutes=90)
    assert why_buyer_cannot_cancel(order("UNSHIPPED"), ONE_POT, rules, at) is None
    assert why_buyer_cannot_cancel(order("SHIPPED"), ONE_POT, rules, at) is Refusal.ORDER_NOT_CANCELABLE


DAY_BEFORE, DAY_AFTER = SHIP_BY - timedelta(days=1), SHIP_BY + timedelta(days=1)


@pytest.mark.parametrize(
    ("_case", "facts", "today", "refusal"),
    [
        ("pending: direct cancel instead", order("PENDING"), DAY_BEFORE, Refusal.ORDER_NOT_CANCELABLE),
        ("unshipped", order("UNSHIPPED"), DAY_BEFORE, None),
        ("partly shipped: open units (D-04, E13)", order("PARTIALLY_SHIPPED"), DAY_BEFORE, None),
        ("shipped: refuse or return (E5)", order("SHIPPED"), DAY_BEFORE, Refusal.ORDER_NOT_CANCELABLE),
        ("cancelled", order("CANCELED"), DAY_BEFORE, Refusal.ORDER_NOT_CANCELABLE),
        ("a second request beside an open one", order("UNSHIPPED", request=WHOLE_REQUEST), DAY_BEFORE,
         Refusal.REQUEST_ALREADY_OPEN),
        ("on hold", order("UNSHIPPED", on_hold=True), DAY_BEFORE, None),
        ("a line made to order", order("UNSHIPPED", ItemFacts(POT, 3, buyer_cancelable=False)), DAY_BEFORE,
         Refusal.ITEM_NOT_BUYER_CANCELABLE),
        ("sent by the marketplace (E37)", order("UNSHIPPED", marketplace_fulfilled=True), DAY_BEFORE,
         Refusal.ORDER_NOT_CANCELABLE),
        ("the third request", order("UNSHIPPED", requests_made=2), DAY_BEFORE, None),
        ("the fourth request", order("UNSHIPPED", requests_made=3), DAY_BEFORE, Refusal.REQUEST_LIMIT_REACHED),
        ("declined, the day before ship-by", order("UNSHIPPED", was_declined=True), DAY_BEFORE,
         Refusal.REQUEST_TOO_EARLY),
        ("declined, on the ship-by date", order("UNSHIPPED", was_declined=True), SHIP_BY,
         Refusal.REQUEST_TOO_EARLY),
        ("declined, the day after ship-by", order("UNSHIPPED", was_declined=True), DAY_AFTER, None),
        ("declined, without a ship-by date", order("UNSHIPPED", was_declined=True, ship_by_date=None), DAY_BEFORE,
         None),
    ],
)  # fmt: skip
def test_the_buyer_asks_the_seller_to_cancel(_case, facts, today, refusal):
    assert why_buyer_cannot_request(facts, ONE_POT, RULES, today) is refusal


def test_a_line_made_to_order_does_not_stop_a_request_for_another():
    facts = order("UNSHIPPED", ItemFacts(POT, 3, buyer_cancelable=False), ItemFacts(CAN, 1))
    assert why_buyer_cannot_request(facts, {CAN: 1}, RULES, SHIP_BY) is None
    assert why_buyer_cannot_request(facts, {POT: 1}, RULES, SHIP_BY) is Refusal.ITEM_NOT_BUYER_CANCELABLE


def test_only_an_open_request_is_withdrawn():  # E7
    assert why_buyer_cannot_withdraw(order("UNSHIPPED", request=WHOLE_REQUEST)) is None
    assert why_buyer_cannot_withdraw(order("CANCELED")) is Refusal.REQUEST_NOT_OPEN


# --- 5.2, the seller ----------------------------------------------------------------------------------------

NOT_CANCELABLE, HELD = Refusal.ORDER_NOT_CANCELABLE, Refusal.ORDER_ON_HOLD


@pytest.mark.parametrize(
    ("_case", "facts", "whole", "units"),
    [
        ("pending", order("PENDING"), NOT_CANCELABLE, NOT_CANCELABLE),
        ("unshipped", order("UNSHIPPED"), None, None),
        ("partly shipped: open units only (E13)", order("PARTIALLY_SHIPPED"), NOT_CANCELABLE, None),
        ("shipped", order("SHIPPED"), NOT_CANCELABLE, NOT_CANCELABLE),
        ("cancelled", order("CANCELED"), NOT_CANCELABLE, NOT_CANCELABLE),
        ("on hold", order("UNSHIPPED", on_hold=True), HELD, HELD),
        ("with an open request", order("UNSHIPPED", request=WHOLE_REQUEST), None, None),
        ("sent by the marketplace (E37)", order("UNSHIPPED", marketplace_fulfilled=True), NOT_CANCELABLE,
         NOT_CANCELABLE),
    ],
)  # fmt: skip
def test_the_seller_cancels_an_order_or_units_of_it(_case, facts, whole, units):
    assert why_seller_cannot_cancel(facts, facts.open_units() or ONE_POT, whole=True) is whole
    assert why_seller_cannot_cancel(facts, ONE_POT, whole=False) is units


STOPPED = Refusal.OPEN_CANCELLATION_REQUEST
NOT_SHIPPABLE = Refusal.ORDER_NOT_SHIPPABLE
REQUESTED = order("UNSHIPPED", request=WHOLE_REQUEST)


@pytest.mark.parametrize(
    ("_case", "facts", "interlock", "says_shipped", "refusal"),
    [
        ("pending", order("PENDING"), Interlock.ASK, False, NOT_SHIPPABLE),
        ("unshipped", order("UNSHIPPED"), Interlock.ASK, False, None),
        ("partly shipped", order("PARTIALLY_SHIPPED"), Interlock.ASK, False, None),
        ("shipped", order("SHIPPED"), Interlock.ASK, False, NOT_SHIPPABLE),
        ("cancelled", order("CANCELED"), Interlock.ASK, False, NOT_SHIPPABLE),
        ("on hold", order("UNSHIPPED", on_hold=True), Interlock.ASK, True, HELD),
        (
            "sent by the marketplace",
            order("UNSHIPPED", marketplace_fulfilled=True),
            Interlock.ASK,
            True,
            NOT_SHIPPABLE,
        ),
        ("a request is open: the page stops once (7.6)", REQUESTED, Interlock.ASK, False, STOPPED),
        ("a request is open, the goods have left", REQUESTED, Interlock.ASK, True, None),
        ("a request is open: a system is warned (D-14)", REQUESTED, Interlock.WARN, False, None),
        ("a request is open: a system is stopped by setting", REQUESTED, Interlock.BLOCK, False, STOPPED),
        ("a request is open, the file says the goods have left", REQUESTED, Interlock.BLOCK, True, None),
    ],
)
def test_the_seller_confirms_a_shipment(_case, facts, interlock, says_shipped, refusal):
    found = why_seller_cannot_confirm(facts, ONE_POT, interlock=interlock, says_already_shipped=says_shipped)
    assert found is refusal


@pytest.mark.parametrize(
    ("_case", "facts", "rules", "refusal"),
    [
        ("a request is open", REQUESTED, RULES, None),
        (
            "a request is open, the order on hold",
            order("UNSHIPPED", request=WHOLE_REQUEST, on_hold=True),
            RULES,
            None,
        ),
        ("partly shipped", order("PARTIALLY_SHIPPED", request=asked_for(pots=2)), RULES, None),
        ("no request is open", order("UNSHIPPED"), RULES, Refusal.REQUEST_NOT_OPEN),
        (
            "the operator allows no declining",
            REQUESTED,
            Rules(seller_may_decline=False),
            Refusal.DECLINE_NOT_ALLOWED,
        ),
    ],
)
def test_the_seller_declines_a_request(_case, facts, rules, refusal):
    assert why_seller_cannot_decline(facts, rules) is refusal


# --- 5.3, the marketplace and the clock ---------------------------------------------------------------------


@pytest.mark.parametrize("reason", [*MARKETPLACE_REASONS, Reason.NO_INVENTORY], ids=str)
@pytest.mark.parametrize(
    ("_case", "facts", "refusal"),
    [
        ("pending", order("PENDING"), None),
        ("unshipped", order("UNSHIPPED"), None),
        ("on hold", order("UNSHIPPED", on_hold=True), None),
        ("with an open request", order("UNSHIPPED", request=WHOLE_REQUEST), None),
        ("shipped", order("SHIPPED"), NOT_CANCELABLE),
        ("cancelled", order("CANCELED"), NOT_CANCELABLE),
    ],
)
def test_the_marketplace_cancels_any_open_unit(_case, facts, refusal, reason):
    assert why_marketplace_cannot_cancel(facts, ONE_POT, reason) is refusal


@pytest.mark.parametrize(
    ("reason", "refusal"),
    [
        (Reason.PAYMENT_FAILED, NOT_CANCELABLE),
        (Reason.FRAUD, None),
        (Reason.SUPPORT_FOR_BUYER, None),
        (Reason.MARKETPLACE_OTHER, None),
        (Reason.NO_INVENTORY, None),
    ],
    ids=str,
)
def test_a_failed_payment_ends_an_order_before_its_first_confirmation_only(reason, refusal):
    assert why_marketplace_cannot_cancel(order("PARTIALLY_SHIPPED"), ONE_POT, reason) is refusal


MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("_case", "facts", "now", "refusal"),
    [
        ("a microsecond before it is due", order("UNSHIPPED"), DUE - MOMENT, NOT_CANCELABLE),
        ("a second before it is due (22.6)", order("UNSHIPPED"), DUE - timedelta(seconds=1), NOT_CANCELABLE),
        ("exactly when it is due (22.6)", order("UNSHIPPED"), DUE, None),
        ("two days late (E16)", order("UNSHIPPED"), DUE + timedelta(days=2), None),
        ("the open rest of a partly shipped order (D-25)", order("PARTIALLY_SHIPPED"), DUE, None),
        ("with an open request (E14)", REQUESTED, DUE, None),
        ("payment never verified", order("PENDING"), DUE, NOT_CANCELABLE),
        ("confirmed in time, or just before the lock (E15)", order("SHIPPED"), DUE, NOT_CANCELABLE),
        ("cancelled before", order("CANCELED"), DUE, NOT_CANCELABLE),
        ("on hold", order("UNSHIPPED", on_hold=True), DUE, HELD),
        ("without a ship-by date", order("UNSHIPPED", auto_cancel_due_at=None), DUE, NOT_CANCELABLE),
        ("sent by the marketplace", order("UNSHIPPED", marketplace_fulfilled=True), DUE, NOT_CANCELABLE),
    ],
)
def test_the_sweep_cancels_what_is_due(_case, facts, now, refusal):
    assert why_sweep_cannot_cancel(facts, now) is refusal


# --- which units --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("_case", "units", "refusal"),
    [
        ("one of three", {POT: 1}, None),
        ("all that is open", {POT: 2, CAN: 1}, None),
        ("one more than is open", {POT: 3}, Refusal.QUANTITY_EXCEEDS_OPEN),
        ("none of it", {POT: 0}, Refusal.QUANTITY_EXCEEDS_OPEN),
        ("a negative quantity", {POT: -1}, Refusal.QUANTITY_EXCEEDS_OPEN),
        ("no item at all", {}, Refusal.QUANTITY_EXCEEDS_OPEN),
        ("an item of another order", {99: 1}, Refusal.ITEM_NOT_FOUND),
        ("a good item beside one of another order", {POT: 1, 99: 1}, Refusal.ITEM_NOT_FOUND),
    ],
)
def test_units_must_be_of_the_order_and_open(_case, units, refusal):
    facts = order("PARTIALLY_SHIPPED", ItemFacts(POT, 3, shipped=1), ItemFacts(CAN, 1))
    assert policy.why_not_these_units(facts, units) is refusal
    assert why_buyer_cannot_cancel(facts, units, RULES, INSIDE) is refusal
    assert why_buyer_cannot_request(facts, units, RULES, DAY_BEFORE) is refusal
    assert why_seller_cannot_cancel(facts, units, whole=False) is refusal
    assert why_marketplace_cannot_cancel(facts, units, Reason.FRAUD) is refusal
    shipped = why_seller_cannot_confirm(facts, units, interlock=Interlock.ASK, says_already_shipped=False)
    assert shipped is refusal


# --- who is asked -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("_case", "role", "reason", "facts", "now", "refusal"),
    [
        ("the buyer's window binds the buyer", "BUYER", Reason.BUYER_DIRECT, order("UNSHIPPED"), AFTER,
         Refusal.DIRECT_WINDOW_ELAPSED),
        ("a hold binds the seller", "SELLER", Reason.NO_INVENTORY, order("UNSHIPPED", on_hold=True), AFTER, HELD),
        ("a hold does not bind the marketplace", "MARKETPLACE", Reason.FRAUD, order("UNSHIPPED", on_hold=True),
         AFTER,
         None),
        ("the provider's refusal ends a pending order", "SYSTEM", Reason.PAYMENT_FAILED, order("PENDING"),
         AFTER, None),
        ("support cancels for the seller (D-06)", "MARKETPLACE", Reason.NO_INVENTORY, order("UNSHIPPED"),
         AFTER, None),
        ("the sweep waits for the due moment", "SYSTEM", Reason.AUTO_NOT_CONFIRMED, order("UNSHIPPED"),
         DUE - MOMENT,
         NOT_CANCELABLE),
        ("a file says it was cancelled elsewhere", "SYSTEM", Reason.IMPORTED, order("UNSHIPPED", on_hold=True),
         AFTER,
         None),
        ("a seller gives no reason of the marketplace", "SELLER", Reason.FRAUD, order("UNSHIPPED"), AFTER,
         Refusal.REASON_UNKNOWN),
        ("a seller gives no reason of the buyer", "SELLER", Reason.BUYER_DIRECT, order("UNSHIPPED"), AFTER,
         Refusal.REASON_UNKNOWN),
        ("an operator gives no reason of the buyer", "MARKETPLACE", Reason.BUYER_DIRECT, order("UNSHIPPED"), AFTER,
         Refusal.REASON_UNKNOWN),
    ],
)  # fmt: skip
def test_the_rules_of_whoever_acts_are_asked(_case, role, reason, facts, now, refusal):
    found = why_cannot_cancel(
        facts, facts.open_units(), role=role, reason=reason, whole=True, rules=RULES, now=now
    )
    assert found is refusal


# --- 9.1 and 9.2, the table and the verdicts ----------------------------------------------------------------

WHOLE = {POT: 3, CAN: 1}
MESSAGE = (41,)


def facts(role: str, reason: Reason, units=WHOLE, **more) -> CancellationFacts:
    """What a verdict rests on."""
    return CancellationFacts(role, reason, units, **{"ship_by_date": SHIP_BY} | more)


VERDICTS = [
    ("the buyer cancels alone", facts("BUYER", Reason.BUYER_DIRECT), "BUY-0", False),
    ("the buyer's reason matters not", facts("BUYER", Reason.NO_INVENTORY, covered=WHOLE), "BUY-0", False),
    ("the seller honours an official request", facts("SELLER", Reason.BUYER_CANCELED, covered=WHOLE), "BUY-1",
     False),
    ("the request covers more than is cancelled (E12)",
     facts("SELLER", Reason.BUYER_CANCELED, {POT: 3}, covered=WHOLE), "BUY-1", False),
    ("the request covers one item of two (E11)",
     facts("SELLER", Reason.BUYER_CANCELED, covered={POT: 3}), "BUY-3", True),
    ("the request covers one unit of two (E39)",
     facts("SELLER", Reason.BUYER_CANCELED, {POT: 2}, covered={POT: 1}), "BUY-3", True),
    ("the one unit that was asked for (E39, 22.9)",
     facts("SELLER", Reason.BUYER_CANCELED, {POT: 1}, covered={POT: 1}), "BUY-1", False),
    ("the buyer asked by message only", facts("SELLER", Reason.BUYER_CANCELED, wish_messages=MESSAGE), "BUY-2",
     True),
    ("by message, and a request for too little",
     facts("SELLER", Reason.BUYER_CANCELED, covered={POT: 1}, wish_messages=MESSAGE), "BUY-2", True),
    ("nobody asked at all (E10), or the request was withdrawn (E6) or declined (E8)",
     facts("SELLER", Reason.BUYER_CANCELED), "BUY-3", True),
    ("out of stock", facts("SELLER", Reason.NO_INVENTORY), "SEL-1", True),
    ("out of stock although a request is open (E9, D-17)",
     facts("SELLER", Reason.NO_INVENTORY, covered=WHOLE), "SEL-1", True),
    ("the address cannot be delivered to", facts("SELLER", Reason.ADDRESS_UNDELIVERABLE), "SEL-2", True),
    ("the buyer does not reply", facts("SELLER", Reason.BUYER_NOT_REPLYING), "SEL-3", True),
    ("a wrong price", facts("SELLER", Reason.PRICING_ERROR), "SEL-9", True),
    ("an exchange", facts("SELLER", Reason.CUSTOMER_EXCHANGE), "SEL-9", True),
    ("another reason", facts("SELLER", Reason.OTHER), "SEL-9", True),
    ("never confirmed", facts("SYSTEM", Reason.AUTO_NOT_CONFIRMED), "MKT-1", True),
    ("never confirmed while a request was open (E14, D-18)",
     facts("SYSTEM", Reason.AUTO_NOT_CONFIRMED, covered=WHOLE, requested_on=SHIP_BY), "MKT-1", True),
    ("fraud", facts("MARKETPLACE", Reason.FRAUD), "MKT-2", False),
    ("fraud while a request is open (E19)", facts("MARKETPLACE", Reason.FRAUD, covered=WHOLE), "MKT-2", False),
    ("the payment failed", facts("SYSTEM", Reason.PAYMENT_FAILED), "MKT-3", False),
    ("the payment failed, found by an operator", facts("MARKETPLACE", Reason.PAYMENT_FAILED), "MKT-3", False),
    ("support for the buyer", facts("MARKETPLACE", Reason.SUPPORT_FOR_BUYER), "MKT-4", False),
    ("another reason of the marketplace", facts("MARKETPLACE", Reason.MARKETPLACE_OTHER), "MKT-9", False),
    ("another reason, and the operator says it counts",
     facts("MARKETPLACE", Reason.MARKETPLACE_OTHER, operator_says_counts=True), "MKT-9", True),
    ("cancelled in another system", facts("SYSTEM", Reason.IMPORTED), "MKT-9", False),
    ("an import never counts", facts("SYSTEM", Reason.IMPORTED, operator_says_counts=True), "MKT-9", False),
    ("an automatic approval", facts("SYSTEM", Reason.BUYER_CANCELED, covered=WHOLE), "BUY-1", False),
    ("an automatic approval of part of a request", facts("SYSTEM", Reason.BUYER_CANCELED, covered={POT: 1}),
     "BUY-1", False),
    ("support for the seller: out of stock (D-06)", facts("MARKETPLACE", Reason.NO_INVENTORY), "SEL-1", True),
    ("support for the seller: the buyer's request", facts("MARKETPLACE", Reason.BUYER_CANCELED, covered=WHOLE),
     "BUY-1", False),
    ("support for the seller: no request", facts("MARKETPLACE", Reason.BUYER_CANCELED), "BUY-3", True),
]  # fmt: skip


@pytest.mark.parametrize(("_case", "given_facts", "code", "counted"), VERDICTS, ids=[case[0] for case in VERDICTS])
def test_a_cancellation_is_judged(_case, given_facts, code, counted):
    assert classify(given_facts) == Verdict(code, counted)


def test_every_row_of_the_table_has_a_case():
    assert {code for *_, code, _ in VERDICTS} == {row.code for row in policy.TABLE}


def test_the_printed_table_is_the_help_pages():
    printed = [(row.who, row.code, row.counts) for row in policy.TABLE if row.on_help_page]
    assert printed == [
        (Who.BUYER, "BUY-1", False),
        (Who.BUYER, "BUY-2", True),
        (Who.SELLER, "SEL-1", True),
        (Who.SELLER, "SEL-2", True),
        (Who.SELLER, "SEL-3", True),
        (Who.MARKETPLACE, "MKT-1", True),
        (Who.MARKETPLACE, "MKT-2", False),
        (Who.MARKETPLACE, "MKT-3", False),
    ]


def test_the_added_rows_stand_below_the_help_pages():
    added = {row.code: row.counts for row in policy.TABLE if not row.on_help_page}
    assert added == {"BUY-0": False, "BUY-3": True, "SEL-9": True, "MKT-4": False, "MKT-9": False}
    assert len({row.code for row in policy.TABLE}) == len(policy.TABLE)


LATE, IN_TIME = SHIP_BY + timedelta(days=1), SHIP_BY


@pytest.mark.parametrize(
    ("_case", "setting", "covered", "requested_on", "counted"),
    [
        ("always", OpenRequestCounts.ALWAYS, WHOLE, IN_TIME, True),
        ("never", OpenRequestCounts.NEVER, WHOLE, LATE, False),
        ("never, but no request was open", OpenRequestCounts.NEVER, None, None, True),
        ("requested after ship-by", OpenRequestCounts.ONLY_IF_REQUESTED_AFTER_SHIP_BY, WHOLE, LATE, True),
        (
            "requested on the ship-by date",
            OpenRequestCounts.ONLY_IF_REQUESTED_AFTER_SHIP_BY,
            WHOLE,
            IN_TIME,
            False,
        ),
        ("no request was open", OpenRequestCounts.ONLY_IF_REQUESTED_AFTER_SHIP_BY, None, None, True),
    ],
)
def test_an_automatic_cancellation_with_an_open_request_counts_as_the_setting_says(
    _case, setting, covered, requested_on, counted
):
    judged = classify(
        facts(
            "SYSTEM",
            Reason.AUTO_NOT_CONFIRMED,
            covered=covered,
            requested_on=requested_on,
            open_request_counts=setting,
        )
    )
    assert judged == Verdict("MKT-1", counted)


def test_the_sellers_reasons_stand_in_the_order_of_the_drop_down():
    assert [reason.value for reason in SELLER_REASONS] == [
        "BUYER_CANCELED",
        "NO_INVENTORY",
        "ADDRESS_UNDELIVERABLE",
        "BUYER_NOT_REPLYING",
        "PRICING_ERROR",
        "CUSTOMER_EXCHANGE",
        "OTHER",
    ]


# --- what becomes of an open request ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("_case", "asked", "taken", "approves", "open_after", "after"),
    [
        ("all three cancelled as asked", Asked(3, 0, 3), 3, True, 0, Asked(3, 3, 0)),
        ("one of three cancelled as asked (E12)", Asked(3, 0, 3), 1, True, 2, Asked(3, 1, 2)),
        ("one asked for, two cancelled as asked (E39)", Asked(1, 0, 1), 2, True, 1, Asked(1, 1, 0)),
        ("another item was cancelled", Asked(3, 0, 3), 0, True, 3, Asked(3, 0, 3)),
        ("all cancelled for another reason (E9)", Asked(3, 0, 3), 3, False, 0, Asked(3, 0, 0)),
        ("a unit nobody asked for was shipped", Asked(1, 0, 1), 2, False, 1, Asked(1, 0, 1)),
        ("the last unit, which was asked for, was shipped", Asked(1, 0, 1), 3, False, 0, Asked(1, 0, 0)),
        ("fewer stay open than were asked for", Asked(2, 0, 2), 2, False, 1, Asked(2, 0, 1)),
        ("one approved before, the rest shipped", Asked(3, 1, 2), 2, False, 0, Asked(3, 1, 0)),
    ],
)
def test_units_that_leave_an_order_shrink_its_request(_case, asked, taken, approves, open_after, after):
    assert settle(asked, taken=taken, approves=approves, open_after=open_after) == after


@pytest.mark.parametrize(
    ("_case", "lines", "status"),
    [
        ("something is open still", [Asked(3, 3, 0), Asked(1, 0, 1)], RequestStatus.OPEN),
        ("all was cancelled as asked", [Asked(3, 3, 0), Asked(1, 1, 0)], RequestStatus.APPROVED),
        ("some was cancelled as asked", [Asked(3, 3, 0), Asked(1, 0, 0)], RequestStatus.PARTLY_APPROVED),
        ("part of an item was cancelled as asked", [Asked(3, 2, 0)], RequestStatus.PARTLY_APPROVED),
        ("nothing was cancelled as asked", [Asked(3, 0, 0), Asked(1, 0, 0)], RequestStatus.CLOSED),
    ],
)
def test_the_status_of_a_request_follows_from_its_items(_case, lines, status):
    assert status_of_settled(lines, RequestStatus.CLOSED) is status


@pytest.mark.parametrize(
    ("state", "flagged"),
    [("OPEN", True), ("APPROVED", True), ("DECLINED", False), ("WITHDRAWN", False), ("CLOSED", False)],
)
def test_an_item_is_flagged_while_its_request_is_open_or_was_approved(state, flagged):  # D-16
    assert policy.is_flagged(state) is flagged


# --- rules that hold for any numbers ------------------------------------------------------------------------

counts = some.integers(min_value=0, max_value=20)


@given(
    ordered=some.integers(1, 20),
    asked=some.integers(1, 20),
    steps=some.lists(some.tuples(counts, some.booleans())),
)
def test_a_request_never_grows_and_never_covers_more_than_is_open(ordered, asked, steps):
    remaining = ordered
    line = Asked(min(asked, ordered), 0, min(asked, ordered))
    for taken, approves in steps:
        taken = min(taken, remaining)
        remaining -= taken
        after = settle(line, taken=taken, approves=approves, open_after=remaining)
        assert after.quantity == line.quantity
        assert 0 <= after.open <= min(line.open, remaining)
        assert line.approved <= after.approved <= after.quantity - after.open
        line = after
    if not remaining:
        assert status_of_settled([line], RequestStatus.CLOSED) is not RequestStatus.OPEN


units_of_order = some.dictionaries(some.sampled_from([POT, CAN, 3]), some.integers(1, 5), min_size=1)


@given(units=units_of_order, extra=units_of_order, role=some.sampled_from(["SELLER", "MARKETPLACE"]))
def test_cancelling_as_the_buyer_asked_never_counts_when_every_unit_is_covered(units, extra, role):
    covered = {key: units.get(key, 0) + extra.get(key, 0) for key in units | extra}
    assert classify(facts(role, Reason.BUYER_CANCELED, units, covered=covered)) == Verdict("BUY-1", counted=False)


@given(units=units_of_order, data=some.data())
def test_one_unit_beyond_the_request_makes_the_cancellation_count(units, data):
    short = data.draw(some.sampled_from(sorted(units)))
    covered = units | {short: units[short] - 1}
    assert classify(facts("SELLER", Reason.BUYER_CANCELED, units, covered=covered)).counted is True


@given(
    reason=some.sampled_from([reason for reason in SELLER_REASONS if reason != Reason.BUYER_CANCELED]),
    covered=some.none() | units_of_order,
    messages=some.lists(some.integers(), max_size=2).map(tuple),
)
def test_any_other_reason_of_the_seller_counts_whatever_was_asked(reason, covered, messages):
    assert classify(facts("SELLER", reason, covered=covered, wish_messages=messages)).counted is True


@given(
    role=some.sampled_from(["BUYER", "SELLER", "MARKETPLACE", "SYSTEM"]),
    reason=some.sampled_from(list(Reason)),
    covered=some.none() | units_of_order,
    setting=some.sampled_from(list(OpenRequestCounts)),
)
def test_every_verdict_is_a_row_of_the_table_with_its_effect(role, reason, covered, setting):
    verdict = classify(facts(role, reason, covered=covered, requested_on=SHIP_BY, open_request_counts=setting))
    assert verdict.code in policy.COUNTS
    if setting == OpenRequestCounts.ALWAYS:
        assert verdict.counted is policy.COUNTS[verdict.code]
