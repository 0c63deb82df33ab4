"""What operators see of rates, and how they decide disputes."""

from . import disputes, rates

__all__ = ["disputes", "rates"]
