"""The limit: the same work as hand-written SQL and plain strings, without any framework.

What can be left out is left out: no session, no rights, no language, no markup, no rules beside the ones that the
statement spells out. It writes every row that the portal writes.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TextIO
from zoneinfo import ZoneInfo

import psycopg2
from django.conf import settings
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class under a lower-case name

ZONE = ZoneInfo("Asia/Tokyo")
PAGE = 25


@contextmanager
def connected() -> Iterator[Connection]:
    """A connection of its own to the benchmark's database."""
    of = settings.DATABASES["default"]
    names = {
        "dbname": of["NAME"],
        "user": of["USER"],
        "password": of["PASSWORD"],
        "host": of["HOST"],
        "port": of["PORT"],
    }
    connection = psycopg2.connect(**{name: value for name, value in names.items() if value})
    try:
        yield connection
    finally:
        connection.close()


# --- 注文管理 -------------------------------------------------------------------------------------------------

_PAGE = """
SELECT o.id, o.number, o.status, o.placed_at, o.ship_by_date, o.auto_cancel_due_at, o.on_hold, o.service_level,
    p.name, p.state,
    (SELECT json_agg(json_build_array(i.title, i.sku, i.quantity_ordered, i.item_price + i.item_tax - i.discount)
                     ORDER BY i.id)
     FROM orders_orderitem AS i WHERE i.order_id = o.id),
    r.requested_at, r.response_due_at, r.reason_label, r.buyer_text, c.reason, c.counted
FROM (SELECT *, row_number() OVER (ORDER BY {order}) AS place
      FROM orders_order WHERE seller_id = %(seller)s AND {only} ORDER BY {order} LIMIT 26) AS o
LEFT JOIN orders_recipient AS p ON p.order_id = o.id
LEFT JOIN cancellations_cancellationrequest AS r ON r.order_id = o.id AND r.status = 'OPEN'
LEFT JOIN cancellations_cancellation AS c ON c.order_id = o.id AND o.status = 'CANCELED'
ORDER BY place
"""
_COUNTERS = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM orders_order
                              WHERE seller_id = %(seller)s AND status = 'UNSHIPPED' LIMIT 1000) AS s),
       (SELECT count(*) FROM (SELECT 1 FROM orders_order
                              WHERE seller_id = %(seller)s AND answer_due_at IS NOT NULL LIMIT 100) AS s)
"""
NEWEST = "placed_at DESC, id DESC"
ANSWER_FIRST = "answer_due_at, id"
# What a search finds is few: sorting it costs nothing.
FOUND = f"answer_due_at, CASE WHEN answer_due_at IS NOT NULL THEN id END, {NEWEST}"

WORDS = {
    "PENDING": "保留中",
    "UNSHIPPED": "未出荷",
    "PARTIALLY_SHIPPED": "一部出荷済み",
    "SHIPPED": "出荷済み",
    "CANCELED": "キャンセル済み",
}
BANNER = (
    "購入者がこの注文のキャンセルをリクエストしています。"
    "この注文をキャンセルしても、出品者のキャンセル率の指標に対して影響が発生することはありません。"
)


def page(connection: Connection, *, only: str, order: str, now: datetime, **parameters) -> str:
    """One page of a shop's orders as text: 25 orders with lines, two capped counters; two statements."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_PAGE.format(only=only, order=order), parameters)
        rows = cursor.fetchall()
        cursor.execute(_COUNTERS, parameters)
        unshipped, requested = cursor.fetchone()
    parts = [f"注文管理 {_moment(now)} 現在 未出荷 {unshipped} キャンセルリクエストあり {requested}"]
    parts += [_order(row, now) for row in rows[:PAGE]]
    parts.append(f"{min(len(rows), PAGE)}件を表示しています")
    if len(rows) > PAGE:
        parts.append("次へ")
    return "\n".join(parts)


