"""Whole denoisings that a live run is asked for: drawn between its steps, and nothing of training is touched."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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


CLASSES = {"model.num_class_embeds": 5, "loss.class_dropout": 0.1, "training.max_train_steps": 20}
DATA = {"kind": "data", "index": 4}
CONTROL: dict[str, dict[str, Any]] = {
    "an image, a mask and a pull": {
        "start": {"kind": "image", "image": DATA, "strength": 0.75},
        "keep": {"height": 8, "width": 8, "runs": [20, 44]},
        "pull": {"kind": "brightness", "scale": 20.0},
    },
    "an inversion": {"start": {"kind": "inversion", "image": DATA}},
    "a row of classes, away from one": {
        "between": {"kind": "classes", "to": 3},
        "negative_class": 1,
        "knobs": {"guidance_scale": 2.0, "guidance_schedule": "cosine", "guidance_until": 0.8},
    },
}


def again(run: Tiny, step: int, resolved: Denoising, panes: Sequence[str]) -> bytes:
    """The panes of all steps, drawn from the run's checkpoint of that step."""
    weights = find_weights(run.folder, step)
    drawing = begin_drawing(
        resolved,
        weights.recipe,
        step,
        training_scheduler(weights.recipe.noise_scheduler).config,
        SamplerModel(weights.recipe.model, with_weights(weights.recipe, weights.load()), "no"),
        torch.device("cpu"),
    )
    return b"".join(step.panes(panes).tobytes() for step in drawing.steps)


@pytest.mark.parametrize("control", CONTROL)
def test_control_is_drawn_from_the_live_weights_as_from_the_checkpoint(
    tiny: Make, monkeypatch: pytest.MonkeyPatch, control: str
) -> None:
    monkeypatch.setitem(previews.SHARES, "request", 0.999)
    run, fields = tiny(CLASSES), {"knobs": {}, **CONTROL[control]}
    knobs = {"scheduler": "DDIMScheduler", "num_inference_steps": 4, "num_images": 2, **fields["knobs"]}
    asked = {"source": run.folder.id, **fields, "knobs": knobs}
    run.train({2: [("pause", {}), ("checkpoint", {}), ("preview", {"denoising": asked}), ("resume", {})]})
    (drawn,) = (record for record in run.records("preview") if record.data["reason"] == "request")
    path = Path(drawn.data["path"])
    told = json.loads(path.with_suffix(".json").read_text())
    assert again(run, 2, parse_denoising(told["denoising"]), told["panes"]) == np.load(path).tobytes()
    assert same(tiny(CLASSES).train().tensors(), run.tensors())


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
    assert again(run, 2, resolved, ALL) == recorded.tobytes()


def test_weights_are_the_same_with_denoisings_asked_for_at_every_step(
    tiny: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(previews.SHARES, "request", 0.999)
    changes = {"training.max_train_steps": 40, "sampling.every_steps": 0, "sampling.num_inference_steps": 1}
    plain = tiny(changes).train()
    for drawn in (1, 40):
        busy = tiny(changes)
        asked = {"denoising": {"source": busy.folder.id, "knobs": {"num_images": 1, "scheduler": "DDPMScheduler"}}}
        busy.train({step: [("preview", asked)] for step in range(drawn)})
        assert [record.data["reason"] for record in busy.records("preview")] == ["request"] * drawn
        assert same(plain.tensors(), busy.tensors())
