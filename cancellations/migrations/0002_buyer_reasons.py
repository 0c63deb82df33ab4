"""The reasons on the buyer's form; the operator may edit them afterwards (domain 6)."""

from django.db import migrations

REASONS = [
    ("ORDERED_BY_MISTAKE", "間違えて注文した", "Ordered by mistake", False),
    ("NO_LONGER_NEEDED", "商品が不要になった", "No longer needed", False),
    ("NOT_IN_TIME", "希望する日までに届かない", "Will not arrive in time", False),
    ("CHEAPER_ELSEWHERE", "他でより安い商品を見つけた", "Found cheaper elsewhere", False),
    ("SHIPPING_COST", "送料が高い", "Shipping cost too high", False),
    ("CHANGE_ADDRESS", "お届け先住所を変更したい", "Need to change the address", True),
    ("CHANGE_SHIPPING", "配送方法を変更したい", "Need to change shipping speed", True),
    ("CHANGE_PAYMENT", "お支払い方法を変更したい", "Need to change payment", True),
    ("OTHER", "その他", "Other", False),
]


def add(apps, schema_editor):
    model = apps.get_model("cancellations", "BuyerReason")
    for position, (code, label_ja, label_en, suggests_message) in enumerate(REASONS):
        model.objects.update_or_create(
            code=code,
            defaults={
                "label_ja": label_ja,
                "label_en": label_en,
                "suggests_message": suggests_message,
                "position": position,
            },
        )


class Migration(migrations.Migration):
    dependencies = [("cancellations", "0001_initial")]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
