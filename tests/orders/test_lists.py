"""The lists of orders: cut by key, searched, counted; the right index, and the same cost whatever their length."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import combinations, product

import pytest
from django.core import signing

from cancellations.queries import notes_for
from orders import actions, lists, queries, rules
from orders.lists import BadCursor, Wish, counts_of_seller, open_requests_count, page_of_buyer, page_of_seller
from orders.models import Order, OrderItem, Recipient
from shipments.queries import orders_to_send
from tests import factories
from tests.books import counted_statements
from tests.cast import LATER, lines_of
from tests.factories import NOON
from tests.plans import CROWD, plans_of

SORTS = {
    lists.SORT_NEWEST: lambda order: (-order.placed_at.timestamp(), -order.pk),
    lists.SORT_ANSWER: lambda order: (
        (0, order.answer_due_at.timestamp(), order.pk)
        if order.answer_due_at
        else (1, -order.placed_at.timestamp(), -order.pk)
    ),
    lists.SORT_SHIP_BY: lambda order: (
        (0, order.ship_by_date.toordinal(), order.pk)
        if order.ship_by_date
        else (1, -order.placed_at.timestamp(), -order.pk)
    ),
}


@pytest.fixture
def many(cast) -> list[Order]:
    """Forty orders of the shop: some without a ship-by date, some with an answer due, many alike; one of another."""
    orders = cast.orders(40)
    for number, order in enumerate(orders):
        order.placed_at = NOON - timedelta(days=number % 9)
        order.ship_by_date = None if number % 4 == 0 else date(2026, 7, 4) + timedelta(days=number % 3)
        order.answer_due_at = LATER + timedelta(hours=number % 5) if number % 3 == 0 else None
    Order.objects.bulk_update(orders, ["placed_at", "ship_by_date", "answer_due_at"])
    factories.order(cast.other_shop, cast.dora)
    return orders


def pages_forward(cast, wish: Wish, size: int, cursor: str = "", now: datetime = LATER) -> list[lists.Page]:
    found = [page_of_seller(cast.shop.pk, wish, cursor=cursor, now=now, size=size)]
    while cursor := found[-1].next_cursor:
        found.append(page_of_seller(cast.shop.pk, wish, cursor=cursor, now=now, size=size))
        assert len(found) < 100, "the list has no end"
    return found


def keys(pages) -> list[int]:
    return [row.pk for page in pages for row in page.rows]


@pytest.mark.parametrize("size", [1, 7, 13, 40, 100])
@pytest.mark.parametrize("sort", SORTS)
def test_paging_forward_visits_each_order_once_in_its_place(cast, many, sort, size):
    pages = pages_forward(cast, Wish(sort=sort), size)
    assert keys(pages) == [order.pk for order in sorted(many, key=SORTS[sort])]
    assert all(len(page.rows) == size for page in pages[:-1])
    assert pages[0].previous_cursor == pages[-1].next_cursor == ""


@pytest.mark.parametrize("size", [1, 7, 13])
@pytest.mark.parametrize("sort", SORTS)
def test_paging_back_visits_the_same_pages(cast, many, sort, size):
    wish = Wish(sort=sort)
    forward = pages_forward(cast, wish, size)
    page, back = forward[-1], [forward[-1]]
    while cursor := page.previous_cursor:
        page = page_of_seller(cast.shop.pk, wish, cursor=cursor, now=LATER, size=size)
        back.append(page)
        assert len(back) < 100, "the list has no beginning"
    assert keys(back[:0:-1]) == keys(forward)[: len(keys(back[:0:-1]))]
    assert keys(back) == [row.pk for one in reversed(forward) for row in one.rows]


def test_orders_that_come_and_go_between_pages_neither_repeat_nor_hide_others(cast, many):
    wish = Wish(sort=lists.SORT_NEWEST)
    first = page_of_seller(cast.shop.pk, wish, cursor="", now=LATER, size=10)
    (fresh,) = cast.orders(1, placed_at=NOON + timedelta(days=1))
    Order.objects.filter(pk=first.rows[-1].pk).update(placed_at=NOON - timedelta(days=99))
    rest = pages_forward(cast, wish, 10, first.next_cursor)
    moved = first.rows[-1].pk
    assert fresh.pk not in keys(rest)
    assert sorted(keys([first, *rest])) == sorted([order.pk for order in many] + [moved])


def test_an_empty_list_is_one_empty_page(cast):
    page = page_of_seller(cast.shop.pk, Wish(), cursor="", now=LATER)
    assert (page.rows, page.next_cursor, page.previous_cursor, page.search_capped) == ([], "", "", False)


def test_another_shops_orders_are_never_in_a_list(cast, many):
    (theirs,) = page_of_seller(cast.other_shop.pk, Wish(), cursor="", now=LATER).rows
    assert theirs.pk not in keys(pages_forward(cast, Wish(), 100))
    assert counts_of_seller(cast.other_shop.pk, now=LATER)["UNSHIPPED"] == 1


# --- cursors ------------------------------------------------------------------------------------------------


def test_a_cursor_that_was_altered_or_belongs_elsewhere_is_refused(cast, many):
    wish = Wish(sort=lists.SORT_NEWEST)
    cursor = page_of_seller(cast.shop.pk, wish, cursor="", now=LATER, size=5).next_cursor
    for shop, asked, sent in [
        (cast.shop, wish, cursor[:-1] + ("A" if cursor[-1] != "A" else "B")),
        (cast.shop, wish, "A" + cursor[1:]),
        (cast.shop, wish, "nonsense"),
        (cast.shop, wish, signing.dumps({"lane": 0, "key": [NOON.isoformat(), 1], "back": False})),
        (cast.other_shop, wish, cursor),
        (cast.shop, replace(wish, status="SHIPPED"), cursor),
        (cast.shop, replace(wish, sort=lists.SORT_SHIP_BY), cursor),
        (cast.shop, replace(wish, q="POT"), cursor),
    ]:
        with pytest.raises(BadCursor):
            page_of_seller(shop.pk, asked, cursor=sent, now=LATER, size=5)
    with pytest.raises(BadCursor):
        page_of_buyer(cast.dora.pk, q="", cursor=cursor)
    own = page_of_buyer(cast.dora.pk, q="", cursor="", size=5).next_cursor
    with pytest.raises(BadCursor):
        page_of_buyer(cast.charlie.pk, q="", cursor=own)


# --- filters and counts -------------------------------------------------------------------------------------


def show(cast, now=LATER, **wish) -> set[int]:
    return set(keys(pages_forward(cast, Wish(**wish), 10, now=now)))


def test_tabs_show_orders_of_their_status(cast):
    by_status = {
        "PENDING": cast.order(verified=False),
        "UNSHIPPED": cast.order(),
        "PARTIALLY_SHIPPED": cast.order(2),
        "SHIPPED": cast.order(),
        "CANCELED": cast.order(),
    }
    cast.confirm(by_status["PARTIALLY_SHIPPED"], {lines_of(by_status["PARTIALLY_SHIPPED"])[0]: 1})
    cast.confirm(by_status["SHIPPED"])
    cast.cancel(by_status["CANCELED"])
    for status, order in by_status.items():
        assert show(cast, status=status) == {order.pk}
    assert show(cast) == {order.pk for order in by_status.values()}
    counts = counts_of_seller(cast.shop.pk, now=LATER)
    assert {key: counts[key] for key in ("PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED")} == {
        "PENDING": 1,
        "UNSHIPPED": 1,
        "PARTIALLY_SHIPPED": 1,
    }


def test_chips_show_what_is_requested_late_or_soon_cancelled(cast):
    quiet, asked = cast.order(placed_at=NOON + timedelta(days=9)), cast.order(placed_at=NOON + timedelta(days=9))
    cast.request(asked, now=NOON + timedelta(days=9, hours=1))
    overdue = cast.order()  # ship-by 4 July, cancelled from 12 July on
    done = cast.order()
    cast.confirm(done)

    def chips(now):
        counts = counts_of_seller(cast.shop.pk, now=now)
        shown = {name: show(cast, now=now, **{name: True}) for name in ("requested", "late", "due")}
        assert {name: len(found) for name, found in shown.items()} == {name: counts[name] for name in shown}
        return shown

    due_at = overdue.auto_cancel_due_at
    on_the_day = datetime.fromisoformat("2026-07-04T23:59:59+09:00")
    assert chips(on_the_day)["late"] == set()
    assert chips(on_the_day + timedelta(seconds=1))["late"] == {overdue.pk}
    assert chips(due_at - timedelta(hours=72, microseconds=1))["due"] == set()
    assert chips(due_at - timedelta(hours=72)) == {
        "requested": {asked.pk},
        "late": {overdue.pk},
        "due": {overdue.pk},
    }
    assert open_requests_count(cast.shop.pk) == 1
    assert quiet.pk in show(cast)


def test_what_is_held_or_sent_by_the_marketplace_is_neither_late_nor_cancelled_soon(cast):
    own, held, foreign = (cast.order() for _ in range(3))
    actions.hold(order_ids=[held.pk], note="", by=cast.operator, now=LATER)
    Order.objects.filter(pk=foreign.pk).update(fulfillment_channel=Order.Channel.MARKETPLACE)
    assert queries.count_due_on(cast.shop.pk, own.ship_by_date, cap=9) == 1
    at_last = own.auto_cancel_due_at - timedelta(hours=1)
    counts = counts_of_seller(cast.shop.pk, now=at_last)
    assert (counts["late"], counts["due"]) == (1, 1)
    for wish in (
        {"late": True},
        {"due": True},
        {"late": True, "due": True},
        {"late": True, "status": "UNSHIPPED"},
    ):
        assert show(cast, now=at_last, **wish) == {own.pk}
    for order in (own, held, foreign):
        cast.request(order, now=at_last)
    assert show(cast, now=at_last, late=True, requested=True) == {own.pk}
    # The forecast names what the sweep takes.
    assert set(queries.overdue(own.auto_cancel_due_at)) == {own}


def test_dates_are_local_days_both_included(cast):
    late_evening = cast.order(placed_at=datetime.fromisoformat("2026-07-01T23:59:59.999999+09:00"))
    midnight = cast.order(placed_at=datetime.fromisoformat("2026-07-02T00:00:00+09:00"))
    assert show(cast, placed_from=date(2026, 7, 1), placed_to=date(2026, 7, 1)) == {late_evening.pk}
    assert show(cast, placed_from=date(2026, 7, 2)) == {midnight.pk}
    assert show(cast, placed_to=date(2026, 7, 2)) == {late_evening.pk, midnight.pk}
    assert show(cast, placed_from=date(2026, 7, 3)) == set()
    assert show(cast, placed_from=date.min, placed_to=date.max) == {late_evening.pk, midnight.pk}


def test_a_period_stands_by_order_date_and_says_so_where_ship_by_was_asked_for(cast, many):
    period = Wish(sort=lists.SORT_SHIP_BY, placed_from=date(2026, 6, 1))
    pages = pages_forward(cast, period, 7)
    assert keys(pages) == [order.pk for order in sorted(many, key=SORTS[lists.SORT_NEWEST])]
    assert {page.stands_by for page in pages} == {"placed_at"}
    for wish in (
        replace(period, sort=lists.SORT_ANSWER),
        replace(period, late=True),
        Wish(sort=lists.SORT_SHIP_BY),
    ):
        assert not page_of_seller(cast.shop.pk, wish, cursor="", now=LATER).stands_by


def test_a_finished_order_is_never_requested_late_or_soon_cancelled(cast):
    order = cast.order()
    cast.confirm(order)
    for chips in ({"requested": True}, {"late": True}, {"due": True}):
        with counted_statements() as count_of:
            assert show(cast, now=NOON + timedelta(days=20), status="SHIPPED", **chips) == set()
        assert count_of == [0]


def test_counts_stop_at_their_cap(cast, monkeypatch):
    monkeypatch.setattr(lists, "TAB_CAP", 3)
    monkeypatch.setattr(lists, "CHIP_CAP", 2)
    orders = cast.orders(5)
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(answer_due_at=LATER)
    counts = counts_of_seller(cast.shop.pk, now=orders[0].auto_cancel_due_at)
    assert counts == {
        "PENDING": 0,
        "UNSHIPPED": 3,
        "PARTIALLY_SHIPPED": 0,
        "requested": 2,
        "due": 2,
        "late": 2,
    }
    assert open_requests_count(cast.shop.pk) == 2


# --- search -------------------------------------------------------------------------------------------------


@pytest.fixture
def sought(cast) -> Order:
    """One order of dora's to be found, one of eiji's, and one of dora's in another shop with the same words."""
    eiji = factories.person("eiji@buyer.example", "大西 栄治")
    factories.order(cast.shop, eiji, items=[factories.item(sku="CAN-9", title="じょうろ")])
    Recipient.objects.update(name="大西 栄治")
    factories.order(cast.other_shop, cast.dora, items=[factories.item(sku="Pot-T5")])
    return factories.order(
        cast.shop, cast.dora, number="250-1234567-7654321", items=[factories.item(sku="Pot-T5"), factories.item()]
    )


