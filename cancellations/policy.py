"""Who may end an order early, when, and which cancellations count against the seller.

Pure: standard library only. Every question takes facts and a time and answers with a refusal code, or None
for "nothing stands against it". The table that the help page, the hints beside the form and the tests are
printed from gives every verdict its effect (domain 9.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from .words import (
    MARKETPLACE_REASONS as MARKETPLACE_REASONS,
)
from .words import (
    NOT_RESTOCKED as NOT_RESTOCKED,
)
from .words import (
    SELLER_REASONS as SELLER_REASONS,
)
from .words import (
    CloseReason as CloseReason,
)
from .words import (
    DeclineReason as DeclineReason,
)
from .words import (
    Interlock as Interlock,
)
from .words import (
    OnResponseOverdue as OnResponseOverdue,
)
from .words import (
    OpenRequestCounts as OpenRequestCounts,
)
from .words import (
    Reason as Reason,
)
from .words import (
    Refusal as Refusal,
)
from .words import (
    RequestStatus as RequestStatus,
)

# --- facts ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers and switches of one policy version (domain 17)."""

    version: int = 1
    direct_cancel_minutes: int = 5
    direct_cancel_while_pending: bool = True
    auto_cancel_days: int = 7
    # W1, W2 and W3 come so many days after the ship-by date.
    first_warning_days: int = 1
    second_warning_days: int = 5
    last_warning_days: int = 7
    request_response_hours: int = 48
    on_response_overdue: OnResponseOverdue = OnResponseOverdue.NOTHING
    seller_may_decline: bool = True
    max_requests_per_order: int = 3
    auto_cancel_with_open_request_counts: OpenRequestCounts = OpenRequestCounts.ALWAYS
    ship_interlock_api: Interlock = Interlock.WARN
    # Whether an operator looks at a shop's registration as a developer before it gets keys (domain 14.1).
    developer_approval: bool = False
    # Percentages; `metrics.rate` measures by them.
    rate_target: Decimal = Decimal("2.50")
    rate_watch: Decimal = Decimal("2.00")
    rate_window_days: int = 7
    rate_min_orders: int = 1

    @property
    def warning_days(self) -> dict[str, int]:
        """How many days after the ship-by date each warning comes (domain 10)."""
        return {"W1": self.first_warning_days, "W2": self.second_warning_days, "W3": self.last_warning_days}


# A shop's limit of automatic approval is an amount of this currency.
SHOP_CURRENCY = "JPY"
# A shop may let its buyers cancel alone for longer than the policy does, up to 72 hours (domain 17).
LONGEST_DIRECT_MINUTES = 72 * 60


@dataclass(frozen=True, slots=True)
class ShopRules:
    """What a shop lets happen without its people (domain 8, 17, B18).

    `direct_cancel_minutes` is how long its buyers cancel alone, where that is longer than the policy's. `approves`
    says whether requests for one of these `reasons` are approved by themselves: of orders up to `max_amount`, asked
    for within `max_hours` of ordering (None: whatever the amount, however late), and, with `only_before_slip`, before
    a packing slip was printed.
    """

    direct_cancel_minutes: int = 0
    approves: bool = False
    reasons: frozenset[str] = frozenset()
    max_amount: Decimal | None = None
    max_hours: int | None = None
    only_before_slip: bool = True


@dataclass(frozen=True, slots=True)
class AskedFor:
    """What the rules of a shop look at in a request; `amount` is the order's total, None if a price is unknown."""

    reason_code: str
    placed_at: datetime
    requested_at: datetime
    amount: Decimal | None
    slip_printed_at: datetime | None
    currency: str = SHOP_CURRENCY


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """The three quantities of one item."""

    key: int
    ordered: int
    shipped: int = 0
    cancelled: int = 0
    buyer_cancelable: bool = True

    @property
    def open(self) -> int:
        return self.ordered - self.shipped - self.cancelled


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """An open official request: since when, and how many units of which item it still covers."""

    key: int
    requested_at: datetime
    covered: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """All that the rules look at in an order."""

    status: str
    placed_at: datetime
    items: tuple[ItemFacts, ...]
    ship_by_date: date | None = None
    auto_cancel_due_at: datetime | None = None
    on_hold: bool = False
    marketplace_fulfilled: bool = False
    request: RequestFacts | None = None
    requests_made: int = 0
    was_declined: bool = False
    wish_messages: tuple[int, ...] = field(default=())
    # How long the shop itself lets its buyers cancel alone; asked for where a buyer acts.
    shop_direct_minutes: int = 0

    def open_units(self) -> dict[int, int]:
        """Open units by item, items without any left out."""
        return {item.key: item.open for item in self.items if item.open}


