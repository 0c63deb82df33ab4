"""What all tests of this folder share: everybody who may knock."""

from copy import deepcopy

import pytest
from django.utils import timezone

from orders.models import Order

from .cast import Cast, gather


@pytest.fixture(scope="module")
def gathered(rows_of_module) -> Cast:
    """Everybody, and orders to knock about, written once for a module."""
    return gather()


@pytest.fixture
def cast(gathered, db) -> Cast:
    """Everybody, for one test to change; however long the module takes, one order was placed a moment ago."""
    everybody = deepcopy(gathered)
    everybody.now = everybody.orders["fresh"].placed_at = timezone.now()
    Order.objects.filter(pk=everybody.orders["fresh"].pk).update(placed_at=everybody.now)
    return everybody
