"""Whom INV-10 and INV-38 leave out: who came later, and who stopped a mail."""

from accounts.actions import silence_mails
from tests import factories
from tests.books import offences
from tests.cast import cast, no_mails
from tests.factories import NOON

__all__ = ["cast", "no_mails"]


def test_somebody_who_joins_later_need_not_have_been_told(cast, no_mails):
    shop_without_people = factories.shop("あとから人が入る店")
    order = factories.order(shop_without_people, cast.dora)
    cast.cancel_alone(order)
    factories.member(shop_without_people, "OWNER", "late@seller.example", "後藤 新")
    asked = factories.order(shop_without_people, cast.dora)
    cast.request(asked)
    assert offences(now=NOON, only=["INV-10"]) == {}


def test_a_shop_whose_people_all_stopped_a_mail_need_not_have_it(cast, no_mails):
    for person in (cast.alice, cast.bob):
        silence_mails(user_id=person.pk, mails={"M-07"}, now=NOON)
    cast.request(cast.order())
    cast.cancel_alone(cast.order())
    assert offences(now=NOON, only=["INV-10", "INV-38"]) == {}
