"""What leaves the house cannot be taken back, so nothing leaves it inside a transaction."""

import http.client

import pytest
from django.core.mail import EmailMessage
from django.db import transaction

from events.tasks import deliver_due

pytestmark = pytest.mark.django_db


def send_mail():
    EmailMessage("Subject", "Body", to=["dora@buyer.example"]).send()


def nudge():
    deliver_due.delay()


def call_a_webhook():
    http.client.HTTPConnection("127.0.0.1", 9).connect()


@pytest.mark.parametrize("leave", [send_mail, nudge, call_a_webhook])
def test_nothing_leaves_inside_a_transaction(leave):
    with transaction.atomic(), pytest.raises(AssertionError, match="inside a transaction"):
        leave()


def test_mail_may_leave_outside(mailoutbox):
    send_mail()
    assert len(mailoutbox) == 1


def test_a_nudge_waits_for_the_commit(django_capture_on_commit_callbacks, monkeypatch):
    nudged = []
    monkeypatch.setattr(deliver_due, "apply_async", lambda *args, **kwargs: nudged.append(1))
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        deliver_due.delay_on_commit()
        assert nudged == []
    assert nudged == [1]
