"""What happened to an order, as a reader may see it: events, mails, and the moment a request was seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.actors import Role
from cancellations.policy import Reason
from cancellations.queries import cancellations_of, requests_of
from cancellations.wording import reason_label
from events.queries import history_of, mails_of, waiting_mails_of
from sellercentral.templatetags.portal import yen
from shipments.queries import shipments_of

# What the marketplace does on its own side; a buyer is not told of it.
INTERNAL = {"order.held", "order.released"}


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
        self._requests = {request.pk: request for request in self.requests}
        self._cancellations = {cancellation.event_id: cancellation for cancellation in self.cancellations}
        self._shipments = {shipment.event_id: shipment for shipment in self.shipments}

    def for_seller(self) -> list[Line]:
        """Newest first, with names of the shop's people and the mails that left."""
        lines = [self._line(event, name_people=True) for event in self.events]
        lines += self._mail_lines(self.mails)
        lines += [self._waiting_line(delivery) for delivery in self.waiting]
        lines += [
            Line(request.seen_by_seller_at, "eye", _("リクエストを確認"), _("出品者"))
            for request in self.requests
            if request.seen_by_seller_at
        ]
        return sorted(lines, key=lambda line: line.at, reverse=True)

    def for_buyer(self) -> list[Line]:
        """Newest first, without names, and only the buyer's own mails."""
        lines = [self._line(event, name_people=False) for event in self.events if event.name not in INTERNAL]
        lines += self._mail_lines(mail for mail in self.mails if mail.recipient_id == self.order.buyer_id)
        return sorted(lines, key=lambda line: line.at, reverse=True)

    def _waiting_line(self, delivery) -> Line:
        """A mail that has not left yet: it is tried again by itself, or waits for an operator."""
        has_failed = delivery.state == "FAILED"
        return Line(
            delivery.event.happened_at,
            "alert" if has_failed else "clock",
            _("メールを送信できませんでした") if has_failed else _("メール送信待ち"),
            _("システム"),
            _("購入者あて") if delivery.recipient_id == self.order.buyer_id else _("出品者あて"),
        )

    def since(self, version: int) -> list[Line]:
        """What changed after somebody looked at this version of the order."""
        return [
            self._line(event, name_people=False) for event in self.events if (event.order_version or 0) > version
        ]

    def _line(self, event, *, name_people: bool) -> Line:
        sign, what, more = self._told(event, to_seller=name_people)
        return Line(
            event.happened_at, sign, what, _who(event, name_people=name_people), more, event.role == Role.BUYER
        )

    def _told(self, event, *, to_seller: bool) -> tuple[str, str, str]:
        request = self._requests.get(event.payload.get("request"))
        match event.name:
            case "order.placed":
                return "cart", pgettext("history", "注文"), ""
            case "payment.verified":
                return "yen", _("お支払いの確認"), self._reserved()
            case "cancellation.requested":
                more = _("理由：%(reason)s") % {"reason": request.reason_label} if request else ""
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
            case "order.held":
                return "pause", _("%(brand)sが確認を開始") % {"brand": settings.BRAND_NAME}, ""
            case "order.released":
                return "pause", _("%(brand)sの確認が終了") % {"brand": settings.BRAND_NAME}, ""
            case "order.extended":
                return "clock", _("出荷予定日を変更"), ""
            case _:
                return "info", _("注文を更新"), ""

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
        reason = _("理由：%(reason)s") % {"reason": reason_label(cancellation.reason)}
        if not to_seller:
            return reason
        effect = _("キャンセル率への影響：あり") if cancellation.counted else _("キャンセル率への影響：なし")
        return f"{reason}・{effect}"

    def _mail_lines(self, mails: Iterable) -> list[Line]:
        return [
            Line(
                mail.sent_at,
                "mail",
                _("メール送信：%(subject)s") % {"subject": _without_number(mail.subject)},
                _("システム"),
                _("購入者あて") if mail.recipient_id == self.order.buyer_id else _("出品者あて"),
            )
            for mail in mails
        ]


def _without_number(subject: str) -> str:
    """The subject without the brand in front and the order's number behind."""
    _brand, _end, rest = subject.rpartition("】")
    return rest.partition("（")[0].partition(" (")[0] or subject


def _who(event, *, name_people: bool) -> str:
    if event.role == Role.BUYER:
        return _("購入者")
    if event.role == Role.SELLER:
        return event.actor_name if name_people and event.actor_name else _("出品者")
    if event.role == Role.MARKETPLACE:
        return str(settings.BRAND_NAME)
    return _("システム")
