"""The money of one order, as its seller's and its buyer's page show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from orders.rules import Status, cancelled_amount
from payments.queries import charge_refused, charges_of, is_held, refunds_of

REFUSED = "FAILED"
SHIPPED_STATUSES = {Status.SHIPPED, Status.PARTIALLY_SHIPPED}


@dataclass(frozen=True, slots=True)
class Money:
    """What an order comes to; None where the file it came from named no price.

    `left_out` was cancelled before anything was charged, and is no part of `total`; an order that was cancelled whole
    keeps its total, of which nothing is charged. `charge_state` is how far the taking of the money is, `releasing`
    whether the provider has still to give up what it held for an order that was cancelled.
    """

    total: Decimal | None
    left_out: Decimal
    shipping: Decimal
    charged: Decimal | None
    refunds: Sequence
    charge_state: str = ""
    releasing: bool = False

    @property
    def refunded(self) -> Decimal:
        """What goes or went back."""
        return sum((each.amount for each in self.refunds if each.stands), Decimal(0))

    @property
    def left(self) -> Decimal:
        """What was charged and may still go back."""
        return (self.charged or Decimal(0)) - self.refunded


def money_of(order) -> Money:
    """The money of an order that was read with its lines."""
    shipping = sum((line.shipping_amount for line in order.lines), Decimal(0))
    if charge := charges_of([order.pk]).get(order.pk):
        left_out = (order.total or charge.amount) - charge.amount
        return Money(charge.amount, left_out, shipping, charge.amount, refunds_of(order.pk), charge.state)
    left_out = Decimal(0)
    if order.status != Status.CANCELED:
        left_out = cancelled_amount(
            ((line.goods_amount, line.quantity_ordered, line.quantity_cancelled) for line in order.lines),
            currency=order.currency,
        )
    total = None if order.total is None else order.total - left_out
    state = REFUSED if order.status in SHIPPED_STATUSES and charge_refused(order.pk) else ""
    releasing = order.status == Status.CANCELED and is_held(order.pk)
    return Money(total, left_out, shipping, None, (), state, releasing)
