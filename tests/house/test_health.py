"""Alive, ready, keeping up: what machines and operators are told."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.utils import timezone

from sellercentral import health
from tests import factories


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(health, "_all_applied", False)


def test_alive_without_a_database(client):
    assert client.get("/health/live").json() == {"status": "ok"}


@pytest.mark.django_db
def test_ready(client):
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (-59, 200), (61, 503), (-61, 503)])
def test_not_ready_with_a_wrong_clock(client, monkeypatch, seconds, status):
    monkeypatch.setattr(health, "_database_clock", lambda: timezone.now() + timedelta(seconds=seconds))
    answer = client.get("/health/ready")
    assert answer.status_code == status
    assert (answer.json().get("clock") == "off") is (status == 503)


@pytest.mark.django_db
def test_not_ready_before_the_tables_are(client, monkeypatch):
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder.Migration.objects.filter(app="orders").delete()
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "migrations": "waiting"}


def test_not_ready_without_a_database(client, monkeypatch):
    def lost():
        raise OperationalError("no route to host 10.0.0.7")

    monkeypatch.setattr(health, "_database_clock", lost)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert "10.0.0.7" not in answer.content.decode()


@pytest.mark.django_db
def test_status_is_for_operators(client):
    assert client.get("/health/status").status_code == 302
    client.force_login(factories.person("dora@buyer.example", "Dora"))
    assert client.get("/health/status").status_code in {302, 403, 404}


@pytest.mark.django_db
def test_status_tells_what_is_late(client, monkeypatch):
    import cancellations.queries
    import events.queries

    client.force_login(factories.person("olga@operator.example", "Olga", is_staff=True))
    now = timezone.now()
    monkeypatch.setattr(events.queries, "oldest_due", lambda now: now - timedelta(seconds=10))
    sweep = SimpleNamespace(started_at=now - timedelta(minutes=1))
    monkeypatch.setattr(cancellations.queries, "last_sweep", lambda: sweep)
    assert client.get("/health/status").json()["late"] == []

    monkeypatch.setattr(events.queries, "oldest_due", lambda now: now - timedelta(minutes=10))
    sweep.started_at = now - timedelta(hours=1)
    late = client.get("/health/status").json()
    assert late["status"] == "late"
    assert late["late"] == ["deliveries", "sweep"]
    assert late["last_sweep_seconds"] == pytest.approx(3600, abs=5)


@pytest.mark.django_db
def test_status_before_the_first_sweep_and_delivery(client):
    client.force_login(factories.person("olga@operator.example", "Olga", is_staff=True))
    answer = client.get("/health/status").json()
    assert answer["oldest_due_delivery_seconds"] is None
    assert answer["last_sweep_seconds"] is None
    assert answer["late"] == ["sweep"]
