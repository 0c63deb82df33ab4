"""What an OWNER says of a webhook (domain 14.9)."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.forms import own_password_field
from events.forms import LineField

from .rules import LONGEST_ADDRESS, Topic
from .wording import TOPICS


class TopicsForm(forms.Form):
    """What a webhook is told of."""

    topics = forms.TypedMultipleChoiceField(
        label=_("通知の種類"),
        coerce=Topic,
        choices=TOPICS,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("通知の種類を1つ以上選択してください。")},
    )


class WebhookForm(TopicsForm):
    """A new webhook, with the OWNER's own password again (reliability S-16)."""

    name = LineField(
        label=_("名前"),
        max_length=100,
        help_text=_("例：在庫管理システム"),
        error_messages={"required": _("名前を入力してください。")},
    )
    address = LineField(
        label="URL",
        max_length=LONGEST_ADDRESS,
        help_text=_("https://で始まる、インターネットに公開されたアドレス。"),
        widget=forms.URLInput(attrs={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": _("URLを入力してください。")},
    )
    own_password = own_password_field(required=True)
    field_order = ["name", "address", "topics", "own_password"]

    def refuse_address(self) -> None:
        """Say that messages cannot go to the address."""
        words = _(
            "このURLには送信できません。https://で始まり、インターネットに公開されたサーバーの名前（IPアドレスやポート番号を除く）を入力してください。"
        )
        self.add_error("address", ValidationError(words, code="unusable"))


class SecretForm(forms.Form):
    """The OWNER's own password, before a new secret is shown."""

    own_password = own_password_field(required=True)
