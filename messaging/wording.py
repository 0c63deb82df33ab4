"""The words of topics, notices and files."""

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from .files import LARGEST_FILE, MOST_FILES, BadFile, FileRefusal
from .rules import BUYERS, SELLERS, Topic

_OF_SELLER = {
    Topic.CANCEL: gettext_lazy("キャンセル"),
    Topic.SHIPPING: gettext_lazy("出荷の問題"),
    Topic.REFUND: gettext_lazy("返金・返品"),
    Topic.MORE_INFORMATION: gettext_lazy("追加情報の依頼"),
    Topic.OTHER: gettext_lazy("その他"),
}
_OF_BUYER = {
    Topic.CANCEL: gettext_lazy("注文のキャンセル"),
    Topic.SHIPPING: pgettext_lazy("topic", "お届けについて"),
    Topic.ITEM: pgettext_lazy("topic", "商品について"),
    Topic.REFUND: gettext_lazy("返品・返金"),
    Topic.OTHER: gettext_lazy("その他"),
}


def topics(*, of_seller: bool) -> list[tuple[str, object]]:
    """The choices of one side's form, in their order."""
    words = _OF_SELLER if of_seller else _OF_BUYER
    return [(topic.value, words[topic]) for topic in (SELLERS if of_seller else BUYERS)]


def topic_words(topic: str, *, of_seller: bool) -> str:
    """What a message is about, as its sender chose it."""
    return str((_OF_SELLER if of_seller else _OF_BUYER).get(Topic(topic), topic))


def official_way(*, request_url: str) -> str:
    """The reply that leads from an unofficial wish to the official request (rule 17), with the order's own form."""
    return _(
        "お客様の%(brand)sのアカウントでご注文を確認していただくには、"
        "アカウントサービス、注文履歴、キャンセル依頼の順にクリックしてください。\n\n"
        "キャンセル依頼のページ：\n%(url)s"
    ) % {"brand": settings.BRAND_NAME, "url": request_url}


def refuse_or_return() -> str:
    """The reply for goods that have left: refuse the parcel, or send it back (rule 4b)."""
    return _(
        "ご注文の商品はすでに発送しているため、キャンセルできません。"
        "商品が不要な場合は、商品の受取を拒否するか、商品到着後に返品手続きをしてください。"
    )


_WHY_NOT_KEPT = {
    FileRefusal.EMPTY: gettext_lazy("「%(name)s」は空のファイルです。中身のあるファイルを選択してください。"),
    FileRefusal.TOO_LARGE: gettext_lazy(
        "「%(name)s」は大きすぎます。%(size)s MB、4,000万画素までのファイルを選択してください。"
    ),
    FileRefusal.WRONG_TYPE: gettext_lazy(
        "「%(name)s」は添付できません。添付できるのは、JPEG、PNG、WebPの画像とPDFです。"
    ),
    FileRefusal.DOUBLE_ENDING: gettext_lazy(
        "「%(name)s」は名前に拡張子が2つあるため添付できません。「写真.jpg」のような名前に変更してください。"
        "添付できるのは、JPEG、PNG、WebPの画像とPDFです。"
    ),
    FileRefusal.DAMAGED: gettext_lazy(
        "「%(name)s」は壊れているため読み込めません。保存し直したファイルを選択してください。"
    ),
    FileRefusal.TOO_MANY: gettext_lazy("「%(name)s」は添付できません。添付できるファイルは%(most)sつまでです。"),
}


def why_not_kept(bad: BadFile) -> str:
    """Which file is not taken, why, and what to do."""
    size = LARGEST_FILE // (1024 * 1024)
    return str(_WHY_NOT_KEPT[bad.refusal] % {"name": bad.name, "size": size, "most": MOST_FILES})
