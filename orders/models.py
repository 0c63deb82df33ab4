"""Order, OrderItem and Recipient; Import and ImportLine for order files made by other systems."""

from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import Seller

from . import rules

IS_OPEN = Q(status__in=sorted(status.value for status in rules.OPEN_STATUSES))
# What the shop itself is to send: what the marketplace sends is neither late nor cancelled soon (domain 10).
IS_OPEN_AT_SHOP = IS_OPEN & Q(fulfillment_channel="SELLER")


class Order(models.Model):
    """What one buyer bought of one seller at one time (domain 3)."""

    class Status(models.TextChoices):
        PENDING = rules.Status.PENDING.value, _("保留中")
        UNSHIPPED = rules.Status.UNSHIPPED.value, _("未出荷")
        PARTIALLY_SHIPPED = rules.Status.PARTIALLY_SHIPPED.value, _("一部出荷済み")
        SHIPPED = rules.Status.SHIPPED.value, _("出荷済み")
        CANCELED = rules.Status.CANCELED.value, _("キャンセル済み")

    class Channel(models.TextChoices):
        SELLER = "SELLER", _("出品者出荷")
        MARKETPLACE = "MARKETPLACE", _("運営による出荷")

    number = models.CharField(_("注文番号"), max_length=19, unique=True)
    seller = models.ForeignKey(
        Seller, models.PROTECT, related_name="orders", db_index=False, verbose_name=_("出品者")
    )
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="orders",
        db_index=False,
        verbose_name=_("購入者"),
        help_text=_("取り込んだファイルに購入者がない注文のみ空になります。"),
    )
    fulfillment_channel = models.CharField(_("出荷元"), max_length=12, choices=Channel, default=Channel.SELLER)
    status = models.CharField(_("ステータス"), max_length=20, choices=Status)
    placed_at = models.DateTimeField(_("注文日時"))
    payment_verified_at = models.DateTimeField(_("お支払いの確認日時"), null=True)
    ship_by_date = models.DateField(_("出荷予定日"), null=True)
    auto_cancel_due_at = models.DateTimeField(_("自動キャンセル日時"), null=True)
    cancelled_at = models.DateTimeField(_("キャンセル日時"), null=True)
    # Due moment of the open cancellation request, empty without one: what 注文管理 sorts and filters by.
    answer_due_at = models.DateTimeField(_("回答期限"), null=True)
    on_hold = models.BooleanField(_("保留中（運営）"), default=False)
    held_at = models.DateTimeField(_("保留開始"), null=True)
    # Kept once, and no change of the order: a shop's rules for approving by itself ask for it (domain 8).
    slip_printed_at = models.DateTimeField(_("納品書の印刷日時"), null=True)
    service_level = models.CharField(_("配送方法"), max_length=60, blank=True)
    payment_method = models.CharField(_("お支払い方法"), max_length=40, blank=True)
    currency = models.CharField(_("通貨"), max_length=3, default="JPY")
    total = models.DecimalField(_("合計"), max_digits=12, decimal_places=2, null=True)
    version = models.PositiveIntegerField(_("版"), default=0)
    last_updated_at = models.DateTimeField(_("最終更新日時"))

    # The items, read once by `queries.attach_lines` and changed in memory under the order's lock.
    lines: "list[OrderItem]"

    class Meta:
        verbose_name = verbose_name_plural = _("注文")
        indexes = [
            models.Index(F("seller"), F("placed_at").desc(), F("id").desc(), name="orders_newest"),
            # Columns behind the key only narrow: they are compared inside the index, whatever filters are joined.
            models.Index(
                F("seller"),
                F("status"),
                F("placed_at").desc(),
                F("id").desc(),
                F("answer_due_at"),
                name="orders_of_status",
            ),
            # The cancellation rate counts a window of them inside the index.
            models.Index(
                fields=["seller", "placed_at", "payment_verified_at"],
                name="orders_in_rate",
                condition=Q(fulfillment_channel="SELLER"),
            ),
            models.Index(fields=["seller", "ship_by_date", "id"], name="orders_by_ship_by"),
            models.Index(fields=["seller", "status", "ship_by_date", "id"], name="orders_of_status_by_ship_by"),
            models.Index(
                F("seller"),
                F("placed_at").desc(),
                F("id").desc(),
                F("status"),
                name="orders_without_ship_by",
                condition=Q(ship_by_date__isnull=True),
            ),
            models.Index(
                fields=["seller", "answer_due_at", "id", "placed_at", "ship_by_date", "auto_cancel_due_at"],
                name="orders_with_open_request",
                condition=Q(answer_due_at__isnull=False),
            ),
            models.Index(
                fields=[
                    "seller",
                    "status",
                    "answer_due_at",
                    "id",
                    "placed_at",
                    "ship_by_date",
                    "auto_cancel_due_at",
                ],
                name="orders_of_status_with_request",
                condition=Q(answer_due_at__isnull=False),
            ),
            models.Index(
                F("seller"),
                F("placed_at").desc(),
                F("id").desc(),
                name="orders_without_open_request",
                condition=Q(answer_due_at__isnull=True),
            ),
            models.Index(
                fields=["seller", "auto_cancel_due_at", "id", "status", "placed_at", "ship_by_date", "on_hold"],
                name="open_orders_by_due",
                condition=IS_OPEN_AT_SHOP,
            ),
            models.Index(
                fields=["seller", "ship_by_date", "id", "status", "placed_at", "on_hold"],
                name="open_orders_by_ship_by",
                condition=IS_OPEN_AT_SHOP,
            ),
            models.Index(fields=["seller", "last_updated_at", "id"], name="orders_by_last_update"),
            models.Index(F("buyer"), F("placed_at").desc(), F("id").desc(), name="orders_of_buyer"),
            # Operators ask for no seller either: what is held, and what no sweep will ever see.
            models.Index(fields=["-id"], name="held_orders", condition=Q(on_hold=True)),
            models.Index(
                fields=["-id"],
                name="open_orders_without_ship_by",
                condition=IS_OPEN & Q(ship_by_date__isnull=True),
            ),
            # The sweep asks for no seller: due orders of all shops, oldest first.
            models.Index(
                fields=["auto_cancel_due_at", "id"], name="orders_overdue", condition=IS_OPEN & Q(on_hold=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in rules.Status]), name="status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status="CANCELED", cancelled_at__isnull=False)
                | (~Q(status="CANCELED") & Q(cancelled_at__isnull=True)),
                name="cancelled_exactly_when_it_has_a_moment",
            ),
            models.CheckConstraint(
                condition=Q(on_hold=True, held_at__isnull=False) | Q(on_hold=False, held_at__isnull=True),
                name="held_exactly_when_it_has_a_moment",
            ),
            models.CheckConstraint(
                condition=~Q(status="PENDING") | Q(payment_verified_at__isnull=True),
                name="pending_means_not_verified",
            ),
            models.CheckConstraint(
                condition=Q(answer_due_at__isnull=True) | ~Q(status__in=["SHIPPED", "CANCELED"]),
                name="no_answer_due_on_finished_order",
            ),
            models.CheckConstraint(
                condition=Q(number__regex=r"^[0-9]{3}-[0-9]{7}-[0-9]{7}$"), name="order_number_is_3_7_7"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class OrderItem(models.Model):
    """One line of an order, with its three quantities. Money is of the whole line."""

    item_id = models.CharField(_("注文商品番号"), max_length=14, unique=True)
    order = models.ForeignKey(Order, models.CASCADE, related_name="items", verbose_name=_("注文"))
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    sku = models.CharField("SKU", max_length=80)
    title = models.CharField(_("商品名"), max_length=500)
    quantity_ordered = models.PositiveIntegerField(_("数量"))
    quantity_shipped = models.PositiveIntegerField(_("出荷済み"), default=0)
    quantity_cancelled = models.PositiveIntegerField(_("キャンセル済み"), default=0)
    item_price = models.DecimalField(_("商品代金"), max_digits=12, decimal_places=2, null=True)
    item_tax = models.DecimalField(_("商品の税"), max_digits=12, decimal_places=2, default=Decimal(0))
    shipping_price = models.DecimalField(_("送料"), max_digits=12, decimal_places=2, default=Decimal(0))
    shipping_tax = models.DecimalField(_("送料の税"), max_digits=12, decimal_places=2, default=Decimal(0))
    discount = models.DecimalField(_("値引き"), max_digits=12, decimal_places=2, default=Decimal(0))
    buyer_cancelable = models.BooleanField(_("購入者によるキャンセル可"), default=True)
    not_cancelable_reason = models.CharField(_("キャンセルできない理由"), max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("注文商品")
        indexes = [
            models.Index(
                F("seller"), OpClass(Lower("sku"), name="text_pattern_ops"), F("order"), name="items_by_sku_prefix"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(quantity_ordered__gte=1), name="at_least_one_ordered"),
            models.CheckConstraint(condition=Q(quantity_shipped__gte=0), name="shipped_not_negative"),
            models.CheckConstraint(condition=Q(quantity_cancelled__gte=0), name="cancelled_not_negative"),
            models.CheckConstraint(
                condition=Q(quantity_ordered__gte=F("quantity_shipped") + F("quantity_cancelled")),
                name="open_never_negative",
            ),
            models.CheckConstraint(condition=Q(item_id__regex=r"^[0-9]{14}$"), name="item_id_is_14_digits"),
        ]

    def __str__(self) -> str:
        return f"{self.item_id} {self.title}"

    @property
    def quantity_open(self) -> int:
        """Units neither shipped nor cancelled."""
        return self.quantity_ordered - self.quantity_shipped - self.quantity_cancelled

    @property
    def goods_amount(self) -> Decimal | None:
        """What the buyer pays for the goods of this line, tax in, discount off; None if unknown."""
        return None if self.item_price is None else self.item_price + self.item_tax - self.discount

    @property
    def shipping_amount(self) -> Decimal:
        """What the buyer pays for sending this line."""
        return self.shipping_price + self.shipping_tax


class Recipient(models.Model):
    """Who gets the parcel. Apart from the order, so that it can be masked and deleted apart."""

    order = models.OneToOneField(Order, models.CASCADE, related_name="recipient", verbose_name=_("注文"))
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    name = models.CharField(_("氏名"), max_length=100, blank=True)
    phone = models.CharField(_("電話番号"), max_length=40, blank=True)
    country = models.CharField(_("国"), max_length=2, default="JP")
    postal_code = models.CharField(_("郵便番号"), max_length=20, blank=True)
    state = models.CharField(_("都道府県"), max_length=60, blank=True)
    city = models.CharField(_("市区町村"), max_length=100, blank=True)
    line1 = models.CharField(_("住所1"), max_length=200, blank=True)
    line2 = models.CharField(_("住所2"), max_length=200, blank=True)
    line3 = models.CharField(_("住所3"), max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("お届け先")
        indexes = [
            models.Index(
                F("seller"),
                OpClass(Lower("name"), name="text_pattern_ops"),
                F("order"),
                name="recipients_by_name_prefix",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Import(models.Model):
    """One order file taken over, with its counts and progress (domain 3.4)."""

    class State(models.TextChoices):
        IN_QUEUE = "IN_QUEUE", _("待機中")
        IN_PROGRESS = "IN_PROGRESS", _("処理中")
        DONE = "DONE", _("処理済み")
        FATAL = "FATAL", _("読み取り不可")

    seller = models.ForeignKey(Seller, models.PROTECT, related_name="imports", verbose_name=_("出品者"))
    file_name = models.CharField(_("ファイル名"), max_length=255)
    encoding = models.CharField(_("文字コード"), max_length=20, blank=True)
    layout = models.CharField(_("レイアウト"), max_length=20, blank=True)
    state = models.CharField(_("状態"), max_length=12, choices=State, default=State.IN_QUEUE)
    started_at = models.DateTimeField(_("開始日時"))
    finished_at = models.DateTimeField(_("終了日時"), null=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("実行者")
    )
    lines_read = models.PositiveIntegerField(_("読み取り行数"), default=0)
    lines_refused = models.PositiveIntegerField(_("エラー行数"), default=0)
    orders_created = models.PositiveIntegerField(_("新規注文"), default=0)
    orders_updated = models.PositiveIntegerField(_("更新された注文"), default=0)
    orders_unchanged = models.PositiveIntegerField(_("変更なしの注文"), default=0)
    error_code = models.CharField(_("エラーコード"), max_length=40, blank=True)
    error_facts = models.JSONField(_("エラーの詳細"), default=dict, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("注文の取り込み")

    def __str__(self) -> str:
        return f"{self.file_name} ({self.get_state_display()})"


class ImportLine(models.Model):
    """The answer to one line of an order file that was refused or warned of."""

    class Result(models.TextChoices):
        WARNING = "WARNING", _("警告")
        ERROR = "ERROR", _("エラー")

    order_import = models.ForeignKey(Import, models.CASCADE, related_name="lines", verbose_name=_("取り込み"))
    line_number = models.PositiveIntegerField(_("行"))
    order_number = models.CharField(_("注文番号"), max_length=60, blank=True)
    result = models.CharField(_("結果"), max_length=8, choices=Result)
    code = models.CharField(_("コード"), max_length=40)
    detail = models.CharField(_("内容"), max_length=300, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("取り込みの行")
        ordering = ["line_number", "id"]

    def __str__(self) -> str:
        return f"{self.line_number} {self.code}"
