"""How the lab is laid out on terminals of different sizes."""

from __future__ import annotations

SMALLEST = (72, 20)
LAYOUTS = (("wide", 150, 45), ("middle", 110, 34), ("narrow", *SMALLEST), ("tiny", 0, 0))
"""(name, columns, lines) that a layout needs, the roomiest first."""


def layout_for(columns: int, lines: int) -> str:
    """The roomiest layout that fits a terminal."""
    return next(name for name, wide, high in LAYOUTS if columns >= wide and lines >= high)
