"""People, shops and roles in the admin, and the second factor of somebody who lost it."""

from copy import copy
from functools import partial
from typing import cast

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse, reverse_lazy
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import second_factor
from accounts.access import PersonRequest, operator_of, self_of
from accounts.duties import Duty, may
from accounts.models import LoginAttempt, Membership, Seller, User
from accounts.queries import hold_roles, people_by_name
from events.actions import audit

from .base import OperatorAdmin, ReadOnlyAdmin, audit_subject, note
from .forms import (
    ASKED,
    NewPersonForm,
    OwnPasswordForm,
    PasswordForm,
    PersonForm,
    ReasonForm,
    RoleForm,
    RolesFormSet,
    SellerForm,
)

admin.site.unregister(Group)
# Its form would show the key of a person's app.
admin.site.unregister(TOTPDevice)


# A search by the beginning of a name shows no more people than this.
FOUND_BY_NAME = 200


class MembershipInline(admin.TabularInline):
    """The shops a person works for, or the people of a shop, with a row for one more."""

    model = Membership
    form = RoleForm
    formset = RolesFormSet
    extra = 1
    fields = ["user", "seller", "called", "role"]
    readonly_fields = ["called"]

    @admin.display(description=_("名前"))
    def called(self, row: Membership) -> str:
        """The name of the shop on a person's page, and the other way round."""
        if not row.pk:
            return ""
        return row.seller.name if self.parent_model is User else row.user.name

    def get_queryset(self, request):
        """With what each row is called by."""
        return super().get_queryset(request).select_related("user", "seller")

    def has_view_permission(self, request, obj=None) -> bool:
        return bool(request.user.operator_role)

    def has_add_permission(self, request, obj=None) -> bool:
        return may(request.user.operator_role, Duty.PEOPLE)

    has_change_permission = has_delete_permission = has_add_permission


class OwnPasswordView(PasswordChangeView):
    """Django's page, noted in the audit log."""

    form_class = OwnPasswordForm
    template_name = "admin/act.html"
    success_url = reverse_lazy("admin:password_change_done")

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form):
        with transaction.atomic():
            answer = super().form_valid(form)
            audit(
                act="person.password_changed",
                by=self_of(cast(PersonRequest, self.request)),
                now=timezone.now(),
                subject=audit_subject(form.user),
                address=self.request.META["REMOTE_ADDR"],
            )
        return answer


