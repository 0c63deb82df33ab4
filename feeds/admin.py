"""Feeds of all shops in the admin: what waits, what could not be read, and the lines that were refused."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin import ReadOnlyAdmin

from .models import Feed
from .queries import UNFINISHED, lines_of
from .wording import file_sentence, line_words

# Refused lines on a feed's page.
LINES_SHOWN = 50


class Unfinished(admin.SimpleListFilter):
    """Those that a worker has still to carry out (index `feeds_to_do`), those that could not be read, or all."""

    title = _("状態")
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return [("unfinished", _("処理が終わっていないもの")), ("fatal", _("読み取れなかったもの"))]

    def queryset(self, request, queryset):
        states = {"unfinished": UNFINISHED, "fatal": (Feed.State.FATAL,)}.get(self.value() or "")
        return queryset.filter(state__in=states) if states else queryset


@admin.register(Feed)
class FeedAdmin(ReadOnlyAdmin):
    """What shops have sent, the latest first."""

    list_display = [
        "submitted_at",
        "receipt",
        "seller",
        "kind",
        "state",
        "is_dry_run",
        "lines_read",
        "lines_refused",
        "finished_at",
    ]
    list_display_links = ["receipt"]
    list_filter = [Unfinished]
    list_select_related = ["seller"]
    search_fields = ["seller__merchant_id__exact"]
    search_help_text = _("出品者ID")
    exclude = ["error_code", "error_facts", "document"]
    readonly_fields = ["file_name", "why_fatal"]
    change_form_template = "admin/feeds/feed/change_form.html"

    @admin.display(description=_("受付番号"))
    def receipt(self, feed: Feed) -> str:
        return feed.receipt

    @admin.display(description=_("ファイル名"))
    def file_name(self, feed: Feed) -> str:
        return feed.document.file_name

    @admin.display(description=_("読み取れない理由"))
    def why_fatal(self, feed: Feed) -> str:
        return file_sentence(feed.error_code, feed.error_facts) if feed.error_code else "—"

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """The feed with its first refused lines."""
        feed = self.get_object(request, object_id)
        refused = []
        if feed is not None:
            refused = [(line, line_words(feed, line)) for line in lines_of(feed, "ERROR")[:LINES_SHOWN]]
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "refused": refused})
