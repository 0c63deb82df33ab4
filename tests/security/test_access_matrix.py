"""Who may see and do what: every address × every role × every method, against one table (reliability 5.1)."""

import re
from copy import deepcopy
from urllib.parse import urlsplit

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from cancellations.models import Cancellation
from events.models import Event, SentMail
from orders.models import Order
from sellercentral.middleware import PERMISSIONS_POLICY
from tests import factories

from . import access
from .access import ACCESS, ALL_METHODS, Rule, address_of
from .cast import (
    ANONYMOUS,
    BUYER,
    EVERYBODY,
    NO_ROLE,
    OPERATOR,
    OPERATORS,
    OWNER,
    Cast,
    everything,
    message_body,
    place,
)

NOBODYS_NUMBER = "250-7654321-1234567"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS_POLICY,
}
REFUSED = {403, 404, 405, "login"}
VERSIONS = {"server", "x-powered-by", "x-aspnet-version", "via"}


def knock(client, method: str, address: str, data: dict | None = None) -> HttpResponse:
    """Send one request and take back whatever it wrote, in the database and in the browser."""
    with transaction.atomic():
        response = ask(client, method, address, data)
        transaction.set_rollback(True)
    return response


def ask(client, method: str, address: str, data: dict | None = None) -> HttpResponse:
    """Send one request; the browser forgets what it was told to keep."""
    cookies = deepcopy(client.cookies)
    if method == "POST":
        response = client.post(address, data or {})
    elif method == "TRACE":
        response = client.trace(address)
    else:
        response = client.generic(method, address)
    client.cookies = cookies
    return response


def answered(response: HttpResponse) -> int | str:
    """The status, or `login` for being sent to sign in."""
    if response.status_code == 302 and urlsplit(response["Location"]).path == reverse("login"):
        return "login"
    return response.status_code


def wrong_headers(response: HttpResponse, *, signed_in: bool) -> dict[str, str | None]:
    """What the answer should have said and did not (S-30, S-31, S-64)."""
    wanted = HEADERS | ({"Cache-Control": "no-store"} if signed_in else {})
    wrong = {name: response.get(name) for name, value in wanted.items() if response.get(name) != value}
    return wrong | {name: response[name] for name in response.headers if name.lower() in VERSIONS}


def test_s01_every_address_has_a_rule_and_every_rule_an_address():
    of_people = {name for name in access.routes() if not name.startswith(access.FOR_SOFTWARE)}
    assert set(ACCESS) | set(access.admin_access()) == of_people


@pytest.mark.parametrize("name", ACCESS)
def test_s02_s03_s05_every_role_gets_by_every_method_what_the_table_says(cast: Cast, name: str):
    """And what is refused changes no row of any table: nothing takes it back here."""
    rule, order = ACCESS[name], cast.orders.get(ACCESS[name].order)
    address = address_of(name, order.number if order else cast.rows.get(rule.row, ""))
    data = rule.body(order) if rule.body and order else {}
    wrong = []
    clients = {role: cast.client(role) for role in EVERYBODY}
    before = everything()
    for role, client in clients.items():
        for method in ALL_METHODS:
            expected = expected_of(name, rule, role, method)
            is_refused = expected in REFUSED and name != "logout"  # who signs out need not be anybody
            response = (ask if is_refused else knock)(client, method, address, data)
            if answered(response) != expected:
                wrong.append((role, method, expected, answered(response)))
            if faults := wrong_headers(response, signed_in=role != ANONYMOUS):
                wrong.append((role, method, "headers", faults))
    assert wrong == [], wrong
    after = everything()
    assert {table for table in after if after[table] != before[table]} == set()


def expected_of(name: str, rule: Rule, role: str, method: str) -> int | str:
    """What the rule says; who is signed in already is sent on from the page for signing in."""
    if name == "login" and role != ANONYMOUS and method in access.READ:
        return 302
    return rule.expected(role, method)


