"""注文管理, as a signed-in seller gets it from the WSGI application, beside the same page by hand."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class under a lower-case name

from accounts.access import BEGAN, SEEN
from accounts.models import User
from orders import lists
from orders.queries import local_day, zone
from orders.rules import start_of_day

from . import limit
from .clock import Duel, in_turn, least, middle, statements
from .stock import Stock
from .verdict import Row

DEEP = 1000
# Session, person, shop and role, orders, notes, policy, counts; one more for a search, or for requests seen first.
STATEMENTS = 8
AGAINST_LIMIT = 10.0
AGAINST_FIRST = 1.2
NUMBER = re.compile(r'class="heavy unbroken" href="[^"]*/([0-9-]{19})/"')


@dataclass(slots=True)
class Visitor:
    """A signed-in person with a browser's cookies, asking the application as a server would."""

    person: User
    application: Callable = field(default_factory=get_wsgi_application)
    cookie: str = ""

    def __post_init__(self) -> None:
        """Sign in, without the password's deliberate slowness."""
        session = SessionStore()
        session[SESSION_KEY] = str(self.person.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = self.person.get_session_auth_hash()
        session[BEGAN] = session[SEEN] = int(time.time())
        session.create()
        self.cookie = (
            f"{settings.SESSION_COOKIE_NAME}={session.session_key}; {settings.CSRF_COOKIE_NAME}={'x' * 32}"
        )

    def get(self, query: dict[str, str], *, path: str = "/seller/orders/") -> str:
        """The page's text. Raises RuntimeError if there is none."""
        told: list[str] = []
        environ = (
            RequestFactory()
            .get(
                f"{path}?{urlencode(query)}",
                secure=True,
                headers={"host": settings.ALLOWED_HOSTS[0], "cookie": self.cookie, "x-forwarded-proto": "https"},
            )
            .environ
        )
        response = self.application(environ, lambda status, headers, *_: told.append(status))
        text = b"".join(response).decode()
        response.close()
        if not told[0].startswith("200"):
            raise RuntimeError(f"{query} answered {told[0]}")
        return text


@dataclass(slots=True)
class Case:
    """One page: how a person asks for it, and the condition and order by which hand-written SQL finds its rows."""

    key: str
    what: str
    query: dict[str, str]
    only: str
    order: str
    parameters: dict = field(default_factory=dict)
    # A search with more matches than the portal shows: which of them it shows is the index's choice.
    same_rows: bool = True
    duel: Duel = field(default_factory=Duel)
    statements: list[int] = field(default_factory=list)


def measure(stock: Stock, *, rounds: int, times: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """All pages in turn, round by round."""
    visitor = Visitor(stock.staff)
    cases = _cases(stock, timezone.now())
    with limit.connected() as bare:
        for case in cases:
            _prove(case, visitor, bare, stock)
        for number in range(rounds):
            tell(f"pages, round {number + 1} of {rounds}")
            for case in cases:
                now = timezone.now()
                in_turn(
                    case.duel,
                    lambda case=case: visitor.get(case.query),
                    lambda case=case, now=now: limit.page(
                        bare, only=case.only, order=case.order, now=now, seller=stock.shop, **case.parameters
                    ),
                    times=times,
                )
    first = {case.key: case for case in cases}
    for case in cases:
        yield _against_limit(case)
    for key, standard in (
        ("page.deep", "page.newest"),
        *[(f"page.search.{by}", "page.first") for by in ("number", "email", "sku", "name")],
    ):
        yield _against_first(first[key], first[standard])
    yield _first_sight(cases[0])
    yield from _same_statements(stock, visitor)


def _cases(stock: Stock, now: datetime) -> list[Case]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT o.number, u.email, p.name
            FROM orders_order AS o JOIN accounts_user AS u ON u.id = o.buyer_id
            JOIN orders_recipient AS p ON p.order_id = o.id
            WHERE o.seller_id = %s ORDER BY o.placed_at DESC OFFSET %s LIMIT 1
            """,
            [stock.shop, stock.shop_orders // 3],
        )
        number, email, name = cursor.fetchone()
    deep = min(DEEP, stock.shop_orders // limit.PAGE - 2)
    # One page as long as all that come before the deep one: its cursor leads there.
    before = lists.page_of_seller(
        stock.shop, lists.Wish(sort=lists.SORT_NEWEST), cursor="", now=now, size=(deep - 1) * limit.PAGE
    )
    last = before.rows[-1]
    family = name.split(maxsplit=1)[0]
    week = local_day(now) - timedelta(days=20)
    text = """
        id IN (SELECT order_id FROM (
            SELECT order_id FROM orders_orderitem
            WHERE seller_id = %(seller)s AND lower(sku) LIKE lower(%(text)s) || '%%'
            UNION ALL
            SELECT order_id FROM orders_recipient
            WHERE seller_id = %(seller)s AND lower(name) LIKE lower(%(text)s) || '%%'
            LIMIT 501) AS found)
    """
    return [
        Case("page.first", "first page (answers due first)", {}, "answer_due_at IS NOT NULL", limit.ANSWER_FIRST),
        Case("page.newest", "first page, newest first", {"sort": "newest"}, "true", limit.NEWEST),
        Case(
            "page.status",
            "未出荷, newest first",
            {"status": "unshipped", "sort": "newest"},
            "status = 'UNSHIPPED'",
            limit.NEWEST,
        ),
        Case(
            "page.deep",
            f"page {deep}, newest first",
            {"sort": "newest", "cursor": before.next_cursor},
            "(placed_at, id) < (%(placed)s, %(id)s)",
            limit.NEWEST,
            {"placed": last.placed_at, "id": last.pk},
        ),
        Case(
            "page.ship_by",
            "by ship-by date",
            {"sort": "ship_by"},
            "true",
            "ship_by_date, id",
        ),
        Case(
            "page.partly",
            "一部出荷済み, answers due first",
            {"status": "partially-shipped"},
            "status = 'PARTIALLY_SHIPPED'",
            limit.NEWEST,
        ),
        Case(
            "page.cancelled",
            "キャンセル済み, answers due first",
            {"status": "cancelled"},
            "status = 'CANCELED'",
            limit.NEWEST,
        ),
        Case(
            "page.requested",
            "キャンセルリクエストあり, 未出荷",
            {"requested": "1", "status": "unshipped"},
            "status = 'UNSHIPPED' AND answer_due_at IS NOT NULL",
            limit.ANSWER_FIRST,
        ),
        Case(
            "page.late",
            "出荷遅延",
            {"late": "1"},
            "status IN ('PARTIALLY_SHIPPED', 'UNSHIPPED') AND ship_by_date < %(today)s",
            "ship_by_date, id",
            {"today": local_day(now)},
        ),
        Case(
            "page.due",
            "自動キャンセル間近",
            {"due": "1"},
            "status IN ('PARTIALLY_SHIPPED', 'UNSHIPPED') AND auto_cancel_due_at <= %(soon)s",
            "auto_cancel_due_at, id",
            {"soon": now + lists.CANCEL_SOON},
        ),
        Case(
            "page.period",
            "a week long ago, newest first",
            {"sort": "newest", "from": f"{week - timedelta(days=6)}", "to": f"{week}"},
            "placed_at >= %(since)s AND placed_at < %(until)s",
            limit.NEWEST,
            {
                "since": start_of_day(week - timedelta(days=6), zone()),
                "until": start_of_day(week + timedelta(days=1), zone()),
            },
        ),
        Case(
            "page.search.number",
            "search, order number",
            {"q": number.replace("-", "")},
            "number = %(number)s",
            limit.FOUND,
            {"number": number},
        ),
        Case(
            "page.search.email",
            "search, e-mail",
            {"q": email.upper()},
            "buyer_id = (SELECT id FROM accounts_user WHERE email = %(email)s)",
            limit.FOUND,
            {"email": email},
        ),
        Case(
            "page.search.sku",
            "search, start of a SKU",
            {"q": "pot-042"},
            text,
            limit.FOUND,
            {"text": "pot-042"},
            same_rows=False,
        ),
        Case(
            "page.search.name", "search, a name", {"q": name}, text, limit.FOUND, {"text": name}, same_rows=False
        ),
        Case(
            "page.search.common",
            "search, a common name (cut at 500)",
            {"q": family},
            text,
            limit.FOUND,
            {"text": family},
            same_rows=False,
        ),
    ]


def _prove(case: Case, visitor: Visitor, bare: Connection, stock: Stock) -> None:
    """Both sides show the same orders, in the same order; count statements at the first sight and later.

    Raises RuntimeError if they do not: then the two must not be compared.
    """
    for _ in range(2):
        with statements() as said:
            shown = NUMBER.findall(visitor.get(case.query))
        case.statements.append(len(said))
    by_hand = limit.page(
        bare, only=case.only, order=case.order, now=timezone.now(), seller=stock.shop, **case.parameters
    )
    wanted = re.findall(r"[0-9]{3}-[0-9]{7}-[0-9]{7}", by_hand)
    if not shown or (case.same_rows and shown != wanted) or len(shown) != len(wanted):
        raise RuntimeError(f"{case.key}: the portal shows {shown}, the limit {wanted}")


def _against_limit(case: Case) -> Row:
    return Row(
        case.key,
        f"注文管理: {case.what}",
        "ms",
        middle(case.duel.ours) * 1000,
        middle(case.duel.limit) * 1000,
        least(case.duel.ours) * 1000,
        least(case.duel.limit) * 1000,
        ratio=case.duel.ratio,
        best_ratio=case.duel.best_ratio,
        at_most=AGAINST_LIMIT,
        statements=case.statements[-1],
        statements_at_most=STATEMENTS,
    )


def _against_first(case: Case, first: Case) -> Row:
    """The same page beside our own first page: here that one is the limit."""
    duel = Duel(case.duel.ours, first.duel.ours)
    return Row(
        f"{case.key}.against_first",
        f"{case.what}, against {first.what}",
        "ms",
        middle(duel.ours) * 1000,
        middle(duel.limit) * 1000,
        least(duel.ours) * 1000,
        least(duel.limit) * 1000,
        ratio=duel.ratio,
        best_ratio=duel.best_ratio,
        at_most=AGAINST_FIRST if case.key == "page.deep" else 1.0,
    )


def _first_sight(case: Case) -> Row:
    """Once in its life a request is marked as seen."""
    first, later = case.statements
    return Row(
        "page.first_sight",
        "statements at the first sight of requests, against later",
        "",
        first,
        later,
        statements=first,
        statements_at_most=STATEMENTS,
    )


def _same_statements(stock: Stock, visitor: Visitor) -> Iterator[Row]:
    """As many statements for the ten orders of a tiny shop as for 25 of the large one."""
    counts = []
    for someone in (Visitor(stock.tiny_staff), visitor):
        someone.get({"sort": "newest"})  # what is shown for the first time is marked as seen
        with statements() as said:
            rows = len(NUMBER.findall(someone.get({"sort": "newest"})))
        counts.append((rows, len(said)))
    (few, of_few), (many, of_many) = counts
    yield Row(
        "page.statements",
        f"statements for {many} rows, against those for {few}",
        "",
        of_many,
        of_few,
        statements=of_many,
        statements_at_most=of_few,
    )
