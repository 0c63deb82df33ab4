"""The people and the busy shop of the tests in this folder."""

from tests.cast import cast, no_mails
from tests.plans import crowd

__all__ = ["cast", "crowd", "no_mails"]
