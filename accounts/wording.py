"""Words of people's settings: the mails of a shop (domain 12.2), roles, registered developers and their keys (14.1)."""

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .rules import MOST_APPLICATIONS, MOST_KEYS, Scope, Why

# Mails that a person may stop: code → what it is, when it comes. Only what the portal sends stands here.
MAY_BE_SILENCED = {
    "M-07": (
        _("購入者が注文をキャンセルしました"),
        _("購入者がご注文の直後に自分でキャンセルしたとき。キャンセル率には影響しません。"),
    ),
    "M-12": (
        _("返金処理完了のお知らせ"),
        _("店舗の誰かが返金したとき。"),
    ),
    "M-14": (
        _("未対応のキャンセルリクエストがあります"),
        _("回答期限までの半分が過ぎたときと、回答期限になったとき。"),
    ),
    "M-15": (
        _("出荷予定日を過ぎた注文があります"),
        _("出荷予定日の翌日の午前9時。"),
    ),
    "M-23": (
        _("新しいメッセージがあります"),
        _("購入者からメッセージが届いたとき。"),
    ),
    "M-24": (
        _("ファイルの処理が完了しました"),
        _("あなたが送信したファイル、またはあなたのキーで送信されたファイルの処理が終わったとき。"),
    ),
}
# What an OWNER may make of a colleague; OWNERs are made by the marketplace.
REMOVE = "REMOVE"
COLLEAGUE_ROLES = (
    ("", "—"),
    ("ORDER_STAFF", _("注文担当")),
    ("READ_ONLY", _("閲覧のみ")),
    (REMOVE, _("店舗から外す")),
)
LOOKS = (("auto", _("自動")), ("light", _("ライト")), ("dark", _("ダーク")))
# What each scope lets software do, in the order of the form.
SCOPES = (
    (Scope.ORDERS_READ, _("注文とキャンセルリクエストの参照")),
    (Scope.ORDERS_CANCEL, _("注文のキャンセルとリクエストへの回答")),
    (Scope.ORDERS_SHIP, _("出荷通知の送信")),
    (Scope.ORDERS_REFUND, _("返金")),
    (Scope.MESSAGES, _("購入者とのメッセージ")),
    (Scope.FEEDS, _("ファイル（フィード）の送信")),
    (Scope.REPORTS, _("注文レポートの作成と受け取り")),
    (Scope.WEBHOOKS, _("通知の受け取りの設定")),
)
LIFETIMES = ((90, _("90日")), (180, _("180日")), (365, _("1年")))


def why_refused(why: Why) -> str:
    """Why an act on a registration is not done, and what to do about it."""
    return {
        Why.NAME_TAKEN: gettext("同じ名前の登録がすでにあります。別の名前を入力してください。"),
        Why.TOO_MANY_APPLICATIONS: gettext(
            "登録できるのは%(n)d件までです。使用していない登録を終了してから、もう一度お試しください。"
        )
        % {"n": MOST_APPLICATIONS},
        Why.TOO_MANY_KEYS: gettext(
            "同時に有効にできるキーは%(n)d組までです。使用していないキーを無効にしてから、もう一度お試しください。"
        )
        % {"n": MOST_KEYS},
        Why.NOT_APPROVED: gettext("この登録ではキーを発行できません。登録の状態を確認してください。"),
        Why.NO_KEYS: gettext(
            "このソフトウェアには有効なキーがありません。先に「開発者とキー」でキーを発行してください。"
        ),
        Why.ISSUED_MEANWHILE: gettext(
            "このページを開いた後に、別のキーが発行されました。発行されたキーを確認してから、もう一度お試しください。"
        ),
    }[why]


def always_sent() -> list[tuple[str, str]]:
    """The mails that nobody may stop: what each is, and why it comes anyway."""
    brand = {"brand": settings.BRAND_NAME}
    return [
        (gettext("キャンセルリクエストのお知らせ"), gettext("商品を出荷する前に、回答が必要なためです。")),
        (
            gettext("キャンセルリクエストが取り下げられました"),
            gettext("通常どおりの出荷が必要になるためです。"),
        ),
        (gettext("注文キャンセル完了のお知らせ"), gettext("店舗が行ったキャンセルの記録になるためです。")),
        (gettext("注文の一部キャンセル完了のお知らせ"), gettext("店舗が行ったキャンセルの記録になるためです。")),
        (gettext("まもなく自動キャンセルされます"), gettext("自動キャンセルはキャンセル率に影響するためです。")),
        (gettext("注文が自動的にキャンセルされました"), gettext("商品の出荷を止める必要があるためです。")),
        (
            gettext("%(brand)sにより注文がキャンセルされました") % brand,
            gettext("商品の出荷を止める必要があるためです。"),
        ),
    ]
