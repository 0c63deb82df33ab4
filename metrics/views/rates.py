"""アカウント健全性 and キャンセル率: the value, how it came about, what would become of it; and its help page."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import ShopRequest, frame_of, seller_page
from cancellations.queries import rules_at
from cancellations.wording import table
from metrics import chart, lists, wording
from metrics.contest import CORRECTION_DAYS, DISPUTE_DAYS, MOST_FILES, Kind, why_cannot_ask
from metrics.contest import last_day as last_day_to_ask
from metrics.dispute_queries import disputes_of_seller, record_of
from metrics.effects import becomes
from metrics.forms import AS_TYPED, AtForm
from metrics.queries import (
    Day,
    Standing,
    days_of,
    facts_of_orders,
    forecast_of,
    late_rates,
    rate_at,
    target_of,
)
from metrics.rate import is_in, leaves_window_at
from orders.queries import zone
from orders.rules import order_number
from sellercentral.templatetags.portal import jst_day

COUNTED, OTHERS, ORDERS = "counted", "others", "orders"
NARROW_DAYS, NARROW_EVERY, WIDE_EVERY = 30, 7, 14
# What the page of health shows of disputes.
DISPUTES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Gauge:
    """A rate beside its target: what its meter shows."""

    shown: str
    state: str
    reach: str
    target_at: str
    limit: str


def gauge_of(rate, target) -> Gauge:
    """The meter of a rate."""
    return Gauge(
        rate.shown(target),
        rate.state(target),
        chart.meter(rate.basis_points(target)),
        chart.meter_at(target.limit),
        wording.short(target.limit),
    )


@require_safe
@seller_page
def health(request: ShopRequest) -> HttpResponse:
    """アカウント健全性: the cancellation rate, the late shipment rate beside it, and what was contested."""
    now, seller_id = timezone.now(), request.membership.seller_id
    standing = rate_at(seller_id, now)
    late = late_rates(seller_id, now=now)
    return render(
        request,
        "metrics/health.html",
        {
            "here": "performance",
            "now": now,
            "rate": standing,
            "gauge": gauge_of(standing.rate, standing.target),
            "late": [(each, gauge_of(each.rate, each.target)) for each in late],
            "disputes": disputes_of_seller(seller_id, limit=DISPUTES_SHOWN),
        },
    )


@require_safe
@seller_page
def rate(request: ShopRequest) -> HttpResponse:
    """キャンセル率 as of a moment: value, chart, the rows behind it, the forecast, the official table."""
    now, seller_id = timezone.now(), request.membership.seller_id
    form = AtForm(request.GET)
    at = _moment(form, now)
    standing = rate_at(seller_id, at)
    is_now = at == now
    days = days_of(standing, seller_id)
    show = request.GET.get("show", COUNTED)
    show = show if show in {OTHERS, ORDERS} else COUNTED
    forecast = forecast_of(standing, seller_id) if is_now else None
    one_more = standing.rate.with_more(counted=1, orders=0)
    return render(
        request,
        "metrics/rate.html",
        {
            "here": "rate",
            "now": now,
            "rate": standing if is_now else rate_at(seller_id, now),
            "standing": standing,
            "is_now": is_now,
            "form": form,
            "at": timezone.localtime(at).strftime(AS_TYPED),
            "gauge": gauge_of(standing.rate, standing.target),
            "one_more": (one_more.shown(standing.target), one_more.state(standing.target))
            if standing.rate.counted < standing.rate.orders
            else None,
            "charts": _charts(days, standing),
            "days": days[::-1],
            "show": show,
            **_rows(request, standing, show, now),
            "forecast": forecast,
            "forecast_state": becomes(standing, forecast.after) if forecast else "",
            "states": wording.states_explained(standing.target),
            "official": table(days=standing.rules.auto_cancel_days, on_help_page=True),
            "others": table(days=standing.rules.auto_cancel_days, on_help_page=False),
            "orders_url": reverse("seller:orders"),
        },
    )


def _moment(form: AtForm, now: datetime) -> datetime:
    """The moment asked for, if it can be read and is not to come; else the present one."""
    asked = form.cleaned_data["at"] if form.is_valid() else None
    if asked is None:
        return now
    if asked > now:
        form.add_error("at", _("基準日時には、現在までの日時を入力してください。"))
        return now
    return asked


# --- the drawing ------------------------------------------------------------------------------------------


def _charts(days: list[Day], standing: Standing) -> list[tuple[str, chart.Drawing, str]]:
    """The drawing twice, for wide and narrow windows, each with what it shows: the style sheet shows one of them."""
    values = [
        chart.Value(day.day, day.rate.basis_points(day.target), day.state, f"{jst_day(day.day)} {day.shown}")
        for day in days
    ]
    limit = standing.target.limit
    return [
        ("wide", chart.draw(values, limit=limit, size=chart.WIDE, every=WIDE_EVERY), _summary(days, standing)),
        (
            "narrow",
            chart.draw(values[-NARROW_DAYS:], limit=limit, size=chart.NARROW, every=NARROW_EVERY),
            _summary(days[-NARROW_DAYS:], standing),
        ),
    ]


def _summary(days: list[Day], standing: Standing) -> str:
    """What the drawing shows, for those who hear it."""
    known = [day for day in days if day.rate.orders]
    if not known:
        return _("この期間のデータはありません。")
    highest = max(known, key=lambda day: day.rate.basis_points(day.target) or 0)
    over = sum(day.rate.counted * 10_000 > day.rate.orders * day.target.limit for day in known)
    return (
        _("%(first)sから%(last)sまでの日ごとの値。最高は%(highest_day)sの%(highest)s。")
        % {
            "first": jst_day(days[0].day),
            "last": jst_day(days[-1].day),
            "highest_day": jst_day(highest.day),
            "highest": highest.shown,
        }
        + ngettext("目標を超えた日は%(n)d日。", "目標を超えた日は%(n)d日。", over) % {"n": over}
        + _("最新の値は%(value)s。") % {"value": standing.shown}
    )


# --- the rows ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A cancellation of the window: why it counts or not, until when, and whether it can still be contested."""

    cancellation: object
    why: str
    leaves_at: datetime | None
    until: object
    dispute: object


