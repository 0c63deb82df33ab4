"""The people of the tests and the quiet outbox, as in the rooms' own tests."""

from tests.cast import cast, no_mails

__all__ = ["cast", "no_mails"]
