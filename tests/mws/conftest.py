"""Alice's shop with keys, and a hand that signs requests of the older web service by itself."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

import pytest
from django.http import HttpResponse
from django.test import Client
from lxml import etree

from accounts.developers import issue, register
from accounts.keys import Keys
from accounts.models import Application
from accounts.rules import Scope
from tests import factories
from tests.cast import LATER, Cast, cast, no_mails

__all__ = ["cast", "no_mails"]

NOW = LATER
ORDERS, FEEDS, REPORTS = "/Orders/2013-09-01", "/Feeds/2009-01-01", "/Reports/2009-01-01"
FLAT = b"order-id\tcancellation-reason-code\n250-0000000-0000001\tNoInventory\n"
VERSIONS = {ORDERS: "2013-09-01", "/Sellers/2011-07-01": "2011-07-01"}


def encoded(text: str) -> str:
    return quote(text, safe="-_.~")


@dataclass
class Signer:
    """A shop's older software; what a test changes is changed after signing, unless it goes into `extra`."""

    keys: Keys
    merchant: str
    client: Client = field(default_factory=Client)

    def parameters(self, path: str, action: str, now: datetime, extra: dict[str, str]) -> dict[str, str]:
        return {
            "AWSAccessKeyId": self.keys.access_key,
            "Action": action,
            "MWSAuthToken": self.keys.auth_token,
            "SellerId": self.merchant,
            "SignatureMethod": "HmacSHA256",
            "SignatureVersion": "2",
            "Timestamp": now.strftime("%Y-%m-%dT%H:%M:%S"),
            "Version": VERSIONS.get(path, "2009-01-01"),
        } | extra

    def query(self, method: str, path: str, given: dict[str, str], *, host: str = "testserver") -> str:
        """The signed query, by the words of the protocol and not by ours."""
        canonical = "&".join(
            f"{encoded(name)}={encoded(given[name])}" for name in sorted(given, key=lambda name: name.encode())
        )
        text = f"{method}\n{host}\n{path}\n{canonical}"
        digest = hmac.new(self.keys.secret_key.encode(), text.encode(), hashlib.sha256).digest()
        return f"{canonical}&Signature={encoded(base64.b64encode(digest).decode())}"

    def ask(
        self, path: str, action: str, *, method: str = "GET", now: datetime = NOW, body: bytes = b"", **extra
    ) -> HttpResponse:
        """Send one signed request; names of lists have `__` for their dots."""
        given = {name.replace("__", "."): str(value) for name, value in extra.items()}
        query = self.query(method, path, self.parameters(path, action, now, given))
        return self.send(method, path, query, body)

    def send(self, method: str, path: str, query: str, body: bytes = b"", **headers) -> HttpResponse:
        headers |= {"Content-MD5": checksum(body)} if body and "Content-MD5" not in headers else {}
        kind = "text/tab-separated-values; charset=Shift_JIS"
        return self.client.generic(method, f"{path}?{query}", body, content_type=kind, headers=headers)


def checksum(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def xml_of(answer: HttpResponse) -> etree._Element:
    """The answer without namespaces."""
    root = etree.fromstring(answer.content)
    for element in root.iter():
        element.tag = etree.QName(element).localname
    return root


def texts(answer: HttpResponse, path: str) -> list[str]:
    """The texts of all elements of a path."""
    assert answer.status_code == 200, answer.content
    return [each.text or "" for each in xml_of(answer).iterfind(f".//{path}")]


def error_of(answer: HttpResponse) -> tuple[int, str]:
    """Status and code of an error."""
    root = xml_of(answer)
    assert root.tag == "ErrorResponse"
    assert root.findtext("Error/Type") in {"Sender", "Receiver"}
    assert answer["Content-Type"] == "text/xml"
    return answer.status_code, root.findtext("Error/Code")


def signer_for(seller, owner, *, scopes=tuple(Scope), now=NOW) -> Signer:
    given = {"seller_id": seller.pk, "by": factories.seller_actor(owner), "now": now}
    name = f"在庫管理 {Application.objects.count()}"
    application = register(name=name, purpose="-", contact=owner.email, needs_approval=False, **given)
    keys = issue(application_id=application.pk, scopes=scopes, days=90, newest=0, **given)
    return Signer(keys, seller.merchant_id)


@pytest.fixture(autouse=True)
def still(time_machine, settings):
    """The moment of the tests stands still; limits are tried where a test is about them."""
    time_machine.move_to(NOW, tick=False)
    settings.SPAPI_RATE_LIMITS = False
    return time_machine


@pytest.fixture
def signer(cast: Cast) -> Signer:
    """Software of alice's shop, allowed everything."""
    return signer_for(cast.shop, cast.alice)


@pytest.fixture
def rival(cast: Cast) -> Signer:
    """Software of charlie's shop, allowed everything."""
    return signer_for(cast.other_shop, cast.charlie)


@pytest.fixture
def no_broker(settings, tmp_path, monkeypatch) -> None:
    """A folder of its own, and nobody who carries feeds out."""
    settings.STORAGES = {
        **settings.STORAGES,
        "documents": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "documents"},
        },
    }
    monkeypatch.setattr("feeds.actions.submitting.enqueue", lambda seller_id: None)
    monkeypatch.setattr("reports.actions.enqueue", lambda report_id: None)
