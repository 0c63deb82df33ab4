"""Forms about people, shops and roles in the admin: what reaches far takes a reason and the operator's own password."""

from typing import Any, ClassVar

from django import forms
from django.contrib.admin.forms import AdminPasswordChangeForm as OldAndNewPasswordForm
from django.contrib.admin.widgets import AdminEmailInputWidget
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import hear_own_password
from accounts.forms import own_password_field
from accounts.models import Membership, Seller, User
from accounts.queries import admins, all_shops, everybody, has_role, is_last_owner, owners_of
from accounts.roles import audited_role

# What a form asks besides the row's own fields.
ASKED = ("reason", "own_password")


# What is said of a second person or shop under the same address or ID.
TAKEN = {
    "email": {"unique": _("このメールアドレスは、すでに登録されています。")},
    "merchant_id": {"unique": _("この出品者IDは、すでに登録されています。")},
}


def reason_field(help_text: Any = "", *, required: bool = False) -> forms.CharField:
    """Where operators say why; it stands in the audit log (reliability S-52)."""
    return forms.CharField(
        label=_("理由・メモ"),
        required=required,
        max_length=500,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=help_text,
        error_messages={"required": _("理由を入力してください。")},
    )


class TouchedForm(forms.ModelForm):
    """Writes what somebody changed on the page, and leaves as it is what somebody else changed meanwhile."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.of_row = {field.name for field in self._meta.model._meta.fields} & set(self.fields)
        if self.instance.pk:  # of a new row everything is new, whatever is sent along
            for name in self.of_row:
                self.fields[name].show_hidden_initial = True  # how the page showed it is sent along

    def clean(self):
        """Put what was not touched back to how it stands now."""
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk:
            for name in self.of_row & set(cleaned) - set(self.changed_data):
                cleaned[name] = getattr(self.instance, name)
        return cleaned


class FarReachingForm(TouchedForm):
    """Asks why, and for the operator's own password, before what reaches far: some fields, and any role in a shop
    (reliability S-16, S-52).
    """

    REACHES_FAR: ClassVar[frozenset[str]] = frozenset()

    reason = reason_field(_("役割を変更するときに入力してください。監査記録に残ります。"))
    own_password = own_password_field(_("役割を変更するときに入力してください。"))
    request: HttpRequest
    roles: type[BaseInlineFormSet]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Else keepers of passwords take the field before the password for its name.
        for field in self.fields.values():
            field.widget.attrs.setdefault("autocomplete", "off")

    def clean(self):
        """Hear reason and password, if what was sent with the form or its roles reaches far."""
        cleaned = super().clean() or self.cleaned_data
        if self.reaches_far() or self.roles(self.data, instance=self.instance).has_changed():
            if not cleaned.get("reason") and "reason" not in self.errors:
                self.add_error("reason", _("理由を入力してください。"))
            try:
                hear_own_password(self.request, cleaned.get("own_password", ""), now=timezone.now())
            except ValidationError as error:
                self.add_error("own_password", error)
        return cleaned

    def reaches_far(self) -> bool:
        """Whether a field changed that reaches far; a new row has only what gives a role by itself."""
        fields = self.REACHES_FAR if self.instance.pk else self.REACHES_FAR & {"operator_role"}
        return bool(fields & set(self.changed_data))


class NewPersonForm(FarReachingForm):
    """A new person; the password is set by its own form afterwards."""

    REACHES_FAR = frozenset({"operator_role"})

    class Meta:
        model = User
        fields = ["email", "name", "language", "operator_role"]
        error_messages = TAKEN

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()

    def save(self, commit: bool = True) -> User:
        self.instance.is_staff = bool(self.cleaned_data.get("operator_role"))
        person = super().save(commit=False)
        person.set_unusable_password()
        if commit:
            person.save()
        return person


class PersonForm(FarReachingForm):
    """A known person."""

    REACHES_FAR = frozenset({"email", "operator_role", "is_active"})

    reason = reason_field(
        _("メールアドレス、役割、有効・無効を変更するときに入力してください。監査記録に残ります。")
    )
    own_password = own_password_field(_("メールアドレス、役割、有効・無効を変更するときに入力してください。"))

    class Meta:
        model = User
        fields = ["email", "name", "language", "look", "operator_role", "is_active"]
        widgets = {"email": AdminEmailInputWidget(attrs={"autocomplete": "off"})}
        error_messages = TAKEN

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()

    def clean(self):
        """Besides, keep one who may do everything, and each shop's last OWNER (reliability S-54)."""
        cleaned = super().clean()
        if self.reaches_far():
            stays_admin = (
                cleaned.get("operator_role", self.instance.operator_role) == User.OperatorRole.ADMIN
                and cleaned.get("is_active", self.instance.is_active)
            )  # fmt: skip
            if not stays_admin and admins() == {self.instance.pk}:
                raise ValidationError(_("最後の管理者の役割を外したり、無効にしたりすることはできません。"))
            if not cleaned.get("is_active", self.instance.is_active) and is_last_owner(self.instance.pk):
                raise ValidationError(
                    _("店舗の最後のオーナーを無効にすることはできません。先に別のオーナーを登録してください。")
                )
        return cleaned

    def save(self, commit: bool = True) -> User:
        """Who has an operator's role is let into these pages, and nobody else."""
        if "operator_role" in self.changed_data:
            self.instance.is_staff = bool(self.cleaned_data["operator_role"])
            self.instance.is_superuser = False
        return super().save(commit)


