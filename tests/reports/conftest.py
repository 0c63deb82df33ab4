"""The people, a store of its own, and a hand that orders reports and reads them."""

import csv
import io
from collections.abc import Callable
from datetime import date

import pytest

from orders.queries import zone
from reports.actions import make_report, order_report
from reports.models import Report
from reports.rules import Encoding, Kind, period_of
from tests.cast import LATER, Cast, cast, no_mails

__all__ = ["cast", "no_mails"]


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
    monkeypatch.setattr("reports.actions.enqueue", lambda report_id: None)
    return tmp_path / "documents"


def ordered(cast: Cast, kind: Kind, *, encoding: Encoding = Encoding.UTF_8, now=LATER, **days) -> Report:
    """Order a report of a month around the tests' day."""
    period = period_of(days.get("first", date(2026, 6, 15)), days.get("last", date(2026, 7, 15)), zone())
    return order_report(
        seller_id=cast.shop.pk, kind=kind, encoding=encoding, period=period, by=cast.seller, now=now
    )


def file_of(report: Report, own_store) -> bytes:
    """The bytes of a report that is done."""
    report.refresh_from_db()
    assert report.state == "DONE"
    return (own_store / report.document.name).read_bytes()


@pytest.fixture
def made(cast: Cast, own_store) -> Callable[..., bytes]:
    """Order a report, make it, and give its bytes."""

    def order_and_make(kind: Kind, *, now=LATER, **more) -> bytes:
        report = ordered(cast, kind, now=now, **more)
        make_report(report_id=report.pk, clock=lambda: now)
        return file_of(report, own_store)

    return order_and_make


def rows_of(content: bytes, encoding: str = "utf-8") -> list[dict[str, str]]:
    """A report's rows by column."""
    text = io.StringIO(content.decode(encoding), newline="")
    return list(csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE))
