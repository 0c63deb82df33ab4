"""The people and the quiet outbox of the tests in this folder."""

from tests.cast import cast, no_mails

__all__ = ["cast", "no_mails"]
