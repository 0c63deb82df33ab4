"""A shop with people in it, and readers who look at it in a real Chromium."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page

from accounts.models import Membership, Seller, User
from events.actions import deliver_due
from events.models import SentMail
from tests import factories
from tests.browser.hand import PHONE, WAYS, Hand, Way


@dataclass
class Floor:
    """One shop, its people and a buyer, at an address."""

    url: str
    shop: Seller
    alice: User
    rei: User
    dora: User
    olga: User

    def order(self, *, minutes_ago: float = 60, **fields):
        """An order of dora's, placed some minutes ago."""
        return factories.order(
            self.shop, self.dora, placed_at=timezone.now() - timedelta(minutes=minutes_ago), **fields
        )

    def mails(self) -> set[tuple[str, str]]:
        """Which mails have left to whom, once everything due is delivered."""
        while deliver_due(clock=timezone.now):
            pass
        return set(SentMail.objects.values_list("mail", "recipient__email"))


@pytest.fixture(scope="session", autouse=True)
def reasons_come_back(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Leave a database that is kept for the next run as its migrations made it."""
    yield
    with django_db_blocker.unblock():
        fill_reasons()


def fill_reasons() -> None:
    """The reasons on the buyer's form: rows of a migration, which go whenever tables are emptied."""
    import_module("cancellations.migrations.0002_buyer_reasons").add(apps, None)


@pytest.fixture(scope="session")
def base_url() -> None:
    """No common address: every test has a server of its own. (The plugin's fixture warns on this pytest.)"""


@pytest.fixture
def floor(transactional_db, live_server) -> Floor:
    """The shop as every test here finds it."""
    fill_reasons()
    shop = factories.shop()
    return Floor(
        live_server.url,
        shop,
        alice=factories.member(shop, Membership.Role.OWNER, "alice@seller.example", "有栖川 アリス"),
        rei=factories.member(shop, Membership.Role.READ_ONLY, "rei@seller.example", "林 玲"),
        dora=factories.person("dora@buyer.example", "土井 ドーラ"),
        olga=factories.person("olga@operator.example", "織田 オルガ", is_staff=True, operator_role="ADMIN"),
    )


@pytest.fixture
def visit(browser: Browser, browser_context_args, console, floor: Floor) -> Iterator[Callable[..., Page]]:
    """Open a page as somebody: `visit(user, "/account/")`. Its console must stay empty unless `watched` is off."""
    contexts: list[BrowserContext] = []

    def open_as(user: User | None, path: str, *, script: bool = True, watched: bool = True, **options) -> Page:
        context = browser.new_context(**browser_context_args | {"java_script_enabled": script} | options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        if user is not None:
            client = Client()
            client.force_login(user)
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": floor.url}])
        page = context.new_page()
        if watched:
            console(page)
        page.goto(floor.url + path)
        return page

    yield open_as
    for context in contexts:
        context.close()


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def script(request: pytest.FixtureRequest) -> bool:
    """Every act works both ways."""
    return request.param


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def way(request: pytest.FixtureRequest) -> Way:
    return request.param


@pytest.fixture
def at(floor, visit, way) -> Callable[[User | None, str], Hand]:
    """Somebody at a page, working the way of this test."""

    def sit_down(user: User | None, path: str) -> Hand:
        User.objects.update(language=way.language)
        options = PHONE if way.on_phone else {}
        return Hand(visit(user, path, script=way.script, locale=way.language, **options), way)

    return sit_down
