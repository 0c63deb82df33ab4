"""History, outbox and mails in the admin: look, and let failed deliveries try again."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin import ReadOnlyAdmin

from .actions import retry
from .models import Delivery, Event, IdempotencyKey, SentMail

# A stored mail has styles of its own: it is shown apart, and may load and run nothing (reliability S-30).
MAIL_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What happened, newest first."""

    list_display = ["happened_at", "name", "order", "order_version", "role", "door", "actor_name"]
    list_filter = ["name", "role", "door"]
    search_fields = ["order__number__exact"]
    search_help_text = _("注文番号")
    list_select_related = ["order"]
    ordering = ["-id"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Who must still be told; failed ones wait here for a person."""

    list_display = ["key", "event_name", "order", "recipient", "state", "due_at", "attempts", "last_error"]
    list_filter = ["state", "listener"]
    search_fields = ["event__order__number__exact"]
    search_help_text = _("注文番号")
    list_select_related = ["event__order", "recipient"]
    ordering = ["-id"]
    actions = ["try_again"]

    @admin.display(description=_("出来事"))
    def event_name(self, delivery: Delivery) -> str:
        return delivery.event.name

    @admin.display(description=_("注文"))
    def order(self, delivery: Delivery) -> str:
        return str(delivery.event.order or "—")

    @admin.action(description=_("失敗した配信をもう一度送信する"))
    def try_again(self, request, queryset) -> None:
        count = retry(delivery_ids=[delivery.pk for delivery in queryset], now=timezone.now())
        message = ngettext("%(count)d件をもう一度送信します。", "%(count)d件をもう一度送信します。", count)
        self.message_user(request, message % {"count": count})


@admin.register(SentMail)
class SentMailAdmin(ReadOnlyAdmin):
    """Mails that left, as they left. In the demo they end here."""

    list_display = ["sent_at", "mail", "address", "subject", "order"]
    list_filter = ["mail", "language"]
    search_fields = ["order__number__exact", "address__istartswith"]
    search_help_text = _("注文番号、宛先")
    list_select_related = ["order"]
    ordering = ["-sent_at", "-id"]
    fields = ["subject", "address", "sent_at", "mail", "order", "language", "message_id", "as_sent", "text"]
    readonly_fields = ["as_sent"]

    @admin.display(description="HTML")
    def as_sent(self, mail: SentMail) -> str:
        address = reverse("admin:events_sentmail_html", args=[mail.pk])
        label = _("メールを別のタブで開く")
        return format_html('<a href="{}" target="_blank" rel="noopener">{}</a>', address, label)

    def get_urls(self):
        html = path("<int:mail_id>/html/", self.admin_site.admin_view(self.html), name="events_sentmail_html")
        return [html, *super().get_urls()]

    def html(self, request: HttpRequest, mail_id: int) -> HttpResponse:
        """The mail's HTML, alone in its tab."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        mail = self.get_object(request, str(mail_id))
        if mail is None:
            raise Http404
        response = HttpResponse(mail.html)
        response["Content-Security-Policy"] = MAIL_CSP
        return response


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Acts that were sent under a key, kept for a day."""

    list_display = ["locked_at", "owner", "key", "state"]
    ordering = ["-locked_at"]