@pytest.mark.parametrize(
    "words",
    [
        "250-1234567-7654321",
        "25012345677654321",
        "２５０－１２３４５６７－７６５４３２１".replace("－", "-"),
        " 250-1234567-7654321\u200b",
        "dora@buyer.example",
        "DORA@Buyer.example",
        "Pot-T5",
        "pot-t",
        "ＰＯＴ",
        "森下",
        "森下 遥",
    ],
)
def test_search_finds_by_number_address_sku_and_name_in_its_own_shop_only(cast, sought, words):
    assert show(cast, q=words) == {sought.pk}


@pytest.mark.parametrize(
    "words",
    ["250-0000000-0000000", "eve@buyer.example", "T5", "遥", "%", "_", "\\", "POT%", "%' OR true --", "じょうろ"],
)
def test_search_finds_nothing_that_does_not_begin_so(cast, sought, words):
    assert show(cast, q=words) == set()


def test_search_joins_with_filters_and_pages(cast, many):
    wish = Wish(q="pot-t5", sort=lists.SORT_SHIP_BY)
    assert keys(pages_forward(cast, wish, 7)) == [
        order.pk for order in sorted(many, key=SORTS[lists.SORT_SHIP_BY])
    ]
    assert show(cast, q="pot-t5", status="SHIPPED") == set()


