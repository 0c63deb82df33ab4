"""The people of the tests and the quiet outbox, as in the rooms' own tests; and the browsers of those who act."""

import pytest
from django.test import Client

from tests import factories
from tests.cast import Cast, cast, no_mails

from .hands import signed_in

__all__ = ["cast", "no_mails"]


@pytest.fixture
def alice(cast: Cast) -> Client:
    """alice's browser."""
    return signed_in(cast.alice)


@pytest.fixture
def dora(cast: Cast) -> Client:
    """dora's browser."""
    return signed_in(cast.dora)


@pytest.fixture
def olga(db) -> Client:
    """The browser of an operator."""
    return signed_in(
        factories.person(
            "olga@operator.example", "大森 里香", is_staff=True, is_superuser=True, operator_role="ADMIN"
        )
    )
