"""Shipment and ShipmentItem: what a seller confirmed to have sent."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Seller
from events.models import Event
from orders.models import Order, OrderItem


class Shipment(models.Model):
    """One shipment confirmation: the portal knows confirmations, not parcels (domain 3.3)."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="shipments", verbose_name=_("注文"))
    # The order's own, once more: a shop's late shipments are counted without a look at all its orders.
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    event = models.OneToOneField(Event, models.PROTECT, related_name="shipment", verbose_name=_("出来事"))
    confirmed_at = models.DateTimeField(_("出荷通知日時"))
    shipped_on = models.DateField(_("出荷日"))
    carrier = models.CharField(_("配送会社"), max_length=60, blank=True)
    tracking_number = models.CharField(_("お問い合わせ番号"), max_length=60, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("出荷通知")
        indexes = [models.Index(fields=["seller", "confirmed_at"], name="shipments_of_seller")]

    def __str__(self) -> str:
        return f"{self.order} {timezone.localtime(self.confirmed_at):%Y/%m/%d}"


class ShipmentItem(models.Model):
    """Units of one item in a shipment."""

    shipment = models.ForeignKey(Shipment, models.CASCADE, related_name="items", verbose_name=_("出荷通知"))
    item = models.ForeignKey(OrderItem, models.PROTECT, related_name="shipment_items", verbose_name=_("注文商品"))
    quantity = models.PositiveIntegerField(_("数量"))

    class Meta:
        verbose_name = verbose_name_plural = _("出荷した商品")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "item"], name="one_line_per_item_and_shipment"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="shipped_units_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.item} × {self.quantity}"
