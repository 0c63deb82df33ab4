"""Shipment confirmations in the admin: to look at."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin import ReadOnlyAdmin, ReadOnlyInline

from .models import Shipment, ShipmentItem


class ShipmentItemInline(ReadOnlyInline):
    """Units of a shipment."""

    model = ShipmentItem


@admin.register(Shipment)
class ShipmentAdmin(ReadOnlyAdmin):
    """Confirmations, newest first."""

    list_display = ["confirmed_at", "order", "shipped_on", "carrier", "tracking_number"]
    search_fields = ["order__number__exact"]
    search_help_text = _("注文番号（17桁すべて。ハイフンはなくてもかまいません）")
    list_select_related = ["order"]
    ordering = ["-id"]
    inlines = [ShipmentItemInline]
