"""Alice's shop with keys, and a hand that asks the door for machines."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts import tokens
from accounts.developers import issue, register
from accounts.keys import Keys
from accounts.models import Application, Seller
from accounts.rules import Scope
from tests import factories
from tests.cast import LATER, NOON, Cast, cast, no_mails

__all__ = ["cast", "no_mails"]

# Some minutes after the buyers' requests and the shop's acts of the tests.
NOW = LATER


@dataclass
class Software:
    """A shop's software: its keys, and the token that it uses."""

    keys: Keys
    application: Application
    token: str
    client: Client = field(default_factory=Client)

    def ask(
        self, method: str, path: str, body: object = None, *, token: str | None = None, **query
    ) -> HttpResponse:
        """Send one request."""
        headers = {"x-amz-access-token": self.token if token is None else token}
        sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.generic(method, path, headers=headers, query_params=query, **sent)

    def get(self, path: str, **query) -> HttpResponse:
        return self.ask("GET", path, **query)

    def payload(self, path: str, **query):
        """What an operation gives."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.content
        return answer.json()["payload"]


def software_of(seller: Seller, owner, *, scopes=tuple(Scope), now=NOW) -> Software:
    """A shop's software with keys for these scopes."""
    given = {"seller_id": seller.pk, "by": factories.seller_actor(owner), "now": now}
    name = f"在庫管理 {Application.objects.count()}"
    application = register(name=name, purpose="注文の取得", contact=owner.email, needs_approval=False, **given)
    keys = issue(application_id=application.pk, scopes=scopes, days=90, newest=0, **given)
    return Software(keys, application, fresh_token(application, keys, now=now))


def fresh_token(application: Application, keys: Keys, *, now=NOW) -> str:
    return tokens.refresh(
        client_id=application.client_id,
        client_secret=keys.client_secret,
        refresh_token=keys.refresh_token,
        now=now,
    )


@pytest.fixture
def clock(time_machine):
    """The moment of the tests, which stands still."""
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture(autouse=True)
def no_limits(settings) -> None:
    """Limits are tried where a test is about them."""
    settings.SPAPI_RATE_LIMITS = False


@pytest.fixture
def software(cast: Cast, clock) -> Software:
    """Software of alice's shop, allowed everything."""
    return software_of(cast.shop, cast.alice)


@pytest.fixture
def rival(cast: Cast, clock) -> Software:
    """Software of charlie's shop, allowed everything."""
    return software_of(cast.other_shop, cast.charlie)


def error_of(answer: HttpResponse) -> tuple[int, str, str]:
    """Status, code and details of an error."""
    (error,) = answer.json()["errors"]
    assert set(answer.json()) == {"errors"}, "an error has no payload"
    return answer.status_code, error["code"], error["details"]


Ask = Callable[..., HttpResponse]
EARLIER = NOON
