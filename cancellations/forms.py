"""Forms of requesting, withdrawing, declining and cancelling. They check the shape; the policy decides."""

from collections.abc import Mapping, Sequence

from django import forms
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from events.forms import (
    CHOOSE,
    REASON_UNKNOWN,
    STALE_PAGE,
    ActForm,
    LineField,
    MoneyField,
    TextField,
    VersionedActForm,
    choice,
    memo_field,
)
from orders.forms import UnitsForm

from . import policy, wording
from .policy import Reason

# What a shop may choose from, in minutes: up to the longest that it may let its buyers cancel alone.
LONGER_WINDOWS = (30, 60, 120, 360, 720, 1440, 2880, policy.LONGEST_DIRECT_MINUTES)
WATCH_AFTER_TARGET = gettext_lazy("注意の値は、目標の値以下にしてください。")
REASON_MISSING = gettext_lazy("キャンセルの理由を選択してください。")
DECLINE_REASONS = (
    (policy.DeclineReason.ALREADY_SHIPPED.value, gettext_lazy("すでに発送した")),
    (policy.DeclineReason.IN_PRODUCTION.value, gettext_lazy("受注生産・加工のため")),
    (policy.DeclineReason.LABEL_HANDED_OVER.value, gettext_lazy("配送会社に引き渡し済み")),
    (policy.DeclineReason.OTHER.value, gettext_lazy("その他")),
)


class CancelForm(VersionedActForm):
    """Cancel a whole order, as the seller."""

    reason = forms.ChoiceField(
        label=gettext_lazy("キャンセルの理由"),
        error_messages={"required": REASON_MISSING, "invalid_choice": REASON_UNKNOWN},
    )
    seller_memo = memo_field()
    restock = forms.BooleanField(
        label=gettext_lazy("キャンセルした数量を在庫に戻す"), required=False, initial=True
    )
    # The reason that the box of `restock` was shown for: out of stock turns its usual state round.
    restock_for = forms.ChoiceField(required=False, choices=[("", ""), *((each, each) for each in Reason)])
    confirmed = forms.CharField(required=False, max_length=40)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        choice(self, "reason").choices = [CHOOSE, *wording.reasons(policy.SELLER_REASONS)]

    @property
    def reason_chosen(self) -> Reason:
        """The reason, as the policy knows it."""
        return Reason(self.cleaned_data["reason"])

    @property
    def restock_chosen(self) -> bool | None:
        """What the person chose for the stock; None if the box was shown for a reason of the other kind."""
        usual = self.reason_chosen not in policy.NOT_RESTOCKED
        shown_usual = self.cleaned_data["restock_for"] not in policy.NOT_RESTOCKED
        return self.cleaned_data["restock"] if usual == shown_usual else None


def offer(field: forms.ChoiceField, reasons: Sequence) -> dict[str, str]:
    """Show the operator's reasons in the reader's language; return their labels, which a request will carry."""
    english = (get_language() or "").startswith("en")
    labels = {each.code: each.label_en if english else each.label_ja for each in reasons}
    field.choices = [CHOOSE, *labels.items()]
    return labels


class DirectCancelForm(UnitsForm):
    """Cancel alone, as the buyer."""

    reason = forms.ChoiceField(
        label=gettext_lazy("キャンセルの理由"), required=False, error_messages={"invalid_choice": REASON_UNKNOWN}
    )

    def __init__(self, *args, reasons: Sequence, **kwargs):
        super().__init__(*args, **kwargs)
        self.labels = offer(choice(self, "reason"), reasons)

    @property
    def reason_label(self) -> str:
        """The words of the chosen reason, if one was chosen."""
        return str(self.labels.get(self.cleaned_data["reason"], ""))


