"""Which orders a poll asks for, and the page of them: for each machine door that reads orders (domain 14.8)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from orders import polling
from orders.polling import PLACED, UPDATED, Poll, Polled

from . import problems, shapes
from .paging import next_token, state_of
from .params import LIST, MOMENT, NUMBER, TEXT, TRUTH, Query, moment_of
from .problems import invalid

MOST_ORDERS = 100
# Late commits are behind the moment up to which a list reaches by itself (D-35).
SAFETY = timedelta(minutes=2)
OLDEST = timedelta(days=2 * 365)
KIND = "orders.v0"
ORDER_STATUSES = (
    "PendingAvailability",
    "Pending",
    "Unshipped",
    "PartiallyShipped",
    "Shipped",
    "InvoiceUnconfirmed",
    "Canceled",
    "Unfulfillable",
)
_STATUS_OF = {wire: own for own, wire in shapes.STATUSES.items()}
_CHANNEL_OF = {wire: own for own, wire in shapes.CHANNELS.items()}
# What no order of this marketplace is: lists that ask for nothing else are empty.
NEVER = (
    "EasyShipShipmentStatuses",
    "ElectronicInvoiceStatuses",
    "ActualFulfillmentSupplySourceId",
    "StoreChainStoreId",
)
# Nor does any order of it promise a day of delivery.
NO_DELIVERY_DAY = (
    "EarliestDeliveryDateBefore",
    "EarliestDeliveryDateAfter",
    "LatestDeliveryDateBefore",
    "LatestDeliveryDateAfter",
)
EXCLUDED_BY_SELLER_ORDER_ID = (
    "FulfillmentChannels",
    "OrderStatuses",
    "PaymentMethods",
    "LastUpdatedAfter",
    "LastUpdatedBefore",
    "BuyerEmail",
)


# What a list of orders may be asked for.
QUERY = {
    "MarketplaceIds": LIST,
    **dict.fromkeys(("CreatedAfter", "CreatedBefore", "LastUpdatedAfter", "LastUpdatedBefore"), MOMENT),
    **dict.fromkeys(("OrderStatuses", "FulfillmentChannels", "PaymentMethods", "AmazonOrderIds"), LIST),
    **dict.fromkeys(("BuyerEmail", "SellerOrderId", "NextToken"), TEXT),
    "MaxResultsPerPage": NUMBER,
    "IsISPU": TRUTH,
    **dict.fromkeys(NEVER, LIST),
    **dict.fromkeys(NO_DELIVERY_DAY, MOMENT),
}


@dataclass(frozen=True, slots=True)
class Page:
    """Orders of a poll, what it reached up to, and the token of the next page if there is one."""

    orders: Sequence[Polled]
    column: str
    before: datetime | None
    token: str = ""


def require_marketplace(query: Query) -> None:
    """Require that the portal's own marketplace is among those asked for (sp-api 1.4). Raises Problem 400 or 403."""
    asked = query.texts("MarketplaceIds", most=50)
    if not asked:
        raise invalid("MarketplaceIds: required.")
    if settings.MARKETPLACE_ID not in asked:
        raise problems.denied(problems.FOREIGN_MARKETPLACE)


def page_of(query: Query, seller_id: int, *, now: datetime) -> Page:
    """The page of a shop's orders that a query asks for: by its filters, or by the token of the page before.

    Raises Problem 400 for what cannot be asked, 403 for another marketplace.
    """
    state: dict[str, Any] = {}
    if token := query.text("NextToken"):
        state = state_of(token, KIND, seller_id, now=now)
        wish, limit = _kept_wish(state["wish"]), state["limit"]
    else:
        require_marketplace(query)
        wish = _wish(query, now)
        limit = query.number("MaxResultsPerPage", least=1, most=MOST_ORDERS, default=MOST_ORDERS)
    found: list[Polled] = []
    named_days = [day for day in map(query.moment, NO_DELIVERY_DAY) if day]
    if not query.has(*NEVER) and not named_days and not query.truth("IsISPU"):
        behind = (moment_of("NextToken", state["moment"]), state["key"]) if state else None
        found = polling.poll(seller_id, wish, behind=behind, limit=limit + 1)
    if len(found) <= limit:
        return Page(found, wish.column, wish.before)
    last = found[limit - 1]
    kept = {"wish": _to_keep(wish), "limit": limit}
    place = {"key": last.pk, "moment": last.moment(wish.column).isoformat()}
    token = next_token(KIND, seller_id, kept | place, now=now)
    return Page(found[:limit], wish.column, wish.before, token)


