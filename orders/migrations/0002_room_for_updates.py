"""Leave room in the pages of rows that change a few times, and clean them up early."""

from django.db import migrations

ROOM = """
ALTER TABLE {table} SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
"""
USUAL = """
ALTER TABLE {table} RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.RunSQL(ROOM.format(table=table), USUAL.format(table=table))
        for table in ("orders_order", "orders_orderitem")
    ]
