"""Every page, in both languages, light and dark: accessible, never wider than the window, nothing jumps, the console
quiet, its links lead somewhere. A new address is looked at here, or the build fails.
"""

import io
import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib import admin as django_admin
from django.test import Client
from django.urls import resolve, reverse
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Page

from accounts.developers import issue, register, revoke, set_redirects
from accounts.models import Application, Credential, LoginAttempt, User
from accounts.passwords import link_for
from accounts.rules import Scope
from cancellations import actions as cancelling
from cancellations.actions import CancelTarget, DeclineTarget, RequestTarget
from cancellations.models import Closure, PolicyVersion
from cancellations.policy import DeclineReason, Reason
from events.models import Delivery, IdempotencyKey, MailText
from feeds.actions import run_feeds, submit
from feeds.parsers import Kind as FeedKind
from messaging.actions import MessageTarget, send
from messaging.files import File, Kind
from messaging.rules import Topic
from metrics.actions import Evidence, look_at_states, open_dispute, take_missing_snapshots
from metrics.models import Dispute
from orders.admin import acts
from orders.models import Import, ImportLine
from payments.incoming import take_notice
from payments.models import Charge, Refund
from payments.providers.base import About, Notice
from payments.refunds import RefundTarget, refund
from payments.rules import RefundReason
from reports.actions import make_report, order_report, schedule_report
from reports.rules import Encoding, Every, Period
from reports.rules import Kind as ReportKind
from shipments.actions import ConfirmTarget, confirm_shipment
from spapi.actions import add_webhook, give_up, taken, unreachable
from spapi.rules import Topic as Told
from tests import factories
from tests.factories import item
from tests.security.access import ACCESS, ADDED_BY_HAND, READ, admin_access