def _order(row: tuple, now: datetime) -> str:
    (number, status, placed, ship_by, due, on_hold, service, name, state, lines) = row[1:11]
    requested, answer_due, reason, comment, ended, counted = row[11:]
    parts = []
    if requested:
        parts.append(
            f"{BANNER} 回答期限 {_moment(answer_due)}（{_left(answer_due, now)}）"
            f" リクエスト日時 {_moment(requested)} 理由 {reason}"
            f" 購入者のコメント「{comment}」 対応方法 リクエストを断る"
        )
    local = placed.astimezone(ZONE)
    parts.append(f"{local:%Y/%m/%d} {local:%H:%M} JST {number} {name} 様・{state} {service}")
    parts += [f"{title} SKU {sku}・数量 {quantity}・￥{amount:,.0f}" for title, sku, quantity, amount in lines]
    days = (ship_by - now.astimezone(ZONE).date()).days
    parts.append(f"{ship_by:%Y/%m/%d} {f'あと{days}日' if days > 0 else f'{-days}日経過'} {WORDS[status]}")
    if requested:
        parts.append("出荷しないでください（キャンセルリクエスト中）")
    if status == "UNSHIPPED" and due <= now + timedelta(hours=72) and not on_hold:
        parts.append(f"自動キャンセル間近 {_moment(due - timedelta(minutes=1))} まで")
    if ended:
        parts.append(f"{ended} キャンセル率への影響：{'あり' if counted else 'なし'}")
    parts.append("出荷通知を送信 注文キャンセル" if status == "UNSHIPPED" else "詳細を見る")
    return "\n".join(parts)


def _moment(value: datetime) -> str:
    return f"{value.astimezone(ZONE):%Y/%m/%d %H:%M} JST"


def _left(due: datetime, now: datetime) -> str:
    minutes = int(abs((due - now).total_seconds())) // 60
    words = f"{minutes // 1440}日{minutes // 60 % 24}時間"
    return f"あと{words}" if due > now else f"{words}過ぎています"


# --- the sweep, and many orders at once -----------------------------------------------------------------------------

