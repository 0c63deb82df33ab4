"""Authorization, Charge, Refund: money reserved, taken and given back."""

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from orders.models import Order, OrderItem

from .providers.base import About
from .rules import RefundReason


class MoneyState(models.TextChoices):
    """State of one movement of money at the provider."""

    PENDING = "PENDING", _("処理中")
    SUCCEEDED = "SUCCEEDED", _("完了")
    FAILED = "FAILED", _("失敗")


class Authorization(models.Model):
    """The reservation of an order's money. Nothing is taken by it (domain 11)."""

    class State(models.TextChoices):
        REQUESTED = "REQUESTED", _("確認中")
        HELD = "HELD", _("確保済み")
        RELEASED = "RELEASED", _("解放済み")
        FAILED = "FAILED", _("失敗")

    order = models.OneToOneField(Order, models.PROTECT, related_name="authorization", verbose_name=_("注文"))
    provider = models.CharField(_("決済会社"), max_length=20)
    provider_ref = models.CharField(_("決済番号"), max_length=100, null=True, unique=True)
    amount = models.DecimalField(_("確保額"), max_digits=12, decimal_places=2)
    # What the provider was first asked for: a question that is asked again asks for the same.
    asked = models.DecimalField(_("依頼額"), max_digits=12, decimal_places=2)
    released = models.DecimalField(_("解放額"), max_digits=12, decimal_places=2, default=0)
    currency = models.CharField(_("通貨"), max_length=3)
    state = models.CharField(_("状態"), max_length=10, choices=State, default=State.REQUESTED)

    class Meta:
        verbose_name = verbose_name_plural = _("与信")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="authorized_not_negative"),
            models.CheckConstraint(
                condition=Q(released__gte=0) & Q(released__lte=F("amount")), name="released_within_authorized"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order} {self.amount} {self.currency}"


class Charge(models.Model):
    """Money taken for an order, because its shipment was confirmed."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="charges", verbose_name=_("注文"))
    shipment = models.OneToOneField(
        "shipments.Shipment", models.PROTECT, related_name="charge", verbose_name=_("出荷通知")
    )
    provider_ref = models.CharField(_("決済番号"), max_length=100, null=True, unique=True)
    amount = models.DecimalField(_("請求額"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("通貨"), max_length=3)
    state = models.CharField(_("状態"), max_length=10, choices=MoneyState, default=MoneyState.PENDING)
    charged_at = models.DateTimeField(_("請求日時"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("請求")
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="charge_is_positive")]

    def __str__(self) -> str:
        return f"{self.order} {self.amount} {self.currency}"


class Refund(models.Model):
    """Money going back on one charge."""

    class Reason(models.TextChoices):
        NOT_SHIPPED = RefundReason.NOT_SHIPPED.value, _("未発送")
        RETURN = RefundReason.RETURN.value, _("返品")
        REFUSED = RefundReason.REFUSED.value, _("受取拒否")
        CUSTOMER_CANCEL = RefundReason.CUSTOMER_CANCEL.value, _("購入者都合")
        NO_INVENTORY = RefundReason.NO_INVENTORY.value, _("在庫切れ")
        PRICE_ADJUSTMENT = RefundReason.PRICE_ADJUSTMENT.value, _("価格調整")
        OTHER = RefundReason.OTHER.value, _("その他")
        CANCELLATION = RefundReason.CANCELLATION.value, _("キャンセル")

    order = models.ForeignKey(Order, models.PROTECT, related_name="refunds", verbose_name=_("注文"))
    charge = models.ForeignKey(Charge, models.PROTECT, related_name="refunds", verbose_name=_("請求"))
    idempotency_key = models.CharField(_("冪等キー"), max_length=100, unique=True)
    provider_ref = models.CharField(_("決済番号"), max_length=100, null=True, unique=True)
    amount = models.DecimalField(_("返金額"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("通貨"), max_length=3)
    reason = models.CharField(_("理由"), max_length=20, choices=Reason)
    memo = models.TextField(_("出品者メモ"), blank=True, default="")
    state = models.CharField(_("状態"), max_length=10, choices=MoneyState, default=MoneyState.PENDING)
    requested_at = models.DateTimeField(_("返金受付日時"))
    refunded_at = models.DateTimeField(_("返金日時"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("返金")
        indexes = [
            # Goods confirmed as sent that never left: the operators' own list (domain 11, D-31).
            models.Index(fields=["-id"], name="refunds_not_shipped", condition=Q(reason="NOT_SHIPPED")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_is_positive"),
            models.CheckConstraint(
                condition=Q(reason__in=[reason.value for reason in RefundReason]), name="refund_reason_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order} {self.amount} {self.currency}"

    @property
    def stands(self) -> bool:
        """Whether its money goes or went back."""
        return self.state != MoneyState.FAILED

    @property
    def beside(self) -> Decimal:
        """What is no item's share: shipping, or an amount alone."""
        return self.amount - sum((part.amount for part in self.items.all()), Decimal(0))


class ProviderNotice(models.Model):
    """What a provider told by itself, also of what nobody here knows: kept, tried again for a day, then listed."""

    class State(models.TextChoices):
        UNKNOWN = "UNKNOWN", _("照合待ち")
        APPLIED = "APPLIED", _("反映済み")
        NO_CHANGE = "NO_CHANGE", _("変更なし")

    provider = models.CharField(_("決済会社"), max_length=20)
    number = models.CharField(_("通知番号"), max_length=100)
    about = models.CharField(_("内容"), max_length=12, choices=[(about.value, about.value) for about in About])
    key = models.CharField(_("冪等キー"), max_length=100)
    reference = models.CharField(_("決済番号"), max_length=100)
    succeeded = models.BooleanField(_("成功"))
    received_at = models.DateTimeField(_("受信日時"))
    state = models.CharField(_("状態"), max_length=10, choices=State, default=State.UNKNOWN)
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, related_name="provider_notices", verbose_name=_("注文")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("決済会社からの通知")
        indexes = [
            models.Index(fields=["received_at"], name="notices_of_unknown_money", condition=Q(state="UNKNOWN")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["provider", "number"], name="one_row_per_notice"),
            models.CheckConstraint(
                condition=Q(state="UNKNOWN", order__isnull=True) | ~Q(state="UNKNOWN"),
                name="unknown_notice_names_no_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.number}"


class RefundItem(models.Model):
    """The share of one item in a refund."""

    refund = models.ForeignKey(Refund, models.CASCADE, related_name="items", verbose_name=_("返金"))
    item = models.ForeignKey(OrderItem, models.PROTECT, related_name="+", verbose_name=_("注文商品"))
    quantity = models.PositiveIntegerField(_("数量"))
    amount = models.DecimalField(_("金額"), max_digits=12, decimal_places=2)

    class Meta:
        verbose_name = verbose_name_plural = _("返金の商品")
        constraints = [
            models.UniqueConstraint(fields=["refund", "item"], name="one_share_per_item_and_refund"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="refund_share_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.item} × {self.quantity}"
