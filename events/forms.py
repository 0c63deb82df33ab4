"""The shape of every act that a page sends: sent once, and about the state that the person saw."""

from django import forms
from django.utils.translation import gettext_lazy as _

STALE_PAGE = _("この画面の内容では送信できません。画面を開き直してから、もう一度お試しください。")


class ActForm(forms.Form):
    """An act, with its key against being done twice."""

    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def clean(self):
        """Say in one sentence what a page without its hidden fields lacks."""
        cleaned = super().clean()
        hidden = [name for name in ("key", "expected_version") if name in self.errors]
        if hidden:
            for name in hidden:
                del self.errors[name]
            self.add_error(None, STALE_PAGE)
        return cleaned

    @property
    def content(self) -> dict:
        """What is sent, without the key: the same key must come with the same content."""
        return {name: value for name, value in self.cleaned_data.items() if name != "key"}


class VersionedActForm(ActForm):
    """An act on an order as the person saw it: refused if the order changed in between (D-11)."""

    expected_version = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)
