"""What the settings make of the environment, and where they refuse to start."""

import json
import subprocess
import sys

import pytest

from sellercentral.bootstrap import ROOT
from sellercentral.mail import SmtpServer, smtp_server
from tests.processes import environment_of_stranger

PRODUCTION = {
    "SECRET_KEY": "k7-Wq0ZpX4vN9sRt2LmYb8HcJd5FgAe1UiOoQzVxTnKrSw3PyM6B",
    "ALLOWED_HOSTS": "portal.example,.shops.example",
    "DATABASE_URL": "postgresql://web:p%40ss@db.example:5433/portal?sslmode=require",
    "REDIS_URL": "redis://:secret@cache.example:6379/0",
    "EMAIL_URL": "smtp+tls://post:secret@mail.example",
    "PAYMENT_PROVIDER": "stripe",
    "STRIPE_SECRET_KEY": "sk_live_of_nobody",
    "STRIPE_WEBHOOK_SECRET": "whsec_of_nobody",
}
SHOW = """
import json, sys
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""


def start(tmp_path, *names, **environment):
    """Read the settings in a process of their own; return it, finished."""
    env = environment_of_stranger(
        PORTAL_VAR=str(tmp_path / "var"), DJANGO_SETTINGS_MODULE="sellercentral.settings", **environment
    )
    return subprocess.run([sys.executable, "-c", SHOW, *names], env=env, cwd=ROOT, capture_output=True, text=True)


def settings_of(tmp_path, *names, **environment):
    process = start(tmp_path, *names, **environment)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.parametrize(
    ("case", "changes", "complaint"),
    [
        ("no secret", {"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ("a short secret", {"SECRET_KEY": "short"}, "SECRET_KEY is a default or too short"),
        ("one letter, often", {"SECRET_KEY": "a" * 80}, "SECRET_KEY is a default or too short"),
        (
            "a default secret",
            {"SECRET_KEY": "django-insecure-" + "x7" * 40},
            "SECRET_KEY is a default or too short",
        ),
        ("no hosts", {"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is not set"),
        ("any host", {"ALLOWED_HOSTS": "portal.example,*"}, "must not hold"),
        ("another engine", {"DATABASE_URL": "sqlite:///portal.db"}, "runs on PostgreSQL only"),
        ("mail by pigeon", {"EMAIL_URL": "pigeon://post:secret@loft"}, "EMAIL_URL must be smtp://"),
        ("a switch half way", {"SPAPI_RATE_LIMITS": "maybe"}, "SPAPI_RATE_LIMITS must be on or off"),
        ("a negative number", {"AUTO_CANCEL_DAYS": "-1"}, "AUTO_CANCEL_DAYS must be a whole number from 1 to 365"),
        ("a zone of no map", {"TIME_ZONE": "Asia/Atlantis"}, "TIME_ZONE is not a known time zone"),
        ("a provider nobody knows", {"PAYMENT_PROVIDER": "abacus"}, "PAYMENT_PROVIDER must be test or stripe"),
        ("Stripe without its key", {"STRIPE_SECRET_KEY": ""}, "PAYMENT_PROVIDER=stripe needs"),
        ("Stripe without its signatures", {"STRIPE_WEBHOOK_SECRET": ""}, "PAYMENT_PROVIDER=stripe needs"),
        ("a third language", {"LANGUAGE_CODE": "fr"}, "LANGUAGE_CODE must be ja or en"),
    ],
)
def test_production_does_not_start_with(case, changes, complaint, tmp_path):
    process = start(tmp_path, "DEBUG", **{**PRODUCTION, **changes})
    assert process.returncode != 0
    assert complaint in process.stderr
    assert "secret@" not in process.stderr


def test_production_is_strict(tmp_path):
    names = ["DEMO", "PRODUCTION", "SESSION_COOKIE_NAME", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SITE_URL"]
    assert settings_of(tmp_path, *names, **PRODUCTION) == {
        "DEMO": False,
        "PRODUCTION": True,
        "SESSION_COOKIE_NAME": "__Host-session",
        "CSRF_COOKIE_SECURE": True,
        "SECURE_SSL_REDIRECT": True,
        "SITE_URL": "https://portal.example",
    }


def test_database_url_is_taken_apart(tmp_path):
    (database,) = settings_of(tmp_path, "DATABASES", **PRODUCTION, PORTAL_PROCESS="web")["DATABASES"].values()
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example", "5433", "portal")
    assert (database["USER"], database["PASSWORD"]) == ("web", "p@ss")
    assert database["OPTIONS"]["sslmode"] == "require"


@pytest.mark.parametrize(("process", "seconds"), [("web", 10), ("worker", 60), ("report", 300), ("command", 0)])
def test_every_wait_for_the_database_has_an_end(process, seconds, tmp_path):
    (database,) = settings_of(tmp_path, "DATABASES", **PRODUCTION, PORTAL_PROCESS=process)["DATABASES"].values()
    options = database["OPTIONS"]
    assert options["connect_timeout"] == 3
    assert options["options"] == (
        f"-c statement_timeout={seconds * 1000} -c lock_timeout=3000 -c idle_in_transaction_session_timeout=15000"
    )
    assert database["CONN_HEALTH_CHECKS"] is True


def test_demo_makes_and_keeps_its_secret(tmp_path):
    first = settings_of(tmp_path, "SECRET_KEY", "DEMO", PORTAL_EMBEDDED_DATABASE="on")
    again = settings_of(tmp_path, "SECRET_KEY", "DEMO")  # the kept secret alone says that this is a demo
    assert first == again
    assert first["DEMO"] is True
    assert len(first["SECRET_KEY"]) > 50
    assert (tmp_path / "var" / "demo-secret").stat().st_mode & 0o077 == 0


def test_demo_answers_on_loopback_and_to_the_spellings_of_clients(tmp_path):
    hosts = settings_of(tmp_path, "ALLOWED_HOSTS", DEMO="on")["ALLOWED_HOSTS"]
    assert {"127.0.0.1", "localhost", "[::1]", "27.0.0.1", "ocalhost"} <= set(hosts)
    assert not any(host.startswith("*") for host in hosts)


def test_names_follow_the_language_until_they_are_set(settings):
    from django.utils import translation

    with translation.override("ja"):
        assert (str(settings.BRAND_NAME), str(settings.PORTAL_NAME)) == ("マーケットプレイス", "セラーポータル")
    with translation.override("en"):
        assert (str(settings.BRAND_NAME), str(settings.PORTAL_NAME)) == ("Marketplace", "Seller Portal")


def test_a_name_that_is_set_holds_in_every_language(tmp_path):
    assert settings_of(tmp_path, "BRAND_NAME", DEMO="on", BRAND_NAME="あおぞら市場") == {
        "BRAND_NAME": "あおぞら市場"
    }


def test_limits_on_waiting_are_those_of_the_design(settings):
    broker = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    assert (broker["socket_connect_timeout"], broker["socket_timeout"]) == (1, 5)
    assert broker["visibility_timeout"] > settings.CELERY_TASK_TIME_LIMIT
    assert (broker["unacked_restore_interval"], broker["unacked_restore_throttle"]) == (10, 1)
    assert settings.CELERY_TASK_SOFT_TIME_LIMIT < settings.CELERY_TASK_TIME_LIMIT
    assert settings.CELERY_TASK_ACKS_LATE
    assert settings.CELERY_TASK_REJECT_ON_WORKER_LOST
    assert settings.EMAIL_TIMEOUT == 10
    assert settings.REDIS_CLIENT_OPTIONS["retry"].get_retries() == 0


def test_sessions_and_throttling_need_no_redis(settings):
    assert settings.SESSION_ENGINE == "django.contrib.sessions.backends.db"
    assert "redis" not in json.dumps(settings.CACHES)


def test_deploy_check_has_nothing_to_say_in_production(tmp_path):
    env = environment_of_stranger(PORTAL_VAR=str(tmp_path), **PRODUCTION)
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    process = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr


def test_deploy_check_misses_mail_https_and_a_provider_that_moves_money(tmp_path):
    changes = {"EMAIL_URL": "", "SITE_URL": "http://portal.example", "PAYMENT_PROVIDER": "test"}
    env = environment_of_stranger(PORTAL_VAR=str(tmp_path), **{**PRODUCTION, **changes})
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    process = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode != 0
    assert "portal.W002" in process.stderr
    assert "portal.W003" in process.stderr
    assert "portal.W004" in process.stderr


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://localhost", SmtpServer("localhost", 25, "", "", tls=False, starttls=False)),
        ("smtp://127.0.0.1:2525", SmtpServer("127.0.0.1", 2525, "", "", tls=False, starttls=False)),
        ("smtp+tls://a:b@mail.example", SmtpServer("mail.example", 587, "a", "b", tls=False, starttls=True)),
        (
            "smtps://a%40x:b%2F@mail.example",
            SmtpServer("mail.example", 465, "a@x", "b/", tls=True, starttls=False),
        ),
    ],
)
def test_email_url(url, server):
    assert smtp_server(url) == server
