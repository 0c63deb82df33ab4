"""Rates, states and effects in words; why a record stands as it does; refusals of contests."""

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cancellations.models import Cancellation
from cancellations.wording import reason_label, sentence
from orders.models import Order

from .contest import Kind, Refusal
from .models import Dispute, RateState
from .rate import State, Target

GRANTED = Dispute.State.GRANTED
REFUSALS = {
    Refusal.NOT_COUNTED: gettext_lazy(
        "このキャンセルはキャンセル率に含まれていないため、申し立ての必要はありません。"
    ),
    Refusal.TOO_LATE: gettext_lazy("申し立ての期限を過ぎています。"),
    Refusal.ASKED_BEFORE: gettext_lazy(
        "このキャンセルについては、すでに送信済みです。結果は申し立てのページで確認できます。"
    ),
    Refusal.NO_REQUEST: gettext_lazy(
        "キャンセルした時点で公式のキャンセルリクエストがなかったため、理由を訂正できません。"
    ),
    Refusal.NOT_OPEN: gettext_lazy("この申し立てはすでに決定されています。"),
}


def state_words(state: str) -> str:
    """A state as people read it."""
    return str(RateState.State(state).label)


def short(points: int) -> str:
    """Basis points without needless zeros: 2.5, 2.0, 2.25."""
    text = f"{points / 100:.2f}"
    return text[:-1] if text.endswith("0") else text


def states_explained(target: Target) -> list[tuple[State, str]]:
    """Every state with the numbers that make it (domain 9.4), in the policy's own."""
    values = {"watch": short(target.watch), "limit": short(target.limit)}
    return [
        (State.GOOD, _("{watch}% 未満").format(**values)),
        (State.WATCH, _("{watch}% 以上 {limit}% 未満").format(**values)),
        (State.OFF_TARGET, _("ちょうど {limit}%").format(**values)),
        (State.AT_RISK, _("{limit}% 超").format(**values)),
        (State.NO_DATA, _("期間内に注文がありません")),
    ]


def reason_words(cancellation: Cancellation) -> str:
    """A cancellation's reason, with the one that it was corrected to; read with its disputes (B13)."""
    sent = reason_label(cancellation.reason)
    if any(each.kind == Kind.CORRECTION and each.state == GRANTED for each in cancellation.disputes.all()):
        asked_for = reason_label(Cancellation.Reason.BUYER_CANCELED)
        return _("%(sent)s → %(corrected)s（訂正）") % {"sent": sent, "corrected": asked_for}
    return sent


def why(cancellation: Cancellation) -> str:
    """Why a cancellation counts or does not, as one sentence; one that was taken out says so (domain 9.5)."""
    if cancellation.excluded:
        return _("申し立てまたは訂正が認められたため、キャンセル率から除外されました（%(code)s）") % {
            "code": cancellation.code
        }
    if cancellation.order.fulfillment_channel == Order.Channel.MARKETPLACE:
        words = {"brand": settings.BRAND_NAME, "code": cancellation.code}
        return _("%(brand)sが出荷する注文のため、キャンセル率に含まれません（%(code)s）") % words
    return sentence(cancellation.code, cancellation.counted)


def refusal(code: Refusal) -> str:
    """Why a record cannot be contested."""
    return str(REFUSALS[code])
