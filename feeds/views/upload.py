"""ファイルのアップロード: a file in, its progress, and the answer to each of its lines (domain 14.5)."""

import re
from collections.abc import Iterator
from datetime import timedelta
from math import ceil

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import ShopRequest, seller_of, seller_page
from cancellations.wording import refusal
from feeds import queries, results
from feeds.actions import TooManyFeeds, measure, submit
from feeds.forms import UploadForm
from feeds.parsers import Kind, codes_of, columns_of, example_of
from feeds.wording import KINDS, file_sentence, line_words
from orders.outcomes import Refused
from orders.views.acts import done_once

# Feeds on the page, and answers on one page of them.
FEEDS_SHOWN = 20
LINES_SHOWN = 100
RESULTS = ("ERROR", "WARNING", "NO_CHANGE", "DONE")


@require_http_methods(["GET", "HEAD", "POST"])
@seller_page
def feeds(request: ShopRequest) -> HttpResponse:
    """The form, and what the shop has sent; a sent file leads to its own page."""
    form = UploadForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    if request.method != "POST":
        return _show(request, form)
    if not request.membership.may_act:
        raise PermissionDenied
    if not form.is_valid():
        too_large = form.has_error("file", "too_large")
        return _show(request, form, status=413 if too_large else 200)
    now = timezone.now()
    file = form.cleaned_data["file"]

    def act() -> dict:
        feed = submit(
            seller_id=request.membership.seller_id,
            kind=form.cleaned_data["kind"],
            file_name=file.name,
            content=file.file,
            is_dry_run=form.cleaned_data["dry_run"],
            by=seller_of(request),
            now=now,
        )
        return {"feed": feed.pk}

    try:
        answer = done_once(request, form, ["feed", file.name, measure(file.file)[1]], act, now=now)
    except TooManyFeeds as limit:
        says = _(
            "続けてアップロードできる数（15件、その後は2分に1件）を超えました。"
            "%(minutes)d分後にもう一度お試しください。"
        )
        form.add_error(None, says % {"minutes": ceil(limit.wait / timedelta(minutes=1))})
        answered = _show(request, form, status=429)
        answered["Retry-After"] = str(ceil(limit.wait.total_seconds()))
        return answered
    except Refused as refused:
        form.add_error(None, refusal(refused.code))
        return _show(request, form)
    return redirect("seller:feed", answer["feed"])


def _show(request: ShopRequest, form: UploadForm, *, status: int = 200) -> HttpResponse:
    found = queries.feeds_of_seller(request.membership.seller_id, limit=FEEDS_SHOWN)
    running = [feed for feed in found if feed.finished_at is None]
    context = {"here": "feeds", "form": form, "feeds": found, "running": running, "templates": _templates()}
    return render(request, "feeds/feeds.html", context, status=status)


def _templates() -> list[tuple[str, str, list[str]]]:
    """Each kind with its words and the reasons that its file may name."""
    return [(value, str(words), codes_of(Kind(value))) for value, words in KINDS]


@require_safe
@seller_page
def feed(request: ShopRequest, feed_id: int) -> HttpResponse:
    """One file: how far it has come, then its sums and the answer to each line."""
    found = queries.feed_of_seller(request.membership.seller_id, feed_id)
    if found is None:
        raise Http404
    chosen = request.GET.get("result", "")
    chosen = chosen if chosen in RESULTS else ""
    after = _position(request.GET.get("after", ""))
    lines = list(queries.lines_of(found, chosen, after=after)[: LINES_SHOWN + 1])
    is_over = found.finished_at is not None
    return render(
        request,
        "feeds/feed.html",
        {
            "here": "feeds",
            "feed": found,
            "is_over": is_over,
            "why_fatal": file_sentence(found.error_code, found.error_facts) if found.error_code else "",
            "rows": [(line, line_words(found, line)) for line in lines[:LINES_SHOWN]] if is_over else [],
            "next": lines[LINES_SHOWN - 1].position if len(lines) > LINES_SHOWN else None,
            "chosen": chosen,
        },
    )


def _position(text: str) -> int:
    """Where a page of answers begins; what is no number begins at the beginning."""
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else 0


@require_safe
@seller_page
def result(request: ShopRequest, feed_id: int) -> HttpResponseBase:
    """All answers as a file; `form=report` gives the processing report that tools parse."""
    found = queries.feed_of_seller(request.membership.seller_id, feed_id)
    if found is None or found.finished_at is None:
        raise Http404
    lines = queries.lines_of(found).iterator(chunk_size=2000)
    name = f"{found.receipt}-dry-run" if found.is_dry_run else found.receipt
    if request.GET.get("form") != "report":
        return _file(results.as_table(found, lines), "text/tab-separated-values", f"{name}-result.tsv")
    if found.is_xml:
        report = results.as_xml_report(found, lines, queries.messages_of(found))
        return _file(report, "text/xml", f"{name}-report.xml")
    return _file(results.as_processing_report(found, lines), "text/plain", f"{name}-report.txt")


def _file(text: Iterator[str], kind: str, name: str) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(text, content_type=f"{kind}; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_safe
@seller_page
def template(request: ShopRequest, kind: str) -> HttpResponse:
    """A file to begin with: the columns, and one line as it is meant."""
    if kind not in set(Kind):
        raise Http404
    asked = Kind(kind)
    lines = [columns_of(asked), example_of(asked)]
    text = "".join("\t".join(cells) + "\r\n" for cells in lines)
    answer = HttpResponse("\ufeff" + text, content_type="text/tab-separated-values; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{kind.lower().replace("_", "-")}.txt"'
    return answer
