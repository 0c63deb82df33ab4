"""Orders and order files in the admin."""

from .acts import ACTS
from .imports import ImportAdmin
from .orders import OrderAdmin

__all__ = ["ACTS", "ImportAdmin", "OrderAdmin"]
