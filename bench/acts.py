"""The sweep and one cancellation through the actions, beside the same rows written by hand."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from statistics import median

from django.db import connection

from accounts.actors import Actor, Door, Role
from cancellations.actions import CancelTarget, cancel, run_sweep
from cancellations.policy import Reason
from cancellations.queries import database_now
from cancellations.wording import recorded_sentence
from orders.outcomes import sole

from . import limit, stock
from .clock import Duel, in_turn, least, middle, seconds_of, statements, transactions
from .stock import Stock
from .verdict import Row

SWEEP_SHARE = 1 / 3
STATEMENTS_PER_ORDER = 0.05
LONGEST_TRANSACTION = 1.0
CANCEL_RATIO = 4.0
CANCEL_STATEMENTS = 9
BULK = 1000

# What an act left behind of a set of orders, keys aside: both sides must leave the same.
_LEFT = """
SELECT o.status, o.version, o.answer_due_at IS NULL, count(*), sum(i.cancelled),
    sum(a.amount - a.released), min(e.payload::text), sum(d.told), min(d.listeners), min(c.code),
    bool_and(c.counted), bool_or(c.restock), sum(c.units), sum(c.amount),
    sum(c.asked), sum(f.amount), sum(r.closed), min(c.sentence), min(c.facts)
FROM orders_order AS o
JOIN LATERAL (SELECT sum(quantity_cancelled) AS cancelled FROM orders_orderitem WHERE order_id = o.id) AS i ON true
JOIN payments_authorization AS a ON a.order_id = o.id
JOIN events_event AS e ON e.order_id = o.id AND e.order_version = o.version
JOIN LATERAL (SELECT count(*) AS told, string_agg(listener, ' ' ORDER BY listener) AS listeners
              -- A shop is named once a batch, and batches differ in size.
              FROM events_delivery WHERE event_id = e.id AND state = 'PENDING' AND listener <> 'look_at_rate'
             ) AS d ON true
JOIN LATERAL (SELECT min(n.code) AS code, bool_and(n.counted) AS counted, bool_and(n.restock) AS restock,
                     sum(t.quantity) AS units, sum(t.amount) AS amount, count(DISTINCT n.request_id) AS asked,
                     min(n.sentence) AS sentence,
                     min((n.facts - ARRAY['units', 'covered', 'request', 'requested_on', 'ship_by_date'])::text)
                       AS facts
              FROM cancellations_cancellation AS n
              JOIN cancellations_cancellationitem AS t ON t.cancellation_id = n.id
              WHERE n.event_id = e.id) AS c ON true
LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM payments_refund WHERE order_id = o.id) AS f ON true
LEFT JOIN LATERAL (SELECT count(*) AS closed FROM cancellations_cancellationrequest
                   WHERE order_id = o.id AND status = 'CLOSED') AS r ON true
