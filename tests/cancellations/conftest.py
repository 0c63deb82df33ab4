"""The people and the quiet outbox of the tests in this folder."""

import pytest
from django.db import connection

from tests.cast import cast, no_mails

__all__ = ["cast", "no_mails"]


@pytest.fixture
def other_worker(transactional_db):
    """A second connection to the same database, in a transaction of its own."""
    other = connection.copy()
    other.set_autocommit(False)
    yield other
    other.rollback()
    other.close()
