"""What every page and mail of the portal writes alike: moments, time left, money, signs."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache

from django import template
from django.conf import settings
from django.template.defaultfilters import linebreaksbr
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

register = template.Library()

UNKNOWN = "—"

# status → (kind of tag, icon, what the seller reads)
ORDER_SIGNS = {
    "PENDING": ("", "clock", gettext_lazy("保留中")),
    "UNSHIPPED": ("is-info", "box", gettext_lazy("未出荷")),
    "PARTIALLY_SHIPPED": ("is-warn", "half", gettext_lazy("一部出荷済み")),
    "SHIPPED": ("is-ok", "truck", gettext_lazy("出荷済み")),
    "CANCELED": ("", "cross", gettext_lazy("キャンセル済み")),
}
BUYER_WORDS = {
    "PENDING": gettext_lazy("お支払いの確認中"),
    "UNSHIPPED": gettext_lazy("出荷準備中"),
    "PARTIALLY_SHIPPED": gettext_lazy("一部発送済み"),
    "SHIPPED": gettext_lazy("発送済み"),
    "CANCELED": gettext_lazy("キャンセル済み"),
}
REQUEST_SIGNS = {
    "OPEN": ("is-info", "clock", gettext_lazy("リクエスト中")),
    "APPROVED": ("is-ok", "check", gettext_lazy("承認済み")),
    "PARTLY_APPROVED": ("is-warn", "half", gettext_lazy("一部承認")),
    "DECLINED": ("", "cross", gettext_lazy("不承認")),
    "WITHDRAWN": ("", "undo", gettext_lazy("取り下げ")),
    "CLOSED": ("", "minus", gettext_lazy("終了")),
}
RATE_SIGNS = {
    "NO_DATA": ("", "minus", gettext_lazy("対象なし")),
    "GOOD": ("is-ok", "check", gettext_lazy("良好")),
    "WATCH": ("is-warn", "alert", gettext_lazy("注意")),
    "OFF_TARGET": ("is-bad", "minus", gettext_lazy("目標未達")),
    "AT_RISK": ("is-bad", "stop", gettext_lazy("停止の可能性あり")),
}
DISPUTE_SIGNS = {
    "OPEN": ("is-info", "clock", gettext_lazy("審査中")),
    "GRANTED": ("is-ok", "check", gettext_lazy("承認")),
    "REJECTED": ("", "cross", gettext_lazy("却下")),
}
APPLICATION_SIGNS = {
    "PENDING": ("is-info", "clock", gettext_lazy("承認待ち")),
    "APPROVED": ("is-ok", "check", gettext_lazy("承認済み")),
    "REJECTED": ("", "cross", gettext_lazy("却下")),
    "CLOSED": ("", "minus", gettext_lazy("終了")),
}
FEED_SIGNS = {
    "IN_QUEUE": ("", "clock", gettext_lazy("待機中")),
    "IN_PROGRESS": ("is-info", "clock", gettext_lazy("処理中")),
    "DONE": ("is-ok", "check", gettext_lazy("処理済み")),
    "FATAL": ("is-bad", "cross", gettext_lazy("読み取り不可")),
    "CANCELLED": ("", "minus", gettext_lazy("取り消し")),
}
REPORT_SIGNS = {
    "IN_QUEUE": ("", "clock", gettext_lazy("待機中")),
    "IN_PROGRESS": ("is-info", "clock", gettext_lazy("作成中")),
    "DONE": ("is-ok", "check", gettext_lazy("作成済み")),
    "FATAL": ("is-bad", "cross", gettext_lazy("作成できませんでした")),
    "CANCELLED": ("", "minus", gettext_lazy("取り消し")),
}
LINE_SIGNS = {
    "DONE": ("is-ok", "check", gettext_lazy("完了")),
    "NO_CHANGE": ("", "minus", gettext_lazy("変更なし")),
    "WARNING": ("is-warn", "alert", gettext_lazy("警告")),
    "ERROR": ("is-bad", "cross", gettext_lazy("エラー")),
}
WEEKDAYS = (
    gettext_lazy("月"),
    gettext_lazy("火"),
    gettext_lazy("水"),
    gettext_lazy("木"),
    gettext_lazy("金"),
    gettext_lazy("土"),
    gettext_lazy("日"),
)


def _as_moment(value: datetime | str) -> datetime:
    """A moment from a datetime, or from its ISO spelling as events keep it."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


