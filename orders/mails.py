"""One mail: rendered in its reader's language and zone, sent once, kept as it left.

Called by listeners only, outside any transaction (reliability M1).
"""

import logging
import smtplib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parseaddr
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template import Context, Engine
from django.template.loader import render_to_string
from django.template.loader_tags import ExtendsNode
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.queries import acts_for
from accounts.wording import MAY_BE_SILENCED
from cancellations.wording import sentence
from events.actions import Undeliverable, keep_mail
from events.models import Delivery
from events.queries import has_left, mail_text
from events.wording import MAILS, UnusableText, filled

from . import rules
from .models import Order
from .queries import zone

logger = logging.getLogger(__name__)

# SMTP answers from here on are final for this address; below, the server asks to try again.
FIRST_PERMANENT_ERROR = 500


@dataclass(frozen=True, slots=True)
class Units:
    """Units of one item in a mail."""

    title: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail about one order says: the template's name, the order, its items, what else the template shows."""

    template: str
    order: Order
    items: Sequence[Units]
    to_seller: bool
    whole: bool = True
    remaining: Sequence[Units] = ()
    can_be_silenced: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)
    # Where its button leads; the order's page if nothing is said.
    path: str = ""

    @property
    def shop_id(self) -> int | None:
        """The shop whose people it is for; None if it goes to the buyer."""
        return self.order.seller_id if self.to_seller else None

    def context(self) -> dict[str, Any]:
        """What the template sees."""
        order = self.order
        page = "seller:order" if self.to_seller else "buyer:order"
        path = self.path or reverse(page, args=[order.number])
        return {
            "request": None,
            "cancellation": None,
            "shipment": None,
            "charge_amount": None,
            "refund_amount": None,
            "not_charged": True,
            **self.more,
            "order": order,
            "seller_name": order.seller.name,
            "items": self.items,
            "remaining_items": self.remaining,
            "whole": self.whole,
            "url": f"{settings.SITE_URL}{path}",
        }


@dataclass(frozen=True, slots=True)
class Digest:
    """What a mail to a shop about several orders says: how many there are, the first of them, and where all are.

    `path` leads to the list of them; each of `rows` has `order`, and what else the template shows of it.
    """

    template: str
    shop_id: int
    seller_name: str
    count: int
    rows: Sequence[Mapping[str, Any]]
    path: str
    can_be_silenced: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    def context(self) -> dict[str, Any]:
        """What the template sees."""
        return {
            **self.more,
            "order": None,
            "seller_name": self.seller_name,
            "n": self.count,
            "rows": [{**row, "url": _order_url(row["order"])} for row in self.rows],
            "unlisted": self.count - len(self.rows),
            "url": f"{settings.SITE_URL}{self.path}",
        }


