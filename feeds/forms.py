"""The form of ファイルのアップロード."""

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from events.forms import ActForm

from .actions import LARGEST_FEED
from .parsers import Kind
from .wording import KINDS


class UploadForm(ActForm):
    """What the file asks for, the file, and whether it is only tried."""

    kind = forms.TypedChoiceField(
        label=_("種類"),
        choices=KINDS,
        coerce=Kind,
        error_messages={
            "required": _("種類を選択してください。"),
            "invalid_choice": _("種類を選択してください。"),
        },
    )
    file = forms.FileField(
        label=_("ファイル"),
        help_text=_(
            "タブ区切りまたはXML、10 MB・10,000行まで。タブ区切りはUTF-8またはShift_JIS（CP932）、XMLはUTF-8。"
        ),
        allow_empty_file=True,
        error_messages={
            "required": _("ファイルを選択してください。"),
            "missing": _("ファイルを選択してください。"),
            "invalid": _("ファイルを選択してください。"),
        },
    )
    dry_run = forms.BooleanField(label=_("試験実行（何も変更せずに結果だけを確認）"), required=False)

    def clean_file(self) -> UploadedFile:
        """A feed has a size."""
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FEED:
            raise forms.ValidationError(_("ファイルは10 MB以内にしてください。"), code="too_large")
        return file
