"""The people of the tests of the workplace: the usual ones, and one operator of each role."""

import pytest
from django.test import Client

from accounts.models import User
from tests import factories
from tests.cast import cast, no_mails

__all__ = ["cast", "no_mails"]

ROLES = ("SUPPORT", "RISK", "POLICY", "ADMIN")


@pytest.fixture
def operators(db) -> dict[str, User]:
    """One operator of each role."""
    return {
        role: factories.person(f"{role.lower()}@operator.example", role.title(), is_staff=True, operator_role=role)
        for role in ROLES
    }


@pytest.fixture
def clients(operators) -> dict[str, Client]:
    """A browser of each operator, signed in."""
    found = {}
    for role, person in operators.items():
        found[role] = Client()
        found[role].force_login(person)
    return found


@pytest.fixture
def admin(clients) -> Client:
    """The browser of the operator who may do everything."""
    return clients["ADMIN"]
