"""A run's numbers as columns: one row for each metrics record, and one for each 64 of what is long past."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
Rows = NDArray[np.float64]

METRICS = (
    "step", "loss", "loss_min", "loss_max", "learning_rate", "grad_norm", "steps_per_second", "data_share",
    "preview_share", "memory",
)  # fmt: skip
VALIDATION = ("step", "loss", "ema_loss")
COARSE = 64
"""So many rows become one: a million records are 16,000 rows, still 50 for each column of a wide chart."""

_MEAN, _LOW, _HIGH, _LAST = np.add, np.fmin, np.fmax, None
_REDUCE = {"step": _LAST, "loss_min": _LOW, "loss_max": _HIGH, "learning_rate": _LAST, "memory": _HIGH}
"""How a column's rows become one; the mean where nothing is said. Values that are not finite are left out."""


def metrics_row(step: int, data: dict[str, Any]) -> tuple[float, ...]:
    """The row, in the order of METRICS, of a metrics record: its window's last step, mean loss, and last values."""
    loss = data.get("loss") or {}
    return (
        step,
        number(loss.get("mean")),
        number(loss.get("min")),
        number(loss.get("max")),
        *(number((data.get(name) or {}).get("last")) for name in METRICS[4:]),
    )


def number(value: object) -> float:
    """NaN for what is none: JSON has no word for a loss that is not finite."""
    return float(value) if isinstance(value, int | float | np.number) else float("nan")


def group_starts(count: int, borders: Iterable[int], size: int = COARSE) -> NDArray[np.intp]:
    """Where groups of at most `size` of `count` rows begin, if none may reach across a border (an index of a row)."""
    sections = np.array(sorted({0, *(border for border in borders if 0 < border < count)}), np.intp)
    rows = np.arange(count)
    within = rows - sections[np.searchsorted(sections, rows, side="right") - 1]
    return np.flatnonzero(within % size == 0)


def coarsened(rows: Rows, starts: NDArray[np.intp], names: tuple[str, ...] = METRICS) -> Rows:
    """(n, k) rows under `names`, one for each group that begins at `starts`."""
    if not len(rows):
        return rows
    result = np.empty((len(starts), rows.shape[1]))
    ends = np.append(starts[1:], len(rows))
    for index, name in enumerate(names):
        column, reduce = rows[:, index], _REDUCE.get(name, _MEAN)
        if reduce is _LAST:
            result[:, index] = column[ends - 1]
        elif reduce is _MEAN:
            finite = np.isfinite(column)
            counts = np.add.reduceat(finite, starts, dtype=np.float64)
            sums = np.add.reduceat(np.where(finite, column, 0.0), starts)
            result[:, index] = np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)
        else:
            result[:, index] = reduce.reduceat(column, starts)
    return result


class GrowingColumns:
    """Rows of float64 under fixed names, appended in amortised constant time."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self._rows = np.empty((64, len(names)))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> Rows:
        """A view, as `[name]` is one."""
        view = self._rows[: self._count]
        view.flags.writeable = False
        return view

    def append(self, *row: float) -> None:
        self._reserve(1)
        self._rows[self._count] = row
        self._count += 1

    def extend(self, rows: Rows) -> None:
        self._reserve(len(rows))
        self._rows[self._count : self._count + len(rows)] = rows
        self._count += len(rows)

    def _reserve(self, more: int) -> None:
        if self._count + more > len(self._rows):
            grown = np.empty((max(2 * len(self._rows), self._count + more), len(self.names)))
            grown[: self._count] = self._rows[: self._count]
            self._rows = grown

    def replace(self, start: int, stop: int, rows: Rows) -> None:
        """Put other rows in the place of those from `start` to before `stop`; what is no longer needed is freed."""
        self._rows = np.concatenate([self._rows[:start], rows, self._rows[stop : self._count]])
        self._count = len(self._rows)

    def cut_after(self, step: int) -> None:
        """Drop rows beyond `step`; the first column is the step, in ascending order."""
        self._count = int(np.searchsorted(self._rows[: self._count, 0], step, side="right"))

    def __getitem__(self, name: str) -> Column:
        """A view, without a copy: valid until the next row is appended."""
        column = self._rows[: self._count, self.names.index(name)]
        column.flags.writeable = False
        return column
