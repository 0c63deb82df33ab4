"""Shipment confirmations in the admin: to look at."""

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin, ReadOnlyInline

from .models import Shipment, ShipmentItem


class ShipmentItemInline(ReadOnlyInline):
    """Units of a shipment."""

    model = ShipmentItem


@admin.register(Shipment)
class ShipmentAdmin(ReadOnlyAdmin):
    """Confirmations, newest first."""

    list_display = ["confirmed_at", "order", "shipped_on", "carrier", "tracking_number"]
    search_fields = ["order__number__exact", "tracking_number__exact"]
    list_select_related = ["order"]
    ordering = ["-id"]
    inlines = [ShipmentItemInline]