Units = Mapping[int, int]
OPEN = frozenset({"UNSHIPPED", "PARTIALLY_SHIPPED"})
UNFINISHED = OPEN | {"PENDING"}


def why_not_these_units(order: OrderFacts, units: Units) -> Refusal | None:
    """Chosen units must be of this order, positive, and still open."""
    open_units = order.open_units()
    known = {item.key for item in order.items}
    for key, quantity in units.items():
        if key not in known:
            return Refusal.ITEM_NOT_FOUND
        if quantity < 1 or quantity > open_units.get(key, 0):
            return Refusal.QUANTITY_EXCEEDS_OPEN
    return None if units else Refusal.QUANTITY_EXCEEDS_OPEN


# --- the buyer (domain 5.1) -------------------------------------------------------------------------------


def direct_minutes(order: OrderFacts, rules: Rules) -> int:
    """How long this order's buyer cancels alone: as the policy says, or longer if the shop does (E36)."""
    return max(rules.direct_cancel_minutes, order.shop_direct_minutes)


def direct_until(order: OrderFacts, rules: Rules) -> datetime:
    """The last instant at which the buyer cancels alone; it belongs to the window (D-36)."""
    return order.placed_at + timedelta(minutes=direct_minutes(order, rules))


def why_buyer_cannot_cancel(
    order: OrderFacts, units: Units, rules: Rules, received_at: datetime
) -> Refusal | None:
    """May the buyer cancel these units alone? Inside the window, or without limit while payment is pending."""
    if order.status not in UNFINISHED:
        return Refusal.ORDER_NOT_CANCELABLE
    if order.request:
        return Refusal.REQUEST_ALREADY_OPEN
    waits_for_payment = order.status == "PENDING" and rules.direct_cancel_while_pending
    if not waits_for_payment and received_at > direct_until(order, rules):
        return Refusal.DIRECT_WINDOW_ELAPSED
    return why_not_these_units(order, units)


def why_buyer_cannot_request(order: OrderFacts, units: Units, rules: Rules, today: date) -> Refusal | None:
    """May the buyer ask the seller to cancel these units? `today` is the marketplace's local day."""
    if order.status not in OPEN or order.marketplace_fulfilled:
        return Refusal.ORDER_NOT_CANCELABLE
    if order.request:
        return Refusal.REQUEST_ALREADY_OPEN
    if order.requests_made >= rules.max_requests_per_order:
        return Refusal.REQUEST_LIMIT_REACHED
    if order.was_declined and order.ship_by_date and today <= order.ship_by_date:
        return Refusal.REQUEST_TOO_EARLY
    if refusal := why_not_these_units(order, units):
        return refusal
    if any(item.key in units and not item.buyer_cancelable for item in order.items):
        return Refusal.ITEM_NOT_BUYER_CANCELABLE
    return None


def why_buyer_cannot_withdraw(order: OrderFacts) -> Refusal | None:
    """Only an open request can be withdrawn (E7)."""
    return None if order.request else Refusal.REQUEST_NOT_OPEN


# --- the seller (domain 5.2) ------------------------------------------------------------------------------


def why_seller_cannot_cancel(order: OrderFacts, units: Units, *, whole: bool) -> Refusal | None:
    """May the seller cancel? The whole order only while nothing was confirmed; units as long as they are open."""
    if order.marketplace_fulfilled or order.status not in OPEN:
        return Refusal.ORDER_NOT_CANCELABLE
    if order.on_hold:
        return Refusal.ORDER_ON_HOLD
    if whole and order.status != "UNSHIPPED":
        return Refusal.ORDER_NOT_CANCELABLE
    return why_not_these_units(order, units)


