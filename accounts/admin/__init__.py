"""People in the admin; and what all pages of operators share."""

from .base import LightList, OperatorAdmin, ReadOnlyAdmin, ReadOnlyInline
from .developers import ApplicationAdmin
from .people import LoginAttemptAdmin, SellerAdmin, UserAdmin

__all__ = [
    "ApplicationAdmin",
    "LightList",
    "LoginAttemptAdmin",
    "OperatorAdmin",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "SellerAdmin",
    "UserAdmin",
]
