"""A reservation keeps what the provider was asked for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_what_providers_tell")]

    operations = [
        migrations.AddField(
            model_name="authorization",
            name="asked",
            field=models.DecimalField(max_digits=12, decimal_places=2, null=True, verbose_name="依頼額"),
        ),
        migrations.RunSQL("UPDATE payments_authorization SET asked = amount", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="authorization",
            name="asked",
            field=models.DecimalField(max_digits=12, decimal_places=2, verbose_name="依頼額"),
        ),
    ]
