"""The people, the quiet outbox, a store of its own, and a hand that sends feeds."""

import io
from collections.abc import Callable, Sequence

import pytest

from feeds.actions import run_feeds, submit
from feeds.models import Feed, LineResult
from feeds.parsers import Kind
from tests.cast import LATER, Cast, cast, no_mails

__all__ = ["cast", "no_mails"]

HEADERS = {
    Kind.CANCELLATION: "order-id\tcancellation-reason-code\torder-item-id",
    Kind.ADJUSTMENT: (
        "order-id\torder-item-id\tadjustment-reason-code\tcurrency\titem-price-adj\titem-tax-adj\tquantity-cancelled"
    ),
    Kind.SHIPMENT: (
        "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method"
        "\tacknowledge-cancellation-request"
    ),
}


@pytest.fixture(autouse=True)
def own_store(settings, tmp_path, monkeypatch):
    """A folder of its own, and no broker."""
    settings.STORAGES = {
        **settings.STORAGES,
        "documents": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "documents"},
        },
    }
    monkeypatch.setattr("feeds.actions.submitting.enqueue", lambda seller_id: None)
    return tmp_path / "documents"


def file_of(kind: Kind, *lines: Sequence[object]) -> bytes:
    """A feed of this kind with these cells."""
    text = "\r\n".join([HEADERS[kind], *("\t".join(str(cell) for cell in line) for line in lines)])
    return f"{text}\r\n".encode()


def send(cast: Cast, kind: Kind, content: bytes, *, dry: bool = False, name: str = "feed.txt", now=LATER) -> Feed:
    """Take a feed in."""
    return submit(
        seller_id=cast.shop.pk,
        kind=kind,
        file_name=name,
        content=io.BytesIO(content),
        is_dry_run=dry,
        by=cast.seller,
        now=now,
    )


def answers(feed: Feed) -> list[tuple[str, str]]:
    """Result and code of each line."""
    return list(LineResult.objects.filter(feed=feed).order_by("position").values_list("result", "code"))


@pytest.fixture
def carried_out(cast: Cast, no_mails) -> Callable[..., Feed]:
    """Send lines of a kind, carry them out, and give the feed with its answers."""

    def send_and_run(kind: Kind, *lines: Sequence[object], content: bytes = b"", now=LATER, **more) -> Feed:
        feed = send(cast, kind, content or file_of(kind, *lines), now=now, **more)
        run_feeds(seller_id=cast.shop.pk, clock=lambda: now)
        feed.refresh_from_db()
        return feed

    return send_and_run
