"""注文の詳細: one order, its request, its cancel form, its story."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import ShopRequest, seller_page
from cancellations import policy
from cancellations import queries as cancellation_queries
from cancellations.forms import CancelForm
from cancellations.policy import Reason
from cancellations.wording import BANNER, reason_label
from cancellations.wording import prospect as prospect_sentence
from metrics.effects import Change, Prospect, change, prospect_of
from metrics.queries import facts_of_orders
from metrics.wording import reason_words, why

from .history import Story
from .money import money_of
from .standing import Standing, find_order, standing_shown


@require_safe
@seller_page
def order(request: ShopRequest, number: str) -> HttpResponse:
    """注文の詳細: the request and what to do about it, the cancel form, items, money, story."""
    return show_order(request, find_order(request, number), timezone.now())


@dataclass(frozen=True, slots=True)
class Effect:
    """What cancelling for one reason does to the rate, in words."""

    reason: str = ""
    label: str = ""
    counted: bool = False
    why: str = ""
    no_stock: bool = False
    # What it makes of the shop's rate, if it counts.
    change: Change | None = None


def prospect_on(orders: Sequence, standing: Standing, now: datetime) -> Prospect:
    """What cancelling orders of one shop would make of its rate."""
    keys = [each.pk for each in orders]
    return prospect_of(standing.order.seller_id, keys, now=now, rules=standing.rules)


def effects_of(standing: Standing, prospect: Prospect) -> dict[str, Effect]:
    """The effect of every reason of the list on cancelling the whole order."""
    units = standing.facts.open_units()
    changes = change(prospect, facts_of_orders([standing.order]))
    verdicts = cancellation_queries.verdicts_for(standing.order, standing.facts, units=units, rules=standing.rules)
    return {
        reason.value: Effect(
            reason.value,
            reason_label(reason),
            verdict.counted,
            prospect_sentence(verdict.code, verdict.counted)
            if verdict.counted
            else _("公式のキャンセルリクエストがあり、注文全体が対象です。"),
            reason == Reason.NO_INVENTORY,
            changes if verdict.counted else None,
        )
        for reason, verdict in verdicts.items()
    }


def show_order(
    request: ShopRequest,
    found,
    now,
    *,
    form: CancelForm | None = None,
    question: str = "",
    changes_since: int | None = None,
) -> HttpResponse:
    """The page of an order, with a cancel form that was sent and came back if there is one."""
    standing = standing_shown(request, found, now)
    story = Story(found)
    prospect = prospect_on([found], standing, now) if standing.may_cancel else None
    effects = effects_of(standing, prospect) if prospect else {}
    if form is None:
        form = CancelForm(initial=_preselected(standing, request))
    chosen = form["reason"].value() or ""
    return render(
        request,
        "orders/seller_order.html",
        {
            "here": "orders",
            "now": now,
            "order": found,
            "standing": standing,
            "asked": standing.request,
            "banner": BANNER,
            "form": form,
            "effects": effects.values(),
            "effect": effects.get(chosen),
            **({"rate": prospect.now} if prospect else {}),
            "question": question,
            "changes": story.since(changes_since) if changes_since is not None else [],
            "changed": changes_since is not None,
            "cancellations": [(each, reason_words(each), why(each)) for each in story.cancellations],
            "shipments": story.shipments,
            "past_requests": [
                (each, story.words_of(each.reason_label))
                for each in story.requests
                if each.status != policy.RequestStatus.OPEN
            ],
            "story": story.for_seller(),
            "money": money_of(found),
            "not_restocked": " ".join(sorted(policy.NOT_RESTOCKED)),
            "cancel_url": reverse("seller:order-cancel", args=[found.number]),
        },
    )


def _preselected(standing: Standing, request: ShopRequest) -> dict:
    """The reason chosen at first: the one of an open request for the whole order (D-10), or the one asked for."""
    wanted = request.GET.get("reason", "")
    if wanted not in policy.SELLER_REASONS:
        wanted = Reason.BUYER_CANCELED.value if standing.whole_request else ""
    usual = wanted not in policy.NOT_RESTOCKED
    return {"reason": wanted, "restock": usual, "restock_for": "" if usual else wanted}