def test_a_search_with_too_many_matches_says_so(cast, many, monkeypatch):
    monkeypatch.setattr(lists, "SEARCH_CAP", 40)
    assert page_of_seller(cast.shop.pk, Wish(q="POT"), cursor="", now=LATER).search_capped is False
    monkeypatch.setattr(lists, "SEARCH_CAP", 39)
    page = page_of_seller(cast.shop.pk, Wish(q="POT"), cursor="", now=LATER)
    assert page.search_capped is True
    assert len(pages_forward(cast, Wish(q="POT"), 100)[0].rows) == 39


def test_a_buyer_sees_all_orders_of_all_shops_newest_first_and_searches_titles(cast, many):
    found = []
    page = page_of_buyer(cast.dora.pk, q="", cursor="", size=9)
    found.append(page)
    while page.next_cursor:
        page = page_of_buyer(cast.dora.pk, q="", cursor=page.next_cursor, size=9)
        found.append(page)
    own = Order.objects.filter(buyer=cast.dora).order_by("-placed_at", "-pk").values_list("pk", flat=True)
    assert keys(found) == list(own)
    assert page_of_buyer(cast.charlie.pk, q="", cursor="").rows == []
    watering = factories.order(cast.shop, cast.dora, items=[factories.item("Zinc 100% Watering_can")])
    for words in ("watering", "100%", "ng_c", watering.number):
        assert keys([page_of_buyer(cast.dora.pk, q=words, cursor="")]) == [watering.pk]
    for words in ("1%0", "wat%can", "ng_x"):
        assert page_of_buyer(cast.dora.pk, q=words, cursor="").rows == []


