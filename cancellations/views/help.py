"""The help pages about cancelling: public, in our own words, their numbers and their table from the rules in force."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import frame_of
from cancellations.queries import rules_at
from cancellations.wording import BANNER, table


@require_safe
def cancelling(request: HttpRequest) -> HttpResponse:
    """注文のキャンセル: what a seller does when a buyer asks, and what it does to the rate (domain 4, 9.1)."""
    days = rules_at(timezone.now()).auto_cancel_days
    return _page(
        request,
        "help/cancelling.html",
        _("注文のキャンセル"),
        banner=BANNER,
        official_heading=_("どのようなキャンセルがキャンセル率指標にマイナスの影響を与えるのでしょうか?"),
        official=table(days=days, on_help_page=True),
        other_heading=_("その他"),
        others=table(days=days, on_help_page=False),
    )


@require_safe
def questions(request: HttpRequest) -> HttpResponse:
    """キャンセルに関するよくある質問."""
    return _page(request, "help/questions.html", _("キャンセルに関するよくある質問"))


@require_safe
def cancelling_several(request: HttpRequest) -> HttpResponse:
    """1件または複数の注文のキャンセル: one order, several at once, parts of one (domain 7.4, 11)."""
    return _page(request, "help/cancelling_several.html", _("1件または複数の注文のキャンセル"))


@require_safe
def report_columns(request: HttpRequest) -> HttpResponse:
    """注文レポートの項目を追加または削除する: what each additional column says (domain 13)."""
    return _page(request, "help/report_columns.html", _("注文レポートの項目を追加または削除する"))


@require_safe
def for_buyers(request: HttpRequest) -> HttpResponse:
    """注文のキャンセルについて, for buyers (domain 6)."""
    return _page(request, "help/for_buyers.html", _("注文のキャンセルについて"))


def _page(request: HttpRequest, template: str, name: str, **more: object) -> HttpResponse:
    context = {"here": "help", "frame": frame_of(request), "name": name, "rules": rules_at(timezone.now()), **more}
    return render(request, template, context)
