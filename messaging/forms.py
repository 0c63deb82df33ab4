"""The form of a message, with its files."""

from collections.abc import Sequence
from typing import Protocol, cast

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from events.forms import CHOOSE, ActForm, TextField, choice

from .files import ENDINGS, MOST_FILES, File, examine_all
from .rules import LONGEST_TEXT, Topic
from .wording import topics, why_not_kept


class Waiting(Protocol):
    """A file that was added before its message is sent."""

    pk: int
    name: str


class _SeveralFiles(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Files of one message, as they came; the form looks into them."""

    widget = _SeveralFiles(attrs={"accept": ",".join(end for ends in ENDINGS.values() for end in ends)})

    def clean(self, data, initial=None) -> list[UploadedFile]:
        """All that were chosen."""
        return list(data or [])


def keepable(sent: Sequence[UploadedFile], taken: list[File], *, room: int) -> list[File]:
    """The files that may be kept, added to `taken`.

    Raises ValidationError, one sentence for each that may not; `taken` has the others all the same.
    """
    found, refused = examine_all(sent, room=room)
    taken.extend(found)
    if refused:
        raise ValidationError([ValidationError(why_not_kept(bad), code=bad.refusal) for bad in refused])
    return taken


class MessageForm(ActForm):
    """What is said, what it is about, and what goes with it.

    `waiting` are the files that this person added before; `taken` has those that came now and may be kept, also if
    others may not.
    """

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
    kept = forms.TypedMultipleChoiceField(
        label=_("追加済みの添付ファイル"),
        help_text=_("送信しないファイルは、チェックを外してください。"),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "invalid_choice": _("添付ファイルが見つかりません。もう一度ファイルを選択してください。"),
        },
    )
    attachments = FilesField(
        label=_("添付ファイル"),
        required=False,
        help_text=_("JPEG、PNG、WebPの画像とPDF。1つ5 MBまで、1通に5つまで。"),
    )
    confirmed = forms.CharField(required=False, max_length=64)

    def __init__(self, *args, of_seller: bool, waiting: Sequence[Waiting] = (), **kwargs):
        super().__init__(*args, **kwargs)
        choice(self, "topic").choices = [CHOOSE, *topics(of_seller=of_seller)]
        self.taken: list[File] = []
        self.show_waiting(waiting)

    def show_waiting(self, waiting: Sequence[Waiting], *, all_chosen: bool = False) -> None:
        """Offer files that were added before; where the form is shown again, with all of them chosen."""
        choice(self, "kept").choices = [(file.pk, file.name) for file in waiting]
        if all_chosen:
            sent = cast(QueryDict, self.data).copy()
            sent.setlist("kept", [f"{file.pk}" for file in waiting])
            self.data = sent

    def clean_attachments(self) -> list[File]:
        """Look into each file; those that may be kept are in `taken` whatever the others are."""
        self.taken = keepable(self.cleaned_data["attachments"], self.taken, room=MOST_FILES - len(self.kept_known))
        return self.taken

    @property
    def topic_chosen(self) -> Topic:
        """What it is about."""
        return Topic(self.cleaned_data["topic"])

    @property
    def kept_known(self) -> list[int]:
        """Those of the chosen keys that wait, also if others that were chosen do not any more."""
        waiting = [key for key, _ in cast(list[tuple[int, str]], choice(self, "kept").choices)]
        sent = cast(QueryDict, self.data).getlist("kept")
        return [key for key in waiting if f"{key}" in sent]

    @property
    def kept_chosen(self) -> tuple[int, ...]:
        """The keys of the files that were added before and go with it."""
        return tuple(cast(list[int], self.cleaned_data.get("kept", [])))
