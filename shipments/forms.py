"""The form of confirming a shipment."""

from collections.abc import Mapping, Sequence
from datetime import date

from django import forms
from django.utils.translation import gettext_lazy as _

from events.forms import LineField, VersionedActForm
from orders.forms import UnitsForm
from orders.rules import why_not_shipped_on

NOT_SHIPPED_ON = {
    "SHIPPED_LATER": _("出荷日には、今日までの日付を入力してください。"),
    "SHIPPED_BEFORE_ORDER": _("出荷日には、注文日以降の日付を入力してください。"),
}


class ConfirmShipmentForm(VersionedActForm, UnitsForm):
    """What left, when, and with whom."""

    none_chosen = _("出荷した商品を選択してください。")

    shipped_on = forms.DateField(
        label=_("出荷日"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages={
            "required": _("出荷日を入力してください。"),
            "invalid": _("出荷日を「2026-07-08」の形で入力してください。"),
        },
    )
    carrier = LineField(
        label=_("配送会社"),
        max_length=60,
        required=False,
        error_messages={"max_length": _("配送会社は60文字以内で入力してください。")},
    )
    tracking_number = LineField(
        label=_("お問い合わせ番号"),
        max_length=60,
        required=False,
        error_messages={"max_length": _("お問い合わせ番号は60文字以内で入力してください。")},
    )
    already_shipped = forms.BooleanField(label=_("すでに発送済みです"), required=False)

    def __init__(
        self,
        *args,
        lines: Sequence,
        today: date,
        placed_on: date,
        preset: Mapping[int, int] | None = None,
        **kwargs,
    ):
        super().__init__(*args, lines=lines, preset=preset, **kwargs)
        self.today, self.placed_on = today, placed_on
        self.fields["shipped_on"].initial = today

    def clean_shipped_on(self) -> date:
        """A parcel left between the order and today."""
        day = self.cleaned_data["shipped_on"]
        if why_not := why_not_shipped_on(day, placed_on=self.placed_on, today=self.today):
            raise forms.ValidationError(NOT_SHIPPED_ON[why_not])
        return day
