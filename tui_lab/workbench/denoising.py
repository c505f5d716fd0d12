"""Drawing pictures from what is trained: a `Denoising` in, each of its steps out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tui_lab.diffusion.sampling import BOTH, PANES, DenoisingStep
from tui_lab.engine.devices import device_name, resolve_device
from tui_lab.engine.drawing import Drawing, begin_drawing
from tui_lab.engine.versions import versions
from tui_lab.errors import DeviceError, WorkbenchError
from tui_lab.models.latents import LatentModel
from tui_lab.models.text_to_image import TextToImage
from tui_lab.pictures.origin import Origin
from tui_lab.recipe import recipe_hash
from tui_lab.recipe.denoising import parse_denoising
from tui_lab.workbench.priority import Priority
from tui_lab.workbench.sources import Source, Sources
from tui_lab.workbench.wire import Message

_sources = Sources()
_priority = Priority()


def denoise(request: dict[str, Any]) -> Generator[Message, None, None]:
    """A "step" for each model call, its panes as the blob. `denoising`: as JSON; `panes`: names; `device`.

    The first step's header has the `denoising` with all that was resolved, and its `origin`; the result has them too.
    """
    started = time.monotonic()
    panes = _known(request.get("panes") or BOTH)
    asked = parse_denoising(request["denoising"])
    device = resolve_device(request.get("device") or "auto")
    word = _priority.mind_runs(device)
    try:
        source = _sources.get(asked.source, asked.checkpoint, device)
        drawing = begin_drawing(
            asked, source.recipe, source.step, source.scheduler_config, source.sampler_model, device
        )
        steps = drawing.steps
        if isinstance(source.model, TextToImage):
            source.model.heed(asked.prompt, asked.negative_prompt)
        if isinstance(source.model, LatentModel):
            steps = source.model.seen(steps)
        about = {"denoising": drawing.resolved.to_json(), "origin": _origin(source, drawing, device).to_json()}
        first = {**about, "word": word}
        # One step behind a GPU, which makes the next one while a picture is on its way to the reader.
        behind = 1 if device.type == "cuda" else 0
        ready: deque[Callable[[], Message]] = deque()
        for step in steps:
            told = {"panes": panes, "at_once": min(drawing.in_parts.at_once, len(step.x0)), **first}
            ready.append(partial(_picture, step, step.panes_later(panes), told))
            first = {}
            if len(ready) > behind:
                yield ready.popleft()()
        for picture in ready:
            yield picture()
    except torch.OutOfMemoryError as error:
        raise DeviceError(
            f"{device} has too little memory left for this: take fewer images, or the device cpu"
        ) from error
    yield Message({"kind": "result", **about, "seconds": time.monotonic() - started})


def _known(panes: Sequence[str]) -> list[str]:
    if unknown := [name for name in panes if name not in PANES]:
        raise WorkbenchError(f"there is no pane {unknown[0]!r}: take of {', '.join(PANES)}")
    return list(panes)


def _origin(source: Source, drawing: Drawing, device: torch.device) -> Origin:
    return Origin(
        weights=source.weights,
        sha256=source.sha256,
        recipe_hash=recipe_hash(source.recipe),
        class_labels=None if drawing.labels is None else tuple(drawing.labels.tolist()),
        device=str(device),
        device_name=device_name(device),
        versions=versions(),
    )


def _picture(step: DenoisingStep, panes: Callable[[], NDArray[np.uint8]], told: dict[str, Any]) -> Message:
    pixels = panes()
    header = {
        "kind": "step",
        "index": step.index,
        "count": step.count,
        "timestep": step.timestep,
        "alpha": step.alpha,
        "sigma": step.sigma,
        "snr": step.snr,
        "rmse": step.rmse,
        "shape": list(pixels.shape),
        **told,
    }
    return Message(header, pixels.tobytes())
