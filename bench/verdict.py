"""Rows of figures with their targets, as a table for people and as JSON for later."""

import json
import os
import platform
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# A machine has moods: a ratio fails the run when it misses its target by more than this.
LENIENCE = 1.25


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside its target.

    `ratio` is ours against the limit: `at_most` bounds it, or `at_least` where more is better; `best_ratio` is
    that of the quickest, which a busy machine troubles least. `statements` has its own bound.
    """

    key: str
    what: str
    unit: str
    ours: float
    limit: float | None = None
    ours_best: float | None = None
    limit_best: float | None = None
    ratio: float | None = None
    best_ratio: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    statements: float | None = None
    statements_at_most: float | None = None

    def keeps_ratio(self, lenience: float = 1.0) -> bool:
        """Whether the ratio holds, give or take."""
        if self.ratio is None:
            return True
        if self.at_most is not None and self.ratio > self.at_most * lenience:
            return False
        return self.at_least is None or self.ratio >= self.at_least / lenience

    @property
    def keeps_statements(self) -> bool:
        """Whether no more statements were sent than allowed."""
        if self.statements is None or self.statements_at_most is None:
            return True
        return self.statements <= self.statements_at_most

    @property
    def says(self) -> str:
        """Ok, or what is missed."""
        missed = [
            name
            for name, kept in (("ratio", self.keeps_ratio()), ("statements", self.keeps_statements))
            if not kept
        ]
        if not missed:
            return "ok"
        return f"MISSED {' and '.join(missed)}"

    def fails(self, *, by_time: bool) -> bool:
        """Whether the run ends badly for this row's sake."""
        return not (self.keeps_statements and (not by_time or self.keeps_ratio(LENIENCE)))


def table(rows: Sequence[Row]) -> str:
    """All rows in columns."""
    head = ("what", "ours", "limit", "ratio", "of best", "target", "statements", "")
    lines = [head, *[_cells(row) for row in rows]]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            _pad(cell, width, right=0 < column < 7)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    target = ""
    if row.at_most is not None:
        target = f"<= {row.at_most:g}"
    elif row.at_least is not None:
        target = f">= {row.at_least:.2f}"
    sent = ""
    if row.statements is not None:
        sent = f"{row.statements:g}"
        sent += f" (<= {row.statements_at_most:g})" if row.statements_at_most is not None else ""
    return (
        row.what,
        f"{row.ours:,.{_digits(row)}f} {row.unit}",
        "" if row.limit is None else f"{row.limit:,.{_digits(row)}f} {row.unit}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if row.best_ratio is None else f"{row.best_ratio:.2f}",
        target,
        sent,
        row.says,
    )


def _digits(row: Row) -> int:
    return 0 if row.ours > 1000 or row.unit == "rows" else 2


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _pad(text: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if right else text + blanks


def write(path: Path, rows: Sequence[Row], about: dict) -> None:
    """Keep the figures, with what they were measured on; nothing that names the machine."""
    found = {
        "about": {
            **about,
            "python": platform.python_version(),
            "cores": os.cpu_count(),
        },
        "rows": [{**asdict(row), "says": row.says} for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
