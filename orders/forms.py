"""Forms around the lists of orders and the units of an order, and the demo's test order."""

from collections.abc import Mapping, Sequence
from typing import cast

from django import forms
from django.utils.translation import gettext_lazy as _

from events.forms import ActForm

SORTS = (
    ("answer", _("回答期限が近い順")),
    ("ship_by", _("出荷予定日が近い順")),
    ("newest", _("新しい注文順")),
)
DATE_ERRORS = {"invalid": _("日付を「2026-07-08」の形で入力してください。")}


class FilterForm(forms.Form):
    """What 注文管理 is searched and sorted by. What cannot be read finds nothing, and is said beside its field."""

    q = forms.CharField(
        label=_("注文番号・購入者名・SKU"),
        max_length=100,
        required=False,
        error_messages={
            "max_length": _("100文字以内で入力してください。"),
            "null_characters_not_allowed": _("使用できない文字が含まれています。"),
        },
    )
    placed_from = forms.DateField(label=_("注文日（開始）"), required=False, error_messages=DATE_ERRORS)
    placed_to = forms.DateField(label=_("注文日（終了）"), required=False, error_messages=DATE_ERRORS)
    sort = forms.ChoiceField(
        label=_("並べ替え"),
        choices=SORTS,
        required=False,
        error_messages={"invalid_choice": _("一覧から選び直してください。")},
    )

    def add_prefix(self, field_name: str) -> str:
        """Dates are `from` and `to` in the address; Python keeps the first of these words for itself."""
        return super().add_prefix({"placed_from": "from", "placed_to": "to"}.get(field_name, field_name))


class UnitsForm(ActForm):
    """Choose items of an order and how many units of each: one box and one number per open item."""

    none_chosen = _("キャンセルする商品を選択してください。")

    def __init__(self, *args, lines: Sequence, preset: Mapping[int, int] | None = None, **kwargs):
        """`lines` are the items with open units; `preset` the units chosen at first (all of them without it)."""
        super().__init__(*args, **kwargs)
        self.lines = list(lines)
        for line in self.lines:
            chosen = line.quantity_open if preset is None else preset.get(line.pk, 0)
            self.fields[f"take-{line.item_id}"] = forms.BooleanField(
                label=line.title,
                required=False,
                initial=chosen > 0,
                widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
            )
            self.fields[f"quantity-{line.item_id}"] = forms.IntegerField(
                label=_("数量"),
                min_value=1,
                max_value=line.quantity_open,
                required=self.is_bound and self.data.get(f"take-{line.item_id}") is not None,
                initial=chosen or line.quantity_open,
                widget=forms.Select(
                    choices=[(number, number) for number in range(1, line.quantity_open + 1)],
                    attrs={"class": "form-select"},
                ),
                error_messages={
                    "required": _("数量を選択してください。"),
                    "invalid": _("数量を選択してください。"),
                    "min_value": _("数量は1以上を選択してください。"),
                    "max_value": _("残りの数量を超えています。数量を選び直してください。"),
                },
            )

    def rows(self):
        """Each item with its box and its number, for the page."""
        return [(line, self[f"take-{line.item_id}"], self[f"quantity-{line.item_id}"]) for line in self.lines]

    def clean(self):
        """Ask for at least one unit."""
        cleaned = super().clean()
        if self.lines and not self.errors and not self.units:
            self.add_error(f"take-{self.lines[0].item_id}", self.none_chosen)
        return cleaned

    @property
    def units(self) -> dict[int, int]:
        """The chosen units by item."""
        return {
            line.pk: self.cleaned_data[f"quantity-{line.item_id}"]
            for line in self.lines
            if self.cleaned_data.get(f"take-{line.item_id}")
        }


class TestOrderForm(ActForm):
    """A test order in a demo shop: of whom, which goods, how many, and whether payment is still being verified."""

    __test__ = False  # no test class, whatever its name begins with

    seller = forms.TypedChoiceField(label=_("出品者"), coerce=int)
    goods = forms.ChoiceField(label=_("商品"))
    quantity = forms.TypedChoiceField(
        label=_("数量"), coerce=int, choices=[(number, str(number)) for number in (1, 2, 3)], initial=1
    )
    is_pending = forms.BooleanField(label=_("お支払いの確認中にする"), required=False)
    payment = forms.ChoiceField(
        label=_("決済会社の応答"),
        required=False,
        help_text=_("請求・返金・確保の解除が失敗したときの動きを確認できます。"),
    )

    def __init__(
        self,
        *args,
        sellers: Sequence[tuple[int, str]],
        goods: Sequence[tuple[str, str]],
        payments: Sequence[tuple[str, object]],
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        cast(forms.ChoiceField, self.fields["payment"]).choices = payments
        cast(forms.ChoiceField, self.fields["seller"]).choices = sellers
        cast(forms.ChoiceField, self.fields["goods"]).choices = goods
