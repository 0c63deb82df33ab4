"""Mails about messages: M-23, with the way to answer."""

from datetime import datetime

from django.urls import reverse
from django.utils.functional import lazy

from events.actions import Undeliverable
from events.models import Delivery
from orders.mails import Mail, send
from orders.queries import order_for_mail

from . import queries, rules
from .models import Message
from .wording import topic_words


def mail_message(delivery: Delivery, *, now: datetime) -> None:
    """M-23 to the buyer, or to one person of the shop: what was said, and where to answer."""
    message = queries.message_of_event(delivery.event.subject)
    if message is None:
        raise Undeliverable("there is no message of this event")
    from_seller = message.side == Message.Side.SELLER
    order = order_for_mail(message.thread.order_id)
    topic = lazy(lambda: topic_words(message.topic, of_seller=from_seller), str)()
    send(
        Mail(
            "m23_buyer" if from_seller else "m23_seller",
            order,
            items=[],
            to_seller=not from_seller,
            can_be_silenced=not from_seller,
            more={
                "topic": topic,
                "message": {
                    "topic": topic,
                    "text": message.text,
                    "files": "・".join(file.name for file in message.attachments.all()),
                },
                "is_important": from_seller and rules.is_critical(rules.Topic(message.topic)),
            },
            path=reverse("buyer:message" if from_seller else "seller:message", args=[order.number]),
        ),
        delivery,
        now=now,
    )
