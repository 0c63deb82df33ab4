"""Tests that commit leave the database as the migrations made it."""

import pytest

from cancellations.queries import buyer_reasons


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_rows_of_migrations_are_back_after_a_test_that_commits(turn):
    from cancellations.models import BuyerReason

    assert len(buyer_reasons()) > 1
    BuyerReason.objects.all().delete()
