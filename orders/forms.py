"""Forms around the lists of orders, and the demo's test order."""

from collections.abc import Sequence
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
