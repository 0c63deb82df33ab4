"""One mail about an order: rendered in its reader's language and zone, sent once, kept as it left.

Called by listeners only, outside any transaction (reliability M1).
"""

import smtplib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import override

from events.actions import Undeliverable, keep_mail
from events.models import Delivery
from events.queries import has_left

from . import rules
from .models import Order

# SMTP answers from here on are final for this address; below, the server asks to try again.
FIRST_PERMANENT_ERROR = 500


@dataclass(frozen=True, slots=True)
class Units:
    """Units of one item in a mail; `amount` None if the price is unknown."""

    title: str
    sku: str
    quantity: int
    amount: Any


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail says: the template's name, the order, its items, and what else the template shows."""

    template: str
    order: Order
    items: Sequence[Units]
    to_seller: bool
    whole: bool = True
    remaining: Sequence[Units] = ()
    can_be_silenced: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)


def units_of(order: Order, quantities: Mapping[int, int]) -> list[Units]:
    """Items of an order with these quantities, for a mail."""
    return [
        Units(
            title=line.title,
            sku=line.sku,
            quantity=quantities[line.pk],
            amount=line.goods_amount
            and rules.share(
                amount=line.goods_amount,
                units=line.quantity_ordered,
                before=0,
                taken=quantities[line.pk],
                currency=order.currency,
            ),
        )
        for line in order.lines
        if quantities.get(line.pk)
    ]


def send(mail: Mail, delivery: Delivery, *, now: datetime) -> None:
    """Send one mail to the delivery's recipient and keep it; a delivery that left before sends nothing.

    The Message-ID comes from the delivery's key: should a server store a mail and then drop the connection,
    the reader's program folds the repeat (reliability 1).

    Raises Undeliverable if the server refuses the address for good.
    """
    person = delivery.recipient
    if person is None:
        raise Undeliverable("a mail without a recipient")
    if has_left(delivery.key):
        return
    with override(person.language):
        context = _context(mail, person.name)
        subject = " ".join(render_to_string(f"emails/{mail.template}.subject.txt", context).split())
        text = render_to_string(f"emails/{mail.template}.txt", context)
        html = render_to_string(f"emails/{mail.template}.html", context)
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2]
    message_id = f"<{delivery.key}@{domain}>"
    message = EmailMultiAlternatives(
        subject, text, to=[person.email], headers={"Message-ID": message_id, "Auto-Submitted": "auto-generated"}
    )
    message.attach_alternative(html, "text/html")
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        if all(code >= FIRST_PERMANENT_ERROR for code in codes):
            raise Undeliverable(f"the mail server refused {person.email}: {error}") from error
        raise
    except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
        if error.smtp_code >= FIRST_PERMANENT_ERROR:
            raise Undeliverable(f"the mail server refused the mail: {error}") from error
        raise
    keep_mail(
        delivery,
        person,
        mail=mail.template,
        message_id=message_id,
        subject=subject,
        text=text,
        html=html,
        now=now,
    )


def _context(mail: Mail, recipient_name: str) -> dict[str, Any]:
    order = mail.order
    path = reverse("seller:order" if mail.to_seller else "buyer:order", args=[order.number])
    return {
        "request": None,
        "cancellation": None,
        "shipment": None,
        "charge_amount": None,
        "refund_amount": None,
        "not_charged": True,
        **mail.more,
        "brand": settings.BRAND_NAME,
        "portal": settings.PORTAL_NAME,
        "sender": settings.DEFAULT_FROM_EMAIL,
        "order": order,
        "seller_name": order.seller.name,
        "buyer_name": order.buyer.name if order.buyer else "",
        "recipient_name": recipient_name,
        "items": mail.items,
        "remaining_items": mail.remaining,
        "whole": mail.whole,
        "can_be_silenced": mail.can_be_silenced,
        "url": f"{settings.SITE_URL}{path}",
    }
