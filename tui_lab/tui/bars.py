"""Counts as bars of text: lying for named things, standing for a histogram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_STANDING = " ▁▂▃▄▅▆▇█"


def lying_bar(share: float, width: int, plain: bool = False) -> str:
    """A bar of `share` (0 to 1) of `width` cells; what is above 0 is seen. `plain` draws it with #."""
    if plain:
        return "#" * (max(1, round(share * width)) if share > 0 else 0)
    halves = max(1, round(share * width * 2)) if share > 0 else 0
    return "━" * (halves // 2) + "╸" * (halves % 2)


def standing_bars(counts: Sequence[float] | NDArray[np.int64], height: int, plain: bool = False) -> list[str]:
    """`height` lines, the top one first, a column a count, the highest as high as there is room."""
    values = np.asarray(counts, dtype=np.float64)
    top = values.max(initial=0.0)
    shares = values / top if top > 0 else values
    eighths = np.where(values > 0, np.maximum(1, np.rint(shares * height * 8)), 0).astype(int)
    lines = []
    for line in range(height - 1, -1, -1):
        levels = np.clip(eighths - 8 * line, 0, 8).tolist()
        lines.append("".join("#" if level >= 4 else " " for level in levels) if plain else _stand(levels))
    return lines


def merged(counts: NDArray[np.int64], columns: int) -> NDArray[np.int64]:
    """(N,) counts as (columns,), neighbours added up; as many as there are where there is room for all."""
    if columns >= len(counts):
        return counts
    edges = np.linspace(0, len(counts), columns + 1).astype(np.intp)
    sums: NDArray[np.int64] = np.add.reduceat(counts, edges[:-1])
    return sums


def _stand(levels: Sequence[int]) -> str:
    return "".join(_STANDING[level] for level in levels)
