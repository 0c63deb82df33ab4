"""Talks in the admin: to look at, and what shops pushed buyers to."""

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from accounts.admin import ReadOnlyAdmin

from .models import Message
from .wording import topic_words


class Pushes(admin.SimpleListFilter):
    """Messages in which a shop asks its buyer to cancel (domain 21, B17; index `messages_that_push`)."""

    title = _("内容")
    parameter_name = "pushes"

    def lookups(self, request, model_admin):
        return [("yes", _("購入者にキャンセルを求めるもの"))]

    def queryset(self, request, queryset):
        return queryset.filter(pushes=True) if self.value() == "yes" else queryset


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """What buyers and shops said to each other, newest first."""

    list_display = ["sent_at", "order", "side", "name", "about", "text", "wishes", "pushes"]
    list_filter = [Pushes]
    search_fields = ["thread__order__number__exact"]
    search_help_text = _("注文番号（17桁すべて。ハイフンはなくてもかまいません）")
    list_select_related = ["thread__order"]
    ordering = ["-id"]
    exclude = ["topic"]
    readonly_fields = ["about", "files"]

    @admin.display(description=_("注文"))
    def order(self, message: Message) -> str:
        return str(message.thread.order)

    @admin.display(description=_("添付ファイル"))
    def files(self, message: Message) -> str:
        names = message.attachments.order_by("pk").values_list("name", flat=True)
        return format_html_join(mark_safe("<br>"), "{}", ((name,) for name in names)) or "—"

    @admin.display(description=_("件名"))
    def about(self, message: Message) -> str:
        return topic_words(message.topic, of_seller=message.side == Message.Side.SELLER)
