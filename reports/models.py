"""Files out: an ordered report, its file, its timetable, and the columns that a shop has added."""

from datetime import timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Seller
from orders.models import Order

from . import rules


class Kinds(models.TextChoices):
    """What reports list, in the order of the form."""

    UNSHIPPED = rules.Kind.UNSHIPPED.value, _("未出荷の注文")
    ACTIONABLE = rules.Kind.ACTIONABLE.value, _("未出荷の注文（出荷期限つき）")
    UNSHIPPED_XML = rules.Kind.UNSHIPPED_XML.value, _("新しい注文（XML）")
    ALL_BY_ORDER_DATE = rules.Kind.ALL_BY_ORDER_DATE.value, _("すべての注文（注文日）")
    ALL_BY_LAST_UPDATE = rules.Kind.ALL_BY_LAST_UPDATE.value, _("すべての注文（最終更新日）")
    CANCELLATIONS = rules.Kind.CANCELLATIONS.value, _("キャンセルした商品")


class Encodings(models.TextChoices):
    """How a report may be written."""

    UTF_8 = rules.Encoding.UTF_8.value, "UTF-8"
    CP932 = rules.Encoding.CP932.value, "Shift_JIS (CP932)"


class ReportDocument(models.Model):
    """The file of a report, in the store under a name of our own; the row stays when it is forgotten."""

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    name = models.CharField(_("保存名"), max_length=100, unique=True)
    size = models.PositiveBigIntegerField(_("サイズ"))
    created_at = models.DateTimeField(_("作成日時"))
    forgotten_at = models.DateTimeField(_("削除日時"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("レポートのファイル")
        indexes = [models.Index(fields=["created_at"], name="report_documents_by_age")]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """The part of its name that nobody can guess."""
        return self.name.rpartition("/")[2]


class ReportSchedule(models.Model):
    """A report that is ordered by itself: every day or every Monday, or after an interval for software."""

    class Every(models.TextChoices):
        DAY = rules.Every.DAY.value, _("毎日")
        WEEK = rules.Every.WEEK.value, _("毎週月曜日")
        INTERVAL = rules.Every.INTERVAL.value, _("一定の間隔")

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", verbose_name=_("出品者"))
    kind = models.CharField(_("内容"), max_length=20, choices=Kinds)
    encoding = models.CharField(_("文字コード"), max_length=10, choices=Encodings, default=Encodings.UTF_8)
    every = models.CharField(_("間隔"), max_length=8, choices=Every)
    hour = models.PositiveSmallIntegerField(_("時刻"), null=True, validators=[MaxValueValidator(23)])
    interval = models.CharField(_("間隔の長さ"), max_length=5, blank=True)
    # Whether its reports have a column that names the sales channel (sp-api 6).
    sales_channel = models.BooleanField(_("販売チャネルの項目"), default=False)
    next_at = models.DateTimeField(_("次回"), db_index=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, verbose_name=_("人")
    )
    made_at = models.DateTimeField(_("作成日時"))

    class Meta:
        verbose_name = verbose_name_plural = _("レポートのスケジュール")
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "kind", "every", "hour", "encoding"], name="one_schedule_of_a_kind_and_hour"
            ),
            models.UniqueConstraint(
                fields=["seller", "kind"], condition=Q(every="INTERVAL"), name="one_interval_of_a_kind"
            ),
            models.UniqueConstraint(
                fields=["seller"],
                condition=Q(every="INTERVAL", kind__in=sorted(kind.value for kind in rules.OF_NEW_ORDERS)),
                name="one_interval_of_new_orders",
            ),
            models.CheckConstraint(condition=Q(hour__lte=23), name="schedule_hour_of_the_day"),
            models.CheckConstraint(
                condition=Q(every="INTERVAL", hour__isnull=True, interval__in=[*rules.INTERVALS])
                | Q(every__in=["DAY", "WEEK"], hour__isnull=False, interval=""),
                name="schedule_of_an_hour_or_an_interval",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.words}"

    @property
    def words(self) -> str:
        """When it orders: every day at an hour, or after how long."""
        if self.every != rules.Every.INTERVAL:
            return f"{self.get_every_display()} {self.hour}:00"
        length = rules.INTERVALS[self.interval]
        if length is None:
            return gettext("毎月")
        minutes = length // timedelta(minutes=1)
        if minutes < 60:
            return gettext("%(count)s分ごと") % {"count": minutes}
        if minutes % 1440:
            return gettext("%(count)s時間ごと") % {"count": minutes // 60}
        return gettext("%(count)s日ごと") % {"count": minutes // 1440}


class Report(models.Model):
    """One ordered report: what it lists, of which period, and how far it is."""

    class State(models.TextChoices):
        IN_QUEUE = "IN_QUEUE", _("待機中")
        IN_PROGRESS = "IN_PROGRESS", _("作成中")
        DONE = "DONE", _("作成済み")
        FATAL = "FATAL", _("作成できませんでした")
        CANCELLED = "CANCELLED", _("取り消し")

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    kind = models.CharField(_("内容"), max_length=20, choices=Kinds)
    encoding = models.CharField(_("文字コード"), max_length=10, choices=Encodings, default=Encodings.UTF_8)
    # The added columns as they were when the report was ordered (domain 13).
    columns = models.JSONField(_("追加した項目"), default=list)
    # Whether it lists only orders that no such report listed before.
    only_new = models.BooleanField(_("新しい注文だけ"), default=False)
    covers_from = models.DateTimeField(_("期間の開始"))
    covers_until = models.DateTimeField(_("期間の終了"))
    state = models.CharField(_("状態"), max_length=12, choices=State, default=State.IN_QUEUE)
    schedule = models.ForeignKey(
        ReportSchedule, models.SET_NULL, null=True, related_name="reports", verbose_name=_("スケジュール")
    )
    ordered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, verbose_name=_("人")
    )
    ordered_at = models.DateTimeField(_("依頼日時"))
    finished_at = models.DateTimeField(_("終了日時"), null=True)
    # When software said that it has it.
    acknowledged_at = models.DateTimeField(_("受領日時"), null=True)
    rows = models.PositiveIntegerField(_("行数"), default=0)
    # How far it is while it is made.
    percent = models.PositiveSmallIntegerField(_("進み具合（%）"), default=0)
    document = models.OneToOneField(
        ReportDocument, models.PROTECT, null=True, related_name="report", verbose_name=_("ファイル")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("注文レポート")
        indexes = [
            models.Index(fields=["seller", "-id"], name="reports_of_seller"),
            models.Index(
                fields=["id"], name="reports_to_make", condition=Q(state__in=["IN_QUEUE", "IN_PROGRESS"])
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(percent__lte=100), name="report_percent_is_one"),
            models.CheckConstraint(condition=Q(covers_until__gt=F("covers_from")), name="report_covers_some_time"),
            models.CheckConstraint(
                condition=Q(state="DONE", document__isnull=False, finished_at__isnull=False)
                | Q(state__in=["FATAL", "CANCELLED"], document__isnull=True, finished_at__isnull=False)
                | Q(state__in=["IN_QUEUE", "IN_PROGRESS"], document__isnull=True, finished_at__isnull=True),
                name="report_done_exactly_when_it_has_a_file",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def is_xml(self) -> bool:
        """Whether its file is XML rather than a table."""
        return self.kind == rules.Kind.UNSHIPPED_XML


class ListedOrder(models.Model):
    """An order that a report of new orders has listed: no other lists it again (flat-files 2.2)."""

    order = models.OneToOneField(Order, models.CASCADE, primary_key=True, related_name="+", verbose_name=_("注文"))
    report = models.ForeignKey(
        Report, models.SET_NULL, null=True, related_name="listed", verbose_name=_("注文レポート")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("レポートに載せた注文")

    def __str__(self) -> str:
        return f"{self.order}"


class ReportColumns(models.Model):
    """The columns that a shop has added to its reports; all are off at first (domain 13)."""

    seller = models.OneToOneField(Seller, models.CASCADE, related_name="report_columns", verbose_name=_("出品者"))
    buyer_requested = models.BooleanField(_("購入者がキャンセルをリクエストしました"), default=False)
    request_reason = models.BooleanField(_("キャンセルのリクエスト理由"), default=False)
    verge_of_cancellation = models.BooleanField(_("自動キャンセル間近"), default=False)
    verge_of_late_shipment = models.BooleanField(_("出荷遅延間近"), default=False)
    changed_at = models.DateTimeField(_("変更日時"))

    class Meta:
        verbose_name = verbose_name_plural = _("レポートの項目")

    def __str__(self) -> str:
        return f"{self.seller}"