_OVERDUE = """
    auto_cancel_due_at <= %(now)s ORDER BY auto_cancel_due_at, id LIMIT 1000 FOR UPDATE SKIP LOCKED
"""
_THESE = "id = ANY(%(orders)s) ORDER BY id FOR UPDATE"
_CANCEL_ALL = """
WITH picked AS MATERIALIZED (
    SELECT id, seller_id, buyer_id, version, ship_by_date, last_updated_at, answer_due_at,
        status = 'UNSHIPPED' AS whole
    FROM orders_order
    WHERE status IN ('PARTIALLY_SHIPPED', 'UNSHIPPED') AND NOT on_hold AND fulfillment_channel = 'SELLER' AND {which}
), units AS MATERIALIZED (
    SELECT i.order_id, i.id, i.quantity_ordered - i.quantity_shipped - i.quantity_cancelled AS quantity,
        CASE WHEN i.quantity_shipped = 0 THEN total.amount
             ELSE floor(total.amount * (i.quantity_ordered - i.quantity_shipped) / i.quantity_ordered) END
        - floor(total.amount * i.quantity_cancelled / i.quantity_ordered) AS amount
    FROM picked AS p JOIN orders_orderitem AS i ON i.order_id = p.id,
        LATERAL (SELECT i.item_price + i.item_tax - i.discount AS amount) AS total
    WHERE i.quantity_ordered > i.quantity_shipped + i.quantity_cancelled
), of_order AS MATERIALIZED (
    SELECT order_id, jsonb_object_agg(id, quantity) AS units, sum(amount) AS goods FROM units GROUP BY order_id
), charged AS MATERIALIZED (
    SELECT c.order_id, c.id, c.currency FROM payments_charge AS c WHERE c.order_id IN (SELECT id FROM picked)
), request AS (
    UPDATE cancellations_cancellationrequest AS r
    SET status = 'CLOSED', close_reason = 'AUTO_CANCELED', decided_at = %(now)s, version = r.version + 1
    FROM picked AS p WHERE p.answer_due_at IS NOT NULL AND r.order_id = p.id AND r.status = 'OPEN'
    RETURNING r.id, r.order_id, r.requested_at
), asked AS (
    SELECT r.order_id, r.id, (r.requested_at AT TIME ZONE 'Asia/Tokyo')::date AS requested_on,
           jsonb_object_agg(i.item_id, i.quantity_open) AS covered
    FROM request AS r JOIN cancellations_requestitem AS i ON i.request_id = r.id AND i.quantity_open > 0
    GROUP BY r.order_id, r.id, r.requested_at
), asked_item AS (
    UPDATE cancellations_requestitem AS i SET quantity_open = 0, state = 'CLOSED' FROM request AS r
    WHERE i.request_id = r.id AND i.state = 'OPEN'
), event AS (
    INSERT INTO events_event (name, order_id, order_version, subject, role, door, user_id, actor_name, happened_at,
        payload)
    SELECT 'order.cancelled', id, version + 1, '', %(role)s, %(door)s, %(user)s, %(name)s, %(now)s,
        jsonb_build_object('code', %(code)s, 'reason', %(reason)s, 'whole', whole)
    FROM picked RETURNING id, order_id
), delivery AS (
    INSERT INTO events_delivery (event_id, listener, recipient_id, key, state, due_at, attempts, last_error)
    SELECT e.id, t.listener, t.recipient, e.id || '.' || t.listener || '.' || coalesce(t.recipient, 0), 'PENDING',
        %(now)s, 0, ''
    FROM event AS e JOIN picked AS p ON p.id = e.order_id LEFT JOIN charged AS c ON c.order_id = p.id
    LEFT JOIN (SELECT max(id) AS id FROM picked GROUP BY seller_id) AS names ON names.id = p.id, LATERAL (
        SELECT 'mail_buyer', p.buyer_id WHERE p.buyer_id IS NOT NULL
        UNION ALL SELECT 'look_at_rate', NULL WHERE names.id IS NOT NULL
        UNION ALL SELECT CASE WHEN c.id IS NULL THEN 'release_authorization' ELSE 'refund' END, NULL
        UNION ALL SELECT 'mail_seller', m.user_id
                  FROM accounts_membership AS m JOIN accounts_user AS u ON u.id = m.user_id
                  WHERE m.seller_id = p.seller_id AND m.role IN ('OWNER', 'ORDER_STAFF') AND u.is_active
    ) AS t (listener, recipient)
), cancellation AS (
    INSERT INTO cancellations_cancellation (order_id, seller_id, event_id, request_id, cancelled_at, role, reason,
        code, counted, excluded, facts, policy_version, sentence, seller_memo, restock, whole)
    SELECT p.id, p.seller_id, e.id, a.id, %(now)s, %(role)s, %(reason)s, %(code)s, true, false,
        jsonb_build_object('role', %(role)s, 'reason', %(reason)s, 'units', u.units,
            'covered', a.covered, 'requested_on', a.requested_on, 'ship_by_date', p.ship_by_date,
            'wish_messages', '[]'::jsonb, 'open_request_counts', 'always',
            'operator_says_counts', false, 'request', a.id),
        1, %(sentence)s, '', false, p.whole
    FROM picked AS p JOIN event AS e ON e.order_id = p.id JOIN of_order AS u ON u.order_id = p.id
        LEFT JOIN asked AS a ON a.order_id = p.id
    RETURNING id, order_id, event_id
), cancellation_item AS (
    INSERT INTO cancellations_cancellationitem (cancellation_id, item_id, quantity, amount)
    SELECT c.id, u.id, u.quantity, u.amount FROM cancellation AS c JOIN units AS u ON u.order_id = c.order_id
), released AS (
    UPDATE payments_authorization AS a SET released = a.amount
    FROM picked AS p WHERE a.order_id = p.id AND NOT EXISTS (SELECT FROM charged AS c WHERE c.order_id = p.id)
), refund AS (
    INSERT INTO payments_refund (order_id, charge_id, idempotency_key, amount, currency, reason, memo,
        state, requested_at)
    SELECT c.order_id, c.id, 'cancellation-' || e.event_id, u.goods, c.currency, 'CANCELLATION', '', 'PENDING',
        %(now)s
    FROM charged AS c JOIN cancellation AS e USING (order_id) JOIN of_order AS u USING (order_id)
    RETURNING id, order_id
), refund_item AS (
    INSERT INTO payments_refunditem (refund_id, item_id, quantity, amount)
    SELECT r.id, u.id, u.quantity, u.amount FROM refund AS r JOIN units AS u ON u.order_id = r.order_id
), line AS (
    UPDATE orders_orderitem AS i SET quantity_cancelled = i.quantity_cancelled + u.quantity FROM units AS u
    WHERE i.id = u.id
)
UPDATE orders_order AS o
SET status = CASE WHEN p.whole THEN 'CANCELED' ELSE 'SHIPPED' END, version = o.version + 1,
    last_updated_at = greatest(%(now)s, o.last_updated_at + interval '1 microsecond'),
    cancelled_at = CASE WHEN p.whole THEN %(now)s END, answer_due_at = NULL
FROM picked AS p WHERE o.id = p.id
"""