@dataclass(frozen=True, slots=True)
class Notice:
    """What a mail to a shop about its own standing says: where its button leads, and the order if it is about one."""

    template: str
    shop_id: int
    seller_name: str
    path: str
    order: Order | None = None
    can_be_silenced: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    def context(self) -> dict[str, Any]:
        """What the template sees."""
        return {
            **self.more,
            "order": self.order,
            "seller_name": self.seller_name,
            "url": f"{settings.SITE_URL}{self.path}",
        }


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail to somebody about themselves says: where it leads. `secret` is kept nowhere but in the mail."""

    template: str
    path: str
    secret: str
    shop_id: int | None = None
    can_be_silenced: bool = False

    def context(self) -> dict[str, Any]:
        """What the template sees."""
        return {"order": None, "seller_name": "", "url": f"{settings.SITE_URL}{self.path}"}

    def without_secret(self, text: str) -> str:
        """The text as it is kept; whole only in a demo whose mails do not leave, and are read where they are kept."""
        is_read_here = settings.DEMO and not settings.EMAIL_URL
        return text if is_read_here else text.replace(self.secret, "…")


def _order_url(order: Order) -> str:
    return f"{settings.SITE_URL}{reverse('seller:order', args=[order.number])}"


def units_of(order: Order, quantities: Mapping[int, int]) -> list[Units]:
    """Items of an order with these quantities, for a mail."""
    return [Units(line.title, line.sku, quantities[line.pk]) for line in order.lines if quantities.get(line.pk)]


@dataclass(frozen=True, slots=True)
class Written:
    """A mail as it goes out."""

    subject: str
    text: str
    html: str


def send(mail: Mail | Digest | Notice | Letter, delivery: Delivery, *, now: datetime) -> None:
    """Send one mail to the delivery's recipient and keep it; a delivery that left before sends nothing.

    Neither does one to somebody who was to be told for a shop and does not act for it any more (domain 12.2): what
    happens in a shop is not for those who left it.

    The Message-ID comes from the delivery's key: should a server store a mail and then drop the connection,
    the reader's program folds the repeat (reliability 1).

    Raises Undeliverable if the server refuses the address for good.
    """
    person = delivery.recipient
    if person is None:
        raise Undeliverable("a mail without a recipient")
    if has_left(delivery.key):
        return
    if mail.shop_id is not None and not acts_for(user_id=person.pk, seller_id=mail.shop_id):
        return
    context = {**mail.context(), "recipient_name": person.name, "can_be_silenced": mail.can_be_silenced}
    written = write(mail.template, context, language=person.language)
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2]
    message_id = f"<{delivery.key}@{domain}>"
    headers = {"Message-ID": message_id, "Auto-Submitted": "auto-generated"}
    if mail.can_be_silenced:
        headers["List-Unsubscribe"] = f"<{_settings_url()}>"
    message = EmailMultiAlternatives(written.subject, written.text, to=[person.email], headers=headers)
    message.attach_alternative(written.html, "text/html")
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _words in error.recipients.values()]
        if all(code >= FIRST_PERMANENT_ERROR for code in codes):
            raise Undeliverable(f"the mail server refused {person.email}: {error}") from error
        raise
    except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
        if error.smtp_code >= FIRST_PERMANENT_ERROR:
            raise Undeliverable(f"the mail server refused the mail: {error}") from error
        raise
    kept = mail.without_secret if isinstance(mail, Letter) else str
    keep_mail(
        delivery,
        person,
        mail=mail.template,
        message_id=message_id,
        subject=written.subject,
        text=kept(written.text),
        html=kept(written.html),
        now=now,
        about=mail.order.pk if isinstance(mail, Mail | Notice) and mail.order else None,
    )


def write(mail: str, context: Mapping[str, Any], *, language: str) -> Written:
    """Write a mail in a language: in the operator's words where there are any and they hold, else as shipped."""
    own = mail_text(mail, language)
    if own is not None:
        try:
            return written_with(mail, context, language=language, subject=own.subject, lead=own.lead)
        except UnusableText:
            logger.exception(
                "The operator's text of %s (%s) cannot be used; the shipped text is sent", mail, language
            )
    return written_with(mail, context, language=language)


def written_with(
    mail: str, context: Mapping[str, Any], *, language: str, subject: str = "", lead: str = ""
) -> Written:
    """Write a mail with this subject and this first paragraph; the shipped ones where they are empty.

    Raises UnusableText if subject or lead cannot be filled in.
    """
    with override(language):
        shown = {
            "brand": str(settings.BRAND_NAME),
            "portal": str(settings.PORTAL_NAME),
            "sender": settings.DEFAULT_FROM_EMAIL,
            "settings_url": _settings_url(),
            **context,
        }
        order = shown.get("order")
        values = {
            "brand": shown["brand"],
            "portal": shown["portal"],
            "seller": shown["seller_name"],
            "name": shown["recipient_name"],
            "order": order.number if order else "",
            "n": str(shown.get("n", "")),
            "topic": str(shown.get("topic", "")),
        }
        if lead:
            shown["own_lead"] = filled(lead, mail=mail, values=values)
        line = filled(subject, mail=mail, values=values) if subject else _shipped_subject(mail, shown)
        # Under any words a buyer sees that a message is one that always comes (domain 12.1).
        important = _("[重要]") if shown.get("is_important") else ""
        shown["subject"] = " ".join([important, *line.split()]).strip()
        return Written(
            subject=shown["subject"],
            text=render_to_string(f"emails/{mail}.txt", shown),
            html=render_to_string(f"emails/{mail}.html", shown),
        )


def _shipped_subject(mail: str, context: Mapping[str, Any]) -> str:
    return render_to_string(f"emails/{mail}.subject.txt", dict(context))


def shipped_text(mail: str, *, language: str) -> tuple[str, str]:
    """Subject and first paragraph of a mail as shipped, with the placeholders an operator writes."""
    blank = {name: f"{{{name}}}" for name in MAILS[mail].placeholders}
    shown = {
        **blank,
        "order": SimpleNamespace(number="{order}"),
        "seller_name": "{seller}",
        "recipient_name": "{name}",
        "cancellation": SimpleNamespace(code="SEL-1"),
        "message": {"topic": "{topic}"},
    }
    with override(language):
        subject = " ".join(_shipped_subject(mail, shown).split())
        template = Engine.get_default().get_template(f"emails/{mail}.txt")
        page = next(node for node in template.nodelist if isinstance(node, ExtendsNode))
        opening = page.blocks.get("opening")
        context = Context(shown, autoescape=False)
        with context.render_context.push_state(template), context.bind_template(template):
            return subject, opening.nodelist.render(context).strip() if opening else ""


