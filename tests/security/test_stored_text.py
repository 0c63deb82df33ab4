"""Stored text is text: on every page, in the admin and in every mail, whoever wrote it (S-33, S-34)."""

import email
import re
from decimal import Decimal
from email import policy as mail_policy
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from cancellations.actions import CancelTarget, DeclineTarget, WithdrawTarget, cancel, decline, withdraw
from cancellations.models import Cancellation, CancellationRequest
from cancellations.policy import DeclineReason, Interlock, Reason
from events.actions import deliver_due
from events.models import SentMail
from messaging.actions import MessageTarget, send
from messaging.files import File, Kind
from messaging.models import Message
from messaging.rules import Topic
from orders.models import Order
from payments.models import Refund
from payments.refunds import RefundTarget, refund
from payments.rules import RefundReason
from shipments.actions import ConfirmTarget, confirm_shipment
from tests import factories
from tests.factories import operator_actor, seller_actor

from .cast import BUYER, OPERATOR, OWNER, Cast, ask, place

# What a browser would run, load or be led astray by, if any page showed it as it stands.
RUNS = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</textarea></title></style><svg/onload=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<img src=x>",
    "<details open ontoggle=alert(1)>x</details>",
    "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<object data=data:text/html,x></object>",
    "<embed src=data:text/html,x>",
    "<base href=//evil.example/>",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "</option></select><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "</td></tr></table><img src=x onerror=alert(1)>",
    "<math><a href=javascript:alert(1)>x</a></math>",
    "<a href=' javascript:alert(1)'>x</a>",
    "<input autofocus onfocus=alert(1)>",
    "<b onclick=alert(1)>x</b>",
)
# What quotes, templates, spreadsheets, logs or readers could take for something else.
TRICKS = (
    "' onmouseover='alert(1)' x='",
    '" autofocus onfocus="alert(1)',
    "<!--<script>alert(1)//-->",
    "{{ 7|add:7 }}{% now 'Y' %}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "${7*7}<%= 7*7 %>",
    "javascript:alert(1)",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "%s %(name)s {0} {name}",
    "'; DROP TABLE orders_order; --",
    '=HYPERLINK("http://evil.example","x")',
    "+cmd|' /C calc'!A0",
    "https://evil.example/account/",
    "]]><![CDATA[x",
    "＜script＞alert(1)＜/script＞",
    "e\u0301\u200d\u200b\u2060👩\u200d👩\u200d👧 x",
    "x\u2028y\u2029z",
    "W" * 60,
    "../../etc/passwd",
)
PAYLOADS = RUNS + TRICKS
LINE = "x\r\nBcc: evil@evil.example\r\nX: y"


