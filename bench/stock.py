"""The standard data: shops, buyers and orders of every state with their history, written set-wise.

Every row is what the acts would have written, so that the books add up (`manage.py check_invariants`); only mails
that left long ago are not kept. An order is first a row of the temporary table `draft`; from there each table gets
its rows in one statement.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from accounts.models import Membership, Seller, User
from cancellations.wording import recorded_sentence
from payments.providers import TEST

TINY_SHOP = 10
ORDERS_PER_BUYER = 5
# Unfinished orders were placed within so many days: none of them is overdue yet.
DAYS_OPEN = 9.9

FAMILY_NAMES = [
    "佐藤",
    "鈴木",
    "高橋",
    "田中",
    "伊藤",
    "渡辺",
    "山本",
    "中村",
    "小林",
    "加藤",
    "吉田",
    "山田",
    "佐々木",
    "山口",
    "松本",
    "井上",
    "木村",
    "林",
    "斎藤",
    "清水",
    "森下",
    "西田",
    "岡本",
    "長谷川",
    "三浦",
    "石井",
    "上田",
    "前田",
    "藤田",
    "後藤",
]
GIVEN_NAMES = [
    "遥",
    "陽菜",
    "結衣",
    "葵",
    "美咲",
    "さくら",
    "凛",
    "真央",
    "翔太",
    "大輝",
    "蓮",
    "悠斗",
    "湊",
    "健太",
    "拓海",
    "直樹",
    "和也",
    "恵子",
    "由美",
    "裕子",
    "京子",
    "智子",
    "誠",
    "隆",
    "浩",
    "学",
    "明",
    "徹",
    "亮",
    "舞",
]
STATES = [
    "東京都",
    "大阪府",
    "京都府",
    "北海道",
    "愛知県",
    "福岡県",
    "神奈川県",
    "埼玉県",
    "千葉県",
    "兵庫県",
    "広島県",
    "宮城県",
]
GOODS = (
    ("POT", "素焼き鉢"),
    ("SOIL", "培養土"),
    ("SEED", "野菜のたね"),
    ("HERB", "ハーブの苗"),
    ("CAN", "じょうろ"),
    ("TOOL", "移植ごて"),
    ("GLOVE", "園芸用手袋"),
    ("NET", "防虫ネット"),
    ("LIGHT", "植物育成ライト"),
    ("SHELF", "フラワーラック"),
)
COLOURS = ("グリーン", "ブラウン", "ホワイト")
SERVICES = ("通常配送", "お急ぎ便", "日時指定便")
REASONS = (("NO_LONGER_NEEDED", "不要になった"), ("MISTAKE", "間違えて注文した"), ("OTHER", "その他"))
COMMENTS = ("", "サイズを間違えました。", "届くのが遅いため、別の店で購入しました。キャンセルをお願いします。")


@dataclass(frozen=True, slots=True)
class Size:
    """How much to load: orders of the shop that is measured and of all the others together.

    `open_share` of all orders are not finished; of 20 unshipped ones, `requested` have an open request.
    """

    shop_orders: int
    other_shops: int
    other_orders: int
    open_share: float
    requested: int

    @property
    def days(self) -> float:
        """Over how many days the orders are spread, evenly."""
        return DAYS_OPEN / self.open_share


# The scale of the lists: a million orders of one shop, 100,000 open requests, fifty shops.
STANDARD = Size(shop_orders=1_000_000, other_shops=48, other_orders=96_000, open_share=0.22, requested=10)
QUICK = Size(shop_orders=20_000, other_shops=8, other_orders=2_000, open_share=0.22, requested=10)


@dataclass(frozen=True, slots=True)
class Stock:
    """What was loaded: the shop whose pages are measured, one of its staff, and the smallest shop beside it."""

    shop: int
    staff: User
    tiny_shop: int
    tiny_staff: User
    orders: int
    items: int
    shop_orders: int


def load(size: Size, *, now: datetime) -> Stock:
    """Fill an empty database: the shop that is measured, the others, and a tiny one with ten orders."""
    shops = [_shop(number) for number in range(size.other_shops + 2)]
    _buyers((size.shop_orders + size.other_orders) // ORDERS_PER_BUYER)
    sizes = [size.shop_orders, *[size.other_orders // size.other_shops] * size.other_shops, TINY_SHOP]
    _add(
        _DRAFT_STANDARD,
        {
            "sellers": [shop.pk for shop, _ in shops],
            "sizes": sizes,
            "days": size.days,
            "open": size.open_share,
            "requested": size.requested,
            "now": now,
        },
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), (SELECT count(*) FROM orders_orderitem) FROM orders_order")
        total, items = cursor.fetchone()
    (first, staff), (tiny, tiny_staff) = shops[0], shops[-1]
    return Stock(first.pk, staff, tiny.pk, tiny_staff, total, items, size.shop_orders)


def add_overdue(count: int, *, now: datetime) -> range:
    """Add orders of all shops whose moment of automatic cancellation has come; return their keys."""
    return _add(_DRAFT_OVERDUE, {"count": count, "now": now})


def add_open(count: int, *, shop: int, now: datetime) -> range:
    """Add orders of one shop that were placed yesterday; return their keys."""
    return _add(_DRAFT_OPEN, {"count": count, "shop": shop, "now": now})


def _add(draft: str, parameters: dict) -> range:
    with transaction.atomic():
        trust_keys()
        _run(_DRAFT_TABLE)
        _run(draft, **parameters)
        _lay_out()
        with connection.cursor() as cursor:
            cursor.execute("SELECT min(id), max(id) + 1 FROM draft")
            keys = range(*cursor.fetchone())
    # Leave nothing to autovacuum that would run beside a measurement.
    _run("VACUUM ANALYZE")
    return keys


def trust_keys() -> None:
    """Leave the checks of foreign keys to the look at the books afterwards, where the role may."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            cursor.execute("SET LOCAL session_replication_role = replica")


