"""Why an import failed, as code and facts: its sentence is written in the language of whoever reads it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_what_operators_look_for")]

    operations = [
        migrations.AddField(
            "import", "error_code", models.CharField(blank=True, max_length=40, verbose_name="エラーコード")
        ),
        migrations.AddField(
            "import", "error_facts", models.JSONField(blank=True, default=dict, verbose_name="エラーの詳細")
        ),
        # The old sentence began with the code; what it said besides stands in facts that nobody can read out of it.
        migrations.RunSQL(
            "UPDATE orders_import SET error_code = split_part(error, ':', 1) WHERE error <> ''",
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField("import", "error"),
    ]
