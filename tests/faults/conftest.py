"""The people of the tests, as in the rooms' own tests."""

from tests.cast import cast

__all__ = ["cast"]
