"""What happened to an order, as a reader may see it: events, mails, and the moment a request was seen."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from accounts.actors import Door, Role
from cancellations.policy import Reason
from cancellations.queries import cancellations_of, requests_of
from cancellations.warning_queries import warnings_of
from cancellations.wording import reason_label
from events.queries import history_of, mails_of, waiting_mails_of
from events.wording import EVENTS, MAILS
from orders.views.standing import buyer_reason_words
from payments.queries import REFUND_REASONS
from sellercentral.templatetags.portal import yen
from shipments.queries import shipments_of

# The listener whose mails are for the buyer.
TO_BUYER = "mail_buyer"
# What the marketplace does on its own side; a buyer is not told of it.
INTERNAL = {"order.held", "order.released"}
WARNED = {
    "W1": gettext_lazy("出荷予定日を過ぎたことをメールで通知"),
    "W2": gettext_lazy("まもなく自動キャンセルされることをメールで通知"),
    "W3": gettext_lazy("まもなく自動キャンセルされることをメールで通知"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story: a sign, what happened, more about it, when, and by whom."""

    at: datetime
    icon: str
    what: str
    who: str
    more: str = ""
    by_buyer: bool = False


class Story:
    """Everything that is kept about one order, read once, told to the seller or to the buyer."""

    def __init__(self, order):
        """Read it in a fixed number of statements."""
        self.order = order
        self.events = list(history_of(order.pk))
        self.mails = list(mails_of(order.pk))
        self.waiting = list(waiting_mails_of(order.pk))
        self.requests = list(requests_of(order.pk))
        self.cancellations = list(cancellations_of(order.pk))
        self.shipments = list(shipments_of(order.pk))
        self._reason_words = buyer_reason_words() if self.requests else {}
        self._requests = {request.pk: request for request in self.requests}
        self._cancellations = {cancellation.event_id: cancellation for cancellation in self.cancellations}
        self._shipments = {shipment.event_id: shipment for shipment in self.shipments}

    def words_of(self, label: str) -> str:
        """A request's frozen reason in the reader's language, if it still is one of the list."""
        return self._reason_words.get(label, label)

    def for_seller(self) -> list[Line]:
        """Newest first, with names of the shop's people and the mails that left."""
        lines = [self._line(event, name_people=True) for event in self.events]
        lines += self._mail_lines(self.mails)
        lines += self._waiting_lines()
        lines += [
            Line(request.seen_by_seller_at, "eye", _("リクエストを確認"), _("出品者"))
            for request in self.requests
            if request.seen_by_seller_at
        ]
        lines += self._contested_lines()
        lines += [
            Line(warning.warned_at, "alert", str(WARNED[warning.kind]), _("システム"))
            for warning in warnings_of(self.order.pk)
        ]
        return sorted(lines, key=lambda line: line.at, reverse=True)

    def of_events(self) -> list[tuple[int, Line]]:
        """The order's events by their keys, newest first: what a shop may point at as evidence."""
        return [(event.pk, self._line(event, name_people=True)) for event in self.events]

    def for_buyer(self) -> list[Line]:
        """Newest first, without names, and only the buyer's own mails."""
        lines = [self._line(event, name_people=False) for event in self.events if event.name not in INTERNAL]
        lines += self._mail_lines(mail for mail in self.mails if _listener(mail) == TO_BUYER)
        return sorted(lines, key=lambda line: line.at, reverse=True)

    def _contested_lines(self) -> list[Line]:
        """What the shop contested of this order, and what was decided."""
        disputes = [dispute for each in self.cancellations for dispute in each.disputes.all()]
        lines = [
            Line(each.opened_at, "alert", _("%(kind)sを送信") % {"kind": each.get_kind_display()}, _("出品者"))
            for each in disputes
        ]
        return lines + [
            Line(
                each.decided_at,
                "check" if each.state == "GRANTED" else "cross",
                _("%(kind)sの結果：%(state)s")
                % {"kind": each.get_kind_display(), "state": each.get_state_display()},
                _("オペレーター") if each.decided_by_id else _("システム"),
            )
            for each in disputes
            if each.decided_at
        ]

    def _waiting_lines(self) -> list[Line]:
        """Mails that have not left yet: they are tried again by themselves, or wait for an operator."""
        waiting: dict[tuple[int, str, bool], list] = defaultdict(list)
        for delivery in self.waiting:
            waiting[delivery.event_id, delivery.listener, delivery.state == "FAILED"].append(delivery)
        lines = []
        for (_event, listener, has_failed), same in waiting.items():
            event = same[0].event
            what = _("メールを送信できませんでした：%(about)s") if has_failed else _("メール送信待ち：%(about)s")
            lines.append(
                Line(
                    event.happened_at,
                    "alert" if has_failed else "clock",
                    what % {"about": EVENTS[event.name]},
                    _("システム"),
                    _addressees(listener, len(same)),
                )
            )
        return lines

    def since(self, version: int) -> list[Line]:
        """What changed after somebody looked at this version of the order."""
        return [
            self._line(event, name_people=False) for event in self.events if (event.order_version or 0) > version
        ]

    def _line(self, event, *, name_people: bool) -> Line:
        sign, what, more = self._told(event, to_seller=name_people)
        # A buyer placed the order when it was placed, whenever it was taken over.
        is_placing = event.name == "order.placed" and not name_people
        return Line(
            self.order.placed_at if is_placing else event.happened_at,
            sign,
            what,
            _who(event, name_people=name_people),
            more,
            event.role == Role.BUYER,
        )

    def _told(self, event, *, to_seller: bool) -> tuple[str, str, str]:
        request = self._requests.get(event.payload.get("request"))
        match event.name:
            case "order.placed" if event.door == Door.IMPORT and to_seller:
                return "file", _("注文を取り込み"), ""
            case "order.placed":
                return "cart", pgettext("history", "注文"), ""
            case "payment.verified":
                return "yen", _("お支払いの確認"), self._reserved()
            case "cancellation.requested":
                more = _("理由：%(reason)s") % {"reason": self.words_of(request.reason_label)} if request else ""
                return "undo", pgettext("history", "キャンセルをリクエスト"), more
            case "cancellation.withdrawn":
                return "undo", _("リクエストを取り下げ"), ""
            case "cancellation.declined":
                more = _("理由：%(reason)s") % {"reason": request.get_decline_reason_display()} if request else ""
                return "cross", _("リクエストを不承認"), more
            case "order.cancelled":
                whole = event.payload.get("whole", True)
                what = _("注文をキャンセル") if whole else _("注文の一部をキャンセル")
                return "cross", what, self._why_cancelled(event, to_seller=to_seller)
            case "shipment.confirmed":
                shipment = self._shipments.get(event.pk)
                more = " ".join(filter(None, [shipment.carrier, shipment.tracking_number])) if shipment else ""
                return "truck", pgettext("history", "出荷通知を送信") if to_seller else _("商品を出荷"), more
            case "payment.refunded":
                return "yen", _("返金を受付"), self._why_refunded(event)
            case "order.held":
                return "pause", _("%(brand)sが確認を開始") % {"brand": settings.BRAND_NAME}, ""
            case "order.released":
                return "pause", _("%(brand)sの確認が終了") % {"brand": settings.BRAND_NAME}, ""
            case "order.extended":
                return "clock", _("出荷予定日を変更"), ""
            case _:
                return "info", _("注文を更新"), ""

    def _why_refunded(self, event) -> str:
        amount = yen(Decimal(event.payload["amount"]), self.order.currency)
        return _("%(amount)s・理由：%(reason)s") % {
            "amount": amount,
            "reason": REFUND_REASONS.get(event.payload["reason"], event.payload["reason"]),
        }

    def _reserved(self) -> str:
        if self.order.total is None:
            return ""
        return _("%(amount)s を確保（未請求）") % {"amount": yen(self.order.total, self.order.currency)}

    def _why_cancelled(self, event, *, to_seller: bool) -> str:
        cancellation = self._cancellations.get(event.pk)
        if cancellation is None:
            return ""
        if not to_seller and cancellation.reason == Reason.FRAUD:
            return ""  # told neutrally, as in the mail (M-20)
        reason = {"reason": reason_label(cancellation.reason)}
        if not to_seller:
            return _("理由：%(reason)s") % reason
        if cancellation.stands:
            return _("理由：%(reason)s・キャンセル率への影響：あり") % reason
        return _("理由：%(reason)s・キャンセル率への影響：なし") % reason

    def _mail_lines(self, mails: Iterable) -> list[Line]:
        """One line for a mail, however many people of the shop it went to, under its title in the reader's language."""
        left: dict[tuple[str, str, str], list] = defaultdict(list)
        for mail in mails:
            event_id = mail.delivery_key.partition(".")[0]
            left[event_id, _listener(mail), mail.mail].append(mail)
        return [
            Line(
                max(mail.sent_at for mail in same),
                "mail",
                _("メール送信：%(title)s") % {"title": MAILS[kind].title if kind in MAILS else kind},
                _("システム"),
                _addressees(listener, len(same)),
            )
            for (_event, listener, kind), same in left.items()
        ]


def _listener(mail) -> str:
    """Who sent a mail: this says whom it is for, also of somebody who buys and sells."""
    return str(mail.delivery_key.split(".")[1])


def _addressees(listener: str, count: int) -> str:
    if listener == TO_BUYER:
        return _("購入者あて")
    return _("出品者あて（%(count)d名）") % {"count": count} if count > 1 else _("出品者あて")


def _who(event, *, name_people: bool) -> str:
    if event.role == Role.BUYER:
        return _("購入者")
    if event.role == Role.SELLER:
        return event.actor_name if name_people and event.actor_name else _("出品者")
    if event.role == Role.MARKETPLACE:
        return str(settings.BRAND_NAME)
    return _("自動承認ルール") if event.door == Door.RULES else _("システム")
