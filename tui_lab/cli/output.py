"""What commands print: results on stdout, words about them on stderr, nothing that a terminal would obey."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from tui_lab.sanitize import clean


def say(text: str) -> None:
    """A line of words, on stderr: stdout is for results."""
    sys.stderr.write(clean(text, 1000) + "\n")
    sys.stderr.flush()


def put(text: str = "") -> None:
    """A line of results."""
    sys.stdout.write(clean(text, 4000) + "\n")
    sys.stdout.flush()


def put_json(document: Any) -> None:
    """One JSON document; numbers that are not finite are null."""
    from tui_lab.runs.lines import finite

    sys.stdout.write(json.dumps(finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def put_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Columns as wide as their cells, the last one as long as it likes; those named in `right` end alike."""
    cells = [list(headings), *([clean(cell, 200) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        padded = [
            cell.rjust(width) if heading in right else cell.ljust(width)
            for heading, cell, width in zip(headings, row, widths, strict=True)
        ]
        put("  ".join(padded).rstrip())


def put_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Name and value, one pair a line; those without a value are left out."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        if value:
            put(f"{name.ljust(width)}  {value}")


def number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def ago(when: float) -> str:
    """How long since `when`, in the largest unit that fits."""
    seconds = max(0.0, time.time() - when)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
