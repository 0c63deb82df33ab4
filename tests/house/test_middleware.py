"""What every answer carries, and what a reader sees when the database is away."""

import logging

import psycopg2
import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from psycopg2.errors import LockNotAvailable

from sellercentral.logs import JsonFormatter, current_request_id
from sellercentral.middleware import content_security_policy
from tests import factories

POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "object-src 'none'",
}


def lost_connection(request):
    raise OperationalError("server closed the connection unexpectedly") from psycopg2.OperationalError()


def lost_interface(request):
    raise InterfaceError("connection already closed")


def locked(request):
    raise OperationalError("canceling statement due to lock timeout") from LockNotAvailable()


def broken(request):
    raise ValueError("a mistake of ours")


def told_the_language(request):
    return HttpResponse(
        f"{request.LANGUAGE_CODE} {request.id} {current_request_id.get()} {request.META['REMOTE_ADDR']}"
    )


def own_policy(request):
    return HttpResponse(
        headers={"Content-Security-Policy": content_security_policy({"style-src": ["'unsafe-inline'"]})}
    )


urlpatterns = [
    path("lost-connection", lost_connection),
    path("lost-interface", lost_interface),
    path("locked", locked),
    path("broken", broken),
    path("language-told", told_the_language),
    path("own-policy", own_policy),
    path("", include("sellercentral.urls")),
]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def reader():
    """A browser that is shown the error page, as in real life."""
    return Client(raise_request_exception=False)


def test_every_page_has_the_policy_and_the_other_headers(client):
    answer = client.get("/login/")
    assert set(answer["Content-Security-Policy"].split("; ")) == POLICY
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


@pytest.mark.parametrize("address", ["/static/portal/portal.css", "/no-such-page/", "/broken"])
def test_files_and_error_pages_have_the_policy_too(reader, address):
    answer = reader.get(address)
    answer.close()  # a file's answer holds the file open
    assert set(answer["Content-Security-Policy"].split("; ")) == POLICY


def test_a_view_may_say_what_it_needs(client):
    assert "style-src 'unsafe-inline'" in client.get("/own-policy")["Content-Security-Policy"]


def test_signed_in_pages_are_kept_nowhere(client):
    client.force_login(factories.person("dora@buyer.example", "Dora"))
    for address in ("/language-told", "/no-such-page/"):
        assert client.get(address)["Cache-Control"] == "no-store"


def test_public_files_may_be_kept(client):
    answer = client.get("/static/portal/portal.css")
    answer.close()
    assert "no-store" not in answer.get("Cache-Control", "")


def test_request_is_named_in_answer_page_and_log(client):
    answer = client.get("/language-told")
    _, in_view, in_log, _ = answer.content.decode().split()
    assert answer["X-Request-Id"] == in_view == in_log
    assert current_request_id.get() == ""


@pytest.mark.parametrize(
    ("given", "taken"), [("abc-123.XYZ", True), ("short", False), ("a b\nforged: line", False)]
)
def test_id_of_a_proxy_is_taken_over_if_it_is_one(client, given, taken):
    answer = client.get("/language-told", headers={"X-Request-Id": given})
    assert (answer["X-Request-Id"] == given) is taken


@pytest.mark.parametrize(
    ("hops", "header", "address"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (2, "203.0.113.9", "127.0.0.1"),
    ],
)
def test_address_is_what_our_own_proxies_saw(client, settings, hops, header, address):
    settings.PROXY_HOPS = hops
    answer = client.get("/language-told", headers={"X-Forwarded-For": header})
    assert answer.content.decode().split()[-1] == address


@pytest.mark.parametrize(
    ("case", "chosen", "cookie", "browser", "answer"),
    [
        ("nobody says anything", None, "", "", "ja"),
        ("the browser speaks English", None, "", "en-GB,en;q=0.9", "en"),
        ("the browser speaks French", None, "", "fr", "ja"),
        ("the cookie is stronger than the browser", None, "en", "ja", "en"),
        ("a person's choice is stronger than both", "ja", "en", "en", "ja"),
        ("a person's choice is English", "en", "ja", "ja", "en"),
    ],
)
def test_language(client, settings, case, chosen, cookie, browser, answer):
    if chosen:
        client.force_login(factories.person("dora@buyer.example", "Dora", language=chosen))
    if cookie:
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = cookie
    response = client.get("/language-told", headers={"Accept-Language": browser} if browser else {})
    assert response.content.decode().split()[0] == answer == response["Content-Language"]
    assert "Accept-Language" in response["Vary"]


@pytest.mark.parametrize("address", ["/lost-connection", "/lost-interface"])
def test_lost_database_is_said_so(reader, address):
    answer = reader.get(address)
    assert answer.status_code == 503
    assert answer["Retry-After"] == "30"
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Request-Id"] in answer.content.decode()
    assert "ただいまご利用いただけません" in answer.content.decode()


def test_page_for_a_lost_database_asks_the_database_nothing(reader, django_assert_num_queries):
    with django_assert_num_queries(0):
        reader.get("/lost-connection")


def test_database_lost_before_the_view_is_said_so_too(reader, settings, monkeypatch, caplog):
    def lose(self):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(SessionStore, "load", lose)
    reader.cookies[settings.SESSION_COOKIE_NAME] = "a-session-that-was"
    with caplog.at_level(logging.CRITICAL, "django.request"):
        answer = reader.get("/language-told")
    assert answer.status_code == 503


def test_lock_that_was_not_had_is_a_conflict(reader):
    answer = reader.get("/locked")
    assert answer.status_code == 409
    assert "Retry-After" not in answer
    assert "ただいま他の処理を行っています" in answer.content.decode()


def test_mistakes_of_ours_stay_mistakes(reader, caplog):
    with caplog.at_level(logging.CRITICAL, "django.request"):
        assert reader.get("/broken").status_code == 500


def test_log_line_is_one_line_of_json():
    import json

    record = logging.LogRecord("orders", logging.INFO, "f", 1, "%s", ("two\nlines 注文",), None)
    record.request_id = "abc"
    line = JsonFormatter().format(record)
    assert "\n" not in line
    read = json.loads(line)
    assert (read["message"], read["request_id"], read["level"]) == ("two\nlines 注文", "abc", "INFO")