def _shop(number: int) -> tuple[Seller, User]:
    shop = Seller.objects.create(name=f"シードリング商店 {number:02d}", merchant_id=f"ABENCH{number:08d}")
    people = []
    for role in (Membership.Role.OWNER, Membership.Role.ORDER_STAFF):
        person = User(email=f"{role.lower()}@shop{number}.example", name=f"{number:02d} {role.label}")
        person.set_unusable_password()
        person.save()
        Membership.objects.create(seller=shop, user=person, role=role)
        people.append(person)
    return shop, people[1]


def _buyers(count: int) -> None:
    _run(
        """
        INSERT INTO accounts_user (password, is_superuser, email, name, language, look,
                                   refuses_unimportant_messages, operator_role, is_staff, is_active, joined_at)
        SELECT '!', false, 'buyer' || n || '@buyer.example',
               (%(family)s::text[])[1 + n %% 30] || ' ' || (%(given)s::text[])[1 + n / 30 %% 30], 'ja', 'auto',
               n %% 10 = 0, '', false, true, now()
        FROM generate_series(1, %(count)s) AS n
        """,
        family=FAMILY_NAMES,
        given=GIVEN_NAMES,
        count=count,
    )


def _run(statement: str, **parameters) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


# --- drafts -------------------------------------------------------------------------------------------------

# `n` counts the orders of a shop from the newest; even ones have two lines.
_DRAFT_TABLE = """
CREATE TEMPORARY TABLE draft (
    id bigint NOT NULL, n int NOT NULL, seller_id bigint NOT NULL, status text NOT NULL,
    placed_at timestamptz NOT NULL, acted_at timestamptz, ship_by date NOT NULL,
    requested boolean NOT NULL, held boolean NOT NULL
) ON COMMIT DROP
"""
_KEY = "nextval(pg_get_serial_sequence('orders_order', 'id'))"
_LOCAL_DAY = "(placed_at AT TIME ZONE 'Asia/Tokyo')::date"

