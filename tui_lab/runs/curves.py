"""A run's curves, folded from its journal: what was rewound is gone from them, what was applied is marked on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui_lab.runs.interventions import Interventions
from tui_lab.runs.journal import Record

Column = NDArray[np.float64]
_MARKED = frozenset({"checkpoint", "paused", "resumed", "rewound", "preview", "warning"})


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at a step of the curve: a change that was applied, a pause, a rewind. `id` is its command's, if any."""

    step: int
    text: str
    kind: str
    id: str = ""


class GrowingColumns:
    """Rows of float64 under fixed names, appended in amortised constant time."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self._rows = np.empty((64, len(names)))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, *row: float) -> None:
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[self._count] = row
        self._count += 1

    def cut_after(self, step: int) -> None:
        """Drop rows beyond `step`; the first column is the step, in ascending order."""
        self._count = int(np.searchsorted(self._rows[: self._count, 0], step, side="right"))

    def __getitem__(self, name: str) -> Column:
        """A view, without a copy: valid until the next row is appended."""
        column = self._rows[: self._count, self.names.index(name)]
        column.flags.writeable = False
        return column


class Curves:
    """Feed it the journal's records as they come. Each metrics record is a point: its window's last step and mean."""

    def __init__(self) -> None:
        self._metrics = GrowingColumns(
            "step", "loss", "loss_min", "loss_max", "learning_rate", "grad_norm", "steps_per_second", "data_share",
            "preview_share", "memory",
        )  # fmt: skip
        self._validation = GrowingColumns("step", "loss", "ema_loss")
        self._marks: list[Mark] = []
        self._interventions = Interventions()
        self._by_timestep: list[tuple[int, list[list[float]]]] = []
        self.step = 0

    def feed(self, records: Iterable[Record]) -> None:
        for record in records:
            self._interventions.feed([record])
            if record.kind == "metrics":
                self._feed_metrics(record)
            elif record.kind == "validation":
                self._feed_validation(record)
            elif record.kind == "rewound":
                self._rewind(int(record.data["to"]), frozenset(record.data.get("dropped", ())))
            if record.kind == "applied" and record.data.get("command") == "set":
                self._mark(record, "applied")
            elif record.kind in _MARKED:
                self._mark(record, record.kind)
            if record.kind != "starting":  # said before the checkpoint is read, and so without a step
                self.step = record.step

    def _feed_metrics(self, record: Record) -> None:
        data = record.data
        loss = data.get("loss", {})
        self._metrics.append(
            record.step,
            _number(loss.get("mean")),
            _number(loss.get("min")),
            _number(loss.get("max")),
            _last(data, "learning_rate"),
            _last(data, "grad_norm"),
            _last(data, "steps_per_second"),
            _last(data, "data_share"),
            _last(data, "preview_share"),
            _last(data, "memory"),
        )

    def _feed_validation(self, record: Record) -> None:
        data = record.data
        self._validation.append(record.step, _number(data.get("loss")), _number(data.get("ema_loss")))
        self._by_timestep.append((record.step, data.get("by_timestep", [])))

    def _rewind(self, step: int, dropped: frozenset[str]) -> None:
        """Back to a checkpoint. Changes applied beyond it keep their marks, as they will be applied again; but not
        those that an undo dropped."""
        self._metrics.cut_after(step)
        self._validation.cut_after(step)
        self._by_timestep = [item for item in self._by_timestep if item[0] <= step]
        self._marks = [
            mark for mark in self._marks if mark.step <= step or (mark.kind == "applied" and mark.id not in dropped)
        ]

    def _mark(self, record: Record, kind: str) -> None:
        self._marks.append(Mark(record.step, _words(record), kind, str(record.data.get("id", ""))))

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
        return self._by_timestep[-1][1] if self._by_timestep else []

    @property
    def marks(self) -> list[Mark]:
        """In the order of steps; what will be applied again after a rewind shows once its step has come."""
        return sorted((mark for mark in self._marks if mark.step <= self.step), key=lambda mark: mark.step)

    @property
    def live(self) -> dict[str, Any]:
        """Knobs that stand otherwise than in the recipe: {key: value}."""
        return self._interventions.until(self.step)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _last(data: dict[str, Any], name: str) -> float:
    return _number(data.get(name, {}).get("last"))


def _words(record: Record) -> str:
    data = record.data
    if record.kind == "rewound":
        return f"rewound from step {data['from']} to {data['to']}"
    if record.kind == "applied":
        return ", ".join(f"{key.partition('.')[2]} {old}→{new}" for key, (old, new) in data["changes"].items())
    return str(data.get("message") or record.kind)
