"""Signing in: by address in any case, throttled in the database; who gets a shop's mails; buyers a file names."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from accounts import queries
from accounts.actions import SignInThrottled, buyers_for, set_language, sign_in
from accounts.models import LoginAttempt, Membership, User
from tests.books import counted_statements, nothing_changes
from tests.factories import NOON, PASSWORD, member, person, shop

HOME, CAFE = "192.0.2.1", "198.51.100.7"
WINDOW = timedelta(minutes=15)


@pytest.fixture
def dora(db) -> User:
    return person("dora@buyer.example", "森下 遥")


def knock(
    password: str = PASSWORD, *, email: str = "dora@buyer.example", address: str = HOME, now=NOON
) -> User | None:
    return sign_in(request=None, email=email, password=password, address=address, now=now)


def fail(times: int, **knocks) -> None:
    for _ in range(times):
        assert knock("wrong", **knocks) is None


@pytest.mark.parametrize("email", ["dora@buyer.example", "DORA@Buyer.Example", "  dora@buyer.example "])
def test_a_person_signs_in_by_address_in_any_case(dora, email):
    assert knock(email=email) == dora


def test_wrong_password_unknown_address_and_people_who_left_are_all_nobody(dora):
    assert knock("wrong") is None
    assert knock(email="eve@buyer.example") is None
    User.objects.filter(pk=dora.pk).update(is_active=False)
    assert knock() is None
    assert LoginAttempt.objects.count() == 3


def test_somebody_without_a_password_cannot_be_signed_in_as(db):
    buyers_for({"new@buyer.example": "新しい人"})
    assert knock("", email="new@buyer.example") is None
    assert User.objects.get().has_usable_password() is False


# --- throttling (S-11) --------------------------------------------------------------------------------------


def test_the_sixth_failure_of_an_account_in_fifteen_minutes_is_refused_even_with_the_right_password(dora):
    fail(4)
    assert knock() == dora  # four failures are forgiven, and forgotten
    fail(5)
    with nothing_changes():
        for password in ("wrong", PASSWORD):
            with pytest.raises(SignInThrottled):
                knock(password)
        with pytest.raises(SignInThrottled):
            knock(address=CAFE)


def test_an_account_opens_again_fifteen_minutes_after_its_failures(dora):
    fail(5)
    with pytest.raises(SignInThrottled):
        knock(now=NOON + WINDOW - timedelta(microseconds=1))
    assert knock(now=NOON + WINDOW) == dora


def test_failures_of_one_account_do_not_close_another(dora):
    eiji = person("eiji@buyer.example", "大西 栄治")
    fail(5)
    assert knock(email=eiji.email) == eiji


def test_an_address_that_fails_fifty_times_is_refused_for_every_account_and_others_are_not(dora):
    LoginAttempt.objects.bulk_create(
        LoginAttempt(email=f"{number}@buyer.example", address=CAFE, happened_at=NOON) for number in range(49)
    )
    fail(1, email="eve@buyer.example", address=CAFE)
    with pytest.raises(SignInThrottled):
        knock(address=CAFE)
    assert knock(address=HOME) == dora
    assert knock(address=CAFE, now=NOON + WINDOW) == dora


def test_signing_in_forgets_only_the_persons_own_failures(dora):
    fail(2)
    fail(3, email="eve@buyer.example")
    knock()
    assert set(LoginAttempt.objects.values_list("email", flat=True)) == {"eve@buyer.example"}


def test_a_very_long_address_is_kept_short(db):
    assert knock(email="e" * 300 + "@buyer.example") is None
    assert len(LoginAttempt.objects.get().email) == 254


# --- people -------------------------------------------------------------------------------------------------


def test_two_people_never_share_an_address(dora):
    with pytest.raises(IntegrityError), transaction.atomic():
        person("Dora@Buyer.example", "別人")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET email = 'Dora@Buyer.example'")


def test_a_language_is_kept_with_the_person(dora):
    set_language(user=dora, language="en")
    dora.refresh_from_db()
    assert dora.language == "en"


def test_the_mails_of_a_shop_go_to_owner_and_staff_who_are_still_there(cast):
    left = member(cast.shop, Membership.Role.OWNER, "left@seller.example", "退職者")
    User.objects.filter(pk=left.pk).update(is_active=False)
    found = queries.mail_recipients_of([cast.shop.pk, cast.other_shop.pk])
    assert found == {cast.shop.pk: [cast.alice.pk, cast.bob.pk], cast.other_shop.pk: [cast.charlie.pk]}
    with counted_statements() as count_of:
        assert queries.mail_recipients_of([]) == {}
    assert count_of == [0]


def test_a_role_is_one_per_person_and_shop_and_readers_only_look(cast):
    assert queries.membership_of(cast.alice).may_act
    assert queries.membership_of(cast.bob).may_act
    assert not queries.membership_of(cast.rei).may_act
    assert queries.membership_of(cast.dora) is None
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(seller=cast.shop, user=cast.rei, role=Membership.Role.OWNER)


def test_buyers_of_a_file_are_found_or_made_once(dora):
    named = {"Dora@Buyer.example": "別の名", " new@buyer.example": "新しい人", "anon@buyer.example": "", "": "x"}
    found = buyers_for(named)
    assert found["dora@buyer.example"] == dora.pk
    assert set(found) == {"dora@buyer.example", "new@buyer.example", "anon@buyer.example"}
    assert dict(User.objects.exclude(pk=dora.pk).values_list("email", "name")) == {
        "new@buyer.example": "新しい人",
        "anon@buyer.example": "anon@buyer.example",
    }
    dora.refresh_from_db()
    assert dora.name == "森下 遥"
    with nothing_changes():
        assert buyers_for(named) == found


@pytest.mark.parametrize("reference", ["key", "merchant_id"])
def test_an_operator_names_a_shop_by_key_or_merchant_id(db, reference):
    seller = shop()
    wanted = str(seller.pk) if reference == "key" else seller.merchant_id
    assert queries.seller_by_reference(wanted) == seller
    for unknown in ("", "0", "9" * 17, "9" * 30, "A-NOBODY", "²"):
        assert queries.seller_by_reference(unknown) is None
