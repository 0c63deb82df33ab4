"""Mails in the admin: those that left, and the operators' own texts."""

import re

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.access import operator_of
from accounts.actors import Actor
from accounts.admin import ReadOnlyAdmin
from accounts.duties import Duty
from events.actions import reset_mail_text, set_mail_text
from events.forms import MailTextForm
from events.models import MailText, SentMail
from events.queries import mail_text, mail_texts
from events.wording import LANGUAGES, MAILS, UnusableText
from orders.mails import preview, shipped_text

# A stored mail has styles of its own: it is shown apart, and may load and run nothing (reliability S-30).
BODY = re.compile(r"<body[^>]*>")
MAIL_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"


class MailInWords:
    """A mail's number and title as operators read them."""

    @admin.display(description=_("メール"))
    def kind(self, sent: SentMail) -> str:
        kind = MAILS.get(sent.mail)
        return f"{kind.number} {kind.title}" if kind else sent.mail


@admin.register(SentMail)
class SentMailAdmin(MailInWords, ReadOnlyAdmin):
    """Mails that left, as they left. In the demo they end here."""

    list_display = ["sent_at", "kind", "address", "subject", "order"]
    search_fields = ["order"]
    search_help_text = _(
        "注文番号（17桁すべて。ハイフンはなくてもかまいません）、または宛先のメールアドレスのすべて"
    )
    list_select_related = ["order"]
    ordering = ["-id"]
    fields = ["subject", "address", "sent_at", "kind", "order", "language", "message_id", "as_sent", "text"]
    readonly_fields = ["as_sent", "kind"]

    def get_search_results(self, request, queryset, search_term):
        """By the order's number or the whole address, each by its index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        by = {"address": term.lower()} if "@" in term else {"order__number": term}
        return queryset.filter(**by), False

    @admin.display(description="HTML")
    def as_sent(self, mail: SentMail) -> str:
        address = reverse("admin:events_sentmail_html", args=[mail.pk])
        label = _("メールを別のタブで開く")
        return format_html('<a href="{}" target="_blank" rel="noopener">{}</a>', address, label)

    def get_urls(self):
        html = path("<int:mail_id>/html/", self.admin_site.admin_view(self.html), name="events_sentmail_html")
        return [html, *super().get_urls()]

    def html(self, request: HttpRequest, mail_id: int) -> HttpResponse:
        """The mail's HTML, alone in its tab."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        mail = self.get_object(request, str(mail_id))
        if mail is None:
            raise Http404
        response = HttpResponse(mail.html)
        response["Content-Security-Policy"] = MAIL_CSP
        return response


# --- the texts of the mails -------------------------------------------------------------------------------


