"""What the workbench tells of a recipe's model before it is trained: parts, cost, speed, and a batch through it."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import asdict
from typing import Any

import torch

from tui_lab import models
from tui_lab.data import load_images
from tui_lab.diffusion.forward import to_uint8
from tui_lab.engine.batches import training_batch
from tui_lab.engine.devices import resolve_device
from tui_lab.engine.precision import resolve_precision
from tui_lab.engine.startup import lone_learner, set_up_torch
from tui_lab.errors import DeviceError
from tui_lab.models import base
from tui_lab.recipe import Recipe, parse_recipe, replaced
from tui_lab.workbench.five_steps import five_steps
from tui_lab.workbench.wire import Message

_SHOWN = 256
"""Pictures of a batch that are handed over at most."""


def summary(request: dict[str, Any]) -> Generator[Message, None, None]:
    """`recipe`: its TOML. The cost is in the precision that the recipe asks for, where its device is here."""
    recipe = _recipe(request)
    found = models.summary(recipe, _autocast(recipe))
    yield Message({"kind": "result", **asdict(found)})


def architecture(request: dict[str, Any]) -> Generator[Message, None, None]:
    """`source`: as model.base_checkpoint names it. The knobs that make a recipe fit its weights."""
    yield Message({"kind": "result", "knobs": base.architecture(request["source"])})


def probe(request: dict[str, Any]) -> Generator[Message, None, None]:
    """`recipe`, `device`: two real updates, of which the second is timed: the first also loads and tunes kernels."""
    recipe = replaced(_recipe(request), {"training.device": request.get("device") or "auto"})
    device = resolve_device(recipe.training.device)
    images = load_images(recipe.dataset)
    set_up_torch(device)
    try:
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        learner = lone_learner(recipe, images, device)
        for _ in range(2):
            began = time.perf_counter()
            float(learner.update().loss)  # waits for the device
            seconds = time.perf_counter() - began
    except torch.OutOfMemoryError as error:
        raise DeviceError(
            f"{device} has too little memory for a step: lower training.train_batch_size or take a smaller [model]"
        ) from error
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    yield Message(
        {
            "kind": "result",
            "seconds_per_step": seconds,
            "peak_bytes": peak,
            "device": str(device),
        }
    )


def batch(request: dict[str, Any]) -> Generator[Message, None, None]:
    """`recipe`, `step`: the pictures of the engine's own batch there, after augmentation, as a blob (B, H, W, C)."""
    recipe = _recipe(request)
    made = training_batch(recipe, load_images(recipe.dataset), torch.device("cpu"), int(request.get("step") or 0))
    pixels = to_uint8(made.x0[:_SHOWN]).permute(0, 2, 3, 1).contiguous().numpy()
    yield Message({"kind": "result", "shape": list(pixels.shape)}, pixels.tobytes())


def one_batch(request: dict[str, Any]) -> Generator[Message, None, None]:
    """`recipe`, `source` ("" or a run[@step], whose own recipe is then used), `seed`: see `five_steps`."""
    seen = five_steps(_recipe(request), request.get("source") or "", int(request.get("seed") or 0))
    header = {
        "kind": "result",
        "timesteps": seen.timesteps,
        "losses": seen.losses,
        "shape": list(seen.rows.shape),
        "weights": seen.weights,
        "step": seen.step,
    }
    yield Message(header, seen.rows.tobytes())


def _recipe(request: dict[str, Any]) -> Recipe:
    return parse_recipe(request["recipe"], source="the recipe")


def _autocast(recipe: Recipe) -> bool:
    try:
        return resolve_precision(recipe.training.mixed_precision, resolve_device(recipe.training.device)) != "no"
    except DeviceError:
        return False
