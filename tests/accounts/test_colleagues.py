"""店舗のメンバー: an OWNER changes roles of those who own nothing; the shop never loses its last OWNER."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import LoginAttempt, Membership
from events.models import AuditEntry
from tests import factories
from tests.cast import cast

__all__ = ["cast"]

PEOPLE = reverse("seller:people")


def browser(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def send(client: Client, person, role: str, password: str = factories.PASSWORD):
    return client.post(PEOPLE, {"person": person.pk, "role": role, "own_password": password})


def role_of(cast, person) -> str | None:
    return Membership.objects.filter(seller=cast.shop, user=person).values_list("role", flat=True).first()


def test_an_owner_changes_and_ends_roles_at_once_and_the_audit_log_keeps_it(cast):
    alice, bob = browser(cast.alice), browser(cast.bob)
    assert send(alice, cast.bob, "READ_ONLY").status_code == 302
    assert role_of(cast, cast.bob) == "READ_ONLY"
    assert bob.get("/seller/").status_code == 200
    assert send(alice, cast.bob, "REMOVE").status_code == 302
    assert role_of(cast, cast.bob) is None
    assert bob.get("/seller/").status_code == 403
    whose = f"role {cast.bob.email} {cast.shop.merchant_id}"
    changes = [(entry.before, entry.after) for entry in AuditEntry.objects.order_by("pk")]
    assert changes == [({whose: "ORDER_STAFF"}, {whose: "READ_ONLY"}), ({whose: "READ_ONLY"}, {whose: ""})]
    assert {entry.subject for entry in AuditEntry.objects.all()} == {cast.shop.merchant_id}


def test_s54_no_owner_loses_their_role_here_and_nobody_becomes_one(cast):
    other = factories.member(cast.shop, "OWNER", "second@seller.example", "二人目")
    client = browser(cast.alice)
    for person in (cast.alice, other):
        assert send(client, person, "REMOVE").status_code == 200
        assert role_of(cast, person) == "OWNER"
    assert send(client, cast.bob, "OWNER").status_code == 200
    assert send(client, cast.bob, "").status_code == 200, "leaving the role open takes nothing away"
    assert role_of(cast, cast.bob) == "ORDER_STAFF"
    assert not AuditEntry.objects.exists()


def test_people_of_another_shop_are_not_there(cast):
    stranger = factories.member(cast.other_shop, "ORDER_STAFF", "stranger@rival.example", "よその人")
    client = browser(cast.alice)
    assert send(client, stranger, "REMOVE").status_code == 200
    assert Membership.objects.filter(user=stranger).exists()
    assert "よその人" not in client.get(PEOPLE).content.decode()


@pytest.mark.parametrize("password", ["", "wrong"])
def test_s16_a_role_is_changed_only_for_the_owners_own_password(cast, password):
    assert send(browser(cast.alice), cast.bob, "READ_ONLY", password).status_code == 200
    assert role_of(cast, cast.bob) == "ORDER_STAFF"


def test_s11_the_own_password_is_guessed_no_more_often_than_at_the_door(cast):
    client = browser(cast.alice)
    for _ in range(5):
        assert "パスワードが正しくありません。" in send(client, cast.bob, "READ_ONLY", "wrong").content.decode()
    refused = send(client, cast.bob, "READ_ONLY").content.decode()
    assert "15分後にもう一度お試しください。" in refused
    assert role_of(cast, cast.bob) == "ORDER_STAFF"
    LoginAttempt.objects.all().delete()
    assert send(client, cast.bob, "READ_ONLY").status_code == 302


def test_nothing_is_called_saved_that_changed_nothing(cast):
    client = browser(cast.alice)
    send(client, cast.bob, "ORDER_STAFF")
    page = client.get(PEOPLE).content.decode()
    assert "変更はありませんでした。" in page
    assert "設定を保存しました。" not in page
    assert not AuditEntry.objects.exists()


def test_only_owners_see_the_page(cast):
    assert browser(cast.alice).get(PEOPLE).status_code == 200
    for person in (cast.bob, cast.rei, cast.dora):
        assert browser(person).get(PEOPLE).status_code == 403
        assert send(browser(person), cast.bob, "REMOVE").status_code == 403