def _wish(query: Query, now: datetime) -> Poll:
    numbers = query.texts("AmazonOrderIds", most=50)
    if (number := query.text("SellerOrderId", longest=60)) and query.has(*EXCLUDED_BY_SELLER_ORDER_ID):
        raise invalid(f"SellerOrderId: not together with {', '.join(EXCLUDED_BY_SELLER_ORDER_ID)}.")
    starts = query.has("CreatedAfter", "LastUpdatedAfter")
    if len(starts) > 1 or not (starts or numbers):
        raise invalid("Send exactly one of CreatedAfter and LastUpdatedAfter.")
    column, prefix = (PLACED, "Created") if starts == ["CreatedAfter"] else (UPDATED, "LastUpdated")
    for other in query.has("CreatedBefore", "LastUpdatedBefore"):
        if not starts or other != f"{prefix}Before":
            raise invalid(f"{other}: only together with its own …After.")
    after, before = query.moment(f"{prefix}After"), query.moment(f"{prefix}Before")
    latest = now - SAFETY
    _require_period(prefix, after, before, latest, now)
    return _filtered(
        query, column, after, before or (latest if starts else None), [*numbers, *([number] if number else [])]
    )


def _require_period(
    prefix: str, after: datetime | None, before: datetime | None, latest: datetime, now: datetime
) -> None:
    if after and after < now - OLDEST:
        raise invalid(f"{prefix}After: at most two years ago.")
    if before and after and before < after:
        raise invalid(f"{prefix}Before: earlier than {prefix}After.")
    if before and before > latest:
        raise invalid(f"{prefix}Before: at least two minutes before now.")


def _filtered(
    query: Query, column: str, after: datetime | None, before: datetime | None, numbers: Sequence[str]
) -> Poll:
    asked = query.texts("OrderStatuses", known=ORDER_STATUSES)
    statuses = [_STATUS_OF[each] for each in asked if each in _STATUS_OF]
    channels = [_CHANNEL_OF[each] for each in query.texts("FulfillmentChannels", known=tuple(_CHANNEL_OF))]
    ways = query.texts("PaymentMethods", known=("COD", "CVS", "Other"))
    named = [words for name in ("COD", "CVS") if name in ways for words in shapes.PAYMENTS[name]]
    others = [words for name in ("COD", "CVS") if name not in ways for words in shapes.PAYMENTS[name]]
    return Poll(
        column=column,
        after=after,
        before=before,
        # Statuses that no order of ours has leave nothing.
        statuses=statuses or (["none"] if asked else []),
        channels=channels,
        payments=named if ways and "Other" not in ways else [],
        not_payments=others if "Other" in ways and len(ways) < 3 else [],
        buyer_email=query.text("BuyerEmail", longest=254),
        numbers=numbers,
    )


def _to_keep(wish: Poll) -> dict[str, Any]:
    """A wish as a token keeps it."""
    moments = {
        name: moment and moment.isoformat() for name, moment in (("after", wish.after), ("before", wish.before))
    }
    return asdict(wish) | moments


def _kept_wish(kept: dict[str, Any]) -> Poll:
    moments = {name: datetime.fromisoformat(kept[name]) if kept[name] else None for name in ("after", "before")}
    return Poll(**kept | moments)
