"""The mails of a shop's people, as the page of their settings names them (domain 12.2)."""

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

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
