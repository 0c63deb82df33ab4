"""Orders and order files in the admin."""

from .imports import ImportAdmin
from .orders import ACTS, OrderAdmin

__all__ = ["ACTS", "ImportAdmin", "OrderAdmin"]
