"""What an act would make of the rate, asked before it is done: numbers and words (B2, ui 4.9)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cancellations import policy

from .queries import Standing, counting_among, rate_at
from .rate import OrderFacts
from .wording import state_words


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would become of a shop's rate if cancellations counted (B2)."""

    now: Standing
    counting: frozenset[int]

    def after(self, orders: Collection[OrderFacts]) -> Standing:
        """The rate if each of these orders were cancelled now and counted."""
        return self.now.after(orders, counting=self.counting)

    def counts_already(self, order_id: int) -> bool:
        """Whether another cancellation of the order counts in the window: it counts once (E22)."""
        return order_id in self.counting


def prospect_of(seller_id: int, order_ids: Collection[int], *, now: datetime, rules: policy.Rules) -> Prospect:
    """What an act on these orders would make of the rate, in two statements whatever their number."""
    standing = rate_at(seller_id, now, rules)
    return Prospect(standing, counting_among(standing, order_ids))


@dataclass(frozen=True, slots=True)
class Change:
    """What an act makes of the rate, in words: the numbers, and the state if it becomes another."""

    numbers: str
    state: str = ""
    once: str = ""


def change(prospect: Prospect, orders: list[OrderFacts]) -> Change:
    """「現在 1.20% → 2.41%」, and what the state becomes, if these orders' cancellations counted."""
    before, after = prospect.now, prospect.after(orders)
    numbers = _("現在 %(now)s → %(after)s") % {"now": before.shown, "after": after.shown}
    once = ""
    if orders and all(prospect.counts_already(order.key) for order in orders):
        once = ngettext(
            "この注文はすでにキャンセル率に含まれています。注文は1回だけ数えます。",
            "これらの注文はすでにキャンセル率に含まれています。注文は1回だけ数えます。",
            len(orders),
        )
    return Change(numbers, becomes(before, after), once)


def becomes(before: Standing, after: Standing) -> str:
    """What the state becomes, if it becomes another."""
    if before.state == after.state:
        return ""
    words = {"now": state_words(before.state), "after": state_words(after.state)}
    return _("状態は「%(now)s」から「%(after)s」になります。") % words
