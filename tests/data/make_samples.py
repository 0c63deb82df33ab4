#!/usr/bin/env python3
"""Makes the sample order files in this folder: `python3 tests/data/make_samples.py`.

The same files every time. All people, addresses and orders are invented. With `--large LINES FILE` it writes one
file of so many lines instead, for measuring.
"""

import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).parent
SEED = 20260701
TOKYO = timezone(timedelta(hours=9))
FIRST_DAY = datetime(2026, 6, 20, 0, 0, tzinfo=TOKYO)
REPORTED_AT = datetime(2026, 7, 8, 9, 30, tzinfo=TOKYO)

ACTIONABLE = [
    "order-id",
    "order-item-id",
    "purchase-date",
    "payments-date",
    "reporting-date",
    "promise-date",
    "days-past-promise",
    "buyer-email",
    "buyer-name",
    "buyer-phone-number",
    "sku",
    "product-name",
    "quantity-purchased",
    "quantity-shipped",
    "quantity-to-ship",
    "ship-service-level",
    "recipient-name",
    "ship-address-1",
    "ship-address-2",
    "ship-address-3",
    "ship-city",
    "ship-state",
    "ship-postal-code",
    "ship-country",
    "payment-method",
    "cod-collectible-amount",
    "already-paid",
    "payment-method-fee",
    "scheduled-delivery-start-date",
    "scheduled-delivery-end-date",
    "points-granted",
    "is-prime",
]
UNSHIPPED = [
    "order-id",
    "order-item-id",
    "purchase-date",
    "payments-date",
    "buyer-email",
    "buyer-name",
    "buyer-phone-number",
    "sku",
    "product-name",
    "quantity-purchased",
    "currency",
    "item-price",
    "item-tax",
    "shipping-price",
    "shipping-tax",
    "ship-service-level",
    "recipient-name",
    "ship-address-1",
    "ship-address-2",
    "ship-address-3",
    "ship-city",
    "ship-state",
    "ship-postal-code",
    "ship-country",
    "ship-phone-number",
    "delivery-start-date",
    "delivery-end-date",
    "delivery-time-zone",
    "delivery-Instructions",
]
ALL_ORDERS = [
    "amazon-order-id",
    "merchant-order-id",
    "purchase-date",
    "last-updated-date",
    "order-status",
    "fulfillment-channel",
    "sales-channel",
    "order-channel",
    "ship-service-level",
    "product-name",
    "sku",
    "asin",
    "item-status",
    "quantity",
    "currency",
    "item-price",
    "item-tax",
    "shipping-price",
    "shipping-tax",
    "gift-wrap-price",
    "gift-wrap-tax",
    "item-promotion-discount",
    "ship-promotion-discount",
    "ship-city",
    "ship-state",
    "ship-postal-code",
    "ship-country",
    "promotion-ids",
    "is-business-order",
    "purchase-order-number",
    "price-designation",
]

PRODUCTS = (
    ("POT-T5", "素焼き鉢 5号 ③個セット", 1000),
    ("SHEAR-180", "剪定ばさみ 180mm 日本製", 3280),
    ("CAN-4L", "ブリキのじょうろ 4L", 2980),
    ("SOIL-14", "有機培養土 14L", 1280),
    ("SEED-BASIL", "種 スイートバジル", 280),
    ("BOARD-HK", "ひのきのまな板 36cm", 4200),
    ("KETTLE-1L", "ドリップケトル 1.0L ステンレス", 6980),
    ("DONABE-8", "土鍋 8号 三島柄 ㈱見本窯", 7800),
    ("CLOTH-5", "蚊帳生地ふきん 5枚組 ～草木染～", 1650),
)
PEOPLE = (
    ("森下 遥", "haruka.morishita"),
    ("髙田 健一", "kenichi.takada"),
    ("山﨑 由美子", "yumiko.yamazaki"),
    ("長谷川 蓮", "ren.hasegawa"),
    ("渡邉 さくら", "sakura.watanabe"),
    ("佐藤 翔太", "shota.sato"),
)
PLACES = (
    ("京都市中京区", "京都府", "604-0000"),
    ("渋谷区", "東京都", "150-0000"),
    ("札幌市中央区", "北海道", "060-0000"),
    ("福岡市中央区", "福岡県", "810-0000"),
    ("那覇市", "沖縄県", "900-0000"),
)
STATUSES = ("Unshipped", "Unshipped", "Shipped", "Shipped", "Shipped", "Shipping", "Pending", "Cancelled")


