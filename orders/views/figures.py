"""The numbers of waiting work, asked for again and again by pages that stay open."""

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe
from django_htmx.http import trigger_client_event

from accounts.access import ShopRequest, seller_page
from messaging.queries import unread_threads
from orders.lists import CHIP_CAP, TAB_CAP, counts_of_seller
from sellercentral.templatetags.portal import capped

CHIPS = ("requested", "due", "late", "unread")


@require_safe
@seller_page
def figures(request: ShopRequest) -> HttpResponse:
    """What the page shall show now, as an event for its script; an empty answer if it shows that already.

    `seen` is the mark that came with the last figures.
    """
    seller_id = request.membership.seller_id
    counts = counts_of_seller(seller_id, now=timezone.now(), besides={"unread": unread_threads(seller_id)})
    shown = {name: capped(count, (CHIP_CAP if name in CHIPS else TAB_CAP) - 1) for name, count in counts.items()}
    mark = "-".join(shown.values())
    answer = HttpResponse(status=204)
    if mark != request.GET.get("seen"):
        units = {name: ngettext("件", "件", count) for name, count in counts.items()}
        trigger_client_event(answer, "figures", {"shown": shown, "units": units, "mark": mark})
    return answer
