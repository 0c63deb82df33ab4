"""The forms of 注文レポート and of its columns."""

from datetime import date, timedelta

from django import forms
from django.utils.translation import gettext_lazy as _

from events.forms import ActForm

from .rules import MOST_DAYS, Encoding, Every, Kind
from .wording import ENCODINGS, EVERY, KINDS

HOURS = [(hour, f"{hour}:00") for hour in range(24)]
CHOOSE = {"required": _("選択してください。"), "invalid_choice": _("選択してください。")}
DAY = {
    "required": _("日付を入力してください。"),
    "invalid": _("日付を「2026-07-08」の形で入力してください。"),
}


def _day(label) -> forms.DateField:
    widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(label=label, widget=widget, error_messages=DAY)


class ReportForm(ActForm):
    """What to list, of which days, and how it is written."""

    kind = forms.TypedChoiceField(label=_("内容"), choices=KINDS, coerce=Kind, error_messages=CHOOSE)
    first = _day(_("開始日"))
    last = _day(_("終了日"))
    encoding = forms.TypedChoiceField(
        label=_("文字コード"), choices=ENCODINGS, coerce=Encoding, error_messages=CHOOSE
    )

    def __init__(self, *args, today: date, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["first"].initial, self.fields["last"].initial = today - timedelta(days=29), today

    def clean(self):
        """It ends after its start, within a year, and not after today."""
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and last < first:
            self.add_error("last", _("終了日は、開始日以降の日付にしてください。"))
        elif first and last and last - first >= timedelta(days=MOST_DAYS):
            self.add_error("last", _("期間は1年以内で指定してください。"))
        elif first and first.year < 2000:
            self.add_error("first", _("2000年以降の日付を入力してください。"))
        elif last and last > self.today:
            self.add_error("last", _("終了日は、今日までの日付にしてください。"))
        return cleaned


class ScheduleForm(ActForm):
    """A report that is ordered by itself."""

    prefix = "schedule"
    kind = forms.TypedChoiceField(
        label=_("内容"),
        choices=KINDS,
        coerce=Kind,
        error_messages=CHOOSE,
        help_text=_("前日の分（毎週は前の7日分）を作成します。未出荷の注文は、60日前から作成時までの分です。"),
    )
    every = forms.TypedChoiceField(label=_("間隔"), choices=EVERY, coerce=Every, error_messages=CHOOSE)
    hour = forms.TypedChoiceField(label=_("時刻"), choices=HOURS, coerce=int, initial=9, error_messages=CHOOSE)
    encoding = forms.TypedChoiceField(
        label=_("文字コード"), choices=ENCODINGS, coerce=Encoding, error_messages=CHOOSE
    )

    def add_prefix(self, field_name: str) -> str:
        """Its key is the page's."""
        return field_name if field_name == "key" else super().add_prefix(field_name)


class ColumnsForm(ActForm):
    """Which columns are added."""

    buyer_requested = forms.BooleanField(label=_("購入者がキャンセルをリクエストしました"), required=False)
    request_reason = forms.BooleanField(label=_("キャンセルのリクエスト理由"), required=False)
    verge_of_cancellation = forms.BooleanField(label=_("自動キャンセル間近"), required=False)
    verge_of_late_shipment = forms.BooleanField(label=_("出荷遅延間近"), required=False)
