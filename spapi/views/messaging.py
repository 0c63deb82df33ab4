"""Messaging v1: what a shop may say to the buyer of an order, in the talk that people see (sp-api 8).

Messages with files to be uploaded first are not offered: there is no door that takes such files.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
from django.conf import settings

from accounts.rules import Scope
from cancellations.queries import buyer_spoke_of_cancelling
from events.forms import as_stored, has_controls
from messaging.actions import MessageTarget, send, why_nothing_is_said
from messaging.rules import Topic
from orders.outcomes import Refused, sole
from orders.queries import order_of_seller
from spapi import problems
from spapi.door import Answer, Call, by_method, operation
from spapi.params import LIST
from spapi.problems import invalid

if TYPE_CHECKING:
    from orders.models import Order

# Action on the wire → operation, what the message is about, and how long it may be.
ACTIONS = {
    "confirmCustomizationDetails": ("confirmCustomizationDetails", Topic.MORE_INFORMATION, 800),
    "confirmDeliveryDetails": ("createConfirmDeliveryDetails", Topic.SHIPPING, 2000),
    "confirmOrderDetails": ("createConfirmOrderDetails", Topic.MORE_INFORMATION, 2000),
    "confirmServiceDetails": ("createConfirmServiceDetails", Topic.MORE_INFORMATION, 2000),
    "digitalAccessKey": ("createDigitalAccessKey", Topic.OTHER, 400),
    "unexpectedProblem": ("createUnexpectedProblem", Topic.MORE_INFORMATION, 2000),
}
# Known on the wire, with nothing but files in them.
FILES_ONLY = {"invoice": "sendInvoice", "legalDisclosure": "createLegalDisclosure", "warranty": "createWarranty"}
LOCALES = {"ja": "ja-JP", "en": "en-US"}
_HTML = re.compile(r"</?[A-Za-z][^>]*>")
_MAIL_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_PLAN: dict[str, Any] = {"rate": 1, "burst": 5, "scope": Scope.MESSAGES, "query": {"marketplaceIds": LIST}}


class Message(msgspec.Struct):
    """The body of a message."""

    text: str = ""
    attachments: list[dict[str, Any]] = []


def _order(call: Call, number: str) -> "Order":
    """The shop's order, at the portal's marketplace. Raises Problem 400, 403 or 404."""
    asked = call.query.texts("marketplaceIds", most=1)
    if not asked:
        raise invalid("marketplaceIds: exactly one.")
    if asked != [settings.MARKETPLACE_ID]:
        raise problems.denied(problems.FOREIGN_MARKETPLACE)
    order = order_of_seller(call.seller_id, number)
    if order is None:
        raise problems.not_found(number[:60])
    return order


@operation("getMessagingActionsForOrder", **_PLAN)
def get_messaging_actions(call: Call, number: str) -> dict[str, Any]:
    """What may be said about an order now; nothing before its payment is verified."""
    order = _order(call, number)
    base = f"/messaging/v1/orders/{quote(order.number)}"
    query = f"?marketplaceIds={settings.MARKETPLACE_ID}"
    names = [] if why_nothing_is_said(order) else sorted(ACTIONS)
    links = [{"href": f"{base}/messages/{name}{query}", "name": name} for name in names]
    return {"_links": {"self": {"href": f"{base}{query}"}, "actions": links}}


@operation("GetAttributes", **_PLAN)
def get_attributes(call: Call, number: str) -> dict[str, Any]:
    """The language that the buyer reads."""
    order = _order(call, number)
    language = order.buyer.language if order.buyer else settings.LANGUAGE_CODE
    return {"buyer": {"locale": LOCALES[language]}}


def _saying(action: str) -> Callable[..., Any]:
    name, topic, longest = ACTIONS[action]

    @operation(name, **_PLAN, body=Message, success=201)
    def say(call: Call, number: str) -> Answer:
        """Say something to the buyer."""
        order = _order(call, number)
        text = _text(call, longest)
        target = MessageTarget(order.pk, topic, text, may_speak_of_cancelling=buyer_spoke_of_cancelling(order.pk))
        try:
            sole(send(targets=[target], by=call.holder.actor, now=call.now))
        except Refused as refused:
            raise invalid(f"{refused.code}: nothing can be said about this order.") from None
        return Answer({}, 201)

    return say


def _text(call: Call, longest: int) -> str:
    """The text of a message. Raises Problem 400 for one that the buyer would not get."""
    body = call.body(Message)
    if body.attachments:
        raise invalid("attachments: not offered.")
    text = as_stored(body.text).strip()
    if not 1 <= len(text) <= longest:
        raise invalid(f"text: 1 to {longest} characters.")
    if _HTML.search(text):
        raise invalid("text: without HTML.")
    if _MAIL_ADDRESS.search(text):
        raise invalid("text: without e-mail addresses.")
    if has_controls(text):
        raise invalid("text: without control characters.")
    return text


def _refusing(action: str) -> Callable[..., Any]:
    @operation(FILES_ONLY[action], **_PLAN, success=201)
    def refuse(call: Call, number: str) -> Answer:
        """Say that a message of this kind cannot be sent."""
        _order(call, number)
        raise invalid(f"{action}: not among the actions of this order; attachments are not offered.")

    return refuse


actions = by_method(get=get_messaging_actions)
attributes = by_method(get=get_attributes)
messages = {action: by_method(post=_saying(action)) for action in ACTIONS} | {
    action: by_method(post=_refusing(action)) for action in FILES_ONLY
}