def why_seller_cannot_confirm(
    order: OrderFacts, units: Units, *, interlock: Interlock, says_already_shipped: bool
) -> Refusal | None:
    """May the seller confirm a shipment? An open request stops a page once (domain 7.6)."""
    if order.marketplace_fulfilled or order.status not in OPEN:
        return Refusal.ORDER_NOT_SHIPPABLE
    if order.on_hold:
        return Refusal.ORDER_ON_HOLD
    if refusal := why_not_these_units(order, units):
        return refusal
    if order.request and interlock != Interlock.WARN and not says_already_shipped:
        return Refusal.OPEN_CANCELLATION_REQUEST
    return None


def why_seller_cannot_decline(order: OrderFacts, rules: Rules) -> Refusal | None:
    """May the seller decline the open request? Also while the order is on hold."""
    if not order.request:
        return Refusal.REQUEST_NOT_OPEN
    return None if rules.seller_may_decline else Refusal.DECLINE_NOT_ALLOWED


# --- a shop's rules (domain 8) ----------------------------------------------------------------------------


def approves_by_itself(shop: ShopRules, asked: AskedFor) -> bool:
    """Whether a request is one that the shop lets be approved without its people."""
    if not shop.approves or asked.reason_code not in shop.reasons:
        return False
    amount = asked.amount if asked.currency == SHOP_CURRENCY else None
    if shop.max_amount is not None and (amount is None or amount > shop.max_amount):
        return False
    if shop.max_hours is not None and asked.requested_at > asked.placed_at + timedelta(hours=shop.max_hours):
        return False
    is_printed = asked.slip_printed_at is not None and asked.slip_printed_at <= asked.requested_at
    return not (shop.only_before_slip and is_printed)


def why_cannot_approve_by_itself(order: OrderFacts, units: Units) -> Refusal | None:
    """May these units be cancelled as asked, without the shop's people? Only while the open request covers them."""
    if order.marketplace_fulfilled or order.status not in OPEN:
        return Refusal.ORDER_NOT_CANCELABLE
    if order.on_hold:
        return Refusal.ORDER_ON_HOLD
    if not order.request or not covers(order.request.covered, units):
        return Refusal.REQUEST_NOT_OPEN
    return why_not_these_units(order, units)