class SellerForm(FarReachingForm):
    """A shop; its ID is what sellers' files and software call it by."""

    REACHES_FAR = frozenset({"merchant_id"})

    reason = reason_field(_("出品者IDや役割を変更するときに入力してください。監査記録に残ります。"))
    own_password = own_password_field(_("出品者IDや役割を変更するときに入力してください。"))

    class Meta:
        model = Seller
        fields = ["name", "merchant_id"]
        error_messages = TAKEN


class RolesFormSet(BaseInlineFormSet):
    """Roles in shops; each shop that has an OWNER keeps one (reliability S-54)."""

    def add_fields(self, form, index) -> None:
        """Show whose role it is by name; a role is given and taken, never moved. Name the box that takes it away."""
        super().add_fields(form, index)
        if form.instance.pk:
            other = "seller" if self.fk.name == "user" else "user"
            role = form.instance
            form.initial[other] = role.user.email if other == "user" else role.seller.merchant_id
            form.fields[other].disabled = True
            form.fields[other].show_hidden_initial = False
        if "DELETE" in form.fields:
            form.fields["DELETE"].label = _("役割を外す")
            form.fields["DELETE"].widget.attrs["aria-label"] = _("役割を外す")

    def changes(self) -> tuple[dict[str, str], dict[str, str]]:
        """For the audit log: who had which role in which shop, and who has."""
        before = {audited_role(role): role.role for role in self.deleted_objects}
        after = {audited_role(role): role.role for role in self.new_objects}
        for form in self.initial_forms:
            if form.has_changed() and form.instance.pk:
                before[audited_role(form.instance)] = form.initial["role"]
                after[audited_role(form.instance)] = form.instance.role
        return before, after

    def clean(self) -> None:
        """Refuse a second role in one shop, and what would leave a shop without its last OWNER."""
        super().clean()
        named, lost = set[tuple[int, int]](), set[tuple[int, int]]()
        for form in self.forms:
            given = getattr(form, "cleaned_data", {})
            if not given.get("user") or not given.get("seller"):
                continue
            role = given["seller"].pk, given["user"].pk
            is_owner = given.get("role") == Membership.Role.OWNER and not given.get("DELETE")
            if is_owner and given["user"].is_active:
                named.add(role)
            elif form.instance.pk and form.has_changed():
                lost.add(role)
            if form.instance.pk is None and has_role(seller_id=role[0], user_id=role[1]):
                form.add_error(None, _("この人には、すでにこの店舗の役割があります。その行で変更してください。"))
        for seller_id, owners in owners_of(shop for shop, person in lost).items():
            if {(seller_id, person) for person in owners} <= lost and seller_id not in {
                shop for shop, person in named
            }:
                raise ValidationError(_("店舗の最後のオーナーの役割を外すことはできません。"), code="last_owner")


class PersonField(forms.ModelChoiceField):
    """Somebody, by the e-mail address in any case."""

    widget = AdminEmailInputWidget
    default_error_messages = {"invalid_choice": _("このメールアドレスの人はいません。先に登録してください。")}

    def to_python(self, value):
        """Find the person."""
        return super().to_python(value.strip().lower() if isinstance(value, str) else value)


class RoleForm(TouchedForm):
    """A role: whose and in which shop, by what people call them, so that it is given without a script, too."""

    user = PersonField(everybody(), to_field_name="email", label=_("メールアドレス"))
    seller = forms.ModelChoiceField(
        all_shops(),
        to_field_name="merchant_id",
        label=_("出品者ID"),
        widget=forms.TextInput,
        error_messages={"invalid_choice": _("この出品者IDの店舗はありません。先に登録してください。")},
    )

    class Meta:
        model = Membership
        fields = ["user", "seller", "role"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # The head of the column is all the label that a cell of the table has.
        for field in self.fields.values():
            field.widget.attrs |= {"aria-label": field.label, "autocomplete": "off"}


class ReasonForm(forms.Form):
    """Why, and the operator's own password again (reliability S-16, S-52)."""

    reason = reason_field(required=True)
    own_password = own_password_field(required=True)

    def __init__(self, *args, request: HttpRequest, **kwargs):
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_own_password(self) -> str:
        password: str = self.cleaned_data["own_password"]
        hear_own_password(self.request, password, now=timezone.now())
        return password


class PasswordForm(ReasonForm, AdminPasswordChangeForm):
    """Another password for anybody, for the operator's own and a reason. Nobody is left without one here."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)
        for name in ("password1", "password2"):
            self.fields[name].required = True


class OwnPasswordForm(OldAndNewPasswordForm):
    """An operator's own new password, for the old one; this is guessed no more often than at the door."""

    def __init__(self, *args, request: HttpRequest, **kwargs):
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        hear_own_password(self.request, password, now=timezone.now())
        return password
