"""Codes → sentences: refusals, reasons, rows of the table, why a cancellation counts."""

from dataclasses import dataclass
from itertools import groupby

from django.conf import settings
from django.utils.translation import get_language, gettext, ngettext, override
from django.utils.translation import gettext_lazy as _

from orders.places import PREFECTURES

from .models import Cancellation
from .policy import TABLE, Reason, Refusal, Who

BANNER = _(
    "購入者がこの注文のキャンセルをリクエストしています。"
    "この注文をキャンセルしても、出品者のキャンセル率の指標に対して影響が発生することはありません。"
)
ALREADY_SHIPPED = _("すでに出荷されています。商品の受取を拒否するか、商品到着後に返品手続きをしてください。")

REFUSALS: dict[str, object] = {
    Refusal.ORDER_NOT_FOUND: _("注文が見つかりません。注文番号をご確認ください。"),
    Refusal.ITEM_NOT_FOUND: _("この注文に含まれない商品が指定されています。画面を開き直してください。"),
    Refusal.REQUEST_NOT_FOUND: _("キャンセルリクエストが見つかりません。"),
    Refusal.PERMISSION_DENIED: _("この操作を行う権限がありません。店舗の管理者にご確認ください。"),
    Refusal.ORDER_NOT_CANCELABLE: _("この注文は現在の状態ではキャンセルできません。最新の状態をご確認ください。"),
    Refusal.ORDER_NOT_SHIPPABLE: _(
        "この注文は現在の状態では出荷通知を送信できません。最新の状態をご確認ください。"
    ),
    Refusal.VERSION_CONFLICT: _(
        "この注文はほかの操作で更新されました。最新の内容を確認してから、もう一度送信してください。"
    ),
    Refusal.REQUEST_ALREADY_OPEN: _("この注文はすでにキャンセルをリクエスト中です。"),
    Refusal.REQUEST_NOT_OPEN: _("このキャンセルリクエストはすでに終了しています。最新の状態をご確認ください。"),
    Refusal.REQUEST_LIMIT_REACHED: _("この注文でリクエストできる回数の上限に達しました。"),
    Refusal.REQUEST_TOO_EARLY: _(
        "前回のリクエストは承認されませんでした。出荷予定日を過ぎても出荷されない場合に、もう一度リクエストできます。"
    ),
    Refusal.DECLINE_NOT_ALLOWED: _("現在、キャンセルリクエストを断ることはできません。"),
    Refusal.DIRECT_WINDOW_ELAPSED: _(
        "ご注文から%(span)sが経過したため、キャンセルをリクエストする必要があります。"
    ),
    Refusal.ORDER_ON_HOLD: _("%(brand)sがこの注文を確認中のため、操作できません。"),
    Refusal.OPEN_CANCELLATION_REQUEST: _(
        "購入者からのキャンセルリクエストがあります。すでに商品を発送済みの場合のみ、出荷通知を送信してください。"
    ),
    Refusal.ORDER_BUSY: _("ただいま他の処理を行っています。少し待ってから、もう一度送信してください。"),
    Refusal.SHIP_BY_PAST: _("出荷予定日には、本日以降の日付を入力してください。"),
    Refusal.SHIP_BY_FAR: _("出荷予定日には、1年以内の日付を入力してください。"),
    Refusal.ORDER_NOT_CHARGED: _("この注文の代金は請求されていないため、返金できません。"),
    Refusal.AMOUNT_FORMAT: _("返金額には、0より大きい金額を入力してください。"),
    Refusal.REFUND_EXCEEDS_CHARGE: _(
        "返金額が、返金できる金額を超えています。これまでの返金をご確認のうえ、金額を変更してください。"
    ),
    Refusal.REASON_REQUIRED: _("理由を選択してください。"),
    Refusal.REASON_UNKNOWN: _("選択できない理由です。一覧から選び直してください。"),
    Refusal.QUANTITY_EXCEEDS_OPEN: _("指定した数量が、残りの数量を超えています。数量をご確認ください。"),
    Refusal.ITEM_NOT_BUYER_CANCELABLE: _("購入者によるキャンセルができない商品が含まれています。"),
    Refusal.IDEMPOTENCY_MISMATCH: _("この画面の内容はすでに送信されています。画面を開き直してください。"),
}