_DRAFT_STANDARD = f"""
INSERT INTO draft
SELECT {_KEY}, n, seller_id, status, placed_at,
       CASE status WHEN 'CANCELED' THEN placed_at + interval '2 hours'
            WHEN 'SHIPPED' THEN placed_at + interval '1 day'
            ELSE placed_at + (%(now)s - placed_at) / 2 END,
       {_LOCAL_DAY} + 3, status = 'UNSHIPPED' AND n %% 20 BETWEEN 5 AND 4 + %(requested)s,
       status = 'UNSHIPPED' AND n %% 1000 = 77
FROM (
    SELECT n, seller_id, %(now)s - (n + 0.5) / size * %(days)s * interval '1 day' AS placed_at,
           CASE WHEN (n + 0.5) / size >= %(open)s THEN CASE WHEN n %% 25 = 3 THEN 'CANCELED' ELSE 'SHIPPED' END
                WHEN n %% 22 = 7 THEN 'PENDING' WHEN n %% 22 = 14 THEN 'PARTIALLY_SHIPPED'
                ELSE 'UNSHIPPED' END AS status
    FROM unnest(%(sellers)s::bigint[], %(sizes)s::int[]) AS shop (seller_id, size),
        generate_series(0, size - 1) AS n
    -- Shops sell at the same time: keys follow the moments, as they do in life.
    ORDER BY placed_at
) AS placed
"""  # noqa: S608 - constants of this module

_DRAFT_OVERDUE = f"""
INSERT INTO draft
SELECT {_KEY}, n, seller_id, CASE WHEN n %% 20 = 14 THEN 'PARTIALLY_SHIPPED' ELSE 'UNSHIPPED' END,
       placed_at, placed_at + interval '1 day', {_LOCAL_DAY} + 3, n %% 100 = 5, false
FROM (
    SELECT n, seller_id, %(now)s - interval '20 days' + n * interval '1 second' AS placed_at
    FROM generate_series(0, %(count)s - 1) AS n
    JOIN (SELECT id AS seller_id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS shops
          FROM accounts_seller) AS shop ON place = n %% shops
    ORDER BY n
) AS placed
"""  # noqa: S608 - constants of this module

_DRAFT_OPEN = f"""
INSERT INTO draft
SELECT {_KEY}, n, %(shop)s, 'UNSHIPPED', placed_at, NULL, {_LOCAL_DAY} + 3, false, false
FROM (
    SELECT n, %(now)s - interval '1 day' + n * interval '1 second' AS placed_at
    FROM generate_series(0, %(count)s - 1) AS n ORDER BY n
) AS placed
"""  # noqa: S608 - constants of this module


# --- from drafts to tables ------------------------------------------------------------------------------------

