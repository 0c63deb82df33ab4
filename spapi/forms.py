"""What an OWNER says of a webhook (domain 14.9)."""

from django import forms
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

from accounts.forms import own_password_field
from accounts.rules import plain_address
from events.forms import STALE_PAGE, LineField

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
        # No end in the browser, which would cut off what is pasted.
        validators=[MaxLengthValidator(LONGEST_ADDRESS)],
        help_text=_("https://で始まる、インターネットに公開されたアドレス。"),
        widget=forms.URLInput(attrs={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": _("URLを入力してください。")},
    )
    own_password = own_password_field(required=True)
    field_order = ["name", "address", "topics", "own_password"]

    def clean_address(self) -> str:
        """The URL, its scheme and host in small letters."""
        return plain_address(self.cleaned_data["address"])


class SecretForm(forms.Form):
    """The OWNER's own password, before a new secret is shown; `seen` is the present one's mark."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64, error_messages={"required": STALE_PAGE})
    own_password = own_password_field(required=True)