# First column of the table, and its scenarios (domain 9.1; brand replaced by 18).
SCENARIOS = {
    "BUY-1": _("購入者が公式のキャンセルリクエストを送信したため、キャンセルを行います"),
    "BUY-2": _(
        "マーケットプレイス・メッセージ管理ツールを介して購入者から依頼を受けたため、"
        "キャンセルを行います(非公式のキャンセル手順)"
    ),
    "SEL-1": _("商品が在庫切れになったため、キャンセルを行います"),
    "SEL-2": _("配送不可の住所であったため、キャンセルを行います"),
    "SEL-3": _("購入者から返信がないため、キャンセルを行います"),
    "MKT-1": _(
        "出品者が出荷予定日から %(days)d日以内に出荷通知を送信しなかったため、"
        "%(brand)sによって注文が自動的にキャンセルされました"
    ),
    "MKT-2": _("購入者の不正行為が検出されたため、%(brand)sによって注文が自動的にキャンセルされました"),
    "MKT-3": _("支払いの確認に失敗したため、%(brand)sによって注文がキャンセルされました"),
    "BUY-0": _("購入者が、ご自身でキャンセルできる時間内またはお支払いの確認中にキャンセルしました"),
    "BUY-3": _("公式のキャンセルリクエストがないまま、「購入者によるキャンセル」を理由にキャンセルを行います"),
    "SEL-9": _("価格設定の誤り、交換依頼、その他の理由で、キャンセルを行います"),
    "MKT-4": _("購入者の依頼により、%(brand)sのサポートがキャンセルしました"),
    "MKT-9": _("その他の理由で、%(brand)sがキャンセルしました"),
}

# Why a cancellation counts or does not, as one sentence with its code (domain 9.5).
SENTENCES = {
    "BUY-0": _("購入者が自分でキャンセルしたため、キャンセル率に含まれません（BUY-0）"),
    "BUY-1": _("公式のキャンセルリクエストに応じてキャンセルしたため、キャンセル率に含まれません（BUY-1）"),
    "BUY-2": _(
        "公式のキャンセルリクエストの対象ではない商品を、メッセージでの依頼によりキャンセルしたため、"
        "キャンセル率に含まれます（BUY-2）"
    ),
    "BUY-3": _(
        "公式のキャンセルリクエストの対象ではない商品を「購入者によるキャンセル」を理由にキャンセルしたため、"
        "キャンセル率に含まれます（BUY-3）"
    ),
    "SEL-1": _("在庫切れを理由に出品者がキャンセルしたため、キャンセル率に含まれます（SEL-1）"),
    "SEL-2": _("配送不可の住所を理由に出品者がキャンセルしたため、キャンセル率に含まれます（SEL-2）"),
    "SEL-3": _("購入者から返信がないことを理由に出品者がキャンセルしたため、キャンセル率に含まれます（SEL-3）"),
    "SEL-9": _("その他の理由で出品者がキャンセルしたため、キャンセル率に含まれます（SEL-9）"),
    "MKT-1": _("出荷通知が期限までに送信されず自動的にキャンセルされたため、キャンセル率に含まれます（MKT-1）"),
    "MKT-2": _("不正行為の検出により%(brand)sがキャンセルしたため、キャンセル率に含まれません（MKT-2）"),
    "MKT-3": _("支払いの確認に失敗して%(brand)sがキャンセルしたため、キャンセル率に含まれません（MKT-3）"),
    "MKT-4": _("購入者の依頼により%(brand)sのサポートがキャンセルしたため、キャンセル率に含まれません（MKT-4）"),
    "MKT-9": _("%(brand)sの判断によりキャンセルされたため、キャンセル率に含まれません（MKT-9）"),
}
# Two codes whose effect a policy or an operator may turn round.
TURNED_SENTENCES = {
    "MKT-1": _("購入者のリクエスト中に自動的にキャンセルされたため、キャンセル率に含まれません（MKT-1）"),
    "MKT-9": _("%(brand)sの判断によりキャンセルされたため、キャンセル率に含まれます（MKT-9）"),
}

# The same before anything is sent, for those codes that a person may choose (domain 7.3).
PROSPECTS = {
    "BUY-1": _("公式のキャンセルリクエストに応じたキャンセルは、キャンセル率に含まれません（BUY-1）"),
    "BUY-2": _(
        "公式のキャンセルリクエストの対象ではない商品を、メッセージでの依頼によりキャンセルすると、"
        "キャンセル率に含まれます（BUY-2）"
    ),
    "BUY-3": _(
        "公式のキャンセルリクエストの対象ではない商品を「購入者によるキャンセル」を理由にキャンセルすると、"
        "キャンセル率に含まれます（BUY-3）"
    ),
    "SEL-1": _("在庫切れを理由に出品者がキャンセルすると、キャンセル率に含まれます（SEL-1）"),
    "SEL-2": _("配送不可の住所を理由に出品者がキャンセルすると、キャンセル率に含まれます（SEL-2）"),
    "SEL-3": _("購入者から返信がないことを理由に出品者がキャンセルすると、キャンセル率に含まれます（SEL-3）"),
    "SEL-9": _("その他の理由で出品者がキャンセルすると、キャンセル率に含まれます（SEL-9）"),
    "MKT-2": _("不正行為の検出により%(brand)sがキャンセルすると、キャンセル率に含まれません（MKT-2）"),
    "MKT-3": _("支払いの確認に失敗して%(brand)sがキャンセルすると、キャンセル率に含まれません（MKT-3）"),
    "MKT-4": _("購入者の依頼により%(brand)sのサポートがキャンセルすると、キャンセル率に含まれません（MKT-4）"),
    "MKT-9": _("%(brand)sの判断によるキャンセルは、キャンセル率に含まれません（MKT-9）"),
}
COUNTED_PROSPECTS = {
    "MKT-9": _("%(brand)sの判断によるキャンセルは、キャンセル率に含まれます（MKT-9）"),
}


