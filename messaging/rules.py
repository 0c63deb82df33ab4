"""What a message is about: whether it must reach the buyer, wishes for a cancellation, or pushes for one (domain 12.1).

Standard library only. All functions are total and have no side effects.
"""

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum

# Signs in one message at most.
LONGEST_TEXT = 2000


class Topic(StrEnum):
    """What a message is about; each side has its own list."""

    CANCEL = "CANCEL"
    SHIPPING = "SHIPPING"
    REFUND = "REFUND"
    MORE_INFORMATION = "MORE_INFORMATION"
    ITEM = "ITEM"
    OTHER = "OTHER"


SELLERS = (Topic.CANCEL, Topic.SHIPPING, Topic.REFUND, Topic.MORE_INFORMATION, Topic.OTHER)
BUYERS = (Topic.CANCEL, Topic.SHIPPING, Topic.ITEM, Topic.REFUND, Topic.OTHER)
# A seller's messages about these always reach the buyer; nobody marks a message so by hand (D-32).
CRITICAL = frozenset({Topic.CANCEL, Topic.SHIPPING, Topic.REFUND, Topic.MORE_INFORMATION})

# Said of cancelling, and no wish for it: these parts of a text are left out before a wish is looked for.
_NO_WISH = re.compile(
    r"""
      キャンセル(?:は|を|も|など|とか)?(?:し(?:ない(?!と)|ませ|なく(?!て|ちゃ)|たくな|なか)|せず|不要|では?(?:な|あり)|じゃな)
    | キャンセル(?:料|手数料|代|ポリシー|規定|規約|率|待ち|品|扱い|期限|できる期間|可能期間)
    | キャンセルされ
    | キャンセルに(?:なりませ|なら)
    | (?:ノイズ|エコー)キャンセ\w*
    | (?:取り?消し?|取りやめ)(?:は|を)?(?:し(?:ない(?!と)|ませ|なく(?!て|ちゃ)|たくな)|せず|不要|では?(?:な|あり))
    | 取り?消され
    | (?:do\s*n[o']?t|don\s?t|never|(?<!can\si\s)(?<!could\si\s)not\s+(?:\w+\s+){0,3}?(?:to\s+)?
        |no\s+need\s+to|without)\s*cancel\w*
    | cancel\w*\s+(?:fee|fees|charge|charges|policy|policies|rate|cost|costs|terms|deadline)
    | (?:noise|echo)[\s-]?cancel\w*
    | (?:been|was|were|is|got|get|being)\s+cancel\w*
    """,
    re.VERBOSE,
)
_WISH = re.compile(
    r"""
      キャンセル
    | 取り?消
    | 取りやめ
    | (?:注文|購入|買うの)(?:を|は)?(?:やめ|止め|辞め)
    | \bcancel(?:l?ed|l?ing|lation|s)?\b
    | \bcall\s+off\b
    """,
    re.VERBOSE,
)
# Said by a shop of what it asks nobody for: these parts of a text are left out before a push is looked for.
_NO_PUSH = re.compile(
    r"""
      (?:キャンセル|取り?消し?)\w{0,10}?(?:ご?遠慮|お?控え|でき(?:ま?せ|な|かね)|いたしかね|致しかね|承れ|お受け)\w*
    | (?:キャンセル|取り?消し?)(?:の)?(?:リクエスト|依頼|申請)?(?:の)?(?:取り?下げ|撤回)\w*
    | (?:do\s*n[o']?t|don\s?t|cannot|can\s?not|can['\s]?t|unable\s+to|not)\s+(?:\w+\s+){0,3}?cancel\w*
    """,
    re.VERBOSE,
)
# A shop's words that send the buyer to ask for the cancellation.
_PUSH = re.compile(
    r"""
      (?:キャンセル|取り?消)\w{0,30}?
        (?:て(?:くださ|下さ|いただ|頂|もら|ほし|欲し)|お?願い|送信|申請|押し|クリック|出して)
    | \bcancel\b[^.!?\n]{0,40}\b(?:please|yourself|on\s+your\s+(?:side|end))
    | \b(?:please|kindly|could\s+you|can\s+you|you\s+(?:must|need\s+to|should))\b[^.!?\n]{0,40}\bcancel
    | \brequest\b[^.!?\n]{0,30}\bcancel
    """,
    re.VERBOSE,
)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def wishes_to_cancel(topic: Topic, text: str) -> bool:
    """Whether a buyer's message wishes for a cancellation: by its topic, or by its words (domain 12.1)."""
    return topic == Topic.CANCEL or bool(_WISH.search(_NO_WISH.sub(" ", _plain(text))))


def pushes_to_cancel(text: str, *, buyer_spoke: bool = False) -> bool:
    """Whether a seller's message asks the buyer to cancel; it may, once the buyer spoke of it (domain 12.1, B17)."""
    return not buyer_spoke and bool(_PUSH.search(_NO_PUSH.sub(" ", _plain(text))))


def excerpt(text: str, words: Sequence[str], *, length: int = 120) -> str:
    """The part of a text that says the first of the words; from its beginning if none is near a place in it."""
    line = " ".join(unicodedata.normalize("NFKC", text).split())
    places = [place for word in words if (place := line.lower().find(_plain(word))) >= 0]
    start = max(0, min(places, default=0) - 20)
    shown = line[start : start + length]
    return ("…" if start else "") + shown + ("…" if start + length < len(line) else "")


def is_critical(topic: Topic) -> bool:
    """Whether a seller's message reaches also a buyer who refuses unimportant ones (D-32)."""
    return topic in CRITICAL
