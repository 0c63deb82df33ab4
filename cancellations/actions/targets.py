"""What an act is asked to do to which order, and the shape that all acts share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from cancellations import policy, queries
from cancellations.models import CancellationRequest
from cancellations.policy import Reason, Refusal
from orders.actions import in_batches, outcome
from orders.models import Order
from orders.outcomes import Outcome, Result


@dataclass(frozen=True, slots=True)
class CancelTarget:
    """Cancel one order: all its open units, or the `units` given by item.

    `expected_version` refuses if the order changed since it was looked at; `restock` None takes the reason's
    usual way (D-12); `counts` is the operator's choice for other marketplace reasons. `memo` is the seller's own;
    `note` is what a buyer or an operator said to it, kept in the history only.
    """

    order_id: int
    reason: Reason
    units: Mapping[int, int] | None = None
    memo: str = ""
    note: str = ""
    restock: bool | None = None
    expected_version: int | None = None
    counts: bool = False


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """Ask the seller to cancel one order: all open units, or the `units` given by item."""

    order_id: int
    reason_code: str
    reason_label: str
    units: Mapping[int, int] | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class WithdrawTarget:
    """Take back the open request of one order."""

    order_id: int


@dataclass(frozen=True, slots=True)
class DeclineTarget:
    """Decline the open request of one order; OTHER needs a text, ALREADY_SHIPPED wants a tracking number."""

    order_id: int
    reason: policy.DeclineReason
    text: str = ""
    tracking: str = ""
    expected_version: int | None = None


def approval_of(request: CancellationRequest) -> CancelTarget:
    """What approves an open request with nobody looking: exactly what it still asks for, of the order as it stands."""
    return CancelTarget(
        request.order_id,
        Reason.BUYER_CANCELED,
        units={line.item_id: line.quantity_open for line in request.items.all() if line.quantity_open},
        expected_version=request.order.version,
    )


class HasOrder(Protocol):
    """What all targets have in common."""

    @property
    def order_id(self) -> int: ...


Target = TypeVar("Target", bound=HasOrder)


@dataclass(slots=True)
class Case(Generic[Target]):
    """One target under the lock: its order, what was asked about it, and what the policy sees."""

    target: Target
    order: Order
    asked: queries.Asked

    @property
    def facts(self) -> policy.OrderFacts:
        """Made anew each time: an earlier target of the same batch may have changed the order."""
        return queries.facts_of(self.order, self.asked)


def judge(
    targets: Sequence[Target],
    locked: Mapping[int, Order],
    decide: Callable[[Case[Target]], Outcome],
    *,
    hears_wishes: bool = False,
    by_buyer: bool = False,
) -> list[Outcome]:
    """Put each target to `decide`, which changes the case in memory and answers.

    An unknown order, or one that changed since `expected_version`, never gets there. `hears_wishes` if the verdict
    rests on what buyers wrote, `by_buyer` if a buyer cancels alone, for as long as the shop allows.
    """
    asked = queries.asked_of(locked)
    if hears_wishes:
        asked = queries.with_wishes(locked, asked)
    if by_buyer:
        asked = queries.with_shop_windows(locked, asked)
    outcomes: list[Outcome] = []
    for target in targets:
        order = locked.get(target.order_id)
        expected = getattr(target, "expected_version", None)
        if order is None:
            outcomes.append(Outcome(target.order_id, Result.ERROR, Refusal.ORDER_NOT_FOUND))
        elif expected is not None and expected != order.version:
            outcomes.append(outcome(order, Result.ERROR, Refusal.VERSION_CONFLICT))
        else:
            outcomes.append(decide(Case(target, order, asked.setdefault(order.pk, queries.Asked()))))
    return outcomes


def batches(
    targets: Sequence[Target], act: Callable[[Sequence[Target]], list[Outcome]], *, unattended: bool = False
) -> list[Outcome]:
    """Run an act in transactions of at most 1,000 orders (`orders.actions.in_batches`)."""
    return in_batches(targets, act, order_id=lambda target: target.order_id, unattended=unattended)