class RequestForm(UnitsForm):
    """Ask the seller to cancel, as the buyer."""

    reason = forms.ChoiceField(
        label=gettext_lazy("キャンセルの理由"),
        error_messages={"required": REASON_MISSING, "invalid_choice": REASON_UNKNOWN},
    )
    text = TextField(
        label=gettext_lazy("出品者へのコメント"),
        help_text=gettext_lazy("500文字まで。"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": gettext_lazy("コメントは500文字以内で入力してください。")},
    )

    def __init__(self, *args, reasons: Sequence, **kwargs):
        super().__init__(*args, **kwargs)
        self.labels = offer(choice(self, "reason"), reasons)

    @property
    def reason_label(self) -> str:
        """The words of the chosen reason, to be frozen with the request."""
        return self.labels[self.cleaned_data["reason"]]


class WithdrawForm(ActForm):
    """Take a request back: nothing to fill in."""


class CancelItemsForm(VersionedActForm):
    """Cancel items or units, as the seller: a number and a reason per item."""

    seller_memo = memo_field()
    confirmed = forms.CharField(required=False, max_length=2000)

    def __init__(self, *args, lines: Sequence, preset: Mapping[int, int] | None = None, **kwargs):
        """`preset` are the units that an open request covers; they come with its reason."""
        super().__init__(*args, **kwargs)
        self.lines = list(lines)
        for line in self.lines:
            chosen = (preset or {}).get(line.pk, 0)
            self.fields[f"quantity-{line.item_id}"] = forms.IntegerField(
                label=_("キャンセルする数量"),
                min_value=0,
                max_value=line.quantity_open,
                required=False,
                initial=chosen,
                widget=forms.Select(
                    choices=[(number, number) for number in range(line.quantity_open + 1)],
                    attrs={"class": "form-select"},
                ),
                error_messages={
                    "invalid": _("数量を選択してください。"),
                    "max_value": _("残りの数量を超えています。数量を選び直してください。"),
                },
            )
            self.fields[f"reason-{line.item_id}"] = forms.ChoiceField(
                label=_("キャンセルの理由"),
                choices=[CHOOSE, *wording.reasons(policy.SELLER_REASONS)],
                required=False,
                initial=Reason.BUYER_CANCELED.value if chosen else "",
                widget=forms.Select(attrs={"class": "form-select"}),
                error_messages={"invalid_choice": REASON_UNKNOWN},
            )

    def rows(self):
        """Each item with its number and its reason, for the page."""
        return [(line, self[f"quantity-{line.item_id}"], self[f"reason-{line.item_id}"]) for line in self.lines]

    def clean(self):
        """Ask for a reason wherever units are cancelled, and for at least one unit."""
        cleaned = super().clean()
        chosen = [line for line in self.lines if cleaned.get(f"quantity-{line.item_id}")]
        for line in chosen:
            name = f"reason-{line.item_id}"
            if not cleaned.get(name) and name not in self.errors:
                self.add_error(name, REASON_MISSING)
        if self.lines and not chosen and not self.errors:
            self.add_error(f"quantity-{self.lines[0].item_id}", _("キャンセルする数量を選択してください。"))
        return cleaned

    @property
    def units_by_reason(self) -> dict[Reason, dict[int, int]]:
        """The chosen units, grouped by reason."""
        grouped: dict[Reason, dict[int, int]] = {}
        for line in self.lines:
            if quantity := self.cleaned_data.get(f"quantity-{line.item_id}"):
                reason = Reason(self.cleaned_data[f"reason-{line.item_id}"])
                grouped.setdefault(reason, {})[line.pk] = quantity
        return grouped


class CancelSeveralForm(ActForm):
    """Cancel several whole orders, as the seller: a reason for each of these numbers, one note for all."""

    reason_for_all = forms.ChoiceField(
        label=gettext_lazy("すべての注文のキャンセルの理由"),
        required=False,
        error_messages={"invalid_choice": REASON_UNKNOWN},
    )
    seller_memo = memo_field()
    confirmed = forms.CharField(required=False, max_length=64)

    # More errors than this are said in one sentence.
    most_errors = 10

    def __init__(self, *args, numbers: Sequence[str], **kwargs):
        super().__init__(*args, **kwargs)
        self.numbers = list(numbers)
        self.choices = [CHOOSE, *wording.reasons(policy.SELLER_REASONS)]
        choice(self, "reason_for_all").choices = self.choices
        for number in self.numbers:
            self.fields[f"reason-{number}"] = forms.ChoiceField(
                choices=self.choices,
                error_messages={
                    "required": _("注文 %(number)s のキャンセルの理由を選択してください。") % {"number": number},
                    "invalid_choice": REASON_UNKNOWN,
                },
            )
            self.fields[f"version-{number}"] = forms.IntegerField(
                min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput
            )

    def clean(self):
        """Say in one sentence what a page without its hidden fields lacks, or that many reasons are missing."""
        cleaned = super().clean()
        if stale := [name for name in self.errors if name.startswith("version-")]:
            for name in stale:
                del self.errors[name]
            self.add_error(None, STALE_PAGE)
        without = [name for name in self.errors if name.startswith("reason-")]
        if len(without) > self.most_errors:
            for name in without:
                del self.errors[name]
            self.add_error(
                "reason_for_all",
                ngettext(
                    "キャンセルの理由が選択されていない注文が%(n)d件あります。",
                    "キャンセルの理由が選択されていない注文が%(n)d件あります。",
                    len(without),
                )
                % {"n": len(without)},
            )
        return cleaned

    @property
    def asked(self) -> dict[str, tuple[Reason, int]]:
        """By number: the reason, and the version of the order that the person saw."""
        return {
            number: (Reason(self.cleaned_data[f"reason-{number}"]), self.cleaned_data[f"version-{number}"])
            for number in self.numbers
        }


class DeclineForm(VersionedActForm):
    """Answer a request with no, as the seller."""

    reason = forms.ChoiceField(
        label=gettext_lazy("断る理由"),
        error_messages={
            "required": gettext_lazy("断る理由を選択してください。"),
            "invalid_choice": REASON_UNKNOWN,
        },
    )
    tracking = LineField(
        label=gettext_lazy("お問い合わせ番号"),
        help_text=gettext_lazy("商品が手元を離れている場合に入力してください。購入者へお知らせします。"),
        max_length=60,
        required=False,
        error_messages={"max_length": gettext_lazy("お問い合わせ番号は60文字以内で入力してください。")},
    )
    text = TextField(
        label=gettext_lazy("購入者への説明"),
        help_text=gettext_lazy(
            "理由が「その他」の場合は必ず入力してください。500文字まで。"
            "理由が「すでに発送した」で、続けて出荷通知を送信する場合は送られません。"
        ),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": gettext_lazy("説明は500文字以内で入力してください。")},
    )

    def __init__(self, *args, may_ship: bool, **kwargs):
        """`may_ship` says that the order can be confirmed as shipped: that is where the first reason leads."""
        super().__init__(*args, **kwargs)
        reason = choice(self, "reason")
        reason.choices = [CHOOSE, *DECLINE_REASONS]
        if may_ship:
            reason.help_text = _(
                "「すでに発送した」を選択すると、出荷通知の送信に進みます。お問い合わせ番号は出荷通知に引き継がれます。"
            )

    @property
    def says_already_shipped(self) -> bool:
        """Whether the goods have left: that is said by a shipment confirmation."""
        return self.cleaned_data["reason"] == policy.DeclineReason.ALREADY_SHIPPED

    def clean(self):
        """「その他」 must be explained."""
        cleaned = super().clean()
        if cleaned.get("reason") == policy.DeclineReason.OTHER and not cleaned.get("text"):
            self.add_error("text", _("理由が「その他」の場合は、購入者への説明を入力してください。"))
        return cleaned


class ShopRulesForm(forms.Form):
    """What a shop lets happen without its people: a longer direct window, requests approved by themselves."""

    direct_cancel_minutes = forms.TypedChoiceField(
        label=gettext_lazy("購入者が自分でキャンセルできる時間"),
        help_text=gettext_lazy(
            "ご注文からこの時間内は、購入者が承認なしでキャンセルできます。出荷した商品は除きます。"
        ),
        coerce=int,
        error_messages={
            "required": gettext_lazy("時間を選択してください。"),
            "invalid_choice": gettext_lazy("時間を選択してください。"),
        },
    )
    approves = forms.BooleanField(
        label=gettext_lazy("条件に合うキャンセルリクエストを自動で承認する"), required=False
    )
    reasons = forms.MultipleChoiceField(
        label=gettext_lazy("自動承認する理由"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": REASON_UNKNOWN},
    )
    max_amount = MoneyField(
        label=gettext_lazy("注文金額の上限（円）"),
        help_text=gettext_lazy("空欄にすると、金額にかかわらず承認します。"),
        required=False,
        min_value=1,
        max_digits=10,
        decimal_places=0,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "narrow"}),
        error_messages={
            "invalid": gettext_lazy("上限を、1以上の数字で入力してください。"),
            "min_value": gettext_lazy("上限を、1以上の数字で入力してください。"),
            "max_digits": gettext_lazy("上限を、1以上の数字で入力してください。"),
            "max_whole_digits": gettext_lazy("上限を、1以上の数字で入力してください。"),
            "max_decimal_places": gettext_lazy("上限を、1以上の数字で入力してください。"),
        },
    )
    max_hours = forms.IntegerField(
        label=gettext_lazy("ご注文からの時間（時間）"),
        help_text=gettext_lazy("この時間内のリクエストだけを承認します。空欄にすると、いつでも承認します。"),
        required=False,
        min_value=1,
        max_value=720,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "narrow"}),
        error_messages={
            "invalid": gettext_lazy("時間を、1から720までの数字で入力してください。"),
            "min_value": gettext_lazy("時間を、1から720までの数字で入力してください。"),
            "max_value": gettext_lazy("時間を、1から720までの数字で入力してください。"),
        },
    )
    only_before_slip = forms.BooleanField(
        label=gettext_lazy("納品書を印刷する前のリクエストに限る"), required=False
    )

    def __init__(self, sent, *, rules: policy.ShopRules, usual_minutes: int, reasons: Sequence):
        """`sent` is what the page sent, if it did; `rules` are what holds now, `usual_minutes` the policy's window,
        `reasons` the buyer's list.
        """
        initial = {
            "direct_cancel_minutes": rules.direct_cancel_minutes,
            "approves": rules.approves,
            "reasons": sorted(rules.reasons),
            "max_amount": rules.max_amount and f"{rules.max_amount:.0f}",
            "max_hours": rules.max_hours,
            "only_before_slip": rules.only_before_slip,
        }
        super().__init__(sent, initial=initial)
        usual = _("標準（%(span)s）") % {"span": wording.span(usual_minutes)}
        longer = {minutes for minutes in (*LONGER_WINDOWS, rules.direct_cancel_minutes) if minutes > usual_minutes}
        choice(self, "direct_cancel_minutes").choices = [
            (0, usual),
            *((minutes, wording.span(minutes)) for minutes in sorted(longer)),
        ]
        choice(self, "reasons").choices = [*offer(choice(self, "reasons"), reasons).items()]

    def clean(self):
        """What approves by itself must say for which reasons."""
        super().clean()
        chosen = self.cleaned_data
        if chosen.get("approves") and not chosen.get("reasons") and "reasons" not in self.errors:
            self.add_error("reasons", _("自動承認する理由を、1つ以上選択してください。"))
        return chosen

    @property
    def rules(self) -> policy.ShopRules:
        """The rules that were chosen."""
        chosen = self.cleaned_data
        return policy.ShopRules(**{**chosen, "reasons": frozenset(chosen["reasons"])})
