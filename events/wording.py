"""What operators read of the history, and the mails of which they may write subject and first paragraph (domain 18)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import Door, Role

EVENTS = {
    "person.password_forgotten": gettext_lazy("パスワードの再設定が依頼されました"),
    "message.sent_by_buyer": gettext_lazy("購入者がメッセージを送信しました"),
    "message.sent_by_seller": gettext_lazy("出品者がメッセージを送信しました"),
    "order.placed": gettext_lazy("注文が入りました"),
    "payment.verified": gettext_lazy("お支払いが確認されました"),
    "payment.refunded": gettext_lazy("返金が受け付けられました"),
    "order.held": gettext_lazy("保留になりました"),
    "order.released": gettext_lazy("保留が解除されました"),
    "order.extended": gettext_lazy("出荷予定日が変わりました"),
    "order.cancelled": gettext_lazy("キャンセルされました"),
    "orders.past_ship_by": gettext_lazy("出荷予定日を過ぎた注文を知らせました"),
    "orders.cancelled_soon": gettext_lazy("自動キャンセルが近い注文を知らせました"),
    "cancellation.requested": gettext_lazy("キャンセルがリクエストされました"),
    "cancellation.withdrawn": gettext_lazy("リクエストが取り下げられました"),
    "cancellation.declined": gettext_lazy("リクエストが断られました"),
    "cancellation.unanswered": gettext_lazy("未対応のリクエストを知らせました"),
    "shipment.confirmed": gettext_lazy("出荷通知が送信されました"),
    "rate.worsened": gettext_lazy("キャンセル率の状態が悪化しました"),
    "rate.improved": gettext_lazy("キャンセル率の状態が変わりました"),
    "feed.finished": gettext_lazy("アップロードしたファイルの処理が終わりました"),
    "report.finished": gettext_lazy("注文レポートの作成が終わりました"),
    "dispute.opened": gettext_lazy("キャンセル率に関する申し立てが届きました"),
    "dispute.decided": gettext_lazy("キャンセル率に関する申し立てが決定されました"),
}
ROLES = {
    Role.BUYER: gettext_lazy("購入者"),
    Role.SELLER: gettext_lazy("出品者"),
    Role.MARKETPLACE: gettext_lazy("オペレーター"),
    Role.SYSTEM: gettext_lazy("システム"),
}
DOORS = {
    Door.PAGE: gettext_lazy("ポータル"),
    Door.ADMIN: gettext_lazy("オペレーター画面"),
    Door.COMMAND: gettext_lazy("コマンド"),
    Door.IMPORT: gettext_lazy("注文ファイル"),
    Door.SWEEP: gettext_lazy("自動処理"),
    Door.PAYMENT: gettext_lazy("お支払いの照会"),
    Door.RULES: gettext_lazy("自動承認ルール"),
    Door.FEED: gettext_lazy("アップロードしたファイル"),
    Door.API: gettext_lazy("連携ソフトウェア"),
}
LISTENERS = {
    "mail_buyer": gettext_lazy("購入者へのメール"),
    "mail_seller": gettext_lazy("出品者へのメール"),
    "mail_person": gettext_lazy("本人へのメール"),
    "reserve": gettext_lazy("与信の確保"),
    "charge": gettext_lazy("代金の請求"),
    "release_authorization": gettext_lazy("与信の解放"),
    "refund": gettext_lazy("返金"),
    "approve": gettext_lazy("店舗のルールによる承認"),
    "look_at_rate": gettext_lazy("キャンセル率の確認"),
    "push": gettext_lazy("店舗のソフトウェアへの通知"),
}

_SHOP = frozenset({"brand", "portal", "order", "seller"})
_BUYER = frozenset({"brand", "order", "seller", "name"})
_PERSON = frozenset({"brand", "portal", "name"})
_MESSAGE = frozenset({"topic"})
_DIGEST = frozenset({"brand", "portal", "n", "seller"})
_STANDING = frozenset({"brand", "portal", "seller"})

LANGUAGES = {"ja": gettext_lazy("日本語"), "en": gettext_lazy("英語")}
LONGEST_SUBJECT, LONGEST_LEAD = 200, 2000
_MARKUP = re.compile(r"[<>]|&(#\w+|\w+);")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class MailKind:
    """One mail: its number, whom it goes to, what it is about, and the placeholders its texts may hold."""

    number: str
    to: object
    title: object
    placeholders: frozenset[str]


_TO_SHOP, _TO_BUYER = gettext_lazy("出品者"), gettext_lazy("購入者")
MAILS = {
    "p01": MailKind("P-01", gettext_lazy("本人"), gettext_lazy("パスワードの再設定"), _PERSON),
    "m01": MailKind("M-01", _TO_SHOP, gettext_lazy("キャンセルリクエストのお知らせ"), _SHOP),
    "m02": MailKind("M-02", _TO_BUYER, gettext_lazy("キャンセルリクエストを受け付けました"), _BUYER),
    "m03_seller": MailKind("M-03", _TO_SHOP, gettext_lazy("キャンセルリクエストが取り下げられました"), _SHOP),
    "m03_buyer": MailKind("M-03", _TO_BUYER, gettext_lazy("キャンセルリクエストが取り下げられました"), _BUYER),
    "m04": MailKind("M-04", _TO_SHOP, gettext_lazy("注文キャンセル完了のお知らせ"), _SHOP),
    "m05": MailKind("M-05", _TO_BUYER, gettext_lazy("ご注文がキャンセルされました"), _BUYER),
    "m06": MailKind("M-06", _TO_BUYER, gettext_lazy("ご注文のキャンセルが完了しました"), _BUYER),
    "m07": MailKind("M-07", _TO_SHOP, gettext_lazy("購入者が注文をキャンセルしました"), _SHOP),
    "m08": MailKind("M-08", _TO_BUYER, gettext_lazy("キャンセルリクエストは承認されませんでした"), _BUYER),
    "m09": MailKind("M-09", _TO_BUYER, gettext_lazy("ご注文はすでに出荷されています"), _BUYER),
    "m10": MailKind("M-10", _TO_BUYER, gettext_lazy("商品を出荷しました"), _BUYER),
    "m11": MailKind("M-11", _TO_BUYER, gettext_lazy("返金手続きのお知らせ"), _BUYER),
    "m12": MailKind("M-12", _TO_SHOP, gettext_lazy("返金処理完了のお知らせ"), _SHOP),
    "m13_seller": MailKind("M-13", _TO_SHOP, gettext_lazy("注文の一部キャンセル完了のお知らせ"), _SHOP),
    "m13_buyer": MailKind("M-13", _TO_BUYER, gettext_lazy("ご注文の一部がキャンセルされました"), _BUYER),
    "m14": MailKind("M-14", _TO_SHOP, gettext_lazy("未対応のキャンセルリクエストがあります"), _DIGEST),
    "m15": MailKind("M-15", _TO_SHOP, gettext_lazy("出荷予定日を過ぎた注文があります"), _DIGEST),
    "m16": MailKind("M-16", _TO_SHOP, gettext_lazy("まもなく自動キャンセルされます"), _DIGEST),
    "m17": MailKind("M-17", _TO_SHOP, gettext_lazy("注文が自動的にキャンセルされました"), _SHOP),
    "m18": MailKind("M-18", _TO_BUYER, gettext_lazy("ご注文がキャンセルされました"), _BUYER),
    "m19": MailKind("M-19", _TO_SHOP, gettext_lazy("運営により注文がキャンセルされました"), _SHOP),
    "m20": MailKind("M-20", _TO_BUYER, gettext_lazy("ご注文がキャンセルされました"), _BUYER),
    "m21": MailKind("M-21", _TO_SHOP, gettext_lazy("キャンセル率が目標を満たしていません"), _STANDING),
    "m22": MailKind("M-22", _TO_SHOP, gettext_lazy("キャンセル率に関する申し立ての結果"), _SHOP),
    "m23_seller": MailKind("M-23", _TO_SHOP, gettext_lazy("購入者からのメッセージ"), _SHOP | _MESSAGE),
    "m23_buyer": MailKind("M-23", _TO_BUYER, gettext_lazy("出品者からのメッセージ"), _BUYER | _MESSAGE),
    "m24": MailKind("M-24", gettext_lazy("送信した人"), gettext_lazy("ファイルの処理が完了しました"), _STANDING),
}


class UnusableText(Exception):
    """A text that no mail can be sent with; `args[0]` says why, in the active language."""


def check_text(text: str, *, mail: str, is_subject: bool) -> None:
    """Require that a subject or a first paragraph can be sent: known placeholders, no markup, one line if a subject.

    Raises UnusableText with a sentence for the person who wrote it.
    """
    if len(text) > (LONGEST_SUBJECT if is_subject else LONGEST_LEAD):
        longest = LONGEST_SUBJECT if is_subject else LONGEST_LEAD
        raise UnusableText(_("%(longest)d文字以内で入力してください。") % {"longest": longest})
    if is_subject and "\n" in text:
        raise UnusableText(_("件名は改行せずに入力してください。"))
    if _CONTROL.search(text):
        raise UnusableText(_("使用できない文字が含まれています。"))
    if _MARKUP.search(text):
        raise UnusableText(_("HTMLのタグは使用できません。文字だけで入力してください。"))
    known = MAILS[mail].placeholders
    for name in _placeholders(text):
        if name not in known:
            names = " ".join(f"{{{each}}}" for each in sorted(known))
            raise UnusableText(
                _("{%(name)s} はこのメールでは使用できません。使用できるのは %(names)s です。")
                % {"name": name, "names": names}
            )


def _placeholders(text: str) -> list[str]:
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        raise UnusableText(_("波かっこ { } の組み合わせが正しくありません。")) from None
    for _before, name, form, conversion in parts:
        if name is not None and (form or conversion or not name.isidentifier()):
            raise UnusableText(_("波かっこの中には、差し込む項目の名前だけを入力してください。"))
    return [name for _before, name, _form, _conversion in parts if name is not None]


def filled(text: str, *, mail: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled in.

    Raises UnusableText if it holds what no mail may hold: a text may have been stored around the check.
    """
    check_text(text, mail=mail, is_subject=False)
    return text.format_map({name: values[name] for name in MAILS[mail].placeholders})