def test_a_row_shows_the_order_its_items_and_its_open_request(cast):
    order = cast.order(3, 1)
    pot, can = lines_of(order)
    cast.confirm(order, {pot: 1})
    cast.cancel(order, units={can: 1})
    cast.request(order, {pot: 1})
    (row,) = page_of_seller(cast.shop.pk, Wish(), cursor="", now=LATER).rows
    assert (row.number, row.status, row.version) == (order.number, "PARTIALLY_SHIPPED", 4)
    assert (row.recipient_name, row.recipient_state, row.seller_name) == ("森下 遥", "京都府", "シードリング商店")
    assert [(line.key, line.ordered, line.shipped, line.cancelled, line.open) for line in row.lines] == [
        (pot, 3, 1, 0, 2),
        (can, 1, 0, 1, 0),
    ]
    assert (row.ordered, row.shipped) == (4, 1)
    assert row.lines[0].amount == 3000
    note = notes_for([order.pk], language="ja")[order.pk]
    assert note.request.covered == {pot: 1}
    assert (note.reason, note.counted, note.cancelled_at) == ("NO_INVENTORY", True, LATER)


# --- what it costs ------------------------------------------------------------------------------------------


def test_a_page_takes_as_many_statements_for_one_order_as_for_fifty(cast):
    found = []
    for count in (1, 49):
        for order in cast.orders(count):
            cast.request(order)
        with counted_statements() as count_of:
            page = page_of_seller(cast.shop.pk, Wish(), cursor="", now=LATER, size=50)
            notes_for([row.pk for row in page.rows], language="ja")
            counts_of_seller(cast.shop.pk, now=LATER)
            page_of_buyer(cast.dora.pk, q="", cursor="", size=50)
        found += count_of
    assert len(page.rows) == 50
    assert found[0] == found[1] <= 8


