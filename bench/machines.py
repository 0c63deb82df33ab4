"""The partner API: a page of a hundred orders, and the items of one, beside a bare handler of the same bytes."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg2.extensions
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.test import RequestFactory
from django.utils import timezone

from accounts import tokens
from accounts.actors import Actor, Door, Role
from accounts.developers import issue, register
from accounts.rules import Scope
from orders.models import Order

from .clock import Duel, in_turn, least, middle, statements
from .limit import connected
from .stock import Stock
from .verdict import Row

Wsgi = Callable[[dict, Callable], Iterable[bytes]]
AT_MOST = 3.0
# The token; the orders, or the items with what was asked for.
STATEMENTS = {"api.orders": 2, "api.items": 2}
_ORDERS = """
SELECT o.number, o.placed_at, o.last_updated_at, o.status, o.fulfillment_channel, o.service_level, o.payment_method,
    o.currency, o.total, o.ship_by_date, b.email, r.state, r.city, r.postal_code, r.country,
    (SELECT sum(i.quantity_shipped) FROM orders_orderitem AS i WHERE i.order_id = o.id),
    (SELECT sum(i.quantity_ordered - i.quantity_shipped - i.quantity_cancelled)
     FROM orders_orderitem AS i WHERE i.order_id = o.id)
FROM orders_order AS o LEFT JOIN accounts_user AS b ON b.id = o.buyer_id
LEFT JOIN orders_recipient AS r ON r.order_id = o.id
WHERE o.seller_id = %s AND o.last_updated_at >= %s AND o.last_updated_at <= %s
ORDER BY o.last_updated_at, o.id LIMIT 100
"""
_STATUSES = {
    "PENDING": "Pending",
    "UNSHIPPED": "Unshipped",
    "PARTIALLY_SHIPPED": "PartiallyShipped",
    "SHIPPED": "Shipped",
    "CANCELED": "Canceled",
}


def measure(stock: Stock, *, rounds: int, times: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """Both operations in turn, as a server asks the WSGI application and a bare one; limits are off."""
    application, token = get_wsgi_application(), _token(stock)
    until = timezone.now() - timedelta(minutes=5)
    since = until - timedelta(days=365)
    query = (
        f"LastUpdatedAfter={_iso(since)}&LastUpdatedBefore={_iso(until)}&MarketplaceIds={settings.MARKETPLACE_ID}"
    )
    number = Order.objects.filter(seller_id=stock.shop, status="UNSHIPPED").order_by("-pk").first().number

    def ask(of: Wsgi, path: str) -> bytes:
        return _asked(of, path, token)

    with connected() as bare:
        for key, what, path, by_hand in (
            (
                "api.orders",
                "getOrders, 100 orders by last update",
                f"/orders/v0/orders?{query}",
                _bare(lambda: _orders_by_hand(bare, stock.shop, since, until)),
            ),
            (
                "api.items",
                "getOrderItems",
                f"/orders/v0/orders/{number}/orderItems",
                _bare(lambda: _items_by_hand(bare, stock.shop, number)),
            ),
        ):
            _prove(ask(application, path), ask(by_hand, path))
            duel = Duel()
            for place in range(rounds):
                tell(f"{what}, round {place + 1} of {rounds}")
                in_turn(
                    duel,
                    lambda path=path: ask(application, path),
                    lambda path=path, by_hand=by_hand: ask(by_hand, path),
                    times=times,
                )
            with statements() as said:
                ask(application, path)
            yield Row(
                key=key,
                what=what,
                unit="ms",
                ours=middle(duel.ours) * 1000,
                limit=middle(duel.limit) * 1000,
                ours_best=least(duel.ours) * 1000,
                limit_best=least(duel.limit) * 1000,
                ratio=duel.ratio,
                best_ratio=duel.best_ratio,
                at_most=AT_MOST,
                statements=len(said),
                statements_at_most=STATEMENTS[key],
            )


def _token(stock: Stock) -> str:
    """An access token of the big shop."""
    now, by = timezone.now(), Actor(Role.SELLER, Door.PAGE, stock.staff.pk, stock.staff.name)
    given = {"seller_id": stock.shop, "by": by, "now": now}
    software = register(name="bench", purpose="-", contact=stock.staff.email, needs_approval=False, **given)
    keys = issue(application_id=software.pk, scopes=list(Scope), days=90, newest=0, **given)
    settings.SPAPI_RATE_LIMITS = False
    return tokens.refresh(
        client_id=software.client_id,
        client_secret=keys.client_secret,
        refresh_token=keys.refresh_token,
        now=now,
    )


def _bare(answer: Callable[[], bytes]) -> Wsgi:
    """A WSGI application that knows nobody and nothing but this answer."""

    def application(environ: dict, start_response: Callable) -> Iterable[bytes]:
        body = answer()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return application


def _asked(application: Wsgi, path: str, token: str) -> bytes:
    told: list[str] = []
    headers = {"host": settings.ALLOWED_HOSTS[0], "x-amz-access-token": token, "x-forwarded-proto": "https"}
    environ = RequestFactory().get(path, secure=True, headers=headers).environ
    response = application(environ, lambda status, headers, *_: told.append(status))
    body = b"".join(response)
    getattr(response, "close", lambda: None)()
    if not told[0].startswith("200"):
        raise RuntimeError(f"{path} answered {told[0]}")
    return body


def _prove(ours: bytes, by_hand: bytes) -> None:
    """Both sides say the same; the token of the next page is ours alone."""
    said = json.loads(ours)
    said["payload"].pop("NextToken", None)
    if said != json.loads(by_hand):
        raise RuntimeError("the bare handler says something else")


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _money(amount: Decimal) -> dict[str, str]:
    return {"CurrencyCode": "JPY", "Amount": f"{amount:.0f}"}


def _orders_by_hand(bare: psycopg2.extensions.connection, shop: int, since: datetime, until: datetime) -> bytes:
    first, last = (moment.replace(microsecond=0) for moment in (since, until))
    with bare.cursor() as cursor:
        cursor.execute(_ORDERS, [shop, first, last])
        rows = cursor.fetchall()
    orders = []
    for (
        number,
        placed,
        updated,
        status,
        channel,
        level,
        paid,
        _,
        total,
        ship_by,
        email,
        *place,
        shipped,
        left,
    ) in rows:
        shape = {
            "AmazonOrderId": number,
            "SellerOrderId": number,
            "PurchaseDate": _iso(placed),
            "LastUpdateDate": _iso(updated),
            "OrderStatus": _STATUSES[status],
            "FulfillmentChannel": "MFN" if channel == "SELLER" else "AFN",
            "SalesChannel": "Amazon.co.jp",
            "ShipServiceLevel": level,
            "NumberOfItemsShipped": shipped,
            "NumberOfItemsUnshipped": left,
            "PaymentMethod": "Other",
            "PaymentMethodDetails": [paid or "Other"],
            "MarketplaceId": settings.MARKETPLACE_ID,
            "ShipmentServiceLevelCategory": "Standard",
            "OrderType": "StandardOrder",
            "EarliestShipDate": _iso(placed),
            "IsBusinessOrder": False,
            "IsPrime": False,
            "IsPremiumOrder": False,
            "IsGlobalExpressEnabled": False,
            "IsReplacementOrder": False,
            "IsSoldByAB": False,
            "IsISPU": False,
            "IsAccessPointOrder": False,
            "HasRegulatedItems": False,
            "BuyerInfo": {"BuyerEmail": email} if email else {},
        }
        if ship_by:
            shape["LatestShipDate"] = f"{ship_by}T14:59:59Z"
        if total is not None and status != "PENDING":
            shape["OrderTotal"] = _money(total)
        if status in {"UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED"}:
            names = ("StateOrRegion", "City", "PostalCode", "CountryCode")
            shape["ShippingAddress"] = dict(zip(names, (cell or "" for cell in place), strict=True))
        orders.append(shape)
    payload = {"Orders": orders, "LastUpdatedBefore": _iso(last)}
    return json.dumps({"payload": payload}, ensure_ascii=False).encode()


def _items_by_hand(bare: psycopg2.extensions.connection, shop: int, number: str) -> bytes:
    with bare.cursor() as cursor:
        cursor.execute(
            """
            SELECT i.item_id, i.sku, i.title, i.quantity_ordered - i.quantity_cancelled, i.quantity_shipped,
                i.item_price, i.item_tax, i.discount, i.shipping_price, i.shipping_tax,
                (SELECT q.reason_label FROM cancellations_requestitem AS ri
                 JOIN cancellations_cancellationrequest AS q ON q.id = ri.request_id
                 WHERE ri.item_id = i.id AND ri.state IN ('OPEN', 'APPROVED') ORDER BY q.id DESC LIMIT 1)
            FROM orders_orderitem AS i JOIN orders_order AS o ON o.id = i.order_id
            WHERE o.seller_id = %s AND o.number = %s ORDER BY i.id
            """,
            [shop, number],
        )
        rows = cursor.fetchall()
    items = [
        {
            "ASIN": "",
            "SellerSKU": sku,
            "OrderItemId": item,
            "Title": title,
            "QuantityOrdered": ordered,
            "QuantityShipped": shipped,
            "ProductInfo": {"NumberOfItems": "1"},
            "IsGift": "false",
            "ConditionId": "New",
            "ConditionSubtypeId": "New",
            "IsTransparency": False,
            "SerialNumberRequired": False,
            "BuyerInfo": {},
            "BuyerRequestedCancel": {
                "IsBuyerRequestedCancel": "true" if reason else "false",
                "BuyerCancelReason": reason or "",
            },
            "ItemPrice": _money(price),
            "ItemTax": _money(tax),
            "PromotionDiscount": _money(discount),
            "ShippingPrice": _money(sending),
            "ShippingTax": _money(sending_tax),
        }
        for item, sku, title, ordered, shipped, price, tax, discount, sending, sending_tax, reason in rows
    ]
    payload = {"AmazonOrderId": number, "OrderItems": items}
    return json.dumps({"payload": payload}, ensure_ascii=False).encode()
