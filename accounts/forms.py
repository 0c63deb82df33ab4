"""Forms of people: signing in, and what each person sets for themselves."""

from collections.abc import Collection
from typing import Any, TypeVar

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from events.forms import STALE_PAGE, LineField, TextField

from .rules import LONGEST_REDIRECT, MOST_REDIRECTS, Scope, is_redirect, plain_address
from .wording import COLLEAGUE_ROLES, LIFETIMES, LOOKS, MAY_BE_SILENCED, SCOPES

# The ways in which a hidden number may be wrong.
NUMBER = ("required", "invalid", "min_value")


def own_password_field(help_text: Any = "", *, required: bool = False) -> forms.CharField:
    """Where people type their own password again before what reaches far (reliability S-16)."""
    return forms.CharField(
        label=_("あなたのパスワード"),
        required=required,
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=help_text,
        error_messages={"required": _("あなたのパスワードを入力してください。")},
    )


FormT = TypeVar("FormT", bound=forms.Form)


def asked_anew(kind: type[FormT], why: str, **now: Any) -> FormT:
    """A form that says why the one before was refused and holds nothing of it but what is so now."""
    form = kind(now)
    form.full_clean()
    form.errors.clear()
    form.add_error(None, why)
    return form


class EmailForm(forms.Form):
    """An address that somebody signs in with."""

    email = forms.EmailField(
        label=_("メールアドレス"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
        error_messages={
            "required": _("メールアドレスを入力してください。"),
            "invalid": _("メールアドレスを正しく入力してください。"),
        },
    )


class LoginForm(EmailForm):
    """Address and password."""

    password = forms.CharField(
        label=_("パスワード"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("パスワードを入力してください。")},
    )


class NewPasswordForm(forms.Form):
    """A person's new password, twice."""

    password = forms.CharField(
        label=_("新しいパスワード"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("12文字以上で、ほかのサービスで使用していないものを設定してください。"),
        error_messages={"required": _("新しいパスワードを入力してください。")},
    )
    again = forms.CharField(
        label=_("新しいパスワード（確認用）"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": _("新しいパスワードをもう一度入力してください。")},
    )

    def __init__(self, *args, person: Any, **kwargs):
        super().__init__(*args, **kwargs)
        self.person = person

    def clean_password(self) -> str:
        """Refuse what is too short, known to everybody, or like the person's own name (reliability S-10)."""
        password: str = self.cleaned_data["password"]
        validate_password(password, self.person)
        return password

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if "password" in self.cleaned_data and again != self.cleaned_data["password"]:
            raise forms.ValidationError(_("2つのパスワードが一致しません。もう一度入力してください。"))
        return again


class ColleagueForm(forms.Form):
    """A colleague's role in the shop, with the OWNER's own password again (reliability S-16)."""

    role = forms.ChoiceField(
        label=_("役割"), choices=COLLEAGUE_ROLES, error_messages={"required": _("役割を選択してください。")}
    )
    own_password = own_password_field(required=True)

    def __init__(self, *args, people: Collection[tuple[int, str]], **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["person"] = forms.TypedChoiceField(
            label=_("対象の方"),
            coerce=int,
            choices=[("", _("選択してください")), *people],
            error_messages={"required": _("対象の方を選択してください。")},
        )
        self.order_fields(["person"])


class CodeForm(forms.Form):
    """A code of the app, or a recovery code."""

    code = forms.CharField(
        label=_("確認コード"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "characters"}),
        error_messages={"required": _("確認コードを入力してください。")},
    )


class PreferencesForm(forms.Form):
    """Language and look of the pages."""

    language = forms.ChoiceField(label=_("言語"), choices=settings.LANGUAGES)
    look = forms.ChoiceField(
        label=_("表示"),
        choices=LOOKS,
        help_text=_("「自動」では、お使いの端末の設定に合わせます。"),
    )


class BuyerPreferencesForm(PreferencesForm):
    """Besides, whether the buyer refuses unimportant messages (domain 6)."""

    refuses_unimportant_messages = forms.BooleanField(
        label=_("重要ではないメッセージを受信しない"),
        required=False,
        help_text=_(
            "出品者からの重要ではないメッセージだけが届かなくなります。"
            "キャンセル、出荷、お支払いについてのメールと重要なメッセージは、この設定にかかわらず届きます。"
        ),
    )
    field_order = ["refuses_unimportant_messages", "language", "look"]


class MailsForm(forms.Form):
    """One box for each mail that a person may stop; ticked means that it comes."""

    def __init__(self, *args, silenced: Collection[str], **kwargs):
        super().__init__(*args, **kwargs)
        for code, (title, when) in MAY_BE_SILENCED.items():
            self.fields[code] = forms.BooleanField(
                label=title, help_text=when, required=False, initial=code not in silenced
            )

    @property
    def silenced(self) -> set[str]:
        """The mails without a tick."""
        return {code for code, is_wanted in self.cleaned_data.items() if not is_wanted}


class ApplicationForm(forms.Form):
    """What a shop says of its software: name, purpose, whom to ask (domain 14.1)."""

    name = LineField(
        label=_("ソフトウェアの名前"),
        max_length=100,
        error_messages={"required": _("ソフトウェアの名前を入力してください。")},
    )
    purpose = LineField(
        label=_("利用目的"),
        max_length=500,
        help_text=_("例：在庫管理システムから注文を確認し、出荷通知を送信する。"),
        error_messages={"required": _("利用目的を入力してください。")},
    )
    contact = forms.EmailField(
        label=_("連絡先のメールアドレス"),
        max_length=254,
        help_text=_("ソフトウェアについて、運営から問い合わせることがあります。"),
        error_messages={
            "required": _("連絡先のメールアドレスを入力してください。"),
            "invalid": _("メールアドレスを正しく入力してください。"),
        },
    )


class RedirectsForm(forms.Form):
    """Addresses to which a consent may lead back, one in a line."""

    redirects = TextField(
        label=_("リダイレクトURI"),
        required=False,
        max_length=MOST_REDIRECTS * (LONGEST_REDIRECT + 2),
        help_text=_(
            "ソフトウェアの画面から接続を許可したあとに戻るアドレス。1行に1つ、https://で始まるものを入力します。"
        ),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "none"}),
    )

    def clean_redirects(self) -> list[str]:
        """The addresses, each once."""
        lines = (line.strip() for line in self.cleaned_data["redirects"].splitlines())
        found = list(dict.fromkeys(plain_address(line) for line in lines if line))
        if len(found) > MOST_REDIRECTS:
            words = _("登録できるリダイレクトURIは%(n)d件までです。")
            raise ValidationError(words, code="too_many", params={"n": MOST_REDIRECTS})
        for each in found:
            if not is_redirect(each):
                words = _(
                    "「%(address)s」は使用できません。https://で始まるアドレス（お使いの端末で動くソフトウェアでは"
                    "http://localhost）を、1行に1つ、500文字以内で入力してください。ユーザー名、空白、#は使用できません。"
                )
                raise ValidationError(words, code="unusable", params={"address": each[:100]})
        return found


class ConsentForm(forms.Form):
    """The consent of an OWNER, who gives the own password again (reliability S-16)."""

    present = forms.IntegerField(
        widget=forms.HiddenInput, min_value=0, error_messages=dict.fromkeys(NUMBER, STALE_PAGE)
    )
    own_password = own_password_field(required=True)


class KeysForm(forms.Form):
    """What new keys are good for and for how long, with the OWNER's own password again (reliability S-16)."""

    scopes = forms.TypedMultipleChoiceField(
        label=_("許可する操作"),
        coerce=Scope,
        choices=SCOPES,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("許可する操作を1つ以上選択してください。")},
    )
    days = forms.TypedChoiceField(label=_("有効期間"), coerce=int, choices=LIFETIMES, initial=365)
    newest = forms.IntegerField(
        widget=forms.HiddenInput, min_value=0, error_messages=dict.fromkeys(NUMBER, STALE_PAGE)
    )
    own_password = own_password_field(required=True)
