"""`manage.py check_invariants`: what it says, how it ends, and that it only looks."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import InternalError, connection

from cancellations.queries import database_now
from sellercentral import invariants
from tests import factories

pytestmark = pytest.mark.django_db


def say(*arguments: str) -> str:
    """Run the command; return what it printed."""
    said = StringIO()
    call_command("check_invariants", *arguments, stdout=said, no_color=True)
    return said.getvalue()


@pytest.fixture
def order():
    """A sound order."""
    return factories.order(
        factories.shop(), factories.person("dora@buyer.example", "森下 遥"), placed_at=database_now()
    )


@pytest.fixture
def changed_behind_our_back(order):
    """An order whose version nobody can explain."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_order SET version = 7 WHERE id = %s", [order.pk])
    return order


def test_sound_books_get_a_line_for_each_invariant_and_exit_0(order):
    assert say().splitlines() == [f"{name}  0" for name in invariants.BY_ID]


def test_an_offender_is_named_and_exits_1(changed_behind_our_back):
    said = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("check_invariants", stdout=said, no_color=True)
    assert ended.value.code == 1
    (line,) = [line for line in said.getvalue().splitlines() if not line.endswith("  0")]
    assert line.startswith("INV-15  1  ")
    assert line.endswith(f"  {changed_behind_our_back.pk}")


def test_json_says_the_same(changed_behind_our_back):
    said = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_invariants", "--json", stdout=said)
    answer = json.loads(said.getvalue())
    assert answer["clean"] is False
    assert [one["id"] for one in answer["invariants"]] == list(invariants.BY_ID)
    (bad,) = [one for one in answer["invariants"] if one["offenders"]]
    assert (bad["id"], bad["first"]) == ("INV-15", [changed_behind_our_back.pk])


def test_only_twenty_offenders_are_named_and_all_are_counted():
    seller = factories.shop()
    for _ in range(21):
        factories.order(seller, None, placed_at=database_now())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_order SET version = 7")
    (finding,) = invariants.check(now=database_now(), only=["INV-15"])
    assert (finding.count, len(finding.first)) == (21, 20)


def test_only_asks_the_named_invariants(changed_behind_our_back):
    assert say("--only", "inv-01", "--only", "INV-02") == "INV-01  0\nINV-02  0\n"


def test_one_shop_does_not_answer_for_another(changed_behind_our_back):
    other = factories.shop("べつの商店")
    assert json.loads(say("--seller", str(other.pk), "--json"))["clean"] is True
    with pytest.raises(SystemExit):
        say("--seller", changed_behind_our_back.seller.merchant_id)


@pytest.mark.parametrize("arguments", [["--only", "INV-99"], ["--seller", "A-NOBODY"]])
def test_unknown_names_are_refused_not_taken_for_nothing_found(arguments):
    with pytest.raises(CommandError, match=r"INV-99|A-NOBODY"):
        say(*arguments)


@pytest.mark.django_db(transaction=True)
def test_the_look_is_one_snapshot_that_cannot_write(order):
    with invariants._snapshot(), connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("repeatable read",)
        with pytest.raises(InternalError, match="read-only"):
            cursor.execute("UPDATE orders_order SET version = version")