@pytest.mark.parametrize("name", [name for name, rule in ACCESS.items() if rule.order])
def test_s04_a_foreign_order_is_answered_like_one_that_does_not_exist(cast: Cast, name: str):
    """Same bytes, same status, as many statements: only the request's own number and token differ."""
    rule = ACCESS[name]
    address = reverse(name, args=[NOBODYS_NUMBER])
    body = rule.body(cast.orders[rule.order]) if rule.body else {}
    asked = [
        (role, method)
        for role in sorted(rule.roles - {ANONYMOUS})
        for method in sorted(rule.methods)
        if role not in rule.owners
    ]
    assert asked

    def answers() -> list[tuple[int, bytes, int]]:
        found = []
        for role, method in asked:
            client = cast.client(role)
            with CaptureQueriesContext(connection) as captured:
                response = knock(client, method, address, body)
            said = sum("SAVEPOINT" not in query["sql"] for query in captured.captured_queries)
            found.append((response.status_code, stripped(response), said))
        return found

    unknown = answers()
    place(cast.seller, cast.people["buyer"], placed_at=cast.now, number=NOBODYS_NUMBER)
    foreign = answers()
    assert [answer[:2] for answer in foreign] == [answer[:2] for answer in unknown]
    assert {status for status, _, _ in unknown} == {404}
    assert all(abs(one[2] - other[2]) <= 1 for one, other in zip(foreign, unknown, strict=True))


TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]+"')


def stripped(response: HttpResponse) -> bytes:
    """The answer without the request's own number and token."""
    return TOKEN.sub(b"", response.content).replace(response["X-Request-Id"].encode(), b"")


MALFORMED = (
    "1",
    "250-7654321",
    "250-7654321-123456x",
    "250-7654321-1234567%20",
    "２５０-7654321-1234567",
    "%00",
    "..%2f..%2f",
    "-1",
)


def test_s04_a_malformed_order_number_leads_nowhere(cast: Cast):
    for name in (name for name, rule in ACCESS.items() if rule.order):
        for number in MALFORMED:
            address = reverse(name, args=[NOBODYS_NUMBER]).replace(NOBODYS_NUMBER, number)
            for role in (ANONYMOUS, OWNER, "buyer"):
                assert knock(cast.client(role), "POST", address).status_code == 404, (role, address)


# --- the admin --------------------------------------------------------------------------------------------


@pytest.fixture
def row_of(cast: Cast):
    """The key of some row of a model, for the addresses of the admin; 0 if nothing was ever stored there."""
    SentMail.objects.create(
        delivery_key="1.mail_buyer.1",
        message_id="<1@localhost>",
        mail="m02",
        order=cast.orders["asked"],
        recipient=cast.people["buyer"],
        address="dora@buyer.example",
        language="ja",
        subject="件名",
        text="本文",
        html="<p>本文</p>",
        sent_at=cast.now,
    )

    def row(model) -> int | str:
        return getattr(model._default_manager.order_by("pk").first(), "pk", 0)

    return row


