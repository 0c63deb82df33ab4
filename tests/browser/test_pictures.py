"""The pictures of README and of the help pages: a walk through the demo shop at a fixed moment.

An ordinary run takes them to see that they still can be taken, and leaves the kept ones alone; `make screenshots`
keeps what it takes (PICTURES=keep).
"""

import os
import struct
from datetime import datetime
from pathlib import Path
from random import Random

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from playwright.sync_api import Locator, Page

from accounts.models import User
from orders.models import Order
from sellercentral.bootstrap import ROOT

MOMENT = datetime.fromisoformat("2026-07-06T21:10:00+09:00")
LANGUAGES = ("ja", "en")
LARGEST = 250_000
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
# 1056 leaves 1000 for what stands between the edges of the page.
STEP = {"width": 1056, "height": 900}
README = ("home", "orders", "order", "rate", "buyer-request", "phone")
HELP = ("step-2", "step-3", "step-4", "rate")
RING = "outline: 4px solid #c2410c; outline-offset: 3px; border-radius: 6px;"


def kept() -> list[Path]:
    """Where every picture is kept."""
    shown = [ROOT / "docs/screenshots" / f"{name}.{language}.png" for name in README for language in LANGUAGES]
    return shown + [ROOT / "static/help" / f"{name}.{language}.png" for name in HELP for language in LANGUAGES]


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height, from the head of a PNG file."""
    return struct.unpack(">II", picture.read_bytes()[16:24])


@pytest.fixture
def shop(transactional_db, time_machine, monkeypatch) -> None:
    """The demo shop as it is at the fixed moment, its numbers the same every time."""
    time_machine.move_to(MOMENT, tick=True)
    draw = Random(20260706)
    monkeypatch.setattr(
        "orders.actions._draw_number",
        lambda: f"250-{draw.randrange(10**7):07}-{draw.randrange(10**7):07}",
    )
    call_command("create_demo_data", verbosity=0)


@pytest.fixture
def take(tmp_path, pytestconfig):
    """Take a picture to the place given, or beside it if this run keeps none."""
    keeps = os.environ.get("PICTURES") == "keep"

    def picture(page: Page, folder: str, name: str, **options) -> None:
        place = (ROOT if keeps else tmp_path) / folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=place, animations="disabled", **options)
        assert 5_000 < place.stat().st_size <= LARGEST, f"{name} has {place.stat().st_size} bytes"

    return picture


@pytest.fixture
def look(browser, browser_context_args, live_server):
    """A window of somebody, in a language and a size; the style that marks a button needs the policy off."""
    contexts = []

    def window(email: str, language: str, viewport: dict[str, int]) -> Page:
        context = browser.new_context(
            **browser_context_args | {"locale": language, "viewport": viewport, "bypass_csp": True},
            reduced_motion="reduce",
        )
        contexts.append(context)
        User.objects.update(language=language)
        client = Client()
        client.force_login(User.objects.get(email=email))
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        return context.new_page()

    yield window
    for context in contexts:
        context.close()


def mark(thing: Locator) -> None:
    """Draw a ring around what the text speaks of."""
    thing.evaluate(f"element => element.style.cssText = '{RING}'")


def around(page: Page, thing: Locator, above: int) -> dict[str, float]:
    """1000 × 420 of the page, beginning a little above a thing."""
    thing.scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, 0)")
    box = thing.bounding_box()
    assert box is not None
    return {"x": 28, "y": max(box["y"] - above, 0), "width": 1000, "height": 420}


def asked_whole() -> Order:
    """The order whose answer is due next, of those that were requested whole and nothing of which has left."""
    return (
        Order.objects.filter(answer_due_at__isnull=False, status="UNSHIPPED", seller__name="シードリング商店")
        .exclude(items__quantity_cancelled__gt=0)
        .order_by("answer_due_at")
        .first()
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_pictures(shop, live_server, look, take, language):
    for_the_readme(live_server.url, look, take, language)
    for_the_help_pages(live_server.url, look, take, language)


def for_the_readme(url: str, look, take, language: str) -> None:
    seller = look("alice@seller.example", language, DESK)
    for name, path in (
        ("home", "/seller/"),
        ("orders", "/seller/orders/?requested=1"),
        ("order", f"/seller/orders/{asked_whole().number}/"),
        ("rate", "/seller/performance/cancellation-rate/"),
    ):
        seller.goto(url + path)
        take(seller, "docs/screenshots", f"{name}.{language}.png")
    phone = look("alice@seller.example", language, PHONE)
    phone.goto(f"{url}/seller/orders/?requested=1")
    take(phone, "docs/screenshots", f"phone.{language}.png")
    buyer = look("dora@buyer.example", language, DESK)
    buyer.goto(f"{url}/account/orders/")
    buyer.locator("a[href$='/request-cancellation/']").first.click()
    buyer.locator("h1").wait_for()
    take(buyer, "docs/screenshots", f"buyer-request.{language}.png")


def for_the_help_pages(url: str, look, take, language: str) -> None:
    order = asked_whole()
    page = look("alice@seller.example", language, STEP)
    page.goto(f"{url}/seller/orders/?requested=1")
    rows = page.locator("tbody", has=page.locator(f"a[href$='{order.number}/cancel/']"))
    take(page, "static/help", f"step-2.{language}.png", clip=around(page, rows.first, above=48), full_page=True)
    mark(rows.first.locator(f"a[href$='{order.number}/cancel/']").first)
    take(page, "static/help", f"step-3.{language}.png", clip=around(page, rows.first, above=48), full_page=True)
    page.goto(f"{url}/seller/orders/{order.number}/cancel/")
    reason = page.locator("#id_reason")
    mark(reason)
    take(page, "static/help", f"step-4.{language}.png", clip=around(page, reason, above=120), full_page=True)
    wide = look("alice@seller.example", language, DESK)
    wide.goto(f"{url}/seller/performance/cancellation-rate/")
    wide.add_style_tag(content=".page { max-width: 1056px; }")
    value = wide.locator(".rate")
    box = around(wide, value, above=12) | {"x": value.bounding_box()["x"]}
    take(wide, "static/help", f"rate.{language}.png", clip=box, full_page=True)


def test_every_picture_is_kept_and_small():
    assert [path.name for path in kept() if not path.is_file()] == []
    assert [path.name for path in kept() if path.stat().st_size > LARGEST] == []
    assert {size_of(path) for path in kept() if path.parent.name == "help"} == {(1000, 420)}


def test_no_picture_is_kept_that_nobody_takes():
    there = {path for folder in ("docs/screenshots", "static/help") for path in (ROOT / folder).glob("*")}
    assert there == set(kept())
