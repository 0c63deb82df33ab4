"""An order as its shop sees it: the open request beside it, and what may be done about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from typing import Any

from django.conf import settings
from django.http import Http404
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from accounts.access import ShopRequest
from cancellations import policy
from cancellations import queries as cancellation_queries
from cancellations.actions import see_requests
from cancellations.wording import reason_label, refusal
from orders import lists
from orders.queries import order_of_seller
from orders.rules import OPEN_STATUSES, Status
from sellercentral.templatetags.portal import yen

_ANY_NUMBER = "000-0000000-0000000"


@cache
def _address_of_any(name: str) -> str:
    return reverse(f"seller:{name}", args=[_ANY_NUMBER])


def address_of(name: str, number: str) -> str:
    """Where a page of an order is. A list has four such addresses a row: finding each anew would be a tenth of it."""
    return _address_of_any(name).replace(_ANY_NUMBER, number)


@dataclass(frozen=True, slots=True)
class Act:
    """One way on from a row: its address, its words, how loud it is; `answers` if it answers the open request."""

    url: str
    words: str
    kind: str
    answers: bool = False

    @property
    def cancels(self) -> bool:
        """Whether it leads to a cancel form: where the key for cancelling goes."""
        return self.url.endswith(("/cancel/", "/cancel-items/"))


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why the whole order cannot be cancelled here, with a sign and what to do instead."""

    icon: str
    says: str
    more: str = ""
    warns: bool = False


