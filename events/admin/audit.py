"""The audit log in the admin: acts, columns and values in words, in the reader's language."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, DateField, DateTimeField, Field, Model, Q
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import ReadOnlyAdmin
from accounts.queries import people_named
from events.models import AuditEntry
from events.queries import former_names
from sellercentral.templatetags.portal import jst, jst_day

ACTS = {
    "accounts.user.added": _("人を追加しました"),
    "accounts.user.changed": _("人の情報を変更しました"),
    "accounts.user.password_set": _("パスワードを設定しました"),
    "accounts.user.second_factor_reset": _("二段階認証をリセットしました"),
    "accounts.seller.added": _("店舗を追加しました"),
    "accounts.seller.changed": _("店舗の情報を変更しました"),
    "person.password_changed": _("自分のパスワードを変更しました"),
    "person.password_reset": _("自分のパスワードをメールのリンクで設定しました"),
    "person.second_factor_set_up": _("自分の二段階認証を設定しました"),
    "person.recovery_codes_renewed": _("自分の回復コードを新しくしました"),
    "shop.role_changed": _("店舗での役割を変更しました"),
    "application.registered": _("開発者を登録しました"),
    "application.approved": _("開発者の登録を承認しました"),
    "application.rejected": _("開発者の登録を却下しました"),
    "application.closed": _("開発者の登録を終了しました"),
    "application.keys_issued": _("キーを発行しました"),
    "application.keys_revoked": _("キーを無効にしました"),
    "application.redirects_set": _("リダイレクトURIを変更しました"),
    "application.consented": _("ソフトウェアの接続を許可しました"),
    "webhook.added": _("Webhookを登録しました"),
    "webhook.changed": _("Webhookの通知の種類を変更しました"),
    "webhook.secret_renewed": _("Webhookの署名の秘密キーを新しくしました"),
    "webhook.message_renewed": _("Webhookの通知をもう一度送信しました"),
    "webhook.ended": _("Webhookを終了しました"),
    "shop_rules.changed": _("店舗のキャンセルのルールを変更しました"),
    "report_columns.changed": _("注文レポートの項目を変更しました"),
    "cancellations.buyerreason.added": _("購入者の理由を追加しました"),
    "cancellations.buyerreason.changed": _("購入者の理由を変更しました"),
    "cancellations.policyversion.added": _("ポリシーの新しい版を追加しました"),
    "order.verify-payment": _("お支払いを確認済みにしました"),
    "order.hold": _("注文を保留にしました"),
    "order.release": _("注文の保留を解除しました"),
    "order.ship-by": _("出荷予定日を設定しました"),
    "order.cancel-for-buyer": _("購入者に代わってキャンセルしました"),
    "order.cancel-for-seller": _("出品者に代わってキャンセルしました"),
    "order.cancel-unpaid": _("お支払いの確認に失敗したためキャンセルしました"),
    "order.cancel-fraud": _("不正行為のためキャンセルしました"),
    "order.cancel-other": _("運営上の理由でキャンセルしました"),
    "order.recipient_read": _("お届け先を表示しました"),
    "cancellations.closure.added": _("休業日を追加しました"),
    "cancellations.closure.changed": _("休業日を変更しました"),
    "dispute.granted": _("申し立てを承認しました"),
    "dispute.rejected": _("申し立てを却下しました"),
    "import.started": _("注文ファイルの取り込みを開始しました"),
    "deliveries.retried": _("失敗した配信をもう一度送信しました"),
    "mail_text.set": _("メールの文面を変更しました"),
    "mail_text.reset": _("メールの文面を元に戻しました"),
}
# Whose columns an act's values are, by how its code begins.
TABLES = {
    "accounts.user": "accounts.User",
    "accounts.seller": "accounts.Seller",
    "cancellations.buyerreason": "cancellations.BuyerReason",
    "cancellations.closure": "cancellations.Closure",
    "cancellations.policyversion": "cancellations.PolicyVersion",
    "application": "accounts.Application",
    "mail_text": "events.MailText",
    "order": "orders.Order",
    "shop": "accounts.Membership",
    "shop_rules": "cancellations.SellerRules",
    "webhook": "spapi.Destination",
}
# What is no column.
NAMES = {
    "open_units": _("残りの数量"),
    "reason": _("キャンセルの理由"),
    "counted": _("キャンセル率に含める"),
    "file": _("ファイル名"),
    "import": _("取り込み"),
    "deliveries": _("配信"),
    "count": _("件数"),
    "access_key": _("アクセスキーID"),
    "scopes": _("許可する操作"),
    "days": _("有効期間（日）"),
    "keys_revoked": _("無効になったキー"),
    "topics": _("通知の種類"),
}


# How a role's own name in the log begins; the person and the shop follow (accounts.roles).
ROLE = "role "


def facts_in_words(entry: AuditEntry) -> Iterator[tuple[str, str, str]]:
    """All that was noted: the column's name, its value before, its value after."""
    names = [*entry.before, *(name for name in entry.after if name not in entry.before)]
    for name in names:
        column = _column(entry.act, name)
        words = NAMES.get(name) or (column.verbose_name if column else name)
        if name.startswith(ROLE):
            words = _("役割（%(whose)s）") % {"whose": name.removeprefix(ROLE)}
        yield str(words), _value(column, entry.before.get(name)), _value(column, entry.after.get(name))


