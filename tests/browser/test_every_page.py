"""Every page, in both languages, light and dark: accessible, never wider than the window, its console quiet."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page

from accounts.models import User
from cancellations import actions as cancelling
from cancellations.actions import CancelTarget, DeclineTarget, RequestTarget
from cancellations.policy import DeclineReason, Reason
from shipments.actions import ConfirmTarget, confirm_shipment
from tests import factories
from tests.factories import item

# WCAG 2.2 A and AA, and what axe calls best practice besides.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# Phone, small phone, desk; 640 is a desk of 1280 at a zoom of 200 %.
WIDTHS = (320, 390, 640, 1280)


@pytest.fixture
def pages(floor) -> list[tuple[User | None, str]]:
    """Addresses of every page in every state, and who looks at it."""
    now = timezone.now()
    seller, buyer = factories.seller_actor(floor.alice), factories.buyer_actor(floor.dora)
    two = [
        item("素焼き鉢 5号（受け皿つき）", quantity=2),
        item("ハーブ栽培キット 木製プランターつき 初心者向けセット", sku="KIT"),
    ]

    def ask(order, units=None):
        target = RequestTarget(order.pk, "OTHER", "その他", units, "サイズを間違えました。")
        cancelling.request_cancellation(targets=[target], by=buyer, now=now - timedelta(minutes=30))

    fresh = floor.order(minutes_ago=0, items=two)
    plain = floor.order(minutes_ago=90, items=two)
    pending = floor.order(verified=False)
    whole = floor.order(minutes_ago=70, items=two)
    ask(whole)
    part = floor.order(minutes_ago=80, items=two)
    ask(part, {part.lines[0].pk: 1})
    declined = floor.order(minutes_ago=100)
    ask(declined)
    cancelling.decline(
        targets=[DeclineTarget(declined.pk, DeclineReason.OTHER, "発送準備済み")], by=seller, now=now
    )
    partly = floor.order(minutes_ago=110, items=two)
    confirm_shipment(
        targets=[ConfirmTarget(partly.pk, now.date(), {partly.lines[0].pk: 1}, "宅配便", "1234")],
        interlock="ask",
        by=seller,
        now=now,
    )
    shipped = floor.order(minutes_ago=120)
    confirm_shipment(targets=[ConfirmTarget(shipped.pk, now.date())], interlock="ask", by=seller, now=now)
    cancelled = floor.order(minutes_ago=130)
    cancelling.cancel(targets=[CancelTarget(cancelled.pk, Reason.NO_INVENTORY, memo="棚卸し")], by=seller, now=now)
    late = floor.order(minutes_ago=60, ship_by=(now - timedelta(days=6)).date())
    kept = floor.order(minutes_ago=60, items=[item(buyer_cancelable=False, not_cancelable_reason="名入れのため")])

    of_seller = [
        "/seller/",
        "/seller/orders/",
        "/seller/orders/?requested=1&q=zzz",
        "/seller/orders/?sort=ship_by",
    ]
    of_seller += [
        f"/seller/orders/{each.number}/"
        for each in (plain, pending, whole, part, declined, partly, shipped, cancelled, late, kept)
    ]
    of_seller += [
        f"/seller/orders/{order.number}/{act}/"
        for order, act in (
            (part, "cancel-items"),
            (plain, "confirm-shipment"),
            (whole, "confirm-shipment"),
            (part, "decline"),
        )
    ]
    of_buyer = ["/account/", "/account/orders/", "/account/orders/?q=zzz", "/account/test-order/"]
    of_buyer += [
        f"/account/orders/{each.number}/" for each in (fresh, whole, declined, partly, shipped, cancelled)
    ]
    of_buyer += [
        f"/account/orders/{fresh.number}/cancel/",
        f"/account/orders/{plain.number}/request-cancellation/",
    ]
    return [
        (None, "/login/"),
        *((floor.alice, path) for path in of_seller),
        *((floor.dora, path) for path in of_buyer),
    ]


def each_page(pages, visit, floor, **options):
    """Look at one page after the other, signed in as whoever it is for; pages of one person share a window."""
    windows: dict[int | None, Page] = {}
    for user, path in pages:
        key = user and user.pk
        if key in windows:
            windows[key].goto(floor.url + path)
        else:
            windows[key] = visit(user, path, **options)
        yield windows[key], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_accessible(pages, visit, floor, scheme, language):
    User.objects.update(language=language)
    axe = Axe()
    found = []
    options = {"color_scheme": scheme, "locale": language}
    for page, path in each_page(pages, visit, floor, **options):
        assert page.locator("html").get_attribute("lang") == language
        results = axe.run(page, options=RULES)
        found += [
            f"{path} {violation['id']}: {violation['nodes'][0]['html'][:200]}"
            for violation in results.response["violations"]
        ]
    assert found == []


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_page_scrolls_sideways(pages, visit, floor, language):
    User.objects.update(language=language)
    found = []
    for page, path in each_page(pages, visit, floor, locale=language):
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append(f"{path} needs {wide} at {width}")
    assert found == []


def test_every_link_leads_somewhere(pages, visit, floor):
    seen: set[str] = set()
    broken = []
    for page, path in each_page(pages, visit, floor):
        for address in page.eval_on_selector_all("a[href]", "links => links.map(link => link.href.split('#')[0])"):
            if address in seen or not address.startswith(floor.url):
                continue
            seen.add(address)
            answer = page.request.get(address)
            if answer.status != 200:
                broken.append(f"{path}: {address} answers {answer.status}")
    assert broken == []


def test_english_pages_speak_english(pages, visit, floor):
    """Only names, titles and what people wrote may be Japanese on an English page."""
    User.objects.update(language="en")
    found = set()
    written = "body *:is(dt, th, h1, h2, h3, button, label, summary, .btn, .tag, .chip, .note-says, .hint, nav a)"
    for page, _path in each_page(pages, visit, floor, locale="en"):
        texts = page.eval_on_selector_all(written, "all => all.map(one => one.textContent.trim())")
        found |= {text for text in texts if any("ぁ" <= letter <= "ヶ" for letter in text)}
    stray = {
        text
        for text in found
        if not any(
            own in text
            for own in ("素焼き鉢", "ハーブ", "シードリング商店", "土井 ドーラ", "じょうろ", "ステンレス")
        )
    }
    assert stray == set()


@pytest.mark.parametrize(
    ("who", "path", "status", "says"),
    [
        ("alice", "/seller/orders/250-0000000-0000000/", 404, "ページが見つかりません"),
        ("alice", "/no-such-page/", 404, "ページが見つかりません"),
        ("dora", "/seller/orders/", 403, "この操作を行う権限がありません。"),
    ],
    ids=["no such order", "no such page", "a buyer in the shop"],
)
def test_pages_for_trouble(floor, visit, who, path, status, says):
    page = visit(getattr(floor, who), "/account/", watched=False)
    answer = page.goto(floor.url + path)
    assert answer.status == status
    assert page.get_by_role("heading", level=1).text_content().strip() == says
    assert page.title().startswith("エラー：")
    assert Axe().run(page, options=RULES).violations_count == 0
    page.get_by_role("link", name="ホームに戻る").click()
    assert page.get_by_role("heading", level=1).text_content() in {"ホーム", "アカウントサービス"}
