"""Sellers give money back after the charge, for reasons of their own."""

from django.db import migrations, models

REASONS = [
    ("NOT_SHIPPED", "未発送"),
    ("RETURN", "返品"),
    ("REFUSED", "受取拒否"),
    ("CUSTOMER_CANCEL", "購入者都合"),
    ("NO_INVENTORY", "在庫切れ"),
    ("PRICE_ADJUSTMENT", "価格調整"),
    ("OTHER", "その他"),
    ("CANCELLATION", "キャンセル"),
]


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]

    operations = [
        migrations.AddField("refund", "memo", models.TextField(blank=True, default="", verbose_name="出品者メモ")),
        migrations.AlterField(
            "refund", "reason", models.CharField(choices=REASONS, max_length=20, verbose_name="理由")
        ),
        migrations.AddIndex(
            "refund",
            models.Index(fields=["-id"], name="refunds_not_shipped", condition=models.Q(reason="NOT_SHIPPED")),
        ),
        migrations.AddConstraint(
            "refund",
            models.CheckConstraint(
                condition=models.Q(reason__in=[code for code, _ in REASONS]), name="refund_reason_is_known"
            ),
        ),
    ]
