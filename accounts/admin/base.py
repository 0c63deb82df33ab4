"""What all pages of operators share: who may what there, lists at constant cost, every change in the audit log."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import CharField, Model, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.access import operator_of
from accounts.duties import Duty, may
from events.actions import audit
from events.forms import LineField

from .forms import RolesFormSet

AFTER = "after"
# Fields of a form that are no part of its row.
UNRECORDED = frozenset({"password", "own_password", "reason"})


def audit_subject(row: Model) -> str:
    """How the audit log names a row: by what people call it."""
    for name in ("number", "email", "merchant_id", "code"):
        if value := getattr(row, name, ""):
            return f"{value}"[:100]
    return f"{row}"[:100]


def note(request: HttpRequest, act: str, subject: str = "", **more: Any) -> None:
    """Write an operator's act into the audit log, in the transaction of the act."""
    audit(
        act=act,
        subject=subject,
        by=operator_of(request),
        now=timezone.now(),
        address=request.META["REMOTE_ADDR"],
        **more,
    )


class LightList(ChangeList):
    """A list that costs the same at ten rows and ten million: no count, and on from the last row shown (wall 8).

    The rows stand in the order of the admin's `ordering`, whose columns go the same way and end in a unique one.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.title = f"{self.opts.verbose_name_plural}"

    def get_queryset(self, request, exclude_parameters=None):
        """The rows behind the last one of the page before; no link or form but "next" leads there again."""
        self.params.pop(AFTER, None)
        self.filter_params.pop(AFTER, None)
        found = super().get_queryset(request, exclude_parameters)
        after = request.GET.get(AFTER, "")
        if not after.isascii() or not after.isdigit() or len(after) > 18:
            return found
        last = self.root_queryset.filter(pk=after).first()
        return (
            found.filter(behind(last, cast(Sequence[str], self.model_admin.get_ordering(request))))
            if last
            else found
        )

    def get_results(self, request) -> None:
        """Read one row more than is shown, to know whether there are more."""
        rows = list(self.queryset[: self.list_per_page + 1])
        self.result_list = rows[: self.list_per_page]
        self.go_on = ""
        if len(rows) > self.list_per_page:
            self.go_on = self.get_query_string({AFTER: self.result_list[-1].pk}, ["p"])
        self.is_first = AFTER not in request.GET
        self.to_first = self.get_query_string()
        self.paginator = Paginator(self.result_list, self.list_per_page)
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = False
        self.show_admin_actions = bool(self.result_list)
        self.can_show_all = self.multi_page = False


def behind(last: Model, ordering: Sequence[str]) -> Q:
    """The rows that stand behind this one in this order."""
    names = [name.removeprefix("-") for name in ordering]
    beyond = "lt" if ordering[0].startswith("-") else "gt"
    condition, equal = Q(), Q()
    for name in names:
        value = getattr(last, name)
        condition |= equal & Q(**{f"{name}__{beyond}": value})
        equal &= Q(**{name: value})
    # Said once more about the leading column alone: this is what an index begins its search with.
    return Q(**{f"{names[0]}__{beyond}e": getattr(last, names[0])}) & condition


class OperatorAdmin(admin.ModelAdmin):
    """Rows that operators write by hand, in a role with the duty; each change is in the audit log (S-52)."""

    duty: ClassVar[Duty | None] = None
    # Whether the audit log has entries about such rows, by the name that `audit_subject` gives them.
    has_audit: ClassVar[bool] = True
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    # A name stands in heads of mails, in lists and in files (reliability B-34).
    formfield_overrides: ClassVar = {CharField: {"form_class": LineField}}
    ordering = ["-id"]

    def get_changelist(self, request, **kwargs):
        return LightList

    def is_for(self, request: HttpRequest) -> bool:
        """Whether this person is an operator at all."""
        return request.user.is_authenticated and bool(request.user.operator_role)

    def has(self, request: HttpRequest, duty: Duty) -> bool:
        """Whether this person's role has this duty."""
        return request.user.is_authenticated and may(request.user.operator_role, duty)

    def has_duty(self, request: HttpRequest) -> bool:
        """Whether this person's role writes these rows."""
        return self.duty is not None and self.has(request, self.duty)

    def has_module_permission(self, request) -> bool:
        return self.is_for(request)

    def has_view_permission(self, request, obj=None) -> bool:
        return self.is_for(request)

    def has_add_permission(self, request, obj=None) -> bool:
        return self.has_duty(request)

    def has_change_permission(self, request, obj=None) -> bool:
        return self.has_duty(request)

    def has_delete_permission(self, request, obj=None) -> bool:
        """Rows stay: others name them. They are switched off instead."""
        return False

    def render_change_form(self, request, context, *args, **kwargs) -> HttpResponse:
        """Under the row's own name: what a page is of is called the same, whether it is looked at or changed."""
        row = context.get("original")
        context |= {
            "title": self.called(row) if row else _("%(kind)sの追加") % {"kind": self.opts.verbose_name},
            "subtitle": None,
            "has_audit": self.has_audit,
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def called(self, row: Model) -> str:
        """The heading of a row's page; the trail above it says what kind of thing it is."""
        return str(row)

    def save_related(self, request, form, formsets, change) -> None:
        """Note what changed, with its parts, where Django has written all of it."""
        super().save_related(request, form, formsets, change)
        before, after = _changes(form)
        for formset in formsets:
            if isinstance(formset, RolesFormSet):
                roles_before, roles_after = formset.changes()
                before |= roles_before
                after |= roles_after
        if after or before or not change:
            act = f"{self.opts.label_lower}.{'changed' if change else 'added'}"
            reason = form.cleaned_data.get("reason", "")
            subjects = {audit_subject(form.instance), before.get("email", ""), before.get("merchant_id", "")} - {
                ""
            }
            for subject in sorted(subjects):  # whoever gets another address or ID is found by either
                note(request, act, subject, reason=reason, before=before, after=after)

    def log_addition(self, request, obj, message):
        """The audit log keeps it; a second log would only differ."""

    def log_change(self, request, obj, message):
        """The audit log keeps it; a second log would only differ."""

    def history_view(self, request, object_id, extra_context=None) -> HttpResponse:
        """The audit log's entries about this row."""
        row = self.get_object(request, object_id) if self.has_view_permission(request) else None
        if row is None:
            return super().history_view(request, object_id, extra_context)
        address = reverse("admin:events_auditentry_changelist")
        return HttpResponseRedirect(f"{address}?{urlencode({'q': audit_subject(row)})}")


def _changes(form) -> tuple[dict[str, str], dict[str, str]]:
    """What a form changed: each field's value before and after, as people read it."""
    fields = [name for name in form.changed_data if name in form.cleaned_data and name not in UNRECORDED]
    before = {name: f"{form.initial.get(name, '')}" for name in fields if form.initial.get(name) is not None}
    return before, {name: f"{form.cleaned_data[name]}" for name in fields}


class ReadOnlyAdmin(OperatorAdmin):
    """Shows rows that only acts write: nothing can be added, changed or deleted here."""

    has_audit = False

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """Rows that belong to the row shown, to look at only."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_view_permission(self, request, obj=None) -> bool:
        return bool(request.user.is_active and request.user.operator_role)

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False
