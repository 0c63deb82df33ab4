"""Authorization, Charge, Refund: money reserved, taken and given back."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from orders.models import Order, OrderItem


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
        CANCELLATION = "CANCELLATION", _("キャンセル")

    order = models.ForeignKey(Order, models.PROTECT, related_name="refunds", verbose_name=_("注文"))
    charge = models.ForeignKey(Charge, models.PROTECT, related_name="refunds", verbose_name=_("請求"))
    idempotency_key = models.CharField(_("冪等キー"), max_length=100, unique=True)
    provider_ref = models.CharField(_("決済番号"), max_length=100, null=True, unique=True)
    amount = models.DecimalField(_("返金額"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("通貨"), max_length=3)
    reason = models.CharField(_("理由"), max_length=20, choices=Reason)
    state = models.CharField(_("状態"), max_length=10, choices=MoneyState, default=MoneyState.PENDING)
    requested_at = models.DateTimeField(_("返金受付日時"))
    refunded_at = models.DateTimeField(_("返金日時"), null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("返金")
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="refund_is_positive")]

    def __str__(self) -> str:
        return f"{self.order} {self.amount} {self.currency}"


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
