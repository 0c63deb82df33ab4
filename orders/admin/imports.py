"""Order files in the admin: upload one, watch it, read the answer to each refused line."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import operator_of
from accounts.actors import Door
from accounts.admin import ReadOnlyAdmin, ReadOnlyInline
from accounts.queries import seller_by_reference, sellers
from orders import imports
from orders.models import Import, ImportLine


def _shops() -> list[tuple[str, str]]:
    return [("", "—"), *((str(seller.pk), str(seller)) for seller in sellers())]


class ImportForm(forms.Form):
    """An order file and the shop it belongs to."""

    seller = forms.ChoiceField(label=_("出品者"), choices=_shops)
    file = forms.FileField(
        label=_("注文レポートのファイル"),
        help_text=_("タブ区切り。UTF-8 または Shift_JIS（CP932）。3種類のレイアウトを見分けます。"),
    )

    def clean_seller(self):
        """The shop itself."""
        return seller_by_reference(self.cleaned_data["seller"])


class ImportLineInline(ReadOnlyInline):
    """Answers to the lines that were refused or warned of."""

    model = ImportLine
    fields = ["line_number", "order_number", "result", "code", "detail"]


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
    list_filter = ["state"]
    list_select_related = ["seller"]
    ordering = ["-started_at"]
    inlines = [ImportLineInline]

    def has_add_permission(self, request, obj=None) -> bool:
        return bool(request.user.is_active and request.user.operator_role)

    def add_view(self, request, form_url="", extra_context=None):
        """Take the file, start the import, show its page."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        is_sent = request.method == "POST"
        form = ImportForm(request.POST if is_sent else None, request.FILES if is_sent else None)
        if is_sent and form.is_valid():
            upload = form.cleaned_data["file"]
            started = imports.start_import(
                seller=form.cleaned_data["seller"],
                file_name=upload.name,
                content=upload.file,
                by=operator_of(request, Door.IMPORT),
                now=timezone.now(),
            )
            messages.success(request, _("取り込みを開始しました。この画面を開き直すと進み具合を確認できます。"))
            return HttpResponseRedirect(reverse("admin:orders_import_change", args=[started.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("注文ファイルの取り込み"),
            "form": form,
            "is_multipart": True,
        }
        return TemplateResponse(request, "admin/orders/order/act.html", context)
