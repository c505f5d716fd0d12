"""Operations of the workbench: what there is here, and exports. Each takes a request's header, yields its answers."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import diffusers
import psutil
import torch

from tui_lab.engine.devices import available_devices, device_name, free_memory
from tui_lab.engine.speed import speed_by_default
from tui_lab.models.checkpoints import find_weights
from tui_lab.models.export import export_pipeline, runs_in_ddpm_pipeline
from tui_lab.runs.folder import RunFolder
from tui_lab.workbench.wire import Message


def warm(_request: dict[str, Any]) -> Generator[Message, None, None]:
    """Whoever gets this answer knows that torch is loaded."""
    yield _result(torch=torch.__version__, diffusers=diffusers.__version__)


def devices(_request: dict[str, Any]) -> Generator[Message, None, None]:
    """The devices at hand, the one that "auto" takes first; memory in bytes."""
    yield _result(devices=[_device(torch.device(name)) for name in available_devices()])


def export(request: dict[str, Any]) -> Generator[Message, None, None]:
    """`run`: a run's id or path; `folder`: where to; `checkpoint`: a step, or None for the newest."""
    found = find_weights(RunFolder.open(request["run"]), request.get("checkpoint"))
    folder = Path(request["folder"]).absolute()
    export_pipeline(found.recipe, found.load(), folder)
    plain = runs_in_ddpm_pipeline(found.recipe)
    yield _result(folder=str(folder), step=found.step, weights=found.weights, pipeline=plain)


def _device(device: torch.device) -> dict[str, Any]:
    if device.type == "cuda":
        total = torch.cuda.mem_get_info(device)[1]
    elif device.type == "mps":
        total = torch.mps.recommended_max_memory()
    else:
        total = psutil.virtual_memory().total
    return {
        "name": str(device),
        "title": device_name(device),
        "free": free_memory(device),
        "total": total,
        "threads": torch.get_num_threads() if device.type == "cpu" else None,
        "speed": speed_by_default(device),
    }


def _result(**fields: Any) -> Message:
    return Message({"kind": "result", **fields})
