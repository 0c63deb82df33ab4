"""Ids in bodies, addresses and keys exchanged for somebody else's; lists that must not mix (S-06, S-07, S-41)."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.models import Seller, User
from cancellations.actions import CancelTarget, cancel
from cancellations.models import Cancellation
from cancellations.policy import Reason
from events.models import IdempotencyKey
from orders.models import Order
from tests import factories

from . import cast as bodies
from .access import ACCESS
from .cast import BUYER, KEY, ORDER_STAFF, OTHER_BUYER, OTHER_SELLER, OWNER, Cast, ask, everything, place
from .test_access_matrix import stripped

WITH_ITEMS = {name: rule for name, rule in ACCESS.items() if rule.body and rule.body != bodies.withdraw_body}
NAMES_ITEMS = [
    name
    for name in WITH_ITEMS
    if name
    in {"seller:order-cancel-items", "seller:order-confirm-shipment", "buyer:order-cancel", "buyer:order-request"}
]


@pytest.mark.parametrize("name", NAMES_ITEMS)
def test_s06_items_of_another_order_in_a_form_move_nothing(cast: Cast, name: str):
    """Neither another shop's, nor another order's of the same shop, nor one that does not exist."""
    rule = ACCESS[name]
    order = cast.orders[rule.order]
    foreign = Order.objects.get(seller=cast.rival).items.order_by("pk")
    neighbour = cast.orders["asked"].items.order_by("pk")
    client = cast.client(OWNER if name.startswith("seller:") else BUYER)
    body = rule.body(order)
    before = everything()
    for others in (foreign, neighbour, None):
        exchanged = {}
        for key, value in body.items():
            for place_of, line in enumerate(order.items.order_by("pk")):
                other = others[place_of].item_id if others is not None else "99999999999999"
                key, value = key.replace(line.item_id, other), str(value).replace(line.item_id, other)
            exchanged[key] = value
        assert exchanged != body
        response = client.post(reverse(name, args=[order.number]), exchanged)
        assert response.status_code == 200
    assert everything() == before


def test_s06_numbers_of_another_shop_among_several_are_like_unknown_ones(cast: Cast):
    """Sent to be cancelled, printed or looked at: nothing of them is shown or changed."""
    foreign = Order.objects.get(seller=cast.rival)
    unknown = "250-0000000-0000000"
    client, address = cast.client(OWNER), reverse("seller:orders-cancel")
    before = everything()
    for page in ("seller:orders-cancel", "seller:packing-slips", "seller:pick-list"):
        answers = [client.get(reverse(page), {"order": number}) for number in (foreign.number, unknown)]
        assert answers[0].status_code == answers[1].status_code
        told = [
            stripped(answer).replace(number.encode(), b"")
            for answer, number in zip(answers, (foreign.number, unknown), strict=True)
        ]
        assert told[0] == told[1]
        assert foreign.recipient.name not in answers[0].content.decode()
    for number in (foreign.number, unknown):
        body = {"key": KEY, "order": number, f"reason-{number}": "NO_INVENTORY", f"version-{number}": "1"}
        assert client.post(address, body | {"send": "1"}).status_code in {200, 302, 404}
    after = everything()
    assert {table for table in after if after[table] != before[table]} <= {"events_idempotencykey"}
    assert not Cancellation.objects.filter(order__in=cast.orders.values()).exists()


def test_s06_a_cursor_of_another_shop_or_search_begins_at_the_first_page(cast: Cast):
    """It is signed for one shop and one search: it neither widens nor shifts what another person sees."""
    for number in range(26):
        for shop in (cast.seller, cast.rival):
            place(shop, cast.people[OTHER_BUYER], placed_at=cast.now - timedelta(hours=3 + number))
    address = reverse("seller:orders")

    def cursor_of(role: str, path: str) -> str:
        page = cast.client(role).get(path).content.decode()
        return re.search(r"[?&;]cursor=([^\"&]+)", page).group(1)

    def numbers(role: str, path: str) -> list[str]:
        return re.findall(r"250-\d{7}-\d{7}(?=/\")", cast.client(role).get(path).content.decode())

    own, foreign = cursor_of(OWNER, address), cursor_of(OTHER_SELLER, address)
    of_buyer = cursor_of(OTHER_BUYER, reverse("buyer:orders"))
    first = numbers(OWNER, address)
    assert first != numbers(OWNER, f"{address}?cursor={own}")
    for stranger in (foreign, of_buyer, own[:-1] + ("A" if own[-1] != "A" else "B"), f"{own}x"):
        assert numbers(OWNER, f"{address}?cursor={stranger}") == first
    by_date = numbers(OWNER, f"{address}?sort=newest")
    assert numbers(OWNER, f"{address}?sort=newest&cursor={own}") == by_date
    rival = set(Order.objects.filter(seller=cast.rival).values_list("number", flat=True))
    assert rival.isdisjoint(first)


def test_s06_another_persons_key_gives_neither_their_answer_nor_their_act(cast: Cast):
    """Keys belong to who sent them: bob with alice's key acts for himself, and eiji never meets dora's answer."""
    order, other = cast.orders["asked"], cast.orders["waiting"]
    address = reverse("seller:order-cancel", args=[order.number])
    assert cast.client(OWNER).post(address, bodies.cancel_body(order)).status_code == 302
    assert Cancellation.objects.filter(order__in=[order, other]).count() == 1
    ask(other, cast.people[BUYER], now=cast.now)
    again = reverse("seller:order-cancel", args=[other.number])
    assert cast.client(ORDER_STAFF).post(again, bodies.cancel_body(other)).status_code == 302
    assert Cancellation.objects.filter(order__in=[order, other]).count() == 2
    owners = {f"user:{cast.people[role].pk}" for role in (OWNER, ORDER_STAFF)}
    assert set(IdempotencyKey.objects.filter(key=KEY).values_list("owner", flat=True)) == owners


def test_s06_ones_own_key_with_other_content_does_nothing(cast: Cast):
    order, other = cast.orders["asked"], cast.orders["waiting"]
    client = cast.client(OWNER)
    client.post(reverse("seller:order-cancel", args=[order.number]), bodies.cancel_body(order))
    ask(other, cast.people[BUYER], now=cast.now)
    before = everything()
    response = client.post(reverse("seller:order-cancel", args=[other.number]), bodies.cancel_body(other))
    assert response.status_code == 200
    changed = {table for table, value in everything().items() if before[table] != value}
    assert changed <= {"cancellations_cancellationrequest"}  # the request was seen, no more


def test_s06_a_test_order_is_placed_with_shops_that_exist_and_for_oneself(cast: Cast):
    client, address = cast.client(BUYER), reverse("buyer:test-order")
    body = {"key": KEY, "goods": "SEED-BSL", "quantity": "1", "buyer": "1", "buyer_id": "1", "total": "1"}
    before = everything()
    for shop in ("0", "-1", "999999999999999999999", "x", ""):
        assert client.post(address, {**body, "seller": shop}).status_code == 200
    for goods, quantity in (("NO-SUCH", "1"), ("SEED-BSL", "0"), ("SEED-BSL", "9999")):
        sent = {**body, "seller": cast.rival.pk, "goods": goods, "quantity": quantity}
        assert client.post(address, sent).status_code == 200
    assert everything() == before
    assert client.post(address, {**body, "seller": cast.rival.pk}).status_code == 302
    placed = Order.objects.latest("pk")
    assert (placed.buyer_id, placed.seller_id, placed.total) == (cast.people[BUYER].pk, cast.rival.pk, 780)


# --- lists ------------------------------------------------------------------------------------------------

CANARIES = {
    "sku": "KANARIA-SKU",
    "title": "カナリア商品名",
    "buyer": "カナリア花子",
    "email": "canary-hanako@buyer.example",
    "recipient": "カナリア受取人",
    "line1": "カナリア町 9-9",
    "city": "カナリア市",
    "phone": "090-0000-7777",
    "text": "カナリアからの伝言",
    "memo": "カナリアの社内メモ",
    "shop": "カナリア商店",
}


def plant(seller: Seller, buyer: User, cast: Cast) -> list[Order]:
    """Orders of every look, with a canary in each of their texts."""
    goods = factories.item(CANARIES["title"], sku=CANARIES["sku"], quantity=2)
    orders = []
    for verified in (True, True, True, False):
        order = place(seller, buyer, placed_at=cast.now - timedelta(hours=4), items=[goods], verified=verified)
        order.recipient.name, order.recipient.phone = CANARIES["recipient"], CANARIES["phone"]
        order.recipient.line1, order.recipient.city = CANARIES["line1"], CANARIES["city"]
        order.recipient.save()
        orders.append(order)
    ask(orders[0], buyer, now=cast.now, text=CANARIES["text"])
    target = CancelTarget(orders[1].pk, Reason.NO_INVENTORY, memo=CANARIES["memo"])
    cancel(targets=[target], by=factories.seller_actor(cast.people[OTHER_SELLER]), now=cast.now)
    return orders


def pages_of_seller(*numbers: str) -> list[str]:
    """Everything a shop can look at: tabs, chips, sorts, searches for every canary, and pages of orders."""
    lists = reverse("seller:orders")
    tabs = ("", "pending", "unshipped", "partially-shipped", "shipped", "cancelled")
    queries = [f"status={tab}" for tab in tabs] + ["requested=1", "due=1", "late=1"]
    queries += [f"sort={sort}" for sort in ("answer", "ship_by", "newest")]
    acts = [name for name in ACCESS if name == "seller:order" or name.startswith("seller:order-")]
    of_several = [reverse(f"seller:{name}") for name in ("orders-cancel", "packing-slips", "pick-list")]
    return [
        reverse("seller:home"),
        f"{reverse('seller:orders-cancel')}?requested=all",
        reverse("seller:pick-list"),
        *(f"{page}?order={number}" for page in of_several for number in numbers),
        *(f"{lists}?{query}" for query in queries),
        *(reverse(name, args=[number]) for name in acts for number in numbers),
    ]


def test_s07_nothing_of_another_shop_is_on_any_page_of_a_shop_not_even_as_a_number(cast: Cast, time_machine):
    """The pages of alice's shop are the same bytes before and after charlie's shop fills up; searches find nothing."""
    time_machine.move_to(cast.now, tick=False)  # pages say the minute they were made in
    client = cast.client(OWNER)
    own = [order.number for order in cast.orders.values()]
    searches = [f"{reverse('seller:orders')}?q={canary}" for canary in CANARIES.values()]
    pages = pages_of_seller(*own) + searches
    for page in pages:
        client.get(page)  # requests are seen now, and not between the two looks
    before = {page: shown(client.get(page)) for page in pages}
    buyer = factories.person(CANARIES["email"], CANARIES["buyer"])
    cast.rival.name = CANARIES["shop"]
    cast.rival.save()
    orders = plant(cast.rival, buyer, cast)
    for order in orders:
        searches.append(f"{reverse('seller:orders')}?q={order.number}")
        before[searches[-1]] = ""
    for page, bytes_before in before.items():
        after = shown(client.get(page))
        assert bytes_before in ("", after), page
        found = [canary for canary in CANARIES.values() if canary in after and f'value="{canary}"' not in after]
        assert found == [], page
        assert not any(f"/{order.number}/" in after for order in orders), page
    rival = cast.client(OTHER_SELLER).get(f"{reverse('seller:orders')}?q={CANARIES['sku']}").content.decode()
    assert CANARIES["title"] in rival


FRESH = re.compile(r'name="key" value="[0-9a-f]+"')


def shown(response) -> str:
    """A page without what differs at every look: tokens and keys of forms."""
    return FRESH.sub("", stripped(response).decode())


def test_s07_nothing_of_another_buyer_is_on_any_page_of_a_buyer(cast: Cast):
    buyer = factories.person(CANARIES["email"], CANARIES["buyer"])
    orders = plant(cast.rival, buyer, cast)
    client = cast.client(BUYER)
    lists = reverse("buyer:orders")
    own = [order.number for order in cast.orders.values()]
    acts = [name for name in ACCESS if name.startswith("buyer:order") and name not in {"buyer:orders"}]
    pages = [reverse("buyer:account"), lists, *(f"{lists}?q={canary}" for canary in CANARIES.values())]
    pages += [f"{lists}?q={order.number}" for order in orders]
    pages += [reverse(name, args=[number]) for name in acts for number in own]
    for page in pages:
        seen = client.get(page).content.decode()
        found = [canary for canary in CANARIES.values() if canary in seen and f'value="{canary}"' not in seen]
        assert found == [], page
        assert not any(f"/{order.number}/" in seen for order in orders), page
    assert CANARIES["memo"] not in str(cast.client(BUYER).get(lists).content, "utf-8")


def test_a_shops_own_note_is_never_shown_or_sent_to_the_buyer(cast: Cast):
    order = cast.orders["asked"]
    body = bodies.cancel_body(order) | {"seller_memo": CANARIES["memo"]}
    assert cast.client(OWNER).post(reverse("seller:order-cancel", args=[order.number]), body).status_code == 302
    seller_page = cast.client(OWNER).get(reverse("seller:order", args=[order.number])).content.decode()
    buyer_page = cast.client(BUYER).get(reverse("buyer:order", args=[order.number])).content.decode()
    assert CANARIES["memo"] in seller_page
    assert CANARIES["memo"] not in buyer_page


@pytest.mark.parametrize("ended", [False, True], ids=["waiting for payment", "cancelled before payment"])
def test_s41_before_payment_is_verified_a_shop_sees_nothing_of_the_buyer(cast: Cast, ended: bool):
    buyer = factories.person(CANARIES["email"], CANARIES["buyer"])
    order = plant(cast.rival, buyer, cast)[3]
    if ended:
        target = CancelTarget(order.pk, Reason.BUYER_DIRECT)
        cancel(targets=[target], by=factories.buyer_actor(buyer), now=cast.now)
    Order.objects.filter(seller=cast.rival).exclude(pk=order.pk).update(seller=cast.seller)
    personal = [CANARIES[name] for name in ("buyer", "email", "recipient", "line1", "city", "phone")]
    for page in pages_of_seller(order.number):
        seen = cast.client(OTHER_SELLER).get(page, follow=True).content.decode()
        assert [canary for canary in personal if canary in seen] == [], page
    detail = cast.client(OTHER_SELLER).get(reverse("seller:order", args=[order.number])).content.decode()
    assert CANARIES["title"] in detail
