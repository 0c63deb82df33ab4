"""Deliveries that fail again and again are found at once, not only when they have given up."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0006_history_is_not_emptied")]

    operations = [
        migrations.AddIndex(
            "delivery",
            models.Index(
                fields=["-id"],
                name="deliveries_retried",
                condition=models.Q(state="PENDING") & ~models.Q(last_error=""),
            ),
        )
    ]
