"""S-54: operators who change roles and people at the same time leave every shop an OWNER who can sign in."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts import queries
from accounts.admin import forms, people
from accounts.models import Membership, Seller, User
from tests import factories
from tests.admin.test_forms import PASSWORD, fields_of
from tests.races.arena import Gate, at_once, forced

Send = Callable[[], int]


@pytest.fixture
def shop(transactional_db) -> Seller:
    """A shop with two OWNERs and a colleague."""
    shop = factories.shop()
    for name, role in (("alice", "OWNER"), ("second", "OWNER"), ("bob", "ORDER_STAFF")):
        factories.member(shop, Membership.Role[role], f"{name}@seller.example", name)
    return shop


def desk() -> Client:
    """The browser of an administrator of their own."""
    name = f"admin{User.objects.count()}"
    client = Client()
    client.force_login(factories.person(f"{name}@operator.example", name, is_staff=True, operator_role="ADMIN"))
    return client


def sends(page: str, key: int, **changed: str | None) -> Send:
    """An administrator with a page open, who then sends it with something changed."""
    client, address = desk(), reverse(f"admin:accounts_{page}_change", args=[key])
    body = {**fields_of(client.get(address).content.decode()), **PASSWORD, **changed}
    body = {name: value for name, value in body.items() if value is not None}
    return lambda: client.post(address, body).status_code


def suspends(name: str) -> Send:
    """Somebody's page, sent without the tick that lets them sign in."""
    return sends("user", User.objects.get(name=name).pk, is_active=None)


def gives(shop: Seller, **roles: str) -> Send:
    """The shop's page, sent with other roles."""
    rows = list(shop.memberships.order_by("pk").select_related("user"))
    changed = {
        f"memberships-{place}-role": roles[row.user.name]
        for place, row in enumerate(rows)
        if row.user.name in roles
    }
    return sends("seller", shop.pk, **changed)


def owners(shop: Seller) -> set[str]:
    """Who can sign in and owns the shop."""
    found = User.objects.filter(pk__in=queries.owners_of([shop.pk]).get(shop.pk, set()))
    return set(found.values_list("name", flat=True))


def suspending_both(shop: Seller) -> tuple[Send, Send]:
    return suspends("alice"), suspends("second")


def suspending_the_new_owner(shop: Seller) -> tuple[Send, Send]:
    """The one who is named OWNER is suspended before anybody could see that they are one."""
    return gives(shop, alice="READ_ONLY", second="READ_ONLY", bob="OWNER"), suspends("bob")


def lowering_both(shop: Seller) -> tuple[Send, Send]:
    return gives(shop, alice="READ_ONLY"), gives(shop, second="READ_ONLY")


RACES = [suspending_both, suspending_the_new_owner, lowering_both]


@pytest.mark.parametrize("race", RACES)
def test_two_who_take_owners_away_at_once_leave_one(shop, race):
    first, second = race(shop)
    assert forced(first, second) == (302, 200)  # the second is shown the form again
    assert owners(shop)


def test_a_role_given_twice_at_once_is_given_once_and_nobody_meets_an_error(shop):
    dora = factories.person("dora@buyer.example", "dora")
    row = {"memberships-3-user": dora.email, "memberships-3-role": "READ_ONLY"}
    first, second = (sends("seller", shop.pk, **row) for _ in range(2))
    assert forced(first, second) == (302, 200)
    assert shop.memberships.filter(user=dora).count() == 1


@pytest.mark.parametrize("race", RACES)
def test_with_nothing_held_the_shop_would_be_left_without_an_owner(shop, race, monkeypatch):
    """The control: both count the owners before either has written."""
    gate, counted = Gate(2), queries.owners_of

    def count_together(seller_ids):
        found = counted(seller_ids)
        gate.wait()
        return found

    monkeypatch.setattr(people, "hold_roles", lambda: None)
    monkeypatch.setattr(queries, "owners_of", count_together)
    monkeypatch.setattr(forms, "owners_of", count_together)
    first, second = race(shop)
    for runner in at_once(first, second):
        assert runner.result() == 302
    monkeypatch.undo()
    assert not owners(shop)
