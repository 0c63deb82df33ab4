"""The people, the busy shop and the quiet outbox of the tests in this folder."""

from tests.cast import cast, no_mails
from tests.plans import crowd

__all__ = ["cast", "crowd", "no_mails"]
