"""What was asked and what was done: requests, cancellations, the policy's versions, the sweep's runs."""

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Seller
from events.models import Event
from orders.models import Order, OrderItem
from orders.places import PREFECTURES

from . import policy

WARNING_DAYS = [MinValueValidator(1), MaxValueValidator(60)]


class PolicyVersion(models.Model):
    """Minutes, days and switches that rule from a moment on; before the first, the settings rule (domain 17)."""

    class OpenRequestCounts(models.TextChoices):
        ALWAYS = policy.OpenRequestCounts.ALWAYS.value, _("常に含める")
        ONLY_IF_REQUESTED_AFTER_SHIP_BY = (
            policy.OpenRequestCounts.ONLY_IF_REQUESTED_AFTER_SHIP_BY.value,
            _("出荷予定日より後のリクエストの場合のみ含める"),
        )
        NEVER = policy.OpenRequestCounts.NEVER.value, _("含めない")

    class OnResponseOverdue(models.TextChoices):
        NOTHING = policy.OnResponseOverdue.NOTHING.value, _("出品者の回答を待つ")
        AUTO_APPROVE = policy.OnResponseOverdue.AUTO_APPROVE.value, _("自動的に承認する")

    class ApiInterlock(models.TextChoices):
        WARN = policy.Interlock.WARN.value, _("警告して受け付ける")
        BLOCK = policy.Interlock.BLOCK.value, _("受け付けない")

    number = models.PositiveIntegerField(_("版"), unique=True)
    starts_at = models.DateTimeField(_("適用開始"), unique=True)
    direct_cancel_minutes = models.PositiveIntegerField(
        _("購入者が自分でキャンセルできる分数"),
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(4320)],
    )
    direct_cancel_while_pending = models.BooleanField(_("お支払いの確認中はキャンセル可"), default=True)
    auto_cancel_days = models.PositiveIntegerField(
        _("自動キャンセルまでの日数"), default=7, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )
    first_warning_days = models.PositiveIntegerField(
        _("1回目の警告（出荷予定日からの日数）"), default=1, validators=WARNING_DAYS
    )
    second_warning_days = models.PositiveIntegerField(
        _("2回目の警告（出荷予定日からの日数）"), default=5, validators=WARNING_DAYS
    )
    last_warning_days = models.PositiveIntegerField(
        _("最後の警告（出荷予定日からの日数）"), default=7, validators=WARNING_DAYS
    )
    request_response_hours = models.PositiveIntegerField(
        _("回答期限（時間）"), default=48, validators=[MinValueValidator(1), MaxValueValidator(720)]
    )
    on_response_overdue = models.CharField(
        _("回答期限を過ぎたリクエスト"),
        max_length=20,
        choices=OnResponseOverdue,
        default=OnResponseOverdue.NOTHING,
    )
    seller_may_decline = models.BooleanField(_("出品者はリクエストを断れる"), default=True)
    max_requests_per_order = models.PositiveIntegerField(
        _("注文ごとのリクエストの上限"), default=3, validators=[MinValueValidator(1), MaxValueValidator(3)]
    )
    auto_cancel_with_open_request_counts = models.CharField(
        _("リクエスト中の自動キャンセル"),
        max_length=40,
        choices=OpenRequestCounts,
        default=OpenRequestCounts.ALWAYS,
    )
    ship_interlock_api = models.CharField(
        _("リクエスト中の出荷通知（API）"), max_length=10, choices=ApiInterlock, default=ApiInterlock.WARN
    )
    developer_approval = models.BooleanField(_("開発者の登録に運営の承認が必要"), default=False)
    rate_target = models.DecimalField(
        _("キャンセル率の目標（%）"),
        max_digits=5,
        decimal_places=2,
        default=Decimal("2.50"),
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(100))],
    )
    rate_watch = models.DecimalField(
        _("キャンセル率の注意（%）"),
        max_digits=5,
        decimal_places=2,
        default=Decimal("2.00"),
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(100))],
    )
    rate_window_days = models.PositiveIntegerField(
        _("キャンセル率の集計日数"), default=7, validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    rate_min_orders = models.PositiveIntegerField(
        _("お知らせの対象とする最小の注文数"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(10000)],
    )

    class Meta:
        verbose_name = verbose_name_plural = _("ポリシー")
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(number__gte=2), name="version_one_is_the_settings"),
            models.CheckConstraint(
                condition=Q(rate_watch__lte=F("rate_target")), name="watch_comes_before_target"
            ),
            models.CheckConstraint(
                condition=Q(first_warning_days__gte=1)
                & Q(first_warning_days__lte=F("second_warning_days"))
                & Q(second_warning_days__lte=F("last_warning_days")),
                name="warnings_come_in_their_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}"


class SellerRules(models.Model):
    """What a shop lets happen without its people: a longer direct window, automatic approval (domain 8, 17)."""

    seller = models.OneToOneField(Seller, models.CASCADE, related_name="rules", verbose_name=_("出品者"))
    direct_cancel_minutes = models.PositiveIntegerField(_("購入者が自分でキャンセルできる分数"), default=0)
    approves = models.BooleanField(_("自動承認"), default=False)
    reasons = models.JSONField(_("自動承認する理由"), default=list, blank=True)
    max_amount = models.DecimalField(
        _("自動承認する金額の上限"), max_digits=12, decimal_places=2, null=True, blank=True
    )
    max_hours = models.PositiveIntegerField(_("自動承認する時間"), null=True, blank=True)
    only_before_slip = models.BooleanField(_("納品書の印刷前のみ"), default=True)
    changed_at = models.DateTimeField(_("変更日時"))

    class Meta:
        verbose_name = verbose_name_plural = _("出品者のルール")
        constraints = [
            models.CheckConstraint(
                condition=Q(direct_cancel_minutes__lte=policy.LONGEST_DIRECT_MINUTES),
                name="direct_window_within_72_hours",
            ),
            models.CheckConstraint(condition=Q(approves=False) | ~Q(reasons=[]), name="approves_for_some_reason"),
            models.CheckConstraint(
                condition=Q(max_amount__isnull=True) | Q(max_amount__gt=0), name="approved_amount_is_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seller}"


class BuyerReason(models.Model):
    """A reason on the buyer's form (domain 6)."""

    code = models.CharField(
        _("コード"),
        max_length=40,
        unique=True,
        validators=[
            RegexValidator(r"\A[A-Z][A-Z0-9_]*\Z", _("半角の大文字の英字、数字、「_」で入力してください。"))
        ],
    )
    label_ja = models.CharField(_("日本語"), max_length=60)
    label_en = models.CharField(_("英語"), max_length=60)
    suggests_message = models.BooleanField(_("メッセージを案内する"), default=False)
    is_active = models.BooleanField(_("有効"), default=True)
    position = models.PositiveSmallIntegerField(_("順番"), default=0)

    class Meta:
        verbose_name = verbose_name_plural = _("購入者の理由")
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.label_ja


class CancellationRequest(models.Model):
    """The buyer's official request (domain 8). Reason label and facts are frozen when it is made."""

    class Status(models.TextChoices):
        OPEN = policy.RequestStatus.OPEN.value, _("リクエスト中")
        APPROVED = policy.RequestStatus.APPROVED.value, _("承認済み")
        PARTLY_APPROVED = policy.RequestStatus.PARTLY_APPROVED.value, _("一部承認")
        DECLINED = policy.RequestStatus.DECLINED.value, _("不承認")
        WITHDRAWN = policy.RequestStatus.WITHDRAWN.value, _("取り下げ")
        CLOSED = policy.RequestStatus.CLOSED.value, _("終了")

    class DeclineReason(models.TextChoices):
        ALREADY_SHIPPED = policy.DeclineReason.ALREADY_SHIPPED.value, _("すでに発送した")
        IN_PRODUCTION = policy.DeclineReason.IN_PRODUCTION.value, _("受注生産・加工のため")
        LABEL_HANDED_OVER = policy.DeclineReason.LABEL_HANDED_OVER.value, _("配送会社に引き渡し済み")
        OTHER = policy.DeclineReason.OTHER.value, _("その他")

    class CloseReason(models.TextChoices):
        SHIPPED = policy.CloseReason.SHIPPED.value, _("出荷済み")
        CANCELED_OTHER_REASON = policy.CloseReason.CANCELED_OTHER_REASON.value, _("別の理由でキャンセル")
        AUTO_CANCELED = policy.CloseReason.AUTO_CANCELED.value, _("自動キャンセル")
        MARKETPLACE_CANCELED = (
            policy.CloseReason.MARKETPLACE_CANCELED.value,
            _("運営によるキャンセル"),
        )

    order = models.ForeignKey(Order, models.PROTECT, related_name="requests", verbose_name=_("注文"))
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    status = models.CharField(_("状態"), max_length=16, choices=Status, default=Status.OPEN)
    requested_at = models.DateTimeField(_("リクエスト日時"))
    reason_code = models.CharField(_("理由コード"), max_length=40)
    reason_label = models.CharField(_("理由"), max_length=60)
    buyer_text = models.CharField(_("購入者のコメント"), max_length=500, blank=True)
    response_due_at = models.DateTimeField(_("回答期限"))
    remind_at = models.DateTimeField(_("次の督促"), null=True)
    seen_by_seller_at = models.DateTimeField(_("出品者の確認日時"), null=True)
    decided_at = models.DateTimeField(_("決定日時"), null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("決定者"),
    )
    decline_reason = models.CharField(_("不承認の理由"), max_length=20, choices=DeclineReason, blank=True)
    decline_text = models.CharField(_("不承認の説明"), max_length=500, blank=True)
    decline_tracking = models.CharField(_("お問い合わせ番号"), max_length=60, blank=True)
    close_reason = models.CharField(_("終了の理由"), max_length=24, choices=CloseReason, blank=True)
    version = models.PositiveIntegerField(_("版"), default=1)

    class Meta:
        verbose_name = verbose_name_plural = _("キャンセルリクエスト")
        indexes = [
            models.Index(
                fields=["seller", "response_due_at", "id"], name="open_requests", condition=Q(status="OPEN")
            ),
            models.Index(
                fields=["response_due_at", "id"], name="open_requests_by_due", condition=Q(status="OPEN")
            ),
            models.Index(fields=["remind_at"], name="requests_to_remind_of", condition=Q(status="OPEN")),
            models.Index(F("seller"), F("requested_at").desc(), F("id").desc(), name="requests_of_seller"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(status="OPEN"), name="one_open_request_per_order"
            ),
            models.CheckConstraint(
                condition=Q(status="OPEN", decided_at__isnull=True)
                | (~Q(status="OPEN") & Q(decided_at__isnull=False)),
                name="open_means_undecided",
            ),
            models.CheckConstraint(
                condition=Q(status="DECLINED") & ~Q(decline_reason="") | ~Q(status="DECLINED"),
                name="declined_with_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order} {self.get_status_display()}"


class RequestItem(models.Model):
    """Units of one item in a request: asked for, cancelled as asked, still open."""

    class State(models.TextChoices):
        OPEN = "OPEN", _("リクエスト中")
        APPROVED = "APPROVED", _("承認済み")
        DECLINED = "DECLINED", _("不承認")
        WITHDRAWN = "WITHDRAWN", _("取り下げ")
        CLOSED = "CLOSED", _("終了")

    request = models.ForeignKey(
        CancellationRequest, models.CASCADE, related_name="items", verbose_name=_("リクエスト")
    )
    item = models.ForeignKey(OrderItem, models.PROTECT, related_name="request_items", verbose_name=_("注文商品"))
    quantity = models.PositiveIntegerField(_("数量"))
    quantity_approved = models.PositiveIntegerField(_("承認された数量"), default=0)
    quantity_open = models.PositiveIntegerField(_("未決定の数量"))
    state = models.CharField(_("状態"), max_length=10, choices=State, default=State.OPEN)

    class Meta:
        verbose_name = verbose_name_plural = _("リクエストの商品")
        constraints = [
            models.UniqueConstraint(fields=["request", "item"], name="one_line_per_item_and_request"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="requested_units_positive"),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("quantity_approved") + F("quantity_open")),
                name="decided_within_requested",
            ),
            models.CheckConstraint(
                condition=Q(state="OPEN", quantity_open__gt=0) | (~Q(state="OPEN") & Q(quantity_open=0)),
                name="line_open_while_units_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.item} × {self.quantity}"


class Cancellation(models.Model):
    """What was done, by whom, why, and whether it counts; with the facts it was judged on (domain 9.5)."""

    class Reason(models.TextChoices):
        BUYER_CANCELED = policy.Reason.BUYER_CANCELED.value, _("購入者によるキャンセル")
        NO_INVENTORY = policy.Reason.NO_INVENTORY.value, _("在庫切れ")
        ADDRESS_UNDELIVERABLE = policy.Reason.ADDRESS_UNDELIVERABLE.value, _("配送不可の住所")
        BUYER_NOT_REPLYING = policy.Reason.BUYER_NOT_REPLYING.value, _("購入者から返信がない")
        PRICING_ERROR = policy.Reason.PRICING_ERROR.value, _("価格設定の誤り")
        CUSTOMER_EXCHANGE = policy.Reason.CUSTOMER_EXCHANGE.value, _("購入者からの交換依頼")
        OTHER = policy.Reason.OTHER.value, _("その他")
        BUYER_DIRECT = policy.Reason.BUYER_DIRECT.value, _("購入者が自分でキャンセル")
        PAYMENT_FAILED = policy.Reason.PAYMENT_FAILED.value, _("お支払いの確認に失敗")
        FRAUD = policy.Reason.FRAUD.value, _("不正行為の検出")
        SUPPORT_FOR_BUYER = policy.Reason.SUPPORT_FOR_BUYER.value, _("購入者の依頼によるサポートのキャンセル")
        MARKETPLACE_OTHER = policy.Reason.MARKETPLACE_OTHER.value, _("運営上のその他の理由")
        AUTO_NOT_CONFIRMED = policy.Reason.AUTO_NOT_CONFIRMED.value, _("出荷通知の未送信による自動キャンセル")
        IMPORTED = policy.Reason.IMPORTED.value, _("取り込んだファイルでキャンセル済み")

    order = models.ForeignKey(Order, models.PROTECT, related_name="cancellations", verbose_name=_("注文"))
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    event = models.OneToOneField(Event, models.PROTECT, related_name="cancellation", verbose_name=_("出来事"))
    request = models.ForeignKey(
        CancellationRequest,
        models.PROTECT,
        null=True,
        related_name="cancellations",
        db_index=False,
        verbose_name=_("リクエスト"),
    )
    cancelled_at = models.DateTimeField(_("キャンセル日時"))
    role = models.CharField(_("行った人"), max_length=12)
    reason = models.CharField(_("理由"), max_length=24, choices=Reason)
    code = models.CharField(_("コード"), max_length=5)
    counted = models.BooleanField(_("キャンセル率に含める"))
    excluded = models.BooleanField(_("除外"), default=False)
    facts = models.JSONField(_("判定の根拠"))
    policy_version = models.PositiveIntegerField(_("ポリシーの版"))
    sentence = models.CharField(_("説明"), max_length=200)
    seller_memo = models.CharField(_("出品者メモ"), max_length=1000, blank=True)
    restock = models.BooleanField(_("在庫に戻す"))
    whole = models.BooleanField(_("残りの注文全体"))

    class Meta:
        verbose_name = verbose_name_plural = _("キャンセル")
        indexes = [
            models.Index(
                fields=["seller", "cancelled_at", "order"],
                name="counted_cancellations",
                condition=Q(counted=True, excluded=False),
            ),
            # The page of the rate lists those that do not count as well.
            models.Index(F("seller"), F("cancelled_at").desc(), F("id").desc(), name="cancellations_of_seller"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(counted=True) | Q(excluded=False), name="only_counted_ones_excluded"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order} {self.code}"

    @property
    def stands(self) -> bool:
        """Whether it stands against the shop: it was judged to count, and nothing took it out since."""
        return self.counted and not self.excluded


class CancellationItem(models.Model):
    """Units of one item in a cancellation, and their money."""

    cancellation = models.ForeignKey(
        Cancellation, models.CASCADE, related_name="items", verbose_name=_("キャンセル")
    )
    item = models.ForeignKey(
        OrderItem, models.PROTECT, related_name="cancellation_items", verbose_name=_("注文商品")
    )
    quantity = models.PositiveIntegerField(_("数量"))
    amount = models.DecimalField(_("金額"), max_digits=12, decimal_places=2, null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("キャンセルした商品")
        constraints = [
            models.UniqueConstraint(fields=["cancellation", "item"], name="one_line_per_item_and_cancellation"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="cancelled_units_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.item} × {self.quantity}"


class SweepRun(models.Model):
    """One run of the automatic cancellation: when, how many, how late (domain 10)."""

    started_at = models.DateTimeField(_("開始日時"), db_index=True)
    finished_at = models.DateTimeField(_("終了日時"), null=True)
    cancelled = models.PositiveIntegerField(_("キャンセル数"), default=0)
    failed = models.PositiveIntegerField(_("失敗数"), default=0)
    oldest_due_at = models.DateTimeField(_("最も古い期限"), null=True)
    refusal = models.CharField(_("中止の理由"), max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("自動キャンセルの実行")

    def __str__(self) -> str:
        return f"{timezone.localtime(self.started_at):%Y/%m/%d %H:%M} ({self.cancelled})"


class ShipWarning(models.Model):
    """A warning that an order is about to be cancelled automatically; each kind once per order (domain 10)."""

    class Kind(models.TextChoices):
        W1 = "W1", _("1回目の警告")
        W2 = "W2", _("2回目の警告")
        W3 = "W3", _("最後の警告")

    order = models.ForeignKey(
        Order, models.CASCADE, related_name="ship_warnings", db_index=False, verbose_name=_("注文")
    )
    kind = models.CharField(_("種類"), max_length=2, choices=Kind)
    warned_at = models.DateTimeField(_("警告日時"))
    event = models.ForeignKey(Event, models.PROTECT, related_name="ship_warnings", verbose_name=_("出来事"))

    class Meta:
        verbose_name = verbose_name_plural = _("自動キャンセルの警告")
        constraints = [models.UniqueConstraint(fields=["order", "kind"], name="one_warning_per_order_and_kind")]

    def __str__(self) -> str:
        return f"{self.order} {self.kind}"


class Closure(models.Model):
    """Days on which shops cannot send: ship-by dates and automatic cancellations move by them (domain 21, B16)."""

    first_day = models.DateField(_("開始日"))
    last_day = models.DateField(_("終了日"))
    # Of the recipient; everywhere without it.
    area = models.CharField(_("お届け先の都道府県"), max_length=10, blank=True)
    reason_ja = models.CharField(_("理由（日本語）"), max_length=200)
    reason_en = models.CharField(_("理由（英語）"), max_length=200)
    is_active = models.BooleanField(_("有効"), default=True)
    added_at = models.DateTimeField(_("登録日時"))

    class Meta:
        verbose_name = verbose_name_plural = _("休業日")
        indexes = [models.Index(fields=["last_day"], name="closures_by_end", condition=Q(is_active=True))]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="closure_ends_after_its_start"),
            models.CheckConstraint(condition=Q(area__in=["", *PREFECTURES]), name="area_is_a_prefecture"),
        ]

    def __str__(self) -> str:
        return f"{self.first_day:%Y/%m/%d} – {self.last_day:%Y/%m/%d} {self.area}".strip()


class ClosureGrant(models.Model):
    """An order that a closure has given more time, once."""

    closure = models.ForeignKey(Closure, models.PROTECT, related_name="grants", verbose_name=_("休業日"))
    order = models.ForeignKey(Order, models.PROTECT, related_name="+", db_index=False, verbose_name=_("注文"))

    class Meta:
        verbose_name = verbose_name_plural = _("休業日による延長")
        constraints = [
            models.UniqueConstraint(fields=["order", "closure"], name="one_grant_per_order_and_closure")
        ]

    def __str__(self) -> str:
        return f"{self.order}"


class BulkCancellation(models.Model):
    """Several orders that a seller cancels in one go, with how far it has come (domain 7.4)."""

    class State(models.TextChoices):
        IN_PROGRESS = "IN_PROGRESS", _("処理中")
        DONE = "DONE", _("完了")

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, verbose_name=_("人")
    )
    started_at = models.DateTimeField(_("開始日時"))
    finished_at = models.DateTimeField(_("終了日時"), null=True)
    state = models.CharField(_("状態"), max_length=12, choices=State, default=State.IN_PROGRESS)
    orders_in_all = models.PositiveIntegerField(_("注文数"))
    orders_done = models.PositiveIntegerField(_("処理済み"), default=0)

    class Meta:
        verbose_name = verbose_name_plural = _("注文の一括キャンセル")
        indexes = [
            models.Index(fields=["seller", "-id"], name="bulk_cancellations_of_seller"),
            models.Index(fields=["id"], name="bulk_cancellations_to_do", condition=Q(state="IN_PROGRESS")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="DONE", finished_at__isnull=False)
                | (~Q(state="DONE") & Q(finished_at__isnull=True)),
                name="bulk_done_exactly_when_it_has_a_moment",
            ),
            models.CheckConstraint(condition=Q(orders_done__lte=F("orders_in_all")), name="bulk_done_within_all"),
        ]

    def __str__(self) -> str:
        return f"{self.seller} {timezone.localtime(self.started_at):%Y/%m/%d %H:%M}"


class BulkCancellationLine(models.Model):
    """One order of a bulk cancellation: what was asked, and what became of it."""

    class Result(models.TextChoices):
        DONE = "DONE", _("キャンセルしました")
        NO_CHANGE = "NO_CHANGE", _("変更なし")
        ERROR = "ERROR", _("キャンセルできませんでした")

    bulk = models.ForeignKey(
        BulkCancellation, models.CASCADE, related_name="lines", db_index=False, verbose_name=_("一括キャンセル")
    )
    position = models.PositiveIntegerField(_("順番"))
    order = models.ForeignKey(Order, models.PROTECT, related_name="+", db_index=False, verbose_name=_("注文"))
    reason = models.CharField(_("理由"), max_length=24, choices=Cancellation.Reason)
    seller_memo = models.CharField(_("出品者メモ"), max_length=1000, blank=True)
    expected_version = models.PositiveIntegerField(_("版"))
    result = models.CharField(_("結果"), max_length=10, choices=Result, blank=True)
    code = models.CharField(_("コード"), max_length=40, blank=True)
    counted = models.BooleanField(_("キャンセル率に含める"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("一括キャンセルの注文")
        constraints = [
            models.UniqueConstraint(fields=["bulk", "position"], name="one_line_per_place_in_a_bulk"),
            models.UniqueConstraint(fields=["bulk", "order"], name="one_line_per_order_in_a_bulk"),
        ]

    def __str__(self) -> str:
        return f"{self.bulk} {self.position}"