@dataclass
class Standing:
    """One order as its shop sees it: the open request, and what may be done about it."""

    order: Any  # a whole order, or a row of the list
    facts: policy.OrderFacts
    request: Any  # the open request or its note in the list; None without one
    titles: Mapping[int, str]
    may_act: bool
    rules: policy.Rules
    note: cancellation_queries.Note | None = None
    reason_words: Mapping[str, str] = field(default_factory=dict)

    @property
    def asked_why(self) -> str:
        """The buyer's reason for the open request, in the reader's language if it is one of the list."""
        return self.reason_words.get(self.request.reason_label, self.request.reason_label) if self.request else ""

    @cached_property
    def whole_request(self) -> bool:
        """Whether the open request covers all that is open."""
        covered = self.facts.request.covered if self.facts.request else None
        return policy.covers(covered, self.facts.open_units())

    @property
    def approves_itself(self) -> bool:
        """Whether the open request is approved if nobody answers it in time (domain 8)."""
        return self.rules.on_response_overdue == policy.OnResponseOverdue.AUTO_APPROVE

    @property
    def requested(self) -> list[tuple[str, int]]:
        """What the open request still covers: title and units."""
        covered = self.facts.request.covered if self.facts.request else {}
        return [(self.titles[key], quantity) for key, quantity in covered.items()]

    @property
    def scope(self) -> str:
        """What a request for less than the whole is about, in one sentence (domain 7.1)."""
        parts = [
            ngettext("「%(title)s」%(units)d点", "「%(title)s」%(units)d点", units)
            % {"title": title, "units": units}
            for title, units in self.requested
        ]
        return _("リクエストの対象は%(items)sのみです。") % {"items": _("、").join(parts)}

    @cached_property
    def may_cancel(self) -> bool:
        """Whether the whole order may be cancelled here."""
        return self.may_act and not policy.why_seller_cannot_cancel(
            self.facts, self.facts.open_units(), whole=True
        )

    @property
    def why_no_cancel(self) -> WhyNot | None:
        """Why the whole order cannot be cancelled here, in words; None if it can, or was cancelled already."""
        brand = {"brand": settings.BRAND_NAME}
        if self.may_cancel or self.order.status == Status.CANCELED:
            return None
        if self.facts.marketplace_fulfilled:
            return WhyNot("lock", _("%(brand)sが出荷する注文のため、ここではキャンセルできません。") % brand)
        if self.order.status == Status.PENDING:
            return WhyNot("clock", _("お支払いの確認中です。確認が終わるまで、出荷とキャンセルはできません。"))
        if self.order.on_hold and self.units_open:
            return WhyNot("pause", refusal(policy.Refusal.ORDER_ON_HOLD), warns=True)
        if self.order.status == Status.SHIPPED:
            return WhyNot(
                "info",
                _("出荷通知を送信済みのため、この注文はキャンセルできません。"),
                _("商品を発送した場合、対応は必要ありません。"),
            )
        if self.order.status == Status.PARTIALLY_SHIPPED:
            return WhyNot(
                "info",
                _("一部を出荷済みのため、注文全体のキャンセルはできません。"),
                _("まだ出荷していない商品は「一部キャンセル」でキャンセルできます。")
                if self.may_cancel_items
                else "",
            )
        return WhyNot("lock", _("閲覧のみの権限のため、この注文を操作できません。店舗の管理者にご確認ください。"))

    @cached_property
    def may_cancel_items(self) -> bool:
        """Whether open units may be cancelled here."""
        return self.may_act and not policy.why_seller_cannot_cancel(
            self.facts, self.facts.open_units(), whole=False
        )

    @property
    def may_refund(self) -> bool:
        """Whether money may go back here, if any was taken: where something was confirmed as sent (domain 5.2)."""
        return self.may_act and not self.facts.marketplace_fulfilled and self.units_shipped > 0

    @cached_property
    def is_shippable(self) -> bool:
        """Whether the order has units to send, an open request aside: then there is a packing slip."""
        return not policy.why_seller_cannot_confirm(
            self.facts, self.facts.open_units(), interlock=policy.Interlock.ASK, says_already_shipped=True
        )

    @property
    def may_ship(self) -> bool:
        """Whether a shipment may be confirmed here, an open request aside."""
        return self.may_act and self.is_shippable

    @cached_property
    def may_decline(self) -> bool:
        """Whether the open request may be declined here."""
        return self.may_act and not policy.why_seller_cannot_decline(self.facts, self.rules)

    @property
    def may_choose(self) -> bool:
        """Whether the order can be chosen with others: what is finished, unpaid or on hold waits for nobody."""
        is_open = self.order.status in OPEN_STATUSES and not self.order.on_hold
        return self.may_act and is_open and not self.facts.marketplace_fulfilled

    @property
    def choice(self) -> str:
        """What choosing the order is called for those who hear the page."""
        return _("注文 %(number)s を選択") % {"number": self.order.number}

    @property
    def addressee(self) -> str:
        """Who gets the goods, and where; empty where the file named nobody."""
        if not self.order.recipient_name:
            return ""
        named = _("%(name)s 様") % {"name": self.order.recipient_name}
        return f"{named}・{self.order.recipient_state}" if self.order.recipient_state else named

    @property
    def wares(self) -> list[tuple[str, str]]:
        """Each item of a row: its title, and number, quantity and amount in one line."""
        plain = _("SKU %(sku)s・数量 %(quantity)s・%(amount)s")
        partly = _("SKU %(sku)s・数量 %(quantity)s（うち%(cancelled)s点はキャンセル済み）・%(amount)s")
        tells = self.order.status != Status.CANCELED
        return [
            (
                line.title,
                (partly if tells and line.cancelled else plain)
                % {
                    "sku": line.sku,
                    "quantity": line.ordered,
                    "cancelled": line.cancelled,
                    "amount": yen(line.amount, self.order.currency),
                },
            )
            for line in self.order.lines
        ]

    @property
    def sent_so_far(self) -> str:
        """How much of a partly shipped order has left."""
        units = {"all": self.units_ordered, "sent": self.units_shipped}
        return _("%(all)s点のうち%(sent)s点を出荷済み") % units

    @property
    def hides_buyer(self) -> bool:
        """Whether payment was never verified, so that the buyer stays unnamed: also if the order ended before."""
        return self.order.payment_verified_at is None

    @cached_property
    def units_open(self) -> int:
        """Open units in all."""
        return sum(self.facts.open_units().values())

    @property
    def units_shipped(self) -> int:
        """Shipped units in all."""
        return sum(item.shipped for item in self.facts.items)

    @property
    def units_ordered(self) -> int:
        """Ordered units in all."""
        return sum(item.ordered for item in self.facts.items)

    @property
    def reason_of_end(self) -> str:
        """Why a cancelled order was cancelled, in words."""
        if self.order.status != Status.CANCELED or not (self.note and self.note.reason):
            return ""
        return reason_label(self.note.reason)

    @cached_property
    def url(self) -> str:
        """Where the order is shown."""
        return address_of("order", self.order.number)

    @property
    def decline_url(self) -> str:
        """Where the open request is declined."""
        return address_of("order-decline", self.order.number)

    def act(self, name: str, words: str, kind: str, *, answers: bool = False) -> Act:
        """A way on to one of the order's own pages."""
        return Act(address_of(name, self.order.number), words, kind, answers)

    @property
    def waits(self) -> str:
        """Why nothing can be done just now, in words."""
        if self.order.status == Status.PENDING:
            return _("お支払いの確認中です")
        if self.facts.marketplace_fulfilled and self.units_open:
            return _("%(brand)sが出荷する注文です") % {"brand": settings.BRAND_NAME}
        return (
            _("%(brand)sが確認中です") % {"brand": settings.BRAND_NAME}
            if self.order.on_hold and self.units_open
            else ""
        )

    @property
    def acts(self) -> list[Act]:
        """The アクション column: at most one of them is loud, and that one answers the open request."""
        asked = self.request is not None
        ship, cancel, items = _("出荷通知を送信"), _("注文キャンセル"), _("一部キャンセル")
        if self.may_cancel and self.whole_request:
            return [
                self.act("order-cancel", cancel, "btn btn-main btn-low", answers=True),
                self.act("order-confirm-shipment", ship, "small heavy"),
            ]
        if self.may_cancel and asked:
            return [
                self.act("order-cancel-items", items, "btn btn-main btn-low", answers=True),
                self.act("order-cancel", cancel, "btn btn-line btn-low"),
            ]
        if self.may_cancel:
            return [
                self.act("order-confirm-shipment", ship, "btn btn-line btn-low"),
                self.act("order-cancel", cancel, "btn btn-line btn-low"),
            ]
        if self.may_cancel_items and asked:
            return [
                self.act("order-cancel-items", items, "btn btn-main btn-low", answers=True),
                self.act("order-confirm-shipment", ship, "small heavy"),
            ]
        if self.may_cancel_items:
            return [
                self.act("order-confirm-shipment", ship, "btn btn-line btn-low"),
                self.act("order-cancel-items", items, "btn btn-line btn-low"),
            ]
        if self.may_refund:
            return [self.act("order-refund", _("返金する"), "btn btn-line btn-low")]
        return [Act(self.url, _("詳細を見る"), "small heavy")]