PERIODS = {
    "any time": (None, None),
    "these days": (date(2026, 6, 28), date(2026, 7, 1)),
    "one day long ago": (date(2025, 12, 1), date(2025, 12, 1)),
    "until long ago": (None, date(2025, 12, 1)),
    "since long ago": (date(2025, 12, 1), None),
}
CHIPS = [chips for count in range(4) for chips in combinations(("requested", "due", "late"), count)]
# A short period may be read whole and sorted: no more than a search may find.
LITTLE = lists.SEARCH_CAP
# Every way into the table of orders that a list may take, by what was asked for.
OF_REQUESTS = {"orders_with_open_request", "orders_of_status_with_request"}
WAYS = OF_REQUESTS | {
    "orders_newest",
    "orders_of_status",
    "orders_by_ship_by",
    "orders_of_status_by_ship_by",
    "orders_without_open_request",
    "orders_without_ship_by",
    "open_orders_by_due",
    "open_orders_by_ship_by",
}


def test_every_tab_with_every_filter_sort_and_period_costs_a_page(cast, crowd):
    """First, next and previous page: by a named index, without a walk or a sort of more than the page itself."""
    wrong, seen = [], 0
    tabs = ["", *(status.value for status in rules.Status)]
    for status, chips, sort, (period, (since, until)) in product(tabs, CHIPS, SORTS, PERIODS.items()):
        chosen = dict.fromkeys(chips, True)
        wish = Wish(status, sort=sort, placed_from=since, placed_to=until, **chosen)
        cursor = ""
        for which in ("first", "next", "previous"):
            page, plans = plans_of(
                lambda wish=wish, cursor=cursor: page_of_seller(cast.shop.pk, wish, cursor=cursor, now=NOON)
            )
            for plan in plans:
                seen += 1
                if plan.walked or max(plan.sorted, plan.thrown_away) > LITTLE or not plan.indexes & WAYS:
                    wrong.append(f"{status} {chips} {sort} {period}, {which}: {plan}")
            cursor = page.next_cursor if which == "first" else page.previous_cursor
            if not cursor:
                break
    assert not wrong, "\n".join(wrong[:5])
    assert seen >= 30 * len(tabs)


def test_a_search_under_every_filter_costs_no_more_than_its_cap(cast, crowd):
    """Words of many orders, and of few."""
    words = ("sku-", "name", "SKU-77", "name 12", "dora@buyer.example", "250-0000500-0000000")
    wrong = []
    for sought, status, chips, sort in product(words, ["", *rules.Status], CHIPS, SORTS):
        wish = Wish(str(status), q=sought, sort=sort, **dict.fromkeys(chips, True))
        _, plans = plans_of(lambda wish=wish: page_of_seller(cast.shop.pk, wish, cursor="", now=NOON))
        wrong += [
            f"{sought} {status} {chips} {sort}: {plan}"
            for plan in plans
            if plan.walked or max(plan.sorted, plan.thrown_away) > 3 * lists.SEARCH_CAP
        ]
    assert not wrong, "\n".join(wrong[:5])


