"""A seller ID is a capital letter, then capital letters and digits: nobody mistakes one for another, or for a key."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_links_to_a_new_password")]

    operations = [
        migrations.AlterField(
            "seller",
            "merchant_id",
            models.CharField(
                max_length=32,
                unique=True,
                validators=[
                    django.core.validators.RegexValidator(
                        "\\A[A-Z][A-Z0-9]*\\Z",
                        "半角の大文字の英字で始め、半角の大文字の英字と数字で入力してください。",
                    )
                ],
                verbose_name="出品者ID",
            ),
        )
    ]
