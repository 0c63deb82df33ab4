"""What the invented shops sell, and the invented people who buy there."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from orders.actions import ItemDraft

FREE_SHIPPING_FROM = 5000
SHIPPING = 550


@dataclass(frozen=True, slots=True)
class Product:
    """One thing on the shelf; the price is in yen, tax included."""

    sku: str
    title: str
    price: int
    not_cancelable_reason: str = ""

    def line(self, quantity: int = 1, *, shipping: int = 0) -> ItemDraft:
        """This product as a line of an order."""
        return ItemDraft(
            sku=self.sku,
            title=self.title,
            quantity=quantity,
            item_price=Decimal(self.price * quantity),
            shipping_price=Decimal(shipping),
            buyer_cancelable=not self.not_cancelable_reason,
            not_cancelable_reason=self.not_cancelable_reason,
        )


POT = Product("POT-T5", "素焼き鉢 5号 3個セット", 1000)
TRAY = Product("TRAY-R5", "受け皿 丸型 5号", 500)
SHEARS = Product("SHEAR-180", "剪定ばさみ 180mm 日本製", 3280)
CAN = Product("CAN-4L", "ブリキのじょうろ 4L", 2980)
SOIL = Product("SOIL-14", "有機培養土 14L", 1280)
BASIL = Product("SEED-BASIL", "種 スイートバジル", 280)
TOMATO = Product("SEED-TOM", "種 ミニトマト 紅てまり", 330)
GLOVES = Product("GLOVE-M", "園芸手袋 革 Mサイズ", 1680)
APRON = Product("APRON-LN", "リネンエプロン ネイビー", 5400)
BOARD = Product("BOARD-HK", "ひのきのまな板 36cm", 4200)
KETTLE = Product("KETTLE-1L", "ドリップケトル 1.0L ステンレス", 6980)
DONABE = Product("DONABE-8", "土鍋 8号 三島柄", 7800)
NAME_PLATE = Product(
    "PLATE-NAME",
    "名入れ ガーデンプレート 真鍮",
    3600,
    not_cancelable_reason="名入れ加工のため、ご注文後はキャンセルできません。",
)

GARDEN_AND_KITCHEN = (
    POT,
    TRAY,
    SHEARS,
    CAN,
    SOIL,
    BASIL,
    TOMATO,
    GLOVES,
    APRON,
    BOARD,
    KETTLE,
    DONABE,
    Product("SEED-LET", "種 サニーレタス", 250),
    Product("SEED-COS", "種 コスモス ミックス", 300),
    Product("BULB-TUL", "チューリップ球根 10球 ミックス", 1480),
    Product("TROWEL-S", "移植ごて ステンレス", 1180),
    Product("PLANTER-60", "プランター 60cm テラコッタ色", 1580),
    Product("HOSE-15", "ホースリール 15m", 4980),
    Product("FERT-500", "液体肥料 500ml", 880),
    Product("LABEL-30", "植物ラベル 木製 30枚", 480),
    Product("KNIFE-165", "三徳包丁 165mm", 8600),
    Product("BOWL-4", "波佐見焼 飯碗 4個セット", 5200),
    Product("CLOTH-5", "蚊帳生地ふきん 5枚組", 1650),
    Product("JAR-900", "保存瓶 900ml 3本セット", 2280),
    Product("SPROUT-KIT", "スプラウト栽培キット", 1380),
)

OUTDOOR = (
    Product("R-LANTERN", "LEDランタン 充電式", 3980),
    Product("R-MUG", "チタンマグ 450ml", 3200),
    Product("R-SHEET", "レジャーシート 200×200cm", 2480),
    Product("R-CHAIR", "折りたたみチェア 軽量", 5980),
)

FAMILY_NAMES = (
    ("佐藤", "sato"),
    ("鈴木", "suzuki"),
    ("高橋", "takahashi"),
    ("田中", "tanaka"),
    ("伊藤", "ito"),
    ("渡辺", "watanabe"),
    ("山本", "yamamoto"),
    ("中村", "nakamura"),
    ("小林", "kobayashi"),
    ("加藤", "kato"),
    ("吉田", "yoshida"),
    ("髙田", "takada"),
    ("山﨑", "yamazaki"),
    ("森下", "morishita"),
    ("斎藤", "saito"),
    ("清水", "shimizu"),
    ("長谷川", "hasegawa"),
    ("石川", "ishikawa"),
    ("近藤", "kondo"),
    ("藤井", "fujii"),
)
GIVEN_NAMES = (
    ("遥", "haruka"),
    ("翔太", "shota"),
    ("美咲", "misaki"),
    ("健一", "kenichi"),
    ("陽菜", "hina"),
    ("大輔", "daisuke"),
    ("由美子", "yumiko"),
    ("拓海", "takumi"),
    ("さくら", "sakura"),
    ("直樹", "naoki"),
    ("恵", "megumi"),
    ("蓮", "ren"),
    ("千尋", "chihiro"),
    ("亮", "ryo"),
    ("葵", "aoi"),
)
# Towns exist, districts and houses do not.
PLACES = (
    ("060-0000", "北海道", "札幌市中央区"),
    ("980-0000", "宮城県", "仙台市青葉区"),
    ("330-0000", "埼玉県", "さいたま市浦和区"),
    ("260-0000", "千葉県", "千葉市中央区"),
    ("150-0000", "東京都", "渋谷区"),
    ("180-0000", "東京都", "武蔵野市"),
    ("220-0000", "神奈川県", "横浜市西区"),
    ("950-0000", "新潟県", "新潟市中央区"),
    ("920-0000", "石川県", "金沢市"),
    ("460-0000", "愛知県", "名古屋市中区"),
    ("604-0000", "京都府", "京都市中京区"),
    ("530-0000", "大阪府", "大阪市北区"),
    ("650-0000", "兵庫県", "神戸市中央区"),
    ("730-0000", "広島県", "広島市中区"),
    ("760-0000", "香川県", "高松市"),
    ("810-0000", "福岡県", "福岡市中央区"),
    ("900-0000", "沖縄県", "那覇市"),
)
BUILDINGS = ("", "", "みどり荘 203", "サンプルハイツ 501", "コーポ見本 102")
SERVICE_LEVELS = ("通常配送", "通常配送", "通常配送", "お急ぎ便", "お届け日時指定便")
PAYMENT_METHODS = ("クレジットカード", "クレジットカード", "クレジットカード", "代金引換", "電子マネー")
CARRIERS = ("ヤマト運輸", "佐川急便", "日本郵便")


def buyer(number: int) -> tuple[str, str]:
    """Address and name of an invented buyer; the same number is always the same person."""
    family, family_roman = FAMILY_NAMES[number % len(FAMILY_NAMES)]
    given, given_roman = GIVEN_NAMES[number // len(FAMILY_NAMES) % len(GIVEN_NAMES)]
    return f"{given_roman}.{family_roman}.{number + 1}@buyer.example", f"{family} {given}"


def recipient(name: str, chance: Random) -> Mapping[str, str]:
    """Somewhere in Japan for a parcel to this name."""
    postal_code, state, city = chance.choice(PLACES)
    return {
        "name": name,
        "phone": f"090-0000-{chance.randrange(10_000):04d}",
        "postal_code": postal_code,
        "state": state,
        "city": city,
        "line1": f"見本町{chance.randint(1, 9)}丁目{chance.randint(1, 28)}-{chance.randint(1, 20)}",
        "line2": chance.choice(BUILDINGS),
    }


def basket(products: tuple[Product, ...], chance: Random) -> list[ItemDraft]:
    """One to four different products; shipping is free from a certain amount on, else paid with the first line."""
    chosen = chance.sample(products, chance.choices((1, 2, 3, 4), (60, 25, 10, 5))[0])
    quantities = [chance.choices((1, 2, 3), (80, 15, 5))[0] for _ in chosen]
    goods = sum(product.price * quantity for product, quantity in zip(chosen, quantities, strict=True))
    shipping = 0 if goods >= FREE_SHIPPING_FROM else SHIPPING
    return [
        product.line(quantity, shipping=0 if position else shipping)
        for position, (product, quantity) in enumerate(zip(chosen, quantities, strict=True))
    ]


def tracking_number(chance: Random) -> str:
    """Twelve digits in groups, as carriers print them."""
    return "-".join(f"{chance.randrange(10_000):04d}" for _ in range(3))
