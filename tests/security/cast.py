"""Everybody who may knock at a door, with orders of every kind that a door is about.

One shop of alice, bob and rei; one of charlie. dora and eiji buy at both. nora was removed from alice's shop.
olga operates, otis is let into the admin without a role. eva owns charlie's neighbour shop and buys there (E40).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO

from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.actors import Actor
from accounts.developers import issue, register
from accounts.models import Membership, Seller, User
from accounts.passwords import link_for
from accounts.rules import Scope
from cancellations.actions import CancelTarget, RequestTarget, cancel, request_cancellation, start_bulk
from cancellations.policy import Interlock, Reason
from events.models import Delivery
from feeds.actions import run_feeds, submit
from feeds.parsers import Kind as FeedKind
from messaging.actions import MessageTarget, send
from messaging.files import File, Kind
from messaging.models import Attachment
from messaging.rules import Topic
from metrics.actions import Evidence, open_dispute
from orders.models import Order
from reports.actions import make_report, order_report, schedule_report
from reports.rules import Encoding, Every, Period
from reports.rules import Kind as ReportKind
from shipments.actions import ConfirmTarget, confirm_shipment
from spapi.actions import add_webhook
from spapi.rules import Topic as Told
from tests import factories

ANONYMOUS = "anonymous"
BUYER, OTHER_BUYER = "buyer", "other buyer"
OWNER, ORDER_STAFF, READ_ONLY = "owner", "order staff", "read only"
OTHER_SELLER, REMOVED = "owner of another shop", "removed colleague"
OPERATOR, NO_ROLE = "operator", "operator without a role"
BOTH = "seller and buyer in one person"

EVERYBODY = (
    ANONYMOUS,
    BUYER,
    OTHER_BUYER,
    OWNER,
    ORDER_STAFF,
    READ_ONLY,
    OTHER_SELLER,
    REMOVED,
    OPERATOR,
    NO_ROLE,
    BOTH,
)
SIGNED_IN = frozenset(EVERYBODY) - {ANONYMOUS}
SHOP_PEOPLE = frozenset({OWNER, ORDER_STAFF, READ_ONLY, OTHER_SELLER, BOTH})
MAY_ACT = SHOP_PEOPLE - {READ_ONLY}
OPERATORS = frozenset({OPERATOR, NO_ROLE})

# Whose order a role finds behind the number of alice's order for dora, in each of the two looks.
OF_SELLER = frozenset({OWNER, ORDER_STAFF, READ_ONLY})
OF_BUYER = frozenset({BUYER})


@dataclass
class Cast:
    """People, shops, and the orders of alice's shop for dora: fresh, waiting, asked about."""

    people: dict[str, User]
    seller: Seller
    rival: Seller
    orders: dict[str, Order]
    now: datetime
    # Keys of other rows of alice's shop that a page is about.
    rows: dict[str, int | str | tuple[str | int, int]] = field(default_factory=dict)
    _clients: dict[str, Client] = field(default_factory=dict)

    def client(self, role: str, **more) -> Client:
        """A browser of this role: signed in, if the role is."""
        if role == ANONYMOUS:
            return Client(**more)
        if role not in self._clients or more:
            client = Client(**more)
            client.force_login(self.people[role])
            if more:
                return client
            self._clients[role] = client
        return self._clients[role]


