"""`make bench`: load the standard data, measure the portal and the limit in one run, say who kept which target."""

import argparse
import sys
import time
from pathlib import Path

from . import ground
from .verdict import Row, table, write

RESULTS = Path(__file__).resolve().parent / "results"


def main() -> int:
    """Measure, print, keep. 1 if a target is missed by far or a bound on statements is broken."""
    options = _options()
    begun = time.monotonic()

    def tell(stage: str) -> None:
        print(f"{time.monotonic() - begun:6.0f} s  {stage}", flush=True)

    tell(f"making the database {options.database}")
    try:
        with ground.laid(options.database, keep=options.keep):
            rows, about = _measure(options, tell)
    except ground.Occupied:
        print(f"another benchmark is at work in {options.database}", file=sys.stderr)
        return 2
    tell("done")
    print()
    print(table(rows))
    write(options.output, rows, about)
    # A tenth of the data for a moment says nothing about time.
    failed = [row for row in rows if row.fails(by_time=not options.quick)]
    for row in failed:
        print(f"FAILED {row.what}: {row.says}")
    return 1 if failed else 0


def _measure(options: argparse.Namespace, tell) -> tuple[list[Row], dict]:
    import django
    import psycopg2
    from django.db import connection
    from django.utils import timezone

    from . import acts, documents, files, machines, pages, rates, stock, talks

    size, overdue, imported = (stock.QUICK, 2_000, 2_000) if options.quick else (stock.STANDARD, 20_000, 100_000)
    shops, times = (4_000, 5) if options.quick else (10_000, 20)
    lines, days = (1_000, 30) if options.quick else (10_000, 365)
    tell(f"loading {size.shop_orders + size.other_orders:,} orders")
    begun = time.monotonic()
    loaded = stock.load(size, now=timezone.now())
    loading = time.monotonic() - begun
    tell(f"{loaded.orders:,} orders, {loaded.items:,} lines; looking at the books")
    _sound(acts)
    rows = [
        *pages.measure(loaded, rounds=options.rounds, times=times, tell=tell),
        *machines.measure(loaded, rounds=options.rounds, times=times, tell=tell),
        *talks.measure(loaded, rounds=options.rounds, times=times, tell=tell),
        *rates.measure(loaded, shops=shops, rounds=options.rounds, times=times, tell=tell),
        *acts.one_cancellation(loaded, rounds=options.rounds, times=times, tell=tell),
        *acts.bulk(loaded, rounds=options.rounds, tell=tell),
        *acts.sweep(orders=overdue, rounds=options.rounds, tell=tell),
        *files.measure(loaded, orders=imported, tell=tell),
        *documents.measure(loaded, lines=lines, days=days, rounds=options.rounds, tell=tell),
    ]
    tell("looking at the books again")
    _sound(acts)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'),"
            " current_setting('synchronous_commit'), current_setting('shared_buffers')"
        )
        version, fsync, synchronous, buffers = cursor.fetchone()
    about = {
        "orders": loaded.orders,
        "items": loaded.items,
        "orders_of_the_shop": loaded.shop_orders,
        "loaded_in_seconds": round(loading),
        "overdue": overdue,
        "imported": imported,
        "rounds": options.rounds,
        "seed": "none: the data follow from the order's number",
        "quick": options.quick,
        "django": django.get_version(),
        "psycopg2": psycopg2.__version__.partition(" ")[0],
        "postgresql": version.partition(" ")[0],
        "fsync": fsync,
        "synchronous_commit": synchronous,
        "shared_buffers": buffers,
    }
    return rows, about


def _sound(acts) -> None:
    """Measure nothing on books that do not add up."""
    from cancellations.queries import database_now

    if offences := acts.offences(now=database_now()):
        raise RuntimeError("the books do not add up: " + "; ".join(offences))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the data; only statements decide")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement (default: 5)")
    parser.add_argument(
        "--database",
        default=ground.NAME,
        help=f"name of the database to make and drop, {ground.NAME} or {ground.NAME}_…",
    )
    parser.add_argument("--keep", action="store_true", help="leave the database for a closer look")
    parser.add_argument("--output", type=Path, help="where the figures go (default: bench/results/)")
    options = parser.parse_args()
    if options.output is None:
        options.output = RESULTS / ("main-road-quick.json" if options.quick else "main-road.json")
    return options


if __name__ == "__main__":
    sys.exit(main())
