"""Signing in: throttled, silent about who exists, a new session each time, and back only to our own pages."""

from datetime import timedelta
from http.cookies import Morsel
from importlib import reload
from unittest import mock

import pytest
import redis
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone

from accounts.models import LoginAttempt
from tests.factories import PASSWORD, person

from .test_access_matrix import stripped

WRONG = "not-the-password"
FOREIGN_ADDRESSES = (
    "https://evil.example/",
    "http://evil.example",
    "//evil.example",
    "///evil.example",
    "////evil.example/a",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    " https://evil.example",
    "\x00//evil.example",
    "\x01https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "http:\\\\evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "ftp://evil.example",
    "//testserver@evil.example/",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
    "//evil.example%2f@testserver/..",
    "evil.example",
    "mailto:a@evil.example",
    "//[::1]/",
    "//①②⑦.0.0.1/",
)


@pytest.fixture
def dora(db):
    """A buyer who knows her password."""
    return person("dora@buyer.example", "森下 遥")


def sign_in(client: Client, email: str, password: str, **more):
    """Send the form."""
    return client.post("/login/", {"email": email, "password": password, **more})


@pytest.mark.parametrize("address", FOREIGN_ADDRESSES)
def test_s18_signing_in_and_choosing_a_language_lead_only_to_our_own_pages(dora, client, address):
    for response in (
        sign_in(client, dora.email, PASSWORD, next=address),
        client.get("/login/", {"next": address}),
        client.post("/language/", {"language": "en", "next": address}),
    ):
        assert response.status_code == 302
        assert response["Location"] == "/"


def test_s18_our_own_pages_are_led_to(dora, client):
    assert sign_in(client, dora.email, PASSWORD, next="/account/orders/?q=1")["Location"] == "/account/orders/?q=1"


def test_s18_a_visitor_sent_to_sign_in_comes_back_to_a_page_that_only_shows(db, client):
    """Never to the act itself, and to no page of strangers that a form was sent from (B-31)."""
    act = "/account/orders/250-0000001-0000001/withdraw/"
    for referrer, back in (
        ("http://testserver/account/orders/", "%2Faccount%2Forders%2F"),
        ("https://evil.example/account/", "%2F"),
        ("http://testserver//evil.example/", "%2F%2Fevil.example%2F"),
        ("", "%2F"),
    ):
        response = client.post(act, headers={"referer": referrer})
        assert response["Location"] == f"/login/?next={back}&ended=1"
    dora = person("dora@buyer.example", "森下 遥")
    assert (
        client.post("/login/?next=%2F%2Fevil.example%2F", {"email": dora.email, "password": PASSWORD})["Location"]
        == "/"
    )


def test_s11_the_sixth_failure_in_fifteen_minutes_is_throttled_in_the_database(dora, client):
    for _ in range(5):
        assert sign_in(client, dora.email, WRONG).status_code == 200
    assert LoginAttempt.objects.filter(email=dora.email).count() == 5
    assert sign_in(client, dora.email, WRONG).status_code == 429
    assert sign_in(client, dora.email, PASSWORD).status_code == 429
    assert sign_in(client, dora.email.upper(), PASSWORD).status_code == 429
    assert "_auth_user_id" not in client.session


def test_s11_the_throttle_ends_after_fifteen_minutes_and_holds_others_off_nobody(dora, client):
    person("eiji@buyer.example", "江口 英治")
    for _ in range(5):
        sign_in(client, dora.email, WRONG)
    assert sign_in(Client(), "eiji@buyer.example", PASSWORD).status_code == 302
    LoginAttempt.objects.update(happened_at=timezone.now() - timedelta(minutes=15, seconds=1))
    assert sign_in(client, dora.email, PASSWORD).status_code == 302


def test_s11_an_address_that_tries_many_accounts_is_throttled(dora, client):
    for number in range(50):
        assert sign_in(client, f"{number}@buyer.example", WRONG).status_code == 200
    assert sign_in(client, dora.email, PASSWORD).status_code == 429
    assert (
        client.post("/login/", {"email": dora.email, "password": PASSWORD}, REMOTE_ADDR="10.0.0.9").status_code
        == 302
    )


def test_s11_throttling_and_sessions_need_no_redis(dora, client, monkeypatch):
    """What counts stands in PostgreSQL (M9): with Redis gone the sixth failure is throttled as ever."""

    def gone(*_args, **_kwargs):
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(redis.connection.Connection, "connect", gone)
    for _ in range(5):
        sign_in(client, "eiji@buyer.example", WRONG)
    assert sign_in(client, "eiji@buyer.example", WRONG).status_code == 429
    assert sign_in(client, dora.email, PASSWORD).status_code == 302
    assert client.get("/account/").status_code == 200


