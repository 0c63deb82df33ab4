"""Files in: the document as it was sent, the feed that it is, and the answer to each of its lines."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Seller
from orders.models import Order

from . import parsers


class FeedDocument(models.Model):
    """The bytes of a feed, in the store under a name of our own; the row stays when they are forgotten."""

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    name = models.CharField(_("保存名"), max_length=100, unique=True)
    file_name = models.CharField(_("ファイル名"), max_length=255)
    # Software asks for a place first and puts its bytes there later; until then there are none.
    size = models.PositiveIntegerField(_("サイズ"), default=0)
    sha256 = models.CharField(_("ハッシュ"), max_length=64, blank=True)
    content_type = models.CharField(_("形式"), max_length=100, blank=True)
    created_at = models.DateTimeField(_("作成日時"))
    uploaded_at = models.DateTimeField(_("受け取り日時"), null=True)
    forgotten_at = models.DateTimeField(_("削除日時"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("フィードのファイル")
        indexes = [
            models.Index(fields=["created_at"], name="documents_by_age"),
            models.Index(fields=["seller", "sha256"], name="documents_of_same_bytes"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(uploaded_at__isnull=True, sha256="") | (Q(uploaded_at__isnull=False) & ~Q(sha256="")),
                name="document_has_bytes_exactly_when_it_was_uploaded",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def key(self) -> str:
        """The part of its name that nobody can guess."""
        return self.name.rpartition("/")[2]


class Feed(models.Model):
    """One feed: what it asks for, how far it has come, and its answers added up (domain 14.5)."""

    class Kind(models.TextChoices):
        CANCELLATION = parsers.Kind.CANCELLATION.value, _("注文キャンセルフィード")
        ADJUSTMENT = parsers.Kind.ADJUSTMENT.value, _("注文修正フィード")
        SHIPMENT = parsers.Kind.SHIPMENT.value, _("出荷通知フィード")

    class State(models.TextChoices):
        IN_QUEUE = "IN_QUEUE", _("待機中")
        IN_PROGRESS = "IN_PROGRESS", _("処理中")
        DONE = "DONE", _("処理済み")
        FATAL = "FATAL", _("読み取り不可")
        CANCELLED = "CANCELLED", _("取り消し")

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    document = models.OneToOneField(FeedDocument, models.PROTECT, related_name="feed", verbose_name=_("ファイル"))
    kind = models.CharField(_("種類"), max_length=20, choices=Kind)
    is_dry_run = models.BooleanField(_("試験実行"), default=False)
    state = models.CharField(_("状態"), max_length=12, choices=State, default=State.IN_QUEUE)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, verbose_name=_("人")
    )
    submitted_at = models.DateTimeField(_("受付日時"))
    started_at = models.DateTimeField(_("開始日時"), null=True)
    finished_at = models.DateTimeField(_("終了日時"), null=True)
    is_xml = models.BooleanField("XML", default=False)
    encoding = models.CharField(_("文字コード"), max_length=20, blank=True)
    ignored = models.CharField(_("読み飛ばした列"), max_length=300, blank=True)
    error_code = models.CharField(_("エラーコード"), max_length=40, blank=True)
    error_facts = models.JSONField(_("エラーの内容"), default=dict, blank=True)
    lines_read = models.PositiveIntegerField(_("読み取り"), default=0)
    lines_answered = models.PositiveIntegerField(_("回答済み"), default=0)
    lines_done = models.PositiveIntegerField(_("完了"), default=0)
    lines_unchanged = models.PositiveIntegerField(_("変更なし"), default=0)
    lines_warned = models.PositiveIntegerField(_("警告"), default=0)
    lines_refused = models.PositiveIntegerField(_("エラー"), default=0)
    orders_counted = models.PositiveIntegerField(_("キャンセル率に含まれる注文"), default=0)

    class Meta:
        verbose_name = verbose_name_plural = _("フィード")
        indexes = [
            models.Index(fields=["seller", "-id"], name="feeds_of_seller"),
            models.Index(
                fields=["seller", "id"], name="feeds_to_do", condition=Q(state__in=["IN_QUEUE", "IN_PROGRESS"])
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["DONE", "FATAL", "CANCELLED"], finished_at__isnull=False)
                | Q(state__in=["IN_QUEUE", "IN_PROGRESS"], finished_at__isnull=True),
                name="feed_finished_exactly_when_it_has_a_moment",
            ),
            models.CheckConstraint(
                condition=Q(
                    lines_answered=F("lines_done") + F("lines_unchanged") + F("lines_warned") + F("lines_refused")
                )
                & Q(lines_answered__lte=F("lines_read")),
                name="feed_answers_add_up",
            ),
            models.CheckConstraint(
                condition=~Q(state="DONE") | Q(lines_answered=F("lines_read")), name="feed_done_is_answered"
            ),
            models.CheckConstraint(
                condition=Q(state="FATAL") | Q(error_code=""), name="feed_has_an_error_only_if_fatal"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.receipt}"

    @property
    def receipt(self) -> str:
        """The number that a person quotes."""
        return f"F-{timezone.localtime(self.submitted_at):%Y%m%d}-{self.pk:04d}"


class LineResult(models.Model):
    """The answer to one line: what became of it, and the order as it stood afterwards."""

    class Result(models.TextChoices):
        DONE = "DONE", _("完了")
        NO_CHANGE = "NO_CHANGE", _("変更なし")
        WARNING = "WARNING", _("警告")
        ERROR = "ERROR", _("エラー")

    feed = models.ForeignKey(
        Feed, models.CASCADE, related_name="lines", db_index=False, verbose_name=_("フィード")
    )
    position = models.PositiveIntegerField(_("番号"))
    line_number = models.PositiveIntegerField(_("行"))
    # The message's own id in XML.
    record = models.CharField(_("メッセージ番号"), max_length=20, blank=True)
    order_number = models.CharField(_("注文番号"), max_length=60, blank=True)
    item_number = models.CharField(_("注文商品番号"), max_length=60, blank=True)
    result = models.CharField(_("結果"), max_length=10, choices=Result)
    code = models.CharField(_("コード"), max_length=40, blank=True)
    detail = models.CharField(_("詳細"), max_length=300, blank=True)
    status_after = models.CharField(_("処理後の状態"), max_length=20, choices=Order.Status, blank=True)
    counted = models.BooleanField(_("キャンセル率に含む"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("行の結果")
        indexes = [models.Index(fields=["feed", "result", "position"], name="line_results_by_result")]
        constraints = [models.UniqueConstraint(fields=["feed", "position"], name="one_result_per_line")]

    def __str__(self) -> str:
        return f"{self.line_number} {self.result} {self.code}".strip()