def gather() -> Cast:
    """Bring everybody together."""
    now = timezone.now()
    seller, rival, third = factories.shop(), factories.shop("ライバル商店"), factories.shop("三番目の店")
    roles = Membership.Role
    people = {
        OWNER: factories.member(seller, roles.OWNER, "alice@seller.example", "中村 葵"),
        ORDER_STAFF: factories.member(seller, roles.ORDER_STAFF, "bob@seller.example", "田村 望"),
        READ_ONLY: factories.member(seller, roles.READ_ONLY, "rei@seller.example", "高木 玲"),
        OTHER_SELLER: factories.member(rival, roles.OWNER, "charlie@rival.example", "黒田 晶"),
        REMOVED: factories.member(seller, roles.OWNER, "nora@seller.example", "西 典子"),
        BUYER: factories.person("dora@buyer.example", "森下 遥"),
        OTHER_BUYER: factories.person("eiji@buyer.example", "江口 英治"),
        OPERATOR: User.objects.create_superuser("olga@operator.example", factories.PASSWORD, name="大森 里香"),
        NO_ROLE: factories.person("otis@operator.example", "大谷 樹", is_staff=True),
        BOTH: factories.member(third, roles.OWNER, "eva@seller.example", "榎本 絵馬"),
    }
    cast = Cast(people, seller, rival, {}, now)
    for name, age in (("fresh", timedelta(0)), ("waiting", timedelta(hours=1)), ("asked", timedelta(hours=2))):
        cast.orders[name] = place(seller, people[BUYER], placed_at=now - age)
    ask(cast.orders["asked"], people[BUYER], now=now)
    cast.orders["charged"] = place(seller, people[BUYER], placed_at=now - timedelta(hours=3))
    sent = ConfirmTarget(cast.orders["charged"].pk, now.date())
    confirm_shipment(targets=[sent], interlock=Interlock.WARN, by=factories.seller_actor(people[OWNER]), now=now)
    chosen = CancelTarget(cast.orders["waiting"].pk, Reason.OTHER, expected_version=1)
    by = factories.seller_actor(people[OWNER])
    cast.rows["bulk"] = start_bulk(seller_id=seller.pk, targets=[chosen], by=by, now=now).pk
    place(rival, people[OTHER_BUYER], placed_at=now)
    place(third, people[BOTH], placed_at=now)
    Membership.objects.filter(user=people[REMOVED]).delete()
    for role in people:
        cast.client(role)  # signed in now, so that no later request signs anybody in
    people[BUYER].refresh_from_db()
    cast.rows["provider"] = "test"
    said = MessageTarget(cast.orders["charged"].pk, Topic.OTHER, "よろしくお願いします。", files=(PAPER,))
    send(targets=[said], by=factories.buyer_actor(people[BUYER]), now=now)
    cast.rows["file"] = (cast.orders["charged"].number, Attachment.objects.get().pk)
    counted = place(seller, people[BUYER], placed_at=now - timedelta(hours=4))
    cancel(targets=[CancelTarget(counted.pk, Reason.NO_INVENTORY)], by=by, now=now)
    contested = place(seller, people[BUYER], placed_at=now - timedelta(hours=5))
    cancel(targets=[CancelTarget(contested.pk, Reason.OTHER)], by=by, now=now)
    cast.rows["counted"] = counted.cancellations.get().pk
    dispute = open_dispute(
        seller_id=seller.pk,
        cancellation_id=contested.cancellations.get().pk,
        text="在庫はありました。",
        evidence=Evidence(files=(PAPER,)),
        by=by,
        now=now,
    )
    cast.rows["dispute"] = dispute.pk
    cast.rows["dispute-file"] = (dispute.pk, dispute.files.get().pk)
    hook, _ = add_webhook(
        seller=seller,
        name="在庫管理",
        address="https://hooks.shop.example/",
        topics=[Told.FEED_PROCESSING_FINISHED],
        by=by,
        now=now,
    )
    cast.rows["feed"] = a_feed(seller, by, now)
    cast.rows["webhook"] = hook.pk
    cast.rows["message"] = (hook.pk, Delivery.objects.get(subscription__destination=hook).pk)
    report = order_report(
        seller_id=seller.pk,
        kind=ReportKind.UNSHIPPED,
        encoding=Encoding.UTF_8,
        period=Period(now - timedelta(days=1), now),
        by=by,
        now=now,
    )
    make_report(report_id=report.pk, clock=lambda: now)
    cast.rows["report"] = report.pk
    cast.rows["schedule"] = schedule_report(
        seller_id=seller.pk,
        kind=ReportKind.UNSHIPPED,
        encoding=Encoding.UTF_8,
        every=Every.DAY,
        hour=9,
        by=by,
        now=now,
    ).pk
    software = register(
        seller_id=seller.pk,
        name="在庫管理",
        purpose="注文の取得",
        contact="alice@seller.example",
        needs_approval=False,
        by=by,
        now=now,
    )
    issue(
        seller_id=seller.pk,
        application_id=software.pk,
        scopes=[Scope.ORDERS_READ],
        days=90,
        newest=0,
        by=by,
        now=now,
    )
    cast.rows["application"] = software.pk
    cast.rows["keys"] = (software.pk, software.credentials.get().pk)
    cast.rows["feed-kind"] = "ORDER_CANCELLATION"
    cast.rows["link"] = link_for(people[BUYER], now=now)
    return cast


