"""What people read of webhooks: what each message is about, why an address cannot be used (domain 14.9)."""

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from events.models import Delivery

from .rules import MOST_DESTINATIONS, Topic, Trouble, Why

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
    "rate.improved": _("キャンセル率の状態が変わりました"),
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


def in_words(trouble: str) -> str:
    """Why a message did not arrive, and what to look at; what is kept of it stands behind a code."""
    code, _, more = trouble.partition(" ")
    sentences: dict[str, str] = {
        Trouble.BAD_ADDRESS: gettext(
            "https://で始まり、サーバーの名前が続くURLを半角で入力してください。"
            "ユーザー名、空白、#、IPアドレス、443以外のポート番号は使用できません。"
        ),
        Trouble.UNKNOWN_HOST: gettext("サーバーの名前が見つかりません。URLを確認してください。"),
        Trouble.NOT_PUBLIC: gettext(
            "インターネットに公開されていないサーバーには送信できません。公開されたサーバーのURLを入力してください。"
        ),
        Trouble.NO_CONNECTION: gettext("接続できませんでした。サーバーが動いているか確認してください。"),
        Trouble.NO_TRUST: gettext("サーバーの証明書を確認できませんでした。証明書を確認してください。"),
        Trouble.NO_ACCESS: gettext("ポータルがキューに送信する設定になっていません。運営にお問い合わせください。"),
        Trouble.TOO_SLOW: gettext("10秒以内に応答が終わりませんでした。受け取ったらすぐに応答してください。"),
        Trouble.NO_SECRET: gettext("署名の秘密キーを読み取れません。秘密キーを新しくしてください。"),
        Trouble.REFUSES: gettext("サーバーが続けて受け取りませんでした。ソフトウェアの状態を確認してください。"),
        Trouble.NO_KEYS: gettext("ソフトウェアのキーが無効になったため、送信しませんでした。"),
        Trouble.GONE: gettext("お知らせする内容が、すでに削除されています。"),
        Trouble.STATUS: gettext("サーバーが受け取りませんでした（HTTP %(status)s）。") % {"status": more},
    }
    return sentences.get(code, gettext("送信の準備中に問題が発生しました。"))


def topic_words(topic: str) -> str:
    """What a topic is about."""
    return f"{dict(TOPICS)[Topic(topic)]}"


def why_refused(why: Why) -> str:
    """Why an act on a webhook is not done, and what to do about it."""
    if why == Why.ADDRESS_TAKEN:
        return gettext("このURLはすでに登録されています。登録済みのWebhookを確認してください。")
    if why == Why.RENEWED_MEANWHILE:
        return gettext(
            "このページを開いた後に、秘密キーが新しくなりました。本当にもう一度新しくする場合だけ、送信してください。"
        )
    return ngettext(
        "登録できるWebhookは%(n)d件までです。使用していないものを終了してから、もう一度お試しください。",
        "登録できるWebhookは%(n)d件までです。使用していないものを終了してから、もう一度お試しください。",
        MOST_DESTINATIONS,
    ) % {"n": MOST_DESTINATIONS}
