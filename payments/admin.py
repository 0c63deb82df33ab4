"""Money in the admin: to look at."""

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.admin import ReadOnlyAdmin, ReadOnlyInline

from .incoming import TRIED_FOR
from .models import Authorization, Charge, ProviderNotice, Refund, RefundItem
from .queries import notices_unplaced
from .rules import RefundReason


class _OfOrder(ReadOnlyAdmin):
    """Rows found by the number of their order."""

    search_fields = ["order__number__exact"]
    list_select_related = ["order"]
    search_help_text = _("注文番号（17桁すべて。ハイフンはなくてもかまいません）")
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


class Unplaced(admin.SimpleListFilter):
    """Notices that nobody could place within a day (reliability F-63; index `notices_of_unknown_money`)."""

    title = _("状態")
    parameter_name = "unplaced"

    def lookups(self, request, model_admin):
        return [("yes", _("1日以内に照合できなかったもの"))]

    def queryset(self, request, queryset):
        return notices_unplaced(timezone.now() - TRIED_FOR) if self.value() == "yes" else queryset


@admin.register(ProviderNotice)
class ProviderNoticeAdmin(_OfOrder):
    """What providers told by themselves."""

    list_display = ["received_at", "provider", "about", "succeeded", "state", "order", "reference", "number"]
    list_filter = [Unplaced]


class NotShipped(admin.SimpleListFilter):
    """Money given back for what was confirmed as sent and never left (domain 11, D-31; index `refunds_not_shipped`)."""

    title = _("理由")
    parameter_name = "reason"

    def lookups(self, request, model_admin):
        return [("not_shipped", _("未発送（出荷通知の送信後）"))]

    def queryset(self, request, queryset):
        return queryset.filter(reason=RefundReason.NOT_SHIPPED.value) if self.value() else queryset


@admin.register(Refund)
class RefundAdmin(_OfOrder):
    """Money going back."""

    list_display = ["order", "state", "amount", "currency", "reason", "requested_at", "refunded_at"]
    list_filter = [NotShipped]
    inlines = [RefundItemInline]