@admin.register(MailText)
class MailTextAdmin(ReadOnlyAdmin):
    """Subject and first paragraph of each mail and language, as shipped or in the operator's words (domain 18)."""

    duty = Duty.POLICY

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("<str:mail>/<str:language>/edit/", view(self.edit), name="events_mailtext_edit"),
            path("<str:mail>/<str:language>/preview/", view(self.preview), name="events_mailtext_preview"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        """Every mail in every language, and whether it was rewritten."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        own = mail_texts()
        rows = [
            {"mail": mail, "kind": kind, "language": code, "name": name, "own": own.get((mail, code))}
            for mail, kind in MAILS.items()
            for code, name in LANGUAGES.items()
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": _("メールの文面"),
            "opts": self.opts,
            "rows": rows,
            "may_write": self.has_duty(request),
        }
        return TemplateResponse(request, "admin/events/mailtext/list.html", context)

    def edit(self, request: HttpRequest, mail: str, language: str) -> HttpResponse:
        """Write a mail's text, or go back to the shipped one."""
        by = self._writer(request, mail, language)
        own = mail_text(mail, language)
        subject, lead = (own.subject, own.lead) if own else shipped_text(mail, language=language)
        if request.method != "POST":
            form = MailTextForm(mail=mail, initial={"subject": subject, "lead": lead})
            return self._form(request, form, mail, language)
        now, address = timezone.now(), request.META["REMOTE_ADDR"]
        is_unread = request.POST.get("seen") != _as_seen(own)
        if "reset" in request.POST and not is_unread:
            reset_mail_text(mail=mail, language=language, by=by, now=now, address=address)
            self.message_user(request, _("はじめから用意されている文面に戻しました。"), messages.SUCCESS)
            return redirect("admin:events_mailtext_changelist")
        form = MailTextForm(request.POST, mail=mail)
        if is_unread:
            form.add_error(
                None, _("この文面は、画面を開いたあとに変更されました。内容を確かめて、もう一度保存してください。")
            )
        if not form.is_valid():
            return self._form(request, form, mail, language)
        subject, lead = self._own_words(form, mail, language)
        if (subject, lead) == (shipped_text(mail, language=language)[0], ""):
            reset_mail_text(mail=mail, language=language, by=by, now=now, address=address)
        else:
            set_mail_text(
                mail=mail, language=language, subject=subject, lead=lead, by=by, now=now, address=address
            )
        self.message_user(request, _("メールの文面を保存しました。"), messages.SUCCESS)
        return redirect("admin:events_mailtext_changelist")

    def _own_words(self, form: MailTextForm, mail: str, language: str) -> tuple[str, str]:
        """What was written; a first paragraph left as shipped goes on following the shipped one."""
        _subject, shipped_lead = shipped_text(mail, language=language)
        lead = form.cleaned_data["lead"]
        return form.cleaned_data["subject"], "" if lead == shipped_lead else lead

    def preview(self, request: HttpRequest, mail: str, language: str) -> HttpResponse:
        """The mail with invented facts, alone in its tab; what is being written if that is sent along."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        _require_mail(mail, language)
        own = mail_text(mail, language)
        subject, lead = (own.subject, own.lead) if own else ("", "")
        if request.method == "POST":
            self._writer(request, mail, language)
            form = MailTextForm(request.POST, mail=mail)
            if not form.is_valid():
                return self._form(request, form, mail, language)
            subject, lead = self._own_words(form, mail, language)
        try:
            written = preview(mail, language=language, subject=subject, lead=lead, now=timezone.now())
        except UnusableText:
            written = preview(mail, language=language, subject="", lead="", now=timezone.now())
        subject_line = format_html("<p>{}{}<b>{}</b></p>", _("件名"), _("："), written.subject)
        response = HttpResponse(BODY.sub(lambda body: f"{body[0]}{subject_line}", written.html, count=1))
        response["Content-Security-Policy"] = MAIL_CSP
        return response

    def _writer(self, request: HttpRequest, mail: str, language: str) -> Actor:
        """Whoever writes here.

        Raises PermissionDenied for anybody who may not, Http404 for a mail or language that there is not.
        """
        by = operator_of(request, duty=Duty.POLICY)
        _require_mail(mail, language)
        return by

    def _form(self, request: HttpRequest, form: MailTextForm, mail: str, language: str) -> HttpResponse:
        kind, own = MAILS[mail], mail_text(mail, language)
        shipped_subject, shipped_lead = shipped_text(mail, language=language)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{kind.number} {kind.title}",
            "opts": self.opts,
            "form": form,
            "mail": mail,
            "kind": kind,
            "language": language,
            "language_name": LANGUAGES[language],
            "placeholders": [f"{{{name}}}" for name in sorted(kind.placeholders)],
            "shipped_subject": shipped_subject,
            "shipped_lead": shipped_lead,
            "own": own,
            "seen": _as_seen(own),
        }
        return TemplateResponse(request, "admin/events/mailtext/edit.html", context)


def _as_seen(own: MailText | None) -> str:
    """Which text a page was opened with: one that was changed since is not written over unread."""
    return own.changed_at.isoformat() if own else "shipped"


def _require_mail(mail: str, language: str) -> None:
    """Raises Http404 for a mail or language that there is not."""
    if mail not in MAILS or language not in LANGUAGES:
        raise Http404