class Order:
    """One invented order; the same serial number is always the same order."""

    def __init__(self, serial: int, prefix: int = 249) -> None:
        chance = random.Random(SEED * 1_000_003 + serial)
        self.number = f"{prefix}-{serial // 10**7:07d}-{serial % 10**7:07d}"
        self.placed_at = FIRST_DAY + timedelta(minutes=chance.randrange(18 * 24 * 60))
        self.ship_by = (self.placed_at + timedelta(days=chance.randint(1, 4))).replace(
            hour=23, minute=59, second=59
        )
        self.buyer, login = chance.choice(PEOPLE)
        self.email = f"{login}.{serial % 50}@buyer.example"
        self.city, self.state, self.postal_code = chance.choice(PLACES)
        self.street = f"見本町{chance.randint(1, 9)}-{chance.randint(1, 28)}"
        self.phone = f"090-0000-{chance.randrange(10_000):04d}"
        self.status = chance.choice(STATUSES)
        self.level = chance.choice(("Standard", "Expedited"))
        self.payment = chance.choice(("Other", "Other", "COD", "CVS"))
        products = chance.sample(PRODUCTS, chance.choices((1, 2, 3), (65, 25, 10))[0])
        self.items = [
            (f"{serial * 4 + position:014d}", *product, chance.choices((1, 2, 3), (80, 15, 5))[0])
            for position, product in enumerate(products)
        ]

    def unshipped(self) -> Iterator[dict[str, object]]:
        """Its lines in the layout with prices."""
        for position, (item_id, sku, title, price, quantity) in enumerate(self.items):
            yield self._person() | {
                "order-item-id": item_id,
                "sku": sku,
                "product-name": title,
                "quantity-purchased": quantity,
                "currency": "JPY",
                "item-price": price * quantity,
                "item-tax": 0,
                "shipping-price": 0 if position else 550,
                "shipping-tax": 0,
                "ship-phone-number": self.phone,
            }

    def actionable(self, *, shipped: bool = False) -> Iterator[dict[str, object]]:
        """Its lines in the layout with promise dates; `shipped` lets one unit of the first item have left."""
        for position, (item_id, sku, title, _, quantity) in enumerate(self.items):
            left = 1 if shipped and not position else 0
            yield self._person() | {
                "order-item-id": item_id,
                "reporting-date": REPORTED_AT.isoformat(),
                "promise-date": self.ship_by.isoformat(),
                "days-past-promise": (REPORTED_AT.date() - self.ship_by.date()).days,
                "sku": sku,
                "product-name": title,
                "quantity-purchased": quantity,
                "quantity-shipped": left,
                "quantity-to-ship": quantity - left,
                "payment-method": self.payment,
                "is-prime": "false",
            }

    def all_orders(self) -> Iterator[dict[str, object]]:
        """Its lines in the layout of every status; some unshipped orders have items shipped or cancelled."""
        chance = random.Random(self.number)
        for position, (_, sku, title, price, quantity) in enumerate(self.items):
            status = self.status
            if status == "Unshipped" and position:
                status = chance.choice(("Unshipped", "Shipped", "Cancelled"))
            cancelled = status == "Cancelled"
            yield {
                "amazon-order-id": self.number,
                "purchase-date": self.placed_at.astimezone(UTC).isoformat(),
                "last-updated-date": min(self.placed_at + timedelta(days=2), REPORTED_AT).isoformat(),
                "order-status": self.status,
                "fulfillment-channel": "Amazon" if self.number.endswith("7") else "Merchant",
                "sales-channel": "Marketplace",
                "ship-service-level": self.level,
                "product-name": title,
                "sku": sku,
                "item-status": status,
                "quantity": 0 if cancelled else quantity,
                "currency": "JPY",
                "item-price": "" if cancelled else price * quantity,
                "item-tax": "" if cancelled else 0,
                "shipping-price": "" if cancelled or position else 550,
                "item-promotion-discount": 100 if not cancelled and not position and price > 5000 else "",
                "ship-city": self.city,
                "ship-state": self.state,
                "ship-postal-code": self.postal_code,
                "ship-country": "JP",
                "is-business-order": "false",
            }

    def _person(self) -> dict[str, object]:
        return {
            "order-id": self.number,
            "purchase-date": self.placed_at.isoformat(),
            "payments-date": self.placed_at.isoformat(),
            "buyer-email": self.email,
            "buyer-name": self.buyer,
            "buyer-phone-number": self.phone,
            "ship-service-level": self.level,
            "recipient-name": self.buyer,
            "ship-address-1": self.street,
            "ship-city": self.city,
            "ship-state": self.state,
            "ship-postal-code": self.postal_code,
            "ship-country": "JP",
        }


