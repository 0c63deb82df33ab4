"""Order files in the admin: upload one, watch it, read the answer to each refused line."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import operator_of
from accounts.actors import Door
from accounts.admin import ReadOnlyAdmin
from accounts.admin.base import note
from accounts.duties import Duty
from accounts.queries import seller_by_reference, sellers
from orders import imports
from orders.models import Import
from orders.wording import file_sentence, line_sentence


def _shops() -> list[tuple[str, str]]:
    return [("", "—"), *((str(seller.pk), str(seller)) for seller in sellers())]


class ImportForm(forms.Form):
    """An order file and the shop it belongs to."""

    seller = forms.ChoiceField(label=_("出品者"), choices=_shops)
    file = forms.FileField(
        label=_("注文レポートのファイル"),
        help_text=_(
            "タブ区切り。UTF-8 または Shift_JIS（CP932）。3種類のレイアウトを見分けます。"
            "自動キャンセルの日時を過ぎている未出荷の注文は、取り込んだ後、まもなく自動的にキャンセルされます。"
        ),
    )

    def clean_seller(self):
        """The shop itself."""
        return seller_by_reference(self.cleaned_data["seller"])


# Of the answers to a file's lines, the page of the admin shows no more than this.
LINES_SHOWN = 200


class Refused(admin.SimpleListFilter):
    """Files that could not be read, and those of which lines were refused."""

    title = _("エラー")
    parameter_name = "refused"

    def lookups(self, request, model_admin):
        return [("yes", _("エラーのあるもの"))]

    def queryset(self, request, queryset):
        if self.value() != "yes":
            return queryset
        return queryset.filter(Q(state=Import.State.FATAL) | Q(lines_refused__gt=0))


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin):
    """Order files taken over: upload one, watch it, read the answer to each refused line."""

    list_display = [
        "started_at",
        "seller",
        "file_name",
        "state",
        "lines_read",
        "orders_created",
        "orders_updated",
        "orders_unchanged",
        "lines_refused",
    ]
    list_filter = ["state", Refused]
    list_select_related = ["seller"]
    ordering = ["-id"]
    change_form_template = "admin/orders/import/change_form.html"
    exclude = ["error_code", "error_facts"]
    readonly_fields = ["error"]

    @admin.display(description=_("エラー"))
    def error(self, order_import: Import) -> str:
        """Why the file could not be read, in the reader's language."""
        if not order_import.error_code:
            return "—"
        return f"{order_import.error_code}: {file_sentence(order_import.error_code, order_import.error_facts)}"

    def has_add_permission(self, request, obj=None) -> bool:
        return self.has(request, Duty.IMPORT)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """The file with what was answered to its first lines, in sentences."""
        order_import = self.get_object(request, object_id)
        lines = [] if order_import is None else list(order_import.lines.all()[: LINES_SHOWN + 1])
        answers = [(line, line_sentence(line.code)) for line in lines[:LINES_SHOWN]]
        more = {"answers": answers, "are_more": len(lines) > LINES_SHOWN}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def add_view(self, request, form_url="", extra_context=None):
        """Take the file, start the import, show its page."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        is_sent = request.method == "POST"
        form = ImportForm(request.POST if is_sent else None, request.FILES if is_sent else None)
        if is_sent and form.is_valid():
            upload = form.cleaned_data["file"]
            seller = form.cleaned_data["seller"]
            with transaction.atomic():
                started = imports.start_import(
                    seller=seller,
                    file_name=upload.name,
                    content=upload.file,
                    by=operator_of(request, Door.IMPORT, duty=Duty.IMPORT),
                    now=timezone.now(),
                )
                file = {"file": started.file_name, "import": started.pk}
                note(request, "import.started", seller.merchant_id, after=file)
            messages.success(request, _("取り込みを開始しました。この画面を開き直すと進み具合を確認できます。"))
            return HttpResponseRedirect(reverse("admin:orders_import_change", args=[started.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("注文ファイルの取り込み"),
            "form": form,
            "is_multipart": True,
        }
        return TemplateResponse(request, "admin/act.html", context)
