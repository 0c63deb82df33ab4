"""The form of a message."""

from django import forms
from django.utils.translation import gettext_lazy as _

from cancellations.forms import CHOOSE, choice
from events.forms import ActForm, TextField

from .rules import LONGEST_TEXT, Topic
from .wording import topics


class MessageForm(ActForm):
    """What is said, and what it is about."""

    topic = forms.ChoiceField(
        label=_("件名"),
        error_messages={
            "required": _("件名を選択してください。"),
            "invalid_choice": _("件名を選択してください。"),
        },
    )
    text = TextField(
        label=_("本文"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={
            "required": _("本文を入力してください。"),
            "max_length": _("本文は2,000文字以内で入力してください。"),
        },
    )
    confirmed = forms.CharField(required=False, max_length=20)

    def __init__(self, *args, of_seller: bool, **kwargs):
        super().__init__(*args, **kwargs)
        choice(self, "topic").choices = [CHOOSE, *topics(of_seller=of_seller)]

    @property
    def topic_chosen(self) -> Topic:
        """What it is about."""
        return Topic(self.cleaned_data["topic"])
