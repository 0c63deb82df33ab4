"""The moment that a rate is looked at; what a shop contests, and why."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from cancellations.forms import WATCH_AFTER_TARGET
from events.forms import ActForm, TextField, choice
from messaging.files import File
from messaging.forms import FilesField, keepable

from .contest import LONGEST_TEXT, MOST_EVIDENCE, MOST_FILES
from .rate import Target

FIRST_YEAR = 2000
AS_TYPED = "%Y-%m-%dT%H:%M"
_NUMBER = {"required": _("数値を入力してください。"), "invalid": _("数値を入力してください。")}


class AtForm(forms.Form):
    """As of when: a local moment, the present one without it."""

    at = forms.DateTimeField(
        label=_("基準日時"),
        required=False,
        input_formats=[AS_TYPED, "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%d"],
        widget=forms.DateTimeInput(format=AS_TYPED, attrs={"type": "datetime-local"}),
        error_messages={"invalid": _("基準日時を「2026/07/08 15:28」の形式で入力してください。")},
    )

    def clean_at(self) -> datetime | None:
        """Nothing was sold here before; and days before the first one do not exist."""
        at = self.cleaned_data["at"]
        if at is not None and at.year < FIRST_YEAR:
            raise ValidationError(_("基準日時には、2000年以降の日時を入力してください。"), code="early")
        return at


class DisputeForm(ActForm):
    """Why a record is contested, and what shows it: entries of the history, messages, files."""

    text = TextField(
        label=_("申し立ての内容"),
        help_text=_(
            "このキャンセルがキャンセル率に含まれるべきではない理由を、具体的に記入してください。2,000文字まで。"
        ),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={
            "required": _("申し立ての内容を入力してください。"),
            "max_length": _("申し立ての内容は2,000文字以内で入力してください。"),
        },
    )
    events = forms.TypedMultipleChoiceField(
        label=_("根拠とする履歴"),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("この注文の履歴から選択してください。")},
    )
    messages = forms.TypedMultipleChoiceField(
        label=_("根拠とするメッセージ"),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("この注文のメッセージから選択してください。")},
    )
    attachments = FilesField(
        label=_("添付ファイル"),
        required=False,
        help_text=_("JPEG、PNG、WebPの画像とPDF。1つ5 MBまで、5つまで。"),
    )

    def __init__(self, *args, events: Sequence[tuple[int, str]], messages: Sequence[tuple[int, str]], **kwargs):
        """`events` and `messages` are those of the order, by key, as the shop reads them."""
        super().__init__(*args, **kwargs)
        self.taken: list[File] = []
        for name, found in (("events", events), ("messages", messages)):
            if found:
                choice(self, name).choices = list(found[:MOST_EVIDENCE])
            else:
                del self.fields[name]

    def clean_attachments(self) -> list[File]:
        """Look into each file."""
        return keepable(self.cleaned_data["attachments"], self.taken, room=MOST_FILES)


class CorrectionForm(ActForm):
    """Ask to record the reason that should have been sent."""

    text = TextField(
        label=_("補足"),
        max_length=LONGEST_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"max_length": _("補足は2,000文字以内で入力してください。")},
    )


class DecisionForm(forms.Form):
    """An operator's decision on a dispute."""

    GRANT, REJECT = "grant", "reject"

    decision = forms.ChoiceField(
        label=_("決定"),
        choices=[
            (GRANT, _("承認する（キャンセル率から除外する）")),
            (REJECT, _("却下する（キャンセル率に含めたままにする）")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("承認するか却下するかを選択してください。")},
    )
    reason = TextField(
        label=_("決定の理由"),
        help_text=_("出品者へのメールに記載されます。1,000文字まで。"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={
            "required": _("決定の理由を入力してください。"),
            "max_length": _("決定の理由は1,000文字以内で入力してください。"),
        },
    )


class RehearsalForm(forms.Form):
    """Limits to try on the days that are kept."""

    rate_target = forms.DecimalField(
        label=_("キャンセル率の目標（%）"),
        min_value=Decimal("0.01"),
        max_value=100,
        decimal_places=2,
        error_messages=_NUMBER,
    )
    rate_watch = forms.DecimalField(
        label=_("キャンセル率の注意（%）"),
        min_value=Decimal("0.01"),
        max_value=100,
        decimal_places=2,
        error_messages=_NUMBER,
    )
    rate_min_orders = forms.IntegerField(
        label=_("お知らせの対象とする最小の注文数"), min_value=1, max_value=10000, error_messages=_NUMBER
    )

    @staticmethod
    def values_of(target: Target) -> dict[str, object]:
        """The limits of a policy, as the form shows them."""
        return {
            "rate_target": Decimal(target.limit) / 100,
            "rate_watch": Decimal(target.watch) / 100,
            "rate_min_orders": target.min_orders,
        }

    def clean(self):
        """What is watched begins before the target."""
        cleaned = super().clean() or self.cleaned_data
        target, watch = cleaned.get("rate_target"), cleaned.get("rate_watch")
        if target is not None and watch is not None and watch > target:
            self.add_error("rate_watch", WATCH_AFTER_TARGET)
        return cleaned

    def target(self, in_force: Target) -> Target:
        """The limits that were sent; everything else as it is in force."""
        return replace(
            in_force,
            limit=int(self.cleaned_data["rate_target"] * 100),
            watch=int(self.cleaned_data["rate_watch"] * 100),
            min_orders=self.cleaned_data["rate_min_orders"],
        )
