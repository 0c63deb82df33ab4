"""The orders that show every state of the demo shop, told backwards from the moment of loading.

Each act is given the moment at which it would have happened, so the history reads as if people had worked in
the shop for a month. Deliveries of the past are due at once: the worker reserves, charges and mails them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from accounts.actors import PAYMENT, SWEEP, Actor
from accounts.models import User
from cancellations import actions as cancelling
from cancellations.policy import DeclineReason, Interlock, Reason
from cancellations.queries import buyer_reasons, cancellations_of
from messaging import actions as talking
from messaging.rules import Topic
from metrics.actions import Evidence, decide, open_dispute
from orders import actions as ordering
from orders.models import Order
from orders.outcomes import sole
from orders.queries import local_day
from payments.providers.test import WAITS
from shipments import actions as shipping

from . import catalogue
from .cast import CHECKOUT, OTHER_SYSTEM, Cast, buying, operating, selling
from .catalogue import (
    APRON,
    BASIL,
    BOARD,
    CAN,
    DONABE,
    GLOVES,
    KETTLE,
    NAME_PLATE,
    POT,
    SHEARS,
    SHIPPING,
    SOIL,
    TOMATO,
    TRAY,
)

PACKING = timedelta(hours=20)
# What another system has done already is not mailed and not paid again.
TAKEN_OVER = ordering.NEWS_LISTENERS | ordering.MONEY_LISTENERS


def tell(cast: Cast, *, now: datetime) -> int:
    """Place all orders of the story and let their people act; return how many orders there are."""
    story = Story(cast, now)
    for chapter in (
        story.just_ordered,
        story.open_requests,
        story.ended_requests,
        story.waiting_for_shipment,
        story.shipped,
        story.waiting_for_payment,
        story.held,
        story.not_for_the_seller,
        story.overdue,
        story.cancelled_by_buyers,
        story.cancelled_by_the_seller,
        story.cancelled_by_the_marketplace,
        story.in_the_other_shop,
        story.talks,
        story.contested,
    ):
        chapter()
    return story.orders


class Story:
    """The chapters; each is a few orders of one kind."""

    def __init__(self, cast: Cast, now: datetime) -> None:
        self.cast, self.now = cast, now
        self.today = local_day(now)
        self.alice, self.bob = selling(cast.alice), selling(cast.bob)
        self.labels = {reason.code: reason.label_ja for reason in buyer_reasons()}
        self.orders = 0

    # --- acts, each at its own moment ---------------------------------------------------------------------

    def order(self, buyer: User | None, lines: Sequence[ordering.ItemDraft], *, ago: timedelta, **fields) -> Order:
        """A placed and verified order, to be shipped within three days unless said otherwise."""
        placed_at = self.now - ago
        by, mute = fields.pop("by", CHECKOUT), fields.pop("mute", frozenset())
        draft = {
            "seller_id": self.cast.seedling.pk,
            "buyer_id": buyer and buyer.pk,
            "placed_at": placed_at,
            "items": lines,
            "recipient": catalogue.recipient(buyer.name if buyer else "", self.cast.chance),
            "payment_verified_at": placed_at,
            "ship_by_date": local_day(placed_at) + timedelta(days=3),
            "service_level": self.cast.chance.choice(catalogue.SERVICE_LEVELS),
            "payment_method": "クレジットカード",
        }
        (placed,) = ordering.place_orders(
            drafts=[ordering.OrderDraft(**draft | fields)],
            auto_cancel_days=self.cast.auto_cancel_days,
            by=by,
            now=placed_at,
            mute=mute,
        )
        self.orders += 1
        return placed

    def request(
        self,
        order: Order,
        buyer: User,
        reason: str,
        *,
        at: datetime,
        units: Mapping[int, int] | None = None,
        text: str = "",
    ) -> None:
        """The buyer asks the seller to cancel."""
        target = cancelling.RequestTarget(order.pk, reason, self.labels.get(reason, reason), units, text)
        sole(cancelling.request_cancellation(targets=[target], by=buying(buyer), now=at))

    def withdraw(self, order: Order, buyer: User, *, at: datetime) -> None:
        """The buyer takes the request back."""
        sole(cancelling.withdraw(targets=[cancelling.WithdrawTarget(order.pk)], by=buying(buyer), now=at))

    def decline(self, order: Order, reason: DeclineReason, text: str, *, at: datetime) -> None:
        """The seller says no."""
        target = cancelling.DeclineTarget(order.pk, reason, text)
        sole(cancelling.decline(targets=[target], by=self.alice, now=at))

    def cancel(
        self,
        order: Order,
        reason: Reason,
        *,
        by: Actor,
        at: datetime,
        units: Mapping[int, int] | None = None,
        memo: str = "",
    ) -> None:
        """Whoever may, cancels."""
        target = cancelling.CancelTarget(order.pk, reason, units, memo)
        sole(cancelling.cancel(targets=[target], by=by, now=at))

    def ship(
        self, order: Order, *, at: datetime, by: Actor | None = None, units: Mapping[int, int] | None = None
    ) -> None:
        """The seller confirms a parcel; an open request does not stop it."""
        target = shipping.ConfirmTarget(
            order.pk,
            local_day(at),
            units,
            carrier=self.cast.chance.choice(catalogue.CARRIERS),
            tracking_number=catalogue.tracking_number(self.cast.chance),
            says_already_shipped=True,
        )
        sole(shipping.confirm_shipment(targets=[target], interlock=Interlock.ASK, by=by or self.bob, now=at))

    def say(self, order: Order, topic: Topic, text: str, *, by: Actor, at: datetime) -> None:
        """The buyer or the seller writes."""
        target = talking.MessageTarget(order.pk, topic, text)
        sole(talking.send(targets=[target], by=by, now=at))

    # --- chapters -----------------------------------------------------------------------------------------

    def just_ordered(self) -> None:
        """Inside the five minutes: the buyers may still cancel alone."""
        basket = [POT.line(2, shipping=SHIPPING), TRAY.line(), BASIL.line()]
        self.order(self.cast.dora, basket, ago=timedelta(0))
        self.order(self.cast.eiji, [KETTLE.line()], ago=timedelta(0))

    def open_requests(self) -> None:
        """Whole and partial, fresh and overdue, on an untouched and on a partly shipped order."""
        dora, eiji, now = self.cast.dora, self.cast.eiji, self.now

        fresh = self.order(dora, [CAN.line(shipping=SHIPPING), GLOVES.line()], ago=timedelta(hours=6))
        text = "色を間違えて注文してしまいました。申し訳ありませんがキャンセルをお願いします。"
        self.request(fresh, dora, "ORDERED_BY_MISTAKE", at=now - timedelta(hours=1), text=text)

        nearly_due = self.order(eiji, [APRON.line()], ago=timedelta(days=2, hours=2))
        self.request(nearly_due, eiji, "CHEAPER_ELSEWHERE", at=now - timedelta(hours=45))
        self._seen(nearly_due, at=now - timedelta(hours=40))

        overdue_answer = self.order(dora, [SOIL.line(2, shipping=SHIPPING)], ago=timedelta(days=3))
        self.request(overdue_answer, dora, "NOT_IN_TIME", at=now - timedelta(hours=51))
        self._seen(overdue_answer, at=now - timedelta(hours=50))

        one_item = self.order(eiji, [SHEARS.line(), TOMATO.line(3, shipping=SHIPPING)], ago=timedelta(hours=20))
        units = {one_item.lines[1].pk: 3}
        self.request(one_item, eiji, "NO_LONGER_NEEDED", at=now - timedelta(hours=4), units=units)

        one_unit = self.order(dora, [POT.line(3, shipping=SHIPPING)], ago=timedelta(days=1, hours=3))
        units = {one_unit.lines[0].pk: 1}
        self.request(one_unit, dora, "ORDERED_BY_MISTAKE", at=now - timedelta(hours=9), units=units)

        rest = self.order(eiji, [DONABE.line(), BOARD.line()], ago=timedelta(days=2))
        self.ship(rest, at=now - timedelta(hours=30), units={rest.lines[0].pk: 1})
        text = "土鍋は届きました。まな板は手元にあったため不要です。"
        self.request(rest, eiji, "NO_LONGER_NEEDED", at=now - timedelta(hours=5), text=text)

    def _seen(self, order: Order, *, at: datetime) -> None:
        cancelling.see_requests(seller_id=order.seller_id, order_ids=[order.pk], now=at)

    def ended_requests(self) -> None:
        """Withdrawn, asked again, declined, closed by a shipment, approved, partly approved."""
        dora, eiji, now = self.cast.dora, self.cast.eiji, self.now

        withdrawn = self.order(dora, [SHEARS.line(shipping=SHIPPING)], ago=timedelta(days=2, hours=6))
        self.request(withdrawn, dora, "NOT_IN_TIME", at=now - timedelta(days=2))
        self.withdraw(withdrawn, dora, at=now - timedelta(days=1, hours=20))

        asked_again = self.order(dora, [KETTLE.line(), BASIL.line(2)], ago=timedelta(days=1, hours=22))
        self.request(asked_again, dora, "CHANGE_ADDRESS", at=now - timedelta(days=1, hours=12))
        self.withdraw(asked_again, dora, at=now - timedelta(days=1, hours=11))
        self.request(asked_again, dora, "NO_LONGER_NEEDED", at=now - timedelta(hours=7))

        lines = [NAME_PLATE.line(), SOIL.line(shipping=SHIPPING)]
        declined = self.order(eiji, lines, ago=timedelta(days=2, hours=1))
        units = {declined.lines[1].pk: 1}
        self.request(declined, eiji, "SHIPPING_COST", at=now - timedelta(days=1, hours=18), units=units)
        text = "プレートと同じ箱に梱包し、配送会社に引き渡しました。"
        self.decline(declined, DeclineReason.LABEL_HANDED_OVER, text, at=now - timedelta(days=1, hours=10))

        overtaken = self.order(dora, [BOARD.line(shipping=SHIPPING)], ago=timedelta(days=5))
        self.request(overtaken, dora, "CHEAPER_ELSEWHERE", at=now - timedelta(days=4, hours=4))
        self.ship(overtaken, at=now - timedelta(days=4, hours=1))

        approved = self.order(eiji, [CAN.line(shipping=SHIPPING)], ago=timedelta(days=6))
        self.request(approved, eiji, "ORDERED_BY_MISTAKE", at=now - timedelta(days=5, hours=20))
        self.cancel(approved, Reason.BUYER_CANCELED, by=self.alice, at=now - timedelta(days=5, hours=12))

        partly = self.order(dora, [POT.line(2, shipping=SHIPPING), TRAY.line(2)], ago=timedelta(days=8))
        units = {partly.lines[0].pk: 2, partly.lines[1].pk: 2}
        self.request(partly, dora, "NO_LONGER_NEEDED", at=now - timedelta(days=7, hours=12), units=units)
        units = {partly.lines[1].pk: 2}
        self.cancel(partly, Reason.BUYER_CANCELED, by=self.alice, at=now - timedelta(days=7, hours=6), units=units)
        self.ship(partly, at=now - timedelta(days=7))

    def waiting_for_shipment(self) -> None:
        """Ordinary work: open orders, one that no buyer may cancel, one with a later ship-by date."""
        dora, eiji = self.cast.dora, self.cast.eiji
        self.order(dora, [NAME_PLATE.line(shipping=SHIPPING)], ago=timedelta(days=1, hours=5))
        self.order(eiji, [GLOVES.line(), SHEARS.line(), SOIL.line(2)], ago=timedelta(hours=15))
        self.order(dora, [DONABE.line()], ago=timedelta(hours=11), service_level="お急ぎ便")
        later = self.order(eiji, [APRON.line(2)], ago=timedelta(days=2, hours=8))
        extended = ordering.set_ship_by(
            order_ids=[later.pk],
            ship_by_date=self.today + timedelta(days=6),
            auto_cancel_days=self.cast.auto_cancel_days,
            note="入荷の遅れについて購入者の了承済み",
            by=operating(self.cast.olga),
            now=self.now - timedelta(days=1),
        )
        sole(extended)

    def shipped(self) -> None:
        """Whole, in two parcels, in part, and with a rest that ran out of stock and was refunded."""
        dora, eiji, now = self.cast.dora, self.cast.eiji, self.now
        for buyer, line, days in ((dora, APRON, 4), (eiji, SHEARS, 7), (dora, SOIL, 13), (eiji, BOARD, 24)):
            order = self.order(buyer, [line.line(shipping=SHIPPING)], ago=timedelta(days=days))
            self.ship(order, at=now - timedelta(days=days) + PACKING)

        two_parcels = self.order(eiji, [KETTLE.line(), CAN.line()], ago=timedelta(days=9))
        self.ship(two_parcels, at=now - timedelta(days=8, hours=6), units={two_parcels.lines[0].pk: 1})
        self.ship(two_parcels, at=now - timedelta(days=7, hours=8))

        lines = [BASIL.line(4, shipping=SHIPPING), TOMATO.line(2)]
        in_part = self.order(dora, lines, ago=timedelta(days=2, hours=5))
        self.ship(in_part, at=now - timedelta(days=1, hours=6), units={in_part.lines[0].pk: 3})

        refunded = self.order(dora, [POT.line(2, shipping=300), TRAY.line()], ago=timedelta(days=18))
        self.ship(refunded, at=now - timedelta(days=17), units={refunded.lines[0].pk: 2})
        at, units = now - timedelta(days=16, hours=5), {refunded.lines[1].pk: 1}
        memo = "受け皿の在庫数に誤りがありました。"
        self.cancel(refunded, Reason.NO_INVENTORY, by=self.alice, at=at, units=units, memo=memo)

    def waiting_for_payment(self) -> None:
        """Pending: the buyer has yet to pay at a convenience store."""
        for buyer, line, hours in ((self.cast.dora, KETTLE, 5), (self.cast.eiji, GLOVES, 26)):
            self.order(
                buyer,
                [line.line(shipping=SHIPPING)],
                ago=timedelta(hours=hours),
                payment_verified_at=None,
                payment_method=WAITS,
            )

    def held(self) -> None:
        """Stopped by the operator, and one let go again."""
        operator = operating(self.cast.olga)
        stopped = self.order(self.cast.eiji, [DONABE.line(3)], ago=timedelta(days=1, hours=9))
        note = "高額注文のため確認中"
        sole(ordering.hold(order_ids=[stopped.pk], note=note, by=operator, now=self.now - timedelta(days=1)))
        freed = self.order(self.cast.dora, [KETTLE.line(2)], ago=timedelta(days=3, hours=2))
        sole(ordering.hold(order_ids=[freed.pk], note=note, by=operator, now=self.now - timedelta(days=3)))
        note = "確認済み"
        sole(ordering.release(order_ids=[freed.pk], note=note, by=operator, now=self.now - timedelta(days=2)))

    def not_for_the_seller(self) -> None:
        """One that the marketplace sends itself, and one of another system without buyer and ship-by date."""
        channel = Order.Channel.MARKETPLACE
        self.order(self.cast.eiji, [BOARD.line()], ago=timedelta(days=1), fulfillment_channel=channel)
        lines = [ordering.ItemDraft(sku=SOIL.sku, title=SOIL.title, quantity=1, item_price=None)]
        self.order(
            None,
            lines,
            ago=timedelta(days=2),
            ship_by_date=None,
            recipient={},
            payment_method="",
            by=OTHER_SYSTEM,
            mute=TAKEN_OVER,
        )

    def overdue(self) -> None:
        """Late by 1, 5, 7 and 8 days: the last one is over the limit and left to the automatic cancellation."""
        for days, line in ((1, SHEARS), (5, GLOVES), (7, CAN), (8, APRON)):
            buyer = self.cast.dora if days % 2 else self.cast.eiji
            ship_by_date, ago = self.today - timedelta(days=days), timedelta(days=days + 3, hours=2)
            self.order(buyer, [line.line(shipping=SHIPPING)], ago=ago, ship_by_date=ship_by_date)

    def cancelled_by_buyers(self) -> None:
        """BUY-0 in whole and in part, BUY-1, and BUY-3: recorded as the buyer's without any request."""
        dora, eiji, now = self.cast.dora, self.cast.eiji, self.now
        minutes = timedelta(minutes=3)
        alone = self.order(dora, [TOMATO.line(shipping=SHIPPING)], ago=timedelta(days=6, hours=4))
        self.cancel(alone, Reason.BUYER_DIRECT, by=buying(dora), at=now - timedelta(days=6, hours=4) + minutes)

        one_of_two = self.order(eiji, [SOIL.line(shipping=SHIPPING), BASIL.line(5)], ago=timedelta(hours=9))
        at, units = now - timedelta(hours=9) + minutes, {one_of_two.lines[1].pk: 5}
        self.cancel(one_of_two, Reason.BUYER_DIRECT, by=buying(eiji), at=at, units=units)

        asked = self.order(dora, [DONABE.line()], ago=timedelta(days=9, hours=3))
        self.request(asked, dora, "NOT_IN_TIME", at=now - timedelta(days=9))
        self.cancel(asked, Reason.BUYER_CANCELED, by=self.alice, at=now - timedelta(days=8, hours=22))

        never_asked = self.order(eiji, [CAN.line(shipping=SHIPPING)], ago=timedelta(days=13))
        memo = "電話でキャンセルの希望あり"
        self.cancel(never_asked, Reason.BUYER_CANCELED, by=self.bob, at=now - timedelta(days=12), memo=memo)

    def cancelled_by_the_seller(self) -> None:
        """SEL-1, SEL-2, SEL-3 and the three kinds of SEL-9; one of them this week."""
        for reason, line, days in (
            (Reason.NO_INVENTORY, KETTLE, 3),
            (Reason.ADDRESS_UNDELIVERABLE, BOARD, 15),
            (Reason.BUYER_NOT_REPLYING, APRON, 20),
            (Reason.PRICING_ERROR, DONABE, 11),
            (Reason.CUSTOMER_EXCHANGE, GLOVES, 17),
            (Reason.OTHER, SHEARS, 26),
        ):
            buyer = self.cast.dora if days % 2 else self.cast.eiji
            order = self.order(buyer, [line.line(shipping=SHIPPING)], ago=timedelta(days=days))
            self.cancel(order, reason, by=self.alice, at=self.now - timedelta(days=days) + PACKING)

    def cancelled_by_the_marketplace(self) -> None:
        """MKT-1 to MKT-4, and MKT-9 by the operator and from a file of another system."""
        dora, eiji, now = self.cast.dora, self.cast.eiji, self.now
        operator = operating(self.cast.olga)

        ship_by_date = self.today - timedelta(days=self.cast.auto_cancel_days + 13)
        ago = timedelta(days=self.cast.auto_cancel_days + 16)
        forgotten = self.order(dora, [CAN.line(shipping=SHIPPING)], ago=ago, ship_by_date=ship_by_date)
        if due_at := forgotten.auto_cancel_due_at:
            self.cancel(forgotten, Reason.AUTO_NOT_CONFIRMED, by=SWEEP, at=due_at + timedelta(minutes=2))

        fraud = self.order(eiji, [KETTLE.line(3)], ago=timedelta(days=10))
        self.cancel(fraud, Reason.FRAUD, by=operator, at=now - timedelta(days=9, hours=18))

        unpaid = self.order(eiji, [POT.line(shipping=SHIPPING)], ago=timedelta(days=5), payment_verified_at=None)
        self.cancel(unpaid, Reason.PAYMENT_FAILED, by=PAYMENT, at=now - timedelta(days=5) + timedelta(minutes=2))

        by_support = self.order(dora, [SOIL.line(3, shipping=SHIPPING)], ago=timedelta(days=4))
        at = now - timedelta(days=3, hours=16)
        self.cancel(by_support, Reason.SUPPORT_FOR_BUYER, by=operator, at=at, memo="電話での依頼")

        recalled = self.order(dora, [TRAY.line(4, shipping=SHIPPING)], ago=timedelta(days=21))
        at = now - timedelta(days=20)
        self.cancel(recalled, Reason.MARKETPLACE_OTHER, by=operator, at=at, memo="メーカーの自主回収のため")

        elsewhere = self.order(
            eiji,
            [BASIL.line(2, shipping=SHIPPING)],
            ago=timedelta(days=28),
            by=OTHER_SYSTEM,
            mute=TAKEN_OVER,
        )
        self.cancel(elsewhere, Reason.IMPORTED, by=OTHER_SYSTEM, at=now - timedelta(days=28))

    def in_the_other_shop(self) -> None:
        """Orders that alice must never see: open, requested, shipped and cancelled."""
        dora, eiji, now = self.cast.dora, self.cast.eiji, self.now
        charlie = selling(self.cast.charlie)
        lantern, mug, sheet, chair = catalogue.OUTDOOR

        def order(buyer: User, product: catalogue.Product, days: int) -> Order:
            lines = [product.line(shipping=SHIPPING)]
            return self.order(buyer, lines, ago=timedelta(days=days, hours=1), seller_id=self.cast.rival.pk)

        order(dora, lantern, 0)
        order(eiji, mug, 1)
        requested = order(eiji, sheet, 1)
        self.request(requested, eiji, "CHANGE_SHIPPING", at=now - timedelta(hours=8))
        for product, days in ((chair, 6), (lantern, 12)):
            self.ship(order(dora, product, days), at=now - timedelta(days=days) + PACKING, by=charlie)
        cancelled = order(dora, mug, 4)
        self.cancel(cancelled, Reason.NO_INVENTORY, by=charlie, at=now - timedelta(days=3))

    def talks(self) -> None:
        """A wish by message alone, one on which the seller cancelled (BUY-2), and a talk about something else."""
        dora, eiji, now = self.cast.dora, self.cast.eiji, self.now
        unofficial = self.order(eiji, [DONABE.line(shipping=SHIPPING)], ago=timedelta(hours=26))
        text = "ご注文ありがとうございます。ご希望の日に発送いたします。"
        self.say(unofficial, Topic.OTHER, text, by=self.alice, at=now - timedelta(hours=25))
        text = "届くのが旅行に間に合わないので、キャンセルしたいです。手続きをお願いできますか。"
        self.say(unofficial, Topic.OTHER, text, by=buying(eiji), at=now - timedelta(hours=2))

        asked_by_message = self.order(dora, [TRAY.line(2, shipping=SHIPPING)], ago=timedelta(days=5))
        text = "注文をキャンセルしてください。"
        self.say(asked_by_message, Topic.CANCEL, text, by=buying(dora), at=now - timedelta(days=4, hours=20))
        self.cancel(asked_by_message, Reason.BUYER_CANCELED, by=self.bob, at=now - timedelta(days=4, hours=12))

        question = self.order(dora, [POT.line(shipping=SHIPPING)], ago=timedelta(days=4))
        self.ship(question, at=now - timedelta(days=3))
        text = "領収書の宛名を変更できますか。"
        self.say(question, Topic.OTHER, text, by=buying(dora), at=now - timedelta(hours=5))

    def contested(self) -> None:
        """Disputes: one that waits for the operator, one granted, one rejected."""
        now, operator = self.now, operating(self.cast.olga)
        for line, days, text, decision in (
            (TOMATO, 10, "悪天候により入荷できなかったためです。", False),
            (GLOVES, 9, "価格の誤りは、運営の案内に従って修正した際に生じたものです。", True),
            (NAME_PLATE, 6, "購入者は電話でキャンセルを希望していました。通話の記録があります。", None),
        ):
            order = self.order(self.cast.eiji, [line.line(shipping=SHIPPING)], ago=timedelta(days=days + 1))
            self.cancel(order, Reason.OTHER, by=self.bob, at=now - timedelta(days=days))
            (cancelled,) = cancellations_of(order.pk)
            made = open_dispute(
                seller_id=order.seller_id,
                cancellation_id=cancelled.pk,
                text=text,
                evidence=Evidence(events=[cancelled.event_id]),
                by=self.alice,
                now=now - timedelta(days=days - 1),
            )
            if decision is not None:
                reason = "記録を確認しました。" if decision else "在庫の管理は出品者の責任となります。"
                at = now - timedelta(days=days - 3)
                decide(dispute_id=made.pk, grant=decision, reason=reason, by=operator, now=at)
