"""A long curve as blocks of its points at three sizes, so that a view of it costs what the screen holds, whatever the
curve's length; a curve that grew has only its new points gathered."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.number]
Band = tuple[Numbers, Numbers]

BLOCKS = (16, 128, 1024)
"""Points a block, by level; each is a multiple of the one before."""
_LOWER_A_BLOCK = tuple(higher // lower for lower, higher in itertools.pairwise(BLOCKS))
_BLOCKS_A_COLUMN = 8
"""A column is made of at least so many: its edges are then right to an eighth of it, which nobody sees."""
_PROBES = 32


class Parts(NamedTuple):
    """Points gathered in groups of neighbours, in the order of x: (m,) each. A group whose points are all not finite
    has 0 `points`, a `low` of inf and a `high` of -inf."""

    x: Numbers
    total: Floats
    points: Floats
    low: Floats
    high: Floats


def parts_of(x: Numbers, y: Numbers, band: Band | None, block: int = 1) -> Parts:
    """Groups of `block` points; those at the end that fill no block are left out. x of a group is that of its first."""
    whole = len(x) // block * block
    finite = np.isfinite(y[:whole])
    low, high = band or (y, y)
    columns = (
        np.where(finite, y[:whole], 0.0),
        finite.astype(np.float64),
        np.where(finite, low[:whole], np.inf),
        np.where(finite, high[:whole], -np.inf),
    )
    if block == 1:
        return Parts(x, *columns)
    return Parts(x[:whole:block], *_folded(columns, block))


def _folded(columns: Sequence[Floats] | Floats, size: int) -> tuple[Floats, Floats, Floats, Floats]:
    """`size` neighbours made one, of (total, count, low, high); what is left over at the end is left out."""
    whole = len(columns[0]) // size * size
    total, count, low, high = (column[:whole].reshape(-1, size) for column in columns)
    return total.sum(1), count.sum(1), low.min(1), high.max(1)


class Pyramid:
    """The blocks of one curve; its points stay with the caller, who hands them over at each look.

    It costs a fifth of what four columns of points take.
    """

    def __init__(self) -> None:
        self._levels = [_Level() for _ in BLOCKS]
        self._probes = np.empty(0, np.intp)
        self._seen = np.empty((2, 0))

    def parts(self, x: Numbers, y: Numbers, band: Band | None, span: slice, columns: int) -> Parts:
        """What is within `span` of the points, in groups that are small beside a `columns`th of it."""
        points = span.stop - span.start
        level = sum(points // columns >= block * _BLOCKS_A_COLUMN for block in BLOCKS) - 1
        if level < 0:
            return parts_of(x[span], y[span], band and (band[0][span], band[1][span]))
        self._take(x, y, band)
        block = BLOCKS[level]
        first, end = -(-span.start // block), span.stop // block
        gathered = self._levels[level].between(first, end)
        # What fills no block at either end is gathered for this view alone.
        head, tail = slice(span.start, first * block), slice(end * block, span.stop)
        loose = [parts_of(x[at], y[at], band and (band[0][at], band[1][at])) for at in (head, tail)]
        starts = x[first * block : end * block : block]
        middle = Parts(starts, *gathered)
        return Parts(*(np.concatenate(each) for each in zip(loose[0], middle, loose[1], strict=True)))

    def _take(self, x: Numbers, y: Numbers, band: Band | None) -> None:
        if not self._is_continued_by(x, y):
            for level in self._levels:
                level.clear()
        lowest = self._levels[0]
        rest = slice(len(lowest) * BLOCKS[0], len(x))
        lowest.extend(parts_of(x[rest], y[rest], band and (band[0][rest], band[1][rest]), BLOCKS[0])[1:])
        for size, (lower, level) in zip(_LOWER_A_BLOCK, itertools.pairwise(self._levels), strict=True):
            level.extend(_folded(lower.between(len(level) * size, len(lower)), size))
        self._probes = np.linspace(0, len(x) - 1, min(_PROBES, len(x))).astype(np.intp)
        self._seen = np.stack([x[self._probes], y[self._probes]]).astype(np.float64)

    def _is_continued_by(self, x: Numbers, y: Numbers) -> bool:
        """Whether these are the points that were gathered, and perhaps more: a rewound run has others from some step
        on, and its last points tell."""
        if not len(self._probes) or len(x) <= self._probes[-1]:
            return False
        now = np.stack([x[self._probes], y[self._probes]]).astype(np.float64)
        return np.array_equal(now, self._seen, equal_nan=True)


class _Level:
    """Rows of (total, count, low, high), appended in amortised constant time."""

    def __init__(self) -> None:
        self._rows = np.empty((4, 0))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def clear(self) -> None:
        self._count = 0

    def extend(self, columns: Sequence[Floats]) -> None:
        count = self._count + len(columns[0])
        if count > self._rows.shape[1]:
            grown = np.empty((4, count + count // 4))
            grown[:, : self._count] = self._rows[:, : self._count]
            self._rows = grown
        self._rows[:, self._count : count] = columns
        self._count = count

    def between(self, first: int, end: int) -> Floats:
        return self._rows[:, first:end]
