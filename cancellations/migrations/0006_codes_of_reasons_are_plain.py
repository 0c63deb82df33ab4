"""A buyer's reason has a plain code: it can never be changed."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cancellations", "0005_remind_of_open_requests")]

    operations = [
        migrations.AlterField(
            "buyerreason",
            "code",
            models.CharField(
                max_length=40,
                unique=True,
                validators=[
                    django.core.validators.RegexValidator(
                        "\\A[A-Z][A-Z0-9_]*\\Z", "半角の大文字の英字、数字、「_」で入力してください。"
                    )
                ],
                verbose_name="コード",
            ),
        )
    ]
