"""What a form may be sent by mistake or on purpose: never a 500, nothing changed, and what was typed stays."""

import re
from html.parser import HTMLParser
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from cancellations.models import Cancellation, CancellationRequest
from events.models import Event, IdempotencyKey
from tests.factories import PASSWORD

from . import cast as bodies
from .access import ACCESS, POST
from .cast import BUYER, OPERATOR, OWNER, Cast, everything

ACTS = {name: rule for name, rule in ACCESS.items() if rule.body}
# Every form of the portal: whatever takes a POST and is no part of the admin. A new one is covered by being here.
# The form for a new password is there only behind a link (test_forgotten_password.py), and what providers send is no
# form: it is known by its signature (tests/payments).
FORMS = [
    name
    for name, rule in ACCESS.items()
    if rule.methods >= POST and name not in {"password-new", "provider-notices"}
]
MEMO = "在庫の棚卸しで不足が判明しました"


class FieldsOf(HTMLParser):
    """The fields of the forms on a page that are sent to one address, with what they hold at first."""

    def __init__(self, page: str, address: str) -> None:
        super().__init__()
        self.address, self.inside, self.fields = address, False, dict[str, str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs) -> None:
        """Note each field of a form that posts to the address."""
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("method") == "post" and (given.get("action") or self.address) == self.address
        elif self.inside and tag in {"input", "select", "textarea", "button"} and given.get("name"):
            self.fields.setdefault(given["name"], given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        """Leave the form."""
        self.inside = self.inside and tag != "form"


def address_of(cast: Cast, name: str) -> str:
    """Where the form is sent."""
    rule = ACCESS[name]
    about = cast.rows[rule.row] if rule.row else [cast.orders[rule.order].number] if rule.order else []
    return reverse(name, args=about if isinstance(about, tuple | list) else [about])


def body_of(cast: Cast, name: str) -> dict[str, str]:
    """What the form sends: as the table of access says, else every field that its own page shows."""
    rule = ACCESS[name]
    if rule.body:
        return rule.body(cast.orders[rule.order])
    if "GET" not in rule.methods:
        return {}
    page = client_for(cast, name).get(address_of(cast, name), {"orders": cast.orders["waiting"].number})
    fields = FieldsOf(page.content.decode(), address_of(cast, name)).fields
    return {field: value for field, value in fields.items() if field != "csrfmiddlewaretoken"}


def client_for(cast: Cast, name: str) -> Client:
    """The browser of whoever may do this act; a fresh one where a session is begun or ended."""
    if name in {"login", "logout"}:
        return Client()
    return cast.client(OWNER if name.startswith(("seller:", "consent")) else BUYER)


def send(cast: Cast, name: str, change):
    """Send the act's own form with something about it changed."""
    rule = ACTS[name]
    order = cast.orders[rule.order]
    return client_for(cast, name).post(reverse(name, args=[order.number]), change(rule.body(order)))


@pytest.mark.parametrize("name", ACTS)
def test_b30_a_form_without_one_of_its_hidden_fields_does_nothing_and_says_so(cast: Cast, name: str):
    before = everything()
    for field in ("key", "expected_version"):
        if field not in ACTS[name].body(cast.orders[ACTS[name].order]):
            continue
        for value in (None, "", "x" * 65, "-1", "9" * 5000):
            if field == "key" and value in {"-1"}:
                continue
            response = send(
                cast,
                name,
                lambda data, field=field, value=value: (
                    {key: each for key, each in data.items() if key != field}
                    | ({} if value is None else {field: value})
                ),
            )
            assert response.status_code in {200, 302}, (field, value)
            told = response if response.status_code == 200 else client_for(cast, name).get(response["Location"])
            assert "この画面の内容では送信できません" in told.content.decode(), (field, value)
    after = everything()
    assert {table for table in after if after[table] != before[table]} <= {"cancellations_cancellationrequest"}
    assert not Cancellation.objects.filter(order__in=cast.orders.values()).exists()
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("name", ACTS)
def test_b30_unknown_and_doubled_fields_bind_nothing(cast: Cast, name: str):
    """No field of a model is set by naming it: the last of doubled values counts, others are ignored."""
    extra = {
        "seller_id": "1",
        "buyer_id": "1",
        "status": "SHIPPED",
        "counted": "",
        "role": "MARKETPLACE",
        "version": "99",
        "by": "1",
        "now": "2000-01-01",
        "order_id": "1",
        "code": "MKT-4",
    }
    order = cast.orders[ACTS[name].order]
    buyer, seller = order.buyer_id, order.seller_id
    response = send(cast, name, lambda data: data | extra | {"key": ["other", data["key"]]})
    assert response.status_code == 302
    order.refresh_from_db()
    assert (order.buyer_id, order.seller_id) == (buyer, seller)
    event = Event.objects.latest("pk")
    assert event.role == ("SELLER" if name.startswith("seller:") else "BUYER")
    assert event.happened_at >= cast.now
    assert [row.key for row in IdempotencyKey.objects.all()] == [bodies.KEY]
    assert not Cancellation.objects.filter(code__startswith="MKT").exists()


ODD = ("\x00", "a\x00b", "\ufffe" * 3, "x" * 1_000_000, "٣", "１" * 40, "1e3", "-0", "NaN", "=1+1", "9" * 5000)


# What these do, they do whatever is sent.
READ_NO_FIELD = {
    "logout",
    "seller:report-schedule-end",
    "seller:application-end",
    "seller:keys-end",
    "seller:webhook-end",
    "seller:webhook-again",
}


@pytest.mark.parametrize("name", [name for name in FORMS if name not in READ_NO_FIELD])
def test_b33_no_text_in_any_field_breaks_a_form(cast: Cast, name: str):
    """NUL, half a surrogate pair, a megabyte, odd numbers, broken encodings: an answer, never an error of ours."""
    client, address, body = client_for(cast, name), address_of(cast, name), body_of(cast, name)
    for count, most in ((2000, 499), (settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1, 400)):
        assert client.post(address, {f"field-{number}": "1" for number in range(count)}).status_code <= most
    assert client.post(address, {"reason": "あ" * 1_000_000}).status_code == 400
    assert client.post(address, b"\xff" * 100, content_type="multipart/form-data; boundary=x").status_code < 500
    raw = "&".join(f"{quote(field)}=%ED%A0%80" for field in body)
    assert client.post(address, raw, content_type="application/x-www-form-urlencoded").status_code < 500
    for text in ODD:
        assert client.post(address, dict.fromkeys(body, text)).status_code < 500, text[:9]
    # Alone, so that no other field's error hides what it does: what no text is, and what no number is.
    for field in body:
        for text in (ODD[0], ODD[-1]):
            assert client.post(address, body | {field: text}).status_code < 500, (field, text[:9])


# Nothing has to be given to these: an empty form of theirs does what it says.
ASKS_FOR_NOTHING = {"language", *READ_NO_FIELD}


@pytest.mark.parametrize("name", [name for name in FORMS if name not in ASKS_FOR_NOTHING])
def test_b30_an_empty_form_and_one_of_unknown_fields_change_nothing(cast: Cast, name: str):
    before = everything()
    for data in ({}, {"status": "SHIPPED", "seller_id": "1", "is_staff": "on", "operator_role": "ADMIN"}):
        response = client_for(cast, name).post(address_of(cast, name), data)
        assert response.status_code in {200, 302, 400, 404}
    after = everything()
    # Showing a request for the first time is noted; a form of switches that are all off is a choice.
    allowed = {"cancellations_cancellationrequest"} | CHOICES.get(name, set())
    assert {table for table in after if after[table] != before[table]} <= allowed


# Forms in which leaving out every field is something a person may want.
CHOICES = {
    "seller:settings": {"accounts_user", "accounts_mailsetting"},
    "seller:notifications": {"accounts_mailsetting", "events_auditentry"},
    "buyer:preferences": {"accounts_user", "accounts_mailsetting"},
}


@pytest.mark.parametrize("name", FORMS)
def test_b35_looking_at_the_address_of_an_act_does_nothing(cast: Cast, name: str):
    """GET and HEAD never act; every other method is refused, 405."""
    client, address = client_for(cast, name), address_of(cast, name)
    body = body_of(cast, name)
    client.get(address)  # what is shown for the first time is noted once
    before = everything()
    for method in ("get", "head"):
        answer = getattr(client, method)(address, body)
        assert answer.status_code == 405 or "GET" in ACCESS[name].methods, method
    for method in ("put", "patch", "delete"):
        assert getattr(client, method)(address, body).status_code == 405, method
    assert everything() == before


SHARED = {"login", "password-forgotten", "logout", "language"}


@pytest.mark.parametrize("name", [name for name in FORMS if name not in SHARED])
def test_b31_what_is_sent_after_signing_out_leads_to_signing_in_and_back_and_does_nothing(cast: Cast, name: str):
    address, body = address_of(cast, name), body_of(cast, name)
    page = address if "GET" in ACCESS[name].methods else reverse("buyer:order", args=[cast.orders["asked"].number])
    before = everything()
    browser = Client()
    sent = browser.post(address, body, headers={"referer": f"http://testserver{page}"})
    assert sent.status_code == 302
    assert sent["Location"].startswith(f"/login/?{urlencode({'next': page})}&")
    assert everything() == before
    person = cast.people[OWNER if name.startswith(("seller:", "consent")) else BUYER]
    back = browser.post(sent["Location"], {"email": person.email, "password": PASSWORD})
    assert (back.status_code, back["Location"]) == (302, page)
    after = everything()
    assert {table for table in after if after[table] != before[table]} <= {"accounts_user"}  # last seen


LINES = {
    "seller:order-confirm-shipment": ("carrier", "tracking_number"),
    "seller:order-decline": ("tracking",),
}


@pytest.mark.parametrize("name", LINES)
def test_b34_a_line_break_in_a_short_text_is_named_beside_its_field_and_changes_nothing(cast: Cast, name: str):
    before = everything()
    for field in LINES[name]:
        for text in ("ヤマト\r\nBcc: eve@evil.example", "a\nb", "a\rb", "a\tb", "a\x1bb"):
            response = send(cast, name, lambda data, field=field, text=text: data | {field: text})
            assert response.status_code == 200
            assert f'id="id_{field}_error"' in response.content.decode(), (field, text)
    after = everything()
    assert {table for table in after if after[table] != before[table]} <= {"cancellations_cancellationrequest"}


def test_b21_a_comment_keeps_its_lines_and_loses_marks_that_turn_writing_round(cast: Cast):
    order = cast.orders["waiting"]
    text = "一行目\r\n\u202e二行目\u2066\r三行目"
    assert send(cast, "buyer:order-request", lambda data: data | {"text": text}).status_code == 302
    assert CancellationRequest.objects.get(order=order).buyer_text == "一行目\n二行目\n三行目"
    for role, page in ((BUYER, "buyer:order"), (OWNER, "seller:order")):
        shown = cast.client(role).get(reverse(page, args=[order.number])).content.decode()
        assert "一行目<br>二行目<br>三行目" in shown


TEXTS = {
    "seller:order-cancel": ("seller_memo", 1000),
    "seller:order-cancel-items": ("seller_memo", 1000),
    "seller:order-decline": ("text", 500),
    "seller:order-confirm-shipment": ("tracking_number", 60),
    "seller:order-refund": ("seller_memo", 1000),
    "buyer:order-request": ("text", 500),
}


@pytest.mark.parametrize("name", TEXTS)
def test_b33_too_long_and_unstorable_texts_are_named_beside_their_field_and_change_nothing(cast: Cast, name: str):
    field, most = TEXTS[name]
    before = everything()
    for text in ("x" * (most + 1), "あ" * 300_000, "\x00", "メモ\x00です"):
        response = send(cast, name, lambda data, text=text: data | {field: text})
        assert response.status_code == 200
        assert f'id="id_{field}_error"' in response.content.decode()
    after = everything()
    assert {table for table in after if after[table] != before[table]} <= {"cancellations_cancellationrequest"}
    assert send(cast, name, lambda data: data | {field: "x" * most}).status_code == 302


@pytest.mark.parametrize(
    "query", ["q", "from", "to", "sort", "status", "cursor", "requested", "due", "late", "order_by"]
)
def test_b33_b45_nothing_in_the_address_of_a_list_breaks_it(cast: Cast, query: str):
    """Neither odd text nor names of columns: what cannot be read is left out."""
    odd = (
        "\x00",
        "%",
        "_",
        "\\",
        "'; DROP TABLE orders_order; --",
        "buyer__email",
        "-password",
        "x" * 5000,
        "9999-12-31",
        "0001-01-01",
        "2026-02-30",
        "10000-01-01",
        "٢٠٢٦-٠١-٠١",
        "eyJsYW5lIjowfQ:1:x",
        "\ufdfa" * 50,
        "@",
        "a@",
        "250-0000001-0000001",
        "999 9999999 9999999",
        "1",
    )
    for text in odd:
        for role, name in ((OWNER, "seller:orders"), (BUYER, "buyer:orders")):
            response = cast.client(role).get(reverse(name), {query: text})
            assert response.status_code == 200, (name, text)
        for name in ("seller:orders-cancel", "seller:packing-slips", "seller:pick-list"):
            assert cast.client(OWNER).get(reverse(name), {"order": text, query: text}).status_code < 500, (
                name,
                text,
            )
    raw = f"{reverse('seller:orders')}?{query}=%ED%A0%80%FF"
    assert cast.client(OWNER).get(raw).status_code == 200


@pytest.mark.parametrize("name", ["seller:order-cancel", "seller:order-decline", "seller:order-confirm-shipment"])
def test_b31_a_form_about_an_older_state_does_nothing_shows_the_new_one_and_keeps_the_text(cast: Cast, name: str):
    order = cast.orders["asked"]
    body = ACTS[name].body(order)
    field = {"seller:order-cancel": "seller_memo", "seller:order-decline": "text"}.get(name, "tracking_number")
    stale = body | {field: MEMO, "already_shipped": "on"}
    cast.client(BUYER).post(reverse("buyer:order-withdraw", args=[order.number]), {"key": "w"})
    bodies.ask(order, cast.people[BUYER], now=cast.now)
    before = everything()
    response = cast.client(OWNER).post(reverse(name, args=[order.number]), stale)
    assert response.status_code == 200
    page = response.content.decode()
    assert "この注文はほかの操作で更新されました" in page
    assert MEMO in page
    order.refresh_from_db()
    assert f'name="expected_version" value="{order.version}"' in page
    after = everything()
    assert {table for table in after if after[table] != before[table]} <= {"cancellations_cancellationrequest"}


@pytest.mark.parametrize(
    "name", [name for name, rule in ACCESS.items() if rule.methods & POST and name != "provider-notices"]
)
def test_b35_no_changing_form_works_without_its_csrf_token(cast: Cast, name: str):
    """Missing, foreign, and from another site: a 403 page with a way back, and nothing done."""
    rule = ACCESS[name]
    role = OWNER if name.startswith(("seller:", "consent")) else BUYER
    client = cast.client(role, enforce_csrf_checks=True)
    order = cast.orders.get(rule.order)
    address = address_of(cast, name)
    data = rule.body(order) if rule.body and order else {}
    before = everything()
    for more in ({}, {"csrfmiddlewaretoken": "x" * 64}, {"csrfmiddlewaretoken": "\x00"}):
        response = client.post(address, data | more)
        assert response.status_code == 403
        assert "ページの有効期限が切れました。" in response.content.decode()
        assert 'href="/"' in response.content.decode()
    page = client.get("/login/" if name == "login" else "/account/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())
    foreign = {"csrfmiddlewaretoken": token.group(1)} if token else {}
    elsewhere = client.post(address, data | foreign, headers={"origin": "https://evil.example"})
    assert elsewhere.status_code == 403
    assert everything() == before


def test_b35_no_act_of_the_admin_works_without_its_csrf_token(cast: Cast):
    client = cast.client(OPERATOR, enforce_csrf_checks=True)
    before = everything()
    for act in ("cancel-fraud", "hold", "verify-payment"):
        address = reverse("admin:orders_order_act", args=[cast.orders["waiting"].pk, act])
        assert client.post(address, {"note": "x", "reason": "FRAUD"}).status_code == 403
    assert everything() == before


def test_b33_the_admin_answers_odd_input_beside_its_field(cast: Cast):
    order, client = cast.orders["waiting"], cast.client(OPERATOR)
    before = everything()
    for act, data in (
        ("hold", {"note": "\x00"}),
        ("hold", {"note": "x" * 501}),
        ("cancel-for-seller", {"note": "x", "reason": "AUTO_NOT_CONFIRMED"}),
        ("cancel-for-seller", {"note": "x", "reason": "IMPORTED"}),
        ("cancel-for-seller", {"note": "x", "reason": "\x00"}),
        ("ship-by", {"note": "x", "ship_by_date": "2026-02-30"}),
        ("ship-by", {"note": "x", "ship_by_date": "9999-12-31"}),
    ):
        response = client.post(reverse("admin:orders_order_act", args=[order.pk, act]), data)
        assert response.status_code == 200, (act, data)
    assert everything() == before


@pytest.mark.parametrize("quantity", ["", " ", "0", "99", "x"])
def test_b30_a_chosen_item_without_a_readable_quantity_cancels_nothing(cast: Cast, quantity: str):
    """Empty never means all: cancelling alone cannot be undone."""
    order = cast.orders["fresh"]
    name = next(name for name in bodies.buyer_cancel_body(order) if name.startswith("quantity-"))
    before = everything()
    answer = send(cast, "buyer:order-cancel", lambda data: data | {name: quantity})
    assert answer.status_code == 200
    assert everything() == before