# WCAG 2.2 A and AA, and what axe calls best practice besides.
ALL_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {
    "runOnly": ALL_RULES,
    # Else axe fetches stylesheets itself and puts them into the page, which the page's own policy refuses.
    "preload": False,
    # What passes is not asked for node by node, which halves the time.
    "resultTypes": ["violations"],
}
# Small phone and desk for the longer words of English; phone, desk at a zoom of 200 %, and desk for Japanese.
WIDTHS = {"en": (320, 1280), "ja": (390, 640, 1280)}
LINKS = re.compile(r'<a\b[^>]*\shref="([^"]+)"')
# What moves while a page loads, as browsers add it up; up to 0.1 is called good.
JUMPS = """() => new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => { for (const each of list.getEntries()) sum += each.value; })
    .observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => done(sum)));
})"""
# Answers for machines, and addresses that show no page of their own.
NO_PAGES = {
    "health-live",
    "health-ready",
    "health-status",
    "seller:message-file",
    "buyer:message-file",
    "seller:rate-download",
    "seller:feed-result",
    "seller:feed-template",
    "seller:report-download",
    "seller:dispute-file",
}
# Besides: what is a mail in a tab of its own, and what comes after an act.
NO_PAGES_OF_ADMIN = {
    "admin:jsi18n",
    "admin:autocomplete",
    "admin:view_on_site",
    "admin:logout",
    "admin:password_change_done",
    "admin:events_sentmail_html",
    "admin:events_mailtext_preview",
    "admin:metrics_dispute_file",
}


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
    back = [
        RefundTarget(shipped.pk, RefundReason.RETURN, units={shipped.lines[0].pk: 1}, memo="外箱に傷"),
        RefundTarget(partly.pk, RefundReason.PRICE_ADJUSTMENT, beside=Decimal(10)),
    ]
    refund(targets=back, by=seller, now=now)
    said = [
        (buyer, plain, Topic.OTHER, "届くのが旅行に間に合わないので、キャンセルしたいです。"),
        (seller, plain, Topic.CANCEL, "公式のキャンセル手順をご案内します。"),
        (buyer, shipped, Topic.ITEM, "無事に届きました。ありがとうございました。"),
    ]
    picture = io.BytesIO()
    Image.new("RGB", (900, 600), "teal").save(picture, format="PNG")
    enclosed = (
        File("植木鉢の写真.png", Kind.PNG, picture.getvalue()),
        File("とても長い名前の書類" * 6 + ".pdf", Kind.PDF, b"%PDF-1.7"),
    )
    for by, order, topic, text in said:
        send(targets=[MessageTarget(order.pk, topic, text, files=enclosed)], by=by, now=now)
    cancelled = floor.order(minutes_ago=130)
    cancelling.cancel(targets=[CancelTarget(cancelled.pk, Reason.NO_INVENTORY, memo="棚卸し")], by=seller, now=now)
    asked_for = floor.order(minutes_ago=130)
    ask(asked_for)
    cancelling.cancel(targets=[CancelTarget(asked_for.pk, Reason.OTHER)], by=seller, now=now)
    contested = cancelled.cancellations.get()
    take_missing_snapshots(now=now)
    dispute = open_dispute(
        seller_id=floor.shop.pk,
        cancellation_id=contested.pk,
        text="棚卸しの誤りでした。",
        evidence=Evidence(events=[contested.event_id], files=enclosed),
        by=seller,
        now=now,
    )
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
            (whole, "packing-slip"),
            (partly, "refund"),
            (shipped, "refund"),
            (plain, "refund"),
        )
    ]
    of_seller += [
        "/seller/messages/",
        "/seller/messages/?show=unread",
        "/seller/messages/?q=zzz",
        "/seller/messages/?show=cancel",
    ]
    of_seller += [f"/seller/messages/{each.number}/" for each in (plain, whole, pending, shipped)]
    paper = "&".join(f"order={order.number}" for order in (plain, whole, part, pending, partly))
    of_seller += [
        f"/seller/orders/packing-slips/?{paper}",
        f"/seller/orders/packing-slips/?{paper}&requested=1",
        "/seller/orders/packing-slips/",
        "/seller/orders/pick-list/",
        f"/seller/orders/{part.number}/confirm-shipment/?declining=1",
    ]
    bulks = [
        cancelling.start_bulk(
            seller_id=floor.shop.pk,
            targets=[CancelTarget(order.pk, Reason.OTHER, expected_version=order.version) for order in orders],
            by=seller,
            now=now,
        )
        for orders in ([floor.order(minutes_ago=140), cancelled], [floor.order(minutes_ago=150)])
    ]
    cancelling.run_bulk(bulk_id=bulks[0].pk, clock=timezone.now)
    of_seller += [
        "/seller/orders/?q=" + "x" * 101,
        "/seller/orders/cancel/",
        "/seller/orders/cancel/?requested=all",
        f"/seller/orders/cancel/?order={plain.number}&order={whole.number}&order={shipped.number}&order=1",
        *(f"/seller/orders/cancel/{each.pk}/" for each in bulks),
    ]
    of_seller += [
        "/seller/performance/",
        "/seller/performance/cancellation-rate/",
        "/seller/performance/cancellation-rate/?show=orders",
        "/seller/performance/cancellation-rate/?show=others&at=2026-01-01T00:00",
        "/seller/performance/disputes/",
        f"/seller/performance/disputes/{dispute.pk}/",
        f"/seller/performance/disputes/new/{asked_for.cancellations.get().pk}/",
        f"/seller/performance/disputes/new/{contested.pk}/",
    ]
    of_buyer = ["/account/", "/account/orders/", "/account/orders/?q=zzz", "/account/test-order/"]
    of_buyer += [
        f"/account/orders/{each.number}/" for each in (fresh, whole, declined, partly, shipped, cancelled)
    ]
    of_buyer += [
        f"/account/orders/{fresh.number}/cancel/",
        f"/account/orders/{plain.number}/request-cancellation/",
        "/account/messages/",
        "/account/messages/?q=キャンセル",
        *(f"/account/messages/{each.number}/" for each in (plain, fresh, pending, shipped)),
    ]
    some_reports(floor)
    of_seller += ["/seller/orders/report/", "/seller/orders/report/columns/"]
    of_seller += ["/seller/feeds/", *(f"/seller/feeds/{each}/" for each in some_feeds(floor, plain, shipped))]
    software, keys = some_software(floor)
    hook = f"/seller/settings/webhooks/{some_webhook(floor)}/"
    of_seller += ["/seller/settings/webhooks/", hook, f"{hook}secret/", f"{hook}end/"]
    of_seller += [
        "/seller/settings/developer/",
        f"/seller/settings/developer/{software}/",
        f"/seller/settings/developer/{software}/redirects/",
        f"/apps/authorize/consent?state=1&application_id={Application.objects.get(pk=software).client_id}",
        f"/seller/settings/developer/{software}/end/",
        f"/seller/settings/developer/{software}/keys/{keys}/end/",
        "/seller/settings/",
        "/seller/settings/people/",
        "/seller/settings/rules/",
        "/seller/settings/notifications/",
        "/second-factor/",
        f"/seller/orders/{plain.number}/cancel/",
        "/help/",
        "/help/cancelling-orders/",
        "/help/cancellation-rate/",
    ]
    of_buyer += ["/account/preferences/", "/help/for-buyers/cancelling-orders/"]
    visitors = ["/api/", "/login/", "/login/?ended=1", "/help/", "/help/questions-about-cancelling/"]
    visitors += [
        "/help/cancelling-several-orders/",
        "/help/order-report-columns/",
        "/login/?renewed=1",
        "/login/password/",
        "/login/password/?sent=1",
    ]
    visitors += [f"/login/password/{link_for(floor.dora, now=now)}/"]
    return [
        *((None, path) for path in visitors),
        *((floor.alice, path) for path in of_seller),
        *((floor.dora, path) for path in of_buyer),
        *((floor.olga, path) for path in pages_of_operators(floor, plain)),
    ]