def _rows(request: ShopRequest, standing: Standing, show: str, now: datetime) -> dict:
    """What stands in the list: the cancellations that count, the others, or all orders looked at."""
    seller_id, window = request.membership.seller_id, standing.window
    counts = {"others_count": lists.other_rows(seller_id, window)[: lists.MOST_ROWS + 1].count()}
    if show == ORDERS:
        found = lists.order_rows(standing, seller_id, after=order_number(request.GET.get("after", "")) or "")
        shown = found[: lists.ROWS_SHOWN]
        verdicts = lists.verdicts_on([order.pk for order in shown], window)
        return {
            **counts,
            "rows": [
                (order, is_in(facts, window), verdict, wording.why(verdict) if verdict else "")
                for order, facts in zip(shown, facts_of_orders(shown), strict=True)
                for verdict in [verdicts.get(order.pk)]
            ],
            "after": shown[-1].number if len(found) > lists.ROWS_SHOWN else "",
        }
    rows = lists.counting_rows(seller_id, window) if show == COUNTED else lists.other_rows(seller_id, window)
    found_rows = list(rows[: lists.MOST_ROWS])
    return {**counts, "rows": [_row(each, standing, now) for each in found_rows], "most": lists.MOST_ROWS}


def _row(cancellation, standing: Standing, now: datetime) -> Row:
    disputes = list(cancellation.disputes.all())
    record = record_of(cancellation)
    may_ask = [kind for kind in Kind if not why_cannot_ask(kind, record, now=now, zone=zone())]
    return Row(
        cancellation,
        wording.why(cancellation),
        leaves_window_at(cancellation.cancelled_at, days=standing.target.window_days, zone=zone())
        if record.counts
        else None,
        max((last_day_to_ask(kind, cancellation.cancelled_at, zone()) for kind in may_ask), default=None),
        disputes[-1] if disputes else None,
    )


# --- the file ---------------------------------------------------------------------------------------------


class _Echo:
    """A file that hands on what is written to it."""

    def write(self, text: str) -> str:
        return text


HEADERS = (
    "order-id",
    "purchase-date",
    "cancelled-at",
    "in-numerator",
    "in-denominator",
    "code",
    "counted",
    "excluded",
    "explanation",
)


@require_safe
@seller_page
def download(request: ShopRequest) -> HttpResponseBase:
    """All rows behind the rate as of a moment, as tab-separated text."""
    now, seller_id = timezone.now(), request.membership.seller_id
    at = _moment(AtForm(request.GET), now)
    standing = rate_at(seller_id, at)
    name = f"cancellation-rate-{timezone.localtime(at):%Y%m%d-%H%M}.tsv"
    answer = StreamingHttpResponse(
        _lines(standing, seller_id, language=get_language() or settings.LANGUAGE_CODE),
        content_type="text/tab-separated-values; charset=utf-8",
    )
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _lines(standing: Standing, seller_id: int, *, language: str) -> Iterator[str]:
    """The file, line by line; a mark at its start tells spreadsheets that it is UTF-8.

    It is written while it leaves, when the page's own language is no longer set: each line sets it anew.
    """
    writer = csv.writer(_Echo(), delimiter="\t")
    yield "\ufeff"
    yield writer.writerow(HEADERS)
    for order, cancellation, is_inside in lists.all_rows(standing, seller_id):
        counts = cancellation is not None and cancellation.counted and not cancellation.excluded
        with override(language):
            why = wording.why(cancellation) if cancellation else ""
        yield writer.writerow(
            [
                order.number,
                timezone.localtime(order.placed_at).isoformat(),
                timezone.localtime(cancellation.cancelled_at).isoformat() if cancellation else "",
                _truth(counts),
                _truth(is_inside or counts),
                cancellation.code if cancellation else "",
                _truth(cancellation.counted) if cancellation else "",
                _truth(cancellation.excluded) if cancellation else "",
                why,
            ]
        )


def _truth(value: bool) -> str:
    return "TRUE" if value else "FALSE"


# --- help -------------------------------------------------------------------------------------------------


@require_safe
def explained(request: HttpRequest) -> HttpResponse:
    """キャンセル率 explained: formula, target and states in the policy's numbers, the table of the rules (domain 9)."""
    rules = rules_at(timezone.now())
    target = target_of(rules)
    return render(
        request,
        "help/cancellation_rate.html",
        {
            "here": "help",
            "frame": frame_of(request),
            "name": _("キャンセル率"),
            "rules": rules,
            "target": wording.short(target.limit),
            "zone": timezone.localtime().strftime("%Z"),
            "states": wording.states_explained(target),
            "dispute_days": DISPUTE_DAYS,
            "correction_days": CORRECTION_DAYS,
            "most_files": MOST_FILES,
            "official_heading": _("どのようなキャンセルがキャンセル率指標にマイナスの影響を与えるのでしょうか?"),
            "official": table(days=rules.auto_cancel_days, on_help_page=True),
            "other_heading": _("その他"),
            "others": table(days=rules.auto_cancel_days, on_help_page=False),
        },
    )