class Look(HTMLParser):
    """Collects what a browser would run or load."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        runs = [name for name in named if name.startswith("on")]
        leads = [value for name, value in attrs if name in {"href", "src", "action"} and _runs(value)]
        if (
            runs
            or leads
            or (tag == "script" and "src" not in named)
            or tag in {"iframe", "object", "embed", "base", "math"}
        ):
            self.bad.append(self.get_starttag_text() or tag)
        if named.get("src") == "x":
            self.bad.append(self.get_starttag_text() or tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _runs(value: str | None) -> bool:
    return (value or "").strip().lower().startswith(("javascript:", "data:text", "vbscript:"))


def look_at(html: str) -> Look:
    """Read a page as a browser does."""
    look = Look()
    look.feed(html)
    return look


@pytest.fixture
def told(cast: Cast):
    """Payloads in every text that shops and buyers can leave, through a whole story of orders."""

    def tell(payload: str, of_buyers: str) -> list[Order]:
        seller, dora, alice = cast.seller, cast.people[BUYER], cast.people[OWNER]
        seller.name = payload[:100]
        seller.save()
        for user, words in ((dora, of_buyers), (alice, payload)):
            user.name = words[:100]
            user.save()
        goods = [
            factories.item(payload, sku=payload[:80], quantity=2),
            factories.item(payload, sku=payload[:80], buyer_cancelable=False, not_cancelable_reason=payload),
        ]
        orders = [
            place(
                seller,
                dora,
                placed_at=cast.now,
                items=goods[: 1 + (number == 6)],
                service_level=payload[:60],
                payment_method=payload[:40],
            )
            for number in range(7)
        ]
        for order in orders:
            for name in ("name", "state", "city", "line1", "line2", "line3", "postal_code"):
                setattr(order.recipient, name, of_buyers[: 20 if name == "postal_code" else 60])
            order.recipient.save()
        now = timezone.now()
        for order in orders[:5]:
            ask(order, dora, now=now, text=of_buyers)
        CancellationRequest.objects.update(reason_label=payload)
        target = DeclineTarget(orders[0].pk, DeclineReason.OTHER, text=payload, tracking=payload[:60])
        decline(targets=[target], by=seller_actor(alice), now=now)
        cancel(
            targets=[CancelTarget(orders[1].pk, Reason.BUYER_CANCELED, memo=payload)],
            by=seller_actor(alice),
            now=now,
        )
        withdraw(targets=[WithdrawTarget(orders[2].pk)], by=factories.buyer_actor(dora), now=now)
        shipped = ConfirmTarget(
            orders[3].pk,
            timezone.localdate(now),
            carrier=payload[:60],
            tracking_number=payload[:60],
            says_already_shipped=True,
        )
        confirm_shipment(targets=[shipped], interlock=Interlock.ASK, by=seller_actor(alice), now=now)
        back = RefundTarget(orders[3].pk, RefundReason.RETURN, beside=Decimal(1), memo=payload)
        refund(targets=[back], by=seller_actor(alice), now=now)
        paper = File(payload[:100], Kind.PDF, b"%PDF-1.7")
        for by, words in ((factories.buyer_actor(dora), of_buyers), (seller_actor(alice), payload)):
            send(
                targets=[MessageTarget(orders[4].pk, Topic.OTHER, words, files=(paper,))],
                by=by,
                now=now,
            )
        line = orders[6].lines[0]
        part = CancelTarget(orders[6].pk, Reason.NO_INVENTORY, units={line.pk: 1}, memo=payload)
        cancel(targets=[part], by=seller_actor(alice), now=now)
        fraud = CancelTarget(orders[5].pk, Reason.FRAUD, memo=payload)
        cancel(targets=[fraud], by=operator_actor(cast.people[OPERATOR]), now=now)
        while deliver_due(clock=timezone.now):
            pass
        return orders

    return tell


# Two of them a story: one wrote the shop's texts, the other the buyer's, and every other time the other way round.
PAIRS = [
    (trick, run) if number % 2 else (run, trick)
    for number, (run, trick) in enumerate(zip(RUNS, TRICKS, strict=True))
]


@pytest.mark.parametrize(("payload", "of_buyers"), PAIRS)
def test_s33_stored_text_is_shown_as_text_on_every_page_and_in_every_mail(cast: Cast, told, payload, of_buyers):
    orders = told(payload, of_buyers)
    pages = {}
    for role, names in {
        OWNER: ["order-cancel", "order-cancel-items", "order-decline", "order-confirm-shipment"],
        BUYER: ["order-cancel", "order-request"],
    }.items():
        space = "seller" if role == OWNER else "buyer"
        shown = (orders[0], orders[1], orders[3], orders[6])  # declined, cancelled, sent, cancelled in part
        addresses = [reverse(f"{space}:order", args=[order.number]) for order in shown]
        # Forms say the same of every order: those of one that is asked about.
        addresses += [reverse(f"{space}:{name}", args=[orders[4].number]) for name in names]
        addresses += [reverse(f"{space}:orders"), reverse(f"{space}:messages")]
        sought = urlencode({"q": payload if role == OWNER else of_buyers})
        addresses += [f"{reverse(f'{space}:{name}')}?{sought}" for name in ("orders", "messages")]
        addresses += [reverse(f"{space}:message", args=[orders[4].number])]
        addresses += [reverse("seller:home") if role == OWNER else reverse("buyer:account")]
        for address in addresses:
            pages[role, address] = cast.client(role).get(address, follow=True).content.decode()
    for model, keys in {
        "orders_order": [orders[4].pk],
        "cancellations_cancellationrequest": CancellationRequest.objects.values_list("pk", flat=True)[:1],
        "cancellations_cancellation": Cancellation.objects.values_list("pk", flat=True)[:1],
        "payments_refund": Refund.objects.values_list("pk", flat=True),
        "messaging_message": Message.objects.values_list("pk", flat=True)[:1],
        "accounts_user": User.objects.values_list("pk", flat=True)[:1],
        "events_sentmail": SentMail.objects.values_list("pk", flat=True)[:1],
    }.items():
        pages[OPERATOR, model] = cast.client(OPERATOR).get(reverse(f"admin:{model}_changelist")).content.decode()
        for key in keys:
            address = reverse(f"admin:{model}_change", args=[key])
            pages[OPERATOR, address] = cast.client(OPERATOR).get(address).content.decode()
    for sent in SentMail.objects.all():
        pages["mail", f"{sent.mail} {sent.pk}"] = sent.html
    assert {sent.mail for sent in SentMail.objects.all()} >= {
        "m01",
        "m02",
        "m04",
        "m05",
        "m08",
        "m09",
        "m11",
        "m12",
        "m13_buyer",
        "m23_buyer",
        "m23_seller",
    }
    bad = {place: look_at(html).bad for place, html in pages.items()}
    assert {place: found for place, found in bad.items() if found} == {}
    for role, place_of, words in (
        (OWNER, reverse("seller:order", args=[orders[1].number]), (payload, of_buyers)),
        (BUYER, reverse("buyer:order", args=[orders[1].number]), (payload, of_buyers)),
        (OPERATOR, reverse("admin:orders_order_change", args=[orders[4].pk]), (payload,)),
        (OWNER, reverse("seller:message", args=[orders[4].number]), (payload, of_buyers)),
        (BUYER, reverse("buyer:message", args=[orders[4].number]), (payload, of_buyers)),
        (OPERATOR, "messaging_message", (payload, of_buyers)),
    ):
        text = "".join(look_at(pages[role, place_of]).text)
        assert [each for each in words if each[:20] not in text] == [], place_of


def test_s33_the_look_finds_what_a_browser_would_run():
    """The control: whatever runs is found out where it is not escaped."""
    assert len(PAYLOADS) == 40
    for payload in RUNS:
        assert look_at(f"<p>{payload}</p>").bad, payload
    for payload in TRICKS:
        assert not look_at(f"<p>{payload}</p>").bad, payload
    assert look_at(f"<p title='{TRICKS[0]}'>").bad
    assert look_at(f'<p title="{TRICKS[1]}">').bad


@pytest.mark.parametrize("payload", [LINE, RUNS[1]])
def test_s34_a_mail_goes_to_its_one_reader_with_links_to_our_own_host(told, payload: str):
    """No header comes from stored text, and no link leads elsewhere."""
    told(payload, payload)
    assert mail.outbox
    for sent in mail.outbox:
        read = email.message_from_bytes(sent.message().as_bytes(), policy=mail_policy.default)
        assert set(read.keys()) <= {
            "Content-Type",
            "MIME-Version",
            "Subject",
            "From",
            "To",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "List-Unsubscribe",
        }
        assert len(read["To"].addresses) == 1
        assert read["To"].addresses[0].domain in {"seller.example", "buyer.example"}
        assert "evil.example" not in str(read["Subject"])
        html = read.get_body(("html",)).get_content()
        for link in re.findall(r'(?:href|src)="([^"]*)"', html):
            assert link.startswith(settings.SITE_URL), link