def refusal(code: str, *, minutes: int | None = None) -> str:
    """The sentence for a refusal code, in the reader's language; `minutes` is the direct window in force."""
    text = REFUSALS.get(code)
    if text is None:
        return gettext("処理できませんでした。しばらくしてからもう一度お試しください。")
    if minutes is None:
        minutes = settings.DIRECT_CANCEL_MINUTES
    return str(text) % {"span": span(minutes), "brand": settings.BRAND_NAME}


def span(minutes: int) -> str:
    """A length of time in minutes, or in hours where it is whole ones."""
    if minutes % 60 or not minutes:
        return ngettext("%(n)d分", "%(n)d分", minutes) % {"n": minutes}
    hours = minutes // 60
    return ngettext("%(n)d時間", "%(n)d時間", hours) % {"n": hours}


def reason_label(reason: str) -> str:
    """A cancellation's reason as shown to people."""
    return str(Cancellation.Reason(reason).label)


def reasons(of: tuple[Reason, ...]) -> list[tuple[str, str]]:
    """Choices of a drop-down of reasons, in their order."""
    return [(reason.value, reason_label(reason)) for reason in of]


def areas() -> list[tuple[str, str]]:
    """Where a closure holds, for a choice: everywhere, or one prefecture by its English name."""
    return [("", gettext("すべての地域")), *((english, area_words(area)) for area, english in PREFECTURES.items())]


def area_words(area: str) -> str:
    """A prefecture in the reader's language; everywhere without one."""
    if not area:
        return gettext("すべての地域")
    return PREFECTURES[area] if (get_language() or "").startswith("en") else area


def who(row_who: Who) -> str:
    """First column of the table."""
    if row_who == Who.MARKETPLACE:
        return str(settings.BRAND_NAME)
    return gettext("購入者") if row_who == Who.BUYER else gettext("出品者")


def scenario(code: str, *, days: int) -> str:
    """Second column of the table; `days` is the automatic cancellation's setting."""
    return str(SCENARIOS[code]) % {"brand": settings.BRAND_NAME, "days": days}


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of the table as people read it."""

    code: str
    scenario: str
    counts: bool


@dataclass(frozen=True, slots=True)
class TableGroup:
    """The rows of one actor."""

    who: str
    rows: tuple[TableRow, ...]


def table(*, days: int, on_help_page: bool) -> list[TableGroup]:
    """The table of domain 9.1 from the very rows the engine judges by; or those rows that were added to it.

    Its scenarios are numbered within each actor; `days` is the automatic cancellation's setting.
    """
    chosen = [row for row in TABLE if row.on_help_page == on_help_page]
    return [
        TableGroup(
            who(actor),
            tuple(
                TableRow(row.code, f"{number}.{scenario(row.code, days=days)}", row.counts)
                for number, row in enumerate(rows, 1)
            ),
        )
        for actor, rows in groupby(chosen, key=lambda row: row.who)
    ]


def sentence(code: str, counted: bool) -> str:
    """Why a cancellation counts or does not, in the reader's language, with its code."""
    usual = SENTENCES[code]
    if code in TURNED_SENTENCES and counted != (code == "MKT-1"):
        usual = TURNED_SENTENCES[code]
    return str(usual) % {"brand": settings.BRAND_NAME}


def prospect(code: str, counted: bool) -> str:
    """Whether a cancellation would count, and why, before anybody sends it; in the reader's language."""
    chosen = COUNTED_PROSPECTS if counted and code in COUNTED_PROSPECTS else PROSPECTS
    return str(chosen[code]) % {"brand": settings.BRAND_NAME}


def recorded_sentence(code: str, counted: bool) -> str:
    """The sentence as kept with a cancellation: in Japanese, the original language."""
    with override("ja"):
        return sentence(code, counted)
