"""People, shops and roles in the admin; and the read-only form that all records of acts share."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import ReadOnlyPasswordHashField
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from .models import LoginAttempt, Membership, Seller, User

admin.site.unregister(Group)
admin.site.site_header = _("オペレーター画面")
admin.site.site_title = _("オペレーター画面")
admin.site.index_title = _("管理")


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows rows that only acts write: nothing can be added, changed or deleted here."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """Rows that belong to the row shown, to look at only."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


class NewPersonForm(forms.ModelForm):
    """A new person; the password is set by its own form afterwards."""

    class Meta:
        model = User
        fields = ["email", "name", "language", "operator_role", "is_staff"]

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()

    def save(self, commit: bool = True) -> User:
        person = super().save(commit=False)
        person.set_unusable_password()
        if commit:
            person.save()
        return person


class PersonForm(forms.ModelForm):
    """A known person; the password is shown as set or not set."""

    password = ReadOnlyPasswordHashField(label=_("パスワード"))

    class Meta:
        model = User
        fields = ["email", "name", "language", "look", "operator_role", "is_staff", "is_superuser", "is_active"]

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()


class MembershipInline(admin.TabularInline):
    """The shops a person works for, or the people of a shop."""

    model = Membership
    extra = 0
    autocomplete_fields = ["user", "seller"]


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """People: sellers' staff, buyers, operators. Their password is set by Django's own form."""

    form = PersonForm
    add_form = NewPersonForm
    add_form_template = None
    ordering = ["email"]
    filter_horizontal = []
    list_display = ["email", "name", "language", "operator_role", "is_active"]
    list_filter = ["operator_role", "is_staff", "is_active"]
    search_fields = ["email__istartswith", "name__istartswith"]
    show_full_result_count = False
    fieldsets = [
        (None, {"fields": ["email", "name", "password", "language", "look", "refuses_unimportant_messages"]}),
        (None, {"fields": ["operator_role", "is_staff", "is_superuser", "is_active", "joined_at", "last_login"]}),
    ]
    add_fieldsets = [(None, {"fields": NewPersonForm.Meta.fields})]
    readonly_fields = ["joined_at", "last_login"]
    inlines = [MembershipInline]

    def has_delete_permission(self, request, obj=None) -> bool:
        """People stay: their name is in the history. Make them inactive instead."""
        return False


@admin.register(Seller)
class SellerAdmin(admin.ModelAdmin):
    """Shops and their people."""

    list_display = ["name", "merchant_id", "created_at"]
    search_fields = ["name__istartswith", "merchant_id__istartswith"]
    readonly_fields = ["created_at"]
    inlines = [MembershipInline]

    def has_delete_permission(self, request, obj=None) -> bool:
        """Shops stay: orders belong to them."""
        return False


@admin.register(LoginAttempt)
class LoginAttemptAdmin(ReadOnlyAdmin):
    """Failed sign-ins."""

    list_display = ["failed_at", "email", "address"]
    search_fields = ["email__istartswith", "address"]
    ordering = ["-failed_at"]