_LAYERS = (
    "ANALYZE draft",
    """
    INSERT INTO orders_order (id, number, seller_id, buyer_id, fulfillment_channel, status, placed_at,
        payment_verified_at, ship_by_date, auto_cancel_due_at, cancelled_at, answer_due_at, on_hold, held_at,
        service_level, payment_method, currency, total, version, last_updated_at)
    SELECT d.id,
        '250-' || lpad((d.id / 1000)::text, 7, '0') || '-' || lpad((d.id * 7919 %% 10000000)::text, 7, '0'),
        d.seller_id, buyers.first + d.id * 31 %% buyers.count, 'SELLER', d.status, d.placed_at,
        CASE WHEN d.status <> 'PENDING' THEN d.placed_at END, d.ship_by,
        (d.ship_by + 8)::timestamp AT TIME ZONE 'Asia/Tokyo', CASE WHEN d.status = 'CANCELED' THEN d.acted_at END,
        CASE WHEN d.requested THEN d.acted_at + interval '48 hours' END, d.held,
        CASE WHEN d.held THEN d.acted_at END,
        (%(services)s::text[])[1 + d.n %% 3], 'クレジットカード', 'JPY',
        (2 - d.n %% 2) * (1 + (d.id %% 10 = 9)::int) * (550 + d.id %% 80 * 55) + (d.n %% 3 = 0)::int * 550,
        1 + (d.status IN ('SHIPPED', 'CANCELED', 'PARTIALLY_SHIPPED'))::int + d.requested::int + d.held::int,
        CASE WHEN d.status IN ('SHIPPED', 'CANCELED', 'PARTIALLY_SHIPPED') OR d.requested OR d.held
             THEN d.acted_at ELSE d.placed_at END
    FROM draft AS d,
        (SELECT min(id) AS first, count(*) AS count FROM accounts_user WHERE email LIKE 'buyer%%') AS buyers
    """,
    # A partly shipped order sent its first line; one with a single line would have been shipped whole.
    """
    INSERT INTO orders_orderitem (item_id, order_id, seller_id, sku, title, quantity_ordered, quantity_shipped,
        quantity_cancelled, item_price, item_tax, shipping_price, shipping_tax, discount, buyer_cancelable,
        not_cancelable_reason)
    SELECT lpad((d.id * 10 + line)::text, 14, '0'), d.id, d.seller_id,
        (%(codes)s::text[])[1 + kind] || '-' || lpad(model::text, 3, '0') || '-' || chr(65 + d.n %% 3),
        (%(titles)s::text[])[1 + kind] || ' ' || model || '型 ' || (%(colours)s::text[])[1 + d.n %% 3],
        units,
        CASE WHEN d.status = 'SHIPPED' OR (d.status = 'PARTIALLY_SHIPPED' AND line = 1) THEN units ELSE 0 END,
        CASE WHEN d.status = 'CANCELED' THEN units ELSE 0 END,
        (500 + d.id %% 80 * 50) * units, (50 + d.id %% 80 * 5) * units,
        CASE WHEN line = 1 AND d.n %% 3 = 0 THEN 500 ELSE 0 END,
        CASE WHEN line = 1 AND d.n %% 3 = 0 THEN 50 ELSE 0 END, 0, true, ''
    FROM draft AS d, LATERAL generate_series(1, 2 - d.n %% 2) AS line, LATERAL (
        SELECT (d.id * 7 + line * 3) %% 10 AS kind, (d.id / 7 + line * 29) %% 100 AS model,
               1 + (d.id %% 10 = 9)::int AS units
    ) AS what
    ORDER BY d.id, line
    """,
    """
    INSERT INTO orders_recipient (order_id, seller_id, name, phone, country, postal_code, state, city, line1,
        line2, line3)
    SELECT o.id, o.seller_id, u.name, '', 'JP', '604-0000', (%(states)s::text[])[1 + o.id %% 12], '見本市',
        '見本町 ' || o.id %% 40 || '-3', '', ''
    FROM draft JOIN orders_order AS o USING (id) JOIN accounts_user AS u ON u.id = o.buyer_id ORDER BY o.id
    """,
    """
    INSERT INTO events_event (name, order_id, order_version, subject, role, door, actor_name, happened_at, payload)
    SELECT 'order.placed', o.id, 1, '', 'SYSTEM', 'COMMAND', '', o.placed_at,
        jsonb_build_object('verified', o.payment_verified_at IS NOT NULL, 'total', o.total::text)
    FROM draft JOIN orders_order AS o USING (id) ORDER BY o.id
    """,
    """
    INSERT INTO payments_authorization (order_id, provider, provider_ref, amount, asked, released, currency, state)
    SELECT o.id, %(provider)s, 'bench-' || o.id, o.total, o.total,
        CASE WHEN o.status = 'CANCELED' THEN o.total ELSE 0 END, o.currency,
        CASE o.status WHEN 'PENDING' THEN 'REQUESTED' WHEN 'CANCELED' THEN 'RELEASED' ELSE 'HELD' END
    FROM draft JOIN orders_order AS o USING (id) ORDER BY o.id
    """,
    # Shipments, with their charge.
    """
    WITH event AS (
        INSERT INTO events_event (name, order_id, order_version, subject, role, door, actor_name, happened_at,
            payload)
        SELECT 'shipment.confirmed', id, 2, '', 'SELLER', 'PAGE', '', acted_at, '{}'
        FROM draft WHERE status IN ('SHIPPED', 'PARTIALLY_SHIPPED') ORDER BY id
        RETURNING id, order_id, happened_at
    ), shipment AS (
        INSERT INTO shipments_shipment (order_id, seller_id, event_id, confirmed_at, shipped_on, carrier,
            tracking_number)
        SELECT e.order_id, o.seller_id, e.id, e.happened_at, (e.happened_at AT TIME ZONE 'Asia/Tokyo')::date,
            'ヤマト運輸', '0000-' || e.order_id
        FROM event AS e JOIN orders_order AS o ON o.id = e.order_id RETURNING id, order_id, confirmed_at
    ), charge AS (
        INSERT INTO payments_charge (order_id, shipment_id, provider_ref, amount, currency, state, charged_at)
        SELECT o.id, s.id, 'bench-' || s.id, o.total, o.currency, 'SUCCEEDED', s.confirmed_at
        FROM shipment AS s JOIN orders_order AS o ON o.id = s.order_id
    )
    INSERT INTO shipments_shipmentitem (shipment_id, item_id, quantity)
    SELECT s.id, i.id, i.quantity_shipped
    FROM shipment AS s JOIN orders_orderitem AS i ON i.order_id = s.order_id WHERE i.quantity_shipped > 0
    """,
    # Open requests for the whole rest of an order.
    """
    WITH event AS (
        INSERT INTO events_event (name, order_id, order_version, subject, role, door, user_id, actor_name,
            happened_at, payload)
        SELECT 'cancellation.requested', o.id, o.version, '', 'BUYER', 'PAGE', o.buyer_id, '', d.acted_at, '{}'
        FROM draft AS d JOIN orders_order AS o USING (id) WHERE d.requested
    ), request AS (
        INSERT INTO cancellations_cancellationrequest (order_id, seller_id, status, requested_at, reason_code,
            reason_label, buyer_text, response_due_at, decline_reason, decline_text, decline_tracking,
            close_reason, version)
        SELECT id, seller_id, 'OPEN', acted_at, (%(reasons)s::text[])[1 + n / 20 %% 3],
            (%(labels)s::text[])[1 + n / 20 %% 3], (%(comments)s::text[])[1 + n / 20 %% 3],
            acted_at + interval '48 hours', '', '', '', '', 1
        FROM draft WHERE requested ORDER BY id RETURNING id, order_id
    )
    INSERT INTO cancellations_requestitem (request_id, item_id, quantity, quantity_approved, quantity_open, state)
    SELECT r.id, i.id, i.quantity_ordered - i.quantity_shipped, 0, i.quantity_ordered - i.quantity_shipped, 'OPEN'
    FROM request AS r JOIN orders_orderitem AS i ON i.order_id = r.order_id
    WHERE i.quantity_ordered > i.quantity_shipped
    """,
    """
    INSERT INTO events_event (name, order_id, order_version, subject, role, door, actor_name, happened_at, payload)
    SELECT 'order.held', id, 2, '', 'MARKETPLACE', 'ADMIN', '', acted_at, '{}' FROM draft WHERE held
    """,
    # Cancelled by the shop for want of stock, or by the buyer in time; whoever is told of it was told.
    """
    WITH done AS (
        SELECT d.id, d.seller_id, d.acted_at, o.buyer_id, d.ship_by, d.n %% 2 = 0 AS by_shop
        FROM draft AS d JOIN orders_order AS o USING (id) WHERE d.status = 'CANCELED'
    ), event AS (
        INSERT INTO events_event (name, order_id, order_version, subject, role, door, actor_name, happened_at,
            payload)
        SELECT 'order.cancelled', id, 2, '', CASE WHEN by_shop THEN 'SELLER' ELSE 'BUYER' END, 'PAGE', '',
            acted_at, jsonb_build_object('code', CASE WHEN by_shop THEN 'SEL-1' ELSE 'BUY-0' END, 'whole', true,
                               'reason', CASE WHEN by_shop THEN 'NO_INVENTORY' ELSE 'BUYER_DIRECT' END)
        FROM done ORDER BY id RETURNING id, order_id
    ), delivery AS (
        INSERT INTO events_delivery (event_id, listener, recipient_id, key, state, due_at, attempts, delivered_at,
            last_error)
        SELECT e.id, t.listener, t.recipient, e.id || '.' || t.listener || '.' || coalesce(t.recipient, 0),
            'DELIVERED', d.acted_at, 1, d.acted_at, ''
        FROM event AS e JOIN done AS d ON d.id = e.order_id, LATERAL (
            SELECT 'mail_buyer', d.buyer_id UNION ALL SELECT 'release_authorization', NULL UNION ALL
            SELECT 'mail_seller', m.user_id FROM accounts_membership AS m WHERE m.seller_id = d.seller_id
        ) AS t (listener, recipient)
    ), cancellation AS (
        INSERT INTO cancellations_cancellation (order_id, seller_id, event_id, cancelled_at, role, reason, code,
            counted, excluded, facts, policy_version, sentence, seller_memo, restock, whole)
        SELECT d.id, d.seller_id, e.id, d.acted_at, CASE WHEN by_shop THEN 'SELLER' ELSE 'BUYER' END,
            CASE WHEN by_shop THEN 'NO_INVENTORY' ELSE 'BUYER_DIRECT' END,
            CASE WHEN by_shop THEN 'SEL-1' ELSE 'BUY-0' END, by_shop, false,
            jsonb_build_object('role', CASE WHEN by_shop THEN 'SELLER' ELSE 'BUYER' END,
                'reason', CASE WHEN by_shop THEN 'NO_INVENTORY' ELSE 'BUYER_DIRECT' END,
                'units', (SELECT jsonb_object_agg(i.id, i.quantity_ordered) FROM orders_orderitem AS i
                          WHERE i.order_id = d.id),
                'covered', NULL, 'requested_on', NULL, 'ship_by_date', d.ship_by, 'wish_messages', '[]'::jsonb,
                'open_request_counts', 'always', 'operator_says_counts', false, 'request', NULL),
            1, CASE WHEN by_shop THEN %(counted)s ELSE %(not_counted)s END, '', NOT by_shop, true
        FROM done AS d JOIN event AS e ON e.order_id = d.id RETURNING id, order_id
    )
    INSERT INTO cancellations_cancellationitem (cancellation_id, item_id, quantity, amount)
    SELECT c.id, i.id, i.quantity_ordered, i.item_price + i.item_tax - i.discount
    FROM cancellation AS c JOIN orders_orderitem AS i ON i.order_id = c.order_id
    """,
)


def _lay_out() -> None:
    """Write everything that belongs to the drafted orders."""
    parameters = {
        "services": list(SERVICES),
        "codes": [code for code, _ in GOODS],
        "titles": [title for _, title in GOODS],
        "colours": list(COLOURS),
        "states": STATES,
        "provider": TEST,
        "reasons": [code for code, _ in REASONS],
        "labels": [label for _, label in REASONS],
        "comments": list(COMMENTS),
        "counted": recorded_sentence("SEL-1", True),
        "not_counted": recorded_sentence("BUY-0", False),
    }
    for statement in _LAYERS:
        _run(statement, **parameters)