def standing_of(request: ShopRequest, order, now: datetime) -> Standing:
    """Put an order of the shop beside what was asked about it."""
    (standing,) = standings_of_orders(request, [order], now)
    return standing


def standing_shown(request: ShopRequest, order, now: datetime) -> Standing:
    """The same for a page that shows the open request: whoever opens it has seen the request (domain 8)."""
    standing = standing_of(request, order, now)
    if standing.request and not standing.request.seen_by_seller_at:
        mark_seen(order.seller_id, [order.pk], now)
    return standing


def standings_of_orders(request: ShopRequest, orders: Sequence, now: datetime) -> list[Standing]:
    """Put whole orders of the shop beside what was asked about them, in a fixed number of statements."""
    keys = [order.pk for order in orders]
    asked = cancellation_queries.with_wishes(keys, cancellation_queries.asked_of(keys))
    rules = cancellation_queries.rules_at(now)
    words = buyer_reason_words() if any(each.open for each in asked.values()) else {}
    return [
        Standing(
            order,
            cancellation_queries.facts_of(order, asked.get(order.pk)),
            asked[order.pk].open if order.pk in asked else None,
            {line.pk: line.title for line in order.lines},
            request.membership.may_act,
            rules,
            reason_words=words,
        )
        for order in orders
    ]


def buyer_reason_words() -> dict[str, str]:
    """The buyer's reasons, in the language of the page."""
    return cancellation_queries.buyer_reason_words(language=get_language() or "")


def find_order(request: ShopRequest, number: str):
    """The shop's order, or 404: the same for unknown ones and other shops'."""
    found = order_of_seller(request.membership.seller_id, number)
    if found is None:
        raise Http404
    return found


def standings_of(rows: Sequence[lists.Row], *, may_act: bool, rules: policy.Rules) -> list[Standing]:
    """Put each row of the list beside its open request; `rules` is the policy in force."""
    language = get_language() or ""
    notes = cancellation_queries.notes_for([row.pk for row in rows], language=language) if rows else {}
    return [
        Standing(
            row,
            facts_of_row(row, notes[row.pk]),
            notes[row.pk].request,
            {line.key: line.title for line in row.lines},
            may_act,
            rules,
            notes[row.pk],
        )
        for row in rows
    ]


def facts_of_row(row: lists.Row, note: cancellation_queries.Note) -> policy.OrderFacts:
    """What the policy looks at, from a row of a list."""
    request = note.request
    return policy.OrderFacts(
        status=row.status,
        placed_at=row.placed_at,
        items=tuple(policy.ItemFacts(line.key, line.ordered, line.shipped, line.cancelled) for line in row.lines),
        ship_by_date=row.ship_by_date,
        auto_cancel_due_at=row.auto_cancel_due_at,
        on_hold=row.on_hold,
        marketplace_fulfilled=row.fulfillment_channel == "MARKETPLACE",
        request=policy.RequestFacts(request.pk, request.requested_at, request.covered) if request else None,
    )


def mark_seen(seller_id: int, order_ids: Sequence[int], now: datetime) -> None:
    """Keep that a person of the shop has seen the requests on these orders; once each (domain 8)."""
    if order_ids:
        see_requests(seller_id=seller_id, order_ids=order_ids, now=now)
