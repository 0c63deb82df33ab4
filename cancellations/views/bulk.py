"""1件または複数の注文のキャンセル: choose reasons, see what counts, send once, and see what became of each order."""

import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db import OperationalError
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import ShopRequest, acting_seller_page, seller_of
from cancellations import bulk_queries, policy
from cancellations.actions import ORDERS_AT_ONCE, ORDERS_PER_BULK, CancelTarget, run_bulk, start_bulk
from cancellations.forms import CancelSeveralForm
from cancellations.policy import Reason, Refusal
from cancellations.wording import reason_label, refusal
from metrics.effects import Change, Prospect, change
from metrics.queries import facts_of_orders
from orders.outcomes import Refused
from orders.queries import orders_by_number
from orders.rules import Status
from orders.views.acts import done_once
from orders.views.seller import Effect, effects_of, prospect_on
from orders.views.standing import Standing, standings_of_orders

logger = logging.getLogger(__name__)

NUMBER = re.compile(r"[0-9]{3}-[0-9]{7}-[0-9]{7}")
# What is shown of something that cannot be an order's number.
LONGEST_SHOWN = 40
# The second question names so many orders; the table above it shows all of them.
ASKED_ABOUT = 20
# So many results can be opened again from the page without orders.
RECENT = 5


# --- choosing reasons ---------------------------------------------------------------------------------------


@dataclass
class Line:
    """One order of the page: how it stands, the reason chosen so far, and the version that the person sees."""

    standing: Standing
    reason: str
    version: int
    prospect: Prospect
    errors: Sequence[str] = ()

    @cached_property
    def effects(self) -> Mapping[str, Effect]:
        """What each reason does to the rate."""
        return effects_of(self.standing, self.prospect)

    @property
    def effect(self) -> Effect | None:
        """What the chosen reason does to the rate; None before one is chosen."""
        return self.effects.get(self.reason)

    @property
    def changed(self) -> str:
        """Why it will be left out if it is sent: the order is not as the person saw it any more."""
        return refusal(Refusal.VERSION_CONFLICT) if self.version != self.standing.order.version else ""

    @property
    def counted(self) -> bool:
        """Whether the cancellation counts as it stands."""
        return self.effect is not None and self.effect.counted and not self.changed

    @property
    def should_be_granted(self) -> bool:
        """Whether it counts although it would not with the reason that an open request asks for."""
        return self.counted and not self.effects[Reason.BUYER_CANCELED].counted


@dataclass(frozen=True, slots=True)
class Skipped:
    """An order that is left out, and why."""

    number: str
    why: str
    standing: Standing | None = None
    more: str = ""


@dataclass
class Plan:
    """All that was chosen: the orders that can be cancelled, and those that are left out."""

    lines: Sequence[Line]
    skipped: Sequence[Skipped] = ()
    # Whether these are the requested orders, and of more than fit in, those with the earliest answer due.
    requested: bool = False
    capped: bool = False

    @cached_property
    def counted(self) -> Sequence[Line]:
        """The cancellations that count as they stand."""
        return [line for line in self.lines if line.counted]

    @property
    def change(self) -> Change | None:
        """What all of them together make of the shop's rate; None if none counts."""
        counted = self.counted
        orders = facts_of_orders(line.standing.order for line in counted)
        return change(counted[0].prospect, orders) if counted else None

    @property
    def undecided(self) -> int:
        """How many orders have no reason yet, so that nothing can be said of their effect."""
        return sum(not line.reason for line in self.lines)

    @property
    def asked_about(self) -> Sequence[Line]:
        """Those of them that the second question names."""
        return self.counted[:ASKED_ABOUT]

    @property
    def unnamed(self) -> int:
        """How many more of them there are."""
        return len(self.counted) - len(self.asked_about)

    @property
    def ignores_requests(self) -> bool:
        """Whether any of them would not count with the reason that its request asks for."""
        return any(line.should_be_granted for line in self.counted)

    @property
    def says_out_of_stock(self) -> bool:
        """Whether goods are said to be out of stock."""
        return any(line.reason == Reason.NO_INVENTORY for line in self.lines)

    @property
    def fingerprint(self) -> str:
        """What the person agrees to when going on: which orders count, and for which reasons."""
        said = json.dumps([(line.standing.order.number, line.reason) for line in self.counted])
        return hashlib.sha256(said.encode()).hexdigest()

    @property
    def effects_by_reason(self) -> Sequence[tuple[str, int, int]]:
        """For each reason of the list: its words, and how many of the orders would count and would not."""
        return [
            (
                reason_label(reason),
                sum(line.effects[reason].counted for line in self.lines),
                sum(not line.effects[reason].counted for line in self.lines),
            )
            for reason in policy.SELLER_REASONS
        ]


class Ask(Exception):
    """Nothing is done yet: the page is shown again, with the second question if `question`."""

    def __init__(self, plan: Plan, *, question: bool = False):
        super().__init__()
        self.plan = plan
        self.question = question