@register.filter
def jst(value: datetime | str | None) -> str:
    """2026/07/08 21:10 JST, in the active zone under its own short name."""
    if not value:
        return UNKNOWN
    return timezone.localtime(_as_moment(value)).strftime("%Y/%m/%d %H:%M %Z")


@register.filter
def last_minute(due: datetime | None) -> str:
    """2026/07/08 23:59 JST of a moment that comes at midnight: the last minute that is still in time."""
    return jst(due - timedelta(minutes=1)) if due else UNKNOWN


@register.filter
def jst_day(value: date | datetime | None) -> str:
    """2026/07/08, of a date or of a moment's local day; 未定 without one."""
    if not value:
        return _("未定")
    if isinstance(value, datetime):
        value = timezone.localtime(value)
    return value.strftime("%Y/%m/%d")


@register.filter
def day_before(end: datetime) -> datetime:
    """The last moment of a half-open period."""
    return end - timedelta.resolution


@register.filter
def jst_clock(value: datetime | None) -> str:
    """21:10 JST."""
    return timezone.localtime(value).strftime("%H:%M %Z") if value else ""


@register.filter
def jst_seconds(value: datetime | None) -> str:
    """15:31:42 JST."""
    return timezone.localtime(value).strftime("%H:%M:%S %Z") if value else ""


@register.filter
def jst_long(value: datetime) -> str:
    """2026年7月8日（水）15:28 JST."""
    local = timezone.localtime(value)
    return _("%(year)d年%(month)d月%(day)d日（%(weekday)s）%(clock)s") % {
        "year": local.year,
        "month": local.month,
        "day": local.day,
        "weekday": WEEKDAYS[local.weekday()],
        "clock": local.strftime("%H:%M %Z"),
    }


@register.filter
def iso(value: datetime) -> str:
    """The moment for machines, in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@register.filter
def both_clocks(value: datetime | str | None) -> str:
    """The moment as `moment` writes it, for use within a sentence."""
    return moment(value)


@register.simple_tag
def moment(value: datetime | str | None) -> str:
    """The moment as a <time>, with UTC on hover."""
    if not value:
        return UNKNOWN
    value = _as_moment(value)
    universal = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        universal.strftime("%Y-%m-%dT%H:%M:%SZ"),
        universal.strftime("%Y-%m-%d %H:%M:%S UTC"),
        jst(value),
    )


@register.filter
def yen(amount: Decimal | None, currency: str = "JPY") -> str:
    """￥2,460; a dash where a file named no price."""
    if amount is None:
        return UNKNOWN
    if currency == "JPY":
        return f"￥{amount:,.0f}"
    return f"{currency} {amount:,.2f}"


@register.filter(is_safe=True)
def quoted(text: str) -> str:
    """「…」 around what somebody wrote, line by line, in the signs of the reader's language."""
    return format_html(_("「%(text)s」").replace("%(text)s", "{}"), linebreaksbr(text))


