"""Drawing pictures from what is trained."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tui_lab.data.load import load_cached
from tui_lab.diffusion import sampling
from tui_lab.diffusion.in_parts import InParts
from tui_lab.diffusion.noise_schedulers import sampler_from_config
from tui_lab.engine.devices import device_name, resolve_device
from tui_lab.engine.labels import labels_in_turn, predict_of
from tui_lab.engine.precision import Precision, resolve_precision
from tui_lab.errors import DeviceError, LabError, RecipeError
from tui_lab.models.classes import null_label, real_classes
from tui_lab.models.sampler_model import SamplerModel
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
        model = source.model.to(device).eval().requires_grad_(False)
        in_parts = InParts(SamplerModel(recipe.model, model, sampling_precision(recipe, device)))
        steps = sampling.denoise(
            predict_of(recipe, in_parts, labels),
            sampler_from_config(source.scheduler_config, knobs),
            knobs.num_inference_steps,
            sampling.initial_noise((knobs.num_images, *source.image_shape), knobs.seed, device),
            sampling.image_generators(knobs.seed, knobs.num_images),
            eta=knobs.eta,
        )
        # One step behind a GPU, which makes the next one while a picture is on its way to the reader.
        behind = 1 if device.type == "cuda" else 0
        ready: deque[Callable[[], Message]] = deque()
        for step in steps:
            told = {**about, "at_once": min(in_parts.at_once, knobs.num_images)}
            ready.append(partial(_picture, step, step.panes_later(), told))
            if len(ready) > behind:
                yield ready.popleft()()
        for picture in ready:
            yield picture()
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


def sampling_precision(recipe: Recipe, device: torch.device) -> Precision:
    """That in which the model was trained, or what this device has in its place."""
    try:
        return resolve_precision(recipe.training.mixed_precision, device)
    except DeviceError:
        return resolve_precision("auto", device)


def _picture(step: sampling.DenoisingStep, panes: Callable[[], NDArray[np.uint8]], about: dict[str, Any]) -> Message:
    pixels = panes()
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
