"""What people read of webhooks: what each message is about, why an address cannot be used (domain 14.9)."""

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from events.models import Delivery

from .rules import MOST_DESTINATIONS, Topic, Why

# Each topic by its name on the wire, in the order of the form.
TOPICS = (
    (Topic.ORDER_CHANGE, _("注文の変更（キャンセルリクエスト、キャンセル、出荷通知）")),
    (Topic.FEED_PROCESSING_FINISHED, _("アップロードしたファイルの処理の終了")),
    (Topic.REPORT_PROCESSING_FINISHED, _("注文レポートの作成の終了")),
    (Topic.METRIC_STATE_CHANGED, _("キャンセル率の状態の変化")),
)
_WORDS = {
    "cancellation.requested": _("購入者がキャンセルをリクエストしました"),
    "cancellation.withdrawn": _("購入者がリクエストを取り下げました"),
    "order.cancelled": _("注文がキャンセルされました"),
    "shipment.confirmed": _("出荷通知が送信されました"),
    "feed.finished": _("ファイルの処理が終わりました"),
    "report.finished": _("注文レポートの作成が終わりました"),
    "rate.worsened": _("キャンセル率の状態が悪化しました"),
    "rate.improved": _("キャンセル率の状態が改善しました"),
}
_STATES = {
    Delivery.State.PENDING: ("warn", "clock", _("送信待ち")),
    Delivery.State.DELIVERED: ("ok", "check", _("送信済み")),
    Delivery.State.FAILED: ("bad", "cross", _("送信できませんでした")),
}


def what_happened(event_name: str) -> str:
    """What a message tells, in words."""
    return f"{_WORDS[event_name]}"


def state_tag(state: str) -> tuple[str, str, str]:
    """Kind, sign and words of the tag of a message."""
    kind, sign, words = _STATES[Delivery.State(state)]
    return kind, sign, f"{words}"


def why_refused(why: Why) -> str:
    """Why an act on a webhook is not done, and what to do about it."""
    if why == Why.ADDRESS_TAKEN:
        return gettext("このURLはすでに登録されています。登録済みのWebhookを確認してください。")
    return ngettext(
        "登録できるWebhookは%(n)d件までです。使用していないものを終了してから、もう一度お試しください。",
        "登録できるWebhookは%(n)d件までです。使用していないものを終了してから、もう一度お試しください。",
        MOST_DESTINATIONS,
    ) % {"n": MOST_DESTINATIONS}
