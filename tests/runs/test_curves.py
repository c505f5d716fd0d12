import math
from typing import Any

import numpy as np
import pytest

from tui_lab.runs.columns import GrowingColumns
from tui_lab.runs.curves import Curves
from tui_lab.runs.record import Record


class Tape:
    """Records in the order of calls."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def add(self, kind: str, step: int, **data: Any) -> None:
        self.records.append(Record(len(self.records) + 1, 0.0, step, kind, data))

    def metrics(self, *steps: int) -> None:
        for step in steps:
            loss = {"mean": 1.0 / step, "min": 0.5 / step, "max": 2.0 / step, "last": 1.0 / step}
            self.add("metrics", step, count=1, loss=loss, learning_rate={"last": 1e-3}, steps_per_second={"last": 5.0})

    def applied(self, step: int, old: float, new: float) -> None:
        key = "optimizer.learning_rate"
        self.add("applied", step, id=f"c{step}", command="set", changes={key: [old, new]})

    def curves(self) -> Curves:
        curves = Curves()
        for record in self.records:  # one at a time, as they come
            curves.feed([record])
        return curves


def test_metrics_become_columns() -> None:
    tape = Tape()
    tape.metrics(*range(1, 201))
    curves = tape.curves()
    assert np.array_equal(curves.steps, np.arange(1, 201))
    assert np.allclose(curves.loss, 1 / curves.steps)
    assert np.allclose(curves.loss_max, 2 / curves.steps) and np.allclose(curves.loss_min, 0.5 / curves.steps)
    assert curves.lr[-1] == 1e-3 and math.isnan(curves.grad_norm[-1])


def test_a_rewind_takes_points_and_validations_away() -> None:
    tape = Tape()
    tape.metrics(50, 100, 150)
    tape.add("validation", 100, loss=0.3, ema_loss=0.2, by_timestep=[[0, 0.1]], seconds=1.0)
    tape.add("validation", 150, loss=0.9, ema_loss=0.8, by_timestep=[[0, 0.9]], seconds=1.0)
    tape.add("rewound", 100, **{"from": 150, "to": 100})
    curves = tape.curves()
    assert curves.steps.tolist() == [50, 100]
    assert [column.tolist() for column in curves.validation] == [[100], [0.3]]
    assert [column.tolist() for column in curves.validation_ema] == [[100], [0.2]]
    assert curves.loss_by_timestep == [[0, 0.1]]
    tape.metrics(120, 150)
    assert tape.curves().steps.tolist() == [50, 100, 120, 150]


def test_changes_are_live_and_marked() -> None:
    tape = Tape()
    tape.metrics(10)
    tape.applied(10, 1e-3, 5e-4)
    curves = tape.curves()
    assert curves.live == {"optimizer.learning_rate": 5e-4}
    assert [(mark.step, mark.text) for mark in curves.marks] == [(10, "learning_rate 0.001→0.0005")]


def test_after_a_rewind_a_change_stands_again_once_its_step_has_come() -> None:
    tape = Tape()
    tape.metrics(100, 150)
    tape.applied(150, 1e-3, 5e-4)
    tape.add("rewound", 100, **{"from": 150, "to": 100})
    curves = tape.curves()
    assert curves.live == {} and [mark.kind for mark in curves.marks] == ["rewound"]
    tape.metrics(160)
    curves = tape.curves()
    assert curves.live == {"optimizer.learning_rate": 5e-4}
    assert [mark.kind for mark in curves.marks] == ["rewound", "applied"]


def test_an_undo_takes_its_changes_and_their_marks_away_for_good() -> None:
    tape = Tape()
    tape.metrics(100)
    tape.applied(110, 1e-3, 5e-4)
    tape.applied(120, 5e-4, 9.0)
    tape.metrics(150)
    tape.add("rewound", 100, **{"from": 150, "to": 100, "dropped": ["c120"]})
    tape.metrics(160)
    curves = tape.curves()
    assert curves.live == {"optimizer.learning_rate": 5e-4}
    assert [(mark.step, mark.kind) for mark in curves.marks] == [(100, "rewound"), (110, "applied")]


def test_a_loss_that_is_not_finite_is_nan_in_the_column() -> None:
    tape = Tape()
    tape.add("metrics", 1, count=1, loss={"mean": None, "min": None, "max": None, "last": None})
    assert math.isnan(tape.curves().loss[0])


def test_columns_grow_and_cannot_be_written_by_readers() -> None:
    columns = GrowingColumns("step", "value")
    for step in range(1000):
        columns.append(step, -step)
    assert columns["value"][-1] == -999 and len(columns) == 1000
    columns.cut_after(499)
    assert len(columns) == 500
    with pytest.raises(ValueError, match="read-only"):
        columns["value"][0] = 1
