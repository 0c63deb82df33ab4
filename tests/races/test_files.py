"""R-15: the same feed sent and carried out twice at once. R-24: a report while its orders change."""

import io

import pytest
from django.db import connection

from feeds.actions import run_feeds, submit
from feeds.models import Feed, LineResult
from feeds.parsers import Kind
from orders.models import Order
from orders.queries import zone
from payments.models import Refund
from reports.actions import make_report, order_report
from reports.models import Report
from reports.rules import Encoding, period_of
from reports.rules import Kind as ReportKind
from tests.books import offences
from tests.cast import LATER, Cast, deliver, lines_of
from tests.races.arena import at_once, storm

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_mails")]
HEAD = "order-id\torder-item-id\tadjustment-reason-code\tcurrency\titem-price-adj\tquantity-cancelled"


@pytest.fixture(autouse=True)
def no_broker(settings, tmp_path, monkeypatch):
    settings.STORAGES = {
        **settings.STORAGES,
        "documents": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "documents"},
        },
    }
    monkeypatch.setattr("feeds.actions.submitting.enqueue", lambda seller_id: None)
    monkeypatch.setattr("reports.actions.enqueue", lambda report_id: None)


def refunds(cast: Cast, monkeypatch) -> bytes:
    """A feed that gives 100 yen of each of three charged orders back."""
    monkeypatch.setattr("feeds.actions.running.LINES_PER_STEP", 1)
    orders = [cast.order(1) for _ in range(3)]
    for order in orders:
        cast.confirm(order)
    deliver()
    lines = [f"{order.number}\t{order.items.get().item_id}\tOther\tJPY\t100\t" for order in orders]
    return "\n".join([HEAD, *lines]).encode()


def sent(cast: Cast, content: bytes) -> Feed:
    return submit(
        seller_id=cast.shop.pk,
        kind=Kind.ADJUSTMENT,
        file_name="a.txt",
        content=io.BytesIO(content),
        is_dry_run=False,
        by=cast.seller,
        now=LATER,
    )


def carry_out(cast: Cast):
    return lambda: run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)


def test_r15_a_task_delivered_twice_answers_each_line_once(cast: Cast, monkeypatch):
    def prepare():
        sent(cast, refunds(cast, monkeypatch))
        return [carry_out(cast)] * 3

    def check(_) -> None:
        feed = Feed.objects.latest("pk")
        run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
        feed.refresh_from_db()
        assert (feed.state, feed.lines_done) == ("DONE", 3)
        assert LineResult.objects.filter(feed=feed).count() == 3
        assert Refund.objects.count() == 3 * Feed.objects.count()

    monkeypatch.setattr("feeds.queries.FEEDS_AT_ONCE", 1000)
    storm(prepare, check, rounds=5)
    assert offences(now=LATER, only=["INV-20", "INV-25", "INV-26"]) == {}


def test_r15_the_same_file_sent_twice_at_once_is_done_once(cast: Cast, monkeypatch):
    content = refunds(cast, monkeypatch)
    for runner in at_once(lambda: sent(cast, content), lambda: sent(cast, content)):
        runner.result()
    for runner in at_once(carry_out(cast), carry_out(cast)):
        runner.result()
    run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
    first, second = Feed.objects.order_by("pk")
    assert (first.lines_done, second.lines_unchanged) == (3, 3)
    assert Refund.objects.count() == 3


def test_r24_a_report_is_of_one_moment_however_its_orders_change(cast: Cast, tmp_path):
    orders = cast.orders(40)
    period = period_of(LATER.date(), LATER.date(), zone())

    def report() -> list[str]:
        made = order_report(
            seller_id=cast.shop.pk,
            kind=ReportKind.ALL_BY_ORDER_DATE,
            encoding=Encoding.UTF_8,
            period=period,
            by=cast.seller,
            now=LATER,
        )
        make_report(report_id=made.pk, clock=lambda: LATER)
        name = Report.objects.select_related("document").get(pk=made.pk).document.name
        text = (tmp_path / "documents" / name).read_text(encoding="utf-8")
        return [line.split("\t")[4] for line in text.splitlines()[1:]]

    def cancel_all() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE orders_order SET status = 'CANCELED', cancelled_at = %s WHERE seller_id = %s",
                [LATER, cast.shop.pk],
            )

    assert lines_of(orders[0])
    for _ in range(5):
        Order.objects.update(status="UNSHIPPED", cancelled_at=None)
        seen, _changed = (runner.result() for runner in at_once(report, cancel_all))
        assert len(seen) == 40
        assert len(set(seen)) == 1, "some rows are of before the change, some of after"
