"""What the workbench can be asked: each operation takes the request's header and yields its answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import diffusers
import psutil
import torch

from tui_lab import models
from tui_lab.diffusion import sampling
from tui_lab.diffusion.noise_schedulers import sampler_from_config
from tui_lab.engine.devices import available_devices, device_name, resolve_device
from tui_lab.errors import DeviceError
from tui_lab.models.checkpoints import find_weights
from tui_lab.models.export import export_pipeline
from tui_lab.recipe import parse_recipe, replaced
from tui_lab.runs.folder import RunFolder
from tui_lab.workbench.sources import load_source
from tui_lab.workbench.wire import Message

_KNOBS = ("scheduler", "num_inference_steps", "eta", "seed", "num_images")


def warm(_request: dict[str, Any]) -> Iterator[Message]:
    """Whoever gets this answer knows that torch is loaded."""
    yield _result(torch=torch.__version__, diffusers=diffusers.__version__)


def devices(_request: dict[str, Any]) -> Iterator[Message]:
    """The devices at hand, the one that "auto" takes first; memory in bytes, None where it cannot be told."""
    yield _result(devices=[_device(torch.device(name)) for name in available_devices()])


def summary(request: dict[str, Any]) -> Iterator[Message]:
    """`recipe`: its TOML."""
    found = models.summary(parse_recipe(request["recipe"], source="the recipe"))
    yield _result(parameters=found.parameters, blocks=[asdict(block) for block in found.blocks])


def export(request: dict[str, Any]) -> Iterator[Message]:
    """`run`: a run's id or path; `folder`: where to; `checkpoint`: a step, or None for the newest."""
    found = find_weights(RunFolder.open(request["run"]), request.get("checkpoint"))
    folder = Path(request["folder"]).absolute()
    export_pipeline(found.recipe, found.load(), folder)
    yield _result(folder=str(folder), step=found.step, weights=found.weights)


def sample(request: dict[str, Any]) -> Iterator[Message]:
    """Denoise: a "step" for each model call, with its two pictures as the blob. The fields: client.SampleRequest."""
    started = time.monotonic()
    device = resolve_device(request.get("device") or "auto")
    try:
        source = load_source(request["source"], request.get("checkpoint"))
        asked = {f"sampling.{name}": request[name] for name in _KNOBS if request.get(name) is not None}
        knobs = replaced(source.recipe, asked).sampling
        about = {"seed": knobs.seed, "scheduler": knobs.scheduler, "weights": source.weights, "step": source.step}
        unet = source.unet.to(device)
        steps = sampling.denoise(
            lambda x, t: unet(x, t).sample,
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
    yield _result(**about, device=str(device), device_name=device_name(device), seconds=time.monotonic() - started)


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


def _device(device: torch.device) -> dict[str, Any]:
    free: int | None = None
    total: int | None = None
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
    elif device.type == "mps":
        total = torch.mps.recommended_max_memory()
        free = total - torch.mps.driver_allocated_memory()
    else:
        memory = psutil.virtual_memory()
        free, total = memory.available, memory.total
    return {
        "name": str(device),
        "title": device_name(device),
        "free": free,
        "total": total,
        "threads": torch.get_num_threads() if device.type == "cpu" else None,
    }


def _result(**fields: Any) -> Message:
    return Message({"kind": "result", **fields})
