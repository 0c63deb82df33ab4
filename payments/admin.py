"""Money in the admin: to look at."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin, ReadOnlyInline

from .models import Authorization, Charge, Refund, RefundItem


class _OfOrder(ReadOnlyAdmin):
    """Rows found by the number of their order."""

    search_fields = ["order__number__exact"]
    list_select_related = ["order"]
    list_filter = ["state"]
    ordering = ["-id"]


@admin.register(Authorization)
class AuthorizationAdmin(_OfOrder):
    """Reservations."""

    list_display = ["order", "state", "amount", "released", "currency", "provider", "provider_ref"]


@admin.register(Charge)
class ChargeAdmin(_OfOrder):
    """Money taken."""

    list_display = ["order", "state", "amount", "currency", "charged_at", "provider_ref"]


class RefundItemInline(ReadOnlyInline):
    """Shares of the items."""

    model = RefundItem


@admin.register(Refund)
class RefundAdmin(_OfOrder):
    """Money going back."""

    list_display = ["order", "state", "amount", "currency", "reason", "requested_at", "refunded_at"]
    inlines = [RefundItemInline]
