"""Who asks for a link to a new password is counted beside who fails to sign in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_second_factor_and_people_by_name")]

    operations = [
        migrations.AddField(
            "loginattempt",
            "kind",
            models.CharField(
                choices=[("SIGN_IN", "ログインの失敗"), ("LINK", "パスワードの再設定の依頼")],
                default="SIGN_IN",
                max_length=8,
                verbose_name="種類",
            ),
        ),
        migrations.RemoveIndex("loginattempt", "failed_sign_ins_of_account"),
        migrations.RemoveIndex("loginattempt", "failed_sign_ins_of_address"),
        migrations.RenameField("loginattempt", "failed_at", "happened_at"),
        migrations.AddIndex(
            "loginattempt", models.Index(fields=["email", "happened_at"], name="failed_sign_ins_of_account")
        ),
        migrations.AddIndex(
            "loginattempt", models.Index(fields=["address", "happened_at"], name="failed_sign_ins_of_address")
        ),
        migrations.AlterField("loginattempt", "happened_at", models.DateTimeField(verbose_name="日時")),
        migrations.AlterModelOptions(
            "loginattempt",
            {
                "verbose_name": "ログインの失敗と再設定の依頼",
                "verbose_name_plural": "ログインの失敗と再設定の依頼",
            },
        ),
    ]
