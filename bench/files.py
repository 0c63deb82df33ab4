"""An order file of new orders, taken over by the import, beside COPY and one statement."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from accounts.actors import Actor, Door, Role
from accounts.models import Seller
from cancellations.queries import database_now
from orders import import_records
from orders.imports import run_import
from orders.models import Order

from . import limit
from .clock import seconds_of
from .stock import Stock
from .verdict import Row

IMPORT_RATIO = 15.0
COLUMNS = (
    "order-id",
    "order-item-id",
    "purchase-date",
    "buyer-email",
    "buyer-name",
    "sku",
    "product-name",
    "quantity-purchased",
    "currency",
    "item-price",
    "shipping-price",
    "recipient-name",
    "ship-address-1",
    "ship-city",
    "ship-state",
    "ship-postal-code",
    "ship-country",
)


def measure(loaded: Stock, *, orders: int, tell: Callable[[str], None]) -> Iterator[Row]:
    """Take over a file, and another one like it by hand. Once: a second time it would change nothing."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("ours", "limit")]
        for prefix, path in zip((901, 902), paths, strict=True):
            _write(path, orders, prefix)
        tell(f"import of {orders:,} orders, ours")
        ours = seconds_of(lambda: _import(paths[0], loaded))
        tell(f"import of {orders:,} orders, limit")
        with limit.connected() as bare, paths[1].open(encoding="utf-8") as content:
            theirs = seconds_of(
                lambda: limit.take_over(bare, content=content, seller=loaded.tiny_shop, now=database_now())
            )
    counts = [Order.objects.filter(number__startswith=f"{prefix}-").count() for prefix in (901, 902)]
    if counts != [orders, orders]:
        raise RuntimeError(f"the two sides took over {counts} orders")
    yield Row(
        "import",
        f"import of {orders:,} new orders",
        "orders/s",
        orders / ours,
        orders / theirs,
        ratio=ours / theirs,
        at_most=IMPORT_RATIO,
    )


def _import(path: Path, loaded: Stock) -> None:
    seller = Seller.objects.get(pk=loaded.tiny_shop)
    by = Actor(Role.SYSTEM, Door.IMPORT, loaded.tiny_staff.pk, loaded.tiny_staff.name)
    opened = import_records.open_import(seller=seller, file_name=path.name, by=by, now=database_now())
    with path.open("rb") as content:
        done = run_import(import_id=opened.pk, content=content, clock=database_now)
    if done.lines_refused or done.state != done.State.DONE:
        raise RuntimeError(f"the import ended {done.state}: {done.lines_refused} lines refused {done.error}")


def _write(path: Path, orders: int, prefix: int) -> None:
    """One line an order; no two share a number or an item's."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        print(*COLUMNS, sep="\t", file=file)
        for number in range(orders):
            print(
                f"{prefix}-{number:07d}-{number * 7919 % 10**7:07d}",
                f"{prefix}{number:011d}",
                "2026-01-05T10:00:00+09:00",
                "",
                "森下 遥",
                f"POT-{number % 100:03d}-A",
                "素焼き鉢 5号",
                1 + number % 3,
                "JPY",
                1960,
                500,
                "森下 遥",
                "見本町 12-3",
                "京都市",
                "京都府",
                "604-0000",
                "JP",
                sep="\t",
                file=file,
            )