@register.filter
def left_time(due: datetime | None, now: datetime) -> str:
    """あと1日3時間, あと5時間42分, あと42分; 2時間過ぎています. Always rounded down."""
    if due is None:
        return ""
    seconds = int((due - now).total_seconds())
    minutes = abs(seconds) // 60
    days, hours = divmod(minutes // 60, 24)
    minutes %= 60
    if seconds < 0:
        if days:
            return ngettext("%(days)d日過ぎています", "%(days)d日過ぎています", days) % {"days": days}
        if hours:
            return _("%(hours)d時間過ぎています") % {"hours": hours}
        return _("%(minutes)d分過ぎています") % {"minutes": minutes}
    if days:
        return ngettext("あと%(days)d日%(hours)d時間", "あと%(days)d日%(hours)d時間", days) % {
            "days": days,
            "hours": hours,
        }
    if hours:
        return _("あと%(hours)d時間%(minutes)d分") % {"hours": hours, "minutes": minutes}
    return _("あと%(minutes)d分") % {"minutes": minutes}


@register.filter
def is_near(due: datetime | None, now: datetime) -> bool:
    """Whether less than a day is left, or none."""
    return due is not None and (due - now).total_seconds() < 24 * 3600


@register.filter
def is_past(due: datetime | None, now: datetime) -> bool:
    """Whether the moment has gone by."""
    return due is not None and due < now


@register.filter
def capped(count: int, most: int) -> str:
    """99+ from a count that a query stopped counting above `most`."""
    return f"{most}+" if count > most else str(count)


@register.filter
def times(price: Decimal | None, quantity: int) -> Decimal | None:
    """The amount of that many units."""
    return None if price is None else price * quantity


@register.filter
def per_unit(amount: Decimal | None, quantity: int) -> Decimal | None:
    """The price of one unit of a line."""
    return None if amount is None or not quantity else amount / quantity


@register.filter
def with_own_links(text: str) -> str:
    """What somebody wrote, in lines; addresses of this portal are links, and nobody else's (reliability S-30)."""
    own = re.compile(re.escape(escape(settings.SITE_URL)) + r"(/(?!/)[A-Za-z0-9/_-]*)")
    lines = linebreaksbr(escape(text))
    return mark_safe(own.sub(r'<a href="\1">\g<0></a>', lines))  # noqa: S308  escaped before; paths hold no sign


@register.filter
def up_to(most: int) -> range:
    """1, 2 … most, for a choice of quantities."""
    return range(1, most + 1)


@register.filter
def get(mapping, key):
    """The value under a key that a template only knows as a variable."""
    return mapping.get(key)


@register.simple_tag
def ship_by_note(day: date | None, now: datetime) -> str:
    """本日, あと2日, 7日経過 under an open order's ship-by date."""
    if day is None:
        return ""
    days = (day - timezone.localdate(now)).days
    if days == 0:
        return format_html('<b class="tiny says-warn">{}</b>', _("本日"))
    if days > 0:
        return format_html(
            '<span class="tiny faint">{}</span>',
            ngettext("あと%(days)d日", "あと%(days)d日", days) % {"days": days},
        )
    return format_html(
        '<b class="tiny says-bad">{}</b>', ngettext("%(days)d日経過", "%(days)d日経過", -days) % {"days": -days}
    )


@register.simple_tag
@cache
def icon(name: str, size: str = "") -> str:
    """One sign of the sprite. It never stands without words, so it is hidden from readers."""
    return format_html(
        '<svg class="ico{}" width="16" height="16" aria-hidden="true"><use href="{}#{}"></use></svg>',
        f" ico-{size}" if size else "",
        static("portal/icons.svg"),
        name,
    )


@lru_cache(maxsize=512, typed=True)
def _sign(kind: str, name: str, words: str) -> str:
    """A tag's markup. There are few of them, in each language, and a list shows a hundred."""
    return format_html('<span class="{}">{}{}</span>', f"tag {kind}".strip(), icon(name), words)


@register.simple_tag
def tag(kind: str, name: str, words: str) -> str:
    """A state as icon and word."""
    return _sign(f"is-{kind}" if kind else "", name, str(words))


@register.simple_tag
def order_tag(status: str) -> str:
    """The order's state as the seller reads it."""
    kind, name, words = ORDER_SIGNS[status]
    return _sign(kind, name, str(words))


@register.filter
def buyer_words(status: str) -> str:
    """The order's state as the buyer reads it."""
    return str(BUYER_WORDS[status])


@register.simple_tag
def request_tag(status: str) -> str:
    """The state of a cancellation request."""
    kind, name, words = REQUEST_SIGNS[status]
    return _sign(kind, name, str(words))


@register.simple_tag
def rate_tag(state: str) -> str:
    """How a rate stands to its target."""
    kind, name, words = RATE_SIGNS[state]
    return _sign(kind, name, str(words))


@register.simple_tag
def dispute_tag(state: str) -> str:
    """The state of a dispute or a correction."""
    kind, name, words = DISPUTE_SIGNS[state]
    return _sign(kind, name, str(words))


@register.simple_tag
def application_tag(state: str) -> str:
    """The state of a registered developer."""
    kind, name, words = APPLICATION_SIGNS[state]
    return _sign(kind, name, str(words))


@register.simple_tag
def feed_tag(state: str) -> str:
    """The state of an uploaded file."""
    kind, name, words = FEED_SIGNS[state]
    return _sign(kind, name, str(words))


@register.simple_tag
def report_tag(state: str) -> str:
    """The state of an ordered report."""
    kind, name, words = REPORT_SIGNS[state]
    return _sign(kind, name, str(words))


@register.simple_tag
def line_tag(result: str) -> str:
    """What became of a line of an uploaded file."""
    kind, name, words = LINE_SIGNS[result]
    return _sign(kind, name, str(words))


@register.simple_tag
def stop_block() -> str:
    """The only solid red: do not ship."""
    return format_html(
        '<span class="stop">{}<span>{}</span></span>',
        icon("stop"),
        _("出荷しないでください（キャンセルリクエスト中）"),
    )


@register.simple_tag(takes_context=True)
def hidden_guard(context, version: int | None = None) -> SafeString:
    """The hidden fields of every act's form: its idempotency key and the version the person saw."""
    key = context["act_key"]
    fields = format_html('<input type="hidden" name="key" value="{}">', key)
    if version is not None:
        fields += format_html('<input type="hidden" name="expected_version" value="{}">', version)
    return fields


@register.simple_tag
def brand_from_settings() -> str:
    """The marketplace's name, for pages that must do without a request."""
    return str(settings.BRAND_NAME)


@register.simple_tag
def portal_from_settings() -> str:
    """The portal's name, for pages that must do without a request."""
    return str(settings.PORTAL_NAME)


@register.simple_tag
def error_summary(*forms) -> str:
    """Every error of these forms in one list, each a link to its field."""
    errors = []
    for form in forms:
        if form is None or not form.is_bound:
            continue
        errors += [("", message) for message in form.non_field_errors()]
        for field in form:
            errors += [(field.id_for_label or field.auto_id, message) for message in field.errors]
    if not errors:
        return ""
    return mark_safe(render_to_string("portal/_errors.html", {"errors": errors}))  # noqa: S308  a template escapes


class TidyNode(template.Node):
    """Text whose template tags leave no holes."""

    def __init__(self, nodelist: template.NodeList):
        self.nodelist = nodelist

    def render(self, context) -> str:
        """Write the text with no trailing blanks and no more than one empty line in a row."""
        text = re.sub(r"[ \t]+\n", "\n", self.nodelist.render(context))
        return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@register.tag
def tidy(parser, _token) -> TidyNode:
    """{% tidy %}…{% endtidy %}: close the holes that tags leave in a plain text."""
    nodelist = parser.parse(("endtidy",))
    parser.delete_first_token()
    return TidyNode(nodelist)


@register.simple_tag
def last_moment(due: datetime, now: datetime) -> str:
    """The last minute before a due moment: 本日 23:59 JST まで."""
    last = timezone.localtime(due - timedelta(minutes=1))
    if due > now and last.date() == timezone.localdate(now):
        return _("本日 %(clock)s まで") % {"clock": last.strftime("%H:%M %Z")}
    return _("%(moment)s まで") % {"moment": last.strftime("%Y/%m/%d %H:%M %Z")}