def sweep(connection: Connection, *, now: datetime, sentence: str) -> int:
    """Cancel everything overdue in transactions of 1,000, one statement each; return how many."""
    known = {
        "role": "SYSTEM",
        "door": "SWEEP",
        "user": None,
        "name": "",
        "reason": "AUTO_NOT_CONFIRMED",
        "code": "MKT-1",
        "now": now,
        "sentence": sentence,
    }
    done = 0
    while True:
        with connection, connection.cursor() as cursor:
            cursor.execute(_CANCEL_ALL.format(which=_OVERDUE), known)
            if not cursor.rowcount:
                return done
            done += cursor.rowcount


def cancel_many(
    connection: Connection, *, orders: list[int], by: tuple[int, str], now: datetime, sentence: str
) -> None:
    """Cancel these orders for want of stock, in one transaction and one statement."""
    known = {
        "role": "SELLER",
        "door": "PAGE",
        "user": by[0],
        "name": by[1],
        "reason": "NO_INVENTORY",
        "code": "SEL-1",
        "now": now,
        "sentence": sentence,
        "orders": orders,
    }
    with connection, connection.cursor() as cursor:
        cursor.execute(_CANCEL_ALL.format(which=_THESE), known)


# --- an order file --------------------------------------------------------------------------------------------

_FILE = """
CREATE TEMPORARY TABLE line (
    number text, item text, placed_at timestamptz, email text, buyer text, sku text, title text, quantity int,
    currency text, price numeric, shipping numeric, recipient text, line1 text, city text, state text,
    postal_code text, country text
) ON COMMIT DROP
"""
_TAKE_OVER = """
WITH placed AS (
    INSERT INTO orders_order (number, seller_id, fulfillment_channel, status, placed_at, payment_verified_at,
        on_hold, service_level, payment_method, currency, total, version, last_updated_at)
    SELECT number, %(seller)s, 'SELLER', 'UNSHIPPED', placed_at, placed_at, false, '', '', currency,
        price + shipping, 1, %(now)s FROM line
    RETURNING id, number, seller_id, total, currency
), item AS (
    INSERT INTO orders_orderitem (item_id, order_id, seller_id, sku, title, quantity_ordered, quantity_shipped,
        quantity_cancelled, item_price, item_tax, shipping_price, shipping_tax, discount, buyer_cancelable,
        not_cancelable_reason)
    SELECT item, id, seller_id, sku, title, quantity, 0, 0, price, 0, shipping, 0, 0, true, ''
    FROM placed JOIN line USING (number)
), recipient AS (
    INSERT INTO orders_recipient (order_id, seller_id, name, phone, country, postal_code, state, city, line1,
        line2, line3)
    SELECT id, seller_id, recipient, '', country, postal_code, state, city, line1, '', ''
    FROM placed JOIN line USING (number)
), event AS (
    INSERT INTO events_event (name, order_id, order_version, subject, role, door, actor_name, happened_at, payload)
    SELECT 'order.placed', id, 1, '', 'SYSTEM', 'IMPORT', '', %(now)s,
        jsonb_build_object('verified', true, 'total', total::text) FROM placed
)
INSERT INTO payments_authorization (order_id, provider, amount, asked, released, currency, state)
SELECT id, 'none', total, total, 0, currency, 'HELD' FROM placed
"""


def take_over(connection: Connection, *, content: TextIO, seller: int, now: datetime) -> int:
    """Take over an order file of new orders: COPY and one statement, in one transaction; return how many."""
    content.readline()
    with connection, connection.cursor() as cursor:
        cursor.execute(_FILE)
        cursor.copy_expert("COPY line FROM STDIN", content)
        cursor.execute("ANALYZE line")
        cursor.execute(_TAKE_OVER, {"seller": seller, "now": now})
        return cursor.rowcount


# --- one cancellation -----------------------------------------------------------------------------------------

