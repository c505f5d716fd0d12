"""What previews cost, by a clock that only training and model calls move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.engine.tiny import tiny_recipe
from tui_lab.engine import previews
from tui_lab.engine.previews import Previews
from tui_lab.recipe import Recipe
from tui_lab.runs.folder import RunFolder


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Session:
    """Takes frames and records; previews end in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = RunFolder(folder)
        self.kept: list[dict[str, Any]] = []
        self.warnings: list[str] = []

    def frame(self, header: dict[str, Any], pixels: object) -> None:
        pass

    def next_preview_path(self, step: int) -> Path:
        return self.folder.path / f"step-{step:08d}-{len(self.kept):04d}.npy"

    def record(self, kind: str, step: int, **data: Any) -> None:
        if kind == "preview":
            self.kept.append({"step": step, **data})
        elif kind == "warning":
            self.warnings.append(data["message"])


class Training:
    """Steps and model calls that take a set time, and a preview every so many steps where its time is saved up."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe, step_seconds: float, call_seconds: float
    ) -> None:
        self.clock = Clock()
        monkeypatch.setattr(previews, "perf_counter", self.clock)
        self.session = Session(folder)
        self.step_seconds, self.call_seconds = step_seconds, call_seconds
        self.recipe = recipe
        self.calls: list[int] = []
        """Model calls after each step."""
        self.trained = self.drawn = 0.0
        self.shares: list[float] = []
        self.previews = Previews(self.session, nn.Linear(1, 1), self._answer, "live")  # type: ignore[arg-type]

    def _answer(self, model: nn.Module, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        self.clock.now += self.call_seconds
        self.drawn += self.call_seconds
        self.calls[-1] += 1
        return torch.zeros_like(x)

    def go(self, steps: int) -> None:
        for step in range(1, steps + 1):
            self.clock.now += self.step_seconds
            self.trained += self.step_seconds
            self.calls.append(0)
            self.previews.work()
            self.shares.append(self.previews.share)
            due = step % self.recipe.sampling.every_steps == 0
            if due and self.previews.drawing is None and self.previews.paid_for:
                self.previews.begin(step, self.recipe, "cadence")


def recipe(every: int) -> Recipe:
    return tiny_recipe({"sampling.every_steps": every, "sampling.num_inference_steps": 20})


def test_at_the_quickstarts_cadence_every_preview_is_drawn_and_costs_less_than_3_percent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(tmp_path, monkeypatch, recipe(100), step_seconds=0.2, call_seconds=0.015)
    training.go(750)
    assert [kept["step"] for kept in training.session.kept] == [100, 200, 300, 400, 500, 600, 700]
    assert training.drawn / training.trained < 0.03


@pytest.mark.parametrize("step_seconds", [0.002, 0.02, 1.5])
def test_previews_that_come_too_often_come_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_seconds: float
) -> None:
    training = Training(tmp_path, monkeypatch, recipe(1), step_seconds, call_seconds=0.1)
    training.go(int(600 / step_seconds))
    one = 20 * training.call_seconds
    assert len(training.session.kept) >= 0.8 * 0.03 * training.trained / one
    assert training.drawn <= 0.03 * training.trained + one  # the first is paid for afterwards


def test_there_is_one_model_call_at_most_between_two_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(tmp_path, monkeypatch, recipe(30), step_seconds=1.0, call_seconds=0.001)
    training.go(60)
    assert max(training.calls) == 1
    assert sum(training.calls) >= 20


def test_the_share_that_is_told_is_the_one_that_is_paid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(tmp_path, monkeypatch, recipe(1), step_seconds=0.05, call_seconds=0.01)
    training.go(10_000)
    told = training.shares[2000:]
    assert sum(told) / len(told) == pytest.approx(0.03, abs=0.004)
    assert max(told) < 0.05


def test_what_a_person_asks_for_is_drawn_faster_and_costs_no_savings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(tmp_path, monkeypatch, recipe(100), step_seconds=0.2, call_seconds=0.015)
    training.previews.begin(0, training.recipe, "request")
    training.go(12)
    assert [kept["reason"] for kept in training.session.kept] == ["request"]
    assert training.previews.paid_for
    assert training.shares[2] > 0


def test_where_the_memory_is_full_a_preview_is_drawn_in_parts_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def answer(model: nn.Module, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        asked.append(len(x))
        if len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return torch.zeros_like(x)

    session = Session(tmp_path)
    drawing = Previews(session, nn.Linear(1, 1), answer, "live")  # type: ignore[arg-type]
    drawing.begin(5, tiny_recipe({"sampling.num_images": 4}), "request")
    drawing.finish()
    assert asked == [4, 2, 2, 2, 2, 2, 2]
    assert session.warnings == ["the device's memory was full: the preview is drawn 2 pictures at a time"]
    assert len(session.kept) == 1
