"""Sellers' software as it is installed, pointed at a live server of the portal."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from django.utils import timezone
from sp_api.auth import access_token_client
from sp_api.auth.access_token_client import AccessTokenClient

from accounts.developers import issue, register
from accounts.keys import Keys
from accounts.models import Application
from accounts.rules import Scope
from tests import factories
from tests.cast import Cast, cast, no_mails

__all__ = ["cast", "no_mails"]


@pytest.fixture
def keys(transactional_db, cast: Cast) -> Keys:
    """Keys of alice's shop that allow everything."""
    return keys_for(cast)


def keys_for(cast: Cast, *, scopes=tuple(Scope), now=None) -> Keys:
    """Keys of alice's shop with these scopes."""
    given = {"seller_id": cast.shop.pk, "by": factories.seller_actor(cast.alice), "now": now or timezone.now()}
    application = Application.objects.filter(seller=cast.shop).first() or register(
        name="在庫管理", purpose="注文の取得", contact=cast.alice.email, needs_approval=False, **given
    )
    newest = application.credentials.order_by("-pk").values_list("pk", flat=True).first() or 0
    return issue(application_id=application.pk, scopes=scopes, days=90, newest=newest, **given)


@pytest.fixture
def client_of(live_server, monkeypatch, settings) -> Iterator[Callable]:
    """A client of python-amazon-sp-api, unmodified: only its hosts are told where the portal is."""
    settings.SPAPI_RATE_LIMITS = False
    scheme, _, host = live_server.url.partition("://")
    monkeypatch.setattr(AccessTokenClient, "scheme", f"{scheme}://")
    monkeypatch.setattr(AccessTokenClient, "host", host)
    access_token_client.cache.clear()
    access_token_client.grantless_cache.clear()
    portal = SimpleNamespace(endpoint=live_server.url, marketplace_id=settings.MARKETPLACE_ID, region="us-west-2")

    made = []

    def make(kind: type, keys: Keys, **more):
        credentials = {
            "refresh_token": keys.refresh_token,
            "lwa_app_id": Application.objects.get().client_id,
            "lwa_client_secret": keys.client_secret,
        }
        made.append(kind(marketplace=portal, credentials=credentials, **more))
        return made[-1]

    yield make
    for client in made:
        client.close()
        client._auth._transport.close()


@pytest.fixture
def own_store(settings, tmp_path, monkeypatch, live_server) -> None:
    """A folder of its own, addresses that lead to the live server, and no broker."""
    settings.SITE_URL = live_server.url
    settings.STORAGES = {
        **settings.STORAGES,
        "documents": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "documents"},
        },
    }
    monkeypatch.setattr("feeds.actions.submitting.enqueue", lambda seller_id: None)
    monkeypatch.setattr("reports.actions.enqueue", lambda report_id: None)