def some_feeds(floor, plain, shipped) -> list[int]:
    """Files with every kind of answer, one that cannot be read, one that waits."""
    head = "order-id\tcancellation-reason-code\torder-item-id\tnotes\n"
    lines = [
        f"{plain.number}\tNoInventory\t\t",
        f"{plain.number}\tOther\t\t",
        f"{shipped.number}\tOther\t\t",
        "=1+1\t\t\t",
    ]
    sent = [(head + "\n".join(lines), True), ("order-id,reason\n", False), (head + lines[0], False)]
    keys = []
    for text, is_dry_run in sent:
        feed = submit(
            seller_id=floor.shop.pk,
            kind=FeedKind.CANCELLATION,
            file_name="とても長い名前の注文ファイル" * 6 + ".txt",
            content=io.BytesIO(text.encode()),
            is_dry_run=is_dry_run,
            by=factories.seller_actor(floor.alice),
            now=timezone.now(),
        )
        keys.append(feed.pk)
        if len(keys) < len(sent):
            run_feeds(seller_id=floor.shop.pk, clock=timezone.now)
    return keys


def some_reports(floor) -> None:
    """One that is ready, one that waits, and a timetable."""
    now, by, given = timezone.now(), factories.seller_actor(floor.alice), {"encoding": Encoding.UTF_8}
    given |= {"seller_id": floor.shop.pk, "kind": ReportKind.UNSHIPPED, "by": by, "now": now}
    ready, _ = (order_report(period=Period(now - timedelta(days=30), now), **given) for _ in range(2))
    make_report(report_id=ready.pk, clock=timezone.now)
    schedule_report(every=Every.WEEK, hour=9, **given)


def some_webhook(floor) -> int:
    """One that does not answer, with a message of every state."""
    now, by = timezone.now(), factories.seller_actor(floor.alice)
    address = f"https://hooks.shop.example/{'orders/' * 20}"
    hook, _ = add_webhook(
        seller=floor.shop, name="在庫管理システム", address=address, topics=list(Told), by=by, now=now
    )
    for _ in Delivery.State.values:
        cancelling.request_cancellation(
            targets=[RequestTarget(floor.order(minutes_ago=60).pk, "OTHER", "その他", None, "")],
            by=factories.buyer_actor(floor.dora),
            now=now,
        )
    sent, refused, waiting = Delivery.objects.filter(subscription__destination=hook).order_by("pk")
    taken(hook, sent, now)
    give_up(refused, "the answer was 500")
    unreachable(hook, waiting, "TimeoutError('timed out')", now)
    return hook.pk