@require_http_methods(["GET", "HEAD", "POST"])
@acting_seller_page
def cancel_orders(request: ShopRequest) -> HttpResponse:
    """The orders chosen on 注文管理, or all requested ones; sending their reasons cancels them.

    Opened by GET with `order=<number>` repeated or `requested=all`, or by POST if there are too many numbers for
    an address.
    """
    now = timezone.now()
    sent = request.POST if request.method == "POST" else request.GET
    if request.method != "POST" and sent.get("requested") == "all":
        return _open_requested(request, now)
    numbers = list(dict.fromkeys(sent.getlist("order")))
    if not numbers or len(numbers) > ORDERS_PER_BULK:
        return _show(request, now, Plan([]), CancelSeveralForm(numbers=[]), too_many=len(numbers))
    if "key" not in sent:
        return _show_plan(request, now, _plan(request, numbers, now))
    if "apply" in sent or request.headers.get("HX-Request"):
        return _preview(request, numbers, now)
    return _send(request, numbers, now)


def _open_requested(request: ShopRequest, now: datetime) -> HttpResponse:
    """The page with the orders that a buyer asked to cancel whole, and the reason that grants it (domain 7.4)."""
    found = bulk_queries.requested_orders(request.membership.seller_id, limit=ORDERS_PER_BULK + 1)
    standings = standings_of_orders(request, found[:ORDERS_PER_BULK], now)
    asked = [each for each in standings if _is_asked_whole(each)]
    plan = _split(asked, dict.fromkeys((each.order.number for each in asked), Reason.BUYER_CANCELED.value), now)
    others = [each for each in standings if not _is_asked_whole(each)]
    plan.skipped = [*plan.skipped, *map(_left_for_items, others)]
    plan.requested, plan.capped = True, len(found) > ORDERS_PER_BULK
    return _show_plan(request, now, plan)


def _preview(request: ShopRequest, numbers: Sequence[str], now: datetime) -> HttpResponse:
    """What was chosen so far, judged: the whole page after 「すべてに適用」, else the effects that a choice changed."""
    trigger = request.headers.get("HX-Trigger-Name", "")
    for_all = request.POST.get("reason_for_all", "")
    if trigger.startswith("reason-"):
        chosen = {number: request.POST.get(f"reason-{number}", "") for number in numbers}
    else:
        chosen = dict.fromkeys(numbers, for_all)
    plan = _plan(request, numbers, now, chosen)
    if "apply" in request.POST:
        memo = request.POST.get("seller_memo", "")
        return _show_plan(request, now, plan, reason_for_all=for_all, seller_memo=memo)
    changed = [
        line for line in plan.lines if trigger in {"reason_for_all", f"reason-{line.standing.order.number}"}
    ]
    return render(request, "cancellations/_bulk_effects.html", {"lines": changed, "plan": plan})


def _send(request: ShopRequest, numbers: Sequence[str], now: datetime) -> HttpResponse:
    """Start the cancellations, once per key; the second question is asked first if any of them counts."""
    form = CancelSeveralForm(_filled_in(request.POST, numbers), numbers=numbers)
    if not form.is_valid() or "change" in request.POST:
        return _show(request, now, _plan_of(request, form, now), form)

    def act() -> dict:
        plan = _plan_of(request, form, now)
        if not plan.lines or any(each.standing is None for each in plan.skipped):
            raise Ask(plan)
        if plan.counted and form.cleaned_data["confirmed"] != plan.fingerprint:
            raise Ask(plan, question=True)
        standings = [line.standing for line in plan.lines]
        standings += [each.standing for each in plan.skipped if each.standing]
        known = {standing.order.number: standing.order.pk for standing in standings}
        targets = [
            CancelTarget(known[number], reason, memo=form.cleaned_data["seller_memo"], expected_version=version)
            for number, (reason, version) in form.asked.items()
        ]
        bulk = start_bulk(seller_id=request.membership.seller_id, targets=targets, by=seller_of(request), now=now)
        return {"bulk": bulk.pk, "orders": bulk.orders_in_all}

    try:
        answer = done_once(request, form, ["cancel-several"], act, now=now)
    except Ask as ask:
        return _show(request, now, ask.plan, form, question=ask.question)
    except Refused as refused:
        form.add_error(None, refusal(refused.code))
        return _show(request, now, _plan_of(request, form, now), form)
    if answer["orders"] <= ORDERS_AT_ONCE:
        _run(answer["bulk"])
    return redirect("seller:orders-cancelled", answer["bulk"])


def _filled_in(sent: QueryDict, numbers: Sequence[str]) -> QueryDict:
    """What was sent, with the reason for all in place of those left open: without a script nothing put it there."""
    filled = sent.copy()
    for number in numbers:
        filled[f"reason-{number}"] = sent.get(f"reason-{number}") or sent.get("reason_for_all", "")
    return filled


def _run(bulk_id: int) -> None:
    """Run a small bulk while the page waits; if the database stops it, the timetable goes on with it."""
    try:
        run_bulk(bulk_id=bulk_id, clock=timezone.now)
    except OperationalError:
        logger.warning("The database stopped bulk %s; the timetable goes on with it", bulk_id, exc_info=True)