def preview(mail: str, *, language: str, subject: str, lead: str, now: datetime) -> Written:
    """The mail with invented facts, under this subject and first paragraph.

    Raises UnusableText if they cannot be sent.
    """
    with override(language):
        context = _sample(mail, now)
    return written_with(mail, context, language=language, subject=subject, lead=lead)


def _sample(mail: str, now: datetime) -> dict[str, Any]:
    """Facts for a look at a mail: an order of two items, asked about by its buyer, and part of it cancelled."""
    today = now.astimezone(zone()).date()
    due = rules.auto_cancel_due_at(ship_by_date=today, days=7, zone=zone())
    order = SimpleNamespace(
        number="503-1234567-1234567",
        currency="JPY",
        placed_at=now,
        ship_by_date=today,
        auto_cancel_due_at=due,
    )
    by_marketplace = mail in {"m19", "m20"}
    code, counted = ("MKT-9", False) if by_marketplace else ("SEL-9", True)
    units = [
        Units(_("見本の商品"), "SAMPLE-1", 2),
        Units(_("別の商品"), "SAMPLE-2", 1),
    ]
    request = {
        "reason_label": _("その他"),
        "buyer_text": "",
        "requested_at": now,
        "response_due_at": now + timedelta(hours=48),
        "decline_reason_label": _("その他"),
        "decline_text": "",
        "tracking": "",
    }
    url = f"{settings.SITE_URL}/"
    return {
        "order": order if "order" in MAILS[mail].placeholders else None,
        "can_be_silenced": MAILS[mail].number in MAY_BE_SILENCED,
        "seller_name": _("見本の店舗"),
        "recipient_name": _("見本 太郎"),
        "items": units[:1],
        "remaining_items": units[1:],
        "whole": not mail.startswith("m13"),
        "url": url,
        "request": request,
        "cancellation": {
            "reason_label": _("その他"),
            "sentence": sentence(code, counted),
            "counted": counted,
            "code": code,
            "reason": "MARKETPLACE_OTHER" if by_marketplace else "OTHER",
        },
        "closes_request": False,
        "shipment": {"items": units[:1], "carrier": "", "tracking_number": "", "shipped_on": today},
        "charge_amount": Decimal(2460),
        "refund_amount": Decimal(1230) if mail in {"m11", "m12"} else None,
        "topic": _("その他"),
        "message": {"topic": _("その他"), "text": _("見本のメッセージ")},
        "refund_reason": _("返品"),
        "refunded_on": now,
        "not_charged": True,
        "n": 3,
        "rows": [
            {
                "order": order,
                "request": request,
                "is_requested": True,
                "url": url,
                "cancellation": SimpleNamespace(order=order),
                "why": sentence("SEL-1", counted=True),
            }
        ],
        "unlisted": 2,
        "first_due_at": due,
        "any_requested": True,
        **_sample_of_rate(now),
        **_sample_of_feed(),
    }


def _sample_of_rate(now: datetime) -> dict[str, Any]:
    """Invented facts about a shop's rate, and about a dispute that was granted."""
    standing = SimpleNamespace(
        shown="2.50%",
        rate=SimpleNamespace(counted=1, orders=40),
        window=SimpleNamespace(start=now - timedelta(days=6)),
        at=now,
    )
    return {
        "standing": standing,
        "state_words": _("目標未達"),
        "is_watch": False,
        "limit": "2.5",
        "leaves_at": now + timedelta(days=7),
        "dispute": SimpleNamespace(state="GRANTED", decision_reason=_("見本のメッセージ")),
    }


def _sample_of_feed() -> dict[str, Any]:
    """Invented facts about a file that was processed."""
    feed = SimpleNamespace(
        document=SimpleNamespace(file_name="sample.txt"),
        receipt="F-20260708-0001",
        get_kind_display=_("注文キャンセルフィード"),
        lines_read=12,
        lines_done=9,
        lines_unchanged=1,
        lines_warned=1,
        lines_refused=1,
    )
    return {"feed": feed, "why_fatal": ""}


def _settings_url() -> str:
    return f"{settings.SITE_URL}{reverse('seller:notifications')}"
