"""What is kept of rates: daily snapshots, the state last told; and what shops contest."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Seller
from cancellations.models import Cancellation
from events.models import Event
from messaging import files
from messaging.models import Message

from . import contest, rate


class RateSnapshot(models.Model):
    """A shop's rate over the whole days that end with one day: as recorded, and as corrected since (domain 9.3)."""

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False, verbose_name=_("出品者"))
    day = models.DateField(_("日付"))
    window_days = models.PositiveSmallIntegerField(_("集計日数"))
    counted = models.PositiveIntegerField(_("含まれる注文"))
    denominator = models.PositiveIntegerField(_("対象の注文"))
    corrected_counted = models.PositiveIntegerField(_("訂正後の含まれる注文"), null=True)
    corrected_denominator = models.PositiveIntegerField(_("訂正後の対象の注文"), null=True)
    taken_at = models.DateTimeField(_("記録日時"))

    class Meta:
        verbose_name = verbose_name_plural = _("キャンセル率の記録")
        indexes = [models.Index(fields=["-day"], name="snapshots_by_day")]
        constraints = [
            models.UniqueConstraint(fields=["seller", "day"], name="one_snapshot_per_seller_and_day"),
            models.CheckConstraint(condition=Q(counted__lte=F("denominator")), name="counted_within_denominator"),
            models.CheckConstraint(
                condition=Q(corrected_counted__isnull=True, corrected_denominator__isnull=True)
                | Q(corrected_counted__lte=F("corrected_denominator")),
                name="corrected_within_corrected_denominator",
            ),
            models.CheckConstraint(condition=Q(window_days__gt=0), name="snapshot_has_a_window"),
        ]

    def __str__(self) -> str:
        return f"{self.seller} {self.day:%Y/%m/%d}"


class RateState(models.Model):
    """The state last told to a shop, so that only worsening is mailed (M-21); and whether to look at it again."""

    class State(models.TextChoices):
        NO_DATA = rate.State.NO_DATA.value, _("対象なし")
        GOOD = rate.State.GOOD.value, _("良好")
        WATCH = rate.State.WATCH.value, _("注意")
        OFF_TARGET = rate.State.OFF_TARGET.value, _("目標未達")
        AT_RISK = rate.State.AT_RISK.value, _("停止の可能性あり")

    seller = models.OneToOneField(Seller, models.CASCADE, related_name="+", verbose_name=_("出品者"))
    state = models.CharField(_("状態"), max_length=10, choices=State, default=State.NO_DATA)
    # The state's place from harmless to grave: operators see the gravest first.
    severity = models.PositiveSmallIntegerField(_("重さ"), default=0)
    since = models.DateTimeField(_("この状態になった日時"), null=True)
    look_again = models.BooleanField(_("確認待ち"), default=False)

    class Meta:
        verbose_name = verbose_name_plural = _("出品者のキャンセル率")
        indexes = [
            models.Index(F("severity").desc(), F("id").desc(), name="rate_states_gravest_first"),
            models.Index(fields=["seller"], name="rate_states_to_look_at", condition=Q(look_again=True)),
        ]

    def __str__(self) -> str:
        return f"{self.seller} {self.get_state_display()}"


class Dispute(models.Model):
    """A cancellation that a shop contests, or whose reason it asks to have corrected (domain 9.6, B13)."""

    class Kind(models.TextChoices):
        DISPUTE = contest.Kind.DISPUTE.value, _("申し立て")
        CORRECTION = contest.Kind.CORRECTION.value, _("理由の訂正")

    class State(models.TextChoices):
        OPEN = "OPEN", _("審査中")
        GRANTED = "GRANTED", _("承認")
        REJECTED = "REJECTED", _("却下")

    cancellation = models.ForeignKey(
        Cancellation, models.PROTECT, related_name="disputes", db_index=False, verbose_name=_("キャンセル")
    )
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    kind = models.CharField(_("種類"), max_length=10, choices=Kind)
    state = models.CharField(_("状態"), max_length=8, choices=State, default=State.OPEN)
    text = models.TextField(_("内容"), max_length=contest.LONGEST_TEXT, blank=True)
    events = models.ManyToManyField(Event, related_name="+", verbose_name=_("根拠とする履歴"))
    messages = models.ManyToManyField(Message, related_name="+", verbose_name=_("根拠とするメッセージ"))
    opened_at = models.DateTimeField(_("送信日時"))
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, verbose_name=_("送信者")
    )
    decided_at = models.DateTimeField(_("決定日時"), null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("決定者"),
    )
    decision_reason = models.TextField(_("決定の理由"), max_length=1000, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("キャンセル率に関する申し立て")
        indexes = [
            models.Index(F("seller"), F("id").desc(), name="disputes_of_seller"),
            models.Index(fields=["opened_at", "id"], name="open_disputes", condition=Q(state="OPEN")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["cancellation", "kind"], name="each_kind_once_per_cancellation"),
            models.CheckConstraint(
                condition=Q(state="OPEN", decided_at__isnull=True)
                | (~Q(state="OPEN") & Q(decided_at__isnull=False)),
                name="open_dispute_is_undecided",
            ),
            models.CheckConstraint(condition=Q(kind="CORRECTION") | ~Q(text=""), name="dispute_says_something"),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decision_reason=""), name="operators_say_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cancellation} {self.get_state_display()}"


class DisputeFile(models.Model):
    """A file that a shop adds to its dispute, as messages keep theirs."""

    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="files", verbose_name=_("申し立て"))
    name = models.CharField(_("ファイル名"), max_length=files.LONGEST_NAME)
    kind = models.CharField(_("種類"), max_length=20, choices=[(kind.value, kind.value) for kind in files.Kind])
    size = models.PositiveIntegerField(_("サイズ"))
    content = models.BinaryField(_("内容"))

    class Meta:
        verbose_name = verbose_name_plural = _("申し立ての添付ファイル")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in files.Kind]), name="evidence_is_of_a_known_kind"
            ),
            models.CheckConstraint(
                condition=Q(size__gt=0, size__lte=files.LARGEST_KEPT), name="evidence_has_a_size_that_is_taken"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_picture(self) -> bool:
        """Whether pages show it as a picture."""
        return files.Kind(self.kind).is_picture