def test_s12_an_unknown_account_and_a_wrong_password_get_the_same_bytes(dora, client):
    """Also as many password hashings: time tells nothing either."""
    answers = []
    for email in (dora.email, "who@buyer.example"):
        with mock.patch("django.contrib.auth.hashers.MD5PasswordHasher.encode", return_value="md5$a$b") as hashed:
            response = sign_in(client, email, WRONG)
        answers.append((response.status_code, stripped(response).replace(email.encode(), b""), hashed.call_count))
    assert answers[0] == answers[1]
    assert answers[0][2] >= 1


def test_s12_a_person_who_left_is_answered_like_a_wrong_password(dora, client):
    wrong = sign_in(client, dora.email, WRONG)
    dora.is_active = False
    dora.save(update_fields=["is_active"])
    right = sign_in(client, dora.email, PASSWORD)
    assert (right.status_code, stripped(right)) == (wrong.status_code, stripped(wrong))


def test_s14_signing_in_begins_a_new_session_and_a_planted_one_never_counts(dora, client):
    client.get("/login/")
    client.cookies[settings.SESSION_COOKIE_NAME] = "planted0planted0planted0planted0"
    sign_in(client, dora.email, PASSWORD)
    first = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert first != "planted0planted0planted0planted0"
    planted = Client()
    planted.cookies[settings.SESSION_COOKIE_NAME] = "planted0planted0planted0planted0"
    assert planted.get("/account/").status_code == 302
    sign_in(client, person("eiji@buyer.example", "江口 英治").email, PASSWORD)
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != first


def test_s15_signing_out_and_leaving_end_the_session_now(dora, client):
    sign_in(client, dora.email, PASSWORD)
    stolen = Client()
    stolen.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert stolen.get("/account/").status_code == 200
    client.post("/logout/")
    assert stolen.get("/account/").status_code == 302
    sign_in(client, dora.email, PASSWORD)
    dora.is_active = False
    dora.save(update_fields=["is_active"])
    assert client.get("/account/").status_code == 302


def test_s15_a_changed_password_ends_all_sessions(dora, client):
    sign_in(client, dora.email, PASSWORD)
    dora.set_password("another-password-2026")
    dora.save(update_fields=["password"])
    assert client.get("/account/").status_code == 302


def test_s32_cookies_are_kept_from_scripts_and_from_other_sites(dora):
    client = Client(enforce_csrf_checks=True)
    page = client.get("/login/")
    token = page.context["csrf_token"]
    response = client.post(
        "/login/", {"email": dora.email, "password": PASSWORD, "csrfmiddlewaretoken": str(token)}
    )
    assert response.status_code == 302
    cookies: dict[str, Morsel] = {**page.cookies, **response.cookies}
    assert {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME} == set(cookies)
    for cookie in cookies.values():
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["domain"]


def test_s32_in_production_cookies_are_host_bound_and_secure(monkeypatch):
    """The production settings are read anew, with the variables production needs."""
    from sellercentral import settings as real

    with monkeypatch.context() as production:
        production.setenv("DEMO", "off")
        production.setenv("DEBUG", "off")
        production.setenv("SECRET_KEY", "0123456789abcdefghijklmnopqrstuvwxyz" * 2)
        production.setenv("ALLOWED_HOSTS", "portal.example")
        try:
            reload(real)
            for kind in ("SESSION", "CSRF", "LANGUAGE"):
                assert getattr(real, f"{kind}_COOKIE_NAME").startswith("__Host-")
                assert getattr(real, f"{kind}_COOKIE_SECURE") is True
                assert getattr(real, f"{kind}_COOKIE_HTTPONLY") is True
                assert getattr(real, f"{kind}_COOKIE_SAMESITE") == "Lax"
            assert real.SECURE_HSTS_SECONDS >= 365 * 24 * 3600
            assert real.SECURE_SSL_REDIRECT
        finally:
            production.undo()
            reload(real)


@override_settings(SECURE_HSTS_SECONDS=31536000, SECURE_HSTS_INCLUDE_SUBDOMAINS=True)
def test_s31_production_answers_carry_hsts(client, db):
    assert client.get("/login/", secure=True)["Strict-Transport-Security"].startswith("max-age=31536000")
