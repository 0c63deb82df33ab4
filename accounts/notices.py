"""The mail with a link to a new password: which event becomes which mail."""

from datetime import datetime

from django.urls import reverse

from events.models import Delivery
from orders.mails import Letter, send

from .passwords import GOOD_FOR, link_for


def mail_password_link(delivery: Delivery, *, now: datetime) -> None:
    """P-01 to whoever forgot the password; nothing if nobody has the address that was typed, or they may not sign in.

    The link is made here and kept nowhere: not with the event, and not with the mail as it is kept. A mail that could
    not leave while the link would have been good does not leave at all: nobody waits for it any more.
    """
    person = delivery.recipient
    is_late = now - delivery.event.happened_at > GOOD_FOR
    if person is not None and person.is_active and not is_late:
        link = link_for(person, now=now)
        send(Letter("p01", path=reverse("password-link", args=[link]), secret=link), delivery, now=now)