WHERE o.id = ANY(%s) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def sweep(*, orders: int, rounds: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """Sweep a fresh set of overdue orders, and let the limit do another one like it, in turn."""
    duel = Duel()
    sent, longest = [], []
    sentence = recorded_sentence("MKT-1", True)
    with limit.connected() as bare:
        for number in range(rounds):
            for side in ("ours", "limit") if number % 2 == 0 else ("limit", "ours"):
                tell(f"sweep of {orders:,} orders, round {number + 1} of {rounds}, {side}")
                keys = stock.add_overdue(orders, now=database_now())
                now = database_now()
                if side == "limit":
                    duel.limit.append([seconds_of(lambda now=now: limit.sweep(bare, now=now, sentence=sentence))])
                    by_hand = _left_of(keys)
                else:
                    with statements() as said, transactions() as lasted:
                        duel.ours.append([seconds_of(lambda now=now: run_sweep(now=now))])
                    sent.append(len(said) / orders)
                    longest.append(max(lasted))
                    ours = _left_of(keys)
            _same(ours, by_hand)
    yield Row(
        "sweep",
        f"sweep of {orders:,} overdue orders",
        "orders/s",
        orders / middle(duel.ours),
        orders / middle(duel.limit),
        orders / least(duel.ours),
        orders / least(duel.limit),
        ratio=1 / duel.ratio,
        best_ratio=1 / duel.best_ratio,
        at_least=SWEEP_SHARE,
        statements=round(median(sent), 4),
        statements_at_most=STATEMENTS_PER_ORDER,
    )
    yield Row(
        "sweep.transaction",
        "sweep, longest transaction, against 1 s",
        "s",
        median(longest),
        LONGEST_TRANSACTION,
        min(longest),
        ratio=median(longest) / LONGEST_TRANSACTION,
        at_most=1.0,
    )


def one_cancellation(loaded: Stock, *, rounds: int, times: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """Cancel one order at a time for want of stock, ours and by hand in turn."""
    duel = Duel()
    by = Actor(Role.SELLER, Door.PAGE, loaded.staff.pk, loaded.staff.name)
    sentence = recorded_sentence("SEL-1", True)
    with limit.connected() as bare:
        for number in range(rounds):
            tell(f"one cancellation, round {number + 1} of {rounds}")
            keys = stock.add_open(4 * times, shop=loaded.shop, now=database_now())
            now = database_now()
            # Neighbours have one line and two; each side gets every other pair.
            for_us = [key for key in keys if (key - keys[0]) // 2 % 2 == 0]
            for_limit = [key for key in keys if (key - keys[0]) // 2 % 2 == 1]
            ours, theirs = [], []
            for our_key, limit_key in zip(for_us, for_limit, strict=True):
                target = CancelTarget(our_key, Reason.NO_INVENTORY)
                ours.append(
                    seconds_of(lambda target=target, now=now: sole(cancel(targets=[target], by=by, now=now)))
                )
                theirs.append(
                    seconds_of(
                        lambda key=limit_key, now=now: limit.cancel(
                            bare, order_id=key, by=(by.user_id, by.name), now=now, sentence=sentence
                        )
                    )
                )
            duel.ours.append(ours)
            duel.limit.append(theirs)
            _same(_without_amounts(for_us), _without_amounts(for_limit))
        (key,) = stock.add_open(1, shop=loaded.shop, now=database_now())
        with statements() as said:
            sole(cancel(targets=[CancelTarget(key, Reason.NO_INVENTORY)], by=by, now=now))
        # The policy in force is read before the transaction.
        sent = len(said) - 1
    yield Row(
        "cancel",
        "cancel one order",
        "ms",
        middle(duel.ours) * 1000,
        middle(duel.limit) * 1000,
        least(duel.ours) * 1000,
        least(duel.limit) * 1000,
        ratio=duel.ratio,
        best_ratio=duel.best_ratio,
        at_most=CANCEL_RATIO,
    )
    yield Row(
        "cancel.statements",
        "cancel one order, statements in its transaction",
        "",
        sent,
        limit.CANCEL_STATEMENTS,
        statements=sent,
        statements_at_most=CANCEL_STATEMENTS,
    )


def bulk(loaded: Stock, *, rounds: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """Cancel a thousand orders of one shop in one go, ours and by hand in turn."""
    duel = Duel()
    by = Actor(Role.SELLER, Door.PAGE, loaded.staff.pk, loaded.staff.name)
    sentence = recorded_sentence("SEL-1", True)
    longest, sent = [], []
    with limit.connected() as bare:
        for number in range(rounds):
            tell(f"a thousand cancellations, round {number + 1} of {rounds}")
            keys = stock.add_open(2 * BULK, shop=loaded.shop, now=database_now())
            now = database_now()
            for_us = [key for key in keys if (key - keys[0]) // 2 % 2 == 0]
            for_limit = [key for key in keys if (key - keys[0]) // 2 % 2 == 1]
            targets = [CancelTarget(key, Reason.NO_INVENTORY) for key in for_us]

            def ours(targets=targets, now=now) -> None:
                with statements() as said, transactions() as lasted:
                    cancel(targets=targets, by=by, now=now)
                sent.append(len(said))
                longest.append(max(lasted))

            def theirs(orders=for_limit, now=now) -> None:
                limit.cancel_many(bare, orders=orders, by=(by.user_id, by.name), now=now, sentence=sentence)

            in_turn(duel, ours, theirs, times=1)
            _same(_without_amounts(for_us), _without_amounts(for_limit))
    yield Row(
        "bulk",
        f"cancel {BULK:,} orders in one go",
        "ms",
        middle(duel.ours) * 1000,
        middle(duel.limit) * 1000,
        least(duel.ours) * 1000,
        least(duel.limit) * 1000,
        ratio=duel.ratio,
        best_ratio=duel.best_ratio,
        at_most=1 / SWEEP_SHARE,
        statements=max(sent),
        statements_at_most=STATEMENTS_PER_ORDER * BULK,
    )
    yield Row(
        "bulk.transaction",
        "cancel in one go, transaction that holds the locks, against 1 s",
        "s",
        median(longest),
        LONGEST_TRANSACTION,
        min(longest),
        ratio=median(longest) / LONGEST_TRANSACTION,
        at_most=1.0,
    )


def _left_of(keys: Iterable[int]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, [list(keys)])
        return cursor.fetchall()


def _without_amounts(keys: Iterable[int]) -> list[tuple]:
    """Prices go by the key, so they differ between neighbours."""
    return [row[:13] + row[14:] for row in _left_of(keys)]


def _same(ours: list, by_hand: list) -> None:
    if ours != by_hand:
        raise RuntimeError(f"the two sides did not do the same work:\n{ours}\n{by_hand}")


def offences(*, now: datetime) -> list[str]:
    """Invariants of the books that do not hold; INV-13 is left out, since nobody delivers here."""
    from sellercentral import invariants

    ids = [invariant.id for invariant in invariants.INVARIANTS if invariant.id != "INV-13"]
    return [
        f"{found.id} {found.rule} {found.first}" for found in invariants.check(now=now, only=ids) if found.count
    ]