# --- what was chosen ----------------------------------------------------------------------------------------


def _plan(
    request: ShopRequest, numbers: Sequence[str], now: datetime, chosen: Mapping[str, str] | None = None
) -> Plan:
    """The orders of these numbers as they stand; a whole open request brings its reason along (D-10)."""
    wellformed = [number for number in numbers if NUMBER.fullmatch(number)]
    found = orders_by_number(request.membership.seller_id, wellformed)
    standings = standings_of_orders(request, found, now)
    if chosen is None:
        chosen = {each.order.number: Reason.BUYER_CANCELED.value for each in standings if each.whole_request}
    plan = _split(standings, chosen, now)
    known = {order.number for order in found}
    unknown = [
        Skipped(number[:LONGEST_SHOWN], refusal(Refusal.ORDER_NOT_FOUND))
        for number in numbers
        if number not in known
    ]
    plan.skipped = [*plan.skipped, *unknown]
    return plan


def _split(standings: Sequence[Standing], chosen: Mapping[str, str], now: datetime) -> Plan:
    """Part the orders that can be cancelled from those that cannot."""
    lines: list[Line] = []
    skipped: list[Skipped] = []
    if not standings:
        return Plan([])
    prospect = prospect_on([each.order for each in standings], standings[0], now)
    for standing in standings:
        order, facts = standing.order, standing.facts
        if why_not := policy.why_seller_cannot_cancel(facts, facts.open_units(), whole=True):
            explained = standing.why_no_cancel
            says, more = (explained.says, explained.more) if explained else (refusal(why_not), "")
            skipped.append(Skipped(order.number, says, standing, more))
        else:
            lines.append(Line(standing, chosen.get(order.number, ""), order.version, prospect))
    return Plan(lines, skipped)


def _is_asked_whole(standing: Standing) -> bool:
    return bool(standing.whole_request) and standing.order.status == Status.UNSHIPPED


def _left_for_items(standing: Standing) -> Skipped:
    """A requested order that is not cancelled whole: the request is for a part, or a part has left already."""
    if standing.may_cancel_items and standing.order.status == Status.UNSHIPPED and not standing.whole_request:
        says = _("一部の数量のみのリクエストです。注文の「一部キャンセル」で対応してください。")
        return Skipped(standing.order.number, says, standing)
    explained = standing.why_no_cancel
    says = explained.says if explained else refusal(Refusal.ORDER_NOT_CANCELABLE)
    return Skipped(standing.order.number, says, standing, explained.more if explained else "")


def _plan_of(request: ShopRequest, form: CancelSeveralForm, now: datetime) -> Plan:
    """The plan of a form that was sent: with its reasons, its errors, and the versions that the person saw."""
    chosen = {number: form.data.get(f"reason-{number}", "") for number in form.numbers}
    plan = _plan(request, form.numbers, now, chosen)
    for line in plan.lines:
        number = line.standing.order.number
        line.version = form.cleaned_data.get(f"version-{number}", line.version)
        line.errors = [str(error) for error in form.errors.get(f"reason-{number}", [])]
    return plan


def _show_plan(request: ShopRequest, now: datetime, plan: Plan, **initial: str) -> HttpResponse:
    """The page with a fresh form."""
    numbers = [line.standing.order.number for line in plan.lines]
    return _show(request, now, plan, CancelSeveralForm(initial=initial, numbers=numbers))


def _show(
    request: ShopRequest,
    now: datetime,
    plan: Plan,
    form: CancelSeveralForm,
    *,
    question: bool = False,
    too_many: int = 0,
) -> HttpResponse:
    return render(
        request,
        "cancellations/bulk.html",
        {
            "here": "cancel-several",
            "now": now,
            "plan": plan,
            "form": form,
            "question": question,
            "too_many": too_many > ORDERS_PER_BULK,
            "most": ORDERS_PER_BULK,
            "recent": []
            if plan.lines or plan.skipped
            else bulk_queries.recent_of_seller(request.membership.seller_id, limit=RECENT),
        },
    )


# --- what became of them ------------------------------------------------------------------------------------


@require_safe
@acting_seller_page
def orders_cancelled(request: ShopRequest, bulk_id: int) -> HttpResponse:
    """How far it has come, and then what became of each order."""
    bulk = bulk_queries.bulk_of_seller(request.membership.seller_id, bulk_id)
    if bulk is None:
        raise Http404
    only_failed = request.GET.get("failed") == "1"
    is_done = bulk.state == "DONE"
    page = (
        bulk_queries.page_of_bulk(bulk, cursor=request.GET.get("cursor", ""), only_failed=only_failed)
        if is_done
        else None
    )
    return render(
        request,
        "cancellations/bulk_result.html",
        {
            "here": "cancel-several",
            "bulk": bulk,
            "is_done": is_done,
            "sums": bulk_queries.sums_of_bulk(bulk) if is_done else None,
            "page": page,
            "rows": [
                (line, reason_label(line.reason), refusal(line.code) if line.code else "") for line in page.lines
            ]
            if page
            else [],
            "only_failed": only_failed,
        },
    )
