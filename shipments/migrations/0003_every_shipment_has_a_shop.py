"""Of its own: rows filled in one transaction cannot be required in the same."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shipments", "0002_shop_of_a_shipment")]

    operations = [
        migrations.AlterField(
            "shipment",
            "seller",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.seller",
                verbose_name="出品者",
            ),
        ),
        migrations.AddIndex(
            "shipment", models.Index(fields=["seller", "confirmed_at"], name="shipments_of_seller")
        ),
    ]
