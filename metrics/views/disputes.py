"""申し立て: a shop contests a record, or asks for its one correction, and reads what was decided (domain 9.6, B13)."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import ShopRequest, acting_seller_page, seller_of, seller_page
from cancellations.wording import refusal
from messaging.views.writing import digests, file_answer
from metrics import wording
from metrics.actions import Evidence, ask_correction, open_dispute
from metrics.actions import Refused as ContestRefused
from metrics.contest import (
    DISPUTE_DAYS,
    MOST_EVIDENCE,
    MOST_FILES,
    Kind,
    corrects_itself,
    last_day,
    why_cannot_ask,
)
from metrics.dispute_queries import (
    contested,
    dispute_of_seller,
    disputes_of_seller,
    file_of_dispute,
    messages_of_order,
    record_of,
)
from metrics.forms import CorrectionForm, DisputeForm
from orders.outcomes import Refused
from orders.queries import zone
from orders.views.acts import answered_before, done_once
from orders.views.history import Story
from sellercentral.templatetags.portal import moment

SHOWN = 100
# A message among the evidence is told by its beginning.
EXCERPT = 80


@require_safe
@seller_page
def disputes(request: ShopRequest) -> HttpResponse:
    """The shop's disputes and corrections, newest first."""
    found = disputes_of_seller(request.membership.seller_id, limit=SHOWN)
    return render(
        request, "metrics/disputes.html", {"here": "rate", "disputes": found, "days": DISPUTE_DAYS, "most": SHOWN}
    )


@require_safe
@seller_page
def dispute(request: ShopRequest, dispute_id: int) -> HttpResponse:
    """One dispute: what the shop said and pointed at, and what was decided."""
    found = dispute_of_seller(request.membership.seller_id, dispute_id)
    if found is None:
        raise Http404
    order = found.cancellation.order
    lines = dict(Story(order).of_events())
    return render(
        request,
        "metrics/dispute.html",
        {
            "here": "rate",
            "dispute": found,
            "order": order,
            "reason": wording.reason_words(found.cancellation),
            "why": wording.why(found.cancellation),
            "events": [lines[event.pk] for event in found.events.all() if event.pk in lines],
        },
    )


@require_safe
@seller_page
def file(request: ShopRequest, dispute_id: int, file_id: int) -> HttpResponse:
    """A file of one of the shop's disputes."""
    if dispute_of_seller(request.membership.seller_id, dispute_id) is None:
        raise Http404
    return file_answer(file_of_dispute(dispute_id, file_id))


@require_http_methods(["GET", "HEAD", "POST"])
@acting_seller_page
def contest_record(request: ShopRequest, cancellation_id: int) -> HttpResponse:
    """申し立てる: why a record should not count; or the correction, where an official request was open."""
    now = timezone.now()
    cancellation = contested(request.membership.seller_id, cancellation_id)
    if cancellation is None:
        raise Http404
    about = ["contest", cancellation.pk, *digests(request, most=MOST_FILES)]
    if answer := answered_before(request, about):
        return _sent(request, answer["dispute"], decided=answer["decided"])
    record = record_of(cancellation)
    why_not = {kind: why_cannot_ask(kind, record, now=now, zone=zone()) for kind in Kind}
    story = Story(cancellation.order)
    said = messages_of_order(cancellation.order_id)[:MOST_EVIDENCE]
    is_correction = request.POST.get("kind") == Kind.CORRECTION
    made_kind = Kind.CORRECTION if is_correction else Kind.DISPUTE
    is_sent = request.method == "POST"
    dispute_form = DisputeForm(
        *((request.POST, request.FILES) if is_sent and not is_correction else ()),
        events=[(key, _words(line.at, line.what)) for key, line in story.of_events()],
        messages=[(each.pk, _words(each.sent_at, _excerpt(each))) for each in said],
    )
    correction_form = CorrectionForm(request.POST if is_sent and is_correction else None)
    form = correction_form if is_correction else dispute_form
    if is_sent and form.is_valid():

        def act() -> dict:
            made = (
                _correct(request, cancellation.pk, correction_form, now)
                if is_correction
                else _open(request, cancellation.pk, dispute_form, now)
            )
            return {"dispute": made.pk, "decided": made.decided_at is not None}

        try:
            answer = done_once(request, form, about, act, now=now)
        except ContestRefused as refused:
            asked = [each for each in cancellation.disputes.all() if each.kind == made_kind]
            if asked:  # in another tab, or by a colleague
                messages.info(request, wording.refusal(refused.refusal))
                return HttpResponseRedirect(reverse("seller:dispute", args=[asked[0].pk]))
            form.add_error(None, wording.refusal(refused.refusal))
        except Refused as refused:
            form.add_error(None, refusal(refused.code))
        else:
            return _sent(request, answer["dispute"], decided=answer["decided"])
    return render(
        request,
        "metrics/contest.html",
        {
            "here": "rate",
            "cancellation": cancellation,
            "order": cancellation.order,
            "reason": wording.reason_words(cancellation),
            "why": wording.why(cancellation),
            "form": dispute_form,
            "correction": correction_form,
            "why_not": wording.refusal(blocked) if (blocked := why_not[Kind.DISPUTE]) else "",
            "may_correct": why_not[Kind.CORRECTION] is None,
            "corrects_itself": corrects_itself(record),
            "until": last_day(Kind.DISPUTE, cancellation.cancelled_at, zone()),
            "correct_until": last_day(Kind.CORRECTION, cancellation.cancelled_at, zone()),
            "asked": list(cancellation.disputes.all()),
        },
    )


def _open(request: ShopRequest, cancellation_id: int, form: DisputeForm, now):
    evidence = Evidence(form.cleaned_data.get("events", []), form.cleaned_data.get("messages", []), form.taken)
    return open_dispute(
        seller_id=request.membership.seller_id,
        cancellation_id=cancellation_id,
        text=form.cleaned_data["text"],
        evidence=evidence,
        by=seller_of(request),
        now=now,
    )


def _correct(request: ShopRequest, cancellation_id: int, form: CorrectionForm, now):
    return ask_correction(
        seller_id=request.membership.seller_id,
        cancellation_id=cancellation_id,
        text=form.cleaned_data["text"],
        by=seller_of(request),
        now=now,
    )


def _sent(request: ShopRequest, dispute_id: int, *, decided: bool) -> HttpResponse:
    """The page of what was sent, with what comes next."""
    if decided:
        messages.success(
            request,
            _(
                "理由の訂正（購入者によるキャンセル）を記録しました。このキャンセルはキャンセル率から除外されました。"
            ),
        )
    else:
        messages.success(request, _("送信しました。結果はメールでお知らせします。"))
    return HttpResponseRedirect(reverse("seller:dispute", args=[dispute_id]) + "#said")


def _words(at, what: str) -> str:
    return format_html("{} {}", moment(at), what)


def _excerpt(message) -> str:
    who = _("購入者") if message.side == "BUYER" else _("出品者")
    text = " ".join(message.text.split())
    shown = f"{text[:EXCERPT]}…" if len(text) > EXCERPT else text
    return _("%(who)s：%(text)s") % {"who": who, "text": shown}
