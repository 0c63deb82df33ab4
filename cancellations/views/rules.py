"""キャンセルのルール: what a shop lets happen without its people, tried on its latest requests before it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import ShopRequest, owner_page, seller_of
from cancellations import policy, queries
from cancellations.actions import set_shop_rules
from cancellations.forms import ShopRulesForm

# The rehearsal shows so many of the requests that it finds; the others are in its number.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What rules would have done to the shop's latest requests."""

    tried: int
    approved: Sequence
    reasons: dict[str, str]

    @property
    def shown(self) -> list[tuple[object, str]]:
        """The latest of those approved, each with its reason in the reader's language."""
        return [
            (request, self.reasons.get(request.reason_label, request.reason_label))
            for request in self.approved[:SHOWN]
        ]


@require_http_methods(["GET", "HEAD", "POST"])
@owner_page
def shop_rules(request: ShopRequest) -> HttpResponse:
    """キャンセルのルール: 「試す」 shows what the chosen rules would have approved, 「保存」 lets them hold."""
    now, seller_id = timezone.now(), request.membership.seller_id
    usual = queries.rules_at(now)
    rules = queries.shop_rules_of([seller_id]).get(seller_id, policy.ShopRules())
    form = ShopRulesForm(
        request.POST if request.method == "POST" else None,
        rules=rules,
        usual_minutes=usual.direct_cancel_minutes,
        reasons=queries.buyer_reasons(),
    )
    is_valid = form.is_bound and form.is_valid()
    if is_valid and "try" not in request.POST:
        address = request.META["REMOTE_ADDR"]
        by = seller_of(request)
        set_shop_rules(seller_id=seller_id, rules=form.rules, by=by, now=now, address=address)
        messages.success(request, _("設定を保存しました。"))
        return redirect("seller:rules")
    tried = form.rules if is_valid else rules
    context = {
        "here": "settings",
        "form": form,
        "is_trying": is_valid,
        "rehearsal": _rehearse(seller_id, tried) if tried.approves else None,
    }
    return render(request, "cancellations/seller_rules.html", context)


def _rehearse(seller_id: int, rules: policy.ShopRules) -> Rehearsal:
    latest = queries.latest_requests(seller_id)
    approved = [each for each in latest if policy.approves_by_itself(rules, queries.asked_for(each.order, each))]
    return Rehearsal(len(latest), approved, queries.buyer_reason_words(language=get_language() or ""))
