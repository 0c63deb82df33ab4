"""What all tests of this folder share: everybody who may knock."""

import pytest

from .cast import Cast, gather


@pytest.fixture
def cast(db) -> Cast:
    """Everybody, and orders to knock about."""
    return gather()
