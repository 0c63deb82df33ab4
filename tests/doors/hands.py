"""The hands of the doors' tests: a browser of each person, the forms of pages and of the admin, files of one line."""

import io
from uuid import uuid4

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from feeds.actions import run_feeds, submit
from feeds.parsers import Kind
from orders.models import Order
from tests.cast import Cast


def signed_in(user) -> Client:
    """A browser that knows this person."""
    client = Client()
    client.force_login(user)
    return client


def send(client: Client, name: str, order: Order, **fields: str) -> None:
    """Send a page's form, as filled in; it must be done."""
    order.refresh_from_db()
    data = {"key": uuid4().hex, "expected_version": order.version, **fields}
    response = client.post(reverse(name, args=[order.number]), data)
    assert response.status_code == 302, response.content.decode()
    changed = order.version
    order.refresh_from_db()
    assert order.version == changed + 1


def operate(client: Client, order: Order, act: str, **fields: str) -> None:
    """Send a form of the admin about an order; it must be done."""
    version = Order.objects.get(pk=order.pk).version
    address = reverse("admin:orders_order_act", args=[order.pk, act])
    response = client.post(address, {"expected_version": version, **fields})
    assert response.status_code == 302, response.content.decode()


def take(order: Order, *quantities: int) -> dict[str, str]:
    """The boxes and numbers of a form for these units."""
    taken = {}
    for line, quantity in zip(order.items.order_by("pk"), quantities, strict=True):
        if quantity:
            taken |= {f"take-{line.item_id}": "on", f"quantity-{line.item_id}": str(quantity)}
    return taken


def units(order: Order, *quantities: int) -> dict[int, int]:
    """These units by item."""
    return {
        line.pk: quantity
        for line, quantity in zip(order.items.order_by("pk"), quantities, strict=True)
        if quantity
    }


def by_feed(cast: Cast, kind: Kind, header: str, *cells: object) -> None:
    """Send a file of one line and carry it out; the line must be done."""
    content = "\n".join([header.replace(" ", "\t"), "\t".join(str(cell) for cell in cells)])
    by_file(cast, kind, content)


def by_file(cast: Cast, kind: Kind, content: str) -> None:
    now = timezone.now()
    feed = submit(
        seller_id=cast.shop.pk,
        kind=kind,
        file_name="a.txt",
        content=io.BytesIO(content.encode()),
        is_dry_run=False,
        by=cast.seller,
        now=now,
    )
    run_feeds(seller_id=cast.shop.pk, clock=lambda: now)
    assert set(feed.lines.values_list("result", flat=True)) <= {"DONE", "WARNING"}, list(feed.lines.values())


def envelope(cast: Cast, message: str, body: str) -> str:
    """An XML feed of one message."""
    return (
        f"<AmazonEnvelope><Header><MerchantIdentifier>{cast.shop.merchant_id}</MerchantIdentifier></Header>"
        f"<MessageType>{message}</MessageType><Message><MessageID>1</MessageID><{message}>{body}</{message}></Message>"
        "</AmazonEnvelope>"
    )