def table(columns: Sequence[str], rows: Iterable[dict[str, object]], *, end: str = "\r\n") -> Iterator[str]:
    """Header and lines, as text."""
    yield "\t".join(columns) + end
    for row in rows:
        yield "\t".join(str(row.get(column, "")) for column in columns) + end


def write(name: str, lines: Iterable[str], encoding: str) -> None:
    """Put one sample into this folder."""
    (HERE / name).write_bytes("".join(lines).encode(encoding))


def with_errors() -> list[str]:
    """A file of the layout with prices whose lines 3, 5, 6, 7, 8, 9 and 10 cannot be taken over."""
    singles = [order for order in map(Order, range(700, 790)) if len(order.items) == 1]
    double = next(order for order in map(Order, range(700, 790)) if len(order.items) == 2)
    rows = [next(order.unshipped()) for order in singles[:7]]
    rows[1] |= {"order-id": "2.50E+17"}
    rows[2] |= {"order-id": rows[2]["order-id"].translate({ord("0") + n: 0xFF10 + n for n in range(10)})}
    rows[3] |= {"quantity-purchased": "1.5"}
    rows[4] |= {"item-price": "1,980"}
    rows[5] |= {"purchase-date": "2026/2/30"}
    rows[6] |= {"product-name": "見本\x1b[31m"}
    broken = list(double.unshipped())
    broken[1] |= {"sku": ""}
    return list(table(UNSHIPPED, [*rows, *broken]))


def main() -> None:
    """Write all samples."""
    write(
        "all_orders_cp932.txt",
        table(ALL_ORDERS, (row for n in range(300) for row in Order(n).all_orders())),
        "cp932",
    )
    open_orders = [order for order in map(Order, range(300)) if order.status in {"Unshipped", "Shipping"}]
    write(
        "actionable_cp932.txt",
        table(ACTIONABLE, (r for n, o in enumerate(open_orders) for r in o.actionable(shipped=n % 5 == 4))),
        "cp932",
    )
    write(
        "unshipped_utf8_bom.txt",
        table(UNSHIPPED, (row for n in range(400, 412) for row in Order(n).unshipped())),
        "utf-8-sig",
    )
    write(
        "unshipped_lf.txt",
        table(UNSHIPPED, (row for n in range(420, 426) for row in Order(n).unshipped()), end="\n"),
        "utf-8",
    )
    write("with_errors.txt", with_errors(), "utf-8")


def large(lines: int, path: Path) -> None:
    """Write a file of so many lines, of the layout with promise dates."""
    written, serial = 0, 10**6
    with path.open("w", encoding="cp932", newline="") as file:
        file.writelines(table(ACTIONABLE, []))
        while written < lines:
            text = list(table(ACTIONABLE, Order(serial).actionable()))[1 : lines - written + 1]
            file.writelines(text)
            written, serial = written + len(text), serial + 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--large"]:
        large(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
