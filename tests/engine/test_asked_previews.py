"""Whole denoisings that a live run is asked for: drawn between its steps, and nothing of training is touched."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.engine.tiny import Tiny, same
from tui_lab.diffusion.noise_schedulers import training_scheduler
from tui_lab.engine import previews
from tui_lab.engine.drawing import begin_drawing
from tui_lab.engine.previews import ALL
from tui_lab.models.checkpoints import find_weights
from tui_lab.models.export import with_weights
from tui_lab.models.sampler_model import SamplerModel
from tui_lab.recipe.denoising import Denoising, parse_denoising

Make = Callable[..., Tiny]


def test_it_is_drawn_from_the_ema_and_recorded_with_all_that_makes_it_again(tiny: Make) -> None:
    run = tiny()
    asked = Denoising(source=run.folder.id, knobs={"seed": 5, "num_inference_steps": 4, "num_images": 3})
    run.train({2: [("pause", {}), ("sample", {"denoising": asked.to_json()}), ("checkpoint", {}), ("resume", {})]})
    assert [answer.ok for answer in run.answers] == [True] * 4
    assert same(tiny().train().tensors(), run.tensors())

    path = Path(run.records("preview")[0].data["path"])
    recorded, told = np.load(path), json.loads(path.with_suffix(".json").read_text())
    assert recorded.shape == (4, 4, 3, 8, 8, 3)
    assert told["panes"] == ["x_t", "x0", "eps", "change"]
    assert len(told["levels"]) == 4 and all(len(level) == 4 for level in told["levels"])
    resolved = parse_denoising(told["denoising"])
    assert (resolved.checkpoint, resolved.knobs["seed"], resolved.knobs["scheduler"]) == (
        2,
        5,
        "DPMSolverMultistepScheduler",
    )
    # From the checkpoint of the same step it is drawn again, to the same pixels.
    weights = find_weights(run.folder, 2)
    again = begin_drawing(
        resolved,
        weights.recipe,
        2,
        training_scheduler(weights.recipe.noise_scheduler).config,
        SamplerModel(weights.recipe.model, with_weights(weights.recipe, weights.load()), "no"),
        torch.device("cpu"),
    )
    assert all((step.panes(ALL) == pixels).all() for step, pixels in zip(again.steps, recorded, strict=True))


@pytest.mark.parametrize("drawn", [1, 100])
def test_weights_are_the_same_with_denoisings_asked_for_at_every_step(
    tiny: Make, monkeypatch: pytest.MonkeyPatch, drawn: int
) -> None:
    monkeypatch.setitem(previews.SHARES, "request", 0.999)
    changes = {"training.max_train_steps": 100, "sampling.every_steps": 0, "sampling.num_inference_steps": 1}
    plain, busy = tiny(changes), tiny(changes)
    asked = {"denoising": {"source": busy.folder.id, "knobs": {"num_images": 1, "scheduler": "DDPMScheduler"}}}
    busy.train({step: [("preview", asked)] for step in range(drawn)})
    assert [record.data["reason"] for record in busy.records("preview")] == ["request"] * drawn
    assert same(plain.train().tensors(), busy.tensors())