def test_each_list_search_count_and_sweep_goes_by_its_index(cast, crowd):
    shop = cast.shop.pk

    def page(**wish):
        return lambda: page_of_seller(shop, Wish(**wish), cursor="", now=NOON)

    some = Order.objects.filter(seller=shop).first()
    days = {"placed_from": date(2026, 6, 1), "placed_to": date(2026, 6, 2)}
    asked = [
        ("newest", page(sort="newest"), {"orders_newest"}),
        ("answer due", page(sort="answer"), {"orders_with_open_request", "orders_without_open_request"}),
        ("ship-by", page(sort="ship_by"), {"orders_by_ship_by", "orders_without_ship_by"}),
        ("a tab, newest", page(sort="newest", status="UNSHIPPED"), {"orders_of_status"}),
        ("a tab, answer due", page(status="UNSHIPPED"), {"orders_of_status_with_request", "orders_of_status"}),
        ("a tab, ship-by", page(sort="ship_by", status="CANCELED"), {"orders_of_status_by_ship_by"}),
        ("requested", page(requested=True), {"orders_with_open_request"}),
        ("requested, a tab", page(requested=True, status="PARTIALLY_SHIPPED"), {"orders_of_status_with_request"}),
        ("late", page(late=True), {"open_orders_by_ship_by"}),
        ("soon cancelled", page(due=True), {"open_orders_by_due"}),
        ("late, not cancelled soon", page(only_late=True), {"open_orders_by_ship_by"}),
        ("dates", page(sort="newest", **days), {"orders_newest"}),
        ("dates, a tab", page(sort="ship_by", status="SHIPPED", **days), {"orders_of_status"}),
        ("by number", page(q=some.number), {"orders_order_number"}),
        ("by address", page(q="dora@buyer.example"), {"orders_of_buyer"}),
        ("by SKU or name", page(q=f"sku-{some.pk}"), {"items_by_sku_prefix", "recipients_by_name_prefix"}),
        ("counts", lambda: counts_of_seller(shop, now=NOON),
         {"orders_of_status", "orders_with_open_request", "open_orders_by_due", "open_orders_by_ship_by"}),
        ("the number in the menu", lambda: open_requests_count(shop), {"orders_with_open_request"}),
        ("a buyer's orders", lambda: page_of_buyer(cast.dora.pk, q="", cursor=""), {"orders_of_buyer"}),
        ("a buyer's search", lambda: page_of_buyer(cast.dora.pk, q="pot", cursor=""), {"orders_of_buyer"}),
        ("one order", lambda: queries.order_of_seller(shop, some.number), {"orders_order_number"}),
        ("the news", lambda: queries.news_of_seller(shop, since=NOON - timedelta(days=1), limit=10),
         {"orders_by_last_update"}),
        ("to be sent", lambda: orders_to_send(shop, limit=500), {"open_orders_by_ship_by"}),
        ("overdue", lambda: queries.overdue(NOON).first(), {"orders_overdue"}),
        ("the sweep's pick", lambda: queries.lock_overdue(now=NOON, limit=1000), {"orders_overdue"}),
    ]  # fmt: skip
    wrong = []
    for what, ask, indexes in asked:
        _, plans = plans_of(ask)
        taken = [name for plan in plans for name in plan.indexes]
        missed = {index for index in indexes if not any(name.startswith(index) for name in taken)}
        if missed or any(plan.walked for plan in plans):
            wrong.append(f"{what} misses {missed}: {' AND '.join(map(str, plans))}")
    assert not wrong, "\n".join(wrong)
    assert OrderItem.objects.count() == CROWD


def test_what_is_due_on_a_day_is_counted_by_an_index_of_ship_by_dates(cast, crowd):
    count, (plan,) = plans_of(lambda: queries.count_due_on(cast.shop.pk, date(2026, 7, 20), cap=lists.CHIP_CAP))
    assert count == lists.CHIP_CAP
    assert plan.indexes <= {"open_orders_by_ship_by", "orders_of_status_by_ship_by"}
    assert not plan.walked
    assert plan.thrown_away <= lists.CHIP_CAP