def admin_address(name: str, row_of, cast: Cast) -> str:
    """An address of the admin, about some row if it is about one."""
    models = {f"{model._meta.app_label}_{model._meta.model_name}": model for model in admin.site._registry}
    special = {
        "admin:app_list": ["orders"],
        "admin:view_on_site": [1, 1],
        "admin:orders_order_act": [cast.orders["waiting"].pk, "cancel-fraud"],
        "admin:orders_order_recipient": [cast.orders["waiting"].pk],
        "admin:metrics_dispute_decide": [cast.rows["dispute"]],
        "admin:metrics_dispute_file": list(cast.rows["dispute-file"]),
        "admin:events_delivery_retry": [row_of(models["events_delivery"])],
        "admin:accounts_application_act": [cast.rows["application"], "close"],
        "admin:accounts_user_reset_second_factor": [cast.people[OWNER].pk],
        "admin:events_sentmail_html": [row_of(SentMail)],
        "admin:events_mailtext_edit": ["m04", "ja"],
        "admin:events_mailtext_preview": ["m04", "ja"],
        "admin:auth_user_password_change": [row_of(models["accounts_user"])],
    }
    if name == "admin/(?P<url>.*)$":
        return "/admin/no/such/page/"
    if name.startswith("admin/"):
        app, model = name.split("/")[1:3]
        return f"/{name.replace('<path:object_id>', str(row_of(models[f'{app}_{model}'])))}"
    kind = name.rpartition("_")[2]
    model = models.get(name.removeprefix("admin:").rpartition("_")[0])
    if name not in special and model and kind in {"change", "history", "delete"}:
        return reverse(name, args=[row_of(model)])
    return reverse(name, args=special.get(name, []))


@pytest.mark.parametrize("role", [role for role in EVERYBODY if role not in OPERATORS])
def test_s02_the_admin_shows_nothing_to_others_and_changes_nothing_by_their_hand(cast: Cast, row_of, role: str):
    """Every page of the admin; every method for those who are nobody there, the usual two for their neighbours."""
    wrong, client, before = [], cast.client(role), everything()
    for name, roles in access.admin_access().items():
        if name == "admin:logout":
            continue  # who signs out need not be anybody
        address = admin_address(name, row_of, cast)
        for method in ALL_METHODS if role in {ANONYMOUS, BUYER, OWNER} else ("GET", "POST"):
            response = knock(client, method, address, {"reason": "FRAUD", "note": "x", "email": "x@y.example"})
            if response.status_code not in {302, 403, 404, 405} or role in roles:
                wrong.append((name, method, response.status_code))
            if response.status_code == 302 and urlsplit(response["Location"]).path not in {
                "/login/",
                "/admin/login/",
            }:
                wrong.append((name, method, response["Location"]))
            if faults := wrong_headers(response, signed_in=role != ANONYMOUS):
                wrong.append((name, method, faults))
    assert wrong == [], wrong
    assert everything() == before


def test_s02_operators_see_the_admin_pages_of_their_role(cast: Cast, row_of):
    wrong = []
    for name, roles in access.admin_access().items():
        if name in {"admin:autocomplete", "admin:view_on_site", "admin:logout", "operator-sign-in", "admin:login"}:
            continue
        address = admin_address(name, row_of, cast)
        if address.endswith("/0/change/") or "/0/" in address:
            continue  # a table without a row has no page of one row
        for role in (OPERATOR, NO_ROLE):
            response = knock(cast.client(role), "GET", address)
            seen = response.status_code in {200, 301} or (
                # What happened to a row stands in the audit log.
                response.status_code == 302
                and response["Location"].startswith((address, "/admin/events/auditentry/"))
            )
            if seen != (role in roles):
                wrong.append((name, role, response.status_code))
            policy = response["Content-Security-Policy"]
            if policy != CSP and name not in {"admin:events_sentmail_html", "admin:events_mailtext_preview"}:
                wrong.append((name, role, policy))
    assert wrong == [], wrong


def test_s51_operators_change_by_hand_only_people_shops_and_the_policy(cast: Cast, row_of):
    """Every form of the admin is sent by a superuser with another value in each field."""
    client, wrong = cast.client(OPERATOR), []
    for model in admin.site._registry:
        label, name = model._meta.label_lower, f"{model._meta.app_label}_{model._meta.model_name}"
        data = {each.name: "1" for each in model._meta.fields} | {"action": "delete_selected", "post": "yes"}
        tried = [("delete", reverse(f"admin:{name}_delete", args=[row_of(model)]), 403)]
        if label not in access.ADDED_BY_HAND:
            tried.append(("add", reverse(f"admin:{name}_add"), 403))
        if label not in access.CHANGED_BY_HAND and row_of(model):
            tried.append(("change", reverse(f"admin:{name}_change", args=[row_of(model)]), 403))
        before = everything()
        for kind, address, status in tried:
            answer = client.post(address, data)
            if answer.status_code != status and not (answer.status_code == 302 and not row_of(model)):
                wrong.append((label, kind, answer.status_code))
        keys = list(model._default_manager.values_list("pk", flat=True)[:3])
        client.post(reverse(f"admin:{name}_changelist"), {**data, "_selected_action": keys})
        after = everything()
        changed = {table for table in after if after[table] != before[table]}
        if changed:
            wrong.append((label, changed))
    assert wrong == [], wrong