def some_software(floor) -> tuple[int, int]:
    """Registered, with keys that work and keys that do not any more."""
    if known := Credential.objects.order_by("pk").last():
        return known.application_id, known.pk
    given = {"seller_id": floor.shop.pk, "by": factories.seller_actor(floor.alice), "now": timezone.now()}
    software = register(
        name="在庫管理システム", purpose="注文の取得", contact=floor.alice.email, needs_approval=False, **given
    )
    newest = 0
    for _ in range(2):
        issue(application_id=software.pk, scopes=list(Scope), days=90, newest=newest, **given)
        newest = software.credentials.order_by("-pk").first().pk
    first = software.credentials.order_by("pk").first()
    revoke(credential_id=first.pk, **given)
    set_redirects(application_id=software.pk, redirects=["https://stock.example/connected"], **given)
    return software.pk, newest


def pages_of_operators(floor, order) -> list[str]:
    """The desk: every list, one row of each, every form and every act on an order."""
    floor.mails()
    refused = Delivery.objects.filter(listener="mail_buyer").first()
    Delivery.objects.filter(pk=refused.pk).update(
        state="FAILED", delivered_at=None, last_error="550 no such person"
    )
    now = timezone.now()
    cancelling.run_sweep(now=now)
    LoginAttempt.objects.create(email="dora@buyer.example", address="127.0.0.1", happened_at=now)
    IdempotencyKey.objects.create(owner="1", key="k", content_hash="-", locked_at=now)
    acts.perform("hold", order.pk, {"note": "住所を確認"}, by=factories.operator_actor(), now=now, address=None)
    acts.perform("release", order.pk, {"note": "確認済み"}, by=factories.operator_actor(), now=now, address=None)
    MailText.objects.create(mail="m04", language="ja", subject="件名", changed_at=now)
    PolicyVersion.objects.create(number=2, starts_at=now + timedelta(days=1))
    file = Import.objects.create(seller=floor.shop, file_name="a.txt", started_at=now, lines_refused=1)
    ImportLine.objects.create(order_import=file, line_number=3, result="ERROR", code="QUANTITY_FORMAT")
    charge = Charge.objects.first()
    reason = RefundReason.RETURN.value
    given = {"amount": 1, "currency": "JPY", "reason": reason, "requested_at": now}
    Refund.objects.create(order=charge.order, charge=charge, idempotency_key="r", **given)
    look_at_states(now=now)
    today = timezone.localdate(now)
    Closure.objects.create(first_day=today, last_day=today, reason_ja="台風", reason_en="Typhoon", added_at=now)
    take_notice(Notice("n-1", About.REFUND, "nobody", "re_1", succeeded=True), provider="test", now=now)
    paths = ["/admin/", "/admin/password_change/", "/admin/orders/", "/admin/events/mailtext/m04/en/edit/"]
    for model in django_admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        paths.append(reverse(f"{name}_changelist"))
        row = model._default_manager.order_by("pk").last()
        paths += [reverse(f"{name}_change", args=[row.pk])] if row else []
        paths += [reverse(f"{name}_add")] if model._meta.label_lower in ADDED_BY_HAND else []
    paths += [reverse("admin:orders_order_change", args=[order.pk])]
    paths += [
        reverse("admin:orders_order_act", args=[order.pk, act]) for act in ("hold", "ship-by", "cancel-other")
    ]
    paths += [
        reverse("admin:orders_order_recipient", args=[order.pk]),
        reverse("admin:accounts_user_change", args=[floor.alice.pk]),
        reverse("admin:auth_user_password_change", args=[floor.alice.pk]),
        reverse("admin:accounts_user_reset_second_factor", args=[floor.alice.pk]),
        reverse("admin:accounts_application_act", args=[some_software(floor)[0], "close"]),
        reverse("admin:metrics_dispute_decide", args=[Dispute.objects.get().pk]),
        f"{reverse('admin:metrics_ratestate_rehearse')}?rate_target=5&rate_watch=1&rate_min_orders=1",
        f"{reverse('admin:orders_order_changelist')}?q=zzz",
        f"{reverse('admin:events_delivery_changelist')}?state=FAILED",
    ]
    return paths


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


def test_every_address_is_looked_at(pages):
    shown = {name for name, rule in ACCESS.items() if rule.methods >= READ and rule.read == 200} - NO_PAGES
    shown |= {name for name, roles in admin_access().items() if roles} - NO_PAGES_OF_ADMIN
    # A link to a new password leads on to its form.
    followed = {"password-link": "password-new"}
    seen = {resolve(path.partition("?")[0]).view_name for _, path in pages}
    seen |= {followed[name] for name in seen & set(followed)}
    # The rest leads on to a list: the history of a row to the audit log, an address without its last part to the row.
    assert {name for name in shown - seen if not name.endswith(("_history", "/"))} == set()