_LOCK = """
SELECT seller_id, buyer_id, version, ship_by_date FROM orders_order
WHERE id = %(order)s AND status = 'UNSHIPPED' AND NOT on_hold AND answer_due_at IS NULL FOR UPDATE
"""
_LINES = """
UPDATE orders_orderitem SET quantity_cancelled = quantity_ordered WHERE order_id = %(order)s
RETURNING id, quantity_ordered
"""
_EVENT = """
INSERT INTO events_event (name, order_id, order_version, subject, role, door, user_id, actor_name, happened_at,
    payload)
VALUES ('order.cancelled', %(order)s, %(version)s + 1, '', 'SELLER', 'PAGE', %(user)s, %(name)s, %(now)s,
    %(payload)s)
RETURNING id
"""
_DELIVERIES = """
INSERT INTO events_delivery (event_id, listener, recipient_id, key, state, due_at, attempts, last_error)
SELECT %(event)s, t.listener, t.person, %(event)s || '.' || t.listener || '.' || coalesce(t.person, 0), 'PENDING',
    %(now)s, 0, ''
FROM (
    SELECT 'mail_buyer', %(buyer)s::bigint UNION ALL SELECT 'release_authorization', NULL
    UNION ALL SELECT 'look_at_rate', NULL
    UNION ALL SELECT 'mail_seller', m.user_id
    FROM accounts_membership AS m JOIN accounts_user AS u ON u.id = m.user_id
    WHERE m.seller_id = %(seller)s AND m.role IN ('OWNER', 'ORDER_STAFF') AND u.is_active
) AS t (listener, person)
"""
_CANCELLATION = """
INSERT INTO cancellations_cancellation (order_id, seller_id, event_id, cancelled_at, role, reason, code, counted,
    excluded, facts, policy_version, sentence, seller_memo, restock, whole)
VALUES (%(order)s, %(seller)s, %(event)s, %(now)s, 'SELLER', 'NO_INVENTORY', 'SEL-1', true, false, %(facts)s, 1,
    %(sentence)s, '', false, true)
RETURNING id
"""
_CANCELLED_ITEMS = """
INSERT INTO cancellations_cancellationitem (cancellation_id, item_id, quantity, amount)
SELECT %(cancellation)s, id, quantity_ordered, item_price + item_tax - discount
FROM orders_orderitem WHERE order_id = %(order)s
"""
_RELEASE = "UPDATE payments_authorization SET released = amount WHERE order_id = %(order)s"
_ORDER = """
UPDATE orders_order
SET status = 'CANCELED', version = version + 1, cancelled_at = %(now)s,
    last_updated_at = greatest(%(now)s, last_updated_at + interval '1 microsecond')
WHERE id = %(order)s
"""
CANCEL_STATEMENTS = 8


def cancel(connection: Connection, *, order_id: int, by: tuple[int, str], now: datetime, sentence: str) -> None:
    """Cancel one order for want of stock, in one transaction."""
    known = {"order": order_id, "user": by[0], "name": by[1], "now": now, "sentence": sentence}
    with connection, connection.cursor() as cursor:

        def ask(statement: str, *, answers: bool = False, **more) -> list[tuple]:
            known.update(more)
            cursor.execute(statement, known)
            return cursor.fetchall() if answers else []

        ((seller, buyer, version, ship_by),) = ask(_LOCK, answers=True)
        units = dict(ask(_LINES, answers=True))
        payload = {"code": "SEL-1", "reason": "NO_INVENTORY", "whole": True}
        facts = {
            "role": "SELLER",
            "reason": "NO_INVENTORY",
            "units": units,
            "covered": None,
            "requested_on": None,
            "ship_by_date": ship_by.isoformat(),
            "wish_messages": [],
            "open_request_counts": "always",
            "operator_says_counts": False,
            "request": None,
        }
        ((event,),) = ask(_EVENT, answers=True, version=version, payload=json.dumps(payload))
        ask(_DELIVERIES, event=event, buyer=buyer, seller=seller)
        ((cancellation,),) = ask(_CANCELLATION, answers=True, facts=json.dumps(facts))
        ask(_CANCELLED_ITEMS, cancellation=cancellation)
        ask(_RELEASE)
        ask(_ORDER)