def _column(act: str, name: str) -> Field | None:
    if name.startswith(ROLE):
        return _column("shop.role_changed", "role")
    if act.startswith("order.") and name in {"reason", "counted"}:
        return apps.get_model("cancellations.Cancellation")._meta.get_field(name)  # type: ignore[return-value]
    table = TABLES.get(act.rpartition(".")[0])
    if table is None:
        return None
    try:
        found = apps.get_model(table)._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return found if isinstance(found, Field) else None


def _value(column: Field | None, value: Any) -> str:
    """A value as people read it; columns keep codes, the log keeps what a form showed."""
    if value in (None, "", []):
        return "—"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    if isinstance(column, BooleanField):
        return gettext("はい") if str(value) == "True" else gettext("いいえ")
    if isinstance(column, DateField):  # moments, too
        try:
            kept = datetime.fromisoformat(str(value))
        except ValueError:
            return str(value)
        return jst(kept) if isinstance(column, DateTimeField) else jst_day(kept.date())
    return str(dict(column.flatchoices).get(value, value)) if column else str(value)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what when, from where, with what before and after; found by subject or by person (domain 16)."""

    list_display = ["happened_at", "actor_name", "what", "subject", "reason", "changes", "address"]
    search_fields = ["subject"]
    search_help_text = _("対象（注文番号、メールアドレス、出品者IDなど）、または操作した人のメールアドレス")
    ordering = ["-id"]
    fields = ["happened_at", "actor_name", "user", "address", "what", "code", "subject", "reason", "facts"]
    readonly_fields = ["what", "code", "facts"]

    def called(self, row: Model) -> str:
        """What was done, to what."""
        entry = cast(AuditEntry, row)
        return f"{self.what(entry)} {entry.subject}".strip()

    def get_search_results(self, request, queryset, search_term):
        """By subject under all of its names, and by the person if it is somebody's address, each by its index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        about = Q(subject__in=former_names(term))
        if "@" in term:
            about |= Q(user_id__in=people_named(term, limit=1))
        return queryset.filter(about), False

    @admin.display(description=_("操作"))
    def what(self, entry: AuditEntry) -> str:
        return str(ACTS.get(entry.act, entry.act))

    @admin.display(description=_("変更前 → 変更後"))
    def changes(self, entry: AuditEntry) -> str:
        """What differs, one line for each value."""
        differing = (fact for fact in facts_in_words(entry) if fact[1] != fact[2])
        return format_html_join(mark_safe("<br>"), "{}: {} → {}", differing) or "—"

    @admin.display(description=_("変更前 → 変更後"))
    def facts(self, entry: AuditEntry) -> str:
        """All that was noted, also what stayed as it was."""
        lines = (
            (f"{name}: {before} → {after}" if before != after else f"{name}: {after}",)
            for name, before, after in facts_in_words(entry)
        )
        return format_html_join(mark_safe("<br>"), "{}", lines) or "—"

    @admin.display(description=_("操作コード"))
    def code(self, entry: AuditEntry) -> str:
        return entry.act
