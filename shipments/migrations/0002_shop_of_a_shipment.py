"""A shipment knows its shop: late ones are counted without a look at all orders of the shop."""

import django.db.models.deletion
from django.db import migrations, models

FILL = """
UPDATE shipments_shipment AS s SET seller_id = o.seller_id
FROM orders_order AS o WHERE o.id = s.order_id AND s.seller_id IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("shipments", "0001_initial")]

    operations = [
        migrations.AddField(
            "shipment",
            "seller",
            models.ForeignKey(
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.seller",
                verbose_name="出品者",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