class FarReachingAdmin(OperatorAdmin):
    """Lets its form know whose password it asks for, and the roles that are sent with it."""

    def get_fieldsets(self, request, obj=None):
        """Who may only look is asked for nothing."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in ASKED]})
            for title, options in fieldsets
        ]

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """One at a time, where roles may change."""
        with transaction.atomic():
            if request.method == "POST":
                hold_roles()
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        (inline,) = self.get_inline_instances(request, obj)
        roles = partial(inline.get_formset(request, obj), queryset=inline.get_queryset(request))
        return type(form.__name__, (form,), {"request": request, "roles": roles})


class Operators(admin.SimpleListFilter):
    """The operators among all people (index `operators`)."""

    title = _("オペレーター")
    parameter_name = "operators"

    def lookups(self, request, model_admin):
        return [("yes", _("オペレーターのみ"))]

    def queryset(self, request, queryset):
        return queryset.filter(is_staff=True) if self.value() == "yes" else queryset


@admin.register(User)
class UserAdmin(FarReachingAdmin, DjangoUserAdmin):
    """People: sellers' staff, buyers, operators. Their password is set by Django's own form."""

    duty = Duty.PEOPLE
    form = PersonForm
    add_form = NewPersonForm
    add_form_template = None
    change_form_template = "admin/accounts/user/change_form.html"
    change_user_password_template = "admin/act.html"  # noqa: S105 - a template
    ordering = ["email"]
    filter_horizontal = []
    list_display = ["email", "name", "language", "operator_role", "is_active"]
    list_filter = [Operators]
    search_fields = ["email", "name"]
    search_help_text = _("メールアドレスまたは氏名の先頭")
    fieldsets = [
        (None, {"fields": ["email", "name", "has_password", "language", "look", "refuses_unimportant_messages"]}),
        (None, {"fields": ["operator_role", "is_active", *ASKED, "joined_at", "last_login"]}),
    ]
    add_fieldsets = [(None, {"fields": [*NewPersonForm.Meta.fields, *ASKED]})]
    readonly_fields = ["joined_at", "last_login", "has_password"]
    inlines = [MembershipInline]

    @admin.display(description=_("パスワード"))
    def has_password(self, person: User) -> str:
        """Whether there is one; nobody needs to see more of it."""
        return gettext("設定済み") if person.has_usable_password() else gettext("未設定")

    def get_search_results(self, request, queryset, search_term):
        """By the beginning of address or name, each by its own index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "@" in term:
            return queryset.filter(email__startswith=term.lower()), False
        named = people_by_name(term).values_list("pk", flat=True)[:FOUND_BY_NAME]
        written = queryset.filter(email__startswith=term.lower()).values_list("pk", flat=True)[:FOUND_BY_NAME]
        return queryset.filter(pk__in={*named, *written}), False

    def get_readonly_fields(self, request, obj=None):
        """Nobody changes their own role, or shuts themselves out (reliability S-54)."""
        own = ["operator_role", "is_active"] if obj is not None and obj.pk == request.user.pk else []
        return [*super().get_readonly_fields(request, obj), *own]

    def get_urls(self):
        reset = path(
            "<int:user_id>/reset-second-factor/",
            self.admin_site.admin_view(self.reset_second_factor),
            name="accounts_user_reset_second_factor",
        )
        return [reset, *super().get_urls()]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        person = self.get_object(request, object_id)
        more = {
            "has_second_factor": person is not None and second_factor.is_set_up(person.pk),
            "may_set_password": self.has_duty(request) and person is not None,
            "may_reset": self.has_duty(request) and person is not None and person.pk != request.user.pk,
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    @method_decorator(sensitive_post_parameters())
    def user_change_password(self, request, id, form_url=""):  # noqa: A002 - the name Django calls it by
        """Django's page, noted in the audit log when a password was set; the person's sessions end by it."""
        asking = copy(self)
        asking.change_password_form = partial(PasswordForm, request=request)
        with transaction.atomic():
            before = self.get_object(request, id)
            answer = super(UserAdmin, asking).user_change_password(request, id, form_url)
            person = self.get_object(request, id)
            if before is not None and person is not None and before.password != person.password:
                reason = request.POST["reason"].strip()
                note(request, "accounts.user.password_set", audit_subject(person), reason=reason)
        return answer

    @method_decorator(sensitive_post_parameters("own_password"))
    def reset_second_factor(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Take a lost second factor away: its person sets up a new one at the next sign-in."""
        by = operator_of(request, duty=Duty.PEOPLE)
        person = self.get_object(request, str(user_id))
        if person is None:
            raise Http404
        if person.pk == request.user.pk:
            raise PermissionDenied
        is_sent = request.method == "POST"
        form = ReasonForm(request.POST if is_sent else None, request=request)
        if is_sent and form.is_valid():
            is_reset = second_factor.reset(
                person,
                reason=form.cleaned_data["reason"],
                by=by,
                now=timezone.now(),
                address=request.META["REMOTE_ADDR"],
            )
            if is_reset:
                messages.success(request, _("二段階認証をリセットしました。次のログインで設定をお願いします。"))
            else:
                messages.warning(request, _("二段階認証は設定されていません。"))
            return HttpResponseRedirect(reverse("admin:accounts_user_change", args=[person.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": person,
            "title": _("二段階認証をリセットする"),
            "form": form,
        }
        return TemplateResponse(request, "admin/act.html", context)


@admin.register(Seller)
class SellerAdmin(FarReachingAdmin):
    """Shops and their people."""

    duty = Duty.PEOPLE
    list_display = ["name", "merchant_id", "created_at"]
    ordering = ["id"]
    search_fields = ["name__istartswith", "merchant_id__istartswith"]
    search_help_text = _("店舗名または出品者IDの先頭")
    form = SellerForm
    fields = ["name", "merchant_id", "created_at", *ASKED]
    readonly_fields = ["created_at"]
    inlines = [MembershipInline]


@admin.register(LoginAttempt)
class LoginAttemptAdmin(ReadOnlyAdmin):
    """Failed sign-ins, and links to a new password that were asked for."""

    list_display = ["happened_at", "kind", "email", "address"]
    search_fields = ["email__exact"]
    search_help_text = _("メールアドレス")
    ordering = ["-id"]
