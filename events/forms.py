"""The shape of every act that a page sends: sent once, and about the state that the person saw; fields for what
people write and choose and for money; a mail's text.
"""

import re
import unicodedata
from typing import cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from .wording import LONGEST_LEAD, LONGEST_SUBJECT, UnusableText, check_text

CHOOSE = ("", _("選択してください"))
REASON_UNKNOWN = _("選択できない理由です。一覧から選び直してください。")
STALE_PAGE = _("この画面の内容では送信できません。画面を開き直してから、もう一度お試しください。")


# Marks that turn the direction of writing round: they could make a text read as another one (reliability B-21).
_TURNS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def as_stored(text: str) -> str:
    """What somebody wrote, as it is kept: one sign at the end of a line, no marks that turn writing round."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_TURNS)


def has_controls(text: str) -> bool:
    """Whether there are signs in a text that no screen shows and no database keeps."""
    return bool(_CONTROLS.search(text))


class TextField(forms.CharField):
    """What somebody writes to somebody: lines are kept, marks that turn writing round are left out."""

    def to_python(self, value):
        """The text as it is stored: with one sign at the end of a line."""
        return as_stored(super().to_python(value) or "")

    def validate(self, value):
        """Refuse signs that no screen shows and no database keeps."""
        super().validate(value)
        if has_controls(value):
            raise ValidationError(_("使用できない文字が含まれています。"), code="control_character")


class LineField(TextField):
    """A short text that stands in one line, as in a mail's subject (reliability B-34)."""

    def validate(self, value):
        """Refuse line breaks and tabs, too."""
        super().validate(value)
        if "\n" in value or "\t" in value:
            raise ValidationError(_("改行やタブは入力できません。"), code="line_break")


class MoneyField(forms.DecimalField):
    """An amount as people type it: in wide digits, with commas, with the sign or the word of the yen."""

    def to_python(self, value):
        """The number in it."""
        if isinstance(value, str):
            value = unicodedata.normalize("NFKC", value).replace(",", "").strip("¥\\ ").removesuffix("円")
            if "e" in value.lower():  # 1e3 is a number, and nobody's amount
                raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class ActForm(forms.Form):
    """An act, with its key against being done twice."""

    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def clean(self):
        """Say in one sentence what a page without its hidden fields lacks."""
        cleaned = super().clean()
        hidden = [name for name in ("key", "expected_version") if name in self.errors]
        if hidden:
            for name in hidden:
                del self.errors[name]
            self.add_error(None, STALE_PAGE)
        return cleaned


class VersionedActForm(ActForm):
    """An act on an order as the person saw it: refused if the order changed in between (D-11)."""

    expected_version = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)


def choice(form: forms.Form, name: str) -> forms.ChoiceField:
    """A field whose choices are known only when the form is made."""
    return cast(forms.ChoiceField, form.fields[name])


# As long as its column.
LONGEST_MEMO = 1000


def memo_field() -> TextField:
    """The seller's own note."""
    return TextField(
        label=_("出品者メモ"),
        help_text=_("社内用です。購入者には表示されません。1,000文字まで。"),
        max_length=LONGEST_MEMO,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"max_length": _("出品者メモは1,000文字以内で入力してください。")},
    )


class MailTextForm(forms.Form):
    """An operator's subject and first paragraph of one mail."""

    subject = forms.CharField(
        label=_("件名"),
        max_length=LONGEST_SUBJECT,
        widget=forms.TextInput(attrs={"size": 80}),
        error_messages={"required": _("件名を入力してください。")},
    )
    lead = forms.CharField(
        label=_("書き出し"),
        max_length=LONGEST_LEAD,
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "cols": 80}),
        help_text=_("空欄にすると、はじめから用意されている書き出しで送信します。"),
    )

    def __init__(self, *args, mail: str, **kwargs):
        super().__init__(*args, **kwargs)
        self.mail = mail

    def clean_subject(self) -> str:
        return self._checked(self.cleaned_data["subject"], is_subject=True)

    def clean_lead(self) -> str:
        return self._checked(self.cleaned_data["lead"], is_subject=False)

    def _checked(self, text: str, *, is_subject: bool) -> str:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        try:
            check_text(text, mail=self.mail, is_subject=is_subject)
        except UnusableText as unusable:
            raise ValidationError(str(unusable)) from None
        return text
