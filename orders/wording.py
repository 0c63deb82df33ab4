"""Sentences for what an import answers: why a file cannot be read, why a line was refused or warned of."""

from collections import defaultdict
from collections.abc import Mapping

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

FILE_SENTENCES = {
    "FEED_EMPTY": _("データ行がありません。"),
    "FEED_NOT_TEXT": _(
        "テキストファイルではありません。表計算ソフトで「テキスト（タブ区切り）」を選択して保存してください。"
    ),
    "FEED_BINARY": _("テキストではないデータ（NUL文字）が含まれています。"),
    "FEED_ENCODING": _(
        "文字コードを読み取れません（%(position)sバイト目）。UTF-8またはShift_JIS（CP932）で保存してください。"
    ),
    "FEED_DELIMITER": _("列がタブで区切られていません。「テキスト（タブ区切り）」で保存してください。"),
    "FEED_HEADER": _(
        "見出し行を読み取れません。読み取った見出し：%(found)s。不足または重複している見出し：%(expected)s"
    ),
    "LINE_TOO_LONG": _("%(line)s行目が長すぎます（上限%(limit)s文字）。"),
    "FAILED": _(
        "システムのエラーで取り込みが止まりました。同じファイルをもう一度アップロードすると、残りの行が取り込まれます。"
    ),
    "FILE_GONE": _("アップロードされたファイルが見つかりません。もう一度アップロードしてください。"),
}

LINE_SENTENCES = {
    "COLUMN_COUNT": _("列の数が見出しと異なります。"),
    "CONTROL_CHARACTER": _("使用できない制御文字があります。"),
    "UNREADABLE_CHARACTER": _("読み取れない文字（外字など）があります。"),
    "VALUE_MISSING": _("必要な値がありません。"),
    "TEXT_TOO_LONG": _("文字数が上限を超えています。"),
    "ORDER_ID_FORMAT": _("注文番号は「250-1234567-1234567」の形で入力してください。"),
    "ORDER_ID_NOT_TEXT": _(
        "注文番号が数値に変換されています。表計算ソフトでは、注文番号の列を「文字列」にしてから読み込んでください。"
    ),
    "ITEM_ID_FORMAT": _("注文商品番号は11〜14桁の数字で入力してください。"),
    "QUANTITY_FORMAT": _("数量は1以上の整数で入力してください。"),
    "QUANTITY_EXCEEDS_OPEN": _("数量が残りの数量を超えています。"),
    "AMOUNT_FORMAT": _("金額は桁区切りのない数字で入力してください。円の場合、小数は使用できません。"),
    "CURRENCY": _("通貨を読み取れないか、同じ注文の中で異なっています。"),
    "DATE_FORMAT": _("日時は「2026-01-10T12:58:30+09:00」の形で入力してください。"),
    "EMAIL_FORMAT": _("メールアドレスの形式が正しくありません。"),
    "COUNTRY_FORMAT": _("国は2文字のコードで入力してください。"),
    "STATUS_UNKNOWN": _("ステータスを読み取れません。"),
    "ORDER_NOT_FOUND": _("注文が見つかりません。"),
    "ITEM_NOT_FOUND": _("この注文の商品ではありません。"),
    "ORDER_INCOMPLETE": _("同じ注文の別の行にエラーがあるため、この注文は取り込まれませんでした。"),
    "TOO_MANY_ITEMS": _("1件の注文に取り込める行数を超えています。"),
    "DUPLICATE_LINE": _("同じ行がすでにあります。"),
    "CONFLICTING_DUPLICATE": _("同じ注文商品番号の行がすでにあり、内容が異なります。"),
    "OPEN_CANCELLATION_REQUEST": _("購入者からのキャンセルリクエストがある注文が出荷されました。"),
    "KEPT_CANCELLED": _("ファイルでは出荷済みですが、ここではキャンセル済みです。変更していません。"),
    "KEPT_SHIPPED": _("ファイルではキャンセル済みですが、ここでは出荷済みです。変更していません。"),
    "UNKNOWN_COLUMN": _("不明な列は読み飛ばされました。"),
    "LINES_NOT_KEPT": _("記録の上限を超えたため、これより後の行の結果は保存されていません。"),
    "FAILED": _("保存できませんでした。"),
}


def file_sentence(code: str, facts: Mapping[str, str | int]) -> str:
    """Why a file cannot be read; a dash for a fact that an older release did not keep."""
    return str(FILE_SENTENCES[code]) % defaultdict(lambda: "—", facts)


def line_sentence(code: str) -> str:
    """What the answer to a line means; other codes are refusals of an act."""
    return str(LINE_SENTENCES[code]) if code in LINE_SENTENCES else gettext("この注文は更新できませんでした。")
