"""Drawing pictures from what is trained."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from tui_lab import models
from tui_lab.data.load import load_cached
from tui_lab.diffusion import sampling
from tui_lab.diffusion.noise_schedulers import sampler_from_config
from tui_lab.engine.devices import device_name, resolve_device
from tui_lab.engine.labels import labels_in_turn, predict_of
from tui_lab.errors import DeviceError, LabError, RecipeError
from tui_lab.models.classes import null_label, real_classes
from tui_lab.recipe import Recipe, replaced
from tui_lab.sanitize import clean
from tui_lab.workbench.sources import load_source
from tui_lab.workbench.wire import Message

_KNOBS = (
    "scheduler",
    "num_inference_steps",
    "eta",
    "seed",
    "num_images",
    "guidance_scale",
    "timestep_spacing",
    "sigma_schedule",
)


def sample(request: dict[str, Any]) -> Generator[Message, None, None]:
    """Denoise: a "step" for each model call, with its two pictures as the blob. The fields: client.SampleRequest."""
    started = time.monotonic()
    device = resolve_device(request.get("device") or "auto")
    try:
        source = load_source(request["source"], request.get("checkpoint"))
        asked = {f"sampling.{name}": request[name] for name in _KNOBS if request.get(name) is not None}
        recipe = replaced(source.recipe, asked)
        knobs = recipe.sampling
        if request.get("guidance_scale") is not None:
            _check_guidance(recipe)
        labels = _labels(recipe, request.get("class_labels") or (), knobs.num_images, device)
        about = {"seed": knobs.seed, "scheduler": knobs.scheduler, "weights": source.weights, "step": source.step}
        if labels is not None:
            about["class_labels"] = labels.tolist()
        steps = sampling.denoise(
            predict_of(recipe, partial(models.answer, recipe.model, source.model.to(device)), labels),
            sampler_from_config(source.scheduler_config, knobs),
            knobs.num_inference_steps,
            sampling.initial_noise((knobs.num_images, *source.image_shape), knobs.seed, device),
            sampling.image_generators(knobs.seed, knobs.num_images),
            eta=knobs.eta,
        )
        for step in steps:
            yield _picture(step, about)
    except torch.OutOfMemoryError as error:
        raise DeviceError(
            f"{device} has too little memory left for this: take fewer images, or the device cpu"
        ) from error
    about |= {"device": str(device), "device_name": device_name(device), "seconds": time.monotonic() - started}
    yield Message({"kind": "result", **about})


def _check_guidance(recipe: Recipe) -> None:
    """Guidance that was asked for, and not only stands in the recipe, must be possible."""
    if recipe.sampling.guidance_scale != 1.0 and null_label(recipe) is None:
        raise RecipeError(
            "sampling.guidance_scale: this model knows no class for none, which guidance needs; train one with "
            "model.num_class_embeds and loss.class_dropout"
        )


def _labels(recipe: Recipe, asked: Sequence[str | int], count: int, device: torch.device) -> Tensor | None:
    """int64 (count,): those that are asked for, in turn; every class in turn where none is. None: unconditional."""
    if not asked:
        return labels_in_turn(recipe, count, device)
    known = real_classes(recipe)
    if not known:
        raise RecipeError("this model is unconditional: it takes no class label")
    chosen = [_label(recipe, label, known) for label in asked]
    return torch.tensor([chosen[place % len(chosen)] for place in range(count)], device=device)


def _label(recipe: Recipe, asked: str | int, known: int) -> int:
    """The class of that number, or of that name in the recipe's dataset."""
    if str(asked).isdigit():
        if int(asked) < known:
            return int(asked)
        raise RecipeError(f"there is no class {asked}: the model knows 0 to {known - 1}")
    names = _class_names(recipe)
    if str(asked) in names[:known]:
        return names.index(str(asked))
    listed = f"one of {', '.join(clean(name, 24) for name in names[:known][:12])}, or " if names else ""
    raise RecipeError(f"there is no class {clean(str(asked), 40)!r}: take {listed}a number from 0 to {known - 1}")


def _class_names(recipe: Recipe) -> tuple[str, ...]:
    """Of the dataset where it is at hand; a pipeline may have come without it."""
    try:
        images = load_cached(recipe.dataset)
    except LabError:
        return ()
    return images.classes if images is not None else ()


def _picture(step: sampling.DenoisingStep, about: dict[str, Any]) -> Message:
    pixels = step.panes()
    header = {
        "kind": "step",
        "index": step.index,
        "count": step.count,
        "timestep": step.timestep,
        "shape": list(pixels.shape),
        "panes": ["x_t", "x0"],
        "final": step.final,
        **about,
    }
    return Message(header, pixels.tobytes())
