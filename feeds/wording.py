"""Sentences for what a feed is answered: why it cannot be read, and what became of each line."""

from collections import defaultdict
from collections.abc import Mapping

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cancellations import wording as cancelling
from orders import wording as orders

from .models import Feed, LineResult
from .parsers import Kind

_FILE = orders.FILE_SENTENCES | {
    "INVALID_XML": _("XMLとして読み取れません：%(says)s"),
    "FEED_MERCHANT": _("ほかの出品者のファイルです（MerchantIdentifier：%(found)s）。"),
    "FEED_TYPE": _("選択した種類のファイルではありません。ファイルの種類：%(found)s。選択した種類：%(expected)s"),
    "FEED_TOO_MANY_LINES": _(
        "データ行が多すぎます（上限%(limit)s行）。ファイルを分けてアップロードしてください。"
    ),
    "FAILED": _(
        "システムのエラーで処理が止まりました。同じファイルをもう一度アップロードすると、残りの行が処理されます。"
    ),
}
_LINES = {
    "REASON_REQUIRED": _("理由のコードを入力してください。"),
    "REASON_UNKNOWN": _(
        "理由のコードを読み取れません。アップロードの画面の「使用できる理由のコード」から入力してください。"
    ),
    "MESSAGE_ID": _("MessageIDには、ファイルの中で重複しない正の整数を入力してください。"),
    "ELEMENT_TWICE": _("同じ要素が2回あります。"),
    "CARRIER": _(
        "配送業者のコードがないか、読み取れません。一覧にない場合は「Other」とし、配送業者名も入力してください。"
    ),
    "ORDER_NOT_CANCELABLE": _("お支払いの確認中、またはキャンセルできない状態のため、キャンセルできません。"),
    "ORDER_NOT_SHIPPABLE": _("お支払いの確認中、またはキャンセル済みのため、出荷通知を送信できません。"),
    "ORDER_BUSY": _("ほかの処理が行われています。この行をもう一度アップロードしてください。"),
    "AMOUNT_FORMAT": _("金額は桁区切りのない0より大きい数字で入力してください。円の場合、小数は使用できません。"),
    "CURRENCY": _("通貨を読み取れないか、注文の通貨と異なります。"),
    "DATE_FORMAT": _("出荷日は、注文日から今日までの日付を「2026-07-08」の形で入力してください。"),
    "QUANTITY_EXCEEDS_OPEN": _("数量が、残りの数量を超えています。"),
    "CONFLICTING_DUPLICATE": _("前の行と内容が異なるため、この行は処理していません。"),
    "BEYOND_REQUEST": _("キャンセルしました。購入者がリクエストした数量より多いため、キャンセル率に含まれます。"),
    "NUMBER_NOT_TEXT": _(
        "番号が数値に変換されています。表計算ソフトでは、番号の列を「文字列」にしてから読み込んでください。"
    ),
    "AMOUNT_COMPUTED": _("キャンセルした数量の代金を計算して返金します。指定した金額とは異なります。"),
    "SHIP_METHOD": _("出荷通知を送信しました。ship-methodの項目が記入されていません。"),
    "PERMISSION_DENIED": _("アップロードした人に権限がなくなったため、処理していません。"),
}
# Choices of the form, in its order.
KINDS = Feed.Kind.choices
_DONE = {
    Kind.CANCELLATION: _("注文をキャンセルしました。"),
    Kind.ADJUSTMENT: _("キャンセルまたは返金を受け付けました。"),
    Kind.SHIPMENT: _("出荷通知を送信しました。"),
}
_NO_CHANGE = {
    Kind.CANCELLATION: _("すでにキャンセル済みです。"),
    Kind.ADJUSTMENT: _("すでに処理済みです。"),
    Kind.SHIPMENT: _("すでに出荷通知を送信済みです。"),
}
_OPEN_REQUEST = {
    Kind.CANCELLATION: _(
        "キャンセルしました。購入者のリクエストがありましたが、別の理由を指定したためキャンセル率に含まれます。"
    ),
    Kind.SHIPMENT: _("出荷通知を送信しました。購入者からのキャンセルリクエストがありました。"),
}
_ACKNOWLEDGED = _("注文を確認しました。注文は変更されていません。")
_SHIPPED = _("出荷通知を送信済みのため、キャンセルできません。返金してください。")
_REQUEST_STOPS = _(
    "購入者からのキャンセルリクエストがあるため、送信していません。発送済みの場合は、"
    "acknowledge-cancellation-requestにTRUEと入力してください。"
)


def file_sentence(code: str, facts: Mapping[str, str | int]) -> str:
    """Why a feed cannot be read."""
    return str(_FILE[code]) % defaultdict(lambda: "—", facts)


def line_words(feed: Feed, line: LineResult) -> str:
    """What became of a line of a feed, or would have, in the reader's language."""
    says = line_sentence(Kind(feed.kind), line.result, line.code, line.detail)
    return gettext("実際に処理した場合の結果：%(says)s") % {"says": says} if feed.is_dry_run else says


def line_sentence(kind: Kind, result: str, code: str, detail: str = "") -> str:
    """What became of a line, in the reader's language."""
    if code == "ORDER_NOT_CANCELABLE" and detail == "SHIPPED":
        return str(_SHIPPED)
    if code == "OPEN_CANCELLATION_REQUEST":
        return str(_OPEN_REQUEST[kind] if result == "WARNING" else _REQUEST_STOPS)
    if code == "ACKNOWLEDGED":
        return str(_ACKNOWLEDGED)
    if result == "DONE":
        return str(_DONE[kind])
    if result == "NO_CHANGE":
        return str(_NO_CHANGE[kind])
    if code in _LINES:
        return str(_LINES[code])
    return str(orders.LINE_SENTENCES[code]) if code in orders.LINE_SENTENCES else cancelling.refusal(code)
