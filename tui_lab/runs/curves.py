"""A run's curves, folded from its journal: what was rewound is gone from them, what was applied is marked on them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from operator import itemgetter
from typing import Any

import numpy as np

from tui_lab.runs.columns import (
    METRICS,
    VALIDATION,
    Column,
    GrowingColumns,
    Rows,
    coarsened,
    group_starts,
    metrics_row,
    number,
)
from tui_lab.runs.interventions import Interventions
from tui_lab.runs.record import Record
from tui_lab.runs.summary import Summary, step_of

FULL_ROWS = 8_192
"""At least so many of the newest metrics records stay points of their own: a quick run's of seven minutes, in
1.5 MB at most."""
_MARKED = frozenset({"checkpoint", "paused", "resumed", "rewound", "preview", "warning"})


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at a step of the curve: a change that was applied, a pause, a rewind. `id` is its command's, if any."""

    step: int
    text: str
    kind: str
    id: str = ""


class Curves:
    """Feed it the journal: the summaries of its full files, then its records as they come.

    Each metrics record is a point: its window's last step and mean. Of those long past, 64 are one, so that memory
    stays small; none reaches across a checkpoint, and so a rewind always cuts between two.
    """

    def __init__(self) -> None:
        self._metrics = GrowingColumns(*METRICS)
        self._coarse = 0  # so many of the first rows are
        self._validation = GrowingColumns(*VALIDATION)
        self._marks: list[Mark] = []
        self._checkpoints: list[int] = []
        self._interventions = Interventions()
        self._by_timestep: list[tuple[int, Rows]] = []
        self.step = 0

    def feed(self, records: Iterable[Record]) -> None:
        for record in records:
            self._feed_event(record)
            if record.kind == "metrics":
                self._metrics.append(*metrics_row(record.step, record.data))
            elif record.kind == "validation":
                data = record.data
                self._validation.append(record.step, number(data.get("loss")), number(data.get("ema_loss")))
                bins = np.array(data.get("by_timestep") or np.empty((0, 2)), np.float64)
                self._by_timestep.append((record.step, bins))
            if record.kind != "starting":  # said before the checkpoint is read, and so without a step
                self.step = record.step
        if len(self._metrics) - self._coarse > 2 * FULL_ROWS:
            self._coarsen()

    def feed_summary(self, summary: Summary) -> None:
        """A whole file, in the order of the journal."""
        for section in summary.sections():
            events: Iterator[tuple[int, Record | Mark]] = ((event.seq, event) for event in section.events)
            marks: Iterator[tuple[int, Record | Mark]]
            marks = ((seq, Mark(step, kind, kind)) for seq, step, kind in section.cadence())
            for _, item in merge(events, marks, key=itemgetter(0)):
                if isinstance(item, Mark):
                    self._mark(item)
                else:
                    self._feed_event(item)
            self._metrics.extend(section.metrics[:, 1:])
            self._validation.extend(section.validation[:, 1 : 1 + len(VALIDATION)])
            steps = section.validation[:, 1]
            self._by_timestep += [(int(step), bins) for step, bins in zip(steps, section.by_timestep, strict=True)]
        self.step = summary.last_step
        if len(summary.metrics) < summary.metrics_records:
            self._coarse = len(self._metrics)

    def _feed_event(self, record: Record) -> None:
        self._interventions.feed([record])
        if record.kind == "rewound":
            self._rewind(int(record.data["to"]), frozenset(record.data.get("dropped", ())))
        if record.kind == "applied" and record.data.get("command") == "set":
            self._mark(Mark(record.step, _words(record), "applied", str(record.data.get("id", ""))))
        elif record.kind in _MARKED:
            self._mark(Mark(step_of(record), _words(record), record.kind))

    def _rewind(self, step: int, dropped: frozenset[str]) -> None:
        """Back to a checkpoint. Changes applied beyond it keep their marks, as they will be applied again; but not
        those that an undo dropped."""
        self._metrics.cut_after(step)
        self._coarse = min(self._coarse, len(self._metrics))
        self._validation.cut_after(step)
        self._by_timestep = [item for item in self._by_timestep if item[0] <= step]
        self._marks = [
            mark
            for mark in self._marks
            if (mark.kind != "applied" or mark.id not in dropped) and (mark.step <= step or mark.kind == "applied")
        ]
        self._checkpoints = [at for at in self._checkpoints if at <= step]

    def _mark(self, mark: Mark) -> None:
        self._marks.append(mark)
        if mark.kind == "checkpoint":
            self._checkpoints.append(mark.step)

    def _coarsen(self) -> None:
        """Of all but the newest FULL_ROWS of the points that stand for one record, 64 become one."""
        first, last = self._coarse, len(self._metrics) - FULL_ROWS
        old = self._metrics.rows[first:last]
        borders = np.searchsorted(old[:, 0], self._checkpoints, side="right")
        rows = coarsened(old, group_starts(len(old), borders.tolist()))
        self._metrics.replace(first, last, rows)
        self._coarse += len(rows)

    @property
    def steps(self) -> Column:
        return self._metrics["step"]

    @property
    def loss(self) -> Column:
        return self._metrics["loss"]

    @property
    def loss_min(self) -> Column:
        return self._metrics["loss_min"]

    @property
    def loss_max(self) -> Column:
        return self._metrics["loss_max"]

    @property
    def lr(self) -> Column:
        return self._metrics["learning_rate"]

    @property
    def grad_norm(self) -> Column:
        return self._metrics["grad_norm"]

    @property
    def steps_per_second(self) -> Column:
        return self._metrics["steps_per_second"]

    @property
    def data_share(self) -> Column:
        return self._metrics["data_share"]

    @property
    def preview_share(self) -> Column:
        return self._metrics["preview_share"]

    @property
    def memory(self) -> Column:
        return self._metrics["memory"]

    @property
    def validation(self) -> tuple[Column, Column]:
        """(steps, held-out loss of the trained weights)."""
        return self._validation["step"], self._validation["loss"]

    @property
    def validation_ema(self) -> tuple[Column, Column]:
        """(steps, held-out loss of the averaged weights)."""
        return self._validation["step"], self._validation["ema_loss"]

    @property
    def loss_by_timestep(self) -> list[list[float]]:
        """[[t, loss], …] of the last validation; empty before the first."""
        return self._by_timestep[-1][1].tolist() if self._by_timestep else []

    @property
    def marks(self) -> list[Mark]:
        """In the order of steps; what will be applied again after a rewind shows once its step has come."""
        self._marks.sort(key=lambda mark: mark.step)  # nearly sorted: one pass
        return self._marks[: bisect_right(self._marks, self.step, key=lambda mark: mark.step)]

    @property
    def live(self) -> dict[str, Any]:
        """Knobs that stand otherwise than in the recipe: {key: value}."""
        return self._interventions.until(self.step)


def _words(record: Record) -> str:
    data = record.data
    if record.kind == "rewound":
        return f"rewound from step {data['from']} to {data['to']}"
    if record.kind == "applied":
        return ", ".join(f"{key.partition('.')[2]} {old}→{new}" for key, (old, new) in data["changes"].items())
    return str(data.get("message") or record.kind)
