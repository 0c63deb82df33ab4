"""The people of the tests in this folder."""

from tests.cast import cast

__all__ = ["cast"]
