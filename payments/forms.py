"""The form of a refund. It checks the shape; the rules decide."""

from collections.abc import Sequence
from decimal import Decimal

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cancellations.wording import refusal
from events.forms import CHOOSE, REASON_UNKNOWN, MoneyField, VersionedActForm, memo_field
from orders.rules import WHOLE_CURRENCIES

from .queries import REFUND_REASONS
from .rules import SELLER_REASONS, RefundReason, Sold, what_goes_back, why_not_refund

WHOLE, ITEMS, AMOUNT = "whole", "items", "amount"


class RefundForm(VersionedActForm):
    """Give money back, as the seller: all that is left, units of items, or an amount."""

    reason = forms.ChoiceField(
        label=gettext_lazy("返金の理由"),
        choices=[CHOOSE, *((reason.value, REFUND_REASONS[reason.value]) for reason in SELLER_REASONS)],
        error_messages={
            "required": gettext_lazy("返金の理由を選択してください。"),
            "invalid_choice": REASON_UNKNOWN,
        },
    )
    how = forms.ChoiceField(
        label=gettext_lazy("返金する範囲"),
        choices=[
            (WHOLE, gettext_lazy("全額")),
            (ITEMS, gettext_lazy("商品と数量を選択")),
            (AMOUNT, gettext_lazy("金額を入力")),
        ],
        error_messages={
            "required": gettext_lazy("返金する範囲を選択してください。"),
            "invalid_choice": gettext_lazy("返金する範囲を選択してください。"),
        },
    )
    shipping = forms.BooleanField(label=gettext_lazy("送料も返金する"), required=False)
    amount = MoneyField(
        label=gettext_lazy("返金額"),
        required=False,
        max_digits=12,
        decimal_places=2,
        error_messages={
            "invalid": gettext_lazy("返金額を数字で入力してください。"),
            "max_digits": gettext_lazy("返金額を数字で入力してください。"),
            "max_decimal_places": gettext_lazy("返金額の小数点以下の桁数が多すぎます。"),
            "max_whole_digits": gettext_lazy("返金額を数字で入力してください。"),
        },
    )
    seller_memo = memo_field()
    confirmed = forms.CharField(required=False, max_length=200)

    def __init__(self, *args, lines: Sequence, sold: Sold, **kwargs):
        super().__init__(*args, **kwargs)
        self.sold = sold
        self.lines = [
            line
            for line in lines
            if line.pk in sold.items and sold.items[line.pk].units_left and sold.money_left(line.pk)
        ]
        for line in self.lines:
            most = sold.items[line.pk].units_left
            self.fields[f"quantity-{line.item_id}"] = forms.IntegerField(
                min_value=0,
                max_value=most,
                required=False,
                initial=0,
                widget=forms.Select(
                    choices=[(number, number) for number in range(most + 1)], attrs={"class": "form-select"}
                ),
                error_messages={
                    "invalid": _("数量を選択してください。"),
                    "max_value": _("残りの数量を超えています。数量を選び直してください。"),
                },
            )

    def rows(self):
        """Each item with what may go back of it and its number, for the page."""
        return [
            (
                line,
                self.sold.items[line.pk].units_left,
                self.sold.money_left(line.pk),
                self[f"quantity-{line.item_id}"],
            )
            for line in self.lines
        ]

    def clean(self):
        """Ask for what the chosen way needs, and leave what belongs to another way aside."""
        cleaned = super().clean()
        how = cleaned.get("how")
        needed = {
            WHOLE: set(),
            ITEMS: {"shipping", *(f"quantity-{line.item_id}" for line in self.lines)},
            AMOUNT: {"amount"},
        }.get(how, set())
        of_ways = {"shipping", "amount", *(f"quantity-{line.item_id}" for line in self.lines)}
        for name in (of_ways - needed) & set(self.errors):
            del self.errors[name]
        if how == ITEMS and not self.units and not cleaned.get("shipping") and not self.errors:
            first = f"quantity-{self.lines[0].item_id}" if self.lines else "how"
            self.add_error(first, _("返金する数量を選択してください。"))
        if how == AMOUNT and "amount" not in self.errors:
            self._check(cleaned.get("amount"))
        return cleaned

    def _check(self, amount: Decimal | None) -> None:
        """An amount of money, within what is left."""
        if amount is None:
            self.add_error("amount", _("返金額を入力してください。"))
        elif self.sold.currency in WHOLE_CURRENCIES and amount != amount.to_integral_value():
            self.add_error("amount", self.fields["amount"].error_messages["max_decimal_places"])
        else:
            back = what_goes_back(self.sold, units={}, beside=amount, whole=False)
            if why_not := why_not_refund(self.sold, SELLER_REASONS[0], back, beside=amount):
                self.add_error("amount", refusal(why_not))

    @property
    def units(self) -> dict[int, int]:
        """The chosen units by item."""
        chosen = {line.pk: self.cleaned_data.get(f"quantity-{line.item_id}") for line in self.lines}
        return {key: count for key, count in chosen.items() if count}

    @property
    def asked(self) -> dict:
        """What is to go back, as the rules take it."""
        how = self.cleaned_data["how"]
        if how == WHOLE:
            return {"units": {}, "beside": Decimal(0), "whole": True}
        if how == AMOUNT:
            return {"units": {}, "beside": self.cleaned_data["amount"], "whole": False}
        beside = self.sold.beside if self.cleaned_data["shipping"] else Decimal(0)
        return {"units": self.units, "beside": beside, "whole": False}

    @property
    def reason_chosen(self) -> RefundReason:
        """Why."""
        return RefundReason(self.cleaned_data["reason"])