@pytest.mark.parametrize(
    ("language", "scheme", "rules"), [("ja", "light", ALL_RULES), ("en", "dark", ["color-contrast"])]
)
def test_every_page_is_accessible_fits_and_stands_still(pages, visit, floor, language, scheme, rules):
    """In Japanese by all rules; what English and the dark change besides is width and contrast."""
    User.objects.update(language=language)
    axe = Axe()
    found = []
    for page, path in each_page(pages, visit, floor, color_scheme=scheme, locale=language):
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("h1").count() == 1, path
        if (moved := page.evaluate(JUMPS)) > 0.02:
            found.append(f"{path} jumps by {moved:.3f}")
        results = axe.run(page, options=RULES | {"runOnly": rules})
        found += [
            f"{path} {violation['id']}: {violation['nodes'][0]['html'][:200]}"
            for violation in results.response["violations"]
        ]
        found += sideways(page, path, language)
    assert found == []


def sideways(page: Page, path: str, language: str) -> list[str]:
    """The widths at which a page is wider than its window."""
    found = []
    for width in WIDTHS[language]:
        page.set_viewport_size({"width": width, "height": 800})
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"{path} needs {wide} at {width}")
    return found


def test_the_links_of_every_page_lead_somewhere(pages):
    clients: dict[User | None, Client] = {}
    seen: set[str] = set()
    broken = []
    for user, path in pages:
        if user not in clients:
            clients[user] = Client()
            if user is not None:
                clients[user].force_login(user)
        links = LINKS.findall(clients[user].get(path, follow=True).content.decode())
        for address in (urljoin(path, unescape(link)).partition("#")[0] for link in links):
            if (kind := kind_of(address)) in seen or not address.startswith("/"):
                continue
            seen.add(kind)
            answer = clients[user].get(address, follow=True)
            if answer.status_code != 200:
                broken.append(f"{path}: {address} answers {answer.status_code}")
    assert len(seen) > 100
    assert broken == []


def kind_of(address: str) -> str:
    """One link of a kind is followed: whatever its numbers are and the values it asks for."""
    return re.sub(r"\d+", "0", re.sub(r"=[^&]*", "", address))


@pytest.mark.parametrize("path", ["/seller/orders/", "/account/orders/", "/help/"])
def test_the_first_stop_leads_past_the_menu(visit, floor, path):
    page = visit(floor.alice, path)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_chosen_look_wins_over_the_machines(visit, floor, look):
    User.objects.update(look=look)
    page = visit(floor.alice, "/seller/", color_scheme="dark" if look == "light" else "light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(244, 245, 248)"
    assert light == (look == "light")


def test_paper_shows_panels_without_shadows_and_no_menu(visit, floor):
    order = floor.order(minutes_ago=90)
    page = visit(floor.alice, f"/seller/orders/{order.number}/")
    page.emulate_media(media="print")
    assert not page.locator(".bar").is_visible()
    assert page.locator(".panel").first.evaluate("panel => getComputedStyle(panel).boxShadow") == "none"
    assert order.number in page.title()


@pytest.mark.parametrize(
    ("who", "path", "status", "says"),
    [
        ("alice", "/seller/orders/250-0000000-0000000/", 404, "ページが見つかりません"),
        ("alice", "/no-such-page/", 404, "ページが見つかりません"),
        ("dora", "/seller/orders/", 403, "この操作を行う権限がありません。"),
        ("dora", "/login/password/MQ.used/", 410, "このリンクは使用できません"),
    ],
    ids=["no such order", "no such page", "a buyer in the shop", "a used link"],
)
def test_pages_for_trouble(floor, visit, who, path, status, says):
    page = visit(getattr(floor, who), "/account/", watched=False)
    answer = page.goto(floor.url + path)
    assert answer.status == status
    assert page.get_by_role("heading", level=1).text_content().strip() == says
    assert page.title().startswith("エラー：")
    assert Axe().run(page, options=RULES).violations_count == 0
    page.locator("main .btn-main").click()
    there = page.get_by_role("heading", level=1).text_content()
    assert there in {"ホーム", "アカウントサービス", "パスワードを忘れた場合"}