# --- days on which shops cannot send (domain 21, B16) -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Closed:
    """Whole local days on which parcels do not leave, the last of them included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def days_granted(closed: Closed, *, ship_by: date, last_day: date) -> tuple[int, int]:
    """By how many days a closure moves an open order's ship-by date, and its automatic cancellation.

    `last_day` is the last day on which a confirmation is in time. Who was to ship within the closure gets all of its
    days; who was late before it began, but not cancelled yet, gets them for the cancellation alone.
    """
    if closed.first <= ship_by <= closed.last:
        return closed.days, closed.days
    if ship_by < closed.first <= last_day:
        return 0, closed.days
    return 0, 0


# --- the marketplace and the clock (domain 5.3, 10) -------------------------------------------------------


def why_marketplace_cannot_cancel(order: OrderFacts, units: Units, reason: Reason) -> Refusal | None:
    """May the operator cancel? Any open unit; for a failed payment only before the first confirmation."""
    if order.status not in UNFINISHED:
        return Refusal.ORDER_NOT_CANCELABLE
    if reason == Reason.PAYMENT_FAILED and order.status == "PARTIALLY_SHIPPED":
        return Refusal.ORDER_NOT_CANCELABLE
    return why_not_these_units(order, units)


def why_sweep_cannot_cancel(order: OrderFacts, now: datetime) -> Refusal | None:
    """Is the order overdue? Open, verified, not on hold, and `now` at or after the due moment."""
    if order.marketplace_fulfilled or order.status not in OPEN:
        return Refusal.ORDER_NOT_CANCELABLE
    if order.on_hold:
        return Refusal.ORDER_ON_HOLD
    if order.auto_cancel_due_at is None or now < order.auto_cancel_due_at:
        return Refusal.ORDER_NOT_CANCELABLE
    return None


def why_cannot_cancel(
    order: OrderFacts,
    units: Units,
    *,
    role: str,
    reason: Reason,
    whole: bool,
    rules: Rules,
    now: datetime,
) -> Refusal | None:
    """The question of cancelling, put to the rules of whoever acts."""
    if role == "SYSTEM" and reason == Reason.IMPORTED:
        return why_not_these_units(order, units)
    if role == "SYSTEM" and reason == Reason.AUTO_NOT_CONFIRMED:
        return why_sweep_cannot_cancel(order, now)
    if role == "SYSTEM" and reason == Reason.BUYER_CANCELED:
        return why_cannot_approve_by_itself(order, units)
    if role == "BUYER":
        if reason != Reason.BUYER_DIRECT:
            return Refusal.REASON_UNKNOWN
        return why_buyer_cannot_cancel(order, units, rules, now)
    if role == "SELLER":
        if reason not in SELLER_REASONS:
            return Refusal.REASON_UNKNOWN
        return why_seller_cannot_cancel(order, units, whole=whole)
    if reason not in MARKETPLACE_REASONS + SELLER_REASONS:
        return Refusal.REASON_UNKNOWN
    return why_marketplace_cannot_cancel(order, units, reason)


# --- the table (domain 9.1) -------------------------------------------------------------------------------


class Who(StrEnum):
    """First column of the table."""

    BUYER = "BUYER"
    SELLER = "SELLER"
    MARKETPLACE = "MARKETPLACE"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: in whose name, which code, whether it counts against the seller, printed on the help page?"""

    who: Who
    code: str
    counts: bool
    on_help_page: bool


TABLE = (
    Row(Who.BUYER, "BUY-1", counts=False, on_help_page=True),
    Row(Who.BUYER, "BUY-2", counts=True, on_help_page=True),
    Row(Who.SELLER, "SEL-1", counts=True, on_help_page=True),
    Row(Who.SELLER, "SEL-2", counts=True, on_help_page=True),
    Row(Who.SELLER, "SEL-3", counts=True, on_help_page=True),
    Row(Who.MARKETPLACE, "MKT-1", counts=True, on_help_page=True),
    Row(Who.MARKETPLACE, "MKT-2", counts=False, on_help_page=True),
    Row(Who.MARKETPLACE, "MKT-3", counts=False, on_help_page=True),
    Row(Who.BUYER, "BUY-0", counts=False, on_help_page=False),
    Row(Who.SELLER, "BUY-3", counts=True, on_help_page=False),
    Row(Who.SELLER, "SEL-9", counts=True, on_help_page=False),
    Row(Who.MARKETPLACE, "MKT-4", counts=False, on_help_page=False),
    Row(Who.MARKETPLACE, "MKT-9", counts=False, on_help_page=False),
)
COUNTS = {row.code: row.counts for row in TABLE}