def a_feed(seller: Seller, by: Actor, now: datetime) -> int:
    """A file of the shop that was carried out: one line about an order that nobody has."""
    content = BytesIO(b"order-id\tcancellation-reason-code\n250-0000000-0000001\tNoInventory\n")
    feed = submit(
        seller_id=seller.pk,
        kind=FeedKind.CANCELLATION,
        file_name="orders.txt",
        content=content,
        is_dry_run=False,
        by=by,
        now=now,
    )
    run_feeds(seller_id=seller.pk, clock=lambda: now)
    return feed.pk


def place(seller: Seller, buyer: User, *, placed_at: datetime, **fields) -> Order:
    """An order of two items that waits for its shipment."""
    items = fields.pop("items", None) or [
        factories.item(quantity=2),
        factories.item("じょうろ", price=2400, sku="CAN-1"),
    ]
    return factories.order(seller, buyer, items=items, placed_at=placed_at, **fields)


def ask(order: Order, buyer: User, *, now: datetime, text: str = "") -> None:
    """The buyer's request to cancel the whole order."""
    target = RequestTarget(order.pk, "NO_LONGER_NEEDED", "商品が不要になった", text=text)
    request_cancellation(targets=[target], by=factories.buyer_actor(buyer), now=now)


PAPER = File("書類.pdf", Kind.PDF, b"%PDF-1.7\n%%EOF")

# --- what a form sends ------------------------------------------------------------------------------------

Body = Callable[[Order], dict]
KEY = "5f1e8a2c0b7d4c6e"


def versioned(order: Order, **more: str) -> dict[str, str]:
    """What every act on an order carries."""
    order.refresh_from_db()
    return {"key": KEY, "expected_version": str(order.version), **more}


def cancel_body(order: Order) -> dict[str, str]:
    """注文キャンセル for the reason that an open request gives."""
    return versioned(order, reason="BUYER_CANCELED", seller_memo="", restock="on")


def cancel_items_body(order: Order) -> dict[str, str]:
    """一部キャンセル of one unit, with its effect accepted."""
    line = order.items.order_by("pk").first()
    chosen = {f"quantity-{line.item_id}": "1", f"reason-{line.item_id}": "NO_INVENTORY"}
    return versioned(order, **chosen, confirmed=f"{line.item_id}:1:NO_INVENTORY")


def decline_body(order: Order) -> dict[str, str]:
    """リクエストを断る."""
    return versioned(order, reason="IN_PRODUCTION", text="", tracking="")


def take_all(order: Order) -> dict[str, str]:
    """Every item with all of its units."""
    taken = {}
    for line in order.items.all():
        taken |= {f"take-{line.item_id}": "on", f"quantity-{line.item_id}": str(line.quantity_open)}
    return taken


def confirm_body(order: Order) -> dict[str, str]:
    """出荷通知の送信 of everything."""
    day = timezone.localdate().isoformat()
    return versioned(order, **take_all(order), shipped_on=day, carrier="", tracking_number="")


def message_body(order: Order) -> dict[str, str]:
    """A message."""
    return {"key": KEY, "topic": "OTHER", "text": "よろしくお願いします。", "confirmed": ""}


def refund_body(order: Order) -> dict[str, str]:
    """返金 of an amount, with what goes back accepted."""
    return versioned(
        order,
        reason="RETURN",
        how="amount",
        amount="100",
        seller_memo="",
        confirmed=hashlib.sha256(b"100/[]").hexdigest(),
    )


def buyer_cancel_body(order: Order) -> dict[str, str]:
    """商品をキャンセル, everything."""
    return {"key": KEY, **take_all(order), "reason": ""}


def request_body(order: Order) -> dict[str, str]:
    """キャンセル依頼, everything."""
    return {"key": KEY, **take_all(order), "reason": "NO_LONGER_NEEDED", "text": ""}


def withdraw_body(order: Order) -> dict[str, str]:
    """リクエストを取り下げる."""
    return {"key": KEY}


# --- the whole database -----------------------------------------------------------------------------------

ASIDE = {"django_session", "accounts_loginattempt", "django_migrations"}


def everything() -> Mapping[str, str]:
    """One checksum for each table, those of sessions and failed sign-ins aside (reliability S-05)."""
    tables = sorted(set(connection.introspection.table_names()) - ASIDE)
    sums = " UNION ALL ".join(
        f"SELECT '{table}', md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {table} AS t"  # noqa: S608 - names come from the catalogue
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(sums)
        return dict(cursor.fetchall())
