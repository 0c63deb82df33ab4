"""M-24: whoever sent a file hears when it has been processed, unless they have stopped that mail (domain 12.2)."""

import pytest
from django.core import mail

from accounts.actions import set_language, silence_mails
from events.models import Delivery
from feeds.actions import run_feeds
from feeds.parsers import Kind
from tests.cast import LATER, Cast, deliver

from .conftest import file_of, send


def processed(cast: Cast, content: bytes, **more):
    feed = send(cast, Kind.CANCELLATION, content, **more)
    run_feeds(seller_id=cast.shop.pk, clock=lambda: LATER)
    feed.refresh_from_db()
    return feed


def mails_about_files() -> list:
    deliver()
    return [each for each in mail.outbox if "ファイル" in each.subject or "file" in each.subject]


def test_m24_says_the_sums_and_leads_to_the_lines(cast: Cast):
    order = cast.order(1)
    lines = [(order.number, "NoInventory", ""), ("250-0000000-0000001", "NoInventory", "")]
    feed = processed(cast, file_of(Kind.CANCELLATION, *lines), name="7月.txt")
    (sent,) = mails_about_files()
    assert sent.to == [cast.alice.email], "and nobody else of the shop"
    assert sent.subject == "【マーケットプレイス】ファイルの処理が完了しました"
    for words in ("7月.txt", feed.receipt, "読み取り：2行", "完了：1", "エラー：1", f"/seller/feeds/{feed.pk}/"):
        assert words in sent.body


def test_m24_of_a_file_that_cannot_be_read_says_why_in_the_readers_language(cast: Cast):
    set_language(user=cast.alice, language="en")
    processed(cast, b"order-id,cancellation-reason-code\n250-0000000-0000001,NoInventory\n")
    (sent,) = mails_about_files()
    assert "The file could not be processed" in sent.body
    assert "tab" in sent.body.lower()


def test_m24_does_not_come_to_whoever_stopped_it(cast: Cast):
    silence_mails(user_id=cast.alice.pk, mails={"M-24"}, now=LATER)
    processed(cast, file_of(Kind.CANCELLATION, (cast.order(1).number, "NoInventory", "")))
    assert mails_about_files() == []
    assert not Delivery.objects.filter(event__name="feed.finished").exists()


@pytest.mark.parametrize("dry", [True, False])
def test_a_file_that_was_only_tried_out_is_not_mailed(cast: Cast, dry):
    processed(cast, file_of(Kind.CANCELLATION, (cast.order(1).number, "NoInventory", "")), dry=dry)
    assert len(mails_about_files()) == (0 if dry else 1)
