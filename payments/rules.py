"""What may still be given back of a charged order, from its numbers alone (domain 11).

Nothing but other rules and the standard library. All functions are total and have no side effects.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from cancellations.words import Refusal
from orders.rules import WHOLE_CURRENCIES, share


class RefundReason(StrEnum):
    """Why a seller gives money back after the charge; CANCELLATION is written by a cancellation alone (domain 11)."""

    NOT_SHIPPED = "NOT_SHIPPED"
    RETURN = "RETURN"
    REFUSED = "REFUSED"
    CUSTOMER_CANCEL = "CUSTOMER_CANCEL"
    NO_INVENTORY = "NO_INVENTORY"
    PRICE_ADJUSTMENT = "PRICE_ADJUSTMENT"
    OTHER = "OTHER"
    CANCELLATION = "CANCELLATION"


# In the order of the form.
SELLER_REASONS = tuple(reason for reason in RefundReason if reason != RefundReason.CANCELLATION)


@dataclass(frozen=True, slots=True)
class SoldItem:
    """One item of a charged order: its units and the money of all of them.

    `cancelled` are its cancelled units, before the charge or after; `refunded_units` those of sellers' refunds.
    `given` is the money of it that was never charged or goes back: all of these units had, as it was rounded.
    """

    ordered: int
    cancelled: int
    refunded_units: int
    amount: Decimal
    given: Decimal

    @property
    def units_left(self) -> int:
        """Units whose money may go back; none, if more were cancelled than had any left."""
        return max(self.ordered - self.cancelled - self.refunded_units, 0)

    @property
    def money_left(self) -> Decimal:
        """Money that was charged for it and has not gone back."""
        return max(self.amount - self.given, Decimal(0))


@dataclass(frozen=True, slots=True)
class Sold:
    """A charged order: what was charged, what goes or went back of it in all, and its items by key.

    An item without a price is none of them: its money was never known here.
    """

    charged: Decimal
    refunded: Decimal
    currency: str
    items: Mapping[int, SoldItem]

    @property
    def left(self) -> Decimal:
        """The most that may still go back; refunds under way count (domain 11)."""
        return self.charged - self.refunded

    def money_left(self, key: int) -> Decimal:
        """The most that may go back for an item."""
        return min(self.items[key].money_left, self.left)

    @property
    def beside(self) -> Decimal:
        """What is left beside the items: shipping, as far as no refund of an amount took it."""
        return max(self.left - sum((item.money_left for item in self.items.values()), Decimal(0)), Decimal(0))

    def money_of(self, units: Mapping[int, int], most: Decimal) -> dict[int, Decimal]:
        """The money of units by item, within the most in all: with the last unit goes what rounding has left, and
        units without money of their own get none.
        """
        amounts = dict[int, Decimal]()
        for key, count in units.items():
            item = self.items.get(key)
            if item is None:
                continue
            amount = item.money_left
            if count < item.units_left:
                of_units = share(
                    amount=item.amount,
                    units=item.ordered,
                    before=item.cancelled + item.refunded_units,
                    taken=count,
                    currency=self.currency,
                )
                amount = min(of_units, amount)
            elif not item.units_left:
                amount = Decimal(0)
            amounts[key] = max(min(amount, most - sum(amounts.values(), Decimal(0))), Decimal(0))
        return amounts

    def less(self, back: "Back", *, cancels: bool = False) -> "Sold":
        """What is left to know after a refund, or after units were cancelled."""

        def after(key: int, item: SoldItem) -> SoldItem:
            units = back.units.get(key, 0)
            return replace(
                item,
                cancelled=item.cancelled + (units if cancels else 0),
                refunded_units=item.refunded_units + (0 if cancels else units),
                given=item.given + back.amounts.get(key, Decimal(0)),
            )

        items = {key: after(key, item) for key, item in self.items.items()}
        return replace(self, refunded=self.refunded + back.amount, items=items)


@dataclass(frozen=True, slots=True)
class Back:
    """What goes back: units and money by item, and the money in all."""

    units: Mapping[int, int]
    amounts: Mapping[int, Decimal]
    amount: Decimal


def what_goes_back(sold: Sold, *, units: Mapping[int, int], beside: Decimal, whole: bool) -> Back:
    """What a seller's refund gives: the money of some units and what is given `beside` them, or all that is left."""
    if whole:
        units = {key: item.units_left for key, item in sold.items.items() if item.units_left}
        return Back(units, sold.money_of(units, sold.left), sold.left)
    amounts = sold.money_of(units, sold.left - beside)
    return Back(units, amounts, sum(amounts.values(), beside))


def what_cancelling_gives(sold: Sold, units: Mapping[int, int]) -> Back:
    """What cancelling units after the charge gives back: their money, if no refund gave it before (domain 11)."""
    amounts = sold.money_of(units, sold.left)
    return Back(units, amounts, sum(amounts.values(), Decimal(0)))


def why_not_refund(sold: Sold, reason: RefundReason, back: Back, *, beside: Decimal) -> Refusal | None:
    """Why a seller's refund is not made (domain 5.2, 11)."""
    if reason not in SELLER_REASONS:
        return Refusal.REASON_UNKNOWN
    if any(key not in sold.items for key in back.units):
        return Refusal.ITEM_NOT_FOUND
    if any(not 0 < count <= sold.items[key].units_left for key, count in back.units.items()):
        return Refusal.QUANTITY_EXCEEDS_OPEN
    parts_of_a_yen = sold.currency in WHOLE_CURRENCIES and beside != beside.to_integral_value()
    if beside < 0 or parts_of_a_yen or (back.amount <= 0 < sold.left):
        return Refusal.AMOUNT_FORMAT
    return None if 0 < back.amount <= sold.left else Refusal.REFUND_EXCEEDS_CHARGE