def test_s50_operators_sign_in_at_the_one_throttled_door(client, db):
    """The admin has no sign-in of its own: five wrong passwords there would not count."""
    factories.person("omar@operator.example", "尾形 守", is_staff=True, is_superuser=True)
    shown = client.get("/admin/")
    while shown.status_code == 302 and urlsplit(shown["Location"]).path != "/login/":
        shown = client.get(shown["Location"])
    assert urlsplit(shown["Location"]).path == "/login/"
    assert "next=%2Fadmin%2F" in shown["Location"]
    tried = client.post("/admin/login/", {"username": "omar@operator.example", "password": factories.PASSWORD})
    assert tried.status_code == 405
    assert "_auth_user_id" not in client.session
    back = client.post(shown["Location"], {"email": "omar@operator.example", "password": factories.PASSWORD})
    assert back["Location"] == "/admin/"


def test_s50_who_is_signed_in_and_no_operator_is_refused_by_the_admin(cast: Cast):
    """A refusal, not a way round in circles between two pages for signing in."""
    for role in ("buyer", OWNER):
        for address in ("/admin/", "/health/status"):
            response = cast.client(role).get(address, follow=True)
            assert response.status_code == 403
            assert len(response.redirect_chain) <= 1


def test_an_operator_without_a_role_acts_on_no_order_and_learns_of_none(cast: Cast):
    """Also not which orders there are: known and unknown are refused alike."""
    order = cast.orders["waiting"]
    client, before = cast.client(NO_ROLE), everything()
    for act in ("cancel-fraud", "hold", "release", "verify-payment", "ship-by", "no-such-act"):
        for order_id in (order.pk, 10**12):
            address = reverse("admin:orders_order_act", args=[order_id, act])
            assert client.post(address, {"note": "x", "reason": "FRAUD"}).status_code == 403
    assert everything() == before


def test_the_checksum_sees_a_changed_value_in_any_table(cast: Cast):
    """The control of S-05: one letter in one row of one table is noticed."""
    before = everything()
    User.objects.filter(email="dora@buyer.example").update(name="森下 遙")
    assert {table for table, value in everything().items() if before[table] != value} == {"accounts_user"}
    before = everything()
    Order.objects.filter(pk=cast.orders["fresh"].pk).update(on_hold=True, held_at=cast.now)
    assert {table for table, value in everything().items() if before[table] != value} == {"orders_order"}


def test_the_allowed_cells_of_the_matrix_really_act(cast: Cast):
    """The control of S-02: a 302 of the matrix is an act done, not a way back."""
    for name, rule in ACCESS.items():
        if not rule.body:
            continue
        order = cast.orders[rule.order]
        order.refresh_from_db()
        events, version = Event.objects.count(), order.version
        client = cast.client(OWNER if OWNER in rule.owners else "buyer")
        with transaction.atomic():
            client.post(reverse(name, args=[order.number]), rule.body(order))
            order.refresh_from_db()
            # A message is no change of its order.
            changes = 0 if rule.body == message_body else 1
            assert (Event.objects.count(), order.version) == (events + 1, version + changes), name
            transaction.set_rollback(True)
        order.refresh_from_db()
    assert not Cancellation.objects.filter(order__in=cast.orders.values()).exists()