# --- does it count? (domain 9.2) --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CancellationFacts:
    """What a verdict rests on. Stored with the cancellation, so that it can be judged again.

    `covered` is what the open request covers (None without one), `requested_on` its local day,
    `wish_messages` the buyer's messages that wish for a cancellation.
    """

    role: str
    reason: Reason
    units: Units
    covered: Units | None = None
    requested_on: date | None = None
    ship_by_date: date | None = None
    wish_messages: tuple[int, ...] = ()
    open_request_counts: OpenRequestCounts = OpenRequestCounts.ALWAYS
    operator_says_counts: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which row of the table a cancellation is, and whether it counts against the seller."""

    code: str
    counted: bool


_MARKETPLACE_CODES = {
    Reason.PAYMENT_FAILED: "MKT-3",
    Reason.FRAUD: "MKT-2",
    Reason.AUTO_NOT_CONFIRMED: "MKT-1",
    Reason.IMPORTED: "MKT-9",
    Reason.SUPPORT_FOR_BUYER: "MKT-4",
    Reason.MARKETPLACE_OTHER: "MKT-9",
}
_SELLER_CODES = {
    Reason.NO_INVENTORY: "SEL-1",
    Reason.ADDRESS_UNDELIVERABLE: "SEL-2",
    Reason.BUYER_NOT_REPLYING: "SEL-3",
}


def covers(covered: Units | None, units: Units) -> bool:
    """Whether an open request covers every unit (domain 9.2, E11, E39)."""
    return covered is not None and all(covered.get(key, 0) >= quantity for key, quantity in units.items())


def by_coverage(covered: Units | None, units: Units) -> list[dict[int, int]]:
    """The chosen units in the parts that are judged apart: lines that an open request covers, and the others.

    Covered units are exempt, others are not (domain 11).
    """
    inside = {key: quantity for key, quantity in units.items() if covers(covered, {key: quantity})}
    outside = {key: quantity for key, quantity in units.items() if key not in inside}
    return [part for part in (inside, outside) if part]


def judged_apart(reason: Reason, covered: Units | None, units: Units) -> list[dict[int, int]]:
    """The chosen units in the parts that a seller's act with this reason consists of: of the buyer's, those asked for
    apart from the others.
    """
    return by_coverage(covered, units) if reason == Reason.BUYER_CANCELED else [dict(units)]


def classify(facts: CancellationFacts) -> Verdict:
    """The row of the table that applies, and its effect (domain 9.2)."""
    code = _code(facts)
    if code == "MKT-9" and facts.reason == Reason.MARKETPLACE_OTHER:
        return Verdict(code, facts.operator_says_counts)
    if code == "MKT-1" and _open_request_excuses(facts):
        return Verdict(code, counted=False)
    return Verdict(code, COUNTS[code])


def _code(facts: CancellationFacts) -> str:
    """First match wins."""
    if facts.role == "BUYER":
        return "BUY-0"
    if facts.role in {"SYSTEM", "MARKETPLACE"}:
        if code := _MARKETPLACE_CODES.get(facts.reason):
            return code
        if facts.role == "SYSTEM" and facts.reason == Reason.BUYER_CANCELED:
            return "BUY-1"
        # Support acting for the seller is judged as if the seller had done it (D-06).
    if facts.reason == Reason.BUYER_CANCELED:
        if covers(facts.covered, facts.units):
            return "BUY-1"
        return "BUY-2" if facts.wish_messages else "BUY-3"
    return _SELLER_CODES.get(facts.reason, "SEL-9")


def _open_request_excuses(facts: CancellationFacts) -> bool:
    """Whether an open request keeps an automatic cancellation from counting; by default it does not (D-18)."""
    if facts.covered is None or facts.open_request_counts == OpenRequestCounts.ALWAYS:
        return False
    if facts.open_request_counts == OpenRequestCounts.NEVER:
        return True
    in_time = facts.requested_on and facts.ship_by_date and facts.requested_on > facts.ship_by_date
    return not in_time


# --- what becomes of an open request ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """Units of one item in a request: asked for, cancelled as asked, and still open."""

    quantity: int
    approved: int
    open: int


def settle(asked: Asked, *, taken: int, approves: bool, open_after: int) -> Asked:
    """One item of a request after units of it were cancelled or shipped.

    `taken` units left the order; `approves` says they were cancelled as the buyer asked. Units nobody asked
    for go first otherwise, so a request shrinks only when fewer units stay open than it covers.
    """
    approved_now = min(taken, asked.open) if approves else 0
    return Asked(asked.quantity, asked.approved + approved_now, min(asked.open - approved_now, open_after))


def status_of_settled(asked: list[Asked], otherwise: RequestStatus) -> RequestStatus:
    """Status of a request from its items; `otherwise` is how it ends when nothing was approved."""
    if any(item.open for item in asked):
        return RequestStatus.OPEN
    approved = sum(item.approved for item in asked)
    if approved == sum(item.quantity for item in asked):
        return RequestStatus.APPROVED
    return RequestStatus.PARTLY_APPROVED if approved else otherwise


def is_flagged(item_state: str) -> bool:
    """Whether an item shows as requested by the buyer in every door (D-16)."""
    return item_state in {"OPEN", "APPROVED"}
